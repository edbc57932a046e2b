"""SQL of reading: lists, one call, the live feed, and totals over time."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ScalarSelect,
    Select,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.engine import Row

from portico.domains.usage.entry import COLUMNS, line_of
from portico.domains.usage.lines import PARTIES
from portico.domains.usage.parties import Parties
from portico.domains.usage.record import CallFilter, CallRecord
from portico.domains.usage.store_journal import totals_of
from portico.domains.usage.tables import BROUGHT_CORRELATION, call_parties, call_places, call_totals, call_traces, calls
from portico.domains.usage.totals import Subject, Totals
from portico.kernel.ids import ulid_of
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx, UtcTime, from_micros

# After the position as entry.line_of wants them, and last what its parties are made of.
_LISTED = [
    calls.c.position,
    *(type_coerce(calls.c.at, BigInteger) if name == "at_us" else calls.c[name] for name in COLUMNS),
    calls.c.details,
    *(call_parties.c[name] for name in PARTIES),
]
_MOST_NAMED = 200
_TRACE_ID = re.compile("[0-9a-f]{32}")


def _mine(scope: OrgScope) -> ColumnElement[bool]:
    return calls.c.place == _place(scope)


def _listed() -> Select[Any]:
    return select(*_LISTED).join_from(calls, call_parties, call_parties.c.id == calls.c.party)


def _place(scope: OrgScope) -> ScalarSelect[int]:
    """No number when nothing was ever called there, and no call has none."""
    columns = call_places.c
    mine = select(columns.id).where(columns.org_id == scope.org_id, columns.scope == scope.scope)
    return mine.scalar_subquery()


def _record(row: Row[Any], *, whole: bool = False) -> CallRecord:
    """Stages and charges are read with the one call that is looked at, not with lists."""
    parties = Parties(tuple(row[-len(PARTIES) :]))
    line = line_of((*row[1 : -len(PARTIES)], parties), whole=whole)
    return CallRecord(row.position, from_micros(line.at_us), line)


def _passes(scope: OrgScope, wanted: CallFilter) -> list[ColumnElement[bool]]:
    columns, of = calls.c, call_parties.c
    party = {of.service: wanted.service, of.service_kind: wanted.kind, of.principal_id: wanted.principal_id}
    equal = {columns.verdict: wanted.verdict, columns.status: wanted.status}
    found = [column == value for column, value in equal.items() if value is not None]
    named = [column == value for column, value in party.items() if value is not None]
    if named:
        found.append(columns.party.in_(select(of.id).where(of.place == _place(scope), *named)))
    if wanted.since is not None:
        found.append(columns.at >= wanted.since)
    if wanted.until is not None:
        found.append(columns.at < wanted.until)
    if wanted.min_cost_microusd is not None:
        found.append(columns.cost_microusd >= wanted.min_cost_microusd)
    return found


async def _positions_of(tx: Tx, scope: OrgScope, words: str) -> list[int]:
    """The call with this id and the newest with this correlation id; two sharp look-ups where an OR would walk an index."""
    position = select(calls.c.position).where(_mine(scope))
    # A correlation id that was made from the call's own id is not stored, and its call is found by that id.
    own = "call_" + words.removeprefix("req-") if words.startswith("req-") else words
    by_id = position.where(calls.c.id == own, or_(calls.c.id == words, not_(BROUGHT_CORRELATION)))
    by_correlation = position.where(BROUGHT_CORRELATION, calls.c.correlation_id == words)
    by_correlation = by_correlation.order_by(calls.c.position.desc())
    found = [*(await tx.execute(by_id)).scalars()]
    found += (await tx.execute(by_correlation.limit(_MOST_NAMED))).scalars()
    return [*found, *await _positions_in(tx, scope, words)] if _TRACE_ID.fullmatch(words) else found


async def _positions_in(tx: Tx, scope: OrgScope, trace_id: str) -> list[int]:
    """The newest calls of a trace: the one that began it, when it began here, and those whose clients brought it."""
    brought = select(call_traces.c.call_id).where(
        call_traces.c.org_id == scope.org_id, call_traces.c.scope == scope.scope, call_traces.c.trace_id == trace_id
    )
    brought = brought.order_by(call_traces.c.at.desc(), call_traces.c.call_id).limit(_MOST_NAMED)
    named = ["call_" + ulid_of(trace_id), *(await tx.execute(brought)).scalars()]
    return [*(await tx.execute(select(calls.c.position).where(_mine(scope), calls.c.id.in_(named)))).scalars()]


async def list_calls(
    tx: Tx, scope: OrgScope, wanted: CallFilter, after: tuple[int, str] | None, limit: int, *, whole: bool = False
) -> list[CallRecord]:
    """Newest first, those after the keyset position (at in µs, id)."""
    # Which rows first, from an index alone; then those few rows. SQLite would otherwise visit every row it filters.
    chosen = select(calls.c.position, calls.c.at, calls.c.id).where(_mine(scope), *_passes(scope, wanted))
    for name, find in ((wanted.words, _positions_of), (wanted.trace_id, _positions_in)):
        if name is None:
            continue
        named = await find(tx, scope, name)
        if not named:
            return []
        chosen = chosen.where(calls.c.position.in_(named))
    if after is not None:
        last = tuple_(literal(from_micros(after[0]), UtcTime()), literal(after[1]))
        chosen = chosen.where(tuple_(calls.c.at, calls.c.id) < last)
    few = chosen.order_by(calls.c.at.desc(), calls.c.id.desc()).limit(limit).subquery()
    statement = (
        select(*_LISTED)
        .join_from(few, calls, calls.c.position == few.c.position)
        .join(call_parties, call_parties.c.id == calls.c.party)
        .order_by(few.c.at.desc(), few.c.id.desc())
    )
    return [_record(row, whole=whole) for row in await tx.execute(statement)]


async def find_call(tx: Tx, scope: OrgScope, call_id: str) -> CallRecord | None:
    row = (await tx.execute(_listed().where(_mine(scope), calls.c.id == call_id))).one_or_none()
    return None if row is None else _record(row, whole=True)


async def calls_since(tx: Tx, scope: OrgScope, position: int, limit: int) -> list[CallRecord]:
    """Oldest first, those folded after `position`."""
    statement = _listed().where(_mine(scope), calls.c.position > position).order_by(calls.c.position).limit(limit)
    return [_record(row) for row in await tx.execute(statement)]


async def newest_calls(tx: Tx, scope: OrgScope, limit: int) -> list[CallRecord]:
    """Newest first by position, as the live feed counts."""
    statement = _listed().where(_mine(scope)).order_by(calls.c.position.desc()).limit(limit)
    return [_record(row) for row in await tx.execute(statement)]


async def count_calls(tx: Tx, scope: OrgScope, since: datetime, until: datetime, at_most: int) -> int:
    """How many calls lie in the window, counted no further than `at_most`."""
    window = select(calls.c.at).where(_mine(scope), calls.c.at >= since, calls.c.at < until).limit(at_most)
    return int((await tx.execute(select(func.count()).select_from(window.subquery()))).scalar_one())


async def raw_sums(
    tx: Tx, scope: OrgScope, since: datetime, until: datetime, service: str | None, principal_id: str | None
) -> Sequence[Row[Any]]:
    """What analytics need of each call in a window known to be small."""
    columns, of = calls.c, call_parties.c
    wanted = CallFilter(since=since, until=until, service=service, principal_id=principal_id)
    statement = select(
        columns.at,
        of.service,
        of.service_id,
        of.principal_id,
        of.principal_name,
        columns.verdict,
        columns.duration_us,
        columns.added_us,
        columns.tokens_in,
        columns.tokens_out,
        columns.cost_microusd,
    ).join_from(calls, call_parties, of.id == columns.party)
    return (await tx.execute(statement.where(_mine(scope), *_passes(scope, wanted)))).all()


async def read_totals(
    tx: Tx,
    scope: OrgScope,
    step_s: int,
    subject: Subject,
    since: datetime,
    until: datetime,
    service: str | None = None,
    principal_id: str | None = None,
) -> list[tuple[datetime, str, str, Totals]]:
    """(at, service, principal id, totals) of each step that begins in the window."""
    columns = call_totals.c
    statement = select(call_totals).where(
        columns.org_id == scope.org_id,
        columns.scope == scope.scope,
        columns.step_s == step_s,
        columns.subject == subject,
        columns.at >= since,
        columns.at < until,
    )
    if service is not None:
        statement = statement.where(columns.service == service)
    if principal_id is not None:
        statement = statement.where(columns.principal_id == principal_id)
    return [(row.at, row.service, row.principal_id, totals_of(row)) for row in await tx.execute(statement)]
