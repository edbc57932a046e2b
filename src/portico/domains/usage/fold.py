"""Folding: journal lines become call records, budget use, totals and a new position, in one transaction per batch.

Exactly once by position: a batch is applied only if the stored position is still the one it was read from, and the new
position is stored with it. Whatever dies in between, the next fold starts where the last commit ended.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path

import structlog

from portico.domains.limits import public as limits
from portico.domains.tenancy import public as tenancy
from portico.domains.usage import journal, store_journal, store_parties
from portico.domains.usage.entry import AT
from portico.domains.usage.journal import Batch, Position
from portico.domains.usage.lines import PARTIES
from portico.domains.usage.model import CallLine, Charge, ReserveLine
from portico.domains.usage.parties import Parties, Row, numbered
from portico.domains.usage.reader import row_of
from portico.domains.usage.spans import offer_calls
from portico.domains.usage.totals import BudgetSums, Totals, TotalsKey, sum_charges, total_calls
from portico.kernel.ids import KeyId, OrgId
from portico.kernel.scope import SYSTEM, PlatformScope
from portico.platform.db import Tx, from_micros
from portico.platform.deps import Deps
from portico.platform.spans import SpanSink

log = structlog.get_logger("portico.usage")
_PLATFORM = PlatformScope(SYSTEM)
_LAPSE_BATCH = 500
_TOUCH_EVERY = timedelta(minutes=1)
_MAX_TOUCHES = 100_000
LAPSED_MESSAGE = "The gateway stopped before this call was settled; its budgets were charged what had been reserved."


@dataclass(slots=True)
class FoldStatus:
    """What one fold did. `skipped` lines could not be used; `repeated` ones were already counted."""

    lines: int = 0
    calls: int = 0
    reservations: int = 0
    lapsed: int = 0
    skipped: int = 0
    repeated: int = 0
    files_deleted: int = 0


_parties_and_time = itemgetter(AT["parties"], AT["at_us"])
_ID, _CALLER = AT["id"], PARTIES.index("principal_id")


@dataclass(slots=True)
class KeyTouches:
    """When each key's last use was last written, so that a busy key costs one write a minute."""

    written: dict[KeyId, datetime] = field(default_factory=dict)

    def due(self, calls: Iterable[Row]) -> dict[KeyId, datetime]:
        latest: dict[str, int] = {}
        for parties, at_us in dict(map(_parties_and_time, calls)).items():
            caller = parties.values[_CALLER]
            latest[caller] = max(at_us, latest.get(caller, 0))
        seen = ((KeyId(caller), from_micros(at_us)) for caller, at_us in latest.items() if caller.startswith("key_"))
        return {
            key_id: at for key_id, at in seen if key_id not in self.written or at - self.written[key_id] >= _TOUCH_EVERY
        }

    def wrote(self, touched: dict[KeyId, datetime]) -> None:
        if len(self.written) + len(touched) > _MAX_TOUCHES:
            self.written.clear()
        self.written.update(touched)


async def fold_journals(
    deps: Deps,
    journal_dir: Path | None = None,
    touches: KeyTouches | None = None,
    spans: SpanSink | None = None,
) -> FoldStatus:
    """Fold every gateway's journal up to its last whole line; safe to run at any time and in two processes.

    spans   is offered a span of each call that was folded, after that is certain
    """
    folder = _Folder(deps, journal_dir or deps.settings.data_dir / "journal", touches or KeyTouches(), spans)
    for gateway_id in await asyncio.to_thread(journal.list_gateways, folder.journal_dir):
        segments = await asyncio.to_thread(journal.list_segments, folder.journal_dir, gateway_id)
        for epoch, files in segments.items():
            await folder.fold_epoch(gateway_id, epoch, files, closed=False)
    return folder.status


