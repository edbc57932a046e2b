"""All SQL of the audit trail. There is no update and no delete of an entry but retention's."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.audit.model import FIRST_HASH, PLATFORM_CHAIN, Entry, Head, Search, Target
from portico.domains.audit.tables import audit_entries, audit_heads
from portico.kernel.ids import AuditId
from portico.kernel.scope import Actor, OrgScope, PlatformScope
from portico.platform.db import Tx

_BATCH = 1000


def chain_of(scope: OrgScope | PlatformScope) -> str:
    return scope.org_id if isinstance(scope, OrgScope) else PLATFORM_CHAIN


async def advance_head(tx: Tx, scope: OrgScope | PlatformScope) -> tuple[Head, str]:
    """Lock the chain and move it one on; the head returned has the new position and still the old hash, with its seal."""
    draft = sqlite.insert(audit_heads) if tx.engine == "sqlite" else postgresql.insert(audit_heads)
    first = {"org_id": chain_of(scope), "seq": 1, "hash": FIRST_HASH, "floor_hash": FIRST_HASH, "seal": ""}
    statement = draft.values(first).on_conflict_do_update(
        index_elements=["org_id"], set_={"seq": audit_heads.c.seq + 1}
    )
    row = (await tx.execute(statement.returning(*audit_heads.c))).one()
    return _head(row), row.seal


async def load_head(tx: Tx, scope: OrgScope | PlatformScope) -> tuple[Head, str] | None:
    statement = select(audit_heads).where(audit_heads.c.org_id == chain_of(scope))
    row = (await tx.execute(statement)).one_or_none()
    return None if row is None else (_head(row), row.seal)


async def lock_head(tx: Tx, scope: PlatformScope, chain: str) -> tuple[Head, str]:
    statement = select(audit_heads).where(audit_heads.c.org_id == chain).with_for_update()
    row = (await tx.execute(statement)).one()
    return _head(row), row.seal


async def save_head(tx: Tx, scope: OrgScope | PlatformScope, head: Head) -> None:
    values = {"hash": head.hash, "floor": head.floor, "floor_hash": head.floor_hash, "seal": head.seal(tx.audit_key)}
    await tx.execute(update(audit_heads).where(audit_heads.c.org_id == head.chain).values(values))


async def insert_entry(tx: Tx, scope: OrgScope | PlatformScope, entry: Entry) -> None:
    target = entry.target
    await tx.execute(
        insert(audit_entries).values(
            org_id=chain_of(scope),
            seq=entry.seq,
            id=entry.id,
            at=entry.at,
            scope=entry.scope,
            actor_kind=entry.actor.kind,
            actor_id=entry.actor.id,
            actor_name=entry.actor.name,
            address=entry.actor.address,
            action=entry.action,
            target_kind=None if target is None else target.kind,
            target_id=None if target is None else target.id,
            target_name=None if target is None else target.name,
            outcome=entry.outcome,
            severity=entry.severity,
            detail=entry.detail,
            prev_hash=entry.prev_hash,
            hash=entry.hash,
        )
    )


async def find_entries(
    tx: Tx, scope: OrgScope | PlatformScope, search: Search, before_seq: int | None, limit: int
) -> list[Entry]:
    wanted = [audit_entries.c.org_id == chain_of(scope), *_narrowed(search)]
    if isinstance(scope, OrgScope):
        wanted.append(audit_entries.c.scope == scope.scope)
    if before_seq is not None:
        wanted.append(audit_entries.c.seq < before_seq)
    statement = select(audit_entries).where(and_(*wanted)).order_by(audit_entries.c.seq.desc()).limit(limit)
    return [_entry(row) for row in await tx.execute(statement)]


async def every_entry(tx: Tx, scope: OrgScope | PlatformScope) -> AsyncIterator[Entry]:
    """The whole chain in order, a bounded batch at a time."""
    after = 0
    while True:
        wanted = and_(audit_entries.c.org_id == chain_of(scope), audit_entries.c.seq > after)
        rows = await tx.execute(select(audit_entries).where(wanted).order_by(audit_entries.c.seq).limit(_BATCH))
        batch = [_entry(row) for row in rows]
        for entry in batch:
            yield entry
        if len(batch) < _BATCH:
            return
        after = batch[-1].seq


async def expired_chains(tx: Tx, scope: PlatformScope, before: datetime) -> list[tuple[str, int]]:
    """For each chain with entries older than `before`: the newest position among them."""
    newest = func.max(audit_entries.c.seq).label("newest")
    statement = select(audit_entries.c.org_id, newest).where(audit_entries.c.at < before)
    return [(row.org_id, row.newest) for row in await tx.execute(statement.group_by(audit_entries.c.org_id))]


async def hash_at(tx: Tx, scope: PlatformScope, chain: str, seq: int) -> str | None:
    wanted = and_(audit_entries.c.org_id == chain, audit_entries.c.seq == seq)
    found: str | None = (await tx.execute(select(audit_entries.c.hash).where(wanted))).scalar_one_or_none()
    return found


async def remove_through(tx: Tx, scope: PlatformScope, chain: str, seq: int) -> int:
    wanted = and_(audit_entries.c.org_id == chain, audit_entries.c.seq <= seq)
    return (await tx.execute(delete(audit_entries).where(wanted))).rowcount


def _narrowed(search: Search) -> list[ColumnElement[bool]]:
    narrowed: list[ColumnElement[bool]] = []
    if search.actor_id is not None:
        narrowed.append(audit_entries.c.actor_id == search.actor_id)
    if search.action is not None:
        narrowed.append(audit_entries.c.action == search.action)
    if search.outcome is not None:
        narrowed.append(audit_entries.c.outcome == search.outcome)
    if search.since is not None:
        narrowed.append(audit_entries.c.at >= search.since)
    if search.until is not None:
        narrowed.append(audit_entries.c.at < search.until)
    return narrowed


def _head(row: Row[Any]) -> Head:
    return Head(row.org_id, row.seq, row.hash, row.floor, row.floor_hash)


def _entry(row: Row[Any]) -> Entry:
    target = None if row.target_kind is None else Target(row.target_kind, row.target_id, row.target_name)
    return Entry(
        chain=row.org_id,
        seq=row.seq,
        id=AuditId(row.id),
        at=row.at,
        scope=row.scope,
        actor=Actor(row.actor_kind, row.actor_id, row.actor_name, row.address),
        action=row.action,
        target=target,
        outcome=row.outcome,
        severity=row.severity,
        detail=row.detail,
        prev_hash=row.prev_hash,
        hash=row.hash,
    )
