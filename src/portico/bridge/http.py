"""HTTP/1.1 towards our own gateway and control, on a local socket: one request at a time on a connection, bodies bounded."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httptools

Header = tuple[bytes, bytes]
MOST_HEAD_BYTES = 128 * 1024


class ClientGone(Exception):
    """Whoever asked does not listen any more."""


@dataclass(slots=True)
class Request:
    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes = b""

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1").strip()


@dataclass(slots=True)
class Answer:
    """Writes one answer: whole, or as a stream of events."""

    transport: asyncio.Transport
    room: asyncio.Event
    begun: bool = False
    ended: bool = False
    gone: bool = False

    def whole(self, status: int, body: bytes, *headers: Header) -> None:
        self.begun = self.ended = True
        lines = [(b"Content-Type", b"application/json"), *headers] if body else [*headers]
        self.transport.write(_head(status, [*lines, (b"Content-Length", b"%d" % len(body))]) + body)

    def begin_events(self, *headers: Header) -> None:
        self.begun = True
        lines: list[Header] = [
            (b"Content-Type", b"text/event-stream"),
            (b"Cache-Control", b"no-cache, no-transform"),
            (b"X-Accel-Buffering", b"no"),
            *headers,
            (b"Transfer-Encoding", b"chunked"),
        ]
        self.transport.write(_head(200, lines))

    async def event(self, message: bytes) -> None:
        await self._chunk(b"event: message\ndata: " + message + b"\n\n")

    async def comment(self) -> None:
        await self._chunk(b": ping\n\n")

    def last_event(self, message: bytes) -> None:
        self.transport.write(_chunked(b"event: message\ndata: " + message + b"\n\n"))
        self.end_events()

    def end_events(self) -> None:
        self.ended = True
        if not self.gone:
            self.transport.write(b"0\r\n\r\n")

    async def _chunk(self, chunk: bytes) -> None:
        if self.gone:
            raise ClientGone
        self.transport.write(_chunked(chunk))
        await self.room.wait()


def _chunked(chunk: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(chunk), chunk)


Handler = Callable[[Request, Answer], Coroutine[Any, Any, None]]


def _head(status: int, headers: list[Header]) -> bytes:
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, HTTPStatus(status).phrase.encode(), lines)


@dataclass(slots=True)
class Shared:
    """What all connections share."""

    handler: Handler
    most_body_bytes: int
    connections: set["Connection"] = field(default_factory=set)


class Connection(asyncio.Protocol):
    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._room = asyncio.Event()
        self._room.set()
        self._head_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._answer: Answer | None = None
        self._begin()

    def _begin(self) -> None:
        self._path = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0

    # -- asyncio -----------------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._shared.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._shared.connections.discard(self)
        self._room.set()
        if self._answer is not None:
            self._answer.gone = True
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def data_received(self, data: bytes) -> None:
        if self._task is not None:
            # Nobody of ours sends the next request before the answer; what comes anyway ends the connection.
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def close(self) -> None:
        self._transport.abort()

    # -- httptools ---------------------------------------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MOST_HEAD_BYTES:
            raise ValueError("the head is too large")
        self._headers[name.lower()] = value

    def on_body(self, chunk: bytes) -> None:
        self._body_bytes += len(chunk)
        if self._body_bytes <= self._shared.most_body_bytes:
            self._body.append(chunk)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        request = Request(method, self._path.decode("latin-1").partition("?")[0], self._headers, b"".join(self._body))
        answer = self._answer = Answer(self._transport, self._room)
        too_large = self._body_bytes > self._shared.most_body_bytes
        self._head_bytes = 0
        self._begin()
        if too_large:
            answer.whole(413, b"")
            return
        self._task = asyncio.get_running_loop().create_task(self._shared.handler(request, answer))
        self._task.add_done_callback(self._handled)

    def _handled(self, task: asyncio.Task[None]) -> None:
        self._task = None
        failed = not task.cancelled() and task.exception() is not None
        if failed and not isinstance(task.exception(), ClientGone):
            context = {"message": "a call failed inside the bridge", "exception": task.exception()}
            asyncio.get_running_loop().call_exception_handler(context)
        if task.cancelled() or failed or (self._answer is not None and not self._answer.ended):
            self._transport.abort()
        self._answer = None
