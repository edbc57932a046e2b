"""The gateway's record: one line per reservation and per finished call, appended to a plain file.

A write that returned survives kill -9. When the disk is full the journal says so, and no new call is taken; lines of calls
that were already under way are kept in memory and written first once there is room.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

from portico.domains.usage.lines import OPEN, encode

MOST_WAITING = 50_000


class Journal:
    def __init__(self, folder: Path, gateway_id: str, epoch: str, segment_bytes: int, now_us: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._epoch, self._segment_bytes = folder, epoch, segment_bytes
        self._number = 0
        self._file = -1
        self._written = 0
        self._waiting: deque[bytes] = deque()
        self._lines: list[bytes] = []
        self._then: list[Callable[[bool], None]] = []
        self._flush_planned = False
        self.trouble: str | None = None
        self.lost = 0
        self._open_segment()
        self._write(encode((OPEN, gateway_id, epoch, now_us)) + b"\n")

    @property
    def ok(self) -> bool:
        return self.trouble is None

    def write_soon(self, line: bytes) -> None:
        """A call's, written at the end of this turn of the loop, together with the others of the turn."""
        self._lines.append(line)
        if not self._flush_planned:
            self._plan_flush()

    def write_then(self, line: bytes, then: Callable[[bool], None]) -> None:
        """A reservation's, written with the others of this turn; `then(True)` once it is with the kernel, before the call leaves the house."""
        self._lines.append(line)
        self._then.append(then)
        if not self._flush_planned:
            self._plan_flush()

    def _plan_flush(self) -> None:
        self._flush_planned = True
        asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """One write for all lines of a turn; then the calls that waited for it go on."""
        self._flush_planned = False
        if self._lines:
            self._lines.append(b"")
            block = b"\n".join(self._lines)
            self._lines.clear()
            written = self._write(block)
            waiting, self._then = self._then, []
            for then in waiting:
                then(written)

    def retry(self) -> None:
        """Try to write what waits; called once a second while in trouble."""
        if self.trouble is not None and self._drain_waiting():
            self.trouble = None

    async def sync(self) -> None:
        """Push to the device, off the loop, so that a power cut loses at most the last second."""
        if self._file >= 0:
            await asyncio.get_running_loop().run_in_executor(None, _sync, self._file)

    def close(self) -> None:
        self.flush()
        self.retry()
        os.close(self._file)
        self._file = -1

    def _write(self, block: bytes) -> bool:
        if self.trouble is not None:
            self._keep(block, partial=False)
            return False
        if self._append(block):
            if self._written >= self._segment_bytes:
                self._next_segment()
            return True
        return False

    def _append(self, block: bytes) -> bool:
        """Write all of it, or keep what is left so that the file continues exactly where it stopped."""
        done = 0
        try:
            while done < len(block):
                done += os.write(self._file, block[done:] if done else block)
        except OSError as error:
            self._written += done
            self.trouble = f"the journal cannot be written: {error.strerror}"
            self._keep(block[done:], partial=done > 0)
            return False
        self._written += done
        return True

    def _keep(self, block: bytes, *, partial: bool) -> None:
        """Reservations that never reached the file are not kept: their calls are refused. One begun must be completed."""
        lines = block.splitlines(keepends=True)
        kept = [line for line in lines[partial:] if not line.startswith(b'["reserve",')]
        block = b"".join(lines[:partial] + kept)
        if not block:
            return
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(block)
        else:
            self.lost += 1

    def _drain_waiting(self) -> bool:
        while self._waiting:
            block = self._waiting.popleft()
            trouble, self.trouble = self.trouble, None
            if not self._append(block):
                # _append put the rest at the end; it belongs at the front.
                if self._waiting:
                    self._waiting.appendleft(self._waiting.pop())
                return False
            self.trouble = trouble
        return self._probe()

    def _probe(self) -> bool:
        """Room for at least one line? An empty line is skipped by readers."""
        try:
            os.write(self._file, b"\n")
        except OSError:
            return False
        return True

    def _open_segment(self) -> None:
        path = self._folder / f"{self._epoch}-{self._number:06d}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._written = os.fstat(self._file).st_size

    def _next_segment(self) -> None:
        old = self._file
        self._number += 1
        try:
            self._open_segment()
        except OSError as error:
            self._number -= 1
            self._file = old
            self.trouble = f"the journal cannot be continued: {error.strerror}"
            return
        os.close(old)


def _sync(file: int) -> None:
    try:
        os.fsync(file)
    except OSError:
        # Reported by the next write, which refuses calls; a segment closed meanwhile was synced by the kernel's own pace.
        return
