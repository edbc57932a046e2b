"""Two control processes over one database: a nudge says look, the log says what; a lost nudge costs a moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from portico.domains.dashboards.model import DashboardDraft
from portico.domains.dashboards.service import create_dashboard
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.service.keys import revoke_key
from portico.platform.bus import LocalBus
from portico.platform.db import open_database
from portico.platform.deps import Deps
from portico.platform.redis_bus import running_bus
from portico.realtime import pumps
from portico.realtime.admission import SocketTerms
from tests.realtime.served import Client, key_of, reader_of, serve
from tests.realtime.test_rooms import DONE, OTHER_TAB, TAB, WRITES
from tests.redis_server import RedisServer


def other_process(deps: Deps, *, hears: bool) -> Deps:
    """The same database; its bus is the one they share, or one on which nothing of the first is heard."""
    return deps if hears else replace(deps, bus=LocalBus())


@pytest.mark.req("SP16", "HY9", "HY10")
@pytest.mark.parametrize("hears", [True, False], ids=["nudged", "not nudged"])
async def test_a_change_made_at_one_reaches_those_at_the_other(deps: Deps, hears: bool) -> None:
    ann = await reader_of(deps, "otter", (*WRITES, "events.read"))
    bob = await key_of(deps, ann.scope.org_id, WRITES)
    made = await create_dashboard(ann.scope, DashboardDraft("Ops", shared="org"), deps)
    room = f"dashboard:{made.id}"
    async with (
        serve(deps) as first,
        serve(other_process(deps, hears=hears)) as second,
        first.greeted(ann) as one,
        second.greeted(bob) as two,
    ):
        assert await one.subscribe(room, tab=TAB) == await two.subscribe(room, tab=OTHER_TAB)
        for number in range(6):
            writer, reader, tab = (one, two, TAB) if number % 2 else (two, one, OTHER_TAB)
            change = {"op": "add", "path": f"/view/v{number}", "value": {"n": number}}
            version = made.version + number
            await writer.send(type="patch", topic=room, tab=tab, version=version, ref=number, patch=[change])
            assert (await writer.receive())["version"] == version + 1
            heard = await reader.receive()
            assert (heard["type"], heard["version"], heard["patch"]) == ("patch", version + 1, [change])
        # Both at once: one of them wins, and the other is told what there is.
        asks = [(one, TAB), (two, OTHER_TAB)]
        for client, tab in asks:
            change = {"op": "add", "path": "/view/last", "value": {"by": tab}}
            await client.send(type="patch", topic=room, tab=tab, version=made.version + 6, ref=9, patch=[change])
        answers = [await answer_of(client) for client, _ in asks]
        assert sorted(answers) == ["conflict", "patched"]


async def answer_of(client: Client) -> str:
    while (frame := await client.receive())["type"] not in {"patched", "conflict"}:
        continue
    return str(frame["type"])


@pytest.mark.req("SP16", "SS2")
async def test_a_client_goes_on_at_another_process_where_it_stood(deps: Deps) -> None:
    reader = await reader_of(deps, "otter")
    system = tenancy.open_system_scope(reader.scope.org_id)

    async def tell(number: int) -> None:
        async with deps.uow() as tx:
            await events.record(tx, system, kind=DONE, payload={"number": number})

    async with serve(deps) as first, serve(other_process(deps, hears=True)) as second:
        async with first.greeted(reader) as client:
            cursor = (await client.subscribe("events"))["cursor"]
            await tell(1)
            cursor = (await client.receive())["cursor"]
        await tell(2)
        async with second.greeted(reader) as client:
            missed = await client.subscribe("events", cursor)
            assert [item["payload"]["number"] for item in missed["items"]] == [2]
            await tell(3)
            assert (await client.receive())["items"][0]["payload"] == {"number": 3}


@pytest.mark.req("SC8", "HY13")
async def test_a_key_revoked_at_one_process_loses_its_socket_at_the_other(deps: Deps) -> None:
    reader = await reader_of(deps, "otter")
    assert reader.key_id is not None
    terms = SocketTerms(recheck_s=0.2, recheck_least_s=0.01)
    async with (
        serve(deps) as _,
        serve(other_process(deps, hears=False), terms) as second,
        second.greeted(reader) as client,
    ):
        await client.subscribe("events")
        await revoke_key(tenancy.open_system_scope(reader.scope.org_id), reader.key_id, deps)
        async with asyncio.timeout(20):
            assert await client.closed() == 4401


@asynccontextmanager
async def process_over_redis(deps: Deps, server: RedisServer) -> AsyncIterator[Deps]:
    """A control process with connections of its own, to the database that all share and to Redis."""
    async with running_bus(server.url, "development") as bus:
        await asyncio.wait_for(bus.hearing.wait(), 10)
        database = open_database(deps.settings, bus, deps.clock)
        try:
            yield replace(deps, bus=bus, db=database)
        finally:
            await database.close()


@pytest.mark.req("SP16", "HY9", "HY10")
async def test_over_redis_the_other_process_hears_of_a_change_at_once(
    deps: Deps, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody looks by the clock, so what arrives was brought by a nudge.
    monkeypatch.setattr(pumps, "TICK_S", 600.0)
    ann = await reader_of(deps, "otter", (*WRITES, "events.read"))
    bob = await key_of(deps, ann.scope.org_id, (*WRITES, "events.read"))
    made = await create_dashboard(ann.scope, DashboardDraft("Ops", shared="org"), deps)
    room = f"dashboard:{made.id}"
    async with (
        process_over_redis(deps, redis_server) as here,
        process_over_redis(deps, redis_server) as there,
        serve(here) as first,
        serve(there) as second,
        first.greeted(ann) as one,
        second.greeted(bob) as two,
    ):
        await two.subscribe("events")
        await one.subscribe(room, tab=TAB)
        await two.subscribe(room, tab=OTHER_TAB)
        for number in range(3):
            change = {"op": "add", "path": f"/view/v{number}", "value": {"n": number}}
            version = made.version + number
            await one.send(type="patch", topic=room, tab=TAB, version=version, ref=number, patch=[change])
            assert (await one.receive())["type"] == "patched"
            frames = [await two.receive(), await two.receive()]
            assert {frame["topic"] for frame in frames} == {room, "events"}
            patch = next(frame for frame in frames if frame["topic"] == room)
            assert (patch["version"], patch["patch"]) == (version + 1, [change])
