"""Looking at the cache and letting go of it by hand, at the management door."""

from typing import Any

import httpx2
import pytest

from portico.api.app import create_app
from portico.domains.hub import public as hub
from portico.domains.hub.model import ServiceFilter
from portico.domains.tenancy import public as tenancy
from portico.kernel.ids import OrgId
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps
from tests.isolation.two_orgs import PASSWORD

ENGINES = ("sqlite",)


async def org(deps: Deps, slug: str) -> OrgId:
    return (await tenancy.seed_owner(deps, slug.title(), slug, f"o@{slug}.example", "Owner", PASSWORD)).org_id


async def client_of(deps: Deps, org_id: OrgId, *permissions: str) -> httpx2.AsyncClient:
    _, secret = await tenancy.create_key(
        tenancy.open_system_scope(org_id), tenancy.KeyDraft("cache", permissions), deps
    )
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=create_app(deps)),
        base_url="http://portico/api/v1",
        headers={"authorization": f"Bearer {secret}"},
    )


async def list_services(deps: Deps, org_id: OrgId) -> None:
    await hub.list_services(tenancy.open_system_scope(org_id), ServiceFilter(), "name", PageAsk(), deps)


async def summaries(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/cache")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = next(each for each in answer.json()["items"] if each["family"] == "service_summaries")
    return found


@pytest.mark.req("SS27", "SP22", "HY22")
async def test_the_cache_shows_how_well_it_works(deps: Deps) -> None:
    acme = await org(deps, "acme")
    for _ in range(3):
        await list_services(deps, acme)
    async with await client_of(deps, acme, "settings.read") as client:
        shown = await summaries(client)
        staleness = shown.pop("staleness")
        assert shown == {
            "family": "service_summaries",
            "used": True,
            "kept_in": "memory",
            "ttl_s": 15,
            "hits": 2,
            "misses": 1,
            "errors": 0,
            "entries": 1,
        }
        assert 0 <= staleness["mean_s"] <= staleness["max_s"] < 15
        families = {each["family"]: each for each in (await client.get("/cache")).json()["items"]}
        assert families["templates"]["used"] is False
        assert families["templates"]["staleness"] == {"mean_s": None, "max_s": None}


@pytest.mark.req("SS27", "SP22", "SS2")
async def test_an_org_forgets_its_own_and_leaves_others_theirs(deps: Deps) -> None:
    acme, globex = await org(deps, "acme"), await org(deps, "globex")
    for each in (acme, globex):
        await list_services(deps, each)
    async with await client_of(deps, acme, "settings.read", "settings.manage", "audit.read") as client:
        answer = await client.post("/cache/forget", json={"family": "service_summaries"})
        assert (answer.status_code, answer.json()) == (200, {"forgotten": ["service_summaries"]})
        before = (await summaries(client))["misses"]
        await list_services(deps, globex)
        assert (await summaries(client))["misses"] == before
        await list_services(deps, acme)
        assert (await summaries(client))["misses"] == before + 1
        everything = await client.post("/cache/forget", json={})
        assert "org_settings" in everything.json()["forgotten"]
        assert (await client.post("/cache/forget", json={"family": "limits"})).status_code == 400
        trail = [each["action"] for each in (await client.get("/audit")).json()["items"]]
        assert trail.count("cache.forget") == 2


async def test_looking_and_forgetting_need_their_permissions(deps: Deps) -> None:
    acme = await org(deps, "acme")
    async with await client_of(deps, acme, "services.read") as nobody:
        assert (await nobody.get("/cache")).status_code == 403
    async with await client_of(deps, acme, "settings.read") as reader:
        assert (await reader.post("/cache/forget", json={})).status_code == 403
