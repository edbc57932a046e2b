"""Every topic, as the table lists them, against a stranger; a topic that somebody adds is here by itself."""

import asyncio
import json

import httpx2
import pytest

from portico.domains.routing.model import BreakerReport
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import PERMISSIONS
from portico.kernel.ids import OrgId
from portico.platform.deps import Deps
from portico.realtime.topics import TOPICS
from tests.isolation.two_orgs import Org, Person, found_org, found_platform, furnish, record_call, rows_of, words_of
from tests.realtime.served import Client, Served, serve
from tests.usage.journals import NOON_US


async def rooms_of(org: Org, owner: Person) -> dict[str, str]:
    """Room -> the id of one that the org has."""
    service = await owner.get_done("GET", "/services/zebra-pricing")
    dashboard = await owner.get_done("POST", "/dashboards", {"name": "zebra-board", "shared": "org"})
    return {"service": service["id"], "dashboard": dashboard["id"], "entities": "keys"}


# Rooms that every org has by the same name: a stranger is in their own.
ALIKE = {"entities"}


async def settle(deps: Deps, served: Served, zebra: Org, owner: Person) -> None:
    """Something happens in every place that a topic tells of."""
    service = await owner.get_done("GET", "/services/zebra-pricing")
    endpoint = service["versions"][0]["endpoints"][0]["id"]
    served.feed.reports = [BreakerReport(endpoint, service["id"], OrgId(zebra.id), "open", "zebra", NOON_US, None)]
    deps.bus.nudge("breakers")
    await record_call(deps, OrgId(zebra.id), zebra.known["key_id"], service["id"])
    await owner.get_done("PATCH", "/services/zebra-pricing", {"description": "zebra stripes"})


async def heard(client: Client, until_s: float) -> str:
    """Everything that arrives until it has been quiet for a while."""
    said = []
    while True:
        try:
            async with asyncio.timeout(until_s):
                said.append(json.dumps(await client.receive()))
        except TimeoutError:
            return "\n".join(said)


@pytest.mark.req("SS2", "SC8", "HY13", "SP16")
async def test_a_stranger_hears_nothing_of_another_org_on_any_topic(client: httpx2.AsyncClient, deps: Deps) -> None:
    superadmin_id, superadmin = await found_platform(deps, client)
    zebra, owner = await found_org(client, superadmin, "Zebra", "Zoe")
    _, stranger = await found_org(client, superadmin, "Heron", "Hal")
    await furnish(zebra, owner, deps)
    rooms = await rooms_of(zebra, owner)
    missing = {name for name, kind in TOPICS.items() if kind.member is not None} - rooms.keys()
    assert not missing, f"the census has no room for {missing}; add it to rooms_of()"
    topics = [f"{name}:{rooms[name]}" if name in rooms else name for name in TOPICS]
    theirs = await tenancy.authenticate(deps, owner.token or "", None)
    foreign = await tenancy.authenticate(deps, stranger.token or "", None)
    async with serve(deps) as served, served.greeted(theirs) as inside, served.greeted(foreign) as outside:
        for each in (inside, outside):
            for topic in topics:
                await each.send(type="subscribe", topic=topic)
        await settle(deps, served, zebra, owner)
        told, overheard = await asyncio.gather(heard(inside, 1.2), heard(outside, 1.2))
    words = words_of(await rows_of(deps, zebra.id)) - {superadmin_id}
    # The owner hears of all of it, so that silence elsewhere means something.
    for topic in topics:
        assert f'"topic": "{topic}"' in told, topic
        if ":" in topic and topic.partition(":")[0] not in ALIKE:
            assert f'"code": "NOT_FOUND", "message": "There is no {topic.partition(":")[0]}' in overheard
    without_ids = overheard
    for room in rooms.values():
        without_ids = without_ids.replace(room, "…")
    assert [word for word in sorted(words) if word in without_ids] == []


@pytest.mark.req("SS2", "SC8")
async def test_another_scope_of_the_same_org_is_as_strange(client: httpx2.AsyncClient, deps: Deps) -> None:
    superadmin_id, superadmin = await found_platform(deps, client)
    zebra, owner = await found_org(client, superadmin, "Zebra", "Zoe")
    await furnish(zebra, owner, deps)
    switched = await owner.get_done("POST", "/auth/switch", {"org_id": zebra.id, "scope": "DEVELOPMENT"})
    elsewhere = await tenancy.authenticate(deps, switched["access_token"], None)
    async with serve(deps) as served, served.greeted(elsewhere) as outside:
        for topic, kind in TOPICS.items():
            if kind.member is None:
                await outside.send(type="subscribe", topic=topic)
        await outside.send(type="subscribe", topic="calls")
        await settle(deps, served, zebra, owner)
        overheard = await heard(outside, 1.2)
    assert zebra.known["call_id"] not in overheard
    assert "zebra stripes" not in overheard
    assert superadmin_id not in overheard


def test_every_topic_says_who_may_follow_it() -> None:
    known = {word for kind in TOPICS.values() for word in (kind.permission, kind.changes) if word is not None}
    assert known <= set(PERMISSIONS)
    for name, kind in TOPICS.items():
        assert name == kind.name
        assert kind.permission is not None or kind.people or kind.member, f"{name} is open to all of the org"
        assert kind.changes is None or kind.member is not None, f"{name} can be changed without being a room"
