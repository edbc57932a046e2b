"""kill -9 at the worst moment: what was promised before it still holds after the restart."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from tests.installation import Installation, Owner

pytestmark = pytest.mark.drill

STREAMS = 200
PRICE = {"input_microusd_per_mtok": 1_000_000, "output_microusd_per_mtok": 2_000_000, "call_microusd": 100}
TEXT = "Portico governs calls. " * 40
ASK = {
    "model": "extractive-summariser",
    "stream": True,
    "max_tokens": 60,
    "messages": [{"role": "user", "content": TEXT}],
}


def make_model(owner: Owner, url: str) -> None:
    owner.make("/services", name="model", kind="model", url=f"{url}/v1", models=["extractive-summariser"], price=PRICE)


async def stream_until_cut(client: httpx2.AsyncClient, finished: list[str], begun: list[str]) -> None:
    """Two streams on end; notes the call id of each that began, and of each whose end was seen."""
    try:
        for _ in range(2):
            async with client.stream("POST", "/v1/chat/completions", json=ASK) as answer:
                assert answer.status_code == 200, answer.headers
                begun.append(answer.headers["x-portico-call"])
                async for line in answer.aiter_lines():
                    if line == "data: [DONE]":
                        finished.append(answer.headers["x-portico-call"])
    except httpx2.HTTPError:
        return


async def cut_in_the_middle(installation: Installation, key: str) -> tuple[list[str], list[str]]:
    finished: list[str] = []
    begun: list[str] = []
    limits = httpx2.Limits(max_connections=STREAMS)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=installation.url, headers=headers, timeout=30, limits=limits) as client:
        await until(lambda: client.get("/v1/models"))
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            for _ in range(STREAMS):
                tasks.create_task(stream_until_cut(client, finished, begun))
            while len(finished) < STREAMS // 4:
                await asyncio.sleep(0.01)
            installation.kill_everything()
    return finished, begun


async def until(ask: Callable[[], Awaitable[httpx2.Response]], status: int = 200, timeout_s: float = 10) -> None:
    """What was changed a moment ago is known to the gateway soon."""
    async with asyncio.timeout(timeout_s):
        while (await ask()).status_code != status:
            await asyncio.sleep(0.02)


def all_calls(owner: Owner) -> dict[str, dict[str, object]]:
    calls, cursor = {}, None
    while True:
        page = owner.get("/calls", page_size=100, **({"cursor": cursor} if cursor else {}))
        calls.update({call["id"]: call for call in page["items"]})
        cursor = page["pagination"]["cursors"]["next"]
        if cursor is None:
            return calls


@pytest.mark.req("N3", "SC9", "SP20")
async def test_killed_in_the_middle_of_200_streams_nothing_promised_is_lost(
    either_installation: Installation, slow_model: str
) -> None:
    installation = either_installation
    with installation.signed_in() as owner:
        make_model(owner, slow_model)
        budget = owner.make("/budgets", name="all", subject_kind="org", measure="money", window="month", limit=10**12)
        # Last: a gateway that knows the key knows the budget as well.
        key = owner.make_key()
        events_before = owner.get("/events", page_size=100)["items"]
    finished, begun = await cut_in_the_middle(installation, key)
    assert len(begun) > len(finished) >= STREAMS // 4

    installation.start()
    with installation.signed_in() as owner:
        calls = all_calls(owner)
        # A stream whose end the client saw is on record as allowed; one that was cut is on record, at its full price.
        assert {calls[call_id]["verdict"] for call_id in finished} == {"allowed"}
        cut = set(begun) - set(finished)
        assert cut <= set(calls)
        lapsed = [calls[call_id] for call_id in cut if calls[call_id]["verdict"] == "failed"]
        assert lapsed
        assert all(call["reason"]["name"] == "LAPSED" for call in lapsed)
        assert all(call["cost_microusd"] == call["reserved_microusd"] for call in lapsed)
        # No reservation stays, and the budget knows exactly what the record says.
        after = owner.get(f"/budgets/{budget['id']}")
        assert after["reserved"] == 0
        assert after["used"] == sum(int(str(call["cost_microusd"])) for call in calls.values())
        # No committed event is missing, and the audit chain verifies.
        events_after = {event["seq"] for event in owner.get("/events", page_size=100)["items"]}
        assert {event["seq"] for event in events_before} <= events_after
        assert owner.make("/audit/verify")["verified"] is True
    assert json.loads(installation.run("audit", "verify", "--json", check=False).stdout or "{}") is not None
    assert installation.stop() == 0


@pytest.mark.req("SP20")
async def test_calls_go_on_while_control_is_dead_and_are_folded_once_it_is_back(
    installation: Installation, inventory: str
) -> None:
    with installation.signed_in() as owner:
        owner.make("/services", name="inventory", kind="http", url=inventory)
        key = owner.make_key()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=installation.url, headers=headers, timeout=10) as client:
        await until(lambda: client.get("/svc/inventory/stock"))
        installation.kill_role("control")
        answers = [await client.get("/svc/inventory/stock") for _ in range(20)]
        assert [answer.status_code for answer in answers] == [200] * 20
    installation.wait_ready()
    made = {answer.headers["x-portico-call"] for answer in answers}
    with installation.signed_in() as owner:
        owner.wait_for(lambda: made <= set(all_calls(owner)), "the calls made meanwhile")


@pytest.mark.req("SP20")
async def test_a_dead_gateway_is_back_by_itself_with_its_budgets_as_spent(
    installation: Installation, inventory: str
) -> None:
    with installation.signed_in() as owner:
        owner.make("/services", name="inventory", kind="http", url=inventory)
        owner.make("/budgets", name="ten", subject_kind="org", measure="calls", window="month", limit=10)
        key = owner.make_key()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=installation.url, headers=headers, timeout=10) as client:
        await until(lambda: client.get("/svc/inventory/stock"))
        statuses = [(await client.get("/svc/inventory/stock")).status_code for _ in range(5)]
    installation.kill_role("gateway")
    await asyncio.sleep(0.5)
    installation.wait_ready()
    async with httpx2.AsyncClient(base_url=installation.url, headers=headers, timeout=10) as client:
        statuses += [(await client.get("/svc/inventory/stock")).status_code for _ in range(8)]
    # One of the ten allowed calls was spent on finding out that the key is known.
    assert statuses.count(200) == 9
    assert statuses[-1] == 429
