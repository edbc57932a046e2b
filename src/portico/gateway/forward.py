"""Stage 5: to the service. Attempts until the first byte of an answer that we pass on; afterwards there is no second try."""

import asyncio
import random
import time
from collections.abc import Callable

from portico.gateway.breaker import Breaker
from portico.gateway.call import RoutedCall
from portico.gateway.gate import Gate
from portico.gateway.refusals import (
    EgressRefusedHere,
    TooManyWaiting,
    UpstreamBrokenRefusal,
    UpstreamTimeout,
    UpstreamUnreachableRefusal,
)
from portico.gateway.relay import Relay, Sender
from portico.gateway.route import breaker_open
from portico.gateway.view import Target
from portico.gateway.wire.head import (
    HOP_BY_HOP,
    IDEMPOTENT,
    SAID_BY_US_UPSTREAM,
    Header,
    connection_options,
    in_every_spelling,
)
from portico.gateway.wire.upstream import (
    EgressBlocked,
    UpstreamBroken,
    UpstreamConnection,
    UpstreamTimedOut,
    UpstreamUnreachable,
)
from portico.kernel.errors import Refusal

RETRY_STATUSES = frozenset({502, 503, 504})
FIRST_PAUSE_S = 0.05
# A streamed body can be sent again only while all of it so far is still here.
REPLAY_BYTES = 64 * 1024


