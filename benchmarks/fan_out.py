"""Fan-out side by side: one message to every socket through Portico, and through the plain `websockets` library.

Portico runs whole (`portico serve`): the message is a change of a dashboard's state, checked, stored and then sent to all who
have it open, reached on the control process's own socket and through the gateway. The peer only broadcasts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvloop
from peers import Absent
from portico_peer import make_owner, post, prepare_portico, sign_in
from processes import LOAD_CORE, Running, proxy_core, running
from sockets import Arrivals, Place, Socket

PORT, PLAIN_PORT = 18145, 18146
RESULTS = Path(__file__).with_name("results")
ROUNDS, SOCKETS, FEW, MESSAGES, IDLE_SOCKETS = 3, 1000, 10, 60, 5000
AT_ONCE = 16
PAUSE_S = 0.15
FILL = "x" * 700
MEASURED = ("connect_p50", "connect_p99", "connect_max", "p50", "p99", "to_all_p99", "cpu_message_ms", "cpu_socket_us")


@dataclass
class Cell:
    """One way in one round. Times in ms; CPU of a message to a handful of sockets in ms, and in µs for each socket more."""

    way: str
    connect_p50: float
    connect_p99: float
    connect_max: float
    p50: float
    p99: float
    to_all_p99: float
    cpu_message_ms: float
    cpu_socket_us: float
    cpu_by_process_us: dict[str, float]
    lost: int


@contextmanager
def portico(folder: Path) -> Iterator[tuple[Running, httpx2.Client]]:
    installed = prepare_portico()
    if isinstance(installed, Absent):
        sys.exit(f"Portico cannot be measured: {installed.reason}")
    many = str(IDLE_SOCKETS * 2)
    env = {
        "PORTICO_PORT": str(PORT),
        "PORTICO_DATA_DIR": str(folder),
        "PORTICO_SERVER_DRAIN_S": "1",
        "PORTICO_GATEWAY_MAX_CONNECTIONS": "20000",
        "PORTICO_GATEWAY_MAX_WAITING_PER_ENDPOINT": "20000",
        "PORTICO_REALTIME_MAX_SOCKETS": many,
        "PORTICO_REALTIME_MAX_SOCKETS_PER_SCOPE": many,
        "PORTICO_REALTIME_MAX_SOCKETS_PER_PERSON": many,
    }
    password = secrets.token_urlsafe(24)
    make_owner(installed, env, password)
    command, ready = [*installed.program, "serve"], (PORT, "/health")
    log = folder / "output.log"
    with (
        running(command, core=proxy_core(), ready_url=ready, log=log, env=env, patience_s=60) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=15) as client,
    ):
        sign_in(client, password)
        yield process, client


@contextmanager
def plain(place: Place) -> Iterator[Running]:
    where = ["--unix", place.unix] if place.unix else ["--port", str(place.port)]
    program = str(Path(__file__).with_name("plain_broadcast.py"))
    command = ["taskset", "-c", str(proxy_core()), sys.executable, program, *where]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield Running(process.pid, 0)
    finally:
        process.kill()
        process.wait(10)


class Crowd:
    """Many sockets, each of which follows the same dashboard where there is one."""

    def __init__(self, place: Place, client: httpx2.Client | None, dashboard: str | None) -> None:
        self.place, self.client, self.dashboard = place, client, dashboard
        self.arrivals = Arrivals()
        self.sockets: list[Socket] = []
        self.took_ms: list[float] = []

    async def gather(self, count: int) -> None:
        """A few at a time, as people come; a ticket is taken before the clock runs."""
        for begun in range(0, count, AT_ONCE):
            tickets = [self._ticket() for _ in range(min(AT_ONCE, count - begun))]
            self.sockets += await asyncio.gather(*map(self._join, tickets))

    def _ticket(self) -> list[str]:
        if self.client is None:
            return []
        return ["portico.v1", "ticket." + str(post(self.client, "/ws-tickets", {})["ticket"])]

    async def _join(self, subprotocols: list[str]) -> Socket:
        begun = time.perf_counter()
        socket = await self.place.connect(lambda: Socket("/ws", subprotocols, self.arrivals))
        assert (await socket.frame())["type"] == "hello"
        self.took_ms.append((time.perf_counter() - begun) * 1000)
        if self.dashboard:
            socket.send(type="subscribe", topic=f"dashboard:{self.dashboard}", tab=str(uuid.uuid4()))
            frame = await socket.frame()
            assert frame["type"] == "state", frame
        return socket

    def close(self) -> None:
        for socket in self.sockets:
            socket.close()


class Publisher:
    """One more socket, which changes the dashboard; each is another key, because a key may change so much in a minute."""

    def __init__(self, crowd: Crowd, client: httpx2.Client | None) -> None:
        self._crowd, self._version, self._tab = crowd, 0, str(uuid.uuid4())
        self._topic = f"dashboard:{crowd.dashboard}"
        self._subprotocols: list[str] = []
        if client is not None:
            draft: dict[str, object] = {
                "name": f"bench-{uuid.uuid4().hex[:8]}",
                "permissions": ["dashboards.read", "dashboards.manage"],
            }
            secret = post(client, "/keys", draft)["secret"]
            headers = {"Authorization": f"Bearer {secret}"}
            answer = httpx2.post(f"http://127.0.0.1:{PORT}/api/v1/ws-tickets", headers=headers, timeout=15)
            self._subprotocols = ["portico.v1", f"ticket.{answer.json()['ticket']}"]

    async def __aenter__(self) -> Publisher:
        self._socket = await self._crowd.place.connect(lambda: Socket("/ws", self._subprotocols, Arrivals()))
        assert (await self._socket.frame())["type"] == "hello"
        if self._crowd.dashboard:
            self._socket.send(type="subscribe", topic=self._topic, tab=self._tab)
            self._version = (await self._socket.frame())["version"]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def publish(self) -> None:
        value = {"at_ns": time.monotonic_ns(), "fill": FILL}
        change = {"op": "add", "path": "/view/bench", "value": value}
        self._socket.send(type="patch", topic=self._topic, tab=self._tab, version=self._version, ref=1, patch=[change])
        if self._crowd.dashboard:
            answer = await self._socket.frame()
            assert answer["type"] == "patched", answer
            self._version = answer["version"]


async def measure(way: str, process: Running, crowd: Crowd, client: httpx2.Client | None) -> Cell:
    """First to a few sockets, which shows what a message costs by itself, then to all."""
    await crowd.gather(FEW)
    # Once for nothing: what a program does only in its first moments would count for the few.
    await _publish(process, crowd, client)
    few_s, few_by = await _publish(process, crowd, client)
    await crowd.gather(SOCKETS - FEW)
    crowd.arrivals.took_ns.clear()
    many_s, many_by = await _publish(process, crowd, client)
    crowd.close()
    print(f"{way}: measured", file=sys.stderr)
    by_message = [sorted(took) for took in crowd.arrivals.took_ns.values()]
    all_ms = sorted(took / 1e6 for message in by_message for took in message)
    more = MESSAGES * (SOCKETS - FEW)
    return Cell(
        way,
        connect_p50=round(_share(sorted(crowd.took_ms), 0.5), 2),
        connect_p99=round(_share(sorted(crowd.took_ms), 0.99), 2),
        connect_max=round(max(crowd.took_ms), 2),
        p50=round(_share(all_ms, 0.5), 2),
        p99=round(_share(all_ms, 0.99), 2),
        to_all_p99=round(_share(sorted(message[-1] / 1e6 for message in by_message), 0.99), 2),
        cpu_message_ms=round(few_s / MESSAGES * 1000, 2),
        cpu_socket_us=round((many_s - few_s) / more * 1e6, 2),
        cpu_by_process_us={
            name: round((spent - few_by.get(name, 0)) / more * 1e6, 2) for name, spent in many_by.items()
        },
        lost=MESSAGES * SOCKETS - len(all_ms),
    )


async def _publish(process: Running, crowd: Crowd, client: httpx2.Client | None) -> tuple[float, dict[str, float]]:
    """The CPU seconds spent meanwhile, in all and by process."""
    async with Publisher(crowd, client) as publisher:
        await asyncio.sleep(1)
        before, before_by = process.cpu_s(), process.cpu_by_process_s()
        for _ in range(MESSAGES):
            await publisher.publish()
            await asyncio.sleep(PAUSE_S)
        await asyncio.sleep(1)
        after_by = process.cpu_by_process_s()
        return process.cpu_s() - before, {name: spent - before_by.get(name, 0) for name, spent in after_by.items()}


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def one_round(folder: Path) -> list[Cell]:
    cells = []
    for way, place in (
        ("websockets, unix", Place(unix=str(folder / "plain.sock"))),
        ("websockets, TCP", Place(port=PLAIN_PORT)),
    ):
        with plain(place) as process:
            cells.append(await measure(way, process, Crowd(place, None, None), None))
    with portico(folder / "data") as (process, client):
        board = post(client, "/dashboards", {"name": "bench", "shared": "org"})["id"]
        direct = Place(unix=str(folder / "data" / "run" / "control.sock"))
        for way, place in (("Portico, unix", direct), ("Portico, through the gateway", Place(port=PORT))):
            cells.append(await measure(way, process, Crowd(place, client, board), client))
    shutil.rmtree(folder / "data", ignore_errors=True)
    return cells


async def idle(folder: Path) -> dict[str, float]:
    """Resident MB of each process before and after many sockets that follow the log and say nothing."""
    found: dict[str, float] = {}
    with portico(folder / "data") as (process, client):
        found |= {f"{name} before": each for name, each in _resident(process).items()}
        crowd = Crowd(Place(port=PORT), client, None)
        await crowd.gather(IDLE_SOCKETS)
        for socket in crowd.sockets:
            socket.send(type="subscribe", topic="events")
        for socket in crowd.sockets:
            assert (await socket.frame())["type"] == "snapshot"
        await asyncio.sleep(2)
        found |= {f"{name} with {IDLE_SOCKETS}": each for name, each in _resident(process).items()}
        crowd.close()
    shutil.rmtree(folder / "data", ignore_errors=True)
    return found


def _resident(process: Running) -> dict[str, float]:
    found = {}
    for pid in process.pids():
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()
        kb = next((int(line.split()[1]) for line in status if line.startswith("VmRSS:")), 0)
        found[words[-1] if words else "?"] = round(kb / 1024, 1)
    return found


def report(kept: dict[str, Any]) -> str:
    lines = [
        f"# Fan-out of one message to {SOCKETS} sockets",
        "",
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores. The server, with all its processes, has "
        "one of them, the sockets' other ends the other; the load average says what else was going on.",
    ]
    if cells := kept.get("cells"):
        lines += ["", *_fan_out_lines(cells, kept["cells_when"])]
    if memory := kept.get("memory_mb"):
        lines += ["", f"Resident memory, {kept['memory_when']}:", "", "| process | MB |", "|---|---|"]
        lines += [f"| {name} | {each} |" for name, each in sorted(memory.items())]
    return "\n".join([*lines, ""])


def _fan_out_lines(cells: list[dict[str, Any]], when: str) -> list[str]:
    ways = list(dict.fromkeys(cell["way"] for cell in cells))
    lines = [
        f"{MESSAGES} messages of about 1 KB in each of {len(cells) // len(ways)} rounds, medians of the rounds, {when}:",
        "",
        "| way | connect and sign in p50 / p99 / max ms | p50 ms | p99 ms | to all, p99 ms | CPU ms per message | and µs per socket | lost |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for way in ways:
        mine = [cell for cell in cells if cell["way"] == way]
        mid = {name: round(statistics.median(cell[name] for cell in mine), 1) for name in MEASURED}
        connect = " / ".join(str(mid[f"connect_{each}"]) for each in ("p50", "p99", "max"))
        rest = " | ".join(str(mid[name]) for name in MEASURED[3:])
        lines.append(f"| {way} | {connect} | {rest} | {sum(cell['lost'] for cell in mine)} |")
    return lines


def _keep(found: dict[str, Any], part: str) -> str:
    """Take the place of what an earlier run found; the rest stays as it was."""
    path = RESULTS / "fan-out.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    when = f"{time.strftime('%Y-%m-%d')}, load average {os.getloadavg()[1]:.1f}"
    kept |= {**found, f"{part}_when": when}
    path.write_text(json.dumps(kept, indent=1) + "\n")
    text = report(kept)
    (RESULTS / "fan-out.md").write_text(text)
    return text


async def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--only", choices=["fan-out", "idle"])
    chosen = asked.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory(prefix="fan-out-") as folder:
        if chosen.only != "idle":
            cells = [cell for _ in range(chosen.rounds) for cell in await one_round(Path(folder))]
            print(_keep({"cells": [asdict(cell) for cell in cells]}, "cells"))
        if chosen.only != "fan-out":
            print(_keep({"memory_mb": await idle(Path(folder))}, "memory"))


if __name__ == "__main__":
    uvloop.run(main())
