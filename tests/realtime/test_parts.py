"""The small parts by themselves: what waits, how often one may speak, how many places there are."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.realtime.outbox import Outbox
from portico.realtime.pace import Pace


async def test_an_outbox_is_bounded_in_frames_and_bytes() -> None:
    outbox = Outbox(3, 100)
    assert [outbox.offer("calls", "x" * 10) for _ in range(5)] == [True, True, True, False, False]
    outbox.drop("calls")
    assert [outbox.offer("calls", "x" * 60) for _ in range(2)] == [True, False]
    assert await outbox.take() == "x" * 60
    # A snapshot larger than the bound must go out some time, or its client would resync for ever.
    assert outbox.offer("calls", "x" * 1000)
    assert not outbox.offer("calls", "x")


async def test_only_the_newest_value_waits() -> None:
    outbox = Outbox(3, 100)
    for number in range(10):
        outbox.replace("stats", f"stats {number}")
        outbox.replace("breakers", f"breakers {number}")
    outbox.say("ping")
    assert [await outbox.take() for _ in range(3)] == ["stats 9", "breakers 9", "ping"]
    assert len(outbox) == 0


async def test_taking_waits_for_something() -> None:
    outbox = Outbox(3, 100)
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(outbox.take())
        await asyncio.sleep(0)
        assert not taking.done()
        outbox.say("ping")
    assert taking.result() == "ping"


@pytest.mark.req("C10")
@given(st.lists(st.floats(min_value=0.001, max_value=40), max_size=200))
def test_no_minute_ever_holds_more_than_allowed(pauses: list[float]) -> None:
    pace, now, served = Pace(5, 10_000), 0.0, []
    for pause in pauses:
        now += pause
        wait_ms = pace.wait_ms(now)
        if wait_ms == 0:
            served.append(now)
        else:
            assert 0 < wait_ms <= 60_000
    assert all(sum(moment - 60 < other <= moment for other in served) <= 5 for moment in served)


def test_waiting_as_told_is_enough() -> None:
    pace = Pace(2, 100)
    assert [pace.wait_ms(0.0), pace.wait_ms(10.0)] == [0, 0]
    assert pace.wait_ms(20.0) == 40_000
    assert pace.wait_ms(60.0) == 0
