"""How long the lists of calls take with a million calls on record, on SQLite: fold them, then ask as the API does.

    .venv/bin/python benchmarks/million_calls.py [--calls 1000000]

Takes about two minutes and 2 GB of disk in a temporary folder.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from portico.domains.tenancy import public as tenancy
from portico.domains.usage import public as usage
from portico.domains.usage.lines import encode_line
from portico.domains.usage.model import CallLine, Stage
from portico.kernel import ids
from portico.kernel.ids import OrgId
from portico.kernel.paging import PageAsk
from portico.platform import migrate
from portico.platform.deps import Deps, open_deps
from portico.platform.settings import Settings

ORG = OrgId("org_01J0000000000000000000ORG0")
START_US = 1_767_268_800_000_000
STEP_US = 100_000
LIMIT_MS, ASKED = 300.0, 7
STAGES = tuple(Stage(name, at * 10, 10) for at, name in enumerate(("identify", "admit", "route", "forward", "relay")))
ALLOWED = usage.CallFilter()
QUESTIONS = {
    "the newest": ALLOWED,
    "of a busy service": usage.CallFilter(service="inventory-1"),
    "of a service called 1 in 10,000 times": usage.CallFilter(service="rare"),
    "of a service that was never called": usage.CallFilter(service="none"),
    "of a busy key": usage.CallFilter(principal_id="key_1"),
    "of a key that never called": usage.CallFilter(principal_id="key_none"),
    "refused (1 in 10,000)": usage.CallFilter(verdict="refused"),
    "status 502 (1 in 10,000)": usage.CallFilter(status=502),
    "that cost more than any": usage.CallFilter(min_cost_microusd=10**9),
    "by correlation id": usage.CallFilter(words="req-500000"),
    "of one hour in the middle": usage.CallFilter(
        since=datetime.fromtimestamp((START_US + 50_000_000_000) / 1e6, UTC),
        until=datetime.fromtimestamp((START_US + 53_600_000_000) / 1e6, UTC),
    ),
}


def lines(count: int) -> Iterator[bytes]:
    """Calls of five keys to three services, with a few rare ones among them, as a gateway writes them."""
    chance = random.Random(1)
    for number in range(count):
        at_us, rare = START_US + number * STEP_US, chance.random()
        key, cost = f"key_{chance.randrange(5)}", chance.randrange(2000)
        line = CallLine(
            id="call_" + ids.ulid(at_us // 1000),
            at_us=at_us,
            org_id=ORG,
            scope="ENTERPRISE",
            principal_kind="key",
            principal_id=key,
            principal_name=key,
            service_id="svc_1",
            service="rare" if rare < 0.0001 else f"inventory-{chance.randrange(3)}",
            service_kind="model",
            dialect="openai",
            method="POST",
            path="/v1/chat/completions",
            verdict="refused" if 0.0001 <= rare < 0.0002 else "allowed",
            status=502 if 0.0002 <= rare < 0.0003 else 200,
            snapshot_version=1,
            correlation_id=f"req-{number}",
            trace="",
            duration_us=chance.randrange(500, 50_000),
            version="v1",
            endpoint="http://10.0.0.17:8080/v1",
            endpoint_id="end_1",
            model="gpt-large",
            attempts=1,
            tokens_in=112,
            tokens_out=180,
            cost_microusd=cost,
            bytes_in=540,
            bytes_out=1104,
            stages=STAGES,
        )
        yield encode_line(line) + b"\n"


async def measure(deps: Deps, wanted: usage.CallFilter) -> tuple[int, float]:
    """Rows found, and the median of several asks in milliseconds."""
    scope, took = tenancy.open_system_scope(ORG), []
    for _ in range(ASKED):
        began = time.perf_counter()
        page = await usage.list_calls(scope, wanted, PageAsk(50), deps)
        took.append((time.perf_counter() - began) * 1000)
    return len(page.items), statistics.median(took)


async def run(count: int, folder: Path) -> int:
    settings = replace(Settings(), data_dir=folder)
    await migrate.upgrade_database(settings)
    journal = folder / "journal" / "gateway-1"
    journal.mkdir(parents=True)
    with (journal / f"{ids.ulid()}-000000.jsonl").open("wb") as file:
        file.writelines(lines(count))
    async with open_deps(settings) as deps:
        began = time.process_time()
        await usage.fold_journals(deps)
        folding_us = (time.process_time() - began) / count * 1e6
        print(
            f"{count:,} calls folded at {folding_us:.1f} µs of CPU a call\n\n| calls | rows | median ms |\n|---|---|---|"
        )
        slowest = 0.0
        for what, wanted in QUESTIONS.items():
            rows, median_ms = await measure(deps, wanted)
            slowest = max(slowest, median_ms)
            print(f"| {what} | {rows} | {median_ms:.1f} |", flush=True)
    print(f"\nThe slowest list took {slowest:.0f} ms; wanted: < {LIMIT_MS:.0f} ms.")
    return 0 if slowest < LIMIT_MS else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    with tempfile.TemporaryDirectory(prefix="portico-million-") as folder:
        return asyncio.run(run(parser.parse_args().calls, Path(folder)))


if __name__ == "__main__":
    raise SystemExit(main())
