"""All SQL of the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Insert, Row, and_, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.events.model import Event
from portico.domains.events.tables import events, org_sequences
from portico.kernel.ids import EventId, OrgId
from portico.kernel.scope import Actor, OrgScope, PlatformScope
from portico.platform.db import Tx


async def take_position(tx: Tx, scope: OrgScope) -> int:
    """The org's next position; the row stays locked until the transaction ends, so positions commit in order."""
    draft = sqlite.insert(org_sequences) if tx.engine == "sqlite" else postgresql.insert(org_sequences)
    statement = draft.values(org_id=scope.org_id, seq=1).on_conflict_do_update(
        index_elements=["org_id"], set_={"seq": org_sequences.c.seq + 1}
    )
    result = await tx.execute(statement.returning(org_sequences.c.seq))
    return int(result.scalar_one())


async def hold_position(tx: Tx, scope: OrgScope) -> None:
    """Lock the org's counter without taking a position; SQLite has one writer and needs no lock."""
    if tx.engine == "postgresql":
        await tx.execute(select(org_sequences.c.seq).where(org_sequences.c.org_id == scope.org_id).with_for_update())


async def insert_event(tx: Tx, scope: OrgScope, event: Event) -> None:
    statement: Insert = insert(events).values(
        org_id=scope.org_id,
        seq=event.seq,
        id=event.id,
        kind=event.kind,
        scope=event.scope,
        actor_kind=event.actor.kind,
        actor_id=event.actor.id,
        actor_name=event.actor.name,
        payload=dict(event.payload),
        at=event.at,
    )
    await tx.execute(statement)


async def latest_position(tx: Tx, scope: OrgScope) -> tuple[int, int]:
    """(position of the newest event, newest position that retention removed) of the org."""
    result = await tx.execute(
        select(org_sequences.c.seq, org_sequences.c.floor).where(org_sequences.c.org_id == scope.org_id)
    )
    row = result.one_or_none()
    return (0, 0) if row is None else (int(row.seq), int(row.floor))


async def newest_events(
    tx: Tx, scope: OrgScope, kind: str | None, since: datetime | None, before_seq: int | None, limit: int
) -> list[Event]:
    wanted = _visible(scope)
    if kind is not None:
        wanted = and_(wanted, events.c.kind == kind)
    if since is not None:
        wanted = and_(wanted, events.c.at >= since)
    if before_seq is not None:
        wanted = and_(wanted, events.c.seq < before_seq)
    result = await tx.execute(select(events).where(wanted).order_by(events.c.seq.desc()).limit(limit))
    return [_event(row) for row in result]


async def events_after(tx: Tx, scope: OrgScope, seq: int, limit: int) -> list[Event]:
    wanted = and_(_visible(scope), events.c.seq > seq)
    result = await tx.execute(select(events).where(wanted).order_by(events.c.seq).limit(limit))
    return [_event(row) for row in result]


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


def _event(row: Row[Any]) -> Event:
    payload: Mapping[str, object] = row.payload
    return Event(
        OrgId(row.org_id),
        row.seq,
        EventId(row.id),
        row.kind,
        row.scope,
        Actor(row.actor_kind, row.actor_id, row.actor_name),
        payload,
        row.at,
    )
