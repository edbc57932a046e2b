"""Every wanted event reaches every consumer once, in the order of its subject, whatever fails."""

import asyncio

import pytest
from sqlalchemy import text

from portico.domains.consumers import consume, letter_store, model, standing, store
from portico.domains.consumers.model import LADDER, Following
from portico.domains.consumers.public import purge_dead_letters
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.kernel.clock import ManualClock
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from tests.consumers.conftest import LOST, MADE, ORG, Listener, Make, inside, run


async def letters(deps: Deps, scope: OrgScope | None = None) -> list[model.DeadLetter]:
    async with deps.read() as tx:
        return await letter_store.oldest_letters(tx, scope or inside(), None, None, 100)


async def waiting(deps: Deps) -> int:
    async with deps.read() as tx:
        return sum((await store.parked_by_consumer(tx, tenancy.platform_scope())).values())


@pytest.mark.req("SP17", "HY26")
async def test_every_wanted_event_is_consumed_once_in_order(deps: Deps, make: Make) -> None:
    all_of_them, losses = Listener(), Listener("losses", kind="thing.lost")
    await make("a", 1, 2)
    await make("a", 3, kind=LOST)
    await make("b", 4, org="org_b")
    await run(deps, all_of_them, losses)
    await make("a", 5)
    await run(deps, all_of_them, losses)
    await run(deps, all_of_them, losses)
    assert sorted(all_of_them.numbers) == [1, 2, 3, 4, 5]  # type: ignore[type-var]
    assert [event.payload["number"] for event in all_of_them.seen if event.org_id == ORG] == [1, 2, 3, 5]
    assert losses.numbers == [3]


async def test_who_begins_at_the_newest_sees_what_comes_after_and_all_of_later_orgs(deps: Deps, make: Make) -> None:
    late = Listener(begins="newest")
    await make("a", 1)
    await run(deps, late)
    await make("a", 2)
    await make("b", 3, org="org_b")
    await run(deps, late)
    assert sorted(late.numbers) == [2, 3]  # type: ignore[type-var]


@pytest.mark.req("HY26", "R-DATA-009")
async def test_a_failure_is_tried_again_after_1_5_and_30_minutes_and_then_dies(
    deps: Deps, make: Make, clock: ManualClock
) -> None:
    tries: list[float] = []
    began = clock.now()

    def refuse(_event: events.Event) -> bool:
        tries.append((clock.now() - began).total_seconds())
        return True

    await make("a", 1)
    broken = Listener(refuses=refuse)
    for _ in range(40):
        await run(deps, broken)
        clock.advance(seconds=60)
    assert tries == [0, 60, 360, 2160]
    assert await waiting(deps) == 0
    (letter,) = await letters(deps)
    assert (letter.attempts, letter.error, letter.consumer) == (4, "ValueError: no a", "listener")
    assert (letter.died_at - letter.first_failed_at).total_seconds() == 2160


@pytest.mark.req("HY26")
async def test_later_events_of_a_subject_wait_and_those_of_others_do_not(
    deps: Deps, make: Make, clock: ManualClock
) -> None:
    ill = {"a"}
    listener = Listener(refuses=lambda event: event.payload["thing_id"] in ill)
    await make("a", 1)
    await make("b", 2)
    await make("a", 3)
    await run(deps, listener)
    await make("a", 4)
    await make("b", 5)
    await run(deps, listener)
    assert listener.numbers == [2, 5]
    assert await waiting(deps) == 3
    ill.clear()
    await run(deps, listener)
    assert listener.numbers == [2, 5]
    clock.advance(seconds=LADDER[0].total_seconds())
    await run(deps, listener)
    assert listener.numbers == [2, 5, 1, 3, 4]
    assert await waiting(deps) == 0


async def test_the_one_behind_a_dead_one_goes_on(deps: Deps, make: Make, clock: ManualClock) -> None:
    listener = Listener(refuses=lambda event: event.payload["number"] == 1)
    await make("a", 1, 2, 3)
    for _ in range(4):
        await run(deps, listener)
        clock.advance(seconds=1800)
    assert listener.numbers == [2, 3]
    assert len(await letters(deps)) == 1


async def test_what_a_consumer_wrote_before_it_failed_is_taken_back(deps: Deps, make: Make) -> None:
    class Writer(Listener):
        async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
            await events.record(tx, scope, kind=LOST, payload=event.payload)
            await super().consume(tx, scope, event)

    writer = Writer(kind=MADE, refuses=lambda event: event.payload["number"] == 1)
    await make("a", 1)
    await make("b", 2)
    await run(deps, writer)
    async with deps.read() as tx:
        found = await events.find_events(tx, inside(), events.EventFilter((LOST,)), 0, 10)
    assert [event.payload["number"] for event in found] == [2]


