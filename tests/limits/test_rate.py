import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.domains.limits.rate import RateBucket


def test_a_burst_is_let_through_and_then_one_at_a_time() -> None:
    bucket = RateBucket(60, 60, burst=3)
    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take(100.0) == pytest.approx(1.0)
    assert bucket.take(100.999) == pytest.approx(0.001)
    assert bucket.take(101.0) == 0.0
    assert bucket.take(101.0) == pytest.approx(1.0)


def test_without_a_burst_the_whole_rate_may_come_at_once() -> None:
    bucket = RateBucket(5, 60)
    assert [bucket.take(0.5) for _ in range(5)] == [0.0] * 5
    assert bucket.take(0.5) == pytest.approx(12.0)


@pytest.mark.req("SS25")
def test_what_remains_is_what_can_be_taken() -> None:
    bucket = RateBucket(3, 60)
    for left in (3, 2, 1, 0):
        assert bucket.remaining(10.0) == left
        bucket.take(10.0)
    assert bucket.remaining(29.9) == 0
    assert bucket.remaining(30.0) == 1
    assert bucket.full_in_s(30.0) == pytest.approx(40.0)
    assert bucket.remaining(1000.0) == 3


def test_giving_back_undoes_a_take() -> None:
    bucket = RateBucket(2, 60)
    bucket.take(5.0)
    bucket.take(5.0)
    bucket.give_back()
    assert bucket.remaining(5.0) == 1
    assert bucket.take(5.0) == 0.0


def test_a_refusal_leaves_no_trace() -> None:
    bucket = RateBucket(1, 10)
    bucket.take(0.5)
    assert [bucket.take(0.5) for _ in range(100)] == [pytest.approx(10.0)] * 100
    assert bucket.take(10.5) == 0.0


steps = st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=200)


@given(rate=st.integers(1, 50), per_s=st.sampled_from([1.0, 10.0, 60.0]), burst=st.integers(1, 60), waits=steps)
def test_no_window_holds_more_than_its_rate_and_one_burst(
    rate: int, per_s: float, burst: int, waits: list[float]
) -> None:
    bucket, now, taken = RateBucket(rate, per_s, burst), 1000.0, []
    for wait in waits:
        now += wait
        left = bucket.remaining(now)
        waited = bucket.take(now)
        assert (waited == 0.0) == (left > 0)
        if waited:
            # The time that is told is exact: a moment before it there is no room, and then there is.
            assert RateBucket.take(bucket, now + waited - 1e-6) > 0
            assert bucket.remaining(now + waited + 1e-6) > 0
        else:
            taken.append(now)
    for index, start in enumerate(taken):
        within = sum(1 for at in taken[index:] if at - start < per_s)
        assert within <= burst + rate
