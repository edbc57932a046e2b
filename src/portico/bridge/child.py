"""A local server's process as the bridge holds it: three pipes, and the socket to its keeper."""

import asyncio
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

SOURCE = str(Path(__file__).parents[2])
_KEEPER = (
    f"import sys;sys.path.insert(0,{SOURCE!r});from portico.bridge.keeper import main;sys.exit(main(sys.argv[1:]))"
)
# What the server has not read yet; more means that it does not read.
MOST_UNREAD_BYTES = 16 * 1024 * 1024
LAST_WORDS_S = 1.0
_REAP_TRIES = 400
_BREAKS_TO_SPACES = bytes.maketrans(b"\n\r", b"  ")


@dataclass(frozen=True, slots=True)
class Ask:
    """What to start, and within which bounds; the environment is all the process gets."""

    program: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    limits: dict[str, int | None]
    jail: dict[str, Any] | None

    def packed(self) -> bytes:
        words = orjson.dumps(
            {
                "program": self.program,
                "arguments": list(self.arguments),
                "environment": self.environment,
                "folder": self.folder,
                "limits": self.limits,
                "jail": self.jail,
            }
        )
        return struct.pack("!I", len(words)) + words


class Lines(asyncio.Protocol):
    """Cuts a pipe into lines. A line longer than allowed is told of once, and nothing after it is heard."""

    def __init__(self, most_bytes: int, heard: Callable[[bytes], None], too_long: Callable[[], None]) -> None:
        self._most, self._heard, self._too_long = most_bytes, heard, too_long
        self._rest = bytearray()
        self.deaf = False
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            return
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._rest:
                self._rest += line
                line = bytes(self._rest)
                self._rest.clear()
            if len(line) > self._most:
                self._stop()
            elif line:
                self._heard(line)
            if self.deaf:
                return
        self._rest += rest
        if len(self._rest) > self._most:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest and not self.deaf:
            self._heard(bytes(self._rest))
        self._rest.clear()
        self.ended.set()

    def _stop(self) -> None:
        self.deaf = True
        self._rest.clear()
        self._too_long()


class LogLines(Lines):
    """For what is only read by people: of a line that is too long the beginning is heard, and the rest is passed over."""

    def __init__(self, most_bytes: int, heard: Callable[[bytes], None]) -> None:
        super().__init__(most_bytes, heard, lambda: None)
        self._passing_over = False

    def data_received(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            if not self._passing_over:
                self._heard(bytes(self._rest + line)[: self._most])
            self._passing_over = False
            self._rest.clear()
        if not self._passing_over:
            self._rest += rest
        if len(self._rest) > self._most:
            self._heard(bytes(self._rest)[: self._most])
            self._passing_over = True
            self._rest.clear()


class Child:
    """Told through `news`: what the keeper says, and lastly {"gone": true}, when nothing of the server is left."""

    def __init__(self, news: Callable[[dict[str, Any]], None]) -> None:
        self._news = news
        self._keeper: subprocess.Popen[bytes] | None = None
        self._orders: asyncio.StreamWriter | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._pipes: list[asyncio.BaseTransport] = []
        self._listening: asyncio.Task[None] | None = None
        self._out: Lines | None = None

    async def start(self, ask: Ask, out: Lines, log: Lines) -> None:
        """raises OSError"""
        ours, theirs = socket.socketpair()
        self._out = out
        try:
            self._keeper = keeper = subprocess.Popen(  # noqa: ASYNC220, S603  (vfork and exec: a few milliseconds)
                [sys.executable, "-I", "-S", "-c", _KEEPER, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env={},
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        finally:
            theirs.close()
        ours.setblocking(False)
        reader, self._orders = await asyncio.open_connection(sock=ours)
        self._listening = asyncio.get_running_loop().create_task(self._listen(reader))
        loop = asyncio.get_running_loop()
        self._stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, keeper.stdin)
        heard, _ = await loop.connect_read_pipe(lambda: out, keeper.stdout)
        logged, _ = await loop.connect_read_pipe(lambda: log, keeper.stderr)
        self._pipes = [heard, logged]
        self._orders.write(ask.packed())

    def write(self, message: bytes) -> bool:
        """False when the server does not read what it was sent before, or is gone."""
        stdin = self._stdin
        if stdin is None or stdin.is_closing() or stdin.get_write_buffer_size() > MOST_UNREAD_BYTES:
            return False
        stdin.write(_on_one_line(message) + b"\n")
        return True

    def close_stdin(self) -> None:
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.close()

    def ask_to_end(self) -> None:
        self._order(b"T")

    def kill(self) -> None:
        if self._out is not None:
            self._out.deaf = True
        self._order(b"K")

    def _order(self, order: bytes) -> None:
        if self._orders is not None and not self._orders.is_closing():
            self._orders.write(order)

    async def gone(self) -> None:
        """Returns when nothing of the server is left."""
        if self._listening is not None:
            await asyncio.shield(self._listening)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Until the keeper ended; then the pipes are let go of, whoever may still hold their other ends."""
        while True:
            try:
                line = await reader.readline()
            except (OSError, ValueError):
                break
            if not line:
                break
            self._news(orjson.loads(line))
        await self._reap()
        if self._out is not None:
            # What the server said last may still be in the pipe.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._out.ended.wait(), LAST_WORDS_S)
        self.close_stdin()
        for pipe in self._pipes:
            pipe.close()
        if self._orders is not None:
            self._orders.close()
        self._news({"gone": True})

    async def _reap(self) -> None:
        keeper = self._keeper
        for _ in range(_REAP_TRIES):
            if keeper is None or keeper.poll() is not None:
                return
            await asyncio.sleep(0.005)
        if keeper is not None:
            keeper.kill()
            keeper.wait()


def _on_one_line(message: bytes) -> bytes:
    """A line is a message, so a client's line break between two tokens would let it send what nobody looked at.

    Within a text JSON has no line breaks, so each one can be a space.
    """
    return message.translate(_BREAKS_TO_SPACES) if b"\n" in message or b"\r" in message else message


def ending(code: int) -> str:
    """An exit code in words; negative ones are signals."""
    if code < 0:
        return f"It was ended by {_signal_name(-code)}."
    return f"It ended by itself with exit code {code}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