async def test_a_consumer_that_cannot_say_what_it_wants_stops_only_itself(deps: Deps, make: Make) -> None:
    class Confused(Listener):
        def wants(self, event: events.Event) -> bool:
            raise KeyError("number")

    other = Listener("other")
    await make("a", 1)
    status = await run(deps, Confused(), other)
    assert other.numbers == [1]
    assert status.parked == 1


async def test_a_statement_that_the_database_refuses_parks_the_event_and_stops_nobody(deps: Deps, make: Make) -> None:
    class Mistaken(Listener):
        async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
            await tx.execute(text("SELECT * FROM nowhere"))

    other = Listener("other")
    await make("a", 1)
    status = await run(deps, Mistaken(), other)
    assert other.numbers == [1]
    assert status.parked == 1


async def test_a_long_log_of_one_org_does_not_hold_up_another(
    deps: Deps, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "SHARE", 2)
    monkeypatch.setattr(consume, "ROUNDS", 2)
    listener = Listener()
    await make("a", *range(10))
    await make("b", 100, org="org_b")
    more = deps.bus.listen("events")
    await run(deps, listener)
    assert listener.numbers == [0, 1, 100, 2, 3]
    # What is left is not forgotten until the next event.
    assert more.is_set()
    for _ in range(3):
        await run(deps, listener)
    assert len(listener.seen) == 11


async def test_a_full_park_holds_its_cursor_back_and_loses_nothing(
    deps: Deps, make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "MAX_PARKED", 3)
    ill = True
    listener = Listener(refuses=lambda event: ill)
    for number in range(6):
        await make(f"thing{number}", number)
    await run(deps, listener)
    assert await waiting(deps) == 3
    ill = False
    clock.advance(seconds=60)
    await run(deps, listener)
    assert sorted(listener.numbers) == list(range(6))  # type: ignore[type-var]


@pytest.mark.req("HY26")
async def test_of_too_many_dead_letters_the_oldest_leaves_counted_and_with_warning(
    deps: Deps, make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "MAX_DEAD_LETTERS", 4)
    monkeypatch.setattr(consume, "WARN_DEAD_LETTERS", 2)
    monkeypatch.setattr(standing, "WARN_DEAD_LETTERS", 2)
    listener = Listener(refuses=lambda event: True)
    for number in range(6):
        await make(f"thing{number}", number)
        clock.advance(seconds=1)
    for _ in range(5):
        await run(deps, listener)
        clock.advance(seconds=1800)
    assert sorted(letter.event.payload["number"] for letter in await letters(deps)) == [2, 3, 4, 5]  # type: ignore[type-var]
    (stands,) = await standing.list_standings(inside(), Following((listener,)), deps)
    assert (stands.dead, stands.dropped, stands.dead_warning, stands.lag) == (4, 2, True, 0)
    async with deps.read() as tx:
        told = await events.find_events(tx, inside(), events.EventFilter(("consumer.*",), "system"), 0, 10)
    assert [(event.kind, event.payload["dead_letters"]) for event in told] == [(consume.FILLING, 2), (consume.FULL, 4)]


async def test_dead_letters_are_kept_for_90_days(deps: Deps, make: Make, clock: ManualClock) -> None:
    listener = Listener(refuses=lambda event: True)
    await make("a", 1)
    for _ in range(4):
        await run(deps, listener)
        clock.advance(seconds=1800)
    clock.advance(seconds=90 * 86400 - 1800)
    assert await purge_dead_letters(tenancy.platform_scope(), deps) == 0
    clock.advance(seconds=1)
    assert await purge_dead_letters(tenancy.platform_scope(), deps) == 1
    assert await letters(deps) == []


async def test_two_processes_at_once_consume_everything_once(deps: Deps, make: Make) -> None:
    class Slow(Listener):
        async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
            await asyncio.sleep(0.001)
            await super().consume(tx, scope, event)

    listener = Slow()
    for org in ("org_a", "org_b", "org_c"):
        await make("a", *range(20), org=org)
    for _ in range(3):
        await asyncio.gather(run(deps, listener), run(deps, listener), run(deps, listener))
    assert len(listener.seen) == 60
    assert len({event.id for event in listener.seen}) == 60


async def test_the_metrics_say_how_far_behind_each_consumer_is(deps: Deps, make: Make, clock: ManualClock) -> None:
    listener = Listener(refuses=lambda event: event.payload["number"] == 2)
    following = Following((listener,))
    await make("a", 1, 2, 3)
    clock.advance(seconds=30)
    await standing.take_readings(following, deps)
    assert following.readings["listener"] == (3, 30.0, 0, 0)
    await run(deps, listener)
    clock.advance(seconds=10)
    await standing.take_readings(following, deps)
    assert following.readings["listener"] == (0, 0.0, 2, 0)
