"""Lists that keep themselves: "entities:keys" is the list of keys as this reader may see it, then what becomes of each.

What is sent is the difference between two readings of the very list that the API gives, so a snapshot with its patches applied
is what a fresh fetch would give, whatever was done and by which verb.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import orjson

from portico.domains.dashboards import public as dashboards
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.hub.model import ServiceFilter
from portico.domains.limits import public as limits
from portico.domains.models import public as models
from portico.domains.notices import public as notices
from portico.domains.tenancy import public as tenancy
from portico.domains.tools import public as tools
from portico.domains.vault import public as vault
from portico.domains.webhooks import public as webhooks
from portico.kernel.paging import Page, PageAsk, decode_cursor
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.platform.web import Wire
from portico.realtime import frames
from portico.realtime.packet import Packet
from portico.realtime.pumps import Pump
from portico.realtime.seat import Seat

Item = TypeVar("Item")
PAGE_ROWS = 100
MAX_PAGES = 10
# What changes without an event, such as what a budget has left, is seen this soon.
LOOK_EVERY_S = 15.0
# A cached list forgets just after the event can be seen, so it is read once more after a change.
LOOK_AGAIN_S = 0.5

# One page of the list as this reader may see it: for each item its key and how the API shows it, and the next cursor.
Shown = tuple[list[tuple[str, Wire]], str | None]
Feed = hub.Gateways | None
Lister = Callable[[OrgScope, PageAsk, Deps, Feed], Awaitable[Shown]]


async def _nothing(_scope: OrgScope, _deps: Deps, _feed: Feed) -> object:
    return None


@dataclass(frozen=True, slots=True)
class Entities:
    """
    permission   None: anyone who is signed in
    beside       what the list depends on that no event tells of, such as the gateways' reports
    people       for people, not for keys
    """

    permission: str | None
    list: Lister
    beside: Callable[[OrgScope, Deps, Feed], Awaitable[object]] = _nothing
    people: bool = False


async def may_list(_deps: Deps, scope: OrgScope, noun: str) -> bool:
    entities = ENTITIES.get(noun)
    if entities is None or (entities.people and scope.actor.kind != "person"):
        return False
    return entities.permission is None or scope.may(entities.permission)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a reading of the list depends on: the log up to a position, who reads with which rights, and what is beside the log."""

    position: int
    reader: OrgScope
    beside: object


class EntityPump(Pump):
    """One reader's: the first 1,000 of the list."""

    def __init__(self, topic: str, deps: Deps, entities: Entities, feed: Feed) -> None:
        super().__init__(topic, ("events", "breakers", "snapshot", "notices"))
        self._deps, self._entities, self._feed = deps, entities, feed
        self._known: dict[str, bytes] = {}
        self._cursor = 0
        self._mark: _Mark | None = None
        self._looked_at = 0.0
        self._look_again = False

    async def advance(self) -> None:
        if not self.seats:
            # Nobody rode along, so whoever comes next starts from a fresh reading.
            self._mark = None
            return
        reader = next(iter(self.seats)).identity.scope
        if await self._is_stale(reader):
            now = await self._read(reader)
            changed = _difference(self._known, now)
            self._known = now
            if changed:
                self._cursor += 1
                self.fan_out(frames.rows("append", self.topic, self._cursor, changed))

    async def welcome(self, seat: Seat, since: int | None) -> None:
        """The whole list, also for who comes back: it is short, and its past is not kept."""
        if self._mark is None:
            await self._is_stale(seat.identity.scope)
            self._known = await self._read(seat.identity.scope)
        seat.send(self.topic, self._snapshot())

    def _snapshot(self) -> Packet:
        items = [_item(key, content) for key, content in self._known.items()]
        return frames.rows("snapshot", self.topic, self._cursor, items)

    async def _is_stale(self, reader: OrgScope) -> bool:
        """The mark is taken before the list is read, so that a change in between is looked for again."""
        async with self._deps.read() as tx:
            position, _ = await events.recent_events(tx, reader, 1)
        mark = _Mark(position, reader, await self._entities.beside(reader, self._deps, self._feed))
        now_s = time.monotonic()
        changed, looked_s_ago = mark != self._mark, now_s - self._looked_at
        again = self._look_again and looked_s_ago >= LOOK_AGAIN_S
        if not (changed or again or looked_s_ago >= LOOK_EVERY_S):
            return False
        self._mark, self._looked_at, self._look_again = mark, now_s, changed
        return True

    async def _read(self, reader: OrgScope) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        ask = PageAsk(PAGE_ROWS, None)
        for _ in range(MAX_PAGES):
            items, cursor = await self._entities.list(reader, ask, self._deps, self._feed)
            found.update((key, wire.model_dump_json().encode()) for key, wire in items)
            if cursor is None:
                break
            ask = PageAsk(PAGE_ROWS, decode_cursor(cursor))
        return found


