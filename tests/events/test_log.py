import asyncio

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from portico.domains.events import public as events
from portico.domains.events import service
from portico.domains.events.catalogue import UndeclaredEvent
from portico.domains.events.model import EventFilter
from portico.domains.events.tables import events as event_rows
from portico.kernel.clock import ManualClock
from portico.kernel.ids import OrgId
from portico.kernel.paging import PageAsk, decode_cursor
from portico.kernel.scope import DEVELOPMENT, ENTERPRISE, SYSTEM, Actor, OrgScope, PlatformScope, ScopeName
from portico.platform.deps import Deps

HAPPENED = events.declare("test.happened.v1", "A thing happened.", about="thing_id", fields={"thing_id": str})
ADA = Actor("person", "per_ada", "Ada", "203.0.113.9")


def scope_of(org: str, name: ScopeName = ENTERPRISE) -> OrgScope:
    return OrgScope(OrgId(org), name, ADA, frozenset({"events.read"}))


async def record(deps: Deps, scope: OrgScope, *things: str) -> None:
    for thing in things:
        async with deps.uow() as tx:
            await events.record(tx, scope, kind=HAPPENED, payload={"thing_id": thing})


async def record_and_fail(deps: Deps) -> None:
    async with deps.uow() as tx:
        await events.record(tx, scope_of("org_a"), kind=HAPPENED, payload={"thing_id": "lost"})
        raise RuntimeError("the change failed")


async def test_positions_of_an_org_have_no_gap_and_orgs_count_apart(deps: Deps) -> None:
    await record(deps, scope_of("org_a"), "1", "2")
    await record(deps, scope_of("org_b"), "1")
    await record(deps, scope_of("org_a"), "3")
    async with deps.read() as tx:
        mine = await events.events_since(tx, scope_of("org_a"), 0)
        theirs = await events.events_since(tx, scope_of("org_b"), 0)
    assert mine is not None
    assert [(event.seq, event.payload["thing_id"]) for event in mine] == [(1, "1"), (2, "2"), (3, "3")]
    assert theirs is not None
    assert [event.seq for event in theirs] == [1]


async def test_a_rolled_back_transaction_leaves_no_event_and_no_hole(deps: Deps) -> None:
    with pytest.raises(RuntimeError):
        await record_and_fail(deps)
    await record(deps, scope_of("org_a"), "kept")
    page = await service.list_events(scope_of("org_a"), EventFilter(), PageAsk(), deps)
    assert [(event.seq, event.payload["thing_id"]) for event in page.items] == [(1, "kept")]


async def test_concurrent_writers_commit_in_the_order_of_their_positions(deps: Deps) -> None:
    await asyncio.gather(*(record(deps, scope_of("org_a"), f"{writer}.1", f"{writer}.2") for writer in range(6)))
    async with deps.read() as tx:
        found = await events.events_since(tx, scope_of("org_a"), 0)
    assert found is not None
    assert [event.seq for event in found] == list(range(1, 13))


async def test_an_event_says_who_when_and_what_but_not_from_which_address(deps: Deps, clock: ManualClock) -> None:
    clock.advance(seconds=90.5)
    await record(deps, scope_of("org_a"), "1")
    (event,) = (await service.list_events(scope_of("org_a"), EventFilter(), PageAsk(), deps)).items
    assert event.at == clock.now()
    assert event.actor == Actor("person", "per_ada", "Ada", None)
    assert event.id.startswith("evt_")


async def test_pages_follow_each_other_newest_first(deps: Deps) -> None:
    await record(deps, scope_of("org_a"), *"abcde")
    seen, cursor = [], None
    for _ in range(3):
        ask = PageAsk(2, decode_cursor(cursor))
        page = await service.list_events(scope_of("org_a"), EventFilter(), ask, deps)
        seen += [str(event.payload["thing_id"]) for event in page.items]
        cursor = page.next_cursor
    assert "".join(seen) == "edcba"
    assert cursor is None


async def test_filters_by_kind_and_time(deps: Deps, clock: ManualClock) -> None:
    await record(deps, scope_of("org_a"), "old")
    clock.advance(seconds=60)
    await record(deps, scope_of("org_a"), "new")
    later = await service.list_events(scope_of("org_a"), EventFilter((HAPPENED,), since=clock.now()), PageAsk(), deps)
    other = await service.list_events(scope_of("org_a"), EventFilter(("test.missed.v1",)), PageAsk(), deps)
    assert [event.payload["thing_id"] for event in later.items] == ["new"]
    assert other.items == []


async def test_another_scope_of_the_same_org_sees_nothing(deps: Deps) -> None:
    await record(deps, scope_of("org_a"), "1")
    assert (await service.list_events(scope_of("org_a", DEVELOPMENT), EventFilter(), PageAsk(), deps)).items == []


@pytest.mark.parametrize(
    "payload", [{}, {"thing_id": "1", "extra": "2"}, {"thing": "1"}, {"thing_id": 1}, {"thing_id": None}]
)
async def test_a_payload_that_is_not_the_declared_one_is_refused(deps: Deps, payload: dict[str, object]) -> None:
    async with deps.uow() as tx:
        with pytest.raises(UndeclaredEvent):
            await events.record(tx, scope_of("org_a"), kind=HAPPENED, payload=payload)


@pytest.mark.parametrize("kind", ["test.happened", "Happened.v1", "test.happened.v0", "x.v1"])
def test_a_kind_has_a_noun_a_past_verb_and_a_version(kind: str) -> None:
    with pytest.raises(UndeclaredEvent):
        events.declare(kind, "Never.", about="thing_id", fields={"thing_id": str})


async def test_an_undeclared_kind_is_refused(deps: Deps) -> None:
    async with deps.uow() as tx:
        with pytest.raises(UndeclaredEvent):
            await events.record(tx, scope_of("org_a"), kind="nobody.declared.v1", payload={})


async def test_a_commit_wakes_the_followers_and_a_rollback_does_not(deps: Deps) -> None:
    woken = deps.bus.listen("events")
    with pytest.raises(RuntimeError):
        await record_and_fail(deps)
    assert not woken.is_set()
    await record(deps, scope_of("org_a"), "1")
    assert woken.is_set()


async def test_a_recorded_event_cannot_be_changed_or_removed(deps: Deps) -> None:
    await record(deps, scope_of("org_a"), "1")
    for statement in (update(event_rows).values(kind="test.forged.v1"), delete(event_rows)):
        with pytest.raises(DBAPIError, match="append-only"):
            async with deps.uow() as tx:
                await tx.execute(statement)


@pytest.mark.req("SP21")
async def test_retention_removes_the_oldest_and_tells_followers_to_start_again(deps: Deps, clock: ManualClock) -> None:
    await record(deps, scope_of("org_a"), "1", "2")
    clock.advance(seconds=86400 * deps.settings.record.keep_events_days)
    await record(deps, scope_of("org_a"), "3")
    clock.advance(seconds=60)
    assert await events.purge_events(PlatformScope(SYSTEM), deps) == 2
    assert await events.purge_events(PlatformScope(SYSTEM), deps) == 0
    async with deps.read() as tx:
        assert await events.events_since(tx, scope_of("org_a"), 1) is None
        left = await events.events_since(tx, scope_of("org_a"), 2)
        position, newest = await events.recent_events(tx, scope_of("org_a"), 10)
    assert left is not None
    assert [event.seq for event in left] == [event.seq for event in newest] == [3]
    assert position == 3
