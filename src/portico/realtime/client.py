"""Follow Portico live from a program: `portico.realtime.client` needs only the `websockets` library, nothing of the server.

    async with connect("https://portico.example", key="pk_…") as live:
        async for frame in live.follow("events"):
            print(frame)

The connection comes back by itself after a loss, with a fresh ticket, and goes on where each topic stood: rows are neither
lost nor repeated, a state is brought up by what was missed or sent whole.
"""

import asyncio
import hashlib
import json
import random
import ssl as tls
import uuid
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import InvalidHandshake, WebSocketException

Frame = dict[str, Any]
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
MAX_WAITING_FRAMES = 1000
MAX_FRAME_BYTES = 16 * 1024 * 1024
_TICKET_WAIT_S = 15.0
_SIGNED_OUT, _FORBIDDEN = 4401, 4403


class Refused(Exception):
    """Portico will not serve this, and asking again would not help; `code` is that of the error, or of the close."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Left(Exception):
    """The topic ended: `why` is "forbidden" or "gone"."""

    def __init__(self, topic: str, why: str) -> None:
        super().__init__(f"{topic}: {why}")
        self.topic, self.why = topic, why


class Changed(Exception):
    """Somebody else changed the state first; `frame` holds it as it is now."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(f"{frame['topic']} is at version {frame['version']}")
        self.frame = frame


class _Followed:
    """One topic: where it stands, and the frames that wait for its reader."""

    def __init__(self, topic: str, since: int | None) -> None:
        self.topic, self.since = topic, since
        self.frames: asyncio.Queue[Frame | Exception] = asyncio.Queue(MAX_WAITING_FRAMES)

    def put(self, frame: Frame | Exception) -> bool:
        """False when the reader does not keep up."""
        if self.frames.full():
            return False
        self.frames.put_nowait(frame)
        return True


class Live:
    """One connection. `tab` names this client to itself: its own patches do not come back to it."""

    def __init__(self, open_: Callable[[], Awaitable[ClientConnection]]) -> None:
        self.tab = str(uuid.uuid4())
        self._open = open_
        self._socket: ClientConnection | None = None
        self._followed: dict[str, _Followed] = {}
        self._asked: dict[int, asyncio.Future[Frame]] = {}
        self._last_ref = 0
        self._tries = 0
        self._failed: Exception | None = None
        self.connected = asyncio.Event()

    async def follow(self, topic: str, since: int | None = None) -> AsyncIterator[Frame]:
        """Every frame of a topic, first a snapshot, value or state, or what came after `since`.

        raises   Refused when it may not be followed · Left when it ends
        """
        if topic in self._followed:
            raise ValueError(f"{topic} is followed already")
        followed = self._followed[topic] = _Followed(topic, since)
        try:
            if self._failed is not None:
                raise self._failed
            await self._subscribe(followed)
            while True:
                frame = await followed.frames.get()
                if isinstance(frame, Exception):
                    raise frame
                yield frame
        finally:
            del self._followed[topic]
            await self._say({"type": "unsubscribe", "topic": topic})

    async def patch(self, topic: str, version: int, operations: list[dict[str, Any]], wait_s: float = 15.0) -> Frame:
        """Change the state of a room that is being followed, on top of `version`; the answer holds the new version.

        raises   Changed when somebody was quicker · Refused · TimeoutError, also when the connection was lost meanwhile:
                 whether the patch arrived is then seen from what the topic brings next
        """
        self._last_ref += 1
        ref = self._last_ref
        answer = self._asked[ref] = asyncio.get_running_loop().create_future()
        ask = {"type": "patch", "topic": topic, "tab": self.tab, "version": version, "ref": ref, "patch": operations}
        try:
            async with asyncio.timeout(wait_s):
                await self.connected.wait()
                await self._say(ask)
                frame: Frame = await answer
        finally:
            del self._asked[ref]
        if frame["type"] == "conflict":
            raise Changed(frame)
        if frame["type"] == "error":
            raise Refused(frame["code"], frame["message"])
        return frame

    async def run(self) -> None:
        """Keep connected until cancelled or refused; `connect` runs it."""
        while True:
            with suppress(WebSocketException, OSError, TimeoutError):
                try:
                    async with await self._open() as socket:
                        await self._converse(socket)
                except Refused as refused:
                    self._fail(refused)
                    return
            longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._tries, 10))
            self._tries += 1
            await asyncio.sleep(longest * (0.5 + random.random() / 2))

    async def _converse(self, socket: ClientConnection) -> None:
        patience_s = 62.5
        try:
            while True:
                async with asyncio.timeout(patience_s):
                    received = await socket.recv()
                frame: Frame = json.loads(_text(received))
                if frame["type"] == "hello":
                    patience_s = frame["heartbeat_s"] * 2.5
                    await self._greeted(socket)
                else:
                    await self._take(frame)
        finally:
            self._socket = None
            self.connected.clear()
            if socket.close_code == _FORBIDDEN:
                raise Refused(str(_FORBIDDEN), "Portico does not take sockets from here.")

    async def _greeted(self, socket: ClientConnection) -> None:
        self._socket, self._tries = socket, 0
        await self._say({"type": "accept", "encodings": ["deflate"]})
        for followed in tuple(self._followed.values()):
            await self._subscribe(followed)
        self.connected.set()

    async def _subscribe(self, followed: _Followed) -> None:
        tab = self.tab if ":" in followed.topic else None
        await self._say({"type": "subscribe", "topic": followed.topic, "since": followed.since, "tab": tab})

    async def _take(self, frame: Frame) -> None:
        asked = self._asked.get(frame.get("ref", 0))
        followed = self._followed.get(frame.get("topic", ""))
        if frame["type"] == "ping":
            await self._say({"type": "pong"})
        if followed is not None:
            self._note(followed, frame)
        if asked is not None and not asked.done():
            asked.set_result(frame)
        elif followed is not None:
            await self._pass_on(followed, frame)

    def _note(self, followed: _Followed, frame: Frame) -> None:
        """Where the topic stands, for the next time."""
        stands = frame.get("cursor", frame.get("version"))
        if stands is not None:
            followed.since = stands

    async def _pass_on(self, followed: _Followed, frame: Frame) -> None:
        match frame["type"]:
            case "resync":
                followed.since = None
                await self._subscribe(followed)
            case "left":
                followed.put(Left(followed.topic, frame["why"]))
            case "error":
                followed.put(Refused(frame["code"], frame["message"]))
            case _:
                if not followed.put(frame):
                    # The reader is too slow for this topic: it starts again from what is then the newest.
                    followed.frames = asyncio.Queue(MAX_WAITING_FRAMES)
                    followed.since = None
                    await self._subscribe(followed)

    async def _say(self, frame: Frame) -> None:
        if self._socket is not None:
            with suppress(WebSocketException, OSError):
                await self._socket.send(json.dumps(frame))

    def _fail(self, error: Exception) -> None:
        self._failed = error
        for followed in self._followed.values():
            followed.put(error)