async def close_epochs(
    deps: Deps,
    gateway_id: str,
    live_epoch: str,
    journal_dir: Path | None = None,
    touches: KeyTouches | None = None,
    spans: SpanSink | None = None,
) -> FoldStatus:
    """Fold every other epoch of this gateway to its end, then charge what it left reserved at the reserved amount.

    Call it only when the processes of the other epochs are gone: what they left unfinished is final from here on.
    """
    folder = _Folder(deps, journal_dir or deps.settings.data_dir / "journal", touches or KeyTouches(), spans)
    segments = await asyncio.to_thread(journal.list_segments, folder.journal_dir, gateway_id)
    async with deps.read() as tx:
        known = await store_journal.list_epochs(tx, _PLATFORM, gateway_id)
    for epoch in sorted({*segments, *known} - {live_epoch}):
        await folder.fold_epoch(gateway_id, epoch, segments.get(epoch, {}), closed=True)
        await folder.lapse_epoch(gateway_id, epoch)
        await folder.delete_files(segments.get(epoch, {}).values())
    return folder.status


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch with what needs no database: what its calls add up to, and what budgets are charged."""

    batch: Batch
    totals: dict[TotalsKey, Totals]
    charges: BudgetSums


def _prepare(batch: Batch) -> _Prepared:
    return _Prepared(batch, total_calls(batch.calls), sum_charges(batch.charges.values()))


def _read(files: dict[int, Path], at: Position, *, closed: bool) -> _Prepared:
    return _prepare(journal.read_batch(files, at, journal.MAX_BATCH_LINES, closed=closed))


class _Folder:
    def __init__(self, deps: Deps, journal_dir: Path, touches: KeyTouches, spans: SpanSink | None) -> None:
        self.deps, self.journal_dir, self.touches, self.spans = deps, journal_dir, touches, spans
        self.status = FoldStatus()

    async def fold_epoch(self, gateway_id: str, epoch: str, files: dict[int, Path], *, closed: bool) -> None:
        """Fold what the listed files hold now; segments that are done with are deleted on the way."""
        behind = bool(files)
        while behind:
            async with self.deps.read() as tx:
                stored, is_closed = await store_journal.load_position(tx, _PLATFORM, gateway_id, epoch)
            if is_closed:
                await self.delete_files(files.values())
                return
            start = stored or Position(min(files), 0)
            found = await asyncio.to_thread(_read, files, start, closed=closed)
            batch = found.batch
            if batch.next != start:
                await self._apply_once(gateway_id, epoch, stored, found)
            behind = batch.behind
            done = [number for number in files if number < batch.next.number]
            await self.delete_files([files.pop(number) for number in done])

    async def _apply_once(self, gateway_id: str, epoch: str, expected: Position | None, found: _Prepared) -> None:
        try:
            await self._apply(gateway_id, epoch, expected, found)
        except store_journal.REPEATED:
            # Positions keep a line from being read twice; this is a line that was written twice.
            batch = found.batch
            async with self.deps.read() as tx:
                fresh = await _without_repeats(tx, batch)
            repeated = len(batch.calls) + len(batch.reservations) - len(fresh.calls) - len(fresh.reservations)
            if not repeated:
                raise
            log.warning("journal_lines_repeated", gateway=gateway_id, epoch=epoch, count=repeated)
            await self._apply(gateway_id, epoch, expected, _prepare(fresh))
            self.status.repeated += repeated

    async def _apply(self, gateway_id: str, epoch: str, expected: Position | None, found: _Prepared) -> None:
        batch = found.batch
        touched = self.touches.due(batch.calls)
        async with self.deps.uow() as tx:
            await store_journal.lock_folding(tx, _PLATFORM)
            if await store_journal.load_position(tx, _PLATFORM, gateway_id, epoch) != (expected, False):
                return
            settled = await self._settle(tx, gateway_id, epoch, batch)
            await _record(tx, batch.parties, batch.calls)
            if batch.hops:
                await store_journal.insert_traces(tx, _PLATFORM, batch.hops.values())
            await store_journal.add_totals(tx, _PLATFORM, found.totals)
            await _charge(tx, found.charges)
            await _hold(tx, held=[line for line, _ in batch.reservations.values()], released=settled)
            if touched:
                await tenancy.touch_keys(tx, _PLATFORM, touched)
            await store_journal.save_position(tx, _PLATFORM, gateway_id, epoch, batch.next, self.deps.clock.now())
            if batch.calls:
                _tell(tx, found.totals)
        self.touches.wrote(touched)
        if self.spans is not None:
            offer_calls(self.spans, batch.calls, batch.hops)
        self._count(gateway_id, epoch, batch)

    async def _settle(self, tx: Tx, gateway_id: str, epoch: str, batch: Batch) -> list[ReserveLine]:
        """Open and close reservations; a pair within the batch cancels out and touches no table."""
        await store_journal.insert_reservations(tx, _PLATFORM, gateway_id, epoch, batch.reservations.values())
        # What was reserved is settled by the charges of its call: one without charges was never reserved.
        return await store_journal.take_reservations(tx, _PLATFORM, sorted(batch.unpaired))

    def _count(self, gateway_id: str, epoch: str, batch: Batch) -> None:
        self.status.lines += batch.lines
        self.status.calls += len(batch.calls)
        self.status.reservations += len(batch.reservations)
        self.status.skipped += len(batch.damage)
        for damage in batch.damage:
            log.error(
                "journal_line_skipped",
                gateway=gateway_id,
                epoch=epoch,
                file=damage.file,
                offset=damage.offset,
                why=damage.why,
            )

    async def lapse_epoch(self, gateway_id: str, epoch: str) -> None:
        """Charge what is still reserved, record it, and mark the epoch closed; again and again until nothing is left."""
        while True:
            async with self.deps.uow() as tx:
                await store_journal.lock_folding(tx, _PLATFORM)
                open_lines = await store_journal.take_open(tx, _PLATFORM, gateway_id, epoch, _LAPSE_BATCH)
                if not open_lines:
                    await store_journal.close_position(tx, _PLATFORM, gateway_id, epoch, self.deps.clock.now())
                    return
                known = await store_journal.recorded_ids(tx, _PLATFORM, [line.id for line in open_lines])
                lapsed = [lapsed_call(line) for line in open_lines if line.id not in known]
                rows = [row_of(call) for call in lapsed]
                await _record(tx, [row[AT["parties"]] for row in rows], rows)
                totals = total_calls(rows)
                await store_journal.add_totals(tx, _PLATFORM, totals)
                await _charge(tx, sum_charges(call.charges for call in lapsed))
                await _hold(tx, held=[], released=open_lines)
                _tell(tx, totals)
            if self.spans is not None:
                offer_calls(self.spans, rows, {})
            self.status.lapsed += len(lapsed)
            log.warning("reservations_lapsed", gateway=gateway_id, epoch=epoch, count=len(lapsed))

    async def delete_files(self, paths: Iterable[Path]) -> None:
        for path in paths:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            self.status.files_deleted += 1


def lapsed_call(line: ReserveLine) -> CallLine:
    """The record of a call whose gateway died under it: charged at what was held, the only safe assumption."""
    return CallLine(
        id=line.id,
        at_us=line.at_us,
        org_id=line.org_id,
        scope=line.scope,
        principal_kind=line.principal_kind,
        principal_id=line.principal_id,
        principal_name=line.principal_name,
        service_id=line.service_id,
        service=line.service,
        service_kind=line.service_kind,
        dialect=line.dialect,
        method=line.method,
        path=line.path,
        model=line.model,
        verdict="failed",
        status=0,
        reason="LAPSED",
        message=LAPSED_MESSAGE,
        snapshot_version=line.snapshot_version,
        correlation_id=line.correlation_id,
        trace="",
        duration_us=0,
        attempts=1,
        tokens_estimated=True,
        cost_microusd=line.reserved_microusd,
        reserved_microusd=line.reserved_microusd,
        charges=tuple(
            Charge(charge.budget_id, charge.window_started_at_us, charge.held, charge.held) for charge in line.charges
        ),
    )


async def _without_repeats(tx: Tx, batch: Batch) -> Batch:
    """The batch without calls and reservations whose id is in the tables or earlier in the batch."""
    recorded = await store_journal.recorded_ids(tx, _PLATFORM, [row[_ID] for row in batch.calls])
    calls = {row[_ID]: row for row in reversed(batch.calls) if row[_ID] not in recorded}
    charges = {call_id: charged for call_id, charged in batch.charges.items() if call_id in calls}
    held = await store_journal.reserved_ids(tx, _PLATFORM, batch.reservations)
    held |= await store_journal.recorded_ids(tx, _PLATFORM, batch.reservations)
    reservations = {call_id: line for call_id, line in batch.reservations.items() if call_id not in held}
    hops = {call_id: row for call_id, row in batch.hops.items() if call_id in calls}
    return replace(
        batch,
        calls=[*reversed(calls.values())],
        charges=charges,
        hops=hops,
        unpaired=[call_id for call_id in batch.unpaired if call_id in charges],
        reservations=reservations,
    )


async def _record(tx: Tx, parties: Sequence[Parties], rows: Sequence[Row]) -> None:
    if rows:
        await store_parties.number_parties(tx, _PLATFORM, parties)
        await store_journal.insert_calls(tx, _PLATFORM, numbered(rows))
        await store_parties.keep_parties(tx, _PLATFORM, {each.numbers[-1] for each in parties})


def _tell(tx: Tx, totals: Iterable[TotalsKey]) -> None:
    """Live lists look again, and dashboards add up anew."""
    tx.nudge("calls")
    for org_id in {key.org_id for key in totals}:
        tx.forget(OrgId(org_id), "dashboards")


async def _charge(tx: Tx, sums: BudgetSums) -> None:
    if sums:
        await limits.charge(tx, _PLATFORM, _budget_charges(sums))


async def _hold(tx: Tx, held: Iterable[ReserveLine], released: Iterable[ReserveLine]) -> None:
    sums: BudgetSums = {}
    for sign, lines in ((1, held), (-1, released)):
        for line in lines:
            for charge in line.charges:
                key = (charge.budget_id, charge.window_started_at_us)
                sums[key] = sums.get(key, 0) + sign * charge.held
    if any(sums.values()):
        await limits.adjust_held(tx, _PLATFORM, _budget_charges(sums))


def _budget_charges(sums: BudgetSums) -> list[limits.BudgetCharge]:
    return [
        limits.BudgetCharge(budget_id, from_micros(at_us), amount)
        for (budget_id, at_us), amount in sorted(sums.items())
        if amount
    ]
