"""The process that stands over one local server: starts it in its jail, watches what it uses, and leaves nothing of it behind.

Started by the bridge as a small program of its own (standard library only). It hears orders on one local socket; when that ends,
because the bridge ended in whatever way, the server ends too. Server, descendants and keeper are three generations:

    keeper -> first of a room of processes (where the machine gives one) -> server -> whatever it starts

When the first of the room ends, the kernel ends everything in it at once. Without a room the keeper adopts every orphan of the
server's, however often it forked, and ends them one by one.
"""

import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from portico.bridge import jail

MOST_ORDER_BYTES = 1_000_000
END, KILL = b"T", b"K"
LOOK_EVERY_S = 0.2
TELL_EVERY_S = 1.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Keeper:
    def __init__(self, orders: socket.socket, ask: dict[str, Any]) -> None:
        self._orders, self._ask = orders, ask
        self._in_room = False
        self._child = 0
        self._told_at = 0.0
        self._told: tuple[int, int] = (0, 0)

    def run(self) -> None:
        wake, woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        jail.adopt_orphans()
        trouble = self._start()
        self._let_go_of_stdio()
        if trouble:
            self._tell({"error": trouble})
            self._end_all()
            return
        self._tell({"pid": self._child, "room": self._in_room})
        self._watch(wake)

    # -- start -------------------------------------------------------------------------------------------------------------------

    def _start(self) -> str:
        """What went wrong, or nothing."""
        self._in_room = jail.open_process_room()
        done, said = os.pipe2(os.O_CLOEXEC)
        self._child = os.fork()
        if self._child == 0:
            self._be_child(done, said)
        os.close(said)
        with os.fdopen(done, "rb") as words:
            return words.read(4000).decode(errors="replace")

    def _be_child(self, done: int, said: int) -> None:
        """Never returns. In a room this is the first process; the server is its child."""
        try:
            os.close(done)
            self._orders.close()
            jail.die_with_parent(signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            if self._in_room:
                server = os.fork()
                if server:
                    os.close(said)
                    _be_first(server)
                jail.die_with_parent(signal.SIGKILL)
            become_server(self._ask, said)
        except (OSError, ValueError, LookupError, TypeError, jail.JailImpossible) as error:
            os.write(said, f"{error}".encode()[:4000])
        finally:
            os._exit(127)

    def _let_go_of_stdio(self) -> None:
        """The bridge has to see the server's pipes end when the server ends."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)

    # -- watch -------------------------------------------------------------------------------------------------------------------

    def _watch(self, wake: int) -> None:
        while True:
            ready, _, _ = select.select([self._orders.fileno(), wake], [], [], LOOK_EVERY_S)
            if wake in ready:
                os.read(wake, 512)
            if self._orders.fileno() in ready:
                order = self._orders.recv(64)
                if not order or KILL in order:
                    self._end_all()
                    return
                self._ask_to_end()
            ended = self._ended()
            if ended is not None:
                self._tell({"exit": ended})
                self._end_all()
                return
            if self._over_limits():
                self._end_all()
                return

    def _ended(self) -> int | None:
        """The server's exit code, negative for a signal; others that were left to us are only reaped."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 0
            if pid == 0:
                return None
            if pid == self._child:
                code = os.waitstatus_to_exitcode(status)
                # The first of a room can only exit, so it says a signal as shells do.
                return 128 - code if self._in_room and code > 128 else code

    def _over_limits(self) -> bool:
        limits = self._ask["limits"]
        family = descendants(os.getpid())
        memory, processes = sum(resident_bytes(pid) for pid in family), len(family) - int(self._in_room)
        reason = ""
        if processes > limits["processes"]:
            reason = f"it ran {processes} processes; its limit is {limits['processes']}"
        elif memory > limits["memory_bytes"]:
            reason = f"it used {memory:,} bytes of memory; its limit is {limits['memory_bytes']:,}"
        if reason:
            self._tell({"killed": reason})
            return True
        now = time.monotonic()
        if now - self._told_at >= TELL_EVERY_S and (memory, processes) != self._told:
            self._told_at, self._told = now, (memory, processes)
            self._tell({"memory_bytes": memory, "processes": processes})
        return False

    def _tell(self, news: dict[str, Any]) -> None:
        try:
            self._orders.sendall(json.dumps(news).encode() + b"\n")
        except OSError:
            return

    # -- end ---------------------------------------------------------------------------------------------------------------------

    def _ask_to_end(self) -> None:
        """SIGTERM to the server and all it started; the first of a room passes it on to everyone in it."""
        for pid in [self._child] if self._in_room else descendants(os.getpid()):
            _signal(pid, signal.SIGTERM)

    def _end_all(self) -> None:
        """Everything below us, until nothing is left; what forks meanwhile is met in the next round."""
        if self._child and self._in_room:
            _signal(self._child, signal.SIGKILL)
        while True:
            for pid in descendants(os.getpid()):
                _signal(pid, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.005)


def _be_first(server: int) -> None:
    """The first process of a room: reaps, passes SIGTERM on, and ends with the server, which ends everybody else."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        _signal(-1, signal.SIGTERM)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    while True:
        pid, status = os.wait()
        if pid == server:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def become_server(ask: dict[str, Any], said: int) -> None:
    """Never returns. The order matters: whatever needs rights comes before the jail, and the jail before the program."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    limits = ask["limits"]
    if limits["cores"]:
        mine = sorted(os.sched_getaffinity(0))
        first = os.getpid() % len(mine)
        os.sched_setaffinity(0, set((mine + mine)[first : first + limits["cores"]]))
    bounds = [("CORE", 0), ("NOFILE", limits["files"]), ("FSIZE", limits["file_bytes"])]
    # Memory in use is watched; this stops what would take a multiple of it before anybody looks.
    bounds.append(("DATA", 2 * limits["memory_bytes"] + (512 << 20)))
    if limits["cpu_s"]:
        bounds.append(("CPU", limits["cpu_s"]))
    os.chdir(ask["folder"])
    os.umask(0o077)
    jail.bound(bounds)
    if ask["jail"] is not None:
        jail.enter(ask["jail"]["writable"], ask["jail"]["readable"], ask["jail"]["never"])
    else:
        jail.forbid_new_privileges()
    os.closerange(3, said)
    os.closerange(said + 1, 1024)
    try:
        os.execve(ask["program"], ask["arguments"], ask["environment"])  # noqa: S606  (a program and its arguments, no shell)
    except OSError as error:
        raise OSError(f"{ask['program']} could not be started: {error.strerror}") from error


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []
    found: list[int] = []
    for task in tasks:
        try:
            found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def read_order(orders: socket.socket) -> dict[str, Any]:
    """The first words on the socket: how many bytes, and what to start, as JSON."""
    (length,) = struct.unpack("!I", _exactly(orders, 4))
    if length > MOST_ORDER_BYTES:
        raise ValueError("the order is too long")
    ask: dict[str, Any] = json.loads(_exactly(orders, length))
    return ask


def _exactly(orders: socket.socket, count: int) -> bytes:
    words = b""
    while len(words) < count:
        more = orders.recv(count - len(words))
        if not more:
            raise EOFError
        words += more
    return words


def main(arguments: Sequence[str]) -> int:
    """`arguments`: the number of the inherited socket."""
    orders = socket.socket(fileno=int(arguments[0]))
    orders.set_inheritable(False)
    try:
        ask = read_order(orders)
    except (EOFError, ValueError):
        return 1
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Keeper(orders, ask).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
