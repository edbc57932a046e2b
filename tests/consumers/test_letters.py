"""What people do with what a consumer could not take."""

import pytest

from portico.domains.audit import public as audit
from portico.domains.consumers import letters
from portico.domains.consumers.model import DeadLetter, Following
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.kernel.clock import ManualClock
from portico.kernel.errors import Conflict, InvalidInput, NotFound
from portico.kernel.paging import PageAsk, decode_cursor
from portico.platform.deps import Deps
from tests.consumers.conftest import LOST, Listener, Make, inside, run, until_dead

REFUSED = {1, 3, 5}


@pytest.fixture
def listener() -> Listener:
    return Listener(refuses=lambda event: event.payload["number"] in REFUSED)


@pytest.fixture
async def dead(deps: Deps, make: Make, clock: ManualClock, listener: Listener) -> list[DeadLetter]:
    """Three dead letters: 5, 3 and 1, of which 3 tells a loss."""
    await make("a", 1, 2)
    await make("b", 3, kind=LOST)
    await make("c", 5)
    await until_dead(deps, clock, listener)
    return await listed(deps)


async def listed(deps: Deps, consumer: str | None = None, kind: str | None = None) -> list[DeadLetter]:
    return (await letters.list_dead_letters(inside(), consumer, kind, PageAsk(), deps)).items


def numbers(found: list[DeadLetter]) -> set[object]:
    return {letter.event.payload["number"] for letter in found}


async def actions(deps: Deps) -> list[str]:
    return [entry.action for entry in (await audit.search_audit(inside(), audit.Search(), PageAsk(), deps)).items]


@pytest.mark.req("HY26")
async def test_they_are_listed_by_consumer_and_kind_page_by_page(deps: Deps, dead: list[DeadLetter]) -> None:
    assert numbers(dead) == REFUSED
    assert numbers(await listed(deps, kind="thing.lost")) == {3}
    assert numbers(await listed(deps, kind="thing.*")) == REFUSED
    assert await listed(deps, consumer="somebody else") == []
    seen, cursor = [], None
    for _ in range(3):
        page = await letters.list_dead_letters(inside(), None, None, PageAsk(1, decode_cursor(cursor)), deps)
        seen += page.items
        cursor = page.next_cursor
    assert (seen, cursor) == (dead, None)


async def test_another_scope_or_org_finds_none_of_them(deps: Deps, dead: list[DeadLetter]) -> None:
    for stranger in (inside("org_b"), inside(scope="DEVELOPMENT")):
        assert (await letters.list_dead_letters(stranger, None, None, PageAsk(), deps)).items == []
        for verb in (letters.find_dead_letter, letters.discard_dead_letter):
            with pytest.raises(NotFound):
                await verb(stranger, dead[0].id, deps)
        with pytest.raises(NotFound):
            await letters.edit_dead_letter(stranger, dead[0].id, {}, deps)
        with pytest.raises(NotFound):
            await letters.retry_dead_letter(stranger, dead[0].id, Following((Listener(),)), deps)
        assert await letters.retry_dead_letters(stranger, None, None, Following((Listener(),)), deps) == 0
    assert await listed(deps) == dead


@pytest.mark.req("HY26")
async def test_an_edited_one_is_retried_as_edited_and_the_log_stays_as_it_was(
    deps: Deps, dead: list[DeadLetter], listener: Listener
) -> None:
    first = next(letter for letter in dead if letter.event.payload["number"] == 1)
    await letters.edit_dead_letter(inside(), first.id, {"thing_id": "a", "number": 100}, deps)
    found = await letters.find_dead_letter(inside(), first.id, deps)
    assert (found.payload, found.event) == ({"thing_id": "a", "number": 100}, first.event)
    await letters.retry_dead_letter(inside(), first.id, Following((listener,)), deps)
    await run(deps, listener)
    assert listener.numbers == [2, 100]
    assert numbers(await listed(deps)) == {3, 5}
    assert (await actions(deps))[:2] == ["dead_letter.retry", "dead_letter.edit"]


@pytest.mark.parametrize("payload", [{}, {"thing_id": "a"}, {"thing_id": "a", "number": "one"}])
async def test_a_payload_of_another_shape_is_refused(
    deps: Deps, dead: list[DeadLetter], payload: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput):
        await letters.edit_dead_letter(inside(), dead[0].id, payload, deps)


async def test_what_fails_again_is_back_under_its_id_after_all_its_tries(
    deps: Deps, dead: list[DeadLetter], listener: Listener, clock: ManualClock
) -> None:
    await letters.retry_dead_letter(inside(), dead[0].id, Following((listener,)), deps)
    assert len(await listed(deps)) == 2
    await until_dead(deps, clock, listener)
    (again,) = [letter for letter in await listed(deps) if letter.id == dead[0].id]
    assert again.attempts == 4
    assert again.first_failed_at == dead[0].first_failed_at


async def test_new_events_of_the_subject_wait_for_a_retried_one(
    deps: Deps, make: Make, dead: list[DeadLetter], listener: Listener, clock: ManualClock
) -> None:
    first = next(letter for letter in dead if letter.event.payload["number"] == 1)
    await letters.retry_dead_letter(inside(), first.id, Following((listener,)), deps)
    await run(deps, listener)
    await make("a", 7)
    await run(deps, listener)
    assert listener.numbers == [2]
    await until_dead(deps, clock, listener)
    assert listener.numbers == [2, 7]


@pytest.mark.req("HY26")
async def test_all_of_a_kind_are_retried_at_once(deps: Deps, dead: list[DeadLetter], listener: Listener) -> None:
    listener.refuses = lambda event: False
    following = Following((listener,))
    assert await letters.retry_dead_letters(inside(), "listener", "thing.made", following, deps) == 2
    await run(deps, listener)
    assert set(listener.numbers) == {2, 1, 5}
    assert await letters.retry_dead_letters(inside(), None, None, following, deps) == 1
    assert await letters.retry_dead_letters(inside(), None, None, following, deps) == 0
    assert (await actions(deps))[:2] == ["dead_letter.retry_many"] * 2


async def test_a_discarded_one_is_gone_and_on_record(deps: Deps, dead: list[DeadLetter]) -> None:
    await letters.discard_dead_letter(inside(), dead[0].id, deps)
    assert await listed(deps) == dead[1:]
    assert (await actions(deps))[0] == "dead_letter.discard"
    with pytest.raises(NotFound):
        await letters.discard_dead_letter(inside(), dead[0].id, deps)


async def test_a_consumer_that_is_no_more_gets_nothing(deps: Deps, dead: list[DeadLetter]) -> None:
    with pytest.raises(Conflict):
        await letters.retry_dead_letter(inside(), dead[0].id, Following(), deps)
    assert await letters.retry_dead_letters(inside(), None, None, Following(), deps) == 0
    assert await listed(deps) == dead


async def test_one_outlives_its_event(
    deps: Deps, dead: list[DeadLetter], listener: Listener, clock: ManualClock
) -> None:
    clock.advance(seconds=86400 * (deps.settings.record.keep_events_days + 1))
    assert await events.purge_events(tenancy.platform_scope(), deps) == 4
    listener.refuses = lambda event: False
    await letters.retry_dead_letters(inside(), None, None, Following((listener,)), deps)
    await run(deps, listener)
    assert set(listener.numbers) == {2, 1, 3, 5}
