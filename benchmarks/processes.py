"""Start what is measured, pinned to a core, and read from /proc what it costs."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
STOP_TIMEOUT_S = 15.0
LOAD_CORE = 0


def proxy_core() -> int:
    return 1 if (os.cpu_count() or 1) > 1 else 0


class DidNotStart(Exception):
    pass


@dataclass(frozen=True)
class Running:
    """A started program and all processes it started."""

    pid: int
    start_s: float

    def pids(self) -> list[int]:
        parents: dict[int, tuple[int, int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                parents[int(entry.name)] = (int(fields[1]), int(fields[3]))
        family = {self.pid}
        for _ in range(8):
            family |= {pid for pid, (parent, session) in parents.items() if parent in family or session == self.pid}
        return sorted(family)

    def cpu_s(self) -> float:
        """User and system time of the family, with that of its members that have ended and been waited for."""
        stats = [_stat(pid) for pid in self.pids()]
        return sum(int(ticks) for fields in stats if fields for ticks in fields[11:15]) / TICKS_PER_S

    def cpu_by_process_s(self) -> dict[str, float]:
        """The same by process, named by the last word of its command line."""
        parts: dict[str, float] = {}
        for pid in self.pids():
            if fields := _stat(pid):
                name = _last_word(pid)
                parts[name] = parts.get(name, 0) + sum(map(int, fields[11:13])) / TICKS_PER_S
        return parts

    def rss_mb(self) -> float:
        return sum(_resident_kb(pid) for pid in self.pids()) / 1024


def core_busy_s(core: int) -> float:
    """Time this core has spent in programs since the machine began, whoever they belong to."""
    lines = Path("/proc/stat").read_text().splitlines()
    fields = next(line.split() for line in lines if line.startswith(f"cpu{core} "))
    return sum(map(int, fields[1:4])) / TICKS_PER_S


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name: state, ppid, pgrp, session, ..., utime at 11."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _last_word(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()
    except OSError:
        return "?"
    return Path(words[-1]).name if words else "?"


def _resident_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


@contextmanager
def running(
    command: list[str], *, core: int, ready_url: tuple[int, str], log: Path, env: dict[str, str], patience_s: float
) -> Iterator[Running]:
    """Start, wait for the first 200 from (port, path), and stop the whole family at the end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        begun = time.perf_counter()
        process = _spawn(command, core, output, env)
        try:
            _await_ready(process, *ready_url, patience_s)
            yield Running(process.pid, time.perf_counter() - begun)
        finally:
            _stop(process)


def _spawn(command: list[str], core: int, output: IO[bytes], env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **env},
        start_new_session=True,
    )


def _await_ready(process: subprocess.Popen[bytes], port: int, path: str, patience_s: float) -> None:
    end = time.perf_counter() + patience_s
    while time.perf_counter() < end:
        if process.poll() is not None:
            raise DidNotStart(f"ended with code {process.returncode} before it was ready")
        if _answers(port, path):
            return
        time.sleep(0.005)
    raise DidNotStart(f"not ready after {patience_s:.0f} s")


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the session we started it in, so nothing of it lives on into the next measurement."""
    family = {pid: _born(pid) for pid in Running(process.pid, 0).pids()} if process.poll() is None else {}
    for number, patience_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, 5.0)):
        _signal_quietly(os.killpg, process.pid, number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
    for pid, born in family.items():
        if _born(pid) == born != "":
            _signal_quietly(os.kill, pid, signal.SIGKILL)


def _born(pid: int) -> str:
    """When the process began; with the pid it names one process for sure, since pids are given out again."""
    fields = _stat(pid)
    return fields[19] if fields else ""


def _signal_quietly(send: Callable[[int, int], None], target: int, number: int) -> None:
    with suppress(ProcessLookupError):
        send(target, number)
