"""Verbs on tools and their servers: look, approve, reject, disable, enable, deprecate, and how results are kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.tools import record, store
from portico.domains.tools.diff import DiffLine, diff_lines
from portico.domains.tools.errors import NothingToReject, PinMoved, TooMuchApproved
from portico.domains.tools.model import CacheScope, FirstSeen, Server, Tool, ToolState, ToolVersion
from portico.domains.tools.store import Metered, ToolFilter
from portico.kernel.errors import NotFound
from portico.kernel.ids import ServiceId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

_NOTHING = Metered(0, {})


@dataclass(frozen=True, slots=True)
class Named:
    """A tool with the name of its server."""

    tool: Tool
    server: str


@dataclass(frozen=True, slots=True)
class ToolDetail:
    """`diff` leads from what is approved (or nothing) to what was seen last."""

    named: Named
    versions: list[ToolVersion]
    diff: list[DiffLine]


@dataclass(frozen=True, slots=True)
class MeteredServer:
    server: Server
    name: str
    metered: Metered


async def list_tools(
    scope: OrgScope, server: str | None, state: ToolState | None, words: str | None, ask: PageAsk, deps: Deps
) -> Page[Named]:
    """Of the servers the caller may see."""
    async with deps.read() as tx:
        names = await hub.names_of_kind(tx, scope, "tools")
        wanted = [each for each, name in names.items() if server in {None, name}]
        page = await store.list_tools(tx, scope, ToolFilter(wanted, state, words), ask)
    named = [Named(tool, names[tool.service_id]) for tool in page.items]
    return Page(named, page.page, page.page_size, page.total, page.next_cursor)


async def find_tool(scope: OrgScope, tool_id: str, deps: Deps) -> ToolDetail:
    async with deps.read() as tx:
        named = await _seen(tx, scope, tool_id)
        versions = await store.versions_of(tx, scope, tool_id)
    texts = {each.pin: each.text for each in versions}
    before = None if named.tool.approved_pin is None else texts.get(named.tool.approved_pin)
    return ToolDetail(named, versions, diff_lines(before, texts[named.tool.seen_pin]))


async def approve_tools(scope: OrgScope, asked: Sequence[tuple[str, str | None]], deps: Deps) -> list[Named]:
    """All of them or none. Each by its id and, better, the pin that was looked at.

    raises   PinMoved (409) when the tool was seen with another definition meanwhile
    """
    now = deps.clock.now()
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        approved = [await _approve(tx, scope, tool_id, pin, now) for tool_id, pin in asked]
        if (await store.room_left(tx, scope)).tokens < 0:
            raise TooMuchApproved
        return approved


async def reject_tool(scope: OrgScope, tool_id: str, pin: str | None, deps: Deps) -> Named:
    """The definition seen last is not wanted: the tool stays held back and leaves the queue."""
    async with deps.uow() as tx:
        named = await _held(tx, scope, tool_id)
        tool = named.tool
        _must_still_be(tool, pin)
        if tool.seen_pin == tool.approved_pin:
            raise NothingToReject(tool.name)
        return await _saved(tx, scope, record.REJECTED, replace(tool, rejected_pin=tool.seen_pin), named.server)


async def disable_tool(scope: OrgScope, tool_id: str, deps: Deps) -> Named:
    async with deps.uow() as tx:
        named = await _held(tx, scope, tool_id)
        if named.tool.disabled:
            return named
        return await _saved(tx, scope, record.DISABLED, replace(named.tool, disabled=True), named.server)


async def enable_tool(scope: OrgScope, tool_id: str, deps: Deps) -> Named:
    """No longer disabled, no longer deprecated; what is not approved stays held back."""
    async with deps.uow() as tx:
        named = await _held(tx, scope, tool_id)
        tool = named.tool
        if not tool.disabled and tool.deprecated_at is None:
            return named
        kind = record.ENABLED if tool.disabled else record.RESTORED
        enabled = replace(tool, disabled=False, deprecated_at=None, sunset_at=None, note="")
        return await _saved(tx, scope, kind, enabled, named.server)


async def deprecate_tool(scope: OrgScope, tool_id: str, note: str, sunset_at: datetime | None, deps: Deps) -> Named:
    """It goes on working; whoever lists tools here learns why and until when."""
    now = deps.clock.now()
    async with deps.uow() as tx:
        named = await _held(tx, scope, tool_id)
        changed = replace(named.tool, deprecated_at=named.tool.deprecated_at or now, note=note, sunset_at=sunset_at)
        return await _saved(tx, scope, record.DEPRECATED, changed, named.server)


async def keep_results(scope: OrgScope, tool_id: str, ttl_s: int, cache_scope: CacheScope, deps: Deps) -> Named:
    """For how long the same call may be answered with an earlier result; 0 for never."""
    async with deps.uow() as tx:
        named = await _held(tx, scope, tool_id)
        changed = replace(named.tool, cache_ttl_s=ttl_s, cache_scope=cache_scope)
        return await _saved(tx, scope, record.SETTINGS, changed, named.server)


# --- servers ---------------------------------------------------------------------------------------------------------


async def meter_servers(scope: OrgScope, deps: Deps) -> list[MeteredServer]:
    """Every tool server the caller may see, by name, with what its tools cost in context."""
    async with deps.read() as tx:
        names = await hub.names_of_kind(tx, scope, "tools")
        known = await store.servers_of(tx, scope, list(names))
        metered = await store.meter_servers(tx, scope, list(names))
    found = [
        MeteredServer(
            known.get(service_id) or Server(ServiceId(service_id), scope.org_id),
            name,
            metered.get(service_id, _NOTHING),
        )
        for service_id, name in names.items()
    ]
    return sorted(found, key=lambda each: each.name)


async def set_first_seen(scope: OrgScope, server: str, first_seen: FirstSeen, deps: Deps) -> MeteredServer:
    """What happens to tools that are new; of use before the first listing above all."""
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        service_id = await server_id(tx, scope, server)
        known = await store.load_server(tx, scope, service_id) or Server(service_id, scope.org_id)
        changed = replace(known, first_seen=first_seen)
        await store.save_server(tx, scope, changed)
        action = "tool_server.terms"
        await record.record_server(tx, scope, record.TERMS_CHANGED, service_id, server, action, first_seen=first_seen)
        metered = await store.meter_servers(tx, scope, [service_id])
    return MeteredServer(changed, server, metered.get(service_id, _NOTHING))


async def set_quarantine_always(scope: OrgScope, always: bool, deps: Deps) -> bool:
    """For all servers of the org: nothing is approved by being listed first."""
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        await store.set_quarantine_always(tx, scope, always, deps.clock.now())
        await audit.record(tx, scope, action="tool_terms.set", severity="WARN", detail={"quarantine_always": always})
        tx.nudge("snapshot")
    return always


async def quarantines_always(scope: OrgScope, deps: Deps) -> bool:
    async with deps.read() as tx:
        return await store.quarantines_always(tx, scope)


async def tags_of(tx: Tx, scope: OrgScope, service_id: ServiceId) -> tuple[str, ...]:
    found = await hub.load_service(tx, scope, service_id)
    return () if found is None else found.tags


async def server_id(tx: Tx, scope: OrgScope, server: str) -> ServiceId:
    names = await hub.names_of_kind(tx, scope, "tools")
    found = next((service_id for service_id, name in names.items() if name == server), None)
    if found is None:
        raise NotFound("tool server", server)
    return ServiceId(found)


# --- inside ----------------------------------------------------------------------------------------------------------


async def _approve(tx: Tx, scope: OrgScope, tool_id: str, pin: str | None, now: datetime) -> Named:
    named = await _held(tx, scope, tool_id)
    tool = named.tool
    _must_still_be(tool, pin)
    if tool.approved_pin == tool.seen_pin:
        return named
    approved = replace(
        tool,
        approved_pin=tool.seen_pin,
        approved_as="person",
        approved_by=scope.actor.id,
        approved_at=now,
        rejected_pin=None,
    )
    return await _saved(tx, scope, record.APPROVED, approved, named.server, was=tool.approved_pin)


def _must_still_be(tool: Tool, pin: str | None) -> None:
    """Who decided about one definition has not decided about the next."""
    if pin is not None and pin != tool.seen_pin:
        raise PinMoved(tool.name, tool.seen_pin)


async def _saved(tx: Tx, scope: OrgScope, kind: str, tool: Tool, server: str, **detail: object) -> Named:
    await store.update_tool(tx, scope, tool)
    await record.record_tool(tx, scope, kind, tool, server, tool.seen_pin, detail)
    return Named(tool, server)


async def _held(tx: Tx, scope: OrgScope, tool_id: str) -> Named:
    await events.hold_log(tx, scope)
    return await _seen(tx, scope, tool_id, lock=True)


async def _seen(tx: Tx, scope: OrgScope, tool_id: str, *, lock: bool = False) -> Named:
    """A tool of a server that the caller may not see is not there."""
    tool = await store.load_tool(tx, scope, tool_id, lock=lock)
    name = None if tool is None else await hub.name_of_service(tx, scope, tool.service_id, "tools")
    if tool is None or name is None:
        raise NotFound("tool", tool_id)
    return Named(tool, name)
