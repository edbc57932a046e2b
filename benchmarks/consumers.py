"""What following the log costs: one busy org, many orgs with a little news each, and many quiet ones.

    .venv/bin/python benchmarks/consumers.py [--postgres postgresql://…/an_empty_database]

The consumers of the house follow the log, as the control process drives them, until nothing is left. Figures are CPU
time of this process (the database server's own is not in them) and time on the clock, for the machine is rarely idle.
"""

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import event as sqlalchemy_event

from portico.domains.consumers.public import Following
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.domains.webhooks import service as webhooks
from portico.domains.webhooks.model import WebhookDraft
from portico.jobs.consume import ConsumeEvents
from portico.jobs.plan import consumers
from portico.kernel.ids import OrgId
from portico.platform import migrate
from portico.platform.deps import Deps, open_deps
from portico.platform.sections import Sealed
from portico.platform.settings import Settings

KIND = "service.updated.v1"
BUSY, LISTENED, ORGS, EACH, IDLE_PASSES = 5000, 2000, 1000, 6, 50
INSIDE = tenancy.open_system_scope(OrgId("org_heard"))
_MOST_PASSES = 500


class Statements:
    """Counts what is sent to the database."""

    def __init__(self, deps: Deps) -> None:
        self.number = 0
        sqlalchemy_event.listen(deps.db.sqlalchemy.sync_engine, "before_cursor_execute", self._note)

    def _note(self, *_: object) -> None:
        self.number += 1


async def record(deps: Deps, orgs: Sequence[str], each: int) -> None:
    for org in orgs:
        scope = tenancy.open_system_scope(OrgId(org))
        for start in range(0, each, 500):
            async with deps.uow() as tx:
                for number in range(start, min(each, start + 500)):
                    payload = {"service_id": f"svc_{number % 50}", "name": "inventory"}
                    await events.record(tx, scope, kind=KIND, payload=payload)


async def until_read(driver: ConsumeEvents) -> int:
    """Passes until one finds nothing."""
    for passes in range(1, _MOST_PASSES):
        if (await driver.activate()).consumed == 0:
            return passes
    raise RuntimeError("the consumers never came to the end of the log")


async def timed(what: str, number: int, driver: ConsumeEvents, statements: Statements) -> None:
    before, cpu, began = statements.number, time.process_time(), time.perf_counter()
    await until_read(driver)
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    said = statements.number - before
    print(f"| {what} | {number / cpu:,.0f} | {number / took:,.0f} | {said / number:.2f} |", flush=True)


async def idle(what: str, driver: ConsumeEvents, statements: Statements) -> None:
    cpus, tooks, before = [], [], statements.number
    for _ in range(IDLE_PASSES):
        cpu, began = time.process_time(), time.perf_counter()
        await driver.activate()
        cpus.append((time.process_time() - cpu) * 1000)
        tooks.append((time.perf_counter() - began) * 1000)
    said = (statements.number - before) / IDLE_PASSES
    figures = f"{statistics.median(cpus):.1f} ms of CPU, {statistics.median(tooks):.1f} ms, {said:.1f} statements"
    print(f"\nA pass over {what}: {figures}.", flush=True)


async def run(settings: Settings) -> None:
    await migrate.upgrade_database(settings)
    async with open_deps(settings) as deps:
        print(f"\n## {deps.db.engine_name}\n", flush=True)
        statements = Statements(deps)
        driver = ConsumeEvents(deps, Following(tuple(consumers(deps))))
        await driver.activate()
        print("| log | events per s of CPU | events per s | statements per event |\n|---|---|---|---|")
        many = [f"org_{number:04}" for number in range(ORGS)]
        await record(deps, ["org_busy"], BUSY)
        await timed(f"one org, {BUSY:,} events", BUSY, driver, statements)
        await webhooks.create_webhook(INSIDE, WebhookDraft("all", "http://127.0.0.1:9/"), deps)
        await until_read(driver)
        await record(deps, [INSIDE.org_id], LISTENED)
        await timed(f"one org with a webhook for all, {LISTENED:,} events", LISTENED, driver, statements)
        await record(deps, many, EACH)
        await timed(f"{ORGS:,} orgs, {EACH} events each", ORGS * EACH, driver, statements)
        await record(deps, many[:1], 100)
        await timed(f"100 events of one org beside {ORGS:,} quiet ones", 100, driver, statements)
        await idle(f"{ORGS:,} quiet orgs", driver, statements)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="the URL of an empty database")
    asked = parser.parse_args()
    print(f"# Following the log\n\nPython {platform.python_version()}, {os.cpu_count()} cores.")
    for url in ("", asked.postgres):
        if url is None:
            continue
        with tempfile.TemporaryDirectory(prefix="portico-consumers-") as folder:
            settings = replace(Settings(), data_dir=Path(folder))
            asyncio.run(run(replace(settings, database=replace(settings.database, url=Sealed(url)))))


if __name__ == "__main__":
    main()
