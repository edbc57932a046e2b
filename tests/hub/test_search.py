import time
from dataclasses import replace

import pytest

from portico.domains.hub import public as hub
from portico.domains.hub.model import ServiceFilter
from portico.domains.hub.search import rank, search_services
from portico.domains.hub.tables import services
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, DEVELOPER, STRANGER

DRAFT = hub.ServiceDraft("x", "http", "http://127.0.0.1:9001")


async def names(deps: Deps, q: str, scope: object = ADMIN, threshold: float = 0.7, **wanted: str) -> list[str]:
    found = await search_services(scope, q, threshold, 10, ServiceFilter(**wanted), deps)  # type: ignore[arg-type]
    return [each.service.name for each in found]


@pytest.mark.req("SP11")
async def test_a_service_is_found_by_a_name_half_remembered(deps: Deps) -> None:
    for name, more in (
        ("inventory", {"description": "The stock of a small warehouse.", "tags": ("stock",), "layer": "L03"}),
        ("inventory-eu", {"capabilities": ("reserve",)}),
        ("pricing", {"description": "What things cost"}),
    ):
        await hub.create_service(ADMIN, replace(DRAFT, name=name, **more), deps)
    assert await names(deps, "inventory") == ["inventory", "inventory-eu"]
    assert (await names(deps, "inventroy"))[0] == "inventory"
    assert await names(deps, "prcing") == ["pricing"]
    assert "inventory" in await names(deps, "warehouse")
    assert (await names(deps, "stock"))[0] == "inventory"
    assert await names(deps, "reserve") == ["inventory-eu"]
    assert await names(deps, "zebra") == []
    assert await names(deps, "inventory", layer="L03") == ["inventory"]
    assert await names(deps, "inventory", tag="stock") == ["inventory"]
    assert await names(deps, "inventory", status="unhealthy") == []
    assert await names(deps, "inventory", STRANGER) == []
    assert await names(deps, "portico-hub") == ["portico-hub", *(await names(deps, "portico-hub"))[1:]]


async def test_a_restricted_service_is_not_found_by_those_who_may_not_see_it(deps: Deps) -> None:
    await hub.create_service(ADMIN, replace(DRAFT, name="secret-plans", visibility="restricted"), deps)
    assert await names(deps, "secret-plans") == ["secret-plans"]
    assert await names(deps, "secret-plans", DEVELOPER) == []


def test_a_score_says_how_close_and_why() -> None:
    assert rank("Inventory ", "inventory", "", [], []).score == 1.0
    near = rank("inventroy", "inventory", "", [], [])
    assert 0.7 < near.score < 1.0
    assert near.reason == "name is close to 'inventory'"
    assert rank("stock", "warehouse", "", ["stock"], []).reason == "tagged 'stock'"


@pytest.mark.req("SP11")
async def test_a_thousand_services_are_searched_within_a_tenth_of_a_second(deps: Deps) -> None:
    await hub.create_service(ADMIN, replace(DRAFT, name="first", description="One service of many, for stock"), deps)
    async with deps.uow() as tx:
        row = dict((await tx.execute(services.select())).one()._mapping)
        rows = [row | {"id": f"svc_{n}", "name": f"service-{n}", "tags": ["stock", "eu"]} for n in range(999)]
        await tx.execute(services.insert(), rows)
    spent = []
    for _ in range(3):
        began = time.process_time()
        found = await names(deps, "servise-512")
        spent.append(time.process_time() - began)
    print(f"{min(spent) * 1000:.0f} ms of CPU")
    assert found[0] == "service-512"
    assert min(spent) < 0.1
