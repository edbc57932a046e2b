"""An open connection goes from one of our processes to another: its descriptor, with what was read from it already.

Each travels over a local connection of its own. The sender never waits, and keeps nothing: what the other process has not
taken yet is the kernel's, and ends with that process.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger("portico.handover")

MOST_READ_BYTES = 256 * 1024
_LENGTH = struct.Struct("!I")
_BACKLOG = 4096
# A sender connects and sends in one go; one that was stopped between the two is not waited for.
_ARRIVAL_S = 5.0
# How long no more are taken when this process may open no more files.
_REST_S = 1.0
# So many in a row, then the loop's other work gets its turn.
_AT_ONCE = 32

Take = Callable[[socket.socket, bytes], None]


def hand_over(path: str, descriptor: int, already_read: bytes) -> None:
    """raises OSError when nobody takes it; the connection is the caller's still"""
    parcel = _LENGTH.pack(len(already_read)) + already_read
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as way:
        way.setblocking(False)
        way.connect(path)
        # A part of it is as good as nothing: the other process lets go of what does not arrive whole.
        if socket.send_fds(way, [parcel], [descriptor]) < len(parcel):
            raise OSError("what was read is more than can be handed over at once")


class Landing:
    """Takes what is handed over at `path`; `take` gets each connection and what was read from it."""

    def __init__(self, path: Path, take: Take) -> None:
        self._path, self._take = path, take
        self._loop = asyncio.get_running_loop()
        self._arriving: dict[socket.socket, _Parcel] = {}
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._open = True
        self._listen()

    def close(self) -> None:
        """Take no more; who would hand over learns of it at once."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._path.unlink(missing_ok=True)
            for way in tuple(self._arriving):
                self._forget(way)

    def _listen(self) -> None:
        if self._open:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                way, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:
                log.exception("handover.not_taken")
                self._loop.remove_reader(self._listener)
                self._loop.call_later(_REST_S, self._listen)
                return
            way.setblocking(False)
            self._arriving[way] = _Parcel(self._loop.call_later(_ARRIVAL_S, self._forget, way))
            self._loop.add_reader(way, self._read, way)

    def _read(self, way: socket.socket) -> None:
        parcel = self._arriving[way]
        try:
            content, descriptors, _flags, _address = socket.recv_fds(way, MOST_READ_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            content, descriptors = b"", []
        parcel.add(content, descriptors)
        if parcel.whole:
            connection, already_read = parcel.open()
            self._forget(way)
            self._take(connection, already_read)
        elif not content or parcel.too_large:
            self._forget(way)

    def _forget(self, way: socket.socket) -> None:
        self._arriving.pop(way).drop()
        self._loop.remove_reader(way)
        way.close()


class _Parcel:
    """A connection on its way; what is not opened when it is dropped is closed."""

    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self._timer = timer
        self._content = b""
        self._connection: socket.socket | None = None

    def add(self, content: bytes, descriptors: list[int]) -> None:
        self._content += content
        for descriptor in descriptors:
            self._connection = socket.socket(fileno=descriptor)

    @property
    def whole(self) -> bool:
        size = _LENGTH.size
        if self._connection is None or len(self._content) < size:
            return False
        return len(self._content) == size + int(_LENGTH.unpack_from(self._content)[0])

    @property
    def too_large(self) -> bool:
        return len(self._content) > MOST_READ_BYTES

    def open(self) -> tuple[socket.socket, bytes]:
        connection, self._connection = self._connection, None
        assert connection is not None  # noqa: S101
        connection.setblocking(False)
        return connection, self._content[_LENGTH.size :]

    def drop(self) -> None:
        self._timer.cancel()
        if self._connection is not None:
            self._connection.close()
