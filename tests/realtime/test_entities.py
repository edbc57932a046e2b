"""A snapshot with its patches applied is what a fetch gives, after every changing route of each list, found by itself."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from portico.api.routers import domain_routers
from portico.domains.events import public as events
from portico.domains.routing.model import BreakerReport
from portico.domains.tenancy import public as tenancy
from portico.kernel.ids import OrgId
from portico.platform.deps import Deps
from portico.platform.web import Listing
from portico.realtime import entities
from portico.realtime.admission import SocketTerms
from portico.realtime.entities import ENTITIES
from tests.isolation.test_census import BODIES, PARAMETER, filled, name_for, routes_of
from tests.isolation.two_orgs import API, PASSWORD, Org, Person, found_org, found_platform, furnish, tell
from tests.realtime.happenings import HAPPENINGS
from tests.realtime.served import Client, key_of, reader_of, serve
from tests.usage.journals import NOON_US

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
    ("POST", "/services"): {"name": "second", "kind": "http", "url": "http://127.0.0.1:9/second", "visibility": "org"},
    ("POST", "/services/{name}/leases"): {"url": "http://127.0.0.1:11", "version": "v1"},
    ("POST", "/services/{name}/versions/{version}/endpoints"): {"url": "http://127.0.0.1:12"},
    ("POST", "/dashboards"): {"name": "second", "shared": "org"},
    ("POST", "/webhooks"): {"name": "second", "url": "https://hooks.example/second", "kinds": ["*"]},
    ("POST", "/secrets"): {"name": "second-secret", "value": "second-second"},
    ("POST", "/scopes"): {"name": "SECOND-LAB"},
    ("POST", "/invitations"): {"email": "zena@zebra.example", "role": "viewer"},
    ("POST", "/tools/servers"): {"name": "second-local", "command": "second-server"},
    ("POST", "/tools/servers/import"): {
        "text": "mcp_servers:\n  third-local:\n    command: third-server\n",
        "dry_run": False,
    },
    ("POST", "/orgs"): {"name": "Third", "slug": "third", "owner_email": "zoe@zebra.example"},
    ("POST", "/tools/approve"): {"tools": [{"id": "{tool_id}"}]},
    ("PUT", "/tools/terms"): {"quarantine_always": False},
    ("POST", "/policies"): {"name": "second", "effect": "hide", "expression": "tool.name == 'x'"},
    ("POST", "/policies/check"): {"expression": "true"},
    ("POST", "/policies/simulate"): {"principal": "{key_id}", "server": "zebra-tools", "tool": "zebra_count"},
    ("POST", "/models/routes"): {"name": "second", "rules": [{"name": "all", "targets": ["zebra-model"]}]},
    ("POST", "/grants"): {
        "principal_kind": "key",
        "principal_id": "{key_id}",
        "resource_kind": "service",
        "resource_id": "{service_id}",
        "permission": "services.read",
    },
}

# What is named instead of what furnish() made: a service keeps its last version with a weight, a secret that is used stays,
# and who reads stays in an org that is there.
OTHERS = {
    ("DELETE", "/services/{name}/versions/{version}"): {"version": "v2"},
    ("DELETE", "/secrets/{name}"): {"name": "second-secret"},
    ("POST", "/orgs/{org_id}/suspend"): {"org_id": "{second_org_id}"},
    ("POST", "/orgs/{org_id}/resume"): {"org_id": "{second_org_id}"},
    ("DELETE", "/orgs/{org_id}"): {"org_id": "{second_org_id}"},
}
BY_SUPERADMIN = {("POST", "/orgs"), *(route for route in OTHERS if route[1].startswith("/orgs"))}
COMPOSE = "/dashboards/{dashboard_id}/compose"
# Lists that do not keep themselves, and why. A new name here is a decision.
NOT_KEPT = {
    "superadmins": "of the installation and of no org; there are few, and they hardly change",
    "agents": "each is a service, and the list of services keeps itself; what its card says is asked for with the page",
    "calls": "a log, which the topic of this name follows",
    "events": "a log, which the topic of this name follows",
    "audit": "a log, in which nothing ever changes; read when somebody looks into what happened",
    "event-types": "the house's own come with the version; an org's change when somebody gives them a new schema",
    "event-consumers": "how far each is, which changes with every event; the page asks again while it is open",
    "event-archives": "files that appear once a day at the most",
    "event-counts": "sums of the log by day",
    "dead-letters": "a page to work through; who works there sees what they did at once",
    "widget-types": "they come with the version",
}
# Routes of these lists that are not driven here, and why no list depends on them. A new name here is a decision.
CHANGES_NOTHING = {
    "POST /tools/servers/{server}/refresh": "asks a server, and none is there; what it would note is noted with its events",
    **{
        f"POST /tools/servers/{{local_server}}/{order}": "asks the bridge, which runs none here, for a process"
        for order in ("start", "stop", "restart")
    },
    "POST /tools/{tool_id}/reject": "the tool is approved by then, and what is approved is not rejected",
    "POST /services/{name}/invoke": "a call, which a gateway answers; there is none here, and a call is in no list",
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


class Reader:
    """Somebody who follows lists on a socket, and can fetch them."""

    def __init__(self, person: Person, client: Client) -> None:
        self.person, self._client = person, client
        self.followed: dict[str, Followed] = {}

    async def follow(self, noun: str) -> None:
        self.followed[noun] = Followed(noun)
        self.followed[noun].apply(await self._client.subscribe(f"entities:{noun}"))

    async def same_as_fetch(self, after: str) -> None:
        """Take in what comes until every list is as the API gives it."""
        async with asyncio.timeout(WAIT_S):
            wrong = await self._differing(self.followed)
            while wrong:
                try:
                    async with asyncio.timeout(3):
                        frame = await self._client.receive()
                except TimeoutError:
                    pytest.fail("\n".join([f"after {after}:", *wrong.values()]))
                self.followed[frame["topic"].partition(":")[2]].apply(frame)
                wrong = await self._differing(wrong)

    async def _fetched(self, noun: str) -> list[Any]:
        """All pages of it."""
        page = await self.person.get_done("GET", f"/{noun}")
        items: list[Any] = page["items"]
        while page["pagination"]["cursors"]["next"] is not None:
            page = await self.person.get_done("GET", f"/{noun}?cursor={page['pagination']['cursors']['next']}")
            items += page["items"]
        return items

    async def _differing(self, nouns: Iterable[str]) -> dict[str, str]:
        wrong = {}
        for noun in nouns:
            known = self.followed[noun].items
            fetched = await self._fetched(noun)
            if sorted(map(json.dumps, fetched)) != sorted(map(json.dumps, known.values())):
                wrong[noun] = f"{noun}: {fetched} is not {known}"
        return wrong


def changing(app: FastAPI) -> list[tuple[str, str]]:
    """The lists' own routes that change something; those that end an item come last, and parts of one before the whole."""
    found = [(method, path.removeprefix(API)) for method, path in routes_of(app) if method != "GET"]

    def order(route: tuple[str, str]) -> tuple[bool, int]:
        ends, depth = route[0] == "DELETE" or route[1].endswith("/revoke"), route[1].count("/")
        return ends, -depth if ends else depth

    return sorted((each for each in found if each[1].split("/")[1] in ENTITIES), key=order)


