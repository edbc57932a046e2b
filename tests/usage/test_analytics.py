"""Sums and percentiles against brute force, from rows and from totals."""

import itertools
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.domains.usage import analytics, histogram, service
from portico.domains.usage.analytics import Narrowing, Sums, Window
from portico.domains.usage.fold import fold_journals
from portico.domains.usage.model import CallLine
from portico.domains.usage.overview import live_stats
from portico.domains.usage.record import CallFilter
from portico.domains.usage.service import purge_calls
from portico.kernel.clock import ManualClock
from portico.kernel.paging import PageAsk
from portico.kernel.scope import SYSTEM, PlatformScope
from portico.platform.db import from_micros
from portico.platform.deps import Deps
from tests.usage.journals import NOON_US, OTHER_ORG, append, call, lines, reader

NOON = from_micros(NOON_US)
DAY = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


def nearest_rank(values: list[int], share: float) -> int | None:
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None


@given(st.lists(st.integers(min_value=0, max_value=10**10), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_within_five_percent(values: list[int], share: float) -> None:
    buckets: histogram.Buckets = {}
    for value in values:
        histogram.merge(buckets, {histogram.bucket_of(value): 1})
    exact, found = nearest_rank(values, share), histogram.percentile(buckets, share)
    assert exact is not None
    assert found is not None
    assert abs(found - max(exact, 1)) <= 0.05 * max(exact, 1) + 1


@given(
    st.integers(min_value=NOON_US, max_value=NOON_US + 8 * 86400 * 1_000_000),
    st.integers(min_value=1, max_value=5 * 86400 * 1_000_000),
)
def test_spans_cover_every_minute_once(start_us: int, length_us: int) -> None:
    since = from_micros(start_us)
    window = Window(since, since + timedelta(microseconds=length_us))
    parts = analytics.spans(window)
    assert all(first[2] == second[1] for first, second in itertools.pairwise(parts))
    assert parts[0][1] <= window.since < parts[0][1] + timedelta(minutes=1)
    assert parts[-1][2] - timedelta(minutes=1) < window.until <= parts[-1][2]
    assert all((until - since).total_seconds() % step_s == 0 for step_s, since, until in parts)


def random_calls(count: int) -> list[CallLine]:
    dice = random.Random(7)
    return [
        call(
            at_us=NOON_US - 7_200_000_000 + dice.randrange(14_400_000_000),
            service=f"service-{(service := dice.randrange(4))}",
            service_id=f"svc_{service}",
            principal_id=f"key_{(key := dice.randrange(3))}",
            principal_name=f"bot {key}",
            verdict=dice.choice(["allowed", "allowed", "allowed", "refused", "failed", "cancelled"]),
            duration_us=int(dice.lognormvariate(9, 2)),
            added_us=dice.randrange(20, 900),
            tokens_in=dice.randrange(100),
            tokens_out=dice.randrange(100),
            cost_microusd=dice.randrange(1000),
        )
        for _ in range(count)
    ]


@pytest.fixture
async def folded(deps: Deps) -> list[CallLine]:
    """900 calls in several folds, and as many of another org that must not show."""
    journal_dir: Path = deps.settings.data_dir / "journal"
    found = random_calls(900)
    for start in range(0, len(found), 400):
        piece = found[start : start + 400]
        append(journal_dir, lines(*piece, *(call(org_id=OTHER_ORG, at_us=line.at_us) for line in piece)))
        await fold_journals(deps)
    return found


def check(sums: Sums, expected: list[CallLine], error: float) -> None:
    totals = sums.totals
    assert totals.calls == len(expected)
    assert totals.failed == sum(line.verdict == "failed" for line in expected)
    assert totals.refused == sum(line.verdict == "refused" for line in expected)
    assert totals.cost_microusd == sum(line.cost_microusd for line in expected)
    assert (totals.tokens_in, totals.tokens_out) == (
        sum(line.tokens_in for line in expected),
        sum(line.tokens_out for line in expected),
    )
    for share in (0.5, 0.95, 0.99):
        durations = [line.duration_us for line in expected if line.verdict != "refused"]
        close(sums.duration(share), nearest_rank(durations, share), error)
        close(sums.added_us(share), nearest_rank([line.added_us for line in expected], share), error)


def close(found: int | None, exact: int | None, error: float) -> None:
    if exact is None or found is None:
        assert found == exact
    else:
        assert abs(found - exact) <= error * exact + (1 if error else 0)


@pytest.mark.req("SP9")
@pytest.mark.parametrize(("most_exact", "error"), [(10_000, 0.0), (0, 0.05)], ids=["rows", "totals"])
async def test_groups_agree_with_brute_force(
    deps: Deps, folded: list[CallLine], monkeypatch: pytest.MonkeyPatch, most_exact: int, error: float
) -> None:
    monkeypatch.setattr(analytics, "MAX_EXACT_CALLS", most_exact)
    window = Window(NOON - timedelta(minutes=97), NOON + timedelta(minutes=83))
    inside = [line for line in folded if window.since <= from_micros(line.at_us) < window.until]
    assert 300 < len(inside) < len(folded)
    async with deps.read() as tx:
        by_service = await analytics.sum_groups(tx, reader(), "service", window)
        by_principal = await analytics.sum_groups(tx, reader(), "principal", window)
        everything = await analytics.sum_window(tx, reader(), window)
        nothing = await analytics.sum_groups(
            tx, reader(OTHER_ORG), "service", Window(DAY.since, window.since - timedelta(hours=9))
        )
    assert {(group.id, group.name) for group in by_service} == {(f"svc_{n}", f"service-{n}") for n in range(4)}
    assert {(group.id, group.name) for group in by_principal} == {(f"key_{n}", f"bot {n}") for n in range(3)}
    for group in by_service:
        check(group.sums, [line for line in inside if line.service == group.name], error)
    for group in by_principal:
        check(group.sums, [line for line in inside if line.principal_id == group.id], error)
    check(everything, inside, error)
    assert nothing == []


NARROWINGS = (
    Narrowing(),
    Narrowing(service="service-1"),
    Narrowing(principal_id="key_2"),
    Narrowing("service-1", "key_2"),
    Narrowing("none"),
)


async def test_series_agree_with_brute_force(deps: Deps, folded: list[CallLine]) -> None:
    for narrowing, step_s in itertools.product(NARROWINGS, (20, 60, 600, 3600)):
        async with deps.read() as tx:
            series = await analytics.sum_series(tx, reader(), DAY, step_s, narrowing)
        expected: dict[int, list[CallLine]] = {}
        for line in folded:
            if narrowing.service in {None, line.service} and narrowing.principal_id in {None, line.principal_id}:
                expected.setdefault(line.at_us // (step_s * 1_000_000), []).append(line)
        assert series.step_s == step_s
        assert [at for at, _ in series.points] == [from_micros(n * step_s * 1_000_000) for n in sorted(expected)]
        for (_, sums), number in zip(series.points, sorted(expected), strict=True):
            check(sums, expected[number], 0.05 if step_s >= 60 else 0.0)


async def test_a_fine_series_over_many_calls_is_rounded_up(
    deps: Deps, folded: list[CallLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analytics, "MAX_EXACT_CALLS", 100)
    async with deps.read() as tx:
        series = await analytics.sum_series(tx, reader(), DAY, 20, Narrowing())
    assert series.step_s == 60
    assert sum(sums.totals.calls for _, sums in series.points) == len(folded)


async def test_live_stats_are_rates_of_settled_seconds(deps: Deps, clock: ManualClock) -> None:
    journal_dir = deps.settings.data_dir / "journal"
    clock.advance(seconds=12 * 3600)
    ago = [1, 3, 5, 11.9, 12.1, 40]
    append(
        journal_dir, lines(*(call(at_us=NOON_US - int(s * 1_000_000), cost_microusd=7, verdict="failed") for s in ago))
    )
    await fold_journals(deps)
    async with deps.read() as tx:
        stats = await live_stats(tx, reader(), deps.clock.now())
    assert (stats.calls_per_second, stats.failed_per_second, stats.refused_per_second) == (0.3, 0.3, 0.0)
    assert stats.cost_today_microusd == 42


@pytest.mark.req("SP21", "R-DB-005")
async def test_retention_removes_what_is_too_old_in_batches(
    deps: Deps, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PURGE_BATCH", 3)
    old = [call(at_us=NOON_US + n) for n in range(10)]
    new = [call(at_us=NOON_US + 40 * 86400 * 1_000_000 + n) for n in range(4)]
    append(deps.settings.data_dir / "journal", lines(*old, *new))
    await fold_journals(deps)
    clock.advance(seconds=45 * 86400)
    assert await purge_calls(PlatformScope(SYSTEM), deps) == 10
    page = await service.list_calls(reader(), CallFilter(), PageAsk(), deps)
    assert {record.line.id for record in page.items} == {line.id for line in new}
    async with deps.read() as tx:
        left = await analytics.sum_totals(tx, reader(), Window(NOON - timedelta(days=1), NOON + timedelta(days=300)))
    assert left.totals.calls == 4
