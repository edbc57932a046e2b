"""Stage 6: to the client. Copies the answer, counts it, keeps both sides at the pace of the slower one.

After the first byte an error can no longer be a status: a model stream gets an error event, anything else ends early.
"""

import time
from collections.abc import Callable
from typing import Protocol

from portico.gateway.call import Meter
from portico.gateway.dialects.translate_call import Translation
from portico.gateway.dialects.translate_chat import AnswerUntranslatable
from portico.gateway.wire.exchange import Exchange
from portico.gateway.wire.head import HOP_BY_HOP, Header, connection_options, status_line
from portico.gateway.wire.tunnel import Tunnel, join_tunnels
from portico.gateway.wire.upstream import UpstreamBroken, UpstreamConnection
from portico.kernel.errors import Refusal


class RelayOwner(Protocol):
    """Who is told how the answer went: the governed call."""

    def answer_lines(self, status: int) -> bytes:
        """Our own header lines for an answer that is passed on."""
        ...

    def relay_failed(self, refusal: Refusal, *, started: bool) -> None: ...

    def relay_ended(self) -> None: ...


class Sender:
    """Who sends the request: the relay asks it which connection the answer comes from, and tells it when all is over."""

    __slots__ = ("connection", "finished")

    def __init__(self) -> None:
        self.connection: UpstreamConnection | None = None
        self.finished = False

    def answer_broken(self, error: UpstreamBroken) -> None:
        raise NotImplementedError


