"""SQL of folding: positions, open reservations, the rows of calls and their totals."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from asyncpg.exceptions import UniqueViolationError
from sqlalchemy import BigInteger, Executable, and_, delete, insert, select, text, tuple_, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from portico.domains.usage import histogram
from portico.domains.usage.entry import COLUMNS, line_of, read_reservation
from portico.domains.usage.journal import Position
from portico.domains.usage.model import ReserveLine
from portico.domains.usage.parties import Row
from portico.domains.usage.tables import call_totals, call_traces, calls, journal_positions, open_reservations
from portico.domains.usage.totals import Totals, TotalsKey
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx, from_micros

T = TypeVar("T")
REPEATED = (IntegrityError, UniqueViolationError)
_CALL_COLUMNS = [*("at" if name == "at_us" else name for name in COLUMNS), "details", "place", "party"]
# Rows go to the driver as they are: what SQLAlchemy does for each would cost more than storing it.
_INSERT_CALL = f"INSERT INTO calls ({', '.join(_CALL_COLUMNS)}) VALUES ({', '.join('?' * len(_CALL_COLUMNS))})"  # noqa: S608
# In the order of TotalsKey; times as plain numbers.
_TOTALS_KEY = [
    call_totals.c.org_id,
    call_totals.c.scope,
    call_totals.c.step_s,
    call_totals.c.subject,
    type_coerce(call_totals.c.at, BigInteger),
    call_totals.c.service,
    call_totals.c.principal_id,
]
_TOTALS_SUMS = [column for column in call_totals.columns if not column.primary_key]
_CHUNK = 400
_TRACE_ID = 32
_FOLD_LOCK = 0x506F7274


def chunks(items: Iterable[T], size: int = _CHUNK) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


async def lock_folding(tx: Tx, scope: PlatformScope) -> None:
    """One folder at a time, so that positions of calls become visible in their order. SQLite has one writer anyway."""
    if tx.engine == "postgresql":
        await tx.execute(text(f"SELECT pg_advisory_xact_lock({_FOLD_LOCK})"))


async def load_position(tx: Tx, scope: PlatformScope, gateway_id: str, epoch: str) -> tuple[Position | None, bool]:
    """How far the epoch is folded, and whether it is closed."""
    row = (
        await tx.execute(
            select(journal_positions).where(
                journal_positions.c.gateway_id == gateway_id, journal_positions.c.epoch == epoch
            )
        )
    ).one_or_none()
    return (None, False) if row is None else (Position(row.file_number, row.byte_offset), row.closed)


async def save_position(
    tx: Tx, scope: PlatformScope, gateway_id: str, epoch: str, at: Position, now: datetime, *, closed: bool = False
) -> None:
    values = {"file_number": at.number, "byte_offset": at.offset, "closed": closed, "updated_at": now}
    upsert = (sqlite if tx.engine == "sqlite" else postgresql).insert(journal_positions)
    statement = upsert.values(gateway_id=gateway_id, epoch=epoch, **values).on_conflict_do_update(
        index_elements=["gateway_id", "epoch"], set_=values
    )
    await tx.execute(statement)


async def close_position(tx: Tx, scope: PlatformScope, gateway_id: str, epoch: str, now: datetime) -> None:
    await tx.execute(
        update(journal_positions)
        .where(journal_positions.c.gateway_id == gateway_id, journal_positions.c.epoch == epoch)
        .values(closed=True, updated_at=now)
    )


async def list_epochs(tx: Tx, scope: PlatformScope, gateway_id: str) -> list[str]:
    """Epochs of this gateway that something is still known of: not closed, or with open reservations."""
    positions = select(journal_positions.c.epoch).where(
        journal_positions.c.gateway_id == gateway_id, journal_positions.c.closed.is_(False)
    )
    held = select(open_reservations.c.epoch).where(open_reservations.c.gateway_id == gateway_id)
    return sorted((await tx.execute(positions.union(held))).scalars())


async def forget_positions(tx: Tx, scope: PlatformScope, closed_before: datetime) -> int:
    result = await tx.execute(
        delete(journal_positions).where(
            journal_positions.c.closed.is_(True), journal_positions.c.updated_at < closed_before
        )
    )
    return result.rowcount


async def insert_calls(tx: Tx, scope: PlatformScope, rows: Sequence[Row]) -> None:
    """With place and party. Handed to the driver as they are; raises one of REPEATED for an id that is there already."""
    if tx.engine == "sqlite":
        await tx.connection.exec_driver_sql(_INSERT_CALL, rows)
    else:
        # The statements before this one have opened the transaction; the copy is part of it.
        driver: Any = (await tx.connection.get_raw_connection()).driver_connection
        await driver.copy_records_to_table(calls.name, records=rows, columns=_CALL_COLUMNS)


async def insert_traces(tx: Tx, scope: PlatformScope, rows: Iterable[Row]) -> None:
    """Where to find the calls of a trace that a client brought; those of our own traces are found by their own ids."""
    lines = [line_of(row, whole=False) for row in rows]
    found = [
        {
            "org_id": line.org_id,
            "scope": line.scope,
            "trace_id": line.trace_id,
            "call_id": line.id,
            "at": from_micros(line.at_us),
        }
        for line in lines
        if len(line.trace) >= _TRACE_ID
    ]
    for chunk in chunks(found):
        await tx.execute(insert(call_traces), chunk)


async def delete_traces(tx: Tx, scope: PlatformScope, before: datetime, limit: int) -> int:
    """Up to `limit` of them, oldest first."""
    keys = list(call_traces.primary_key)
    oldest = select(*keys).where(call_traces.c.at < before).order_by(call_traces.c.at).limit(limit)
    result = await tx.execute(delete(call_traces).where(tuple_(*keys).in_(oldest)))
    return result.rowcount


async def recorded_ids(tx: Tx, scope: PlatformScope, call_ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(call_ids):
        found.update((await tx.execute(select(calls.c.id).where(calls.c.id.in_(chunk)))).scalars())
    return found


async def reserved_ids(tx: Tx, scope: PlatformScope, call_ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(call_ids):
        statement = select(open_reservations.c.call_id).where(open_reservations.c.call_id.in_(chunk))
        found.update((await tx.execute(statement)).scalars())
    return found


async def insert_reservations(
    tx: Tx, scope: PlatformScope, gateway_id: str, epoch: str, lines: Collection[tuple[ReserveLine, bytes]]
) -> None:
    """Each with its line as it stands in the journal."""
    if lines:
        rows = [
            {
                "call_id": line.id,
                "gateway_id": gateway_id,
                "epoch": epoch,
                "org_id": line.org_id,
                "scope": line.scope,
                "at": from_micros(line.at_us),
                "line": raw,
            }
            for line, raw in lines
        ]
        await tx.execute(insert(open_reservations), rows)


async def take_reservations(tx: Tx, scope: PlatformScope, call_ids: Iterable[str]) -> list[ReserveLine]:
    """Remove and return those of these calls that are still open."""
    taken: list[ReserveLine] = []
    for chunk in chunks(call_ids):
        statement = (
            delete(open_reservations).where(open_reservations.c.call_id.in_(chunk)).returning(open_reservations.c.line)
        )
        taken.extend(read_reservation(line) for line in (await tx.execute(statement)).scalars())
    return taken


async def take_open(tx: Tx, scope: PlatformScope, gateway_id: str, epoch: str, limit: int) -> list[ReserveLine]:
    """Remove and return up to `limit` open reservations of one epoch, oldest first."""
    statement = (
        select(open_reservations.c.call_id)
        .where(open_reservations.c.gateway_id == gateway_id, open_reservations.c.epoch == epoch)
        .order_by(open_reservations.c.at, open_reservations.c.call_id)
        .limit(limit)
    )
    return await take_reservations(tx, scope, (await tx.execute(statement)).scalars().all())


async def add_totals(tx: Tx, scope: PlatformScope, found: dict[TotalsKey, Totals]) -> None:
    """Read, merge, write back; only the folder writes here, one at a time."""
    for chunk in chunks(found.items()):
        query = select(*_TOTALS_KEY, *_TOTALS_SUMS).where(tuple_(*_TOTALS_KEY).in_([tuple(key) for key, _ in chunk]))
        stored = {row[: len(_TOTALS_KEY)]: totals_of(row) for row in await tx.execute(query)}
        rows = []
        for key, totals in chunk:
            merged = stored.get(key)
            if merged is not None:
                merged.add(totals)
            rows.append(_totals_row(key, merged or totals))
        await tx.execute(_UPSERT_TOTALS[tx.engine], rows)


def _upsert_totals(dialect: Any) -> Executable:
    upsert = dialect.insert(call_totals)
    keys = list(call_totals.primary_key)
    sums = {column.name: upsert.excluded[column.name] for column in call_totals.columns if column not in set(keys)}
    statement: Executable = upsert.on_conflict_do_update(index_elements=keys, set_=sums)
    return statement


_UPSERT_TOTALS = {"sqlite": _upsert_totals(sqlite), "postgresql": _upsert_totals(postgresql)}


def totals_of(row: Any) -> Totals:
    return Totals(
        row.service_id,
        row.principal_name,
        row.calls,
        row.failed,
        row.refused,
        row.tokens_in,
        row.tokens_out,
        row.cost_microusd,
        histogram.unpack(row.durations),
        histogram.unpack(row.added),
    )


def _totals_row(key: TotalsKey, totals: Totals) -> dict[str, Any]:
    return {
        "org_id": key.org_id,
        "scope": key.scope,
        "step_s": key.step_s,
        "subject": key.subject,
        "at": from_micros(key.at_us),
        "service": key.service,
        "principal_id": key.principal_id,
        "service_id": totals.service_id,
        "principal_name": totals.principal_name,
        "calls": totals.calls,
        "failed": totals.failed,
        "refused": totals.refused,
        "tokens_in": totals.tokens_in,
        "tokens_out": totals.tokens_out,
        "cost_microusd": totals.cost_microusd,
        "durations": histogram.pack(totals.durations),
        "added": histogram.pack(totals.added),
    }


async def delete_totals(tx: Tx, scope: PlatformScope, step_s: int, before: datetime, limit: int) -> int:
    """Up to `limit` rows, oldest first."""
    keys = list(call_totals.primary_key)
    oldest = select(*keys).where(call_totals.c.step_s == step_s, call_totals.c.at < before)
    oldest = oldest.order_by(call_totals.c.at).limit(limit)
    result = await tx.execute(delete(call_totals).where(tuple_(*keys).in_(oldest)))
    return result.rowcount


async def delete_oldest_calls(tx: Tx, scope: PlatformScope, before: datetime, limit: int) -> int:
    """Among the `limit` calls folded first, delete those older than `before`; the order of folding is nearly that of time."""
    oldest = select(calls.c.position).order_by(calls.c.position).limit(limit).subquery()
    result = await tx.execute(
        delete(calls).where(and_(calls.c.position.in_(select(oldest.c.position)), calls.c.at < before))
    )
    return result.rowcount
