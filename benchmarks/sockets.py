"""Thousands of WebSockets in one process, as cheap as a client can be: no library, no task and no copy for each."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

SENT_AT = re.compile(rb'"at_ns":\s*(\d+)')
# A state holds the last message too, but it is not that message's arrival.
STATE = b'{"type":"state"'
PONG = json.dumps({"type": "pong"})


@dataclass(frozen=True)
class Place:
    """Where the server listens: a unix socket, or a port on this machine."""

    unix: str | None = None
    port: int | None = None

    async def connect(self, make: Callable[[], Socket]) -> Socket:
        loop = asyncio.get_running_loop()
        if self.unix is not None:
            _, protocol = await loop.create_unix_connection(make, self.unix)
        else:
            _, protocol = await loop.create_connection(make, "127.0.0.1", self.port or 0)
        return protocol


@dataclass
class Arrivals:
    """Nanoseconds from the publisher's send to each socket, by message."""

    took_ns: dict[int, list[int]] = field(default_factory=dict)

    def note(self, sent_ns: int, now_ns: int) -> None:
        self.took_ns.setdefault(sent_ns, []).append(now_ns - sent_ns)


class Socket(asyncio.Protocol):
    def __init__(self, path: str, subprotocols: list[str], arrivals: Arrivals) -> None:
        self._path, self._subprotocols, self._arrivals = path, subprotocols, arrivals
        self._buffer = b""
        self._open = False
        self._waiting: asyncio.Future[dict[str, Any]] | None = None
        self._heard: list[dict[str, Any]] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {self._path} HTTP/1.1", "Host: bench", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        if self._subprotocols:
            lines.append(f"Sec-WebSocket-Protocol: {', '.join(self._subprotocols)}")
        transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        buffer = self._buffer + data
        if not self._open:
            head, end, rest = buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = buffer
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self._fail(f"the handshake was answered with {head[:200]!r}")
                return
            self._open, buffer = True, rest
        self._buffer = self._take_frames(buffer, now_ns)

    def _take_frames(self, buffer: bytes, now_ns: int) -> bytes:
        while len(buffer) >= 2:
            length, start = buffer[1] & 0x7F, 2
            if length == 126:
                length, start = int.from_bytes(buffer[2:4], "big"), 4
            elif length == 127:
                length, start = int.from_bytes(buffer[2:10], "big"), 10
            if len(buffer) < start + length:
                break
            self._take(buffer[0] & 0x0F, buffer[start : start + length], now_ns)
            buffer = buffer[start + length :]
        return buffer

    def _take(self, opcode: int, content: bytes, now_ns: int) -> None:
        if opcode == 8:
            self._fail(f"closed with {int.from_bytes(content[:2], 'big')}")
        elif not content.startswith(STATE) and (found := SENT_AT.search(content)):
            self._arrivals.note(int(found[1]), now_ns)
        elif b'"type":"ping"' in content:
            self.send_text(PONG)
        else:
            self._hear(json.loads(content))

    def _hear(self, frame: dict[str, Any]) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(frame)
        else:
            self._heard.append(frame)

    def _fail(self, why: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError(why))

    async def frame(self) -> dict[str, Any]:
        """The next that is neither a ping nor a measured message."""
        if self._heard:
            return self._heard.pop(0)
        self._waiting = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(30):
            return await self._waiting

    def send(self, **frame: Any) -> None:
        self.send_text(json.dumps(frame))

    def send_text(self, text: str) -> None:
        """Masked with zeros, which leaves the content as it is."""
        content = text.encode()
        size = struct.pack("!BH", 0x80 | 126, len(content)) if len(content) > 125 else bytes([0x80 | len(content)])
        assert self.transport is not None
        self.transport.write(b"\x81" + size + b"\0\0\0\0" + content)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()
