"""Record, list and follow. Letting go of what is too old is in archive."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from portico.domains.events import store
from portico.domains.events.catalogue import declared_kind
from portico.domains.events.model import Category, Event, EventFilter
from portico.kernel import ids
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.ids import EventId, OrgId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

MAX_FOLLOWED = 500
# A day that no event has.
NEVER = 2**30


async def record(tx: Tx, scope: OrgScope, *, kind: str, payload: Mapping[str, object]) -> Event:
    """Append one fact to the org's log, in the transaction of the change it tells."""
    declared = declared_kind(kind, payload)
    return await _append(tx, scope, kind, payload, declared.subject_of(payload), declared.category)


async def record_from_outside(
    tx: Tx, scope: OrgScope, *, kind: str, payload: Mapping[str, object], subject: str, origin: Mapping[str, object]
) -> Event:
    """Append what another system tells; whoever calls this has checked that the kind is not one of the house's."""
    return await _append(tx, scope, kind, payload, subject, "integration", origin)


async def list_events(scope: OrgScope, wanted: EventFilter, ask: PageAsk, deps: Deps) -> Page[Event]:
    """The newest first."""
    before = None if ask.cursor is None else _position(ask.cursor.after)
    async with deps.read() as tx:
        rows = await store.newest_events(tx, scope, wanted, before, ask.page_size + 1)
    return make_page(rows, ask, lambda event: (event.seq,), None)


async def load_event(tx: Tx, scope: OrgScope, event_id: str) -> Event | None:
    return await store.load_event(tx, scope, event_id)


async def find_event(scope: OrgScope, event_id: str, deps: Deps) -> Event:
    async with deps.read() as tx:
        event = await store.load_event(tx, scope, event_id)
    if event is None:
        raise NotFound("event", event_id)
    return event


# --- following --------------------------------------------------------------------------------------------------------


async def events_since(tx: Tx, scope: OrgScope, seq: int, limit: int = MAX_FOLLOWED) -> list[Event] | None:
    """What came after a position, oldest first; None when retention has passed it and the reader must start again."""
    newest, floor = await store.latest_position(tx, scope)
    if seq < floor or seq > newest:
        return None
    return await store.events_after(tx, scope, seq, EventFilter(), min(limit, MAX_FOLLOWED))


async def recent_events(tx: Tx, scope: OrgScope, limit: int) -> tuple[int, list[Event]]:
    """The org's position and the newest events up to it, newest first: where a follower begins."""
    newest, _ = await store.latest_position(tx, scope)
    return newest, await store.newest_events(tx, scope, EventFilter(), None, min(limit, MAX_FOLLOWED))


async def find_events(tx: Tx, scope: OrgScope, wanted: EventFilter, after: int, limit: int) -> list[Event]:
    """Those wanted after a position, oldest first."""
    return await store.events_after(tx, scope, after, wanted, limit)


async def count_since(tx: Tx, scope: OrgScope, seq: int) -> tuple[int, datetime | None]:
    """How many events came after a position, and when the first of them was recorded."""
    return await store.count_after(tx, scope, seq)


async def counts_by_day(tx: Tx, scope: OrgScope, through: int) -> tuple[int, dict[tuple[int, str], int]]:
    """The first day that the log has whole, and (day since 1970, kind) -> events up to a position, from that day on."""
    counts = await store.counts_by_day(tx, scope, through)
    _, floor = await store.latest_position(tx, scope)
    first_whole_day = 0 if floor == 0 else min((day for day, _ in counts), default=NEVER) + 1
    return first_whole_day, {key: count for key, count in counts.items() if key[0] >= first_whole_day}


async def log_positions(tx: Tx, scope: PlatformScope) -> dict[OrgId, tuple[int, int]]:
    """(newest position, newest position that retention removed) of every org that has a log."""
    return await store.all_positions(tx, scope)


async def log_extent(tx: Tx, scope: PlatformScope) -> tuple[int, int]:
    """How many logs there are, and how many events they ever had together: the same as before when nothing was recorded."""
    return await store.extent(tx, scope)


async def events_of(tx: Tx, scope: PlatformScope, org_id: OrgId, after: int, limit: int) -> list[Event]:
    """An org's events after a position, oldest first, whatever their scope."""
    return await store.org_events_after(tx, scope, org_id, after, limit)


async def events_at(tx: Tx, scope: PlatformScope, org_id: OrgId, seqs: Sequence[int]) -> dict[int, Event]:
    """Those of an org's events that are still in the log, by position."""
    return await store.org_events_at(tx, scope, org_id, seqs)


async def hold_log(tx: Tx, scope: OrgScope) -> None:
    """Take the log's lock first, so that everyone who writes the log and something after it locks in one order."""
    await store.hold_position(tx, scope)


async def _append(
    tx: Tx,
    scope: OrgScope,
    kind: str,
    payload: Mapping[str, object],
    subject: str,
    category: Category,
    origin: Mapping[str, object] | None = None,
) -> Event:
    event = Event(
        org_id=scope.org_id,
        seq=await store.take_position(tx, scope),
        id=ids.new(EventId),
        kind=kind,
        scope=scope.scope,
        actor=scope.actor,
        payload=dict(payload),
        at=tx.clock.now(),
        subject=subject,
        category=category,
        origin=origin,
    )
    await store.insert_event(tx, scope, event)
    tx.nudge("events")
    return event


def _position(after: tuple[str | int | float | None, ...]) -> int:
    if len(after) != 1 or not isinstance(after[0], int):
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    return after[0]
