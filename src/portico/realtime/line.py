"""The way out of a socket: finished frames go straight to the transport, without a task or a coroutine for each.

uvicorn's own way is one coroutine per frame and socket, and it encodes the frame anew for each. Frames of a server are not
masked, so one frame is the same bytes for every socket: a fan-out is one encoding and a write for each socket.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION = "portico.line"


class Line(Protocol):
    """`on_ready` is called when the line takes more, after it was not ready."""

    on_ready: Callable[[], None] | None

    @property
    def ready(self) -> bool:
        """False while what was written before has not gone out: the client reads too slowly, or not at all."""
        ...

    def write(self, frame: bytes) -> None: ...

    def settle(self) -> None:
        """The client is known: let go of what only the handshake needed, for the hours that may follow."""
        ...

    def abort(self) -> None:
        """Cut the connection; nothing more is sent or read."""
        ...


class Mailbox:
    """What a client said and the application has not taken yet: a queue for one reader, a tenth of asyncio's in size."""

    __slots__ = ("_messages", "_reader")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, message: Any) -> None:
        self._messages.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        while not self._messages:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._messages.pop(0)

    def empty(self) -> bool:
        return not self._messages


class DirectLine(WebSocketsSansIOProtocol):
    """uvicorn's socket with a `Line` among the scope's extensions. Name it as `ws` in uvicorn's configuration."""

    on_ready: Callable[[], None] | None = None
    # Not asked of uvicorn's event each time: a fan-out looks at it once for every socket.
    ready = True

    def __init__(self, *given: Any, already_read: bytes = b"", **named: Any) -> None:
        super().__init__(*given, **named)
        self.queue = Mailbox()  # type: ignore[assignment]
        self._already_read = already_read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Before the first read of its own, which may bring what the client sent behind it.
        already_read, self._already_read = self._already_read, b""
        if already_read:
            self.data_received(already_read)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # Not there when the handshake was refused. The application starts after this turn and finds itself a line.
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][EXTENSION] = self

    def write(self, frame: bytes) -> None:
        if self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(frame)

    def settle(self) -> None:
        self.request = self.response = None  # type: ignore[assignment]
        self.scope["headers"] = []

    def abort(self) -> None:
        self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.ready = False

    def resume_writing(self) -> None:
        super().resume_writing()
        self.ready = True
        if self.on_ready is not None:
            self.on_ready()

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_ready = None
        super().connection_lost(exc)
