"""All SQL of the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Row,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.events.catalogue import category_and_subject, house_pattern, unversioned
from portico.domains.events.model import Event, EventFilter
from portico.domains.events.tables import events, org_sequences
from portico.kernel.ids import EventId, OrgId
from portico.kernel.scope import Actor, OrgScope, PlatformScope
from portico.platform.db import Engine, Tx

DAY_US = 86_400_000_000
_MOST_AT_ONCE = 500


def _take(engine: Engine) -> Executable:
    into = sqlite.insert(org_sequences) if engine == "sqlite" else postgresql.insert(org_sequences)
    next_one = into.on_conflict_do_update(index_elements=["org_id"], set_={"seq": org_sequences.c.seq + 1})
    return next_one.returning(org_sequences.c.seq)


# Made once: these run for every event, and putting one together takes as long as running it.
_TAKE: dict[Engine, Executable] = {"sqlite": _take("sqlite"), "postgresql": _take("postgresql")}
_INSERT = insert(events)
_POSITIONS = select(org_sequences)
_EXTENT = select(
    func.count().label("logs"), func.coalesce(func.sum(org_sequences.c.seq), 0).label("total")
).select_from(org_sequences)
_ORG_AFTER = (
    select(events)
    .where(events.c.org_id == bindparam("its_org"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
    .limit(bindparam("most"))
)


async def take_position(tx: Tx, scope: OrgScope) -> int:
    """The org's next position; the row stays locked until the transaction ends, so positions commit in order."""
    result = await tx.execute(_TAKE[tx.engine], {"org_id": scope.org_id, "seq": 1})
    return int(result.scalar_one())


async def hold_position(tx: Tx, scope: OrgScope) -> None:
    """Lock the org's counter without taking a position; SQLite has one writer and needs no lock."""
    if tx.engine == "postgresql":
        await tx.execute(select(org_sequences.c.seq).where(org_sequences.c.org_id == scope.org_id).with_for_update())


async def insert_event(tx: Tx, scope: OrgScope, event: Event) -> None:
    row = {
        "org_id": scope.org_id,
        "seq": event.seq,
        "id": event.id,
        "kind": event.kind,
        "scope": event.scope,
        "actor_kind": event.actor.kind,
        "actor_id": event.actor.id,
        "actor_name": event.actor.name,
        "payload": dict(event.payload),
        "at": event.at,
        "subject": event.subject,
        "category": event.category,
    }
    # Left out it is null; given as None it would be the null of JSON.
    await tx.execute(_INSERT, row if event.origin is None else row | {"origin": dict(event.origin)})


async def load_event(tx: Tx, scope: OrgScope, event_id: str) -> Event | None:
    row = (await tx.execute(select(events).where(_visible(scope), events.c.id == event_id))).one_or_none()
    return None if row is None else _event(row)


async def latest_position(tx: Tx, scope: OrgScope) -> tuple[int, int]:
    """(position of the newest event, newest position that retention removed) of the org."""
    result = await tx.execute(
        select(org_sequences.c.seq, org_sequences.c.floor).where(org_sequences.c.org_id == scope.org_id)
    )
    row = result.one_or_none()
    return (0, 0) if row is None else (int(row.seq), int(row.floor))


async def newest_events(
    tx: Tx, scope: OrgScope, wanted: EventFilter, before_seq: int | None, limit: int
) -> list[Event]:
    query = select(events).where(_visible(scope), *_narrowed(wanted))
    if before_seq is not None:
        query = query.where(events.c.seq < before_seq)
    return [_event(row) for row in await tx.execute(query.order_by(events.c.seq.desc()).limit(limit))]


async def events_after(tx: Tx, scope: OrgScope, seq: int, wanted: EventFilter, limit: int) -> list[Event]:
    query = select(events).where(_visible(scope), events.c.seq > seq, *_narrowed(wanted))
    return [_event(row) for row in await tx.execute(query.order_by(events.c.seq).limit(limit))]


async def count_after(tx: Tx, scope: OrgScope, seq: int) -> tuple[int, datetime | None]:
    query = select(func.count().label("waiting"), func.min(events.c.at).label("first_at"))
    row = (await tx.execute(query.where(_visible(scope), events.c.seq > seq))).one()
    return int(row.waiting), row.first_at


