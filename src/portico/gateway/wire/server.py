"""The listening side: one Connection per client, parsed by llhttp in strict mode, answered in order.

A connection owns its exchanges; only the oldest may write. A pipelined exchange waits with what was already parsed, and the
socket is not read while one waits, so a client cannot make us hold more than one read's worth.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

import httptools

from portico.gateway.wire.head import FORBIDDEN_TRAILERS, Head, Header, examine

if TYPE_CHECKING:
    from portico.gateway.wire.exchange import Exchange

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class WireLimits(Protocol):
    """Bounds of what a client may send and how slowly; seconds and bytes."""

    @property
    def header_timeout_s(self) -> float: ...
    @property
    def idle_timeout_s(self) -> float: ...
    @property
    def max_header_bytes(self) -> int: ...
    @property
    def max_header_count(self) -> int: ...
    @property
    def max_query_bytes(self) -> int: ...


class Door(Protocol):
    """What the wire needs from the gateway behind it."""

    connections: "set[Connection]"

    @property
    def limits(self) -> WireLimits: ...
    @property
    def draining(self) -> bool: ...
    @property
    def full(self) -> bool: ...

    def open_exchange(self, connection: "Connection", head: Head) -> "Exchange": ...

    def refuse_head(self, connection: "Connection", code: str, message: str) -> bytes: ...


class Connection(asyncio.Protocol):
    """States: idle (no exchange) · head (bytes of a head seen) · exchange(s) under way · tunnel · closing."""

    __slots__ = (
        "_door",
        "_exchanges",
        "_head_bytes",
        "_header_count",
        "_headers",
        "_in_head",
        "_parser",
        "_paused_for_pipeline",
        "_paused_for_upstream",
        "_receiving",
        "_refused",
        "_url",
        "_wants_no_more",
        "address",
        "deadline",
        "peer_closed",
        "received_ns",
        "transport",
        "tunnel",
        "writable",
    )

    def __init__(self, door: Door) -> None:
        self._door = door
        self._parser = httptools.HttpRequestParser(self)
        self._exchanges: deque[Exchange] = deque()
        self._receiving: Exchange | None = None
        self._url = b""
        self._headers: list[Header] = []
        self._header_count = self._head_bytes = 0
        self._in_head = self._refused = self._wants_no_more = self.peer_closed = False
        self._paused_for_pipeline = self._paused_for_upstream = False
        self.writable = True
        self.tunnel: asyncio.Protocol | None = None
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.address = ""
        self.deadline = 0.0
        self.received_ns = 0

    # -- the socket ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else ""
        self.deadline = time.monotonic() + self._door.limits.header_timeout_s
        if self._door.full:
            # Without a word: an answer would cost what the bound is there to save.
            self.transport.abort()
            return
        self._door.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.connections.discard(self)
        if self.tunnel is not None:
            self.tunnel.connection_lost(exc)
        for exchange in tuple(self._exchanges):
            exchange.client_gone()
        self._exchanges.clear()

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.data_received(data)
            return
        if self._refused or self._wants_no_more:
            return
        self.received_ns = time.perf_counter_ns()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade_seen(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._malformed(error)
        else:
            self._watch_head_size(len(data))

    def eof_received(self) -> bool:
        """A half-closed client still gets its answer; one that says nothing more and waits for nothing is done."""
        if self.tunnel is not None:
            self.tunnel.eof_received()
            return True
        self.peer_closed = self._wants_no_more = True
        if self._receiving is not None and not self._receiving.received:
            self._receiving.client_gone()
            return False
        return bool(self._exchanges)

    def pause_writing(self) -> None:
        self.writable = False
        if self.tunnel is not None:
            self.tunnel.pause_writing()
        elif self._exchanges:
            self._exchanges[0].client_is_slow()

    def resume_writing(self) -> None:
        self.writable = True
        if self.tunnel is not None:
            self.tunnel.resume_writing()
        elif self._exchanges:
            self._exchanges[0].client_is_ready()

    # -- llhttp's callbacks: they must not raise ------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url, self._headers, self._header_count, self._head_bytes = b"", [], 0, 0
        self._in_head, self._receiving = True, None

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._headers.append((name, value))
            self._header_count += 1
            self._head_bytes += len(name) + len(value) + 4
        elif self._receiving is not None and name.lower() not in FORBIDDEN_TRAILERS:
            self._receiving.trailers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._refused:
            return
        parser = self._parser
        version = parser.get_http_version()
        head = Head(
            parser.get_method(),
            self._url,
            self._headers,
            http10=version == "1.0",
            keep_alive=parser.should_keep_alive(),
        )
        refusal = self._too_much(head, version) or examine(head, wants_upgrade=parser.should_upgrade())
        if refusal is not None:
            self._refuse(*refusal)
            return
        exchange = self._door.open_exchange(self, head)
        self._receiving = exchange
        self._exchanges.append(exchange)
        if not head.keep_alive:
            self._wants_no_more = True
        if len(self._exchanges) == 1:
            exchange.begin()
        elif not self._paused_for_pipeline:
            self._paused_for_pipeline = True
            self._pause()

    def on_body(self, body: bytes) -> None:
        if self._receiving is not None:
            self._receiving.body_received(body)

    def on_message_complete(self) -> None:
        if self._receiving is not None and not self._refused:
            self._receiving.body_ended()

    # -- for exchanges ----------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def send_continue(self) -> None:
        self.transport.write(CONTINUE)

    def pause_reading(self) -> None:
        """The service takes the body more slowly than the client sends it."""
        self._paused_for_upstream = True
        self._pause()

    def resume_reading(self) -> None:
        self._paused_for_upstream = False
        self._resume()

    def finished(self, exchange: "Exchange", *, keep: bool) -> None:
        """The oldest exchange is answered; its client may go on, or the connection ends."""
        if not self._exchanges or self._exchanges[0] is not exchange:
            return
        self._exchanges.popleft()
        if not keep or not exchange.head.keep_alive or (self._door.draining and not self._exchanges):
            self.close()
            return
        if self._exchanges:
            self._exchanges[0].begin()
            return
        if self.peer_closed:
            self.close()
            return
        self.deadline = time.monotonic() + self._door.limits.idle_timeout_s
        if self._paused_for_pipeline:
            self._paused_for_pipeline = False
            self._resume()

    def start_tunnel(self, tunnel: asyncio.Protocol) -> None:
        self.tunnel = tunnel
        self.deadline = 0.0

    def close(self) -> None:
        if not self.transport.is_closing():
            self._wants_no_more = True
            self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    @property
    def idle(self) -> bool:
        return not self._exchanges and self.tunnel is None

    def overdue(self, now: float) -> bool:
        """True when the current deadline has passed; the sweep asks. 0 means there is none."""
        return 0.0 < self.deadline < now

    def expire(self) -> None:
        """Too slow a head gets the envelope, an idle connection is just closed, a stalled exchange is told."""
        if self._exchanges:
            self._exchanges[0].client_stalled()
        elif self._in_head and not self._refused:
            self._refuse("BAD_REQUEST", "The request head did not arrive in time.")
        else:
            self.close()

    # -- inside ---------------------------------------------------------------------------------------------------------------

    def _watch_head_size(self, received: int) -> None:
        """While a head is incomplete llhttp buffers it, so the bound has to be watched from outside."""
        if not self._in_head:
            return
        self._head_bytes += received
        limits = self._door.limits
        if self._head_bytes > limits.max_header_bytes + limits.max_query_bytes + 4096:
            self._refuse("HEADERS_TOO_LARGE", f"The request head is larger than {limits.max_header_bytes} bytes.")
        elif self.idle:
            self.deadline = min(self.deadline, time.monotonic() + limits.header_timeout_s)

    def _too_much(self, head: Head, version: str) -> tuple[str, str] | None:
        limits = self._door.limits
        if version not in {"1.1", "1.0"}:
            return "BAD_REQUEST", "Only HTTP/1.1 and HTTP/1.0 are spoken here."
        if self._header_count > limits.max_header_count:
            return "HEADERS_TOO_LARGE", f"More than {limits.max_header_count} headers were sent."
        if self._head_bytes > limits.max_header_bytes:
            return "HEADERS_TOO_LARGE", f"The headers are larger than {limits.max_header_bytes} bytes."
        if len(head.query) > limits.max_query_bytes:
            return "QUERY_TOO_LONG", f"The query string is longer than {limits.max_query_bytes} bytes."
        if len(head.path) > limits.max_header_bytes:
            return "QUERY_TOO_LONG", "The path is too long."
        return None

    def _upgrade_seen(self, rest: bytes) -> None:
        """The parser stops at an upgrade. One we do not follow is answered as a plain request, and then we close."""
        self._wants_no_more = True
        exchange = self._receiving
        if exchange is None:
            return
        if exchange.head.upgrade:
            exchange.early_tunnel_data = rest
        else:
            exchange.head.keep_alive = False

    def _malformed(self, error: httptools.HttpParserError) -> None:
        if self._wants_no_more:
            # llhttp complains about bytes after `Connection: close`; they are simply not read.
            return
        exchange = self._receiving
        if exchange is not None and not exchange.received:
            self._wants_no_more = True
            exchange.body_malformed()
            return
        self._refuse("BAD_REQUEST", f"The request is malformed: {_cause(error)}.")

    def _refuse(self, code: str, message: str) -> None:
        """Answer a head we cannot accept. If older exchanges still run they come first, and this one just closes."""
        self._refused = self._wants_no_more = True
        if self._exchanges:
            self._exchanges[-1].head.keep_alive = False
            return
        self.transport.write(self._door.refuse_head(self, code, message))
        self.close()

    def _pause(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def _resume(self) -> None:
        if not (self._paused_for_pipeline or self._paused_for_upstream or self.transport.is_closing()):
            self.transport.resume_reading()


def _cause(error: httptools.HttpParserError) -> str:
    text = str(error.args[0]) if error.args else "not HTTP"
    return text.rstrip(".").lower() if text.isprintable() else "not HTTP"
