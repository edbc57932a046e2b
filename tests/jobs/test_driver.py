"""Reconcilers run by nudge and by timer, one run at a time, and survive their own failures."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from portico.jobs import driver
from portico.jobs.driver import Activity, backoff_s, run_reconcilers
from portico.platform.bus import LocalBus


@dataclass
class Counter:
    every_s: float = 3600.0
    least_s: float = 0.0
    wakes_on: str | None = "topic"
    name: str = "counter"
    runs: int = 0
    at_once: int = 0
    most_at_once: int = 0
    does: Callable[[], Awaitable[None]] | None = None
    ran: asyncio.Event = field(default_factory=asyncio.Event)

    async def activate(self) -> str:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.does is not None:
                await self.does()
            return f"run {self.runs}"
        finally:
            self.at_once -= 1
            self.runs += 1
            self.ran.set()

    async def wait_for(self, runs: int) -> None:
        async with asyncio.timeout(10):
            while self.runs < runs:
                self.ran.clear()
                await self.ran.wait()


@asynccontextmanager
async def running(*reconcilers: Counter, bus: LocalBus, activity: Activity | None = None) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run_reconcilers(reconcilers, bus, activity))
        try:
            yield
        finally:
            task.cancel()


async def test_it_runs_at_start_and_at_each_nudge() -> None:
    bus, counter = LocalBus(), Counter()
    async with running(counter, bus=bus):
        await counter.wait_for(1)
        await asyncio.sleep(0.02)
        assert counter.runs == 1
        bus.nudge("other")
        await asyncio.sleep(0.02)
        assert counter.runs == 1
        bus.nudge("topic")
        await counter.wait_for(2)


async def test_it_runs_by_timer() -> None:
    counter = Counter(every_s=0.01, wakes_on=None)
    async with running(counter, bus=LocalBus()):
        await counter.wait_for(5)


async def test_many_nudges_are_one_run_and_a_nudge_during_a_run_is_not_lost() -> None:
    bus, gate = LocalBus(), asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    counter = Counter(does=wait)
    async with running(counter, bus=bus):
        await asyncio.sleep(0.01)
        for _ in range(50):
            bus.nudge("topic")
        gate.set()
        await counter.wait_for(2)
        await asyncio.sleep(0.05)
    assert (counter.runs, counter.most_at_once) == (2, 1)


async def test_it_rests_between_nudged_runs() -> None:
    bus, counter = LocalBus(), Counter(least_s=0.2)
    async with running(counter, bus=bus):
        await counter.wait_for(1)
        bus.nudge("topic")
        await asyncio.sleep(0.05)
        assert counter.runs == 1
        await counter.wait_for(2)


async def test_one_that_fails_backs_off_and_disturbs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "FIRST_BACKOFF_S", 0.001)
    monkeypatch.setattr(driver, "LONGEST_BACKOFF_S", 0.002)
    left = 3

    async def fail() -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise RuntimeError("the disk is on fire")

    bus, activity = LocalBus(), Activity()
    bad, good = Counter(name="bad", does=fail, wakes_on=None), Counter(name="good", every_s=0.005, wakes_on=None)
    async with running(bad, good, bus=bus, activity=activity):
        await bad.wait_for(1)
        await asyncio.sleep(0)
        assert activity.runs["bad"].failure == "RuntimeError: the disk is on fire"
        assert not activity.runs["bad"].healthy
        await bad.wait_for(4)
        await good.wait_for(5)
    assert activity.runs["bad"].healthy
    assert activity.runs["bad"].failure is None
    assert activity.runs["good"].status is not None
    assert activity.runs["good"].duration_s is not None


async def test_a_stop_is_clean() -> None:
    bus = LocalBus()
    async with running(Counter(), bus=bus):
        await asyncio.sleep(0.01)
    bus.nudge("topic")
    assert not bus._listeners["topic"]


def test_backoff_doubles_up_to_a_minute() -> None:
    assert [round(backoff_s(n) / 1.2, 1) <= min(0.5 * 2 ** (n - 1), 60) for n in range(1, 200)] == [True] * 199
    assert backoff_s(1) < 1 < 10 < backoff_s(6)
    assert 48 <= backoff_s(100) <= 72
