from dataclasses import dataclass

import pytest

from portico.gateway.breaker import TERMS, Breaker

pytestmark = pytest.mark.req("SP8")


@dataclass
class Clock:
    now: float = 1000.0

    def advance(self, seconds: float) -> float:
        self.now += seconds
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker()
    for _ in range(TERMS.least_calls):
        breaker.failed(clock.now)
    assert breaker.state == "open"
    return breaker


@pytest.mark.parametrize(
    ("good", "failed", "state"), [(0, 9, "closed"), (0, 10, "open"), (5, 5, "open"), (6, 5, "closed"), (50, 50, "open")]
)
def test_it_opens_when_half_of_enough_calls_failed(good: int, failed: int, state: str) -> None:
    breaker = Breaker()
    for _ in range(good):
        breaker.succeeded(10.0)
    changes = [breaker.failed(10.0) for _ in range(failed)]
    assert breaker.state == state
    assert changes.count(True) == (state == "open")


def test_failures_are_forgotten_after_a_minute() -> None:
    clock, breaker = Clock(), Breaker()
    for _ in range(9):
        breaker.failed(clock.now)
    breaker.failed(clock.advance(61))
    assert breaker.state == "closed"


def test_exactly_one_probe_after_a_minute() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert breaker.probe_at == clock.now + 60
    assert not breaker.admits(clock.advance(59.9))
    clock.advance(0.2)
    assert breaker.would_admit(clock.now)
    assert [breaker.admits(clock.now) for _ in range(5)] == [True, False, False, False, False]
    assert not breaker.would_admit(clock.now)
    breaker.abandoned()
    assert [breaker.admits(clock.now) for _ in range(2)] == [True, False]


def test_a_failed_probe_opens_it_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert breaker.admits(clock.advance(60))
    assert breaker.failed(clock.now)
    assert breaker.state == "open"
    assert not breaker.admits(clock.advance(59))
    assert breaker.admits(clock.advance(2))


def test_a_good_probe_starts_a_ramp_of_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    breaker = opened(clock)
    breaker.admits(clock.advance(60))
    assert breaker.succeeded(clock.now)
    assert breaker.state == "recovering"
    assert breaker.ramp_share(clock.now) == pytest.approx(0.1)
    assert breaker.ramp_share(clock.now + 150) == pytest.approx(0.55)
    monkeypatch.setattr("portico.gateway.breaker.random.random", lambda: 0.3)
    assert not breaker.admits(clock.now)
    assert breaker.admits(clock.advance(100))
    monkeypatch.setattr("portico.gateway.breaker.random.random", lambda: 0.999999)
    assert breaker.admits(clock.advance(200))
    assert breaker.state == "closed"
    # Its failures of before do not count any more.
    breaker.failed(clock.now)
    assert breaker.state == "closed"


def test_a_failure_on_the_ramp_opens_it_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    breaker.admits(clock.advance(60))
    breaker.succeeded(clock.now)
    assert breaker.failed(clock.advance(10))
    assert breaker.state == "open"


def test_a_hand_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    breaker.reset(clock.now)
    assert (breaker.state, breaker.admits(clock.now)) == ("closed", True)
