"""Nudges: heard at once in this process, soon in the others, and never missed for good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from portico.platform.bus import Bus, LocalBus
from portico.platform.deps import open_bus
from portico.platform.redis_bus import RedisBus, backoff_s, running_bus
from portico.platform.sections import RedisSettings, Sealed
from portico.platform.settings import Settings
from tests.redis_server import RedisServer

PATIENCE_S = 10.0
QUICK_HEARTBEAT_S = 0.05


@asynccontextmanager
async def hearing_bus(server: RedisServer, heartbeat_s: float = 5.0) -> AsyncIterator[RedisBus]:
    async with running_bus(server.url, "development", heartbeat_s=heartbeat_s) as bus:
        await asyncio.wait_for(bus.hearing.wait(), PATIENCE_S)
        yield bus


async def heard(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), PATIENCE_S)


@pytest.fixture(params=["local", "redis"])
async def a_bus(request: pytest.FixtureRequest) -> Bus:
    """Both kinds as one process sees them; over Redis nothing needs to run for that."""
    if request.param == "local":
        return LocalBus()
    server: RedisServer = request.getfixturevalue("redis_server")
    from portico.platform.redis_link import open_redis

    return RedisBus(open_redis(server.url), open_redis(server.url), "portico:test:nudge")


# -- the contract of both ----------------------------------------------------------------------------------------------


async def test_a_listener_hears_its_topics_at_once_and_no_others(a_bus: Bus) -> None:
    both, one = a_bus.listen("calls", "events"), a_bus.listen("events")
    a_bus.nudge("calls")
    assert (both.is_set(), one.is_set()) == (True, False)
    a_bus.nudge("events")
    assert one.is_set()


async def test_nudges_that_nobody_waits_for_are_one(a_bus: Bus) -> None:
    listener = a_bus.listen("events")
    for _ in range(1000):
        a_bus.nudge("events")
    listener.clear()
    assert not listener.is_set()


async def test_a_forgotten_listener_hears_nothing(a_bus: Bus) -> None:
    listener = a_bus.listen("calls", "events")
    a_bus.forget(listener)
    a_bus.nudge("calls")
    a_bus.nudge("events")
    assert not listener.is_set()


# -- between processes -------------------------------------------------------------------------------------------------


@pytest.mark.req("SP22")
async def test_a_nudge_reaches_the_other_processes_and_does_not_come_back(redis_server: RedisServer) -> None:
    async with hearing_bus(redis_server) as here, hearing_bus(redis_server) as there:
        ours, theirs, other_topic = here.listen("events"), there.listen("events"), there.listen("calls")
        here.nudge("events")
        ours.clear()
        await heard(theirs)
        # What comes after it has come through the same channel, so an echo would be here by now.
        marker = here.listen("marker")
        there.nudge("marker")
        await heard(marker)
        assert (ours.is_set(), other_topic.is_set()) == (False, False)


@pytest.mark.req("SP22")
async def test_environments_on_one_redis_do_not_wake_each_other(redis_server: RedisServer) -> None:
    async with (
        running_bus(redis_server.url, "production") as production,
        hearing_bus(redis_server) as development,
        hearing_bus(redis_server) as neighbour,
    ):
        await heard(production.hearing)
        stranger, peer = production.listen("events"), neighbour.listen("events")
        development.nudge("events")
        await heard(peer)
        assert not stranger.is_set()


@pytest.mark.req("SP22")
async def test_losing_redis_costs_latency_and_no_nudge(redis_server: RedisServer) -> None:
    async with hearing_bus(redis_server) as here, hearing_bus(redis_server) as there:
        ours, theirs = here.listen("events"), there.listen("events")
        redis_server.stop()
        here.nudge("events")
        assert ours.is_set(), "this process does not need Redis to wake its own"
        theirs.clear()
        redis_server.start()
        # Whatever was said meanwhile was not heard, so everyone looks again.
        await heard(theirs)
        theirs.clear()
        await heard(here.hearing)
        await heard(there.hearing)
        here.nudge("events")
        await heard(theirs)


async def test_a_connection_that_has_gone_silent_is_given_up(redis_server: RedisServer) -> None:
    async with hearing_bus(redis_server, heartbeat_s=QUICK_HEARTBEAT_S) as bus:
        listener = bus.listen("events")
        redis_server.freeze()
        for _ in range(1000):
            if not bus.hearing.is_set():
                break
            await asyncio.sleep(0.01)
        assert not bus.hearing.is_set()
        listener.clear()
        redis_server.thaw()
        await heard(listener)


async def test_an_idle_connection_stays_heard_by_its_own_heartbeats(redis_server: RedisServer) -> None:
    async with hearing_bus(redis_server, heartbeat_s=QUICK_HEARTBEAT_S) as bus:
        listener = bus.listen("events")
        await asyncio.sleep(QUICK_HEARTBEAT_S * 6)
        assert bus.hearing.is_set()
        assert not listener.is_set(), "a heartbeat wakes nobody"


async def test_a_process_starts_without_redis_and_finds_it_later(redis_server: RedisServer) -> None:
    redis_server.stop()
    async with running_bus(redis_server.url, "development") as bus:
        listener = bus.listen("events")
        bus.nudge("events")
        assert listener.is_set()
        redis_server.start()
        await heard(bus.hearing)


async def test_a_failure_of_the_program_keeps_its_own_kind(redis_server: RedisServer) -> None:
    with pytest.raises(LookupError, match="of the program"):
        async with running_bus(redis_server.url, "development"):
            raise LookupError("of the program")


# -- the choice --------------------------------------------------------------------------------------------------------


@pytest.mark.req("SP22")
async def test_the_settings_choose_the_bus(settings: Settings, redis_server: RedisServer) -> None:
    from dataclasses import replace

    async with open_bus(settings) as bus:
        assert isinstance(bus, LocalBus)
    shared = replace(settings, redis=RedisSettings(url=Sealed(redis_server.url)))
    async with open_bus(shared) as bus:
        assert isinstance(bus, RedisBus)


def test_the_pauses_grow_and_end() -> None:
    pauses = [backoff_s(failures) for failures in range(60)]
    assert all(0 < pause <= 5 for pause in pauses)
    assert min(pauses[10:]) > max(pauses[:3])
