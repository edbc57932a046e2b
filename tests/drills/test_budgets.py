"""A budget under a thousand calls at once, through the real gateway and into the real database."""

import asyncio
import random

import httpx2
import pytest

from tests.drills.test_kill import PRICE, all_calls, until
from tests.installation import Installation

pytestmark = pytest.mark.drill

CALLS = 1000
AT_ONCE = 100


def ask(number: int) -> dict[str, object]:
    """Short and long, streamed and not, with and without a bound of the caller's own."""
    chance = random.Random(number)
    asked: dict[str, object] = {
        "model": "extractive-summariser",
        "messages": [{"role": "user", "content": "Portico keeps budgets. " * chance.randint(1, 30)}],
        "stream": chance.random() < 0.5,
    }
    if chance.random() < 0.7:
        asked["max_tokens"] = chance.randint(5, 200)
    return asked


async def call(client: httpx2.AsyncClient, number: int, seen: list[int]) -> None:
    """One call; of the streamed ones, a third leave after their first line."""
    async with client.stream("POST", "/v1/chat/completions", json=ask(number)) as answer:
        seen.append(answer.status_code)
        async for _ in answer.aiter_lines():
            if number % 3 == 0:
                return


@pytest.mark.req("N3")
async def test_a_thousand_calls_at_once_never_overshoot_a_budget(
    either_installation: Installation, quick_model: str
) -> None:
    installation, limit = either_installation, 60_000
    with installation.signed_in() as owner:
        models = ["extractive-summariser"]
        owner.make("/services", name="model", kind="model", url=f"{quick_model}/v1", models=models, price=PRICE)
        # Nothing listens there: these calls fail after their reservation and must give it back.
        owner.make("/services", name="dead", kind="http", url="http://127.0.0.1:9", price=PRICE, max_retries=0)
        budget = owner.make("/budgets", name="tight", subject_kind="org", measure="money", window="month", limit=limit)
        counted = owner.make("/budgets", name="count", subject_kind="org", measure="calls", window="month", limit=10**9)
        # Last: a gateway that knows the key knows the budgets as well.
        key = owner.make_key()

    seen: list[int] = []
    gate = asyncio.Semaphore(AT_ONCE)
    limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=installation.url, headers=headers, timeout=30, limits=limits) as client:
        await until(lambda: client.get("/v1/models/extractive-summariser"))

        async def one(number: int) -> None:
            async with gate:
                if number % 7 == 0:
                    seen.append((await client.get("/svc/dead/anything")).status_code)
                else:
                    await call(client, number, seen)

        async with asyncio.TaskGroup() as tasks:
            for number in range(CALLS):
                tasks.create_task(one(number))

    assert len(seen) == CALLS
    assert {200, 429} <= set(seen), "the budget was meant to run out in the middle"
    with installation.signed_in() as owner:
        calls = owner.wait_for(lambda: (found := all_calls(owner)) and len(found) >= CALLS and found, "all calls")
        after = owner.get(f"/budgets/{budget['id']}")
        spent = sum(int(str(each["cost_microusd"])) for each in calls.values())
        assert after["used"] == spent <= limit
        assert after["reserved"] == 0
        assert owner.get(f"/budgets/{counted['id']}")["reserved"] == 0
        assert all(each["cost_microusd"] == 0 for each in calls.values() if each["verdict"] in {"refused", "failed"})
