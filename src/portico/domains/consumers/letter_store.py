"""SQL of dead letters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, null, or_, select, update

from portico.domains.consumers.model import DeadLetter, packed, unpacked
from portico.domains.consumers.tables import dead_letters
from portico.kernel.ids import DeadLetterId, OrgId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx, from_micros, to_micros


async def insert_letter(tx: Tx, scope: PlatformScope | OrgScope, letter: DeadLetter) -> None:
    await tx.execute(
        insert(dead_letters).values(
            id=letter.id,
            org_id=letter.event.org_id,
            scope=letter.event.scope,
            consumer=letter.consumer,
            kind=letter.event.kind,
            event=packed(letter.event),
            payload=null() if letter.payload is None else dict(letter.payload),
            error=letter.error,
            attempts=letter.attempts,
            first_failed_at=letter.first_failed_at,
            died_at=letter.died_at,
        )
    )


async def load_letter(tx: Tx, scope: OrgScope, letter_id: str, *, lock: bool = False) -> DeadLetter | None:
    query = select(dead_letters).where(_visible(scope), dead_letters.c.id == letter_id)
    if lock and tx.engine == "postgresql":
        query = query.with_for_update()
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _letter(row)


async def list_letters(
    tx: Tx, scope: OrgScope, consumer: str | None, kinds: Sequence[str] | None, ask: PageAsk
) -> Page[DeadLetter]:
    """The latest first. `kinds` None means every kind."""
    query = _wanted(scope, consumer, kinds)
    if ask.cursor is not None:
        died_us, letter_id = ask.cursor.after[0], str(ask.cursor.after[-1])
        died_at = from_micros(died_us if isinstance(died_us, int) else 0)
        same = and_(dead_letters.c.died_at == died_at, dead_letters.c.id < letter_id)
        query = query.where(or_(dead_letters.c.died_at < died_at, same))
    query = query.order_by(dead_letters.c.died_at.desc(), dead_letters.c.id.desc()).limit(ask.page_size + 1)
    rows = [_letter(row) for row in await tx.execute(query)]
    return make_page(rows, ask, lambda letter: (to_micros(letter.died_at), letter.id), None)


async def oldest_letters(
    tx: Tx, scope: OrgScope, consumer: str | None, kinds: Sequence[str] | None, limit: int
) -> list[DeadLetter]:
    query = _wanted(scope, consumer, kinds).order_by(dead_letters.c.died_at, dead_letters.c.id).limit(limit)
    return [_letter(row) for row in await tx.execute(query)]


async def kinds_of_letters(tx: Tx, scope: OrgScope) -> list[str]:
    return [row.kind for row in await tx.execute(select(dead_letters.c.kind).distinct().where(_visible(scope)))]


async def update_payload(tx: Tx, scope: OrgScope, letter: DeadLetter) -> None:
    mine = _visible(scope), dead_letters.c.id == letter.id
    await tx.execute(update(dead_letters).where(*mine).values(payload=dict(letter.payload or {})))


async def delete_letters(tx: Tx, scope: OrgScope, letter_ids: Sequence[str]) -> None:
    for start in range(0, len(letter_ids), 500):
        some = dead_letters.c.id.in_(letter_ids[start : start + 500])
        await tx.execute(delete(dead_letters).where(_visible(scope), some))


async def forget_letters(tx: Tx, scope: OrgScope, consumer: str) -> None:
    await tx.execute(delete(dead_letters).where(_visible(scope), dead_letters.c.consumer == consumer))


async def count_letters(tx: Tx, scope: PlatformScope | OrgScope, org_id: OrgId) -> int:
    query = select(func.count()).select_from(dead_letters).where(dead_letters.c.org_id == org_id)
    return int((await tx.execute(query)).scalar_one())


async def letters_by_consumer(tx: Tx, scope: PlatformScope | OrgScope) -> dict[str, int]:
    query = select(dead_letters.c.consumer, func.count().label("dead")).group_by(dead_letters.c.consumer)
    if isinstance(scope, OrgScope):
        query = query.where(_visible(scope))
    return {row.consumer: int(row.dead) for row in await tx.execute(query)}


async def drop_oldest(tx: Tx, scope: PlatformScope, org_id: OrgId, count: int) -> list[str]:
    """Remove an org's oldest letters; returns whose they were."""
    oldest = (
        select(dead_letters.c.id)
        .where(dead_letters.c.org_id == org_id)
        .order_by(dead_letters.c.died_at, dead_letters.c.id)
        .limit(count)
    )
    gone = await tx.execute(
        delete(dead_letters).where(dead_letters.c.id.in_(oldest)).returning(dead_letters.c.consumer)
    )
    return [row.consumer for row in gone]


async def delete_before(tx: Tx, scope: PlatformScope, before: datetime) -> int:
    return (await tx.execute(delete(dead_letters).where(dead_letters.c.died_at < before))).rowcount


def _visible(scope: OrgScope) -> ColumnElement[bool]:
    return and_(dead_letters.c.org_id == scope.org_id, dead_letters.c.scope == scope.scope)


def _wanted(scope: OrgScope, consumer: str | None, kinds: Sequence[str] | None) -> Select[Any]:
    query = select(dead_letters).where(_visible(scope))
    if consumer is not None:
        query = query.where(dead_letters.c.consumer == consumer)
    return query if kinds is None else query.where(dead_letters.c.kind.in_(kinds))


def _letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        DeadLetterId(row.id),
        row.consumer,
        unpacked(row.event),
        row.payload,
        row.error,
        row.attempts,
        row.first_failed_at,
        row.died_at,
    )
