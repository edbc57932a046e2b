"""Every wanted event reaches every consumer once, in the order of its subject, whatever fails."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from portico.domains.consumers import consume, letter_store, model, share, standing, store
from portico.domains.consumers.model import LADDER, Following
from portico.domains.consumers.projections import EventCounts
from portico.domains.consumers.public import purge_dead_letters
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.jobs import consume as driver
from portico.jobs.consume import ConsumeEvents
from portico.kernel.clock import ManualClock
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from tests.consumers.conftest import LOST, MADE, ORG, Listener, Make, inside, run, until_dead


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
        records: Literal[True] = True

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
    monkeypatch.setattr(share, "SHARE", 2)
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
    monkeypatch.setattr(share, "MAX_PARKED", 3)
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
    monkeypatch.setattr(share, "MAX_DEAD_LETTERS", 4)
    monkeypatch.setattr(share, "WARN_DEAD_LETTERS", 2)
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
    assert [(event.kind, event.payload["dead_letters"]) for event in told] == [(share.FILLING, 2), (share.FULL, 4)]


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


# --- what hangs or breaks ---------------------------------------------------------------------------------------------

LONG_STATEMENT = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000000) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(30)",
}


BUSY_STATEMENT = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200000) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(0.1)",
}


class Hanging(Listener):
    """Writes something, and then never comes back from what `within` says, for events that it refuses."""

    within: Literal["python", "statement"] = "python"

    async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
        if self.refuses(event):
            await tx.execute(text("DELETE FROM event_counts"))
            if self.within == "statement":
                await tx.execute(text(LONG_STATEMENT[tx.engine]))
            await asyncio.sleep(3600)
        self.seen.append(event)


@pytest.mark.req("HY26")
@pytest.mark.parametrize("within", ["python", "statement"])
async def test_a_consumer_that_hangs_is_stopped_and_its_event_parked_while_all_else_goes_on(
    deps: Deps, make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, within: Literal["python", "statement"]
) -> None:
    monkeypatch.setattr(driver, "ATTEMPT_S", 0.05)
    ill = {1}
    hanging, other = Hanging(refuses=lambda event: event.payload["number"] in ill), Listener("other")
    hanging.within = within
    following = Following((EventCounts(), hanging, other))
    await make("a", 1, 2)
    await make("b", 3)
    await make("c", 4, org="org_b")
    status = await asyncio.wait_for(ConsumeEvents(deps, following).activate(), 20)
    assert (status.parked, status.resting) == (1, 1)
    assert hanging.numbers == [4]
    assert sorted(other.numbers) == [1, 2, 3, 4]  # type: ignore[type-var]
    # What it had written is taken back, and what others had is there.
    async with deps.read() as tx:
        assert int((await tx.execute(text("SELECT sum(happened) FROM event_counts"))).scalar_one()) == 4
    ill.clear()
    clock.advance(seconds=60)
    await ConsumeEvents(deps, following).activate()
    assert hanging.numbers == [4, 1, 2, 3]
    assert await waiting(deps) == 0


@pytest.mark.req("HY26")
async def test_a_consumer_that_waits_for_something_outside_gives_the_database_back(
    deps: Deps, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing but the idle transaction can be what ends it.
    monkeypatch.setattr(driver, "ATTEMPT_S", 3600.0)
    monkeypatch.setattr(driver, "LOOK_S", 0.01)
    entered = asyncio.Event()

    class Outside(Hanging):
        async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
            entered.set()
            await super().consume(tx, scope, event)

    outside = Outside(refuses=lambda event: event.payload["number"] == 1)
    await make("a", 1)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        consuming = group.create_task(ConsumeEvents(deps, Following((EventCounts(), outside))).activate())
        await entered.wait()
        # The row that the consumer wrote to, on the engine that locks rows; anything at all on the other.
        async with deps.uow() as tx:
            await tx.execute(text("DELETE FROM event_counts"))
        status = await consuming
    assert (status.parked, status.resting) == (1, 1)
    async with deps.read() as tx:
        error = (await tx.execute(text("SELECT error FROM parked_events"))).scalar_one()
    assert str(error).startswith("It waited for something outside of its transaction")


async def test_a_consumer_that_is_at_work_in_the_database_has_its_time(
    deps: Deps, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "LOOK_S", 0.001)

    class Busy(Listener):
        async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
            for _ in range(3):
                await tx.execute(text(BUSY_STATEMENT[tx.engine]))
            await super().consume(tx, scope, event)

    busy = Busy()
    await make("a", 1)
    await run(deps, busy)
    assert busy.numbers == [1]


async def test_what_hangs_through_all_its_tries_dies(
    deps: Deps, make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "ATTEMPT_S", 0.02)
    hanging = Hanging(refuses=lambda event: event.payload["number"] == 1)
    await make("a", 1, 2)
    await until_dead(deps, clock, hanging)
    await run(deps, hanging)
    assert hanging.numbers == [2]
    (letter,) = await letters(deps)
    assert letter.error == "It took longer than 0.02 s and was stopped."


async def test_a_share_that_the_database_undoes_ends_nobody_elses_and_is_tried_again_a_minute_later(
    deps: Deps, make: Make, clock: ManualClock
) -> None:
    """A savepoint that is gone, as after a deadlock, leaves a share with nothing to go on with."""

    class Undone(Listener):
        async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
            if self.refuses(event):
                await tx.connection.exec_driver_sql("ROLLBACK")
            await super().consume(tx, scope, event)

    ill = {1}
    undone, other = Undone(), Listener("other")
    undone.refuses = lambda event: event.payload["number"] in ill
    following = Following((undone, other))
    await make("a", 1)
    await make("b", 2, org="org_b")
    status = await ConsumeEvents(deps, following).activate()
    assert (undone.numbers, sorted(other.numbers), status.resting) == ([2], [1, 2], 1)  # type: ignore[type-var]
    ill.clear()
    await ConsumeEvents(deps, following).activate()
    assert undone.numbers == [2]
    clock.advance(seconds=60)
    await ConsumeEvents(deps, following).activate()
    assert undone.numbers == [2, 1]


# --- what it costs ----------------------------------------------------------------------------------------------------


class Statements:
    def __init__(self, deps: Deps) -> None:
        self.seen: list[str] = []
        sqlalchemy_event.listen(deps.db.sqlalchemy.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.seen.append(statement)

    def forget(self) -> None:
        self.seen.clear()

    def of(self, *words: str) -> list[str]:
        return [each for each in self.seen if all(word in each for word in words)]


async def test_where_there_is_no_news_nothing_is_asked_for_each_org(deps: Deps, make: Make) -> None:
    statements, following = Statements(deps), Following((EventCounts(), Listener()))
    for number in range(20):
        await make("a", number, org=f"org_{number:02}")
    await ConsumeEvents(deps, following).activate()
    statements.forget()
    await consume.consume(following, driver.HANDS, deps)
    assert len([each for each in statements.seen if not each.startswith("BEGIN")]) == 2


async def test_events_that_nobody_wants_cost_one_transaction_for_all_their_orgs_and_consumers(
    deps: Deps, make: Make
) -> None:
    uninterested = [Listener(f"listener{number}", kind="thing.lost") for number in range(3)]
    statements, following = Statements(deps), Following(tuple(uninterested))
    for number in range(20):
        await make("a", number, org=f"org_{number:02}")
    await run(deps, *uninterested)
    for number in range(20):
        await make("a", number, org=f"org_{number:02}")
    await ConsumeEvents(deps, following).activate()
    statements.forget()
    for number in range(20):
        await make("a", number, org=f"org_{number:02}")
    statements.forget()
    await ConsumeEvents(deps, following).activate()
    assert len(statements.of("UPDATE event_cursors")) == 1
    assert statements.of("SAVEPOINT") == []
    assert [stands.lag for stands in await standing.list_standings(inside("org_07"), following, deps)] == [0, 0, 0]


async def test_many_events_are_counted_in_one_statement_and_none_twice_when_one_of_them_breaks(
    deps: Deps, make: Make
) -> None:
    class Breaking(EventCounts):
        async def consume_many(self, tx: Tx, scope: OrgScope, found: Sequence[events.Event]) -> None:
            await super().consume_many(tx, scope, found)
            if any(event.payload["number"] == 7 for event in found):
                raise ValueError("no 7")

    statements = Statements(deps)
    await make("a", *range(5))
    await make("b", *range(5), scope="SANDBOX")
    following = Following((Breaking(),))
    await ConsumeEvents(deps, following).activate()
    assert len(statements.of("INSERT INTO event_counts")) == 2
    await make("c", 5, 6, 7, 8)
    status = await ConsumeEvents(deps, following).activate()
    assert (status.parked, await waiting(deps)) == (1, 2)
    async with deps.read() as tx:
        assert int((await tx.execute(text("SELECT sum(happened) FROM event_counts"))).scalar_one()) == 12


async def test_who_records_in_an_org_does_not_wait_for_its_consumers(deps: Deps, make: Make) -> None:
    """On PostgreSQL; SQLite has one writer anyway."""
    if deps.db.engine_name == "sqlite":
        return
    recorded: list[object] = []

    class Meanwhile(Listener):
        async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
            if event.payload["number"] == 1:
                await asyncio.wait_for(make("b", 2), 5)
                recorded.append(2)
            await super().consume(tx, scope, event)

    listener = Meanwhile()
    await make("a", 1)
    status = await run(deps, listener)
    assert (status.parked, recorded, listener.numbers) == (0, [2], [1, 2])
