"""Services of kind `tools`: what a remote MCP server may and may not say of itself."""

from dataclasses import replace
from typing import Any

import pytest

from portico.domains.hub import public as hub
from portico.domains.hub import service as registry
from portico.domains.hub.model import ServiceFilter
from portico.domains.routing.compile import compile_snapshot
from portico.kernel.errors import InvalidFields
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN
from tests.hub.test_routes import World, world

__all__ = ["world"]

TIME = hub.ServiceDraft("time", "tools", "http://127.0.0.1:9001/mcp")
METHOD = hub.Method("now", "GET", "/now", "", {"type": "object"})


async def test_a_tool_server_is_registered_found_and_shown_with_its_address(world: World) -> None:
    made = await world.client.post("/services", json={"name": "time", "kind": "tools", "url": TIME.url})
    assert made.status_code == 201, made.text
    assert made.json()["endpoint_url"] == "http://127.0.0.1:8009/mcp/time"
    listed = await world.client.get("/services", params={"kind": "tools"})
    assert [each["name"] for each in listed.json()["items"]] == ["time"]
    assert (await world.stranger.get("/services/time")).status_code == 404
    refused = await world.client.post("/services", json={"name": "web", "kind": "toolbox", "url": TIME.url})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"methods": (METHOD,)}, "methods"), ({"cache_ttl_s": 5}, "cache_ttl_s"), ({"models": ("m",)}, "models")],
)
async def test_what_belongs_to_other_kinds_is_refused(deps: Deps, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFields) as told:
        await hub.create_service(ADMIN, replace(TIME, **changes), deps)
    assert [problem.field for problem in told.value.fields] == [field]
    await hub.create_service(ADMIN, TIME, deps)
    with pytest.raises(InvalidFields):
        await registry.update_service(ADMIN, "time", changes, deps)


async def test_gateways_learn_the_kind(deps: Deps) -> None:
    await hub.create_service(ADMIN, TIME, deps)
    [entry] = (await compile_snapshot(deps)).services
    assert (entry.kind, entry.versions[0].endpoints[0].url) == ("tools", TIME.url)
    page = await registry.list_services(ADMIN, ServiceFilter(kind="tools"), "name", PageAsk(), deps)
    assert [each.name for each in page.items] == ["time"]
