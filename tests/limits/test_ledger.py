from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.domains.limits.ledger import BudgetAccount, Hold, Spend, release, reserve, settle
from portico.domains.limits.model import Measure, Window, window_bounds_us
from portico.kernel.errors import BudgetExhausted

NOON_US = int(datetime(2026, 3, 14, 12, tzinfo=UTC).timestamp()) * 1_000_000
DAY_US = 86_400_000_000


def account(limit: int, measure: Measure = "money", window: Window = "day", name: str = "pocket") -> BudgetAccount:
    return BudgetAccount(f"bud_{name}", name, "the org", measure, window, limit)


@pytest.mark.req("N3")
def test_what_is_held_counts_until_it_is_settled() -> None:
    budget = account(100)
    holds = reserve([budget], Spend(60, 0), NOON_US)
    assert (budget.held, budget.used, budget.left) == (60, 0, 40)
    with pytest.raises(BudgetExhausted) as refused:
        reserve([budget], Spend(41, 0), NOON_US)
    assert refused.value.retry_after_s == 12 * 3600
    assert refused.value.resets_at == datetime(2026, 3, 15, tzinfo=UTC)
    settle(holds, Spend(25, 0))
    assert (budget.held, budget.used, holds[0].charged) == (0, 25, 25)
    reserve([budget], Spend(75, 0), NOON_US)
    assert budget.left == 0


@pytest.mark.req("N3")
def test_all_or_none() -> None:
    wide, narrow = account(1000, name="wide"), account(10, name="narrow")
    with pytest.raises(BudgetExhausted, match="'narrow'"):
        reserve([wide, narrow], Spend(11, 0), NOON_US)
    assert wide.held == narrow.held == 0


@pytest.mark.parametrize(("measure", "amount"), [("money", 7), ("tokens", 5), ("calls", 1)])
def test_each_budget_counts_in_its_own_measure(measure: Measure, amount: int) -> None:
    budget = account(1000, measure)
    settle(reserve([budget], Spend(7, 5), NOON_US), Spend(7, 5))
    assert budget.used == amount


def test_a_new_window_starts_empty_and_an_old_hold_does_not_touch_it() -> None:
    budget = account(100)
    holds = reserve([budget], Spend(90, 0), NOON_US)
    tomorrow = reserve([budget], Spend(90, 0), NOON_US + DAY_US)
    assert (budget.used, budget.held) == (0, 90)
    settle(holds, Spend(90, 0))
    assert (budget.used, budget.held) == (0, 90)
    # Yesterday's record still says what it came to.
    assert holds[0].charged == 90
    release(tomorrow)
    assert (budget.used, budget.held) == (0, 0)


def test_a_clock_that_steps_back_stays_in_its_window() -> None:
    budget = account(100)
    settle(reserve([budget], Spend(50, 0), NOON_US + DAY_US), Spend(50, 0))
    reserve([budget], Spend(10, 0), NOON_US)
    assert (budget.used, budget.held) == (50, 10)


@pytest.mark.parametrize("window", ["hour", "day", "month"])
def test_windows_follow_the_calendar(window: Window) -> None:
    start, end = window_bounds_us(window, NOON_US)
    assert start <= NOON_US < end
    assert window_bounds_us(window, end) == (end, window_bounds_us(window, end)[1])
    assert window_bounds_us(window, end - 1) == (start, end)


operations = st.lists(
    st.tuples(st.sampled_from(["reserve", "settle", "release"]), st.integers(0, 60), st.integers(0, 60)), max_size=200
)


@pytest.mark.req("N3")
@given(limits=st.lists(st.integers(0, 200), min_size=1, max_size=3), operations=operations)
def test_whatever_happens_no_budget_is_overshot(limits: list[int], operations: list[tuple[str, int, int]]) -> None:
    accounts = [account(limit, name=str(index)) for index, limit in enumerate(limits)]
    open_holds: list[list[Hold]] = []
    spent = 0
    for what, amount, pick in operations:
        if what == "reserve":
            try:
                open_holds.append(reserve(accounts, Spend(amount, 0), NOON_US))
            except BudgetExhausted:
                assert any(amount > each.left for each in accounts)
        elif open_holds:
            holds = open_holds.pop(pick % len(open_holds))
            charged = min(amount, holds[0].amount) if what == "settle" else 0
            spent += charged
            settle(holds, Spend(charged, 0))
        for each in accounts:
            assert 0 <= each.used + each.held <= each.limit
            assert each.used == spent
            assert each.held == sum(holds[0].amount for holds in open_holds)