async def second_member(owner: Person, client: httpx2.AsyncClient) -> str:
    """Somebody whose role can be changed, and who can be removed: an org keeps its last owner."""
    invited = await owner.get_done("POST", "/invitations", {"email": "zara@zebra.example", "role": "viewer"})
    accept = {"token": invited["token"], "name": "Zara", "password": PASSWORD}
    joined = await Person(client, None).get_done("POST", "/auth/invitations/accept", accept)
    return str(joined["me"]["person"]["id"])


async def fresh_proposal(zebra: Org, owner: Person) -> None:
    """The one there is can be answered once."""
    path = f"/dashboards/{zebra.known['dashboard_id']}/compose"
    zebra.known["proposal_id"] = (await owner.get_done("POST", path, BODIES["POST", COMPOSE]))["id"]


async def second_org(superadmin: Person) -> str:
    """Of the same owner, for what would end the first one for who reads."""
    body = {"name": "Second", "slug": "second", "owner_email": "zoe@zebra.example"}
    return str((await superadmin.get_done("POST", "/orgs", body))["id"])


def pointed(body: dict[str, Any] | None, known: dict[str, str]) -> dict[str, Any] | None:
    """With the ids of what there is."""

    def point(value: Any) -> Any:
        if isinstance(value, list):
            return [point(each) for each in value]
        if isinstance(value, dict):
            return pointed(value, known)
        return value.format(**known) if isinstance(value, str) and value[:1] == "{" else value

    return None if body is None else {name: point(value) for name, value in body.items()}


