"""One request and its answer on a client connection. The handler behind it decides; this keeps the framing right."""

import time
from typing import TYPE_CHECKING, Protocol

from portico.gateway.wire.head import Head, Header, status_line

if TYPE_CHECKING:
    from portico.gateway.wire.server import Connection


class BodySink(Protocol):
    """Where a streamed request body goes: the service's connection."""

    def send_body(self, chunk: bytes) -> None: ...

    def end_body(self, trailers: list[Header]) -> None: ...


class Handler(Protocol):
    """What decides and answers: a governed call, or the way to the control process."""

    max_body_bytes: int

    def begin(self, exchange: "Exchange") -> None:
        """The head is here and it is our turn. Ends in `collect_body`, `stream_body` or an answer."""

    def body_collected(self, body: bytes) -> None: ...

    def body_too_large(self) -> None: ...

    def body_broken(self) -> None: ...

    def client_gone(self) -> None: ...

    def client_is_slow(self) -> None: ...

    def client_is_ready(self) -> None: ...

    def client_stalled(self) -> None: ...


class Exchange:
    """Receiving: waiting its turn -> collecting | streaming -> received. Answering: nothing -> head -> body -> finished."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_chunked_answer",
        "_collecting",
        "_gone",
        "_malformed",
        "_out",
        "_over",
        "_sink",
        "active",
        "answer_started",
        "connection",
        "early_tunnel_data",
        "ends_with_client",
        "finished",
        "handler",
        "head",
        "received",
        "trailers",
    )

    def __init__(self, connection: "Connection", head: Head, handler: Handler) -> None:
        self.connection, self.head, self.handler = connection, head, handler
        self._body: list[bytes] = []
        self._out: list[bytes] = []
        self._body_bytes = 0
        self._sink: BodySink | None = None
        self.trailers: list[Header] = []
        self.early_tunnel_data = b""
        self.received = not head.has_body
        self.answer_started = self.finished = self.active = False
        # Whether a client that closes its side has left, rather than only said all it had to say.
        self.ends_with_client = False
        self._collecting = self._gone = self._over = self._malformed = self._chunked_answer = False

    # -- from the connection ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self.active = True
        self.connection.deadline = 0.0
        self.handler.begin(self)

    def body_received(self, body: bytes) -> None:
        if self._over or self.finished:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self.handler.max_body_bytes:
            self._over = True
            self.connection.pause_reading()
            if self.active:
                self.handler.body_too_large()
            return
        if self._sink is not None:
            self._sink.send_body(body)
        else:
            self._body.append(body)
            if not self._collecting and self._body_bytes > MOST_WAITING_BYTES:
                # Nobody takes it yet: the service is still being connected.
                self.connection.pause_reading()
        if self.active:
            # We are within the read that brought it: no clock has to be looked at again.
            self._expect_more(self.connection.received_ns * 1e-9)

    def body_ended(self) -> None:
        if self.received:
            return
        self.received = True
        if self._over or self.finished or not self.active:
            return
        self.connection.deadline = 0.0
        if self._sink is not None:
            self._sink.end_body(self.trailers)
        elif self._collecting:
            self.handler.body_collected(b"".join(self._body))

    def body_malformed(self) -> None:
        self.head.keep_alive = False
        self._malformed = True
        if self.active and not self.finished:
            self.handler.body_broken()

    def client_gone(self) -> None:
        if self.active and not self._gone and not self.finished:
            self._gone = True
            self.handler.client_gone()

    def client_is_slow(self) -> None:
        self.handler.client_is_slow()

    def client_is_ready(self) -> None:
        self.handler.client_is_ready()

    def client_stalled(self) -> None:
        self.handler.client_stalled()

    # -- for the handler: the request's body -----------------------------------------------------------------------------------

    def collect_body(self) -> None:
        """Hold the whole body, then call `handler.body_collected`. The bound is the handler's `max_body_bytes`."""
        self._collecting = True
        if self._malformed:
            self.handler.body_broken()
        elif self._over or self.head.content_length > self.handler.max_body_bytes:
            self._over = True
            self.handler.body_too_large()
        elif self.received:
            self.handler.body_collected(b"".join(self._body))
        else:
            self._invite_body()

    def stream_body(self, sink: BodySink) -> None:
        """Pass what is here and what comes to `sink`."""
        if self._malformed:
            self.handler.body_broken()
            return
        if self._over or self.head.content_length > self.handler.max_body_bytes:
            self._over = True
            self.handler.body_too_large()
            return
        self._sink = sink
        if self._body_bytes > MOST_WAITING_BYTES:
            self.connection.resume_reading()
        for chunk in self._body:
            sink.send_body(chunk)
        self._body.clear()
        if self.received:
            sink.end_body(self.trailers)
        else:
            self._invite_body()

    def _invite_body(self) -> None:
        if self.head.expects_continue and not self._body_bytes:
            self.connection.send_continue()
        self._expect_more(time.monotonic())

    def _expect_more(self, since_s: float) -> None:
        self.connection.deadline = since_s + STALL_S

    # -- for the handler: the answer --------------------------------------------------------------------------------------------

    def answer(self, status: int, headers: list[Header], body: bytes) -> None:
        """The whole answer at once, framed by Content-Length."""
        lines = [status_line(status)]
        lines += [b"%b: %b\r\n" % header for header in headers]
        lines.append(b"Content-Length: %d\r\n" % len(body))
        keep = self._ends_cleanly
        if not keep:
            lines.append(b"Connection: close\r\n")
        elif self.head.http10:
            lines.append(b"Connection: keep-alive\r\n")
        lines.append(b"\r\n")
        if self.head.method != b"HEAD":
            lines.append(body)
        self.answer_started = True
        self.connection.write(b"".join(lines))
        self._finish(keep=keep)

    def start_answer(self, lines: list[bytes], *, length: int | None, bodiless: bool) -> None:
        """Write an answer's head. `lines` hold status line and headers without framing, each with its CRLF.

        length   the body's bytes if known; unknown bodies are chunked, or end with the connection for HTTP/1.0
        """
        self.answer_started = True
        if bodiless:
            if length is not None:
                lines.append(b"Content-Length: %d\r\n" % length)
        elif length is not None:
            lines.append(b"Content-Length: %d\r\n" % length)
        elif self.head.http10:
            self.head.keep_alive = False
        else:
            self._chunked_answer = True
            lines.append(b"Transfer-Encoding: chunked\r\n")
        if not self._ends_cleanly:
            lines.append(b"Connection: close\r\n")
        elif self.head.http10:
            lines.append(b"Connection: keep-alive\r\n")
        lines.append(b"\r\n")
        self._out += lines

    def write(self, chunk: bytes) -> None:
        """Held until `flush`: what one read from the service brought leaves in one write."""
        if self._chunked_answer:
            self._out.append(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            self._out.append(chunk)

    def flush(self) -> None:
        out = self._out
        if out and not self.finished:
            self._out = []
            self.connection.write_soon(b"".join(out) if len(out) > 1 else out[0])

    def end_answer(self, trailers: list[Header]) -> None:
        if self._chunked_answer:
            if trailers:
                self._out += [b"0\r\n", *(b"%b: %b\r\n" % trailer for trailer in trailers), b"\r\n"]
            else:
                self._out.append(b"0\r\n\r\n")
        self.flush()
        self._finish(keep=self._ends_cleanly)

    def break_answer(self) -> None:
        """The service's answer broke after it began: the only honest sign left is a connection that ends too early."""
        self.finished = True
        self.connection.abort()

    @property
    def _ends_cleanly(self) -> bool:
        """Whether the next request can follow: the body must have been read to its end."""
        return self.received and self.head.keep_alive

    def _finish(self, *, keep: bool) -> None:
        self.finished = True
        self._body.clear()
        self.connection.finished(self, keep=keep)
        # The two know each other; whoever is finished lets go, or each call would wait for the garbage collector.
        self.handler = None  # type: ignore[assignment]


# What is held of a streamed body before there is a connection to stream it to.
MOST_WAITING_BYTES = 256 * 1024
# Longest a client may pause inside its body; set once from the settings at start.
STALL_S = 300.0