@asynccontextmanager
async def connect(
    url: str,
    *,
    key: str | None = None,
    ticket: Callable[[], Awaitable[str]] | None = None,
    ssl: tls.SSLContext | None = None,
) -> AsyncIterator[Live]:
    """Open a connection that keeps itself open.

    url      Portico's address, http:// or https://
    key      an API key; a fresh single-use ticket is taken with it for each connection
    ticket   instead of a key: gives a fresh ticket each time it is asked
    """
    if (key is None) == (ticket is None):
        raise ValueError("give either a key or a way to get tickets")

    async def open_() -> ClientConnection:
        word = await ticket() if ticket is not None else await asyncio.to_thread(_take_ticket, url, key or "", ssl)
        offered: Any = ["portico.v1", f"ticket.{word}"]
        socket_url = "ws" + url.rstrip("/").removeprefix("http") + "/ws"
        try:
            return await open_socket(
                socket_url,
                subprotocols=offered,
                ssl=ssl,
                compression=None,
                ping_interval=None,
                max_size=MAX_FRAME_BYTES,
            )
        except InvalidHandshake as error:
            raise OSError(f"The handshake failed: {error}") from error

    if urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError("the address starts with http:// or https://")
    live = Live(open_)
    running = asyncio.create_task(live.run())
    try:
        yield live
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def checksum(state: Mapping[str, Any]) -> str:
    """Of a state as frames carry it; equal on both sides, or one of them missed a patch."""
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _take_ticket(url: str, key: str, ssl: tls.SSLContext | None) -> str:
    ask = Request(f"{url.rstrip('/')}/api/v1/ws-tickets", method="POST", data=b"")  # noqa: S310  http(s) by connect
    ask.add_header("Authorization", f"Bearer {key}")
    try:
        with urlopen(ask, timeout=_TICKET_WAIT_S, context=ssl) as answer:  # noqa: S310
            return str(json.load(answer)["ticket"])
    except HTTPError as error:
        error.close()
        if error.code in {401, 403}:
            raise Refused(str(error.code), "The key is not valid, or may not follow anything.") from None
        raise OSError(f"No ticket: status {error.code}") from None
    except URLError as error:
        raise OSError(f"No ticket: {error.reason}") from None


def _text(received: str | bytes) -> str | bytes:
    """Large frames come packed; unpacking is bounded, like everything that comes from a wire."""
    if isinstance(received, str):
        return received
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    text = unpacker.decompress(received, MAX_FRAME_BYTES)
    if unpacker.unconsumed_tail:
        raise OSError("A packed frame is larger than a frame may be.")
    return text
