import asyncio

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from portico.domains.events.tables import events
from tests.tenancy.conftest import World

pytestmark = pytest.mark.req("SP3", "C12", "C13")


def _token(answer: Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.cookies["portico_refresh"])


async def test_a_refresh_token_works_once_and_hands_out_the_next(world: World) -> None:
    first = _token(await world.sign_in("ann@acme.example"))
    answer = await world.refresh(first)
    second = _token(answer)
    assert second != first
    await world.holding(answer.json()["access_token"]).get("/auth/me")
    world.clock.advance(seconds=60)
    assert (await world.refresh(second)).status_code == 200


async def test_a_second_use_ends_the_whole_family(world: World) -> None:
    first = _token(await world.sign_in("ann@acme.example"))
    answer = await world.refresh(first)
    thief_or_owner = world.holding(answer.json()["access_token"])
    world.clock.advance(seconds=11)
    assert (await world.refresh(first)).status_code == 401
    # The end outlives the refusal: the newest token and the access token are dead too.
    assert (await world.refresh(_token(answer))).status_code == 401
    await thief_or_owner.refused(401, "GET", "/auth/me")
    async with world.deps.read() as tx:
        ended = (await tx.execute(select(events.c.payload).where(events.c.kind == "sign_in.ended.v1"))).scalars().all()
    assert [payload["reason"] for payload in ended] == ["refresh token used twice"]
    assert len((await world.entries()).revoked_sign_ins) == 1


async def test_other_sign_ins_of_the_person_stay(world: World) -> None:
    first = _token(await world.sign_in("ann@acme.example"))
    elsewhere = _token(await world.sign_in("ann@acme.example"))
    await world.refresh(first)
    world.clock.advance(seconds=11)
    assert (await world.refresh(first)).status_code == 401
    assert (await world.refresh(elsewhere)).status_code == 200


async def test_two_tabs_that_wake_together_both_go_on(world: World) -> None:
    first = _token(await world.sign_in("ann@acme.example"))
    one = _token(await world.refresh(first))
    world.clock.advance(seconds=3)
    other = _token(await world.refresh(first))
    assert one != other
    # The cookie jar keeps the later one.
    world.clock.advance(seconds=3000)
    assert (await world.refresh(other)).status_code == 200


async def test_within_the_grace_two_holders_are_found_out_at_the_next_refresh(world: World) -> None:
    first = _token(await world.sign_in("ann@acme.example"))
    owner, thief = _token(await world.refresh(first)), _token(await world.refresh(first))
    world.clock.advance(seconds=3000)
    newest = _token(await world.refresh(thief))
    # No grace for the sibling, not even right away.
    assert (await world.refresh(owner)).status_code == 401
    assert (await world.refresh(newest)).status_code == 401


async def test_no_grace_once_the_next_token_was_used(world: World) -> None:
    first = _token(await world.sign_in("ann@acme.example"))
    second = _token(await world.refresh(first))
    third = _token(await world.refresh(second))
    assert (await world.refresh(first)).status_code == 401
    assert (await world.refresh(third)).status_code == 401


async def test_the_grace_gives_a_handful_of_tokens_only(world: World) -> None:
    first = _token(await world.sign_in("ann@acme.example"))
    answers = [(await world.refresh(first)).status_code for _ in range(7)]
    assert answers == [200] * 5 + [401] * 2


async def test_a_refresh_token_lives_seven_days(world: World) -> None:
    first = _token(await world.sign_in("ann@acme.example"))
    world.clock.advance(seconds=7 * 86400 - 1)
    second = _token(await world.refresh(first))
    world.clock.advance(seconds=7 * 86400)
    assert (await world.refresh(second)).status_code == 401


@pytest.mark.req("HY15")
async def test_a_made_up_token_refreshes_nothing(world: World) -> None:
    for token in ("", "x", "x" * 5000, "pk_00000000_" + "A" * 43):
        assert (await world.refresh(token)).status_code == 401


async def test_a_stolen_token_used_by_many_at_once_ends_in_one_chain_or_none(world: World) -> None:
    first = _token(await world.sign_in("ann@acme.example"))
    answers = await asyncio.gather(*(world.refresh(first) for _ in range(4)))
    tokens = [_token(answer) for answer in answers]
    assert len(set(tokens)) == 4
    world.clock.advance(seconds=3000)
    assert [(await world.refresh(token)).status_code for token in tokens] == [200, 401, 401, 401]


async def test_no_cookie_no_refresh(world: World) -> None:
    await world.nobody.refused(401, "POST", "/auth/refresh")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(uses=st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 5, 20])), min_size=1, max_size=8))
async def test_whatever_the_order_of_use_only_one_chain_survives(world: World, uses: list[tuple[int, int]]) -> None:
    """Any token out of those handed out so far, after any pause: afterwards at most one of two old holders can go on."""
    tokens = [_token(await world.sign_in("ann@acme.example"))]
    for choice, pause in uses:
        world.clock.advance(seconds=pause)
        answer = await world.refresh(tokens[choice % len(tokens)])
        if answer.status_code == 200:
            tokens.append(_token(answer))
    world.clock.advance(seconds=11)
    alive = [(await world.refresh(token)).status_code for token in tokens]
    assert alive.count(200) <= 1
