"""The way to the control process: management API, web client and browser sockets, over a local socket, ungoverned.

Control authenticates by itself. What happens here is only what a door owes: the client's true address, and a limit on
strangers.
"""

import asyncio
import time
from pathlib import Path

from portico.gateway.gate import Gate
from portico.gateway.refusals import BodyTooLarge, MalformedRequest, NotReady, TooManyWaiting, envelope
from portico.gateway.relay import Relay, Sender
from portico.gateway.wire.exchange import Exchange
from portico.gateway.wire.head import HOP_BY_HOP, Head, Header, connection_options
from portico.gateway.wire.upstream import Address, Pool, UpstreamBroken, UpstreamConnection, UpstreamTimedOut
from portico.kernel.errors import Refusal
from portico.platform.handover import hand_over

_SAID_BY_US = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"forwarded", b"expect", b"x-real-ip", b"x-portico-address"}
)
ANSWER_S = 60.0
# Where browser sockets are asked for, and where control takes them over: beside the socket that it listens on.
SOCKETS_PATH = b"/ws"
SOCKETS_LANDING = "sockets.sock"


class ControlUnreachable(NotReady):
    pass


class InsideCall(Sender):
    """Handler, listener and owner in one: there is one target, no retry and nothing to settle."""

    __slots__ = (
        "_correlation_id",
        "_done",
        "_gate",
        "_pool",
        "_relay",
        "_traceparent",
        "address",
        "exchange",
        "max_body_bytes",
    )

    def __init__(self, gate: Gate, pool: Pool, address: str, correlation_id: str, traceparent: bytes) -> None:
        super().__init__()
        self._gate, self._pool, self.address = gate, pool, address
        self._correlation_id, self._traceparent = correlation_id, traceparent
        self.max_body_bytes = gate.limits.max_body_bytes
        self.exchange: Exchange = None  # type: ignore[assignment]
        self._relay: Relay = None  # type: ignore[assignment]
        self._done = False

    # -- Handler --------------------------------------------------------------------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._relay = Relay(self, exchange)
        self._relay.sender = self
        try:
            if is_stranger(exchange.head):
                self._gate.take_anonymous(self.address)
            self._connect()
        except Refusal as refusal:
            self._refuse(refusal)

    def _connect(self) -> None:
        connection = self._pool.take_idle(time.monotonic())
        if connection is not None:
            self._connected(connection)
        elif self._pool.full:
            raise TooManyWaiting("portico")
        else:
            self._pool.connect(self._locate, 5.0, self._connected, self.answer_broken)

    async def _locate(self) -> Address:
        return Address("", 0, path=self._pool.url)

    def _connected(self, connection: UpstreamConnection) -> None:
        if self.finished:
            connection.drop()
            return
        self.connection = connection
        head = self.exchange.head
        connection.take(self, head_request=head.method == b"HEAD", deadline=time.monotonic() + ANSWER_S)
        connection.send(self._request_head(head))
        self.exchange.stream_body(self)

    def _request_head(self, head: Head) -> bytes:
        named = connection_options(head.get(b"connection"))
        lines = [b"%b %b HTTP/1.1\r\n" % (head.method, head.target)]
        for name, value in head.headers:
            low = name.lower()
            if low in HOP_BY_HOP or low in _SAID_BY_US or low in named or low in {b"x-request-id", b"traceparent"}:
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        lines.append(b"X-Portico-Address: %b\r\n" % (self.address.encode() or b"local"))
        lines.append(b"X-Request-Id: %b\r\ntraceparent: %b\r\n" % (self._correlation_id.encode(), self._traceparent))
        if head.upgrade:
            lines.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
        if head.chunked:
            lines.append(b"Transfer-Encoding: chunked\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def body_collected(self, body: bytes) -> None:
        """Never: bodies are passed on as they come."""

    def body_too_large(self) -> None:
        self._refuse(BodyTooLarge(self.max_body_bytes))

    def body_broken(self) -> None:
        self._refuse(MalformedRequest("The body's framing is malformed."))

    def client_gone(self) -> None:
        self._stop()

    def client_is_slow(self) -> None:
        self._relay.client_is_slow()

    def client_is_ready(self) -> None:
        self._relay.client_is_ready()

    def client_stalled(self) -> None:
        self._refuse(MalformedRequest("The body did not arrive in time."))

    # -- BodySink ---------------------------------------------------------------------------------------------------------------------------

    def send_body(self, chunk: bytes) -> None:
        if self.connection is None:
            return
        self.connection.deadline = time.monotonic() + ANSWER_S
        self.connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self.exchange.head.chunked else chunk)

    def end_body(self, trailers: list[Header]) -> None:
        if self.connection is None:
            return
        if self.exchange.head.chunked:
            self.connection.send(b"0\r\n\r\n")
        self.connection.request_done()

    # -- Listener until the head, then the relay ------------------------------------------------------------------------------------------------

    def answer_head(self, status: int, headers: list[Header], length: int | None, *, bodiless: bool) -> None:
        if self.connection is not None:
            self.connection.listener = self._relay
        self._relay.answer_head(status, headers, length, bodiless=bodiless)

    def answer_body(self, chunk: bytes) -> None:
        """Never: a head comes first."""

    def answer_end(self, trailers: list[Header]) -> None:
        """Never, for the same reason."""

    def answer_broken(self, error: UpstreamBroken) -> None:
        self.connection = None
        if self.finished:
            return
        slow = isinstance(error, UpstreamTimedOut)
        self._refuse(
            ControlUnreachable(
                "Portico's control process did not answer in time."
                if slow
                else "Portico's control process is starting or restarting."
            )
        )

    def answer_paused(self) -> None:
        """Nothing of an answer is held here."""

    def upgraded(self, headers: list[Header], rest: bytes) -> None:
        if not self.exchange.head.upgrade:
            self._refuse(ControlUnreachable("Portico's control process switched protocols without being asked to."))
            return
        self._relay.upgraded(headers, rest)

    def service_is_slow(self) -> None:
        self._relay.service_is_slow()

    def service_is_ready(self) -> None:
        self._relay.service_is_ready()

    # -- RelayOwner -----------------------------------------------------------------------------------------------------------------------------------

    def answer_lines(self, status: int) -> bytes:
        return b"X-Request-Id: %b\r\ntraceparent: %b\r\n" % (self._correlation_id.encode(), self._traceparent)

    def relay_failed(self, refusal: Refusal, *, started: bool) -> None:
        self._refuse(refusal)

    def relay_ended(self) -> None:
        self._done = True

    def _stop(self) -> None:
        self.finished = self._done = True
        if self.connection is not None and self.connection.listener is not None:
            self.connection.drop()

    def _refuse(self, refusal: Refusal) -> None:
        if self._done:
            return
        self._stop()
        if self.exchange.answer_started:
            self.exchange.break_answer()
            return
        headers: list[Header] = [
            (b"Content-Type", b"application/json"),
            (b"X-Request-Id", self._correlation_id.encode()),
        ]
        if refusal.retry_after_s is not None:
            headers.append((b"Retry-After", b"%d" % max(1, int(refusal.retry_after_s + 0.999))))
        path = self.exchange.head.path.decode("latin-1")
        self.exchange.answer(
            refusal.row.status, headers, envelope(refusal, self._correlation_id, path, self._traceparent[3:35].decode())
        )