class Forward(Sender):
    """One call's attempts. Hears the upstream connection until an answer's head is accepted, then hands it to the relay."""

    __slots__ = (
        "_attached",
        "_breaker",
        "_fresh",
        "_gate",
        "_head_tail",
        "_is_probe",
        "_left",
        "_sent",
        "_sent_bytes",
        "_sent_end",
        "_timeout_s",
        "_timer",
        "attempts",
        "away_ns",
        "left_ns",
        "relay",
        "routed",
        "sent_ns",
        "target",
        "turned_down",
    )

    def __init__(self, gate: Gate, routed: RoutedCall, relay: Relay) -> None:
        super().__init__()
        entry = routed.admitted.service.entry
        self._gate, self.routed, self.relay = gate, routed, relay
        self._timeout_s = entry.timeout_s or gate.limits.request_timeout_s
        self._left = entry.max_retries + 1
        self._head_tail = request_head_tail(routed)
        self._sent: list[bytes] | None = []
        self._sent_bytes = 0
        self._sent_end = self._attached = self._fresh = self._is_probe = False
        self._breaker: Breaker | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Asked before an error of the service goes to the client: whether somebody else takes the call over.
        self.turned_down: Callable[[int], bool] | None = None
        self.attempts = 0
        self.target: Target = routed.targets[0]
        self.sent_ns = 0
        # Since when the call is away (connecting, with the service, or pausing), and how long it was before that.
        self.left_ns = self.away_ns = 0

    # -- attempts ------------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the next attempt.

        raises   BreakerOpen, TooManyWaiting (503): only before anything was sent
        """
        self._timer = None
        now = time.monotonic()
        self.target = target = self._next_target(now)
        self.attempts += 1
        self._left -= 1
        pool = self._gate.pool_of(target)
        connection = None if self._fresh else pool.take_idle(now)
        if connection is not None:
            self._connected(connection)
        elif pool.full:
            self._abandon_probe()
            raise TooManyWaiting(self.routed.admitted.service.entry.name)
        else:
            gate = self._gate
            self.left_ns = self.left_ns or time.monotonic_ns()
            pool.connect(lambda: gate.locator.locate(target), min(self._timeout_s, 10.0), self._connected, self._lost)

    def _next_target(self, now: float) -> Target:
        """The first whose breaker lets this attempt through, beginning after the one tried last."""
        targets = self.routed.targets
        if len(targets) == 1:
            only = self._gate.breaker_of(targets[0])
            if not only.admits(now):
                raise breaker_open(self.routed.admitted.service, [only], now)
            self._breaker = only
            self._is_probe = only.state == "half_open"
            return targets[0]
        start = self.attempts % len(targets)
        for target in (*targets[start:], *targets[:start]):
            breaker = self._gate.breakers.get(target.endpoint_id)
            if breaker is None or breaker.admits(now):
                self._breaker = self._gate.breaker_of(target)
                self._is_probe = self._breaker.state == "half_open"
                return target
        service = self.routed.admitted.service
        raise breaker_open(service, [self._gate.breaker_of(target) for target in targets], now)

    def _connected(self, connection: UpstreamConnection) -> None:
        if self.finished:
            connection.drop()
            return
        self.connection = connection
        if self.left_ns:
            self.away_ns += time.monotonic_ns() - self.left_ns
        raw = self.routed.admitted.known.raw
        connection.take(self, head_request=raw.head.method == b"HEAD")
        head = request_line(raw.head.method, self.target, raw.upstream_path) + self._head_tail
        if raw.body is not None:
            connection.send(head + raw.body)
            connection.request_done()
            self._left_at(connection, time.monotonic_ns())
            return
        connection.send(head)
        self._left_at(connection, time.monotonic_ns())
        if self._attached:
            self._send_again()
        else:
            self._attached = True
            self.relay.exchange.stream_body(self)

    def _left_at(self, connection: UpstreamConnection, now_ns: int) -> None:
        self.sent_ns = self.left_ns = now_ns
        connection.deadline = now_ns * 1e-9 + self._timeout_s

    def _send_again(self) -> None:
        # The one before may have gone while it was slow.
        self.relay.exchange.connection.resume_reading()
        for chunk in self._sent or ():
            self._frame(chunk)
        if self._sent_end:
            self.end_body([])

    # -- the request's body, streamed ---------------------------------------------------------------------------------------------------

    def send_body(self, chunk: bytes) -> None:
        if self._sent is not None:
            self._sent_bytes += len(chunk)
            if self._sent_bytes > REPLAY_BYTES:
                self._sent = None
            else:
                self._sent.append(chunk)
        self.relay.bytes_in += len(chunk)
        self._frame(chunk)

    def _frame(self, chunk: bytes) -> None:
        connection = self.connection
        if connection is None:
            return
        connection.deadline = time.monotonic() + self._timeout_s
        if self.routed.admitted.known.raw.head.chunked:
            connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            connection.send(chunk)

    def end_body(self, trailers: list[Header]) -> None:
        self._sent_end = True
        if trailers:
            self._sent = None
        if self.connection is None:
            return
        if self.routed.admitted.known.raw.head.chunked:
            lines = b"".join([b"%b: %b\r\n" % trailer for trailer in trailers])
            self.connection.send(b"0\r\n%b\r\n" % lines)
        self.connection.request_done()

    # -- what the connection says until a head is accepted ----------------------------------------------------------------------------------

    def answer_head(self, status: int, headers: list[Header], length: int | None, *, bodiless: bool) -> None:
        connection = self.connection
        assert connection is not None  # noqa: S101
        if status >= 400:
            if status >= 500:
                self._failed_once()
                if status in RETRY_STATUSES and self._left > 0 and self._may_repeat(answered=True):
                    self.connection = None
                    connection.drop()
                    self._again()
                    return
            if self.turned_down is not None and self.turned_down(status):
                return
        now = connection.received_ns * 1e-9
        if status < 500 and self._breaker is not None and self._breaker.succeeded(now):
            self._gate.on_breaker_change()
        connection.deadline = now + self._gate.limits.stream_idle_timeout_s
        connection.listener = self.relay
        self.relay.answer_head(status, headers, length, bodiless=bodiless)

    def answer_body(self, chunk: bytes) -> None:
        """Never: a head comes first, and then the relay listens."""

    def answer_end(self, trailers: list[Header]) -> None:
        """Never, for the same reason."""

    def answer_broken(self, error: UpstreamBroken) -> None:
        self._lost(error)

    def answer_paused(self) -> None:
        """Nothing of an answer is held here."""

    def upgraded(self, headers: list[Header], rest: bytes) -> None:
        connection = self.connection
        if not self.routed.admitted.known.raw.head.upgrade and connection is not None:
            connection.drop()
            self._lost(UpstreamBroken("It switched protocols without being asked to.", any_bytes=True))
            return
        if self._breaker is not None:
            self._breaker.succeeded(time.monotonic())
        self.relay.upgraded(headers, rest)

    def service_is_slow(self) -> None:
        self.relay.service_is_slow()

    def service_is_ready(self) -> None:
        self.relay.service_is_ready()

    # -- ends ------------------------------------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """The client left or we refused: drop whatever is under way."""
        self.finished = True
        if self._timer is not None:
            self._timer.cancel()
        self._abandon_probe()
        if self.connection is not None and self.connection.listener in {self, self.relay}:
            self.connection.drop()

    def _lost(self, error: UpstreamBroken) -> None:
        connection, self.connection = self.connection, None
        if self.finished:
            return
        if self._was_stale(connection, error):
            self._fresh = True
            self._left += 1
            self._abandon_probe()
            self._retry()
            return
        refusal = _refusal_of(error, self.routed.admitted.service.entry.name)
        if self._fell_silent(error):
            self._abandon_probe()
        elif not isinstance(refusal, EgressRefusedHere):
            self._failed_once()
            if self._left > 0 and self._may_repeat(answered=False, unsent=isinstance(error, UpstreamUnreachable)):
                self._again()
                return
        self.relay.failed(refusal)

    def _fell_silent(self, error: UpstreamBroken) -> bool:
        """A stream of a tool server that stays open may have nothing to say: that tells nothing against the server."""
        mcp = self.routed.admitted.known.raw.dialect == "mcp"
        return mcp and self.relay.streamed and isinstance(error, UpstreamTimedOut)

    def _was_stale(self, connection: UpstreamConnection | None, error: UpstreamBroken) -> bool:
        """A kept connection that the service closed just as we used it tells nothing about the service: try a new one, once."""
        return (
            connection is not None
            and connection.reused
            and not self._fresh
            and not error.any_bytes
            and not isinstance(error, UpstreamTimedOut)
            and self._may_repeat(answered=self.routed.admitted.known.raw.is_model)
        )

    def _may_repeat(self, *, answered: bool, unsent: bool = False) -> bool:
        """Safe to try again? Never after a byte went to the client; else when nothing was sent or repeating changes nothing."""
        if self.relay.exchange.answer_started:
            return False
        raw = self.routed.admitted.known.raw
        if raw.body is None and self._sent is None:
            return False
        if unsent or raw.head.method in IDEMPOTENT:
            return True
        # A model call changes nothing at the service, and one that was answered 502..504 was not served.
        return answered and raw.is_model

    def _again(self) -> None:
        if self._attached:
            # The body waits at the client meanwhile: what is sent again must be all of it.
            self.relay.exchange.connection.pause_reading()
        pause_s = FIRST_PAUSE_S * 2 ** (self.attempts - 1) * random.uniform(0.5, 1.5)
        self._timer = asyncio.get_running_loop().call_later(pause_s, self._retry)

    def _retry(self) -> None:
        if self.finished:
            return
        try:
            self.start()
        except Refusal as refusal:
            self.relay.failed(refusal)

    def _failed_once(self) -> None:
        if self._breaker is not None and self._breaker.failed(time.monotonic()):
            self._gate.on_breaker_change()

    def _abandon_probe(self) -> None:
        if self._breaker is not None and self._is_probe and self._breaker.state == "half_open":
            self._breaker.abandoned()


def _refusal_of(error: UpstreamBroken, service: str) -> Refusal:
    if isinstance(error, UpstreamTimedOut):
        return UpstreamTimeout(f"The service {service!r} did not answer in time.")
    if isinstance(error, EgressBlocked):
        return EgressRefusedHere(f"The service {service!r} may not be called: {error}")
    if isinstance(error, UpstreamUnreachable):
        return UpstreamUnreachableRefusal(f"The service {service!r} could not be reached. {error}")
    return UpstreamBrokenRefusal(f"The answer of the service {service!r} broke off. {error}")


def request_line(method: bytes, target: Target, path: bytes) -> bytes:
    return b"%b %b%b HTTP/1.1\r\nHost: %b\r\n" % (method, target.base_path, path, target.host_header)


def request_head_tail(routed: RoutedCall) -> bytes:
    """All lines of the request's head after Host, with the blank line: the same for every attempt."""
    admitted = routed.admitted
    raw, service = admitted.known.raw, admitted.service
    head = raw.head
    hidden = service.credential_name
    named = connection_options(head.lowered.get(b"connection"))
    stopped = STOPPED_IN_MODEL_CALLS if raw.is_model else STOPPED
    lines: list[bytes] = []
    for name, value in head.headers:
        low = name.lower()
        if low not in stopped and low != hidden and low not in named:
            lines.append(b"%b: %b\r\n" % (name, value))
    lines.append(service.credential_header)
    lines.append(b"X-Request-Id: %b\r\ntraceparent: %b\r\n" % (raw.correlation_id.encode(), raw.traceparent))
    if raw.address:
        lines.append(b"X-Forwarded-For: %b\r\n" % raw.address.encode())
    if raw.is_model:
        # Usage is read from the answer, so it has to come in the clear.
        lines.append(b"Accept-Encoding: identity\r\n")
    if head.upgrade:
        lines.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
    if raw.body is not None and (raw.body or head.has_body):
        lines.append(b"Content-Length: %d\r\n" % len(raw.body))
    elif raw.body is None and head.chunked:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    elif raw.body is None and b"content-length" in head.lowered:
        lines.append(b"Content-Length: %d\r\n" % head.content_length)
    lines.append(b"\r\n")
    return b"".join(lines)


# Headers that speak to Portico and end here.
OUR_KEYS = frozenset(
    {
        b"x-api-key",
        b"api-key",
        b"x-portico-version",
        b"idempotency-key",
        b"x-portico-call",
        b"x-portico-task",
        b"x-portico-prefer",
    }
)
STOPPED = HOP_BY_HOP | SAID_BY_US_UPSTREAM | in_every_spelling(OUR_KEYS)
STOPPED_IN_MODEL_CALLS = STOPPED | {b"accept-encoding"}
