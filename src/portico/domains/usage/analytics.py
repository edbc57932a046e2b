"""What calls add up to over a window: exactly from the rows when they are few, else from the totals.

From totals, a window is widened to whole minutes, and percentiles carry the histogram's error of at most 4.9 %.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.engine import Row

from portico.domains.usage import histogram, store
from portico.domains.usage.totals import HOUR, MINUTE, SECOND, Subject, Totals
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx, from_micros, to_micros

GroupBy = Literal["service", "principal"]
MAX_EXACT_CALLS = 10_000
MAX_POINTS = 2000
# How long the totals by second are kept, with room for a reader that is late.
SECONDS_KEPT_S = 2 * HOUR


@dataclass(frozen=True, slots=True)
class Window:
    """`since` is included, `until` is not."""

    since: datetime
    until: datetime

    @property
    def length_s(self) -> float:
        return (self.until - self.since).total_seconds()


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Whose calls: of all, of one service, of one principal, or of one principal to one service."""

    service: str | None = None
    principal_id: str | None = None

    @property
    def subject(self) -> Subject:
        if self.service is not None:
            return "service" if self.principal_id is None else "pair"
        return "all" if self.principal_id is None else "principal"


@dataclass(slots=True)
class Sums:
    """Totals together with what percentiles come from: exact values, or the histogram alone."""

    totals: Totals = field(default_factory=Totals)
    durations: list[int] | None = None
    added: list[int] | None = None

    def duration(self, share: float) -> int | None:
        if self.durations is not None:
            return histogram.exact_percentile(self.durations, share)
        return histogram.percentile(self.totals.durations, share)

    def added_us(self, share: float) -> int | None:
        if self.added is not None:
            return histogram.exact_percentile(self.added, share)
        return histogram.percentile(self.totals.added, share)


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    name: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Series:
    step_s: int
    points: list[tuple[datetime, Sums]]


def spans(window: Window) -> list[tuple[int, datetime, datetime]]:
    """The window as whole minutes, with whole hours in its middle: (step, from, to)."""
    since = _floor(window.since, MINUTE)
    until = _floor(window.until, MINUTE)
    if until < window.until:
        until = from_micros(to_micros(until) + MINUTE * 1_000_000)
    first_hour = _floor(since, HOUR)
    if first_hour < since:
        first_hour = from_micros(to_micros(first_hour) + HOUR * 1_000_000)
    last_hour = _floor(until, HOUR)
    if first_hour >= last_hour:
        return [(MINUTE, since, until)]
    parts = [(MINUTE, since, first_hour), (HOUR, first_hour, last_hour), (MINUTE, last_hour, until)]
    return [part for part in parts if part[1] < part[2]]


async def sum_groups(tx: Tx, scope: OrgScope, group_by: GroupBy, window: Window) -> list[Group]:
    """Most calls first."""
    if await store.count_calls(tx, scope, window.since, window.until, MAX_EXACT_CALLS + 1) <= MAX_EXACT_CALLS:
        rows = await store.raw_sums(tx, scope, window.since, window.until, None, None)
        found = _sum_rows(rows, lambda row: row.service if group_by == "service" else row.principal_id)
    else:
        found = {}
        for step_s, since, until in spans(window):
            for _, service, principal_id, totals in await store.read_totals(tx, scope, step_s, group_by, since, until):
                key = service if group_by == "service" else principal_id
                found.setdefault(key, Sums()).totals.add(totals)
    groups = [_group(group_by, key, sums) for key, sums in found.items()]
    return sorted(groups, key=lambda group: (-group.sums.totals.calls, group.name, group.id))


async def sum_window(tx: Tx, scope: OrgScope, window: Window) -> Sums:
    """Everything in the window together."""
    if await store.count_calls(tx, scope, window.since, window.until, MAX_EXACT_CALLS + 1) <= MAX_EXACT_CALLS:
        rows = await store.raw_sums(tx, scope, window.since, window.until, None, None)
        return _sum_rows(rows, lambda _: "").get("", Sums(durations=[], added=[]))
    return await sum_totals(tx, scope, window)


async def sum_totals(tx: Tx, scope: OrgScope, window: Window) -> Sums:
    """Everything in the window from totals alone: cheap at any size."""
    sums = Sums()
    for step_s, since, until in spans(window):
        for _, _, _, totals in await store.read_totals(tx, scope, step_s, "all", since, until):
            sums.totals.add(totals)
    return sums


async def sum_seconds(tx: Tx, scope: OrgScope, window: Window) -> Sums:
    """Whole seconds of a recent window; what a live display shows."""
    sums = Sums()
    for _, _, _, totals in await store.read_totals(tx, scope, SECOND, "all", window.since, window.until):
        sums.totals.add(totals)
    return sums


async def sum_series(tx: Tx, scope: OrgScope, window: Window, step_s: int, narrowing: Narrowing) -> Series:
    """Points at multiples of the step; a step that totals cannot answer is rounded up, and the answer says to what."""
    if step_s < MINUTE:
        most = MAX_EXACT_CALLS + 1
        if await store.count_calls(tx, scope, window.since, window.until, most) <= MAX_EXACT_CALLS:
            rows = await store.raw_sums(
                tx, scope, window.since, window.until, narrowing.service, narrowing.principal_id
            )
            return _series(
                step_s, ((at, sums) for at, sums in _sum_rows(rows, lambda row: _floor(row.at, step_s)).items())
            )
    level = HOUR if window.length_s > 2 * 86400 and step_s >= MINUTE * 30 else MINUTE
    step_s = -(-max(step_s, level) // level) * level
    found: dict[datetime, Sums] = {}
    since, until = _floor(window.since, level), window.until
    for at, _, _, totals in await store.read_totals(
        tx, scope, level, narrowing.subject, since, until, narrowing.service, narrowing.principal_id
    ):
        found.setdefault(_floor(at, step_s), Sums()).totals.add(totals)
    return _series(step_s, found.items())


def _series(step_s: int, points: Iterable[tuple[datetime, Sums]]) -> Series:
    return Series(step_s, sorted(points, key=lambda point: point[0]))


def _sum_rows(rows: Sequence[Row[Any]], key_of: Callable[[Row[Any]], Any]) -> dict[Any, Sums]:
    found: dict[Any, Sums] = {}
    for row in rows:
        sums = found.setdefault(key_of(row), Sums(durations=[], added=[]))
        totals = sums.totals
        totals.service_id = row.service_id or totals.service_id
        totals.principal_name = row.principal_name or totals.principal_name
        totals.calls += 1
        totals.failed += row.verdict == "failed"
        totals.refused += row.verdict == "refused"
        totals.tokens_in += row.tokens_in
        totals.tokens_out += row.tokens_out
        totals.cost_microusd += row.cost_microusd
        if sums.durations is not None and row.verdict != "refused":
            sums.durations.append(row.duration_us)
        if sums.added is not None:
            sums.added.append(row.added_us)
    return found


def _group(group_by: GroupBy, key: str, sums: Sums) -> Group:
    if group_by == "service":
        return Group(sums.totals.service_id, key, sums)
    return Group(key, sums.totals.principal_name, sums)


def _floor(moment: datetime, step_s: int) -> datetime:
    micros = to_micros(moment)
    return from_micros(micros - micros % (step_s * 1_000_000))