class SocketCall(InsideCall):
    """A browser socket: control gets the client's connection itself, so that what follows for hours costs nothing here."""

    __slots__ = ()

    def _connect(self) -> None:
        # Not before this read is over: what the client sent behind its handshake goes with it.
        asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        transport = self.exchange.connection.transport
        if self.finished or transport.is_closing():
            return
        try:
            if transport.get_write_buffer_size():
                # An earlier answer is still on its way out, and nothing may overtake it: this one goes through us.
                super()._connect()
            else:
                self._hand_over()
        except Refusal as refusal:
            self._refuse(refusal)

    def _hand_over(self) -> None:
        exchange = self.exchange
        descriptor = exchange.connection.transport.get_extra_info("socket").fileno()
        landing = str(Path(self._pool.url).with_name(SOCKETS_LANDING))
        try:
            hand_over(landing, descriptor, self._request_head(exchange.head) + exchange.early_tunnel_data)
        except OSError:
            raise ControlUnreachable("Portico's control process is starting or restarting.") from None
        self.finished = self._done = exchange.finished = True
        self._relay.let_go()
        # Only our end of it: the connection lives on.
        exchange.connection.abort()


def is_stranger(head: Head) -> bool:
    """API traffic without a credential; the web client's files and health checks are free."""
    api = head.path.startswith(b"/api/") or b"%" in head.path[:10]
    return api and b"authorization" not in head.lowered
