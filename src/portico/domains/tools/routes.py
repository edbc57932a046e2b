"""Tools as the org sees them; policies are in policy_routes."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from portico.domains.tools import refresh, service
from portico.domains.tools.local_routes import router as local_servers
from portico.domains.tools.model import ToolState
from portico.domains.tools.policy_routes import router as policies
from portico.domains.tools.wire import (
    ApproveAsk,
    ApproveManyAsk,
    DeprecateAsk,
    RefreshedWire,
    ServerTermsAsk,
    ToolDetailWire,
    ToolPatch,
    ToolServerMeterWire,
    ToolTermsAsk,
    ToolTermsWire,
    ToolWire,
    detail_wire,
    meter_wire,
    refreshed_wire,
    tool_wire,
)
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs, whole_listing

servers = APIRouter(tags=["tools"])
tools = APIRouter(tags=["tools"])
# Local servers first: /tools/servers is not a tool of that name.
routers = (servers, local_servers, tools, policies)

ServerName = Annotated[str, Path(min_length=1, max_length=63)]
Word = Annotated[str | None, Query(min_length=1, max_length=63)]


@tools.get("/tools")
async def list_tools(
    deps: DepsDep,
    page: PageDep,
    server: Word = None,
    state: ToolState | None = None,
    q: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    scope: OrgScope = needs("tools.read"),
) -> Listing[ToolWire]:
    """By name. `state` quarantined and changed are what waits for somebody's decision."""
    return listing(await service.list_tools(scope, server, state, q, page, deps), tool_wire)


@tools.post("/tools/approve")
async def approve_tools(
    ask: ApproveManyAsk, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> Listing[ToolWire]:
    """All of them or none."""
    approved = await service.approve_tools(scope, [(each.id, each.pin) for each in ask.tools], deps)
    return whole_listing([tool_wire(each) for each in approved])


@tools.get("/tools/terms")
async def show_tool_terms(deps: DepsDep, scope: OrgScope = needs("tools.read")) -> ToolTermsWire:
    return ToolTermsWire(quarantine_always=await service.quarantines_always(scope, deps))


@tools.put("/tools/terms")
async def set_tool_terms(ask: ToolTermsAsk, deps: DepsDep, scope: OrgScope = needs("tools.manage")) -> ToolTermsWire:
    always = await service.set_quarantine_always(scope, ask.quarantine_always, deps)
    return ToolTermsWire(quarantine_always=always)


@tools.get("/tools/meter")
async def meter_tool_servers(deps: DepsDep, scope: OrgScope = needs("tools.read")) -> Listing[ToolServerMeterWire]:
    """What each server's tools cost in a model's context, by the server's name."""
    return whole_listing([meter_wire(each) for each in await service.meter_servers(scope, deps)])


@servers.post("/tools/servers/{server}/refresh")
async def refresh_tool_server(
    server: ServerName, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> RefreshedWire:
    """List the server's tools now. What is new or changed waits for approval; the first listing is approved with it."""
    return refreshed_wire(await refresh.refresh_server(scope, server, deps))


@servers.put("/tools/servers/{server}/terms")
async def set_tool_server_terms(
    server: ServerName, ask: ServerTermsAsk, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> ToolServerMeterWire:
    return meter_wire(await service.set_first_seen(scope, server, ask.first_seen, deps))


@tools.get("/tools/{tool_id}")
async def find_tool(tool_id: str, deps: DepsDep, scope: OrgScope = needs("tools.read")) -> ToolDetailWire:
    """With every definition it was seen with, and the difference that waits for a decision."""
    return detail_wire(await service.find_tool(scope, tool_id, deps))


@tools.patch("/tools/{tool_id}")
async def update_tool(tool_id: str, ask: ToolPatch, deps: DepsDep, scope: OrgScope = needs("tools.manage")) -> ToolWire:
    found = (await service.find_tool(scope, tool_id, deps)).named.tool
    sent = ask.model_fields_set
    ttl_s = ask.cache_ttl_s if "cache_ttl_s" in sent else found.cache_ttl_s
    cache_scope = ask.cache_scope if "cache_scope" in sent else found.cache_scope
    return tool_wire(await service.keep_results(scope, tool_id, ttl_s, cache_scope, deps))


@tools.post("/tools/{tool_id}/approve")
async def approve_tool(
    tool_id: str, ask: ApproveAsk, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> ToolWire:
    """The definition seen last. With `pin`, refused when that is no longer the one that was looked at."""
    (approved,) = await service.approve_tools(scope, [(tool_id, ask.pin)], deps)
    return tool_wire(approved)


@tools.post("/tools/{tool_id}/reject")
async def reject_tool(
    tool_id: str, ask: ApproveAsk, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> ToolWire:
    """It stays held back and no longer waits for a decision, until it changes again."""
    return tool_wire(await service.reject_tool(scope, tool_id, ask.pin, deps))


@tools.post("/tools/{tool_id}/disable")
async def disable_tool(tool_id: str, deps: DepsDep, scope: OrgScope = needs("tools.manage")) -> ToolWire:
    """Neither listed nor called until it is enabled."""
    return tool_wire(await service.disable_tool(scope, tool_id, deps))


@tools.post("/tools/{tool_id}/enable")
async def enable_tool(tool_id: str, deps: DepsDep, scope: OrgScope = needs("tools.manage")) -> ToolWire:
    """From disabled or deprecated; its definition still has to be approved."""
    return tool_wire(await service.enable_tool(scope, tool_id, deps))


@tools.post("/tools/{tool_id}/deprecate")
async def deprecate_tool(
    tool_id: str, ask: DeprecateAsk, deps: DepsDep, scope: OrgScope = needs("tools.manage")
) -> ToolWire:
    """It goes on working, and is shown as deprecated with the note."""
    return tool_wire(await service.deprecate_tool(scope, tool_id, ask.note, ask.sunset_at, deps))
