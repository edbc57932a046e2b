"""kill -9 between the commit of an event and its consumption: nothing is lost, nothing is counted twice."""

import asyncio

import httpx2
import pytest

from tests.installation import Installation, Owner

pytestmark = pytest.mark.drill

SENDERS, LIVES = 4, 2


async def publish_until_cut(client: httpx2.AsyncClient, name: str, taken: set[str]) -> None:
    """One event after the other; notes the id of each that was answered."""
    number = 0
    while True:
        number += 1
        sent = {"specversion": "1.0", "id": f"{name}-{number}", "source": "drill", "type": "drill.run"}
        try:
            answer = await client.post("/api/v1/events", json=sent | {"subject": name, "data": {"number": number}})
        except httpx2.HTTPError:
            return
        if answer.status_code != 201:
            return
        taken.add(answer.json()["event"]["id"])


async def one_life(installation: Installation, key: str, life: int) -> set[str]:
    taken: set[str] = set()
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(base_url=installation.url, headers=headers, timeout=30) as client,
        asyncio.timeout(60),
        asyncio.TaskGroup() as tasks,
    ):
        for sender in range(SENDERS):
            tasks.create_task(publish_until_cut(client, f"life{life}-sender{sender}", taken))
        while len(taken) < 25:
            await asyncio.sleep(0.002)
        installation.kill_everything()
    return taken


def logged(owner: Owner) -> list[str]:
    found, cursor = [], None
    while True:
        page = owner.get("/events", kind="drill.run", page_size=100, **({"cursor": cursor} if cursor else {}))
        found += [event["id"] for event in page["items"]]
        cursor = page["pagination"]["cursors"]["next"]
        if cursor is None:
            return found


def counted(owner: Owner) -> int:
    return sum(int(row["count"]) for row in owner.get("/event-counts", kind="drill.run")["items"])


@pytest.mark.req("SP17", "HY26", "SP20")
async def test_killed_while_events_pour_in_each_is_in_the_log_and_counted_once(
    either_installation: Installation,
) -> None:
    installation, taken = either_installation, set[str]()
    with installation.signed_in() as owner:
        key = owner.make("/keys", name="drill", permissions=["events.publish"])["secret"]
    for life in range(LIVES):
        taken |= await one_life(installation, key, life)
        installation.start()
    with installation.signed_in() as owner:
        found = logged(owner)
        assert len(found) == len(set(found))
        assert taken <= set(found)
        owner.wait_for(lambda: counted(owner) == len(found), "every event to be counted")
        rebuilt = owner.make("/event-replays", projection="event_counts", dry_run=False)
        assert rebuilt["corrected"] == 0
        assert counted(owner) == len(found)
        standing = {each["name"]: each for each in owner.get("/event-consumers")["items"]}
        assert {(each["waiting"], each["dead"]) for each in standing.values()} == {(0, 0)}
    assert installation.stop() == 0