async def drive(
    app: FastAPI,
    zebra: Org,
    owner: Person,
    superadmin: Person,
    deps: Deps,
    told: Callable[[str], Awaitable[None]],
) -> dict[str, str]:
    """Every changing route once; returns those that changed nothing, and what they said."""
    refused = {}
    for method, path in changing(app):
        route = f"{method} {path}"
        missing = set(PARAMETER.findall(path)) - zebra.known.keys()
        if missing:
            refused[route] = f"furnish() has nothing for {missing}"
            continue
        if "{proposal_id}" in path:
            await fresh_proposal(zebra, owner)
        if "{notice_id}" in path:
            zebra.known["notice_id"] = await tell(deps, OrgId(zebra.id), zebra.known["budget_id"])
        body = pointed(ACCEPTED.get((method, path), BODIES.get((method, path))), zebra.known)
        others = pointed(OTHERS.get((method, path)), zebra.known) or {}
        known = {**name_for(path, zebra.known), **others}
        asker = superadmin if (method, path) in BY_SUPERADMIN else owner
        answer = await asker.ask(method, filled(path, known), body)
        if answer.status_code >= 300:
            refused[route] = answer.text
        await told(route)
    return refused


async def kinds_told(deps: Deps, *org_ids: str) -> set[str]:
    told: set[str] = set()
    async with deps.read() as tx:
        for org_id in org_ids:
            _, found = await events.recent_events(tx, tenancy.open_system_scope(OrgId(org_id)), 500)
            assert len(found) < 500
            told |= {event.kind for event in found}
    return told


def lists_served() -> set[str]:
    """The nouns of all lists that an API route gives as a whole."""
    found = set()
    for router in domain_routers():
        for route in router.routes:
            answer = getattr(route, "response_model", None)
            if isinstance(answer, type) and issubclass(answer, Listing):
                found.add(getattr(route, "path", "").removeprefix("/"))
    return {path for path in found if "/" not in path}


@pytest.mark.req("SP16", "R-API-012")
def test_every_list_keeps_itself_or_it_is_said_why_not() -> None:
    served = lists_served()
    assert served >= {"services", "keys", "calls"}
    assert served - ENTITIES.keys() - NOT_KEPT.keys() == set(), (
        "give it a lister in realtime/entities.py, or say why not"
    )
    assert (ENTITIES.keys() | NOT_KEPT.keys()) - served == set()
    assert ENTITIES.keys() & NOT_KEPT.keys() == set()


