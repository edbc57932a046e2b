"""Put load on one contestant and say what came back and what it cost the proxy."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from contestants import Serving, Target
from processes import LOAD_CORE, core_busy_s, proxy_core

HERE = Path(__file__).parent
STREAMS = 128
CHUNKS = 50
INTERVAL_MS = 20.0
# A step is longer than Portico's folder ever rests, so that a rest is not taken for the end of its work.
SETTLE_S, SETTLE_STEP_S, QUIET_SHARE = 45.0, 1.5, 0.05


class LoadFailed(Exception):
    pass


@dataclass(frozen=True)
class PlainCell:
    """One run of wrk. CPU times are the proxy's per request, NaN without a proxy: while the load ran, and in all (also by
    process), with the work it put off until afterwards. `foreign` is the share of the proxy's core that other programs took meanwhile."""

    connections: int
    rps: float
    p50_us: float
    p99_us: float
    cpu_us: float
    cpu_during_us: float
    requests: int
    failed: int
    foreign: float
    parts_us: dict[str, float]


@dataclass(frozen=True)
class StreamCell:
    """One run of streams. CPU times are per event that arrived, the set-up of the streams included."""

    events_per_s: float
    first_p50_ms: float
    first_p99_ms: float
    cpu_us: float
    cpu_during_us: float
    streams: int
    failed: int
    foreign: float


def run_plain(serving: Serving, *, connections: int, seconds: float) -> PlainCell:
    watch = Watch(serving)
    raw = _wrk(serving.plain, connections, seconds)
    cost = watch.stop()
    requests = int(raw["requests"])
    return PlainCell(
        connections=connections,
        rps=requests / raw["seconds"],
        p50_us=raw["p50_us"],
        p99_us=raw["p99_us"],
        cpu_us=_each_us(cost.in_all_s, requests),
        cpu_during_us=_each_us(cost.during_s, requests),
        requests=requests,
        failed=int(raw["failed"]),
        foreign=cost.foreign,
        parts_us={name: _each_us(spent_s, requests) for name, spent_s in cost.parts_s.items()},
    )


def run_streams(serving: Serving, *, seconds: float, streams: int = STREAMS) -> StreamCell:
    watch = Watch(serving)
    raw = _streams(serving.streamed, seconds, streams)
    cost = watch.stop()
    return StreamCell(
        events_per_s=raw["events"] / raw["seconds"],
        first_p50_ms=raw["first_p50_ms"],
        first_p99_ms=raw["first_p99_ms"],
        cpu_us=_each_us(cost.in_all_s, raw["events"]),
        cpu_during_us=_each_us(cost.during_s, raw["events"]),
        streams=int(raw["streams"]),
        failed=int(raw["failed"]),
        foreign=cost.foreign,
    )


def _each_us(seconds: float, count: float) -> float:
    return seconds * 1e6 / count if count else math.nan


@dataclass(frozen=True)
class Cost:
    during_s: float
    in_all_s: float
    foreign: float
    parts_s: dict[str, float]


class Watch:
    """From its making to `stop`: CPU seconds of the proxy, and the share of its core that went to others."""

    def __init__(self, serving: Serving) -> None:
        self._process = serving.process
        self._parts = self._parts_s()
        self._begun = (self._cpu_s(), core_busy_s(proxy_core()), time.perf_counter())

    def _cpu_s(self) -> float:
        return math.nan if self._process is None else self._process.cpu_s()

    def _parts_s(self) -> dict[str, float]:
        return {} if self._process is None else self._process.cpu_by_process_s()

    def stop(self) -> Cost:
        now = (self._cpu_s(), core_busy_s(proxy_core()), time.perf_counter())
        during_s, busy_s, elapsed_s = (after - before for after, before in zip(now, self._begun, strict=True))
        others_s = busy_s - (0 if math.isnan(during_s) else during_s)
        self._let_settle()
        parts_s = {name: spent_s - self._parts.get(name, 0) for name, spent_s in self._parts_s().items()}
        return Cost(during_s, self._cpu_s() - self._begun[0], max(0.0, others_s / elapsed_s), parts_s)

    def _let_settle(self) -> None:
        """Wait until the proxy has done what it put off, so that the cell that caused the work also bears it."""
        if self._process is None:
            return
        end = time.perf_counter() + SETTLE_S
        while time.perf_counter() < end:
            before = self._cpu_s()
            time.sleep(SETTLE_STEP_S)
            if self._cpu_s() - before <= QUIET_SHARE * SETTLE_STEP_S:
                return


def _wrk(target: Target, connections: int, seconds: float) -> dict[str, float]:
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s"]
    headers = "\n".join(f"{name}: {value}" for name, value in target.headers.items())
    env = {**os.environ, "BENCH_BODY": target.body, "BENCH_HEADERS": headers}
    command += ["-s", str(HERE / "load.lua"), target.url]
    return _last_json(
        subprocess.run(command, capture_output=True, text=True, env=env, timeout=seconds + 60, check=False)
    )


def _streams(target: Target, seconds: float, streams: int) -> dict[str, float]:
    plan = {
        "url": target.url,
        "headers": target.headers,
        "body": target.body,
        "streams": streams,
        "chunks": CHUNKS,
        "seconds": seconds,
        "stagger_s": CHUNKS * INTERVAL_MS / 1000,
        "grace_s": 60,
    }
    command = ["taskset", "-c", str(LOAD_CORE), sys.executable, str(HERE / "stream_load.py")]
    limit_s = seconds + 90
    return _last_json(
        subprocess.run(command, input=json.dumps(plan), capture_output=True, text=True, timeout=limit_s, check=False)
    )


def _last_json(done: subprocess.CompletedProcess[str]) -> dict[str, float]:
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise LoadFailed(f"the load generator failed: {(done.stderr or done.stdout).strip()[-300:]}")
    raw: dict[str, float] = json.loads(lines[-1])
    return raw
