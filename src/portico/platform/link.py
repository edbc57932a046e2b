"""Length-prefixed msgpack frames over a local socket: how our own processes talk. Both ends bound what they accept."""

import asyncio
import struct
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

# The address of every local tool server: the bridge is behind a local socket, and told by headers which server is meant.
BRIDGE_URL = "bridge://local/mcp"
BRIDGE_SOCKET = "bridge.sock"
MOST_FRAME_BYTES = 256 * 1024 * 1024
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