@pytest.mark.req("SP16", "SS2", "R-API-012")
async def test_applying_what_comes_gives_what_a_fetch_gives(
    app: FastAPI, client: httpx2.AsyncClient, deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A webhook's health moves without an event; such things are looked for now and then.
    monkeypatch.setattr(entities, "LOOK_EVERY_S", 0.2)
    _, superadmin = await found_platform(deps, client)
    zebra, owner = await found_org(client, superadmin, "Zebra", "Zoe")
    identity = await tenancy.authenticate(deps, owner.token or "", None)
    async with serve(deps) as served, served.greeted(identity) as socket:
        app.state.feed = served.feed
        reader = Reader(owner, socket)
        for noun in ENTITIES:
            await reader.follow(noun)
        await furnish(zebra, owner, deps)
        zebra.known["person_id"] = await second_member(owner, client)
        zebra.known["second_org_id"] = await second_org(superadmin)
        zebra.known["service_id"] = (await owner.get_done("GET", "/services/zebra-pricing"))["id"]
        await reader.same_as_fetch("furnishing")
        for happening in HAPPENINGS:
            await happening(identity.scope, deps)
            await reader.same_as_fetch(happening.__name__)
        refused = await drive(app, zebra, owner, superadmin, deps, reader.same_as_fetch)
    unexpected = {route: said for route, said in refused.items() if route not in CHANGES_NOTHING}
    assert unexpected == {}, "routes that were not driven; give them what they need, or say why they change no list"
    assert refused.keys() == CHANGES_NOTHING.keys(), "listed as changing nothing, but done"
    declared = {kind.kind for kind in events.catalogue().values() if f"{kind.noun}s" in ENTITIES}
    assert len(declared) > 45
    assert declared - await kinds_told(deps, zebra.id, zebra.known["second_org_id"]) == set(), (
        "kinds that nothing here makes happen"
    )


@pytest.mark.req("SP16", "SS2", "SC8")
async def test_a_list_of_services_is_the_readers_own(app: FastAPI, client: httpx2.AsyncClient, deps: Deps) -> None:
    _, superadmin = await found_platform(deps, client)
    zebra, owner = await found_org(client, superadmin, "Zebra", "Zoe")
    made = await owner.get_done("POST", "/keys", {"name": "narrow", "permissions": ["services.read"]})
    narrow = Person(client, made["secret"])
    all_of_it, some = [await tenancy.authenticate(deps, each.token or "", None) for each in (owner, narrow)]
    terms = SocketTerms(recheck_least_s=0.01)
    async with serve(deps, terms) as served, served.greeted(all_of_it) as wide, served.greeted(some) as limited:
        app.state.feed = served.feed
        readers = [Reader(owner, wide), Reader(narrow, limited)]
        for each in readers:
            await each.follow("services")

        async def both(after: str) -> list[set[str]]:
            for each in readers:
                await each.same_as_fetch(after)
            return [{item["name"] for item in each.followed["services"].items.values()} for each in readers]

        await furnish(zebra, owner, deps)
        wide_names, narrow_names = await both("furnishing")
        assert wide_names - narrow_names == {"zebra-hidden"}
        hidden = await owner.get_done("GET", "/services/zebra-hidden")
        grant = {
            "principal_kind": "key",
            "principal_id": made["id"],
            "resource_kind": "service",
            "resource_id": hidden["id"],
            "permission": "services.call",
        }
        granted = await owner.get_done("POST", "/grants", grant)
        wide_names, narrow_names = await both("the grant")
        assert wide_names == narrow_names
        await owner.get_done("PATCH", "/services/zebra-hidden", {"description": "stripes"})
        await both("a change of what was granted")
        await owner.get_done("DELETE", f"/grants/{granted['id']}")
        assert (await both("the end of the grant"))[1] == wide_names - {"zebra-hidden"}
        await owner.get_done("PATCH", "/services/zebra-pricing", {"visibility": "restricted"})
        assert (await both("hiding"))[1] == wide_names - {"zebra-hidden", "zebra-pricing"}
        # What gateways report comes without an event.
        endpoint = hidden["versions"][0]["endpoints"][0]["id"]
        served.feed.reports = [BreakerReport(endpoint, hidden["id"], OrgId(zebra.id), "open", "x", NOON_US, None)]
        deps.bus.nudge("breakers")
        await both("a breaker's opening")
        assert '"state": "open"' in json.dumps(readers[0].followed["services"].items)
        assert hidden["id"] not in json.dumps(readers[1].followed["services"].items)


@pytest.mark.req("SC8")
async def test_a_list_needs_the_permission_that_fetching_it_needs(deps: Deps) -> None:
    otter = await reader_of(deps, "otter")
    key = await key_of(deps, otter.scope.org_id, ("limits.read",))
    async with serve(deps) as served, served.greeted(key) as client:
        for noun in ENTITIES:
            frame = await client.subscribe(f"entities:{noun}")
            assert (frame["type"] == "snapshot") == (noun in {"limits", "scopes", "orgs"}), noun
        assert (await client.subscribe("entities:zebras"))["code"] == "NOT_FOUND"
