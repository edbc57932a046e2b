"""SQL of tools, their definitions and their servers; policies are in policy_store, the Snapshot's reading in snapshot_store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, and_, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.tools.model import MOST_ORG_TOKENS, MOST_ORG_TOOLS, Server, Tool, ToolState, ToolVersion
from portico.domains.tools.tables import tool_servers as servers
from portico.domains.tools.tables import tool_terms as terms
from portico.domains.tools.tables import tool_versions as versions
from portico.domains.tools.tables import tools
from portico.kernel.errors import InvalidInput
from portico.kernel.ids import OrgId, ServiceId, ToolId
from portico.kernel.paging import Page, PageAsk, SortValues, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx

_FIXED = frozenset({"id", "org_id", "service_id", "name", "first_seen_at"})


@dataclass(frozen=True, slots=True)
class ToolFilter:
    """`service_ids` are the servers that the reader may see, or the one that was asked for."""

    service_ids: Sequence[str]
    state: ToolState | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Metered:
    """What the tools of one server that are offered cost in context, and how many there are in each state."""

    tokens: int
    states: dict[str, int]


async def insert_tool(tx: Tx, scope: OrgScope, tool: Tool) -> None:
    await tx.execute(tools.insert().values(_row(tool) | {"org_id": scope.org_id}))


async def update_tool(tx: Tx, scope: OrgScope, tool: Tool) -> None:
    row = {name: value for name, value in _row(tool).items() if name not in _FIXED}
    await tx.execute(update(tools).where(tools.c.org_id == scope.org_id, tools.c.id == tool.id).values(row))


async def load_tool(tx: Tx, scope: OrgScope, tool_id: str, *, lock: bool = False) -> Tool | None:
    query = select(tools).where(tools.c.org_id == scope.org_id, tools.c.id == tool_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _tool_of(row)


async def tools_of(tx: Tx, scope: OrgScope, service_id: str) -> list[Tool]:
    query = select(tools).where(tools.c.org_id == scope.org_id, tools.c.service_id == service_id)
    return [_tool_of(row) for row in await tx.execute(query.order_by(tools.c.name))]


async def find_tool(tx: Tx, scope: OrgScope, service_id: str, name: str) -> Tool | None:
    query = select(tools).where(tools.c.org_id == scope.org_id, tools.c.service_id == service_id, tools.c.name == name)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _tool_of(row)


async def list_tools(tx: Tx, scope: OrgScope, wanted: ToolFilter, ask: PageAsk) -> Page[Tool]:
    """By name, then id."""
    where = _passes(scope, wanted)
    query = select(tools).where(where).order_by(tools.c.name, tools.c.id).limit(ask.page_size + 1)
    if ask.cursor is not None:
        name, last_id = _place(ask.cursor.after)
        query = query.where(or_(tools.c.name > name, and_(tools.c.name == name, tools.c.id > last_id)))
    rows = [_tool_of(row) for row in await tx.execute(query)]
    total = (await tx.execute(select(func.count()).select_from(tools).where(where))).scalar_one()
    return make_page(rows, ask, lambda tool: (tool.name, tool.id), int(total))


class Room(NamedTuple):
    """How many more tools an org may have, and how many more tokens of definitions approved."""

    tools: int
    tokens: int


async def room_left(tx: Tx, scope: OrgScope) -> Room:
    approved = case((tools.c.approved_pin.is_not(None), tools.c.tokens), else_=0)
    sums = select(func.count().label("number"), func.coalesce(func.sum(approved), 0).label("tokens"))
    row = (await tx.execute(sums.where(tools.c.org_id == scope.org_id))).one()
    return Room(MOST_ORG_TOOLS - int(row.number), MOST_ORG_TOKENS - int(row.tokens))


async def meter_servers(tx: Tx, scope: OrgScope, service_ids: Sequence[str]) -> dict[str, Metered]:
    offered = tools.c.state.in_(["approved", "deprecated"])
    query = (
        select(
            tools.c.service_id,
            tools.c.state,
            func.count().label("number"),
            func.sum(case((offered, tools.c.tokens), else_=0)).label("tokens"),
        )
        .where(tools.c.org_id == scope.org_id, tools.c.service_id.in_(service_ids))
        .group_by(tools.c.service_id, tools.c.state)
    )
    found: dict[str, Metered] = {}
    for row in await tx.execute(query):
        before = found.get(row.service_id, Metered(0, {}))
        found[row.service_id] = Metered(before.tokens + int(row.tokens), before.states | {row.state: row.number})
    return found


# --- definitions -----------------------------------------------------------------------------------------------------


async def insert_version(tx: Tx, scope: OrgScope, version: ToolVersion) -> None:
    row = {name: getattr(version, name) for name in ToolVersion.__dataclass_fields__}
    await tx.execute(versions.insert().values(row | {"org_id": scope.org_id}))


async def versions_of(tx: Tx, scope: OrgScope, tool_id: str) -> list[ToolVersion]:
    """Oldest first."""
    query = select(versions).where(versions.c.org_id == scope.org_id, versions.c.tool_id == tool_id)
    return [_version_of(row) for row in await tx.execute(query.order_by(versions.c.number))]


async def find_version(tx: Tx, scope: OrgScope, tool_id: str, pin: str) -> ToolVersion | None:
    query = select(versions).where(
        versions.c.org_id == scope.org_id, versions.c.tool_id == tool_id, versions.c.pin == pin
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _version_of(row)


async def drop_versions(tx: Tx, scope: OrgScope, tool_id: str, below: int, keep: Sequence[str]) -> None:
    """Those numbered lower, except the pins to keep."""
    await tx.execute(
        delete(versions).where(
            versions.c.org_id == scope.org_id,
            versions.c.tool_id == tool_id,
            versions.c.number < below,
            versions.c.pin.not_in(keep),
        )
    )


# --- servers ---------------------------------------------------------------------------------------------------------


async def load_server(tx: Tx, scope: OrgScope, service_id: str) -> Server | None:
    query = select(servers).where(servers.c.org_id == scope.org_id, servers.c.service_id == service_id)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _server_of(row)


async def servers_of(tx: Tx, scope: OrgScope, service_ids: Sequence[str]) -> dict[str, Server]:
    query = select(servers).where(servers.c.org_id == scope.org_id, servers.c.service_id.in_(service_ids))
    return {row.service_id: _server_of(row) for row in await tx.execute(query)}


async def save_server(tx: Tx, scope: OrgScope, server: Server) -> None:
    row = {name: getattr(server, name) for name in Server.__dataclass_fields__} | {"org_id": scope.org_id}
    into = sqlite.insert(servers) if tx.engine == "sqlite" else postgresql.insert(servers)
    changed = {name: value for name, value in row.items() if name not in {"service_id", "org_id"}}
    statement = into.values(row).on_conflict_do_update(
        index_elements=["service_id"], set_=changed, where=servers.c.org_id == scope.org_id
    )
    await tx.execute(statement)


async def all_servers(tx: Tx, scope: PlatformScope) -> dict[str, Server]:
    return {row.service_id: _server_of(row) for row in await tx.execute(select(servers))}


async def quarantines_always(tx: Tx, scope: OrgScope) -> bool:
    query = select(terms.c.quarantine_always).where(terms.c.org_id == scope.org_id)
    return bool((await tx.execute(query)).scalar_one_or_none())


async def set_quarantine_always(tx: Tx, scope: OrgScope, always: bool, at: datetime) -> None:
    into = sqlite.insert(terms) if tx.engine == "sqlite" else postgresql.insert(terms)
    row = {"quarantine_always": always, "updated_at": at}
    statement = into.values(row | {"org_id": scope.org_id}).on_conflict_do_update(index_elements=["org_id"], set_=row)
    await tx.execute(statement)


def _place(after: SortValues) -> tuple[str, str]:
    match after:
        case (str(name), str(tool_id)):
            return name, tool_id
        case _:
            raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")


def _passes(scope: OrgScope, wanted: ToolFilter) -> ColumnElement[bool]:
    where = [tools.c.org_id == scope.org_id, tools.c.service_id.in_(wanted.service_ids)]
    if wanted.state is not None:
        where.append(tools.c.state == wanted.state)
    if wanted.words is not None:
        text = wanted.words.lower()
        named = func.lower(tools.c.name).contains(text, autoescape=True)
        where.append(or_(named, func.lower(tools.c.title).contains(text, autoescape=True)))
    return and_(*where)


def _row(tool: Tool) -> dict[str, Any]:
    return {name: getattr(tool, name) for name in Tool.__dataclass_fields__} | {"state": tool.state}


def _tool_of(row: Row[Any]) -> Tool:
    known = row._asdict()
    del known["state"]
    known |= {"id": ToolId(row.id), "org_id": OrgId(row.org_id), "service_id": ServiceId(row.service_id)}
    return Tool(**known)


def _version_of(row: Row[Any]) -> ToolVersion:
    known = row._asdict()
    del known["org_id"]
    return ToolVersion(**known)


def _server_of(row: Row[Any]) -> Server:
    return Server(**row._asdict())
