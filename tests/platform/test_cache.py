"""The cache of reads: shared only by those who see the same, forgotten at a write, never kept past its time."""

import asyncio

import pytest

from portico.platform.bus import LocalBus
from portico.platform.cache import ReadCache


@pytest.mark.req("SS27")
async def test_a_write_makes_the_next_read_a_real_one() -> None:
    bus, reads = LocalBus(), 0
    cache = ReadCache(bus)

    async def load() -> int:
        nonlocal reads
        reads += 1
        return reads

    assert [await cache.read("services", "org", "all", 60, load) for _ in range(3)] == [1, 1, 1]
    assert await cache.read("services", "another org", "all", 60, load) == 2
    bus.nudge("snapshot")
    assert await cache.read("services", "org", "all", 60, load) == 3
    assert (cache.hits["services"], cache.misses["services"]) == (2, 3)


@pytest.mark.req("SS27")
async def test_what_was_read_before_a_write_is_not_kept_after_it() -> None:
    bus = LocalBus()
    cache, began, go_on = ReadCache(bus), asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        began.set()
        await go_on.wait()
        return "old"

    async def quick() -> str:
        return "new"

    reading = asyncio.create_task(cache.read("services", "org", "all", 60, slow))
    await began.wait()
    bus.nudge("snapshot")
    go_on.set()
    assert await reading == "old"
    assert await cache.read("services", "org", "all", 60, quick) == "new"


@pytest.mark.req("SS27")
async def test_nothing_outlives_its_time_or_the_bound() -> None:
    cache = ReadCache(LocalBus(), most_entries=2)
    asked: list[str] = []

    async def ask(what: str, ttl_s: float = 60) -> None:
        async def load() -> str:
            asked.append(what)
            return what

        await cache.read("services", "org", what, ttl_s, load)

    await ask("gone at once", ttl_s=0)
    await ask("gone at once")
    for what in ("a", "b", "a", "b", "gone at once"):
        await ask(what)
    assert asked == ["gone at once", "gone at once", "a", "b", "gone at once"]


async def test_a_failed_read_is_not_kept() -> None:
    cache = ReadCache(LocalBus())

    async def fail() -> str:
        raise OSError("the database is away")

    async def succeed() -> str:
        return "here"

    with pytest.raises(OSError, match="away"):
        await cache.read("services", "org", "all", 60, fail)
    assert await cache.read("services", "org", "all", 60, succeed) == "here"