class Relay:
    """Hears the upstream connection once its head was accepted."""

    __slots__ = (
        "_held",
        "_meter",
        "_on_whole_body",
        "_owner",
        "_translation",
        "_tunnel",
        "_whole",
        "bytes_in",
        "bytes_out",
        "exchange",
        "first_byte_ns",
        "headers",
        "last_data_ns",
        "sender",
        "status",
        "streamed",
    )

    def __init__(self, owner: RelayOwner, exchange: Exchange) -> None:
        self._owner, self.exchange = owner, exchange
        self.sender: Sender | None = None
        self._meter: Meter | None = None
        self._translation: Translation | None = None
        # The head of an answer that waits until its body is whole.
        self._held: list[bytes] | None = None
        self._whole: list[bytes] | None = None
        self._on_whole_body: Callable[[bytes], None] | None = None
        self._tunnel: Tunnel | None = None
        self.status = 0
        self.headers: list[Header] = []
        self.bytes_in = self.bytes_out = 0
        self.first_byte_ns = self.last_data_ns = 0
        self.streamed = False

    def meter_with(self, meter: Meter) -> None:
        self._meter = meter

    def translate_with(self, translation: Translation, meter: Meter) -> None:
        self._translation, self._meter = translation, meter

    def keep_whole_body(self) -> None:
        """Remember the answer for a cache, up to a bound."""
        self._whole = []

    @property
    def whole_body(self) -> bytes | None:
        return None if self._whole is None else b"".join(self._whole)

    def let_go(self) -> None:
        """All is said: sender and relay know each other, and would otherwise wait for the garbage collector."""
        self.sender = None

    @property
    def _connection(self) -> UpstreamConnection | None:
        return None if self.sender is None else self.sender.connection

    def _sender_is_done(self) -> None:
        if self.sender is not None:
            self.sender.finished = True

    # -- from the service ------------------------------------------------------------------------------------------------------------

    def answer_head(self, status: int, headers: list[Header], length: int | None, *, bodiless: bool) -> None:
        connection = self._connection
        self.first_byte_ns = self.last_data_ns = connection.received_ns if connection is not None else 0
        translation = self._translation
        if translation is not None:
            headers = translation.head(status, headers)
        self.status, self.headers = status, headers
        named = _NOTHING
        lines = [status_line(status)]
        for name, value in headers:
            low = name.lower()
            if low == b"connection":
                named |= connection_options(value)
            if low in STOPPED:
                continue
            if low == b"content-type" and value.startswith(b"text/event-stream"):
                self.streamed = True
            lines.append(b"%b: %b\r\n" % (name, value))
        if named:
            lines = [line for line in lines if line.partition(b":")[0].lower() not in named]
        lines.append(self._owner.answer_lines(status))
        if translation is not None and translation.holds:
            self._held = lines
            return
        if self._meter is not None and self.streamed:
            # The meter may hold back an event the client did not ask for, so the service's length would be wrong.
            length = None
        self.exchange.start_answer(lines, length=length, bodiless=bodiless)

    def answer_body(self, chunk: bytes) -> None:
        connection = self._connection
        if connection is not None:
            self.last_data_ns = connection.received_ns
            connection.deadline = connection.received_ns * 1e-9 + STALL_S
        if self._meter is not None:
            try:
                chunk = self._meter.feed(chunk)
            except AnswerUntranslatable as broke:
                self._translation_broke(broke)
                return
            if not chunk:
                return
        if self._whole is not None:
            self._whole.append(chunk)
            if self.bytes_out > MOST_KEPT_BYTES:
                self._whole = None
        self.bytes_out += len(chunk)
        self.exchange.write(chunk)

    def answer_end(self, trailers: list[Header]) -> None:
        try:
            self._flush_meter()
            if self._held is not None:
                self._answer_held(self._held)
        except AnswerUntranslatable as broke:
            self._translation_broke(broke)
            return
        self._sender_is_done()
        self.exchange.end_answer(trailers)
        self._owner.relay_ended()

    def answer_broken(self, error: UpstreamBroken) -> None:
        if self.sender is not None:
            self.sender.answer_broken(error)

    def answer_paused(self) -> None:
        self.exchange.flush()

    def failed(self, refusal: Refusal) -> None:
        self._sender_is_done()
        self._owner.relay_failed(refusal, started=self.exchange.answer_started)

    def upgraded(self, headers: list[Header], rest: bytes) -> None:
        """101: from now on both sides are raw bytes until one of them closes."""
        upstream = self._connection
        if upstream is None:
            return
        self.status = 101
        self.first_byte_ns = self.last_data_ns = upstream.received_ns
        lines = [
            status_line(101),
            *(b"%b: %b\r\n" % header for header in headers if header[0].lower() not in NOT_IN_A_SWITCH),
            self._owner.answer_lines(101),
            b"\r\n",
        ]
        self.exchange.answer_started = True
        client = self.exchange.connection
        client.write(b"".join(lines) + rest)
        upstream.listener = None
        self._tunnel = join_tunnels(client, upstream, self._tunnel_ended)
        if self.exchange.early_tunnel_data:
            upstream.send(self.exchange.early_tunnel_data)

    def _tunnel_ended(self, sent: int, received: int) -> None:
        self.bytes_in, self.bytes_out = sent, received
        self.last_data_ns = time.monotonic_ns()
        self._sender_is_done()
        self.exchange.finished = True
        self._owner.relay_ended()

    def _answer_held(self, lines: list[bytes]) -> None:
        assert self._translation is not None  # noqa: S101
        body = self._translation.whole(self.status)
        lines[0] = status_line(self._translation.said_status(self.status))
        if self._whole is not None and len(body) <= MOST_KEPT_BYTES:
            self._whole.append(body)
        else:
            self._whole = None
        self.bytes_out = len(body)
        self.exchange.start_answer(lines, length=len(body), bodiless=False)
        self.exchange.write(body)

    def _translation_broke(self, broke: AnswerUntranslatable) -> None:
        """What came before still goes out; a client that has nothing yet is told with a status."""
        if broke.written:
            self.bytes_out += len(broke.written)
            self.exchange.write(broke.written)
        if not self.exchange.answer_started:
            self.status = broke.row.status
        self.failed(broke)

    def _flush_meter(self) -> None:
        if self._meter is None:
            return
        rest = self._meter.finish()
        if rest:
            self.bytes_out += len(rest)
            self.exchange.write(rest)

    # -- pace ----------------------------------------------------------------------------------------------------------------------------

    def service_is_slow(self) -> None:
        self.exchange.connection.pause_reading()

    def service_is_ready(self) -> None:
        self.exchange.connection.resume_reading()

    def client_is_slow(self) -> None:
        connection = self._connection
        if connection is not None:
            # While the client does not read, the silence of the service is our doing: no deadline runs for it, but one for the client.
            connection.deadline = 0.0
            connection.pause_reading()
            self.exchange.connection.deadline = time.monotonic() + STALL_S

    def client_is_ready(self) -> None:
        self.exchange.connection.deadline = 0.0
        connection = self._connection
        if connection is not None:
            connection.deadline = time.monotonic() + STALL_S
            connection.resume_reading()


SAID_BY_US = frozenset(
    {
        b"x-request-id",
        b"traceparent",
        b"x-portico-call",
        b"x-portico-origin",
        b"x-portico-cost-microusd",
        b"x-portico-model",
    }
)
STOPPED = HOP_BY_HOP | SAID_BY_US | {b"content-length"}
NOT_IN_A_SWITCH = STOPPED - {b"connection", b"upgrade"}
_NOTHING: frozenset[bytes] = frozenset()
MOST_KEPT_BYTES = 1024 * 1024
# Longest silence inside an answer; set once from the settings at start.
STALL_S = 300.0
