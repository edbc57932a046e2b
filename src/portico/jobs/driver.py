"""Wakes reconcilers by nudge and by timer; keeps what became of each run for the status page."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import structlog

from portico.platform.bus import Bus

log = structlog.get_logger("portico.jobs")
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 60.0


class Reconciler(Protocol):
    """Looks, and does what is missing; idempotent, safe to run twice and in two processes.

    every_s    runs at least this often
    least_s    rests at least this long between runs, however often it is nudged
    wakes_on   the nudge that wakes it early
    """

    @property
    def name(self) -> str: ...
    @property
    def every_s(self) -> float: ...
    @property
    def least_s(self) -> float: ...
    @property
    def wakes_on(self) -> str | None: ...

    async def activate(self) -> object:
        """Returns a status worth showing."""
        ...


@dataclass(slots=True)
class Run:
    """What became of one reconciler so far."""

    name: str
    runs: int = 0
    started_at: datetime | None = None
    duration_s: float | None = None
    status: str | None = None
    failures_in_a_row: int = 0
    failure: str | None = None

    @property
    def healthy(self) -> bool:
        return self.failures_in_a_row == 0


@dataclass(slots=True)
class Activity:
    """The runs by name; the status page reads it while they go on."""

    runs: dict[str, Run] = field(default_factory=dict)


async def run_reconcilers(reconcilers: Sequence[Reconciler], bus: Bus, activity: Activity | None = None) -> None:
    """Run all of them until cancelled. One that fails is tried again later and disturbs no other."""
    activity = activity or Activity()
    async with asyncio.TaskGroup() as group:
        for reconciler in reconcilers:
            run = activity.runs[reconciler.name] = Run(reconciler.name)
            group.create_task(_drive(reconciler, bus, run), name=f"reconcile {reconciler.name}")


async def _drive(reconciler: Reconciler, bus: Bus, run: Run) -> None:
    nudged = bus.listen(reconciler.wakes_on) if reconciler.wakes_on else asyncio.Event()
    try:
        while True:
            # Cleared before looking: a nudge during the run means that there may be more to see.
            nudged.clear()
            await _activate(reconciler, run)
            if run.failures_in_a_row:
                await asyncio.sleep(backoff_s(run.failures_in_a_row))
            else:
                await _rest(nudged, reconciler)
    finally:
        bus.forget(nudged)


async def _activate(reconciler: Reconciler, run: Run) -> None:
    run.started_at, began = datetime.now(UTC), time.monotonic()
    try:
        status = await reconciler.activate()
    except Exception as error:
        run.failures_in_a_row += 1
        run.failure = f"{type(error).__name__}: {error}"[:500]
        log.exception("reconciler_failed", reconciler=reconciler.name, in_a_row=run.failures_in_a_row)
    else:
        run.failures_in_a_row, run.failure, run.status = 0, None, str(status)[:500]
    run.runs += 1
    run.duration_s = time.monotonic() - began


async def _rest(nudged: asyncio.Event, reconciler: Reconciler) -> None:
    await asyncio.sleep(reconciler.least_s)
    try:
        await asyncio.wait_for(nudged.wait(), max(reconciler.every_s - reconciler.least_s, 0))
    except TimeoutError:
        return


def backoff_s(failures_in_a_row: int) -> float:
    """Doubles up to a minute; jittered, so that what failed together does not come back together."""
    return min(FIRST_BACKOFF_S * 2.0 ** (min(failures_in_a_row, 20) - 1), LONGEST_BACKOFF_S) * random.uniform(0.8, 1.2)