def _difference(before: Mapping[str, bytes], now: Mapping[str, bytes]) -> list[bytes]:
    changed = [_item(key, content) for key, content in now.items() if before.get(key) != content]
    return [*changed, *(_item(key, b"null") for key in before if key not in now)]


def _item(key: str, content: bytes) -> bytes:
    return b'{"key":' + orjson.dumps(key) + b',"item":' + content + b"}"


def _shown(page: Page[Item], key: Callable[[Item], str], show: Callable[[Item], Wire]) -> Shown:
    return [(key(item), show(item)) for item in page.items], page.next_cursor


async def _keys(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    now = deps.clock.now()
    page = await tenancy.list_keys(scope, ask, None, None, deps)
    return _shown(page, lambda each: each.id, lambda each: tenancy.key_wire(each, now))


async def _members(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    page = await tenancy.list_members(scope, ask, None, deps)
    return _shown(page, lambda each: each.person_id, tenancy.member_wire)


async def _limits(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    return _shown(await limits.list_limits(scope, ask, deps), lambda each: each.id, limits.limit_wire)


async def _budgets(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    return _shown(await limits.list_budgets(scope, ask, deps), lambda each: each.budget.id, limits.budget_wire)


async def _webhooks(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    return _shown(await webhooks.list_webhooks(scope, ask, deps), lambda each: each[0].id, webhooks.webhook_wire)


async def _dashboards(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    return _shown(await dashboards.list_dashboards(scope, ask, deps), lambda each: each.id, dashboards.dashboard_wire)


async def _services(scope: OrgScope, ask: PageAsk, deps: Deps, feed: Feed) -> Shown:
    """Restricted services are among them only for who may see them."""
    show = await hub.prepare_showing(feed, scope, deps)
    page = await hub.list_services(scope, ServiceFilter(), "name", ask, deps, show.gateways)
    return _shown(page, lambda each: each.id, show)


async def _secrets(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    page = await vault.list_secrets(scope, ask, deps)
    return _shown(page, lambda each: each.name, lambda each: vault.secret_wire(each, scope))


async def _invitations(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    now = deps.clock.now()
    page = await tenancy.list_invitations(scope, ask, deps)
    return _shown(page, lambda each: each.id, lambda each: tenancy.invitation_wire(each, now))


async def _grants(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    page, names = await tenancy.list_grants(scope, ask, None, deps)
    return _shown(
        page,
        lambda each: each.id,
        lambda each: tenancy.grant_wire(each, names.get(each.principal_id, each.principal_id)),
    )


async def _scopes(scope: OrgScope, _ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    found = await tenancy.list_scopes(scope, deps)
    return [(each.name, tenancy.ScopeWire.model_validate(each)) for each in found], None


async def _orgs(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    return _shown(await tenancy.list_orgs_of(scope, ask, deps), lambda each: each.id, tenancy.org_wire)


async def _notices(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    return _shown(await notices.list_notices(scope, False, ask, deps), lambda each: each.id, notices.notice_wire)


async def _tools(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    page = await tools.list_tools(scope, None, None, None, ask, deps)
    return _shown(page, lambda each: each.tool.id, tools.tool_wire)


async def _policies(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    return _shown(await tools.list_policies(scope, ask, deps), lambda each: each.id, tools.policy_wire)


async def _models(scope: OrgScope, ask: PageAsk, deps: Deps, _feed: Feed) -> Shown:
    return _shown(await models.list_models(scope, None, ask, deps), lambda each: each.name, models.model_wire)


async def _newest_notice(scope: OrgScope, deps: Deps, _feed: Feed) -> object:
    """Notices are made after their events, and reading one is no event."""
    newest = await notices.list_notices(scope, False, PageAsk(1, None), deps)
    return await notices.count_unread(scope, deps), [each.id for each in newest.items]


async def _reported_of_services(scope: OrgScope, _deps: Deps, feed: Feed) -> object:
    return None if feed is None else (len(feed.statuses()), hub.breaker_readings(feed, scope.org_id))


ENTITIES: Mapping[str, Entities] = {
    "services": Entities("services.read", _services, _reported_of_services),
    "keys": Entities("keys.read", _keys),
    "members": Entities("members.read", _members),
    "limits": Entities("limits.read", _limits),
    "budgets": Entities("budgets.read", _budgets),
    "webhooks": Entities("webhooks.read", _webhooks),
    "dashboards": Entities("dashboards.read", _dashboards),
    "secrets": Entities("secrets.read", _secrets),
    "invitations": Entities("members.read", _invitations),
    "grants": Entities("members.read", _grants),
    "scopes": Entities(None, _scopes),
    "orgs": Entities(None, _orgs),
    "notices": Entities(None, _notices, _newest_notice, people=True),
    "tools": Entities("tools.read", _tools),
    "policies": Entities("tools.read", _policies),
    "models": Entities("models.read", _models),
}
