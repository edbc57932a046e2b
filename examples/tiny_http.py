"""The small HTTP/1.1 server under both samples: asyncio for the sockets, httptools for the parsing.

It keeps what a service behind a gateway needs (keep-alive, pipelining answered in order, chunked bodies both ways,
`Expect: 100-continue`, back-pressure, upgrades, bounds on everything) and leaves out the rest (TLS, HTTP/2, files).
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qsl, unquote

import httptools

MAX_HEAD_BYTES = 32 * 1024
MAX_BUFFERED_BODY_BYTES = 256 * 1024
MAX_DISCARDED_BODY_BYTES = 1024 * 1024
MAX_PIPELINED_REQUESTS = 8
MAX_CONNECTIONS = 1024
IDLE_TIMEOUT_S = 75.0
READ_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 3.0


class HttpError(Exception):
    """An answer other than success, in the shape OpenAI's clients read: {"error": {message, type, param, code}}."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
        **facts: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.error = {"message": message, "type": type, "param": param, "code": code, **facts}

    def reply(self) -> Reply:
        return json_reply({"error": self.error}, status=self.status, headers=self.headers)


@dataclass(frozen=True)
class Reply:
    """One answer. A body given as an iterator is sent chunked, piece by piece; `upgrade` takes over the connection."""

    status: int = 200
    body: bytes | AsyncIterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    upgrade: Callable[[Inflow, Outflow], Awaitable[None]] | None = None


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    target: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Inflow
    keep_alive: bool
    chunks_allowed: bool
    upgrade: bool

    async def read_json(self, *, max_bytes: int) -> dict[str, object]:
        pieces = bytearray()
        async for piece in self.body:
            pieces += piece
            if len(pieces) > max_bytes:
                raise HttpError(413, f"The body is larger than {max_bytes} bytes.")
        try:
            parsed = json.loads(pieces)
        except (ValueError, RecursionError) as error:
            raise HttpError(400, "The body is not valid JSON.") from error
        if not isinstance(parsed, dict):
            raise HttpError(400, "The body must be a JSON object.")
        return parsed

    def number(self, name: str, *, default: int, low: int, high: int) -> int:
        """A whole number from the query, or 400 with the allowed range."""
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) <= 12 and low <= int(text) <= high):
            raise HttpError(400, f"{name} must be a whole number from {low} to {high}.", param=name)
        return int(text)


Handler = Callable[[Request], Awaitable[Reply]]


