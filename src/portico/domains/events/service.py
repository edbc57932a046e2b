"""Record, list, follow, and let go of what is too old."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from portico.domains.events import store
from portico.domains.events.model import Event, check_declared
from portico.kernel import ids
from portico.kernel.errors import InvalidInput
from portico.kernel.ids import EventId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

MAX_FOLLOWED = 500


async def record(tx: Tx, scope: OrgScope, *, kind: str, payload: Mapping[str, object]) -> Event:
    """Append one fact to the org's log, in the transaction of the change it tells."""
    check_declared(kind, payload)
    position = await store.take_position(tx, scope)
    event = Event(
        scope.org_id, position, ids.new(EventId), kind, scope.scope, scope.actor, dict(payload), tx.clock.now()
    )
    await store.insert_event(tx, scope, event)
    tx.nudge("events")
    return event


async def list_events(
    scope: OrgScope, kind: str | None, since: datetime | None, ask: PageAsk, deps: Deps
) -> Page[Event]:
    """The newest first."""
    before = None if ask.cursor is None else _position(ask.cursor.after)
    async with deps.read() as tx:
        rows = await store.newest_events(tx, scope, kind, since, before, ask.page_size + 1)
    return make_page(rows, ask, lambda event: (event.seq,), None)


async def events_since(tx: Tx, scope: OrgScope, seq: int, limit: int = MAX_FOLLOWED) -> list[Event] | None:
    """What came after a position, oldest first; None when retention has passed it and the reader must start again."""
    newest, floor = await store.latest_position(tx, scope)
    if seq < floor or seq > newest:
        return None
    return await store.events_after(tx, scope, seq, min(limit, MAX_FOLLOWED))


async def recent_events(tx: Tx, scope: OrgScope, limit: int) -> tuple[int, list[Event]]:
    """The org's position and the newest events up to it, newest first: where a follower begins."""
    newest, _ = await store.latest_position(tx, scope)
    return newest, await store.newest_events(tx, scope, None, None, None, min(limit, MAX_FOLLOWED))


async def hold_log(tx: Tx, scope: OrgScope) -> None:
    """Take the log's lock first, so that everyone who writes the log and something after it locks in one order."""
    await store.hold_position(tx, scope)


async def purge_events(scope: PlatformScope, deps: Deps) -> int:
    """Remove what is older than record.keep_events_days; one transaction per org, so that none waits for all."""
    before = deps.clock.now() - timedelta(days=deps.settings.record.keep_events_days)
    async with deps.read() as tx:
        expired = await store.expired_positions(tx, scope, before)
    removed = 0
    for org_id, seq in expired:
        async with deps.uow() as tx:
            removed += await store.remove_through(tx, scope, org_id, seq)
    return removed


def _position(after: tuple[str | int | float | None, ...]) -> int:
    if len(after) != 1 or not isinstance(after[0], int):
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    return after[0]
