"""Length-prefixed msgpack frames over a local socket: how our own processes talk. Both ends bound what they accept."""

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import structlog

log = structlog.get_logger("portico.link")

# The address of every local tool server: the bridge is behind a local socket, and told by headers which server is meant.
BRIDGE_URL = "bridge://local/mcp"
BRIDGE_SOCKET = "bridge.sock"
MOST_FRAME_BYTES = 256 * 1024 * 1024
FIRST_PAUSE_S = 0.05
# While nobody listens the other process is starting, and it is dialled often. One that takes a link and lets go of it at
# once is in trouble, which haste does not mend.
LONGEST_PAUSE_S, LONGEST_PAUSE_IN_TROUBLE_S = 0.25, 5.0
LASTED_S = 1.0
_LENGTH = struct.Struct("!I")

Incoming = TypeVar("Incoming")


class LinkClosed(Exception):
    """The other process went away."""


class Link(Generic[Incoming]):
    """One connection; `receive` yields messages of the tagged union `incoming`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, incoming: Any) -> None:
        self._reader, self._writer = reader, writer
        self._decode = msgspec.msgpack.Decoder(incoming).decode
        self._encode = msgspec.msgpack.Encoder().encode

    async def receive(self) -> Incoming:
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(4))
            if length > MOST_FRAME_BYTES:
                raise LinkClosed(f"a frame of {length} bytes is larger than allowed")
            message: Incoming = self._decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError) as error:
            raise LinkClosed("the other process closed the link") from error
        return message

    async def send(self, message: msgspec.Struct) -> None:
        frame = self._encode(message)
        try:
            self._writer.write(_LENGTH.pack(len(frame)) + frame)
            async with asyncio.timeout(10):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise LinkClosed("the other process does not read") from error

    def close(self) -> None:
        self._writer.close()


async def dial(path: Path, incoming: Any) -> Link[Any]:
    """raises OSError while nobody listens"""
    return Link(*await asyncio.open_unix_connection(str(path)), incoming)


async def stay_linked(path: Path, incoming: Any, serve: Callable[[Link[Any]], Awaitable[None]]) -> None:
    """Dial, `serve` the link until it closes, dial again; until cancelled."""
    pause_s = FIRST_PAUSE_S
    while True:
        began = time.monotonic()
        try:
            link = await dial(path, incoming)
        except OSError:
            longest_s = LONGEST_PAUSE_S
        else:
            longest_s = LONGEST_PAUSE_IN_TROUBLE_S
            try:
                await serve(link)
            except* LinkClosed as closed:
                log.warning("link.closed", why=str(closed.exceptions[0]))
            finally:
                link.close()
            if time.monotonic() - began > LASTED_S:
                pause_s = FIRST_PAUSE_S
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, longest_s)
