"""SQL of cursors and parked events; dead letters are in letter_store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, func, null, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.consumers.model import Cursor, Parked, packed, unpacked
from portico.domains.consumers.tables import event_cursors, parked_events
from portico.kernel.ids import DeadLetterId, OrgId
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx

# Where a consumer's birth is kept; no org has this id.
NO_ORG = OrgId("")
_ROWS_AT_ONCE = 200
_ORGS_ASKED_AT_ONCE = 1000

_earlier = parked_events.alias()
_FIRST_OF_ITS_SUBJECT = or_(
    parked_events.c.subject == "",
    ~select(_earlier.c.seq)
    .where(
        _earlier.c.consumer == parked_events.c.consumer,
        _earlier.c.org_id == parked_events.c.org_id,
        _earlier.c.subject == parked_events.c.subject,
        _earlier.c.seq < parked_events.c.seq,
    )
    .exists(),
)

# Made once: these run for every event, and putting one together takes as long as running it.
_THIS_CURSOR = and_(
    event_cursors.c.consumer == bindparam("its_consumer"), event_cursors.c.org_id == bindparam("its_org")
)
_MOVED = update(event_cursors).where(_THIS_CURSOR).values(seq=bindparam("to"), updated_at=bindparam("at"))
# SQLite has one writer and knows no such locks.
_CURSOR_IN_TURN = select(event_cursors).where(_THIS_CURSOR).with_for_update()
_CURSOR_IF_FREE = select(event_cursors).where(_THIS_CURSOR).with_for_update(skip_locked=True)
_CURSORS_IN = select(event_cursors.c.consumer, event_cursors.c.org_id, event_cursors.c.seq).where(
    event_cursors.c.org_id.in_(bindparam("some", expanding=True))
)
_PARKED_BY_SUBJECT = (
    select(parked_events.c.subject, func.count().label("waiting"))
    .where(parked_events.c.consumer == bindparam("its_consumer"), parked_events.c.org_id == bindparam("its_org"))
    .group_by(parked_events.c.subject)
)
_DUE = (
    select(parked_events.c.consumer, parked_events.c.org_id)
    .distinct()
    .where(parked_events.c.next_at <= bindparam("now"), _FIRST_OF_ITS_SUBJECT)
)

# --- cursors ----------------------------------------------------------------------------------------------------------


async def all_cursors(tx: Tx, scope: PlatformScope) -> dict[tuple[str, OrgId], Cursor]:
    return {
        (row.consumer, OrgId(row.org_id)): _cursor(row)
        for row in await tx.execute(select(event_cursors).where(event_cursors.c.org_id != NO_ORG))
    }


async def cursors_in(tx: Tx, scope: PlatformScope, org_ids: Sequence[OrgId]) -> dict[tuple[str, OrgId], int]:
    """The positions of every consumer in some orgs."""
    found: dict[tuple[str, OrgId], int] = {}
    for start in range(0, len(org_ids), _ORGS_ASKED_AT_ONCE):
        some = {"some": org_ids[start : start + _ORGS_ASKED_AT_ONCE]}
        found |= {(row.consumer, OrgId(row.org_id)): int(row.seq) for row in await tx.execute(_CURSORS_IN, some)}
    return found


async def cursors_of(tx: Tx, scope: OrgScope) -> dict[str, Cursor]:
    query = select(event_cursors).where(event_cursors.c.org_id == scope.org_id)
    return {row.consumer: _cursor(row) for row in await tx.execute(query)}


async def born_consumers(tx: Tx, scope: PlatformScope) -> set[str]:
    query = select(event_cursors.c.consumer).where(event_cursors.c.org_id == NO_ORG)
    return {row.consumer for row in await tx.execute(query)}


async def insert_cursors(
    tx: Tx, scope: PlatformScope, consumer: str, positions: dict[OrgId, int], at: datetime
) -> None:
    """Those that are there already stay as they are."""
    rows = [
        {"consumer": consumer, "org_id": org_id, "seq": seq, "dropped": 0, "updated_at": at}
        for org_id, seq in positions.items()
    ]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        into = sqlite.insert(event_cursors) if tx.engine == "sqlite" else postgresql.insert(event_cursors)
        await tx.execute(into.values(rows[start : start + _ROWS_AT_ONCE]).on_conflict_do_nothing())


async def lock_cursor(
    tx: Tx, scope: PlatformScope | OrgScope, consumer: str, org_id: OrgId, *, wait: bool = False
) -> Cursor | None:
    """None when another process has it, or it is not there."""
    query = _CURSOR_IN_TURN if wait else _CURSOR_IF_FREE
    row = (await tx.execute(query, {"its_consumer": consumer, "its_org": org_id})).one_or_none()
    return None if row is None else _cursor(row)


async def move_cursor(tx: Tx, scope: PlatformScope, cursor: Cursor, seq: int, at: datetime) -> None:
    await tx.execute(_MOVED, {"its_consumer": cursor.consumer, "its_org": cursor.org_id, "to": seq, "at": at})


async def pass_over(
    tx: Tx, scope: PlatformScope, moves: Mapping[tuple[str, OrgId], tuple[int, int]], at: datetime
) -> dict[tuple[str, OrgId], int]:
    """Move cursors from where they were seen to where they are to be, in one go; returns where those stand now that nobody
    else holds."""
    both = event_cursors.c.consumer, event_cursors.c.org_id
    query = select(*both, event_cursors.c.seq).where(tuple_(*both).in_(list(moves)))
    if tx.engine == "postgresql":
        query = query.with_for_update(skip_locked=True)
    held = {(row.consumer, OrgId(row.org_id)): int(row.seq) for row in await tx.execute(query)}
    moved = {pair: moves[pair][1] for pair, seq in held.items() if seq == moves[pair][0]}
    if moved:
        rows = [{"its_consumer": name, "its_org": org_id, "to": to, "at": at} for (name, org_id), to in moved.items()]
        await tx.execute(_MOVED, rows)
    return held | moved


async def count_dropped(tx: Tx, scope: PlatformScope, consumer: str, org_id: OrgId, dropped: int) -> None:
    mine = event_cursors.c.consumer == consumer, event_cursors.c.org_id == org_id
    await tx.execute(update(event_cursors).where(*mine).values(dropped=event_cursors.c.dropped + dropped))


# --- parked events ----------------------------------------------------------------------------------------------------


async def park(tx: Tx, scope: PlatformScope | OrgScope, parked: Sequence[Parked]) -> int:
    """Returns how many were not parked already."""
    added = 0
    for start in range(0, len(parked), _ROWS_AT_ONCE):
        into = sqlite.insert(parked_events) if tx.engine == "sqlite" else postgresql.insert(parked_events)
        rows = [_parked_row(each) for each in parked[start : start + _ROWS_AT_ONCE]]
        added += (await tx.execute(into.values(rows).on_conflict_do_nothing())).rowcount
    return added


async def repark(tx: Tx, scope: PlatformScope, parked: Parked) -> None:
    values = {name: value for name, value in _parked_row(parked).items() if name not in {"event", "payload"}}
    await tx.execute(update(parked_events).where(_this(parked)).values(values))


async def unpark(tx: Tx, scope: PlatformScope, parked: Parked) -> None:
    await tx.execute(delete(parked_events).where(_this(parked)))


async def forget_parked(tx: Tx, scope: OrgScope, consumer: str) -> None:
    mine = parked_events.c.org_id == scope.org_id, parked_events.c.scope == scope.scope
    await tx.execute(delete(parked_events).where(*mine, parked_events.c.consumer == consumer))


async def count_parked(tx: Tx, scope: PlatformScope | OrgScope, consumer: str, org_id: OrgId) -> int:
    query = select(func.count()).select_from(parked_events).where(_waits_for(consumer, org_id))
    return int((await tx.execute(query)).scalar_one())


async def parked_by_subject(tx: Tx, scope: PlatformScope, consumer: str, org_id: OrgId) -> dict[str, int]:
    """How many wait, by subject; the later events of these, but of "", have to wait too."""
    found = await tx.execute(_PARKED_BY_SUBJECT, {"its_consumer": consumer, "its_org": org_id})
    return {row.subject: int(row.waiting) for row in found}


async def due_orgs(tx: Tx, scope: PlatformScope, now: datetime) -> set[tuple[str, OrgId]]:
    """Where something may be tried now."""
    return {(row.consumer, OrgId(row.org_id)) for row in await tx.execute(_DUE, {"now": now})}


async def due_heads(
    tx: Tx, scope: PlatformScope, consumer: str, org_id: OrgId, now: datetime, limit: int
) -> list[Parked]:
    """What may be tried now, and is the first of its subject; oldest first."""
    due = _waits_for(consumer, org_id), parked_events.c.next_at <= now, _FIRST_OF_ITS_SUBJECT
    query = select(parked_events).where(*due).order_by(parked_events.c.next_at, parked_events.c.seq)
    return [_parked(row) for row in await tx.execute(query.limit(limit))]


async def those_behind(tx: Tx, scope: PlatformScope, head: Parked, limit: int) -> list[Parked]:
    """What waits behind a head, in order."""
    mine = _waits_for(head.consumer, head.org_id), parked_events.c.subject == head.subject
    query = select(parked_events).where(*mine, parked_events.c.seq > head.seq).order_by(parked_events.c.seq)
    return [_parked(row) for row in await tx.execute(query.limit(limit))]


async def release_heads(tx: Tx, scope: PlatformScope | OrgScope, consumer: str, org_id: OrgId, now: datetime) -> None:
    """Whoever waits behind nobody may go now."""
    alone = _waits_for(consumer, org_id), parked_events.c.next_at.is_(None), _FIRST_OF_ITS_SUBJECT
    await tx.execute(update(parked_events).where(*alone).values(next_at=now))


async def oldest_parked(tx: Tx, scope: PlatformScope) -> dict[OrgId, int]:
    """For each org, the oldest position that is parked and only the log has."""
    query = (
        select(parked_events.c.org_id, func.min(parked_events.c.seq).label("seq"))
        .where(parked_events.c.dead_letter_id.is_(None))
        .group_by(parked_events.c.org_id)
    )
    return {OrgId(row.org_id): int(row.seq) for row in await tx.execute(query)}


async def parked_by_consumer(tx: Tx, scope: PlatformScope | OrgScope) -> dict[str, int]:
    query = select(parked_events.c.consumer, func.count().label("waiting")).group_by(parked_events.c.consumer)
    if isinstance(scope, OrgScope):
        query = query.where(parked_events.c.org_id == scope.org_id, parked_events.c.scope == scope.scope)
    return {row.consumer: int(row.waiting) for row in await tx.execute(query)}


def _waits_for(consumer: str, org_id: OrgId) -> ColumnElement[bool]:
    return and_(parked_events.c.consumer == consumer, parked_events.c.org_id == org_id)


def _this(parked: Parked) -> ColumnElement[bool]:
    return and_(_waits_for(parked.consumer, parked.org_id), parked_events.c.seq == parked.seq)


def _cursor(row: Row[Any]) -> Cursor:
    return Cursor(row.consumer, OrgId(row.org_id), int(row.seq), int(row.dropped), row.updated_at)


def _parked_row(parked: Parked) -> dict[str, Any]:
    return {
        "consumer": parked.consumer,
        "org_id": parked.org_id,
        "seq": parked.seq,
        "scope": parked.scope,
        "kind": parked.kind,
        "subject": parked.subject,
        "attempts": parked.attempts,
        "next_at": parked.next_at,
        "error": parked.error,
        "first_failed_at": parked.first_failed_at,
        "event": null() if parked.event is None else packed(parked.event),
        "payload": null() if parked.payload is None else dict(parked.payload),
        "dead_letter_id": parked.dead_letter_id,
    }


def _parked(row: Row[Any]) -> Parked:
    return Parked(
        row.consumer,
        OrgId(row.org_id),
        int(row.seq),
        row.scope,
        row.kind,
        row.subject,
        row.attempts,
        row.next_at,
        row.error,
        row.first_failed_at,
        None if row.event is None else unpacked(row.event),
        row.payload,
        None if row.dead_letter_id is None else DeadLetterId(row.dead_letter_id),
    )