async def counts_by_day(tx: Tx, scope: OrgScope, through: int) -> dict[tuple[int, str], int]:
    day = (
        type_coerce(events.c.at, BigInteger).op("/", return_type=BigInteger())(literal(DAY_US, BigInteger)).label("day")
    )
    query = select(day, events.c.kind, func.count().label("happened")).where(_visible(scope), events.c.seq <= through)
    return {(int(row.day), row.kind): int(row.happened) for row in await tx.execute(query.group_by(day, events.c.kind))}


async def all_positions(tx: Tx, scope: PlatformScope) -> dict[OrgId, tuple[int, int]]:
    return {OrgId(row.org_id): (int(row.seq), int(row.floor)) for row in await tx.execute(_POSITIONS)}


async def extent(tx: Tx, scope: PlatformScope) -> tuple[int, int]:
    row = (await tx.execute(_EXTENT)).one()
    return int(row.logs), int(row.total)


async def org_events_after(tx: Tx, scope: PlatformScope, org_id: OrgId, seq: int, limit: int) -> list[Event]:
    found = await tx.execute(_ORG_AFTER, {"its_org": org_id, "after": seq, "most": limit})
    return [_event(row) for row in found]


async def org_events_at(tx: Tx, scope: PlatformScope, org_id: OrgId, seqs: Sequence[int]) -> dict[int, Event]:
    found: dict[int, Event] = {}
    for start in range(0, len(seqs), _MOST_AT_ONCE):
        some = events.c.seq.in_(seqs[start : start + _MOST_AT_ONCE])
        found |= {
            row.seq: _event(row) for row in await tx.execute(select(events).where(events.c.org_id == org_id, some))
        }
    return found


async def expired_positions(tx: Tx, scope: PlatformScope, before: datetime) -> Sequence[tuple[OrgId, int]]:
    """For each org with events older than `before`: the newest position among them."""
    statement = (
        select(events.c.org_id, func.max(events.c.seq).label("newest"))
        .where(events.c.at < before)
        .group_by(events.c.org_id)
    )
    return [(OrgId(row.org_id), int(row.newest)) for row in await tx.execute(statement)]


async def remove_through(tx: Tx, scope: PlatformScope, org_id: OrgId, seq: int) -> int:
    """Move the org's floor up to `seq`, then remove what lies at or below it; returns how many went."""
    await tx.execute(
        update(org_sequences).where(org_sequences.c.org_id == org_id, org_sequences.c.floor < seq).values(floor=seq)
    )
    result = await tx.execute(delete(events).where(events.c.org_id == org_id, events.c.seq <= seq))
    return result.rowcount


def _visible(scope: OrgScope) -> ColumnElement[bool]:
    return and_(events.c.org_id == scope.org_id, events.c.scope == scope.scope)


def _narrowed(wanted: EventFilter) -> list[ColumnElement[bool]]:
    rules: list[ColumnElement[bool]] = []
    if wanted.kinds:
        rules.append(or_(*(_kind_is(pattern) for pattern in wanted.kinds)))
    if wanted.category is not None:
        rules.append(events.c.category == wanted.category)
    if wanted.subject is not None:
        rules.append(events.c.subject == wanted.subject)
    if wanted.since is not None:
        rules.append(events.c.at >= wanted.since)
    if wanted.until is not None:
        rules.append(events.c.at < wanted.until)
    return rules


def _kind_is(pattern: str) -> ColumnElement[bool]:
    """What catalogue.matches says, in SQL."""
    pattern = house_pattern(pattern)
    if pattern == "*":
        return true()
    if pattern.endswith(".*"):
        return events.c.kind.startswith(pattern[:-1], autoescape=True)
    if unversioned(pattern) == pattern:
        # Every kind ends in its version, so one or two characters after the v are its number.
        name = pattern.replace("_", "/_")
        return or_(*(events.c.kind.like(f"{name}.v{digits}", escape="/") for digits in ("_", "__")))
    return events.c.kind == pattern


def _event(row: Row[Any]) -> Event:
    payload: Mapping[str, object] = row.payload
    category, subject = row.category, row.subject
    if not category:
        # Recorded before the log said so itself.
        category, subject = category_and_subject(row.kind, payload)
    return Event(
        OrgId(row.org_id),
        row.seq,
        EventId(row.id),
        row.kind,
        row.scope,
        Actor(row.actor_kind, row.actor_id, row.actor_name),
        payload,
        row.at,
        subject,
        category,
        row.origin,
    )
