"""Reading the record: lists, one call, the live feed, analytics, and letting go of what is too old."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portico.domains.limits import public as limits
from portico.domains.limits.public import Budget
from portico.domains.usage import analytics, store, store_journal, store_parties
from portico.domains.usage.analytics import MAX_POINTS, SECONDS_KEPT_S, Group, GroupBy, Narrowing, Series, Window
from portico.domains.usage.record import CallFilter, CallRecord
from portico.domains.usage.totals import HOUR, MINUTE, SECOND
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.paging import Page, PageAsk, SortValues, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

DEFAULT_WINDOW = timedelta(hours=24)
LONGEST_WINDOW = timedelta(days=366)
_PURGE_BATCH = 5000
_KEEP_CLOSED_EPOCHS = timedelta(days=30)


async def list_calls(scope: OrgScope, wanted: CallFilter, ask: PageAsk, deps: Deps) -> Page[CallRecord]:
    """The newest first."""
    after = None if ask.cursor is None else keyset(ask.cursor.after)
    async with deps.read() as tx:
        rows = await store.list_calls(tx, scope, wanted, after, ask.page_size + 1)
    return make_page(rows, ask, lambda record: (record.line.at_us, record.line.id), None)


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call with those budgets it was charged to that the reader may see and that still exist."""

    record: CallRecord
    budgets: Mapping[str, Budget]


async def find_call(scope: OrgScope, call_id: str, deps: Deps) -> FoundCall:
    async with deps.read() as tx:
        record = await store.find_call(tx, scope, call_id)
        if record is None:
            raise NotFound("call", call_id)
        charged = {charge.budget_id for charge in record.line.charges}
        seen = await limits.budgets_named(tx, scope, charged) if scope.may("budgets.read") else {}
    return FoundCall(record, seen)


async def analyse_calls(
    scope: OrgScope, group_by: GroupBy, window: Window, deps: Deps, *, moving: str | None = None
) -> list[Group]:
    """`moving`: how a window that ends now was asked for (`moving_of`); the answer may be as old as a dashboard's may."""

    async def load() -> list[Group]:
        async with deps.read() as tx:
            return await analytics.sum_groups(tx, scope, group_by, window)

    if moving is None:
        return await load()
    return await deps.cache.read("dashboards", scope, ("groups", group_by, moving), list[Group], load)


async def trace_series(
    scope: OrgScope, window: Window, step_s: int, narrowing: Narrowing, deps: Deps, *, moving: str | None = None
) -> Series:
    """`moving` as in `analyse_calls`."""
    if window.length_s / step_s > MAX_POINTS:
        least = -(-int(window.length_s) // MAX_POINTS)
        raise InvalidInput("step_s", f"gives more than {MAX_POINTS} points; use at least {least} or a shorter window")

    async def load() -> Series:
        async with deps.read() as tx:
            return await analytics.sum_series(tx, scope, window, step_s, narrowing)

    if moving is None:
        return await load()
    return await deps.cache.read("dashboards", scope, ("series", step_s, narrowing, moving), Series, load)


def moving_of(since: datetime | None, until: datetime | None) -> str | None:
    """The same for everyone who looks at the same stretch up to now; None for a window whose end stands still."""
    if until is not None:
        return None
    return "the last day" if since is None else since.astimezone(UTC).isoformat()


def open_window(since: datetime | None, until: datetime | None, now: datetime) -> Window:
    """The window asked for; its missing ends are now, and a day before its end."""
    until = until or now
    since = since or until - DEFAULT_WINDOW
    if since >= until:
        raise InvalidInput("from", "must lie before `to`")
    if until - since > LONGEST_WINDOW:
        raise InvalidInput("from", f"the window may span at most {LONGEST_WINDOW.days} days")
    return Window(since, until)


async def calls_since(tx: Tx, scope: OrgScope, position: int, limit: int) -> list[CallRecord]:
    """What was folded after a position, oldest first; positions grow in the order in which calls become visible."""
    return await store.calls_since(tx, scope, position, limit)


async def recent_calls(tx: Tx, scope: OrgScope, limit: int) -> tuple[int, list[CallRecord]]:
    """The newest calls, newest first, and the position to follow on from."""
    newest = await store.newest_calls(tx, scope, limit)
    return (newest[0].position if newest else 0), newest


async def purge_calls(scope: PlatformScope, deps: Deps) -> int:
    """Remove what is older than record.keep_calls_days, a bounded batch per transaction; returns how many calls went."""
    now = deps.clock.now()
    before = now - timedelta(days=deps.settings.record.keep_calls_days)
    removed = 0
    while True:
        async with deps.uow() as tx:
            count = await store_journal.delete_oldest_calls(tx, scope, before, _PURGE_BATCH)
        removed += count
        if count < _PURGE_BATCH:
            break
    while True:
        async with deps.uow() as tx:
            if await store_journal.delete_traces(tx, scope, before, _PURGE_BATCH) < _PURGE_BATCH:
                break
    kept = {SECOND: now - timedelta(seconds=SECONDS_KEPT_S), MINUTE: before, HOUR: before}
    for step_s, oldest in kept.items():
        while True:
            async with deps.uow() as tx:
                if await store_journal.delete_totals(tx, scope, step_s, oldest, _PURGE_BATCH) < _PURGE_BATCH:
                    break
    async with deps.uow() as tx:
        await store_parties.forget_parties(tx, scope)
        await store_journal.forget_positions(tx, scope, now - _KEEP_CLOSED_EPOCHS)
    return removed


def keyset(after: SortValues) -> tuple[int, str]:
    match after:
        case (int(at_us), str(call_id)):
            return at_us, call_id
        case _:
            raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
