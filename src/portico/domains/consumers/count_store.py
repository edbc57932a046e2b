"""SQL of the counts of events per day; a day is its number since 1970-01-01."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.consumers.tables import event_counts
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx

_ROWS_AT_ONCE = 500
Counts = dict[tuple[int, str], int]


async def add(tx: Tx, scope: OrgScope, counts: Mapping[tuple[int, str], int]) -> None:
    into = sqlite.insert(event_counts) if tx.engine == "sqlite" else postgresql.insert(event_counts)
    rows = [
        {"org_id": scope.org_id, "scope": scope.scope, "day": day, "kind": kind, "happened": happened}
        for (day, kind), happened in sorted(counts.items())
    ]
    keys = ["org_id", "scope", "day", "kind"]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        added = into.values(rows[start : start + _ROWS_AT_ONCE])
        more = {"happened": event_counts.c.happened + added.excluded.happened}
        await tx.execute(added.on_conflict_do_update(index_elements=keys, set_=more))


async def counts_from(tx: Tx, scope: OrgScope, first_day: int, last_day: int | None = None) -> Counts:
    query = _from(scope, first_day, last_day)
    return {(int(row.day), row.kind): int(row.happened) for row in await tx.execute(query)}


async def list_counts(
    tx: Tx, scope: OrgScope, days: tuple[int, int], kinds: list[str] | None, ask: PageAsk
) -> Page[tuple[int, str, int]]:
    """The latest day first, its kinds by name."""
    query = _from(scope, *days)
    if kinds is not None:
        query = query.where(event_counts.c.kind.in_(kinds))
    if ask.cursor is not None:
        day, kind = ask.cursor.after[0], str(ask.cursor.after[-1])
        day = day if isinstance(day, int) else 0
        same = and_(event_counts.c.day == day, event_counts.c.kind > kind)
        query = query.where(or_(event_counts.c.day < day, same))
    query = query.order_by(event_counts.c.day.desc(), event_counts.c.kind).limit(ask.page_size + 1)
    rows = [(int(row.day), str(row.kind), int(row.happened)) for row in await tx.execute(query)]
    return make_page(rows, ask, lambda row: (row[0], row[1]), None)


async def counted_kinds(tx: Tx, scope: OrgScope) -> list[str]:
    return [row.kind for row in await tx.execute(select(event_counts.c.kind).distinct().where(_visible(scope)))]


async def replace_from(tx: Tx, scope: OrgScope, first_day: int, counts: Mapping[tuple[int, str], int]) -> None:
    await tx.execute(delete(event_counts).where(_visible(scope), event_counts.c.day >= first_day))
    rows = [
        {"org_id": scope.org_id, "scope": scope.scope, "day": day, "kind": kind, "happened": happened}
        for (day, kind), happened in counts.items()
    ]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        await tx.execute(insert(event_counts), rows[start : start + _ROWS_AT_ONCE])


def _visible(scope: OrgScope) -> ColumnElement[bool]:
    return and_(event_counts.c.org_id == scope.org_id, event_counts.c.scope == scope.scope)


def _from(scope: OrgScope, first_day: int, last_day: int | None) -> Select[Any]:
    query = select(event_counts).where(_visible(scope), event_counts.c.day >= first_day)
    return query if last_day is None else query.where(event_counts.c.day <= last_day)
