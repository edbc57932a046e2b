"""What the Snapshot holds of tools and policies: four queries over all orgs, whatever their size."""

from collections import defaultdict
from typing import Any, NamedTuple

import orjson
from msgspec import structs
from sqlalchemy import and_, select
from sqlalchemy.engine import CursorResult

from portico.domains.tools.model import PolicyEntry, Server, Tool, ToolEntry, ToolsEntry, ToolState
from portico.domains.tools.tables import policies, tool_servers, tool_terms, tool_versions, tools
from portico.kernel.ids import OrgId
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx

_MORE = ("title", "description", "outputSchema")


async def load_policies(tx: Tx, scope: PlatformScope) -> tuple[PolicyEntry, ...]:
    """The enabled ones, in the order in which they are asked."""
    query = select(policies).where(policies.c.enabled).order_by(policies.c.org_id, policies.c.position, policies.c.name)
    return tuple(
        PolicyEntry(
            row.id,
            row.org_id,
            row.name,
            row.version,
            row.effect,
            row.expression,
            tuple(row.subjects),
            tuple(row.targets),
        )
        for row in await tx.execute(query)
    )


class Registries(NamedTuple):
    """By service id; a server that nobody has tried to list yet is not among them."""

    known: dict[str, ToolsEntry]
    quarantining: frozenset[str]

    def entry_of(self, service_id: str, org_id: str, tags: tuple[str, ...]) -> ToolsEntry:
        entry = self.known.get(service_id)
        if entry is None:
            return ToolsEntry(org_id not in self.quarantining, tags)
        return structs.replace(entry, tags=tags) if tags else entry


async def load_registries(tx: Tx, scope: PlatformScope) -> Registries:
    by_service = await _tools(tx, scope)
    query = select(
        tool_servers.c.service_id,
        tool_servers.c.first_seen,
        tool_servers.c.listed_at,
        tool_servers.c.tries,
        tool_terms.c.quarantine_always,
    ).outerjoin_from(tool_servers, tool_terms, tool_terms.c.org_id == tool_servers.c.org_id)
    found = {}
    for service_id, first_seen, listed_at, tries, demanded in _plain(await tx.execute(query)):
        server = Server(service_id, OrgId(""), first_seen, listed_at, None, tries)
        is_open = server.trusted and not demanded
        found[service_id] = ToolsEntry(is_open, (), tuple(by_service.pop(service_id, ())))
    always = select(tool_terms.c.org_id).where(tool_terms.c.quarantine_always)
    return Registries(found, frozenset((await tx.execute(always)).scalars()))


async def _tools(tx: Tx, scope: PlatformScope) -> defaultdict[str, list[ToolEntry]]:
    """With the approved definition of each."""
    approved = and_(tool_versions.c.tool_id == tools.c.id, tool_versions.c.pin == tools.c.approved_pin)
    query = (
        select(
            tools.c.service_id,
            tools.c.name,
            tools.c.state,
            tools.c.approved_pin,
            tools.c.seen_pin,
            tools.c.cache_ttl_s,
            tools.c.cache_scope,
            tool_versions.c.text,
        )
        .outerjoin_from(tools, tool_versions, approved)
        .order_by(tools.c.service_id, tools.c.name)
    )
    found: defaultdict[str, list[ToolEntry]] = defaultdict(list)
    for service_id, name, state, pin, seen_pin, ttl_s, cache_scope, text in _plain(await tx.execute(query)):
        found[service_id].append(_entry(name, state, pin, seen_pin, ttl_s, cache_scope, text))
    return found


def entry_of(tool: Tool, approved: str | None) -> ToolEntry:
    """`approved` is the text of the approved definition."""
    return _entry(tool.name, tool.state, tool.approved_pin, tool.seen_pin, tool.cache_ttl_s, tool.cache_scope, approved)


def _entry(
    name: str, state: ToolState, pin: str | None, seen_pin: str, ttl_s: int, cache_scope: str, approved: str | None
) -> ToolEntry:
    schema, annotations, more = _parts(approved)
    return ToolEntry(name, state, pin, seen_pin, schema, annotations, ttl_s, cache_scope == "public", more)


def _plain(result: CursorResult[Any]) -> list[tuple[Any, ...]]:
    """Rows to be unpacked by place, which is several times quicker than by name."""
    return [tuple(row) for row in result.all()]


def _parts(text: str | None) -> tuple[bytes, bytes, bytes]:
    if text is None:
        return b"", b"", b""
    definition: dict[str, Any] = orjson.loads(text)
    schema, annotations = definition.get("inputSchema"), definition.get("annotations")
    more = {part: definition[part] for part in _MORE if part in definition}
    return (
        b"" if schema is None else orjson.dumps(schema, option=orjson.OPT_SORT_KEYS),
        orjson.dumps(annotations) if isinstance(annotations, dict) else b"",
        orjson.dumps(more) if more else b"",
    )
