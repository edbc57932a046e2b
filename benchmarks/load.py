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


class LoadFailed(Exception):
    pass


@dataclass(frozen=True)
class PlainCell:
    """One run of wrk. `cpu_us` is the proxy's CPU time per request, NaN without a proxy; `foreign` is the share of the
    proxy's core that programs other than the proxy took meanwhile."""

    connections: int
    rps: float
    p50_us: float
    p99_us: float
    cpu_us: float
    requests: int
    failed: int
    foreign: float


@dataclass(frozen=True)
class StreamCell:
    """One run of streams. `cpu_us` is the proxy's CPU time per event that arrived, the set-up of the streams included."""

    events_per_s: float
    first_p50_ms: float
    first_p99_ms: float
    cpu_us: float
    streams: int
    failed: int
    foreign: float


def run_plain(serving: Serving, *, connections: int, seconds: float) -> PlainCell:
    watch = Watch(serving)
    raw = _wrk(serving.plain, connections, seconds)
    spent_s, foreign = watch.stop()
    requests = int(raw["requests"])
    return PlainCell(
        connections=connections,
        rps=requests / raw["seconds"],
        p50_us=raw["p50_us"],
        p99_us=raw["p99_us"],
        cpu_us=spent_s * 1e6 / requests if requests else math.nan,
        requests=requests,
        failed=int(raw["failed"]),
        foreign=foreign,
    )


def run_streams(serving: Serving, *, seconds: float, streams: int = STREAMS) -> StreamCell:
    watch = Watch(serving)
    raw = _streams(serving.streamed, seconds, streams)
    spent_s, foreign = watch.stop()
    return StreamCell(
        events_per_s=raw["events"] / raw["seconds"],
        first_p50_ms=raw["first_p50_ms"],
        first_p99_ms=raw["first_p99_ms"],
        cpu_us=spent_s * 1e6 / raw["events"] if raw["events"] else math.nan,
        streams=int(raw["streams"]),
        failed=int(raw["failed"]),
        foreign=foreign,
    )


class Watch:
    """From its making to `stop`: CPU seconds of the proxy, and the share of its core that went to others."""

    def __init__(self, serving: Serving) -> None:
        self._process = serving.process
        self._begun = (self._cpu_s(), core_busy_s(proxy_core()), time.perf_counter())

    def _cpu_s(self) -> float:
        return math.nan if self._process is None else self._process.cpu_s()

    def stop(self) -> tuple[float, float]:
        now = (self._cpu_s(), core_busy_s(proxy_core()), time.perf_counter())
        spent_s, busy_s, elapsed_s = (after - before for after, before in zip(now, self._begun, strict=True))
        others_s = busy_s - (0 if math.isnan(spent_s) else spent_s)
        return spent_s, max(0.0, others_s / elapsed_s)


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
