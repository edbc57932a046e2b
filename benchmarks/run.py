"""Portico side by side with a plain proxy and with its peers: one run, interleaved, medians. See README.md."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from contestants import Contestant, Serving, all_contestants
from load import CHUNKS, INTERVAL_MS, STREAMS, PlainCell, StreamCell, run_plain, run_streams
from processes import LOAD_CORE, proxy_core
from report import Raw, markdown, summarise
from upstreams import upstreams

HERE = Path(__file__).resolve().parent
CONNECTIONS = (1, 16, 64)


@dataclass(frozen=True)
class Pace:
    rounds: int
    warm_up_s: float
    plain_s: float
    stream_s: float


FULL, QUICK = Pace(3, 2.0, 8.0, 10.0), Pace(3, 0.5, 2.0, 3.0)


@dataclass
class Round:
    """One start of one contestant and all that was measured before it was stopped."""

    start_s: float
    rss_idle_mb: float
    rss_loaded_mb: float = math.nan
    plain: list[PlainCell] = field(default_factory=list)
    streamed: StreamCell | None = None
    stages: dict[str, float] = field(default_factory=dict)


@dataclass
class Record:
    version: str
    does: str
    rounds: list[Round] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds per cell: to see that it works")
    parser.add_argument("--only", default="", help="names of contestants besides direct, with commas")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    missing = [tool for tool in ("wrk", "taskset") if shutil.which(tool) is None]
    if missing:
        print(f"Cannot measure without {' and '.join(missing)} (Debian: apt-get install wrk util-linux).")
        return 2
    os.sched_setaffinity(0, {LOAD_CORE})
    only = frozenset(filter(None, arguments.only.split(",")))
    contestants, absent = all_contestants(only)
    for name, why in absent.items():
        print(f"*** {name} IS NOT IN THIS RUN: {why.reason} ***")
    result = measure(contestants, QUICK if arguments.quick else FULL)
    result |= {"quick": arguments.quick, "absent": {name: why.reason for name, why in absent.items()}}
    result["summary"] = summarise(result)
    text = markdown(result)
    print("\n" + text)
    print(f"Written to {store(result, text, arguments.results, quick=arguments.quick)}.{{json,md}}")
    broken = [name for name, record in result["records"].items() if record["problems"]]
    return 1 if broken else 0


def measure(contestants: list[Contestant], pace: Pace) -> Raw:
    records = {one.name: Record(one.version, one.does) for one in contestants}
    began = dt.datetime.now(dt.UTC)
    load_before = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="portico-bench-") as folder,
        upstreams(Path(folder), chunks=CHUNKS, interval_ms=INTERVAL_MS) as plain_upstream,
    ):
        for number in range(1, pace.rounds + 1):
            for one in contestants:
                print(f"round {number} of {pace.rounds}: {one.name}", flush=True)
                measure_one(one, records[one.name], Path(folder) / one.name, pace)
    return {
        "began": began.isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "kernel": platform.release().partition("-")[0],
            "python": platform.python_version(),
            "load_average_before": round(load_before, 2),
        },
        "setting": asdict(pace)
        | {"connections": CONNECTIONS, "streams": STREAMS, "chunks": CHUNKS, "interval_ms": INTERVAL_MS}
        | {"proxy_core": proxy_core(), "load_core": LOAD_CORE, "plain_upstream": plain_upstream},
        "records": {name: asdict(record) for name, record in records.items()},
    }


def measure_one(one: Contestant, record: Record, folder: Path, pace: Pace) -> None:
    try:
        with one.serve(folder) as serving:
            process = serving.process
            this = Round(process.start_s, process.rss_mb()) if process else Round(math.nan, math.nan)
            record.rounds.append(this)
            measure_cells(serving, this, pace)
            if process:
                this.rss_loaded_mb = process.rss_mb()
            if serving.stages:
                this.stages = serving.stages()
    except Exception as problem:  # whatever befalls one contestant, the others are still measured
        record.problems.append(told(problem, folder))
        print(f"*** {one.name}: {record.problems[-1]} ***", flush=True)
        keep_log(one.name, folder / "output.log")


def keep_log(name: str, log: Path) -> None:
    if log.exists():
        kept = HERE / ".run" / f"{name}.log"
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(log, kept)
        print(f"    what it wrote: benchmarks/.run/{kept.name}", flush=True)


def told(problem: Exception, folder: Path) -> str:
    """The problem in one line without this machine's paths, because results are kept and shown."""
    last = " ".join(str(problem).split("\n")[-3:]).strip() or "no reason given"
    for path in (folder, HERE.parent, Path.home()):
        last = last.replace(str(path), "...")
    return f"{type(problem).__name__}: {last[:300]}"


def measure_cells(serving: Serving, this: Round, pace: Pace) -> None:
    run_plain(serving, connections=16, seconds=max(1.0, pace.warm_up_s))
    run_streams(serving, seconds=pace.warm_up_s, streams=8)
    for connections in CONNECTIONS:
        this.plain.append(run_plain(serving, connections=connections, seconds=pace.plain_s))
    this.streamed = run_streams(serving, seconds=pace.stream_s)


def cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=HERE, capture_output=True, text=True, timeout=30, check=False
        ).stdout.strip()

    short = git("rev-parse", "--short", "HEAD") or "unknown"
    return short + ("+changes" if git("status", "--porcelain", "--", "../src") else "")


def store(result: Raw, text: str, folder: Path, *, quick: bool) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    short = str(result["commit"]).replace("+changes", "")
    name = f"{str(result['began'])[:10]}-{short}{'-quick' if quick else ''}"
    (folder / f"{name}.json").write_text(json.dumps(without_nan(result), indent=1) + "\n")
    (folder / f"{name}.md").write_text(text)
    return Path("benchmarks") / "results" / name if folder == HERE / "results" else folder / name


def without_nan(value: object) -> object:
    match value:
        case dict():
            return {str(key): without_nan(one) for key, one in value.items()}
        case list() | tuple():
            return [without_nan(one) for one in value]
        case float() if math.isnan(value):
            return None
        case float():
            return round(value, 6)
    return value


if __name__ == "__main__":
    sys.exit(main())
