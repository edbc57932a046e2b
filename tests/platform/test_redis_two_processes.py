"""Two control processes on one database and one Redis: what one writes, the other hears of, reads and shows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import httpx2
import pytest

from portico.api.app import create_app
from portico.domains.hub import public as hub
from portico.domains.hub.model import ServiceFilter
from portico.domains.tenancy import public as tenancy
from portico.kernel.ids import OrgId
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps, open_deps
from portico.platform.redis_bus import RedisBus
from portico.platform.sections import RedisSettings, Sealed
from portico.realtime import pumps
from tests.realtime.served import reader_of, serve
from tests.redis_server import RedisServer

ENGINES = ("postgresql",)
PATIENCE_S = 10.0
DRAFT = hub.ServiceDraft("pricing", "http", "http://127.0.0.1:9")


@asynccontextmanager
async def two_processes(deps: Deps, server: RedisServer) -> AsyncIterator[tuple[Deps, Deps]]:
    """Opened as the control process opens its ground; the fixture's database is theirs."""
    settings = replace(deps.settings, redis=RedisSettings(url=Sealed(server.url)))
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(open_deps(settings)) for _ in range(2)]
        for each in (here, there):
            assert isinstance(each.bus, RedisBus)
            await asyncio.wait_for(each.bus.hearing.wait(), PATIENCE_S)
        yield here, there


async def org(deps: Deps) -> OrgId:
    return (await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", "a long enough password")).org_id


async def names(deps: Deps, org_id: OrgId) -> list[str]:
    page = await hub.list_services(tenancy.open_system_scope(org_id), ServiceFilter(), "name", PageAsk(), deps)
    return [each.name for each in page.items if each.kind != "builtin"]


@pytest.mark.req("SS27", "SP22")
async def test_a_write_in_one_is_seen_at_once_through_the_cache_of_the_other(
    deps: Deps, redis_server: RedisServer
) -> None:
    async with two_processes(deps, redis_server) as (here, there):
        acme = await org(here)
        assert await names(here, acme) == []
        assert await names(there, acme) == []
        assert there.cache.numbers["service_summaries"].hits == 1, "they share what one of them read"
        await hub.create_service(tenancy.open_system_scope(acme), DRAFT, here)
        assert await names(there, acme) == ["pricing"]
        assert await names(here, acme) == ["pricing"]
        assert here.cache.numbers["service_summaries"].hits == 1


@pytest.mark.req("SP22")
async def test_who_is_woken_by_a_write_elsewhere_reads_what_was_written(deps: Deps, redis_server: RedisServer) -> None:
    async with two_processes(deps, redis_server) as (here, there):
        acme = await org(here)
        assert await names(there, acme) == []
        woken = there.bus.listen("snapshot")
        await hub.create_service(tenancy.open_system_scope(acme), DRAFT, here)
        await asyncio.wait_for(woken.wait(), PATIENCE_S)
        assert await names(there, acme) == ["pricing"]


@pytest.mark.req("SP22", "SP16")
async def test_a_socket_at_one_shows_what_happens_in_the_other(
    deps: Deps, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without its timer, a pump looks again only when it is nudged.
    monkeypatch.setattr(pumps, "TICK_S", 3600.0)
    async with two_processes(deps, redis_server) as (here, there), serve(there) as served:
        reader = await reader_of(here, "acme")
        async with served.greeted(reader) as browser:
            snapshot = await browser.subscribe("events")
            assert snapshot["type"] == "snapshot"
            await hub.create_service(tenancy.open_system_scope(reader.scope.org_id), DRAFT, here)
            shown = await browser.receive()
        assert shown["type"] == "append"
        assert [each["kind"] for each in shown["items"]] == ["service.created.v1"]


@pytest.mark.req("SP22")
async def test_without_redis_both_go_on_and_meet_again(deps: Deps, redis_server: RedisServer) -> None:
    async with two_processes(deps, redis_server) as (here, there):
        acme = await org(here)
        await names(there, acme)
        redis_server.stop()
        await hub.create_service(tenancy.open_system_scope(acme), DRAFT, here)
        assert await names(here, acme) == ["pricing"]
        assert await names(there, acme) == ["pricing"]
        redis_server.start()
        for each in (here, there):
            assert isinstance(each.bus, RedisBus)
            await until(each.bus.hearing.is_set, "hearing again")
        woken = there.bus.listen("snapshot")
        await hub.create_service(tenancy.open_system_scope(acme), replace(DRAFT, name="stock"), here)
        await asyncio.wait_for(woken.wait(), PATIENCE_S)
        assert await names(there, acme) == ["pricing", "stock"]


async def redis_status(client: httpx2.AsyncClient) -> str:
    answer = await client.get("/status")
    assert answer.status_code == 200, answer.text
    return str(next(each["status"] for each in answer.json()["components"] if each["name"] == "redis"))


@pytest.mark.req("SP22")
async def test_the_status_says_whether_redis_is_there(deps: Deps, redis_server: RedisServer) -> None:
    async with two_processes(deps, redis_server) as (here, _):
        acme = await org(here)
        draft = tenancy.KeyDraft("status", ("settings.read",))
        _, secret = await tenancy.create_key(tenancy.open_system_scope(acme), draft, here)
        transport, headers = httpx2.ASGITransport(app=create_app(here)), {"authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://portico/api/v1", headers=headers) as client:
            assert await redis_status(client) == "healthy"
            redis_server.stop()
            await until(lambda: not here.bus.connected, "the loss to be noticed")
            assert await redis_status(client) == "degraded"


async def until(question: Callable[[], bool], what: str) -> None:
    for _ in range(int(PATIENCE_S * 100)):
        if question():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited in vain for {what}")
