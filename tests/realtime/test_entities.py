"""A snapshot with its patches applied is what a fetch gives, after every changing route of each list, found by itself."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from portico.domains.tenancy import public as tenancy
from portico.platform.deps import Deps
from portico.realtime import entities
from portico.realtime.entities import ENTITIES
from tests.isolation.test_census import BODIES, PARAMETER, routes_of
from tests.isolation.two_orgs import API, Person, found_org, found_platform, furnish
from tests.realtime.served import Client, key_of, reader_of, serve

WAIT_S = 20
# What a verb of these lists takes, where the census of routes knows no body that is accepted.
ACCEPTED: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/keys"): {"name": "second", "permissions": ["services.call"]},
    ("POST", "/limits"): {"name": "second", "subject_kind": "org", "rate": 5, "per_s": 1},
    ("POST", "/budgets"): {
        "name": "second",
        "subject_kind": "org",
        "measure": "calls",
        "window": "day",
        "limit": 9,
    },
    ("POST", "/dashboards"): {"name": "second", "shared": "org"},
    ("POST", "/webhooks"): {"name": "second", "url": "https://hooks.example/second", "kinds": ["*"]},
}


class Followed:
    """A list as a client knows it."""

    def __init__(self, noun: str) -> None:
        self.noun, self.items = noun, dict[str, Any]()

    def apply(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "snapshot":
            self.items.clear()
        for each in frame["items"]:
            if each["item"] is None:
                del self.items[each["key"]]
            else:
                self.items[each["key"]] = each["item"]


async def same_as_fetch(client: Client, followed: dict[str, Followed], owner: Person) -> None:
    """Take in what comes until every list is as the API gives it."""
    async with asyncio.timeout(WAIT_S):
        while wrong := await differing(followed, owner):
            try:
                async with asyncio.timeout(3):
                    frame = await client.receive()
            except TimeoutError:
                pytest.fail("\n".join(wrong))
            followed[frame["topic"].partition(":")[2]].apply(frame)


async def differing(followed: dict[str, Followed], owner: Person) -> list[str]:
    wrong = []
    for noun, known in followed.items():
        fetched = (await owner.get_done("GET", f"/{noun}"))["items"]
        if sorted(map(json.dumps, fetched)) != sorted(map(json.dumps, known.items.values())):
            wrong.append(f"{noun}: {fetched} is not {known.items}")
    return wrong


def changing(app: FastAPI, noun: str) -> list[tuple[str, str]]:
    """The list's own routes that change something; those that end an item come last."""
    found = [(method, path.removeprefix(API)) for method, path in routes_of(app) if method != "GET"]
    mine = [each for each in found if each[1].split("/")[1] == noun]
    return sorted(mine, key=lambda each: (each[0] == "DELETE" or each[1].endswith("/revoke"), each[1].count("/")))


@pytest.mark.req("SP16", "SS2", "R-API-012")
async def test_applying_what_comes_gives_what_a_fetch_gives(
    app: FastAPI, client: httpx2.AsyncClient, deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A webhook's health moves without an event; such things are looked for now and then.
    monkeypatch.setattr(entities, "LOOK_EVERY_S", 0.2)
    _, superadmin = await found_platform(deps, client)
    zebra, owner = await found_org(client, superadmin, "Zebra", "Zoe")
    reader = await tenancy.authenticate(deps, owner.token or "", None)
    followed = {noun: Followed(noun) for noun in ENTITIES}
    done: set[tuple[str, str]] = set()
    async with serve(deps) as served, served.greeted(reader) as socket:
        for noun in ENTITIES:
            followed[noun].apply(await socket.subscribe(f"entities:{noun}"))
        await furnish(zebra, owner, deps)
        await same_as_fetch(socket, followed, owner)
        for noun in ENTITIES:
            for method, path in changing(app, noun):
                names = PARAMETER.findall(path)
                if not set(names) <= zebra.known.keys():
                    continue
                body = ACCEPTED.get((method, path), BODIES.get((method, path)))
                asked = PARAMETER.sub(lambda found: zebra.known[found[1]], path)
                if (await owner.ask(method, asked, body)).status_code < 300:
                    done.add((method, noun))
                await same_as_fetch(socket, followed, owner)
    # Each list was really added to, and each that knows it was changed and ended.
    assert {noun for method, noun in done if method == "POST"} >= ENTITIES.keys() - {"members"}
    assert {("PATCH", "limits"), ("PATCH", "budgets"), ("DELETE", "limits"), ("DELETE", "budgets")} <= done


@pytest.mark.req("SC8")
async def test_a_list_needs_the_permission_that_fetching_it_needs(deps: Deps) -> None:
    otter = await reader_of(deps, "otter")
    key = await key_of(deps, otter.scope.org_id, ("limits.read",))
    async with serve(deps) as served, served.greeted(key) as client:
        for noun in ENTITIES:
            frame = await client.subscribe(f"entities:{noun}")
            assert (frame["type"] == "snapshot") == (noun == "limits"), noun
        assert (await client.subscribe("entities:secrets"))["code"] == "NOT_FOUND"
