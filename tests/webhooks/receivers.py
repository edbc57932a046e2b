"""A real endpoint on this machine: takes requests over HTTP, checks both signatures, and answers as it is told."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from standardwebhooks import Webhook, WebhookVerificationError

WINDOW_S = 300


@dataclass(frozen=True)
class Request:
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        content: dict[str, Any] = orjson.loads(self.body)
        return content


@dataclass(frozen=True)
class Reply:
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Receiver:
    """`answer` decides what each request gets; `taken` are those that were answered 2xx, `requests` all of them."""

    port: int = 0
    answer: Callable[[Request], Reply] = lambda _request: Reply()
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    taken: list[Request] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0
    _server: asyncio.Server | None = None
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.opened.set()

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}/hook"

    def hold(self) -> None:
        """Answer nothing until `opened` is set again."""
        self.opened.clear()

    async def start(self) -> None:
        """The second time on the same port, as a receiver that was down and comes back."""
        self._server = await asyncio.start_server(self._began, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.opened.set()
        if self._server is not None:
            self._server.close()
            await asyncio.gather(*self._running, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def _began(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _read(reader)
            self.requests.append(request)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                reply = self.answer(request)
                await self.opened.wait()
            finally:
                self.at_once -= 1
            if 200 <= reply.status < 300:
                self.taken.append(request)
            writer.write(_written(reply))
            await writer.drain()
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return Request(headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def _written(reply: Reply) -> bytes:
    headers = {"Content-Length": str(len(reply.body)), "Connection": "close", **reply.headers}
    if reply.status == 204:
        del headers["Content-Length"]
    lines = [f"HTTP/1.1 {reply.status} Told", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + reply.body


@asynccontextmanager
async def receiver(
    answer: Callable[[Request], Reply] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    made = Receiver(tls=tls) if answer is None else Receiver(answer=answer, tls=tls)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


# --- what a receiver checks -------------------------------------------------------------------------------------------


def standard_accepts(secret: str, request: Request) -> bool:
    """As the library of the specification says, by the real time."""
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


def standard_signature_is_right(secret: str, request: Request) -> bool:
    """The library's own signature for these bytes, for requests of a clock that was set by hand."""
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    expected = Webhook(secret).sign(request.id, at, request.body.decode())
    return expected in request.headers["webhook-signature"].split(" ")


def ours_accepts(secret: str, request: Request, now: datetime) -> bool:
    """Written from the words of the guide, apart from the sender's code: sha256= of "{timestamp}." + body, within 5 minutes."""
    timestamp = request.headers["x-webhook-timestamp"]
    if abs(now.timestamp() - int(timestamp)) > WINDOW_S:
        return False
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    return any(
        hmac.compare_digest(f"sha256={digest}", each) for each in request.headers["x-webhook-signature"].split(",")
    )


def key_bytes(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))
