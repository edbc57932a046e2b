"""The listening side: one Connection per client, parsed by llhttp in strict mode, answered in order.

A connection owns its exchanges; only the oldest may write. A pipelined exchange waits with what was already parsed, and the
socket is not read while one waits, so a client cannot make us hold more than one read's worth. A refusal of the wire waits
for its turn like any other answer, and is the last thing said.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

import httptools
import structlog

from portico.gateway.wire.behind import Door
from portico.gateway.wire.head import FORBIDDEN_TRAILERS, Head, Header, examine

if TYPE_CHECKING:
    from portico.gateway.wire.exchange import Exchange

log = structlog.get_logger("portico.gateway")

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Requests that may wait behind the one being answered; what a client sends beyond is not read, and the connection ends.
MOST_PIPELINED = 64
# Chunk extensions and trailers are bytes of a body without being body; more than this in a row is an attack.
MOST_QUIET_BYTES = 512 * 1024
# Early data of a tunnel that the service has not agreed to yet.
MOST_EARLY_BYTES = 64 * 1024
# What may wait for the end of the loop's turn.
MOST_HELD_BYTES = 16 * 1024
# How long we go on reading after the last word, so that what the client still sends cannot destroy it on its way.
LINGER_S = 2.0


class Connection:
    """States: idle (no exchange) · head (bytes of a head seen) · exchange(s) under way · tunnel · closing."""

    __slots__ = (
        "_advancing",
        "_detached",
        "_door",
        "_exchanges",
        "_head_bytes",
        "_head_received",
        "_header_count",
        "_headers",
        "_held",
        "_in_head",
        "_last_words",
        "_lingering",
        "_parser",
        "_paused_for_pipeline",
        "_paused_for_upstream",
        "_quiet_bytes",
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
        self._header_count = self._head_bytes = self._head_received = self._quiet_bytes = 0
        self._in_head = self._refused = self._wants_no_more = self.peer_closed = False
        self._paused_for_pipeline = self._paused_for_upstream = self._advancing = self._lingering = False
        self._last_words = self._held = b""
        self._detached: Exchange | None = None
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
            self._read_past_the_end(data)
            return
        self.received_ns = time.monotonic_ns()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade_seen(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError:
            self.fail()
        except httptools.HttpParserError as error:
            self._malformed(error)
        else:
            if self._in_head:
                self._watch_head_size(len(data))
            elif self._receiving is not None and not self._receiving.received:
                self._watch_body(len(data))

    def eof_received(self) -> bool:
        """A half-closed client still gets its answer; one that says nothing more and waits for nothing is done."""
        self.let_out()
        if self.tunnel is not None:
            self.tunnel.eof_received()
            return True
        self.peer_closed = self._wants_no_more = True
        if self._lingering:
            return False
        if self._receiving is not None and not self._receiving.received:
            self._receiving.client_gone()
            return False
        if self._exchanges and self._exchanges[0].ends_with_client:
            self._exchanges[0].client_gone()
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
        self._in_head, self._receiving, self._head_received = True, None, 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._headers.append((name, value))
            self._header_count += 1
            self._head_bytes += len(name) + len(value) + 4
        elif self._receiving is not None:
            self._trailer(name, value)

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
        wants_upgrade = parser.should_upgrade()
        refusal = self._too_much(head, version) or examine(head, wants_upgrade=wants_upgrade)
        if refusal is not None:
            self._refuse(*refusal)
            return
        exchange = self._door.open_exchange(self, head)
        self._receiving = exchange
        self._exchanges.append(exchange)
        if len(self._exchanges) == 1:
            exchange.begin()
        elif not self._paused_for_pipeline:
            self._paused_for_pipeline = True
            self._pause()
        elif len(self._exchanges) > MOST_PIPELINED:
            # Those before it are answered; the client asks again for the rest, as it must after any close (RFC 9112 9.3.2).
            self._exchanges.pop()
            self._exchanges[-1].head.keep_alive = False
            self._receiving = None
            self._refused = self._wants_no_more = True
        if wants_upgrade and head.has_body:
            # The parser takes an upgrade's body for the new protocol's bytes; `_upgrade_seen` has it read as what it is.
            self._detached, self._receiving = self._receiving, None

    def on_body(self, body: bytes) -> None:
        self._quiet_bytes = 0
        if self._receiving is not None:
            self._receiving.body_received(body)

    def on_message_complete(self) -> None:
        exchange = self._receiving
        if exchange is not None and not self._refused:
            if not exchange.head.keep_alive:
                self._wants_no_more = True
            exchange.body_ended()

    # -- for exchanges ----------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self.let_out()
        self.transport.write(data)

    def write_soon(self, data: bytes) -> None:
        """An answer's, with the others of this turn of the loop; what is large goes at once, so that its pace is kept."""
        if len(self._held) + len(data) > MOST_HELD_BYTES:
            self.write(data)
        elif self._held:
            self._held += data
        else:
            self._held = data
            self._door.turn.ends_with(self)

    def let_out(self) -> None:
        """What is held goes before anything else that is said or done to the socket."""
        if self._held:
            data, self._held = self._held, b""
            if not self.transport.is_closing():
                self.transport.write(data)

    def send_continue(self) -> None:
        self.write(CONTINUE)

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
        if not keep or not exchange.head.keep_alive:
            self._close_after(exchange)
        elif self._exchanges:
            self._advance()
        elif self._refused:
            self._say_last_words()
        elif self.peer_closed or self._door.draining:
            self.close()
        else:
            self.deadline = time.monotonic() + self._door.limits.idle_timeout_s
            if self._paused_for_pipeline or self._paused_for_upstream:
                self._paused_for_pipeline = self._paused_for_upstream = False
                self._resume()

    def close(self) -> None:
        self.let_out()
        if not self.transport.is_closing():
            self._refused = self._wants_no_more = True
            self.transport.close()

    def abort(self) -> None:
        self.let_out()
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

    def _advance(self) -> None:
        """Begin those that wait. In a loop: an exchange that is answered at once calls `finished` from within `begin`."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._exchanges and not self._exchanges[0].active:
                if len(self._exchanges) == 1 and (self._paused_for_pipeline or self._paused_for_upstream):
                    self._paused_for_pipeline = self._paused_for_upstream = False
                    self._resume()
                self._exchanges[0].begin()
        except Exception:  # noqa: BLE001  (the door: what fails here must not be told to the service's connection)
            self.fail()
        finally:
            self._advancing = False

    def _close_after(self, exchange: "Exchange") -> None:
        """End the connection once what was written has left. A client that still sends its body hears the answer first."""
        self._exchanges.clear()
        if exchange.received:
            self.close()
        else:
            self._linger()

    def _say_last_words(self) -> None:
        self.write(self._last_words)
        self._linger()

    def _linger(self) -> None:
        """Closing a socket with unread bytes resets it, and the reset can overtake the answer; so read on for a moment."""
        self.let_out()
        if self.peer_closed or self.transport.is_closing():
            self.close()
            return
        # What the same read still holds behind this is not looked at either.
        self._lingering = self._refused = self._wants_no_more = True
        self._receiving = None
        self.deadline = time.monotonic() + LINGER_S
        self.transport.write_eof()
        self._paused_for_pipeline = self._paused_for_upstream = False
        self._resume()

    def _read_past_the_end(self, data: bytes) -> None:
        """Nothing is read after the last word, except the first bytes of a tunnel that is not open yet."""
        if self._exchanges and self._exchanges[0].head.upgrade:
            exchange = self._exchanges[0]
            exchange.early_tunnel_data += data
            if len(exchange.early_tunnel_data) > MOST_EARLY_BYTES:
                self.abort()

    def fail(self) -> None:
        """Called while an exception is handled that is a fault of ours: it is logged, and the client is told if it can be."""
        log.exception("gateway.fault")
        if not self._exchanges or (self._exchanges[0].active and not self._exchanges[0].answer_started):
            self.write(self._door.refuse_head(self, "INTERNAL", "Something went wrong inside Portico."))
        # The connection's end settles whatever was under way.
        self.close()

    def _watch_body(self, received: int) -> None:
        self._quiet_bytes += received
        exchange = self._receiving
        if self._quiet_bytes > MOST_QUIET_BYTES and exchange is not None:
            self._wants_no_more = True
            exchange.body_malformed()

    def _trailer(self, name: bytes, value: bytes) -> None:
        """Trailers count as headers do; those beyond the bound are left out, as HTTP allows."""
        self._header_count += 1
        self._head_bytes += len(name) + len(value) + 4
        limits, exchange = self._door.limits, self._receiving
        if self._header_count > limits.max_header_count or self._head_bytes > limits.max_header_bytes:
            return
        if exchange is not None and name.lower() not in FORBIDDEN_TRAILERS:
            exchange.trailers.append((name, value))

    def _watch_head_size(self, received: int) -> None:
        """While a head is incomplete llhttp buffers it, so the bound has to be watched from outside."""
        self._head_received += received
        limits = self._door.limits
        if self._head_received > limits.max_header_bytes + limits.max_query_bytes + 4096:
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
        if self._detached is not None:
            self._read_detached_body(self._detached, rest)
            return
        self._wants_no_more = True
        exchange = self._receiving
        if exchange is not None and exchange.head.upgrade and rest:
            self._read_past_the_end(rest) if self.tunnel is None else self.tunnel.data_received(rest)

    def _read_detached_body(self, exchange: "Exchange", rest: bytes) -> None:
        """An upgrade that we do not follow is a plain request, the connection's last, and its body comes first of all."""
        self._detached, self._receiving = None, exchange
        self._parser = httptools.HttpRequestParser(_BodyOnly(self))
        framing = (
            b"Transfer-Encoding: chunked"
            if exchange.head.chunked
            else b"Content-Length: %d" % exchange.head.content_length
        )
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
        if rest:
            self.data_received(rest)

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
        """Answer a head we cannot accept, after those that came before it."""
        if self._refused:
            return
        self._refused = self._wants_no_more = True
        self._last_words = self._door.refuse_head(self, code, message)
        if not self._exchanges:
            self._say_last_words()

    def _pause(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def _resume(self) -> None:
        if not (self._paused_for_pipeline or self._paused_for_upstream or self.transport.is_closing()):
            self.transport.resume_reading()


class _BodyOnly:
    """Tells a connection about a body whose head it has read before."""

    def __init__(self, connection: Connection) -> None:
        self._in_head = True
        self.on_body, self.on_message_complete = connection.on_body, connection.on_message_complete
        self._on_trailer = connection.on_header

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            self._on_trailer(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False


def _cause(error: httptools.HttpParserError) -> str:
    text = str(error.args[0]) if error.args else "not HTTP"
    return text.rstrip(".").lower() if text.isprintable() else "not HTTP"
