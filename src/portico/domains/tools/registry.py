"""What was seen of a server's tools becomes rows: new ones, changed ones, those that are gone. Idempotent."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import orjson

from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.tenancy import public as tenancy
from portico.domains.tools import record, store
from portico.domains.tools.model import MOST_VERSIONS, SeenIn, Server, Tool, ToolVersion
from portico.domains.tools.pins import MOST_TOOLS, Pinned, pinned
from portico.domains.tools.store import Room
from portico.kernel import ids
from portico.kernel.ids import OrgId, ServiceId, ToolId
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

QUIET = timedelta(minutes=1)
_WAITING = frozenset({"changed", "quarantined"})


@dataclass(frozen=True, slots=True)
class Seen:
    """Definitions of one server; `complete` when it offers nothing else."""

    service_id: str
    definitions: tuple[Pinned, ...]
    complete: bool
    seen_in: SeenIn


@dataclass(slots=True)
class Noted:
    new: int = 0
    changed: int = 0
    gone: int = 0
    back: int = 0
    approved: int = 0

    @property
    def anything(self) -> bool:
        return bool(self.new or self.changed or self.gone or self.back)


async def note_seen(org_id: str, seen: Seen, deps: Deps) -> Noted:
    """Write down what is news. A server's first complete listing is approved with it, unless it or its org forbids that."""
    scope = tenancy.open_system_scope(OrgId(org_id))
    now = deps.clock.now()
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        name = await hub.name_of_service(tx, scope, seen.service_id, "tools")
        if name is None:
            return Noted()
        server = await store.load_server(tx, scope, seen.service_id)
        server = server or Server(ServiceId(seen.service_id), scope.org_id)
        first = server.listed_at is None and seen.complete
        trusted = seen.complete and server.trusted and not await store.quarantines_always(tx, scope)
        room = await store.room_left(tx, scope)
        noting = _Noting(tx, scope, name, now, seen.seen_in, room, trusted=trusted)
        noted = await noting.note(seen)
        if first:
            await store.save_server(tx, scope, replace(server, listed_at=now, tried_at=now, tries=0, error=None))
            facts = {"tools": noted.new + noted.changed, "approved": noted.approved}
            action = "tool_server.trust" if trusted else "tool_server.list"
            await record.record_server(tx, scope, record.LISTED, seen.service_id, name, action, **facts)
        elif noted.anything:
            tx.nudge("snapshot")
    return noted


class _Noting:
    """One server's definitions, written down in one transaction."""

    def __init__(
        self, tx: Tx, scope: OrgScope, server: str, now: datetime, seen_in: SeenIn, room: Room, *, trusted: bool
    ) -> None:
        self._tx, self._scope, self._server, self._now = tx, scope, server, now
        self._seen_in, self._trusted = seen_in, trusted
        self._tools_left, self._tokens_left = room
        self._noted = Noted()

    async def note(self, seen: Seen) -> Noted:
        known = {tool.name: tool for tool in await store.tools_of(self._tx, self._scope, seen.service_id)}
        shown = {each.name: each for each in seen.definitions}
        for name, definition in shown.items():
            tool = known.get(name)
            if tool is not None:
                await self._again(tool, definition)
            elif len(known) < MOST_TOOLS and self._tools_left > 0:
                self._tools_left -= 1
                known[name] = await self._first_time(ServiceId(seen.service_id), definition)
        if seen.complete:
            await self._gone(tool for name, tool in known.items() if name not in shown)
        return self._noted

    async def _first_time(self, service_id: ServiceId, definition: Pinned) -> Tool:
        tool = Tool(
            id=ids.new(ToolId),
            org_id=self._scope.org_id,
            service_id=service_id,
            name=definition.name,
            title=_title(definition),
            seen_pin=definition.pin,
            tokens=definition.tokens,
            first_seen_at=self._now,
            changed_at=self._now,
        )
        tool = self._trust(tool)
        await store.insert_tool(self._tx, self._scope, tool)
        await self._keep(tool, definition, 1)
        self._noted.new += 1
        if tool.state == "quarantined":
            await self._tell(record.QUARANTINED, tool)
        return tool

    async def _again(self, tool: Tool, definition: Pinned) -> None:
        if tool.gone_at is not None:
            tool = replace(tool, gone_at=None, changed_at=self._now)
            self._noted.back += 1
            if tool.seen_pin == definition.pin:
                await store.update_tool(self._tx, self._scope, tool)
                await self._tell(record.RESTORED, tool)
                return
        waits = tool.state in _WAITING
        if tool.seen_pin == definition.pin or (waits and self._is_noise(tool)):
            return
        known = await store.find_version(self._tx, self._scope, tool.id, definition.pin)
        changed = replace(
            tool,
            title=_title(definition),
            seen_pin=definition.pin,
            tokens=definition.tokens,
            changed_at=self._now,
            versions=tool.versions + (known is None),
        )
        changed = self._trust(changed)
        await store.update_tool(self._tx, self._scope, changed)
        if known is None:
            await self._keep(changed, definition, changed.versions)
        self._noted.changed += 1
        # Who was told once that something waits is not told again, and a definition approved before waits for nobody.
        if changed.state in _WAITING and not waits:
            await self._tell(record.CHANGED, changed)

    def _is_noise(self, tool: Tool) -> bool:
        """Some servers write the time into their definitions: each list would be news, and a row."""
        return self._seen_in == "traffic" and self._now - tool.changed_at < QUIET

    async def _gone(self, tools: Iterable[Tool]) -> None:
        for tool in tools:
            if tool.gone_at is None:
                gone = replace(tool, gone_at=self._now, changed_at=self._now)
                await store.update_tool(self._tx, self._scope, gone)
                await self._tell(record.GONE, gone)
                self._noted.gone += 1

    async def _keep(self, tool: Tool, definition: Pinned, number: int) -> None:
        version = ToolVersion(
            tool.id, number, definition.pin, definition.text.decode(), definition.tokens, self._now, self._seen_in
        )
        await store.insert_version(self._tx, self._scope, version)
        if number > MOST_VERSIONS:
            kept = [pin for pin in (tool.approved_pin, tool.seen_pin) if pin is not None]
            await store.drop_versions(self._tx, self._scope, tool.id, number - MOST_VERSIONS + 1, kept)

    def _trust(self, tool: Tool) -> Tool:
        if not self._trusted or tool.tokens > self._tokens_left:
            return tool
        self._tokens_left -= tool.tokens
        self._noted.approved += 1
        return replace(tool, approved_pin=tool.seen_pin, approved_as="registration", approved_at=self._now)

    async def _tell(self, kind: str, tool: Tool) -> None:
        await record.tell_tool(self._tx, self._scope, kind, tool, self._server, tool.seen_pin)


def _title(definition: Pinned) -> str:
    title = orjson.loads(definition.text).get("title")
    return title[:200] if isinstance(title, str) else ""


def sighted(texts: Iterable[bytes]) -> tuple[Pinned, ...]:
    """What a gateway reported, pinned again here."""
    found = (pinned(orjson.loads(text)) for text in texts)
    return tuple(each for each in found if each is not None)
