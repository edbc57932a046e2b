"""Events again, for one consumer; and a projection that is what the log says."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from portico.domains.audit import public as audit
from portico.domains.consumers import replay
from portico.domains.consumers.model import Following, Hit
from portico.domains.consumers.projections import EventCounts
from portico.domains.consumers.replay import ReplayAsk
from portico.domains.consumers.tables import event_counts
from portico.domains.events import public as events
from portico.domains.events.model import EventFilter
from portico.domains.tenancy import public as tenancy
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidInput
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps
from tests.consumers.conftest import LOST, MADE, Listener, Make, inside, run

EVERYTHING = EventFilter()


async def counts(deps: Deps) -> list[tuple[object, ...]]:
    async with deps.read() as tx:
        return sorted(tuple(row) for row in await tx.execute(select(event_counts)))


@pytest.mark.req("SP17", "HY26")
async def test_a_dry_run_says_who_would_be_hit_and_touches_nothing(deps: Deps, make: Make) -> None:
    all_of_them, losses = Listener(), Listener("losses", kind="thing.lost")
    await make("a", 1, 2)
    await make("b", 3, kind=LOST)
    following = Following((all_of_them, losses, EventCounts()))
    await run(deps, *following.consumers)
    told = await replay.replay_events(inside(), ReplayAsk(EVERYTHING), following, deps)
    assert (told.dry_run, told.events, told.replayed) == (True, 3, 0)
    assert told.hits == (Hit("listener", 3), Hit("losses", 1))
    await run(deps, *following.consumers)
    assert all_of_them.numbers == [1, 2, 3]
    assert (await audit.search_audit(inside(), audit.Search(), PageAsk(), deps)).items == []


@pytest.mark.req("SP17", "HY26")
async def test_events_are_replayed_by_time_kind_and_subject_to_one_consumer_only(
    deps: Deps, make: Make, clock: ManualClock
) -> None:
    again, other = Listener(), Listener("other")
    following = Following((again, other))
    await make("a", 1)
    clock.advance(seconds=60)
    noon = clock.now()
    await make("a", 2)
    await make("b", 3)
    await make("a", 4, kind=LOST)
    await run(deps, again, other)
    again.seen.clear()
    other.seen.clear()
    wanted = EventFilter((MADE,), subject="thing:a", since=noon, until=noon + timedelta(seconds=1))
    for ask, seen in ((wanted, [2]), (EventFilter(subject="thing:a"), [1, 2, 4]), (EventFilter(("thing.lost",)), [4])):
        done = await replay.replay_events(inside(), ReplayAsk(ask, "listener", dry_run=False), following, deps)
        assert done.replayed == len(seen)
        await run(deps, again, other)
        assert again.numbers == seen
        again.seen.clear()
    assert other.seen == []
    (entry, *_) = (await audit.search_audit(inside(), audit.Search(), PageAsk(), deps)).items
    assert (entry.action, entry.target and entry.target.name) == ("event.replay", "listener")


async def test_what_the_consumer_has_not_read_yet_comes_once(deps: Deps, make: Make) -> None:
    listener = Listener()
    await make("a", 1)
    await run(deps, listener)
    await make("a", 2)
    ask = ReplayAsk(EVERYTHING, "listener", dry_run=False)
    assert (await replay.replay_events(inside(), ask, Following((listener,)), deps)).replayed == 1
    await run(deps, listener)
    assert listener.numbers == [1, 1, 2]


@pytest.mark.parametrize(
    "ask",
    [
        ReplayAsk(EVERYTHING, dry_run=False),
        ReplayAsk(EVERYTHING, "nobody"),
        ReplayAsk(EVERYTHING, "event_counts"),
        ReplayAsk(EVERYTHING, projection="listener"),
        ReplayAsk(EVERYTHING, "listener", "event_counts"),
        ReplayAsk(EventFilter(("thing.made",)), projection="event_counts"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(deps: Deps, ask: ReplayAsk) -> None:
    with pytest.raises(InvalidInput):
        await replay.replay_events(inside(), ask, Following((Listener(), EventCounts())), deps)


async def replayed_by_requests(
    deps: Deps, following: Following, ask: ReplayAsk, between: Callable[[], Awaitable[object]]
) -> list[tuple[int, int | None]]:
    """As many requests as it takes; what each of them replayed, and where the next one goes on."""
    steps: list[tuple[int, int | None]] = []
    for _ in range(50):
        told = await replay.replay_events(inside(), ask, following, deps)
        steps.append((told.replayed, told.next_after))
        if told.next_after is None:
            return steps
        ask = replace(ask, after=told.next_after, through=told.through)
        await between()
    raise AssertionError(f"still not through: {steps}")


@pytest.mark.req("SP17", "HY26")
async def test_a_whole_log_is_replayed_by_as_many_requests_as_it_takes(
    deps: Deps, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MAX_REPLAYED", 3)
    monkeypatch.setattr(replay, "MAX_REPLAYS_WAITING", 4)
    monkeypatch.setattr(replay, "_PAGE", 2)
    listener = Listener()
    following = Following((listener,))
    await make("a", *range(10))
    await run(deps, listener)
    listener.seen.clear()
    told = await replay.replay_events(inside(), ReplayAsk(EVERYTHING), following, deps)
    assert (told.events, told.next_after, told.through) == (3, 3, 10)

    async def meanwhile() -> None:
        # What is new comes once, however long the replay takes.
        await make("new", 100 + len(listener.seen))
        await run(deps, listener)

    ask = ReplayAsk(EVERYTHING, "listener", dry_run=False)
    assert await replayed_by_requests(deps, following, ask, meanwhile) == [(3, 3), (3, 6), (3, 9), (1, None)]
    await run(deps, listener)
    assert [number for number in listener.numbers if int(str(number)) < 100] == list(range(10))
    assert len(listener.numbers) == 13
    entries = (await audit.search_audit(inside(), audit.Search(), PageAsk(), deps)).items
    assert [entry.action for entry in entries] == ["event.replay"] * 4


@pytest.mark.req("SP17", "HY26")
async def test_a_replay_waits_for_room_and_may_be_begun_again(
    deps: Deps, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MAX_REPLAYS_WAITING", 4)
    listener = Listener()
    following = Following((listener,))
    await make("a", *range(6))
    await run(deps, listener)
    listener.seen.clear()
    ask = ReplayAsk(EVERYTHING, "listener", dry_run=False)
    first = await replay.replay_events(inside(), ask, following, deps)
    assert (first.replayed, first.next_after) == (4, 4)
    # Nobody has consumed anything yet: begun again or gone on with, nothing is parked that waits already.
    again = await replay.replay_events(inside(), ask, following, deps)
    assert (again.replayed, again.next_after) == (0, 0)
    full = await replay.replay_events(inside(), replace(ask, after=4, through=6), following, deps)
    assert (full.replayed, full.next_after) == (0, 4)
    await run(deps, listener)
    rest = await replay.replay_events(inside(), replace(ask, after=4, through=6), following, deps)
    assert (rest.replayed, rest.next_after) == (2, None)
    await run(deps, listener)
    assert listener.numbers == list(range(6))


async def test_nobody_replays_what_the_consumer_has_not_reached(deps: Deps, make: Make) -> None:
    listener = Listener()
    await make("a", 1)
    await run(deps, listener)
    await make("a", 2)
    ask = ReplayAsk(EVERYTHING, "listener", dry_run=False, through=2**53)
    told = await replay.replay_events(inside(), ask, Following((listener,)), deps)
    assert (told.replayed, told.through) == (1, 1)


@pytest.mark.req("SP17")
async def test_a_rebuilt_projection_is_what_was_there(deps: Deps, make: Make, clock: ManualClock) -> None:
    chance = random.Random(7)
    for number in range(40):
        org, scope = chance.choice(["org_a", "org_b"]), chance.choice(["ENTERPRISE", "DEVELOPMENT"])
        await make("a", number, org=org, scope=scope, kind=chance.choice([MADE, LOST]))
        clock.advance(seconds=chance.randrange(20_000))
    projection = EventCounts()
    following = Following((projection,))
    await run(deps, projection)
    before = await counts(deps)
    assert sum(int(str(row[-1])) for row in before) == 40
    ask = ReplayAsk(EVERYTHING, projection="event_counts", dry_run=False)
    done = await replay.replay_events(inside(), ask, following, deps)
    assert done.corrected == 0
    assert await counts(deps) == before


@pytest.mark.req("SP17")
async def test_a_projection_gone_wrong_is_mended_from_the_log(deps: Deps, make: Make) -> None:
    projection = EventCounts()
    following = Following((projection,))
    await make("a", 1, 2)
    await run(deps, projection)
    right = await counts(deps)
    async with deps.uow() as tx:
        await tx.execute(update(event_counts).values(happened=99))
    ask = ReplayAsk(EVERYTHING, projection="event_counts")
    assert (await replay.replay_events(inside(), ask, following, deps)).corrected == 1
    assert await counts(deps) != right
    done = await replay.replay_events(inside(), replace(ask, dry_run=False), following, deps)
    assert (done.corrected, done.replayed) == (1, 2)
    assert await counts(deps) == right
    await make("a", 3)
    await run(deps, projection)
    assert [row[-1] for row in await counts(deps) if row[3] == MADE] == [3]


async def test_days_that_retention_took_keep_their_counts(deps: Deps, make: Make, clock: ManualClock) -> None:
    projection = EventCounts()
    following = Following((projection,))
    await make("a", 1, 2)
    await run(deps, projection)
    clock.advance(seconds=86400 * deps.settings.record.keep_events_days)
    await make("a", 3)
    clock.advance(seconds=86400)
    await make("a", 4)
    await run(deps, projection)
    before = await counts(deps)
    assert await events.purge_events(tenancy.platform_scope(), deps) == 2
    ask = ReplayAsk(EVERYTHING, projection="event_counts", dry_run=False)
    assert (await replay.replay_events(inside(), ask, following, deps)).corrected == 0
    assert await counts(deps) == before