def json_reply(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
    return Reply(status, body, {"content-type": "application/json", **(headers or {})})


class Inflow:
    """Bytes arriving from the client, with a bound: the connection stops reading while too much waits here."""

    def __init__(self, on_change: Callable[[], None], on_first_read: Callable[[], None]) -> None:
        self._pieces: list[bytes] = []
        self._arrived = asyncio.Event()
        self._on_change, self._on_first_read = on_change, on_first_read
        self._read_begun = self._cut_short = False
        self.waiting_bytes = 0
        self.finished = False

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.waiting_bytes += len(piece)
        self._arrived.set()
        self._on_change()

    def finish(self) -> None:
        self.finished = True
        self._arrived.set()

    def cut_short(self) -> None:
        self._cut_short = True
        self.finish()

    async def read(self) -> bytes:
        """What has arrived, waiting for something to arrive; empty at the end."""
        if not self._read_begun:
            self._read_begun = True
            if not self.finished:
                self._on_first_read()
        while not self._pieces and not self.finished:
            self._arrived.clear()
            await self._arrived.wait()
        if self._cut_short:
            raise HttpError(400, "The body is not valid HTTP/1.1.")
        pieces, self._pieces, self.waiting_bytes = b"".join(self._pieces), [], 0
        self._on_change()
        return pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                piece = await asyncio.wait_for(self.read(), READ_TIMEOUT_S)
            except TimeoutError as error:
                raise HttpError(408, "The rest of the body did not arrive in time.") from error
            if not piece:
                return
            yield piece


class Outflow:
    """Bytes leaving for the client; `write` waits while the client is slower than we are."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._open = asyncio.Event()
        self._open.set()

    def pause(self) -> None:
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    async def write(self, piece: bytes) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(piece)
        await self._open.wait()


class Connection(asyncio.Protocol):
    """One client connection: the parser fills a short queue of requests, one task answers them in order."""

    def __init__(self, handle: Handler, connections: set[Connection]) -> None:
        self._handle = handle
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._requests: asyncio.Queue[Request | HttpError] = asyncio.Queue()
        self._inflow: Inflow | None = None
        self._raw: Inflow | None = None
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_bytes, self._in_head = 0, True
        self._reading, self._broken, self._ended = True, False, False
        self._head_sent = False
        self._unanswered = 0
        self._transport: asyncio.Transport
        self._out: Outflow
        self.task: asyncio.Task[None] | None = None

    # -- asyncio's side ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._out = Outflow(self._transport)
        if len(self._connections) >= MAX_CONNECTIONS:
            self._transport.abort()
            return
        self._connections.add(self)
        self.task = asyncio.get_running_loop().create_task(self._answer_all())

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self._out.pause()

    def resume_writing(self) -> None:
        self._out.resume()

    def eof_received(self) -> bool:
        self._ended = True
        if self._raw is not None:
            self._raw.finish()
        # A client may shut its sending side and still wait for answers to what it sent in full.
        return self._inflow is None and self._unanswered > 0

    def data_received(self, data: bytes) -> None:
        if self._raw is not None:
            self._raw.feed(data)
        elif not self._broken:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._raw = Inflow(self._regulate_reading, lambda: None)
            if rest := data[upgrade.args[0] :]:
                self._raw.feed(rest)
        except httptools.HttpParserError:
            self._refuse(HttpError(400, "The request is not valid HTTP/1.1."))
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HttpError(431, f"The request head is larger than {MAX_HEAD_BYTES} bytes."))
        self._regulate_reading()

    def _refuse(self, error: HttpError) -> None:
        self._broken = True
        if self._inflow is not None:
            self._inflow.cut_short()
        self._put(error)

    def _put(self, request: Request | HttpError) -> None:
        self._unanswered += 1
        self._requests.put_nowait(request)

    def _regulate_reading(self) -> None:
        flows = [flow for flow in (self._inflow, self._raw) if flow is not None]
        full = any(flow.waiting_bytes > MAX_BUFFERED_BODY_BYTES for flow in flows)
        wanted = not full and self._requests.qsize() < MAX_PIPELINED_REQUESTS
        if wanted == self._reading or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # -- the parser's side ------------------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        url = httptools.parse_url(self._url)
        headers = self._headers
        chunks_allowed = self._parser.get_http_version() != "1.0"
        expects = headers.get("expect", "").lower() == "100-continue" and chunks_allowed
        self._inflow = Inflow(self._regulate_reading, self._send_continue if expects else lambda: None)
        request = Request(
            method=self._parser.get_method().decode(),
            path=unquote((url.path or b"/").decode("latin-1")),
            target=self._url.decode("latin-1"),
            query=dict(parse_qsl((url.query or b"").decode("latin-1"), keep_blank_values=True, max_num_fields=64)),
            headers=headers,
            body=self._inflow,
            keep_alive=self._parser.should_keep_alive(),
            chunks_allowed=chunks_allowed,
            upgrade=self._parser.should_upgrade(),
        )
        self._url, self._headers, self._in_head, self._head_bytes = b"", {}, False, 0
        self._put(request)

    def on_body(self, piece: bytes) -> None:
        if self._inflow is not None:
            self._inflow.feed(piece)

    def on_message_complete(self) -> None:
        if self._inflow is not None:
            self._inflow.finish()
        self._inflow, self._in_head = None, True

    def _send_continue(self) -> None:
        if not self._head_sent:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # -- answering --------------------------------------------------------------------------------------------------

    async def _answer_all(self) -> None:
        try:
            while await self._answer_next():
                pass
        except (asyncio.CancelledError, ConnectionResetError, TimeoutError):
            pass
        finally:
            self._transport.close()

    async def _answer_next(self) -> bool:
        """Answer one request; true while the connection stays usable."""
        if self._ended and self._unanswered == 0:
            return False
        request = await asyncio.wait_for(self._requests.get(), IDLE_TIMEOUT_S)
        self._head_sent = False
        self._regulate_reading()
        if isinstance(request, HttpError):
            await self._send(request.reply(), method="GET", keep_alive=False, chunks_allowed=True)
            return False
        reply = await self._decide(request)
        if reply.upgrade is not None and self._raw is not None:
            await reply.upgrade(self._raw, self._out)
            return False
        streamed = not isinstance(reply.body, bytes)
        keep_alive = request.keep_alive and not request.upgrade and (request.chunks_allowed or not streamed)
        if not streamed:
            keep_alive = keep_alive and await self._discard_rest(request)
        await self._send(reply, method=request.method, keep_alive=keep_alive, chunks_allowed=request.chunks_allowed)
        # A streamed answer may be made from the body, so only afterwards is there a rest to speak of.
        usable = keep_alive and await self._discard_rest(request)
        self._unanswered -= 1
        return usable

    async def _decide(self, request: Request) -> Reply:
        try:
            return await self._handle(request)
        except HttpError as error:
            return error.reply()

    async def _discard_rest(self, request: Request) -> bool:
        """A refused upload: swallow a short rest so that the connection can be used again, else give the connection up."""
        if request.body.finished:
            return True
        if "expect" in request.headers:
            return False
        seen = 0
        while not request.body.finished and seen <= MAX_DISCARDED_BODY_BYTES:
            seen += len(await asyncio.wait_for(request.body.read(), READ_TIMEOUT_S))
        return request.body.finished

    async def _send(self, reply: Reply, *, method: str, keep_alive: bool, chunks_allowed: bool) -> None:
        streamed = not isinstance(reply.body, bytes)
        chunked = streamed and chunks_allowed
        head = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        if isinstance(reply.body, bytes):
            head.append(f"content-length: {len(reply.body)}")
        elif chunked:
            head.append("transfer-encoding: chunked")
        if not keep_alive or (streamed and not chunked):
            head.append("connection: close")
        self._head_sent = True
        start = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
        if isinstance(reply.body, bytes):
            await self._out.write(start if method == "HEAD" else start + reply.body)
            return
        await self._out.write(start)
        if method != "HEAD":
            await self._send_pieces(reply.body, chunked=chunked)

    async def _send_pieces(self, pieces: AsyncIterator[bytes], *, chunked: bool) -> None:
        try:
            async for piece in pieces:
                if piece:
                    await self._out.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        except HttpError:
            # The head is out already; an unfinished body is the only way left to say that this failed.
            self._transport.abort()
            raise ConnectionResetError from None
        if chunked:
            await self._out.write(b"0\r\n\r\n")


async def serve(handle: Handler, *, host: str, port: int, name: str) -> None:
    """Serve until SIGTERM or SIGINT. Port 0 takes a free one; the line printed says which."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connections: set[Connection] = set()
    server = await loop.create_server(lambda: Connection(handle, connections), host, port, backlog=256)
    bound = server.sockets[0].getsockname()
    shown_host = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    print(f"{name} listening on http://{shown_host}:{bound[1]}", flush=True)
    await stop.wait()
    server.close()
    tasks = [connection.task for connection in connections if connection.task is not None]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)
