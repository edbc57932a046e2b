"""Every route, as the door lists them, against a stranger; a route that somebody adds is here by itself."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from portico.domains.tenancy.service import passwords as password_work
from portico.platform.deps import Deps
from tests.isolation.two_orgs import (
    API,
    NOT_LISTED,
    Person,
    found_org,
    found_platform,
    furnish,
    rows_of,
    words_of,
)

# What may be asked without a credential. A new name here is a decision, not a formality.
PUBLIC = {
    ("POST", "/api/v1/auth/sign-in"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/sign-out"),
    ("POST", "/api/v1/auth/invitations/accept"),
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/openapi.json"),
    # Agents have no key here, but a token for each receiver, without which there is none.
    ("POST", "/a2a-push/{push_id}"),
}
# Bodies that cannot be guessed from the document, because their meaning is checked too.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "/orgs/{org_id}"): {"name": "Taken over"},
    ("PATCH", "/members/{person_id}"): {"role": "viewer"},
    ("PATCH", "/keys/{key_id}"): {"name": "taken"},
    ("PATCH", "/services/{name}"): {"description": "taken"},
    ("POST", "/services/{name}/versions"): {"version": "v2", "url": "http://127.0.0.1:9"},
    ("PATCH", "/services/{name}/versions/{version}"): {"weight": 1},
    ("POST", "/services/{name}/versions/{version}/endpoints"): {"url": "http://127.0.0.1:9"},
    ("PATCH", "/services/{name}/endpoints/{endpoint_id}"): {"weight": 1},
    ("POST", "/services/{name}/leases"): {"url": "http://127.0.0.1:9"},
    ("POST", "/services/{name}/invoke"): {"method": "zebra_quote"},
    ("PATCH", "/models/{model:path}"): {"note": "taken"},
    ("PATCH", "/models/routes/{route_id}"): {"name": "taken"},
    ("POST", "/models/routes/{route_id}/choose"): {},
    ("PATCH", "/limits/{limit_id}"): {"rate": 1},
    ("PATCH", "/budgets/{budget_id}"): {"limit": 1},
    ("PUT", "/secrets/{name}"): {"value": "taken-taken"},
    ("PATCH", "/dead-letters/{dead_letter_id}"): {"payload": {"name": "taken"}},
    ("PUT", "/event-types/{event_type}"): {"schema": {"title": "taken"}},
    ("PATCH", "/dashboards/{dashboard_id}"): {"name": "taken"},
    ("PATCH", "/dashboards/{dashboard_id}/state"): {
        "version": 2,
        "patch": [{"op": "add", "path": "/view/step", "value": "taken"}],
    },
    ("POST", "/dashboards/{dashboard_id}/compose"): {
        "title": "taken",
        "widgets": [{"type": "Calls", "title": "taken", "options": {}}],
    },
    ("PATCH", "/webhooks/{webhook_id}"): {"name": "taken"},
    ("PUT", "/tools/servers/{server}/terms"): {"first_seen": "trust"},
    ("PATCH", "/tools/servers/{local_server}"): {"command": "taken"},
    ("PATCH", "/tools/{tool_id}"): {"cache_ttl_s": 60},
    ("POST", "/tools/{tool_id}/approve"): {},
    ("POST", "/tools/{tool_id}/reject"): {},
    ("POST", "/tools/{tool_id}/deprecate"): {"note": "taken"},
    ("PATCH", "/policies/{policy_id}"): {"name": "taken"},
    ("POST", "/webhooks/{webhook_id}/rotate-secret"): {},
    ("POST", "/webhooks/{webhook_id}/replay"): {"since": "2026-01-01T00:00:00Z"},
    ("POST", "/webhook-deliveries/{delivery_id}/redeliver"): {},
}
# What is written under a name of one's own choosing: the stranger gets their own, and the other org's stays as it was.
OWN_NAMES = {("PUT", "/event-types/{event_type}")}
PARAMETER = re.compile(r"{(\w+)(?::path)?}")


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm at the least cost."""
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in iter_route_contexts(app.routes):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, route.path or ""


def name_for(path: str, known: dict[str, str]) -> dict[str, str]:
    """`name` means another thing below /secrets and /scopes than below /services."""
    of = {"/secrets": "zebra-secret", "/scopes": "ZEBRA-LAB"}
    return next(({**known, "name": name} for prefix, name in of.items() if path.startswith(prefix)), known)


def missing_of(known: dict[str, str]) -> dict[str, str]:
    """The same shapes, with nothing behind them."""
    return {
        name: value[:-6] + "000000" if "_" in value else ("NOTHING-LAB" if value.isupper() else "nothing-there")
        for name, value in known.items()
    }


def filled(path: str, values: dict[str, str]) -> str:
    return PARAMETER.sub(lambda found: values[found[1]], path)


def without(text: str, values: dict[str, str]) -> str:
    """An answer apart from what was asked and from when."""
    for value in sorted(values.values(), key=len, reverse=True):
        text = text.replace(value, "…")
    return re.sub(r'"(timestamp|correlation_id|trace_id|path)":"[^"]*"', "", text)


@pytest.mark.req("SS2", "SP6")
async def test_every_route_without_a_credential_is_refused_unless_it_is_public(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    served = {}
    for method, path in routes_of(app):
        if (method, path) not in PUBLIC:
            response = await client.request(method, PARAMETER.sub("x", path), json={})
            if response.status_code != 401 or response.json()["error"]["code"] != "E9103":
                served[method, path] = response.status_code
    assert served == {}


async def test_the_public_list_names_only_what_exists(app: FastAPI) -> None:
    assert set(routes_of(app)) >= PUBLIC


@pytest.mark.req("SS2")
async def test_a_stranger_cannot_tell_what_another_org_has_from_what_does_not_exist(
    app: FastAPI, client: httpx2.AsyncClient, deps: Deps
) -> None:
    superadmin_id, superadmin = await found_platform(deps, client)
    zebra, owner = await found_org(client, superadmin, "Zebra", "Zoe")
    _, stranger = await found_org(client, superadmin, "Heron", "Hal")
    await furnish(zebra, owner, deps)
    before = await rows_of(deps, zebra.id)
    assert {name for name, rows in before.items() if not rows} <= NOT_LISTED, "furnish() leaves a table empty"
    # Both orgs know who founded them.
    words = words_of(before) - {superadmin_id}
    wrong = []
    for method, path in (route for route in routes_of(app) if route not in PUBLIC):
        wrong += await try_as_stranger(stranger, method, path.removeprefix(API), zebra.known, words)
    assert not wrong, "\n".join(wrong)
    assert await rows_of(deps, zebra.id) == before


async def try_as_stranger(
    stranger: Person, method: str, path: str, known: dict[str, str], words: set[str]
) -> list[str]:
    """What is wrong with the answers a stranger gets on one route."""
    values = name_for(path, known)
    if not PARAMETER.search(path):
        return await try_without_id(stranger, method, path, known, words)
    unknown = set(PARAMETER.findall(path)) - values.keys()
    if unknown:
        return [f"{method} {path}: the census has nothing for {unknown}; add it to furnish()"]
    body = BODIES.get((method, path))
    theirs = await stranger.ask(method, filled(path, values), body)
    if (method, path) in OWN_NAMES:
        gone = await stranger.ask("DELETE", filled(path, values))
        refused = [] if (theirs.status_code, gone.status_code) == (200, 204) else [f"{method} {path}: {theirs.text}"]
        return refused + leaks(method, path, theirs.text, words)
    missing = missing_of(values)
    nothing = await stranger.ask(method, filled(path, missing), body)
    wrong = []
    if theirs.status_code not in {403, 404}:
        wrong.append(f"{method} {path}: answered {theirs.status_code} {theirs.text[:300]}")
    if (theirs.status_code, without(theirs.text, values)) != (nothing.status_code, without(nothing.text, missing)):
        wrong.append(f"{method} {path}: theirs {theirs.text[:300]} differs from missing {nothing.text[:300]}")
    return wrong + leaks(method, path, theirs.text, words - set(values.values()))


async def try_without_id(stranger: Person, method: str, path: str, known: dict[str, str], words: set[str]) -> list[str]:
    """Lists come back without a word of the other org; writes may not take hold of what it has."""
    if method == "GET":
        query = {"q": "zebra"} if path == "/services/search" else {}
        response = await stranger.ask(method, path, params=query)
        bad = (
            []
            if response.status_code == (403 if path in SUPERADMINS_ONLY else 200)
            else [f"{method} {path}: answered {response.status_code} {response.text[:300]}"]
        )
        return bad + leaks(method, path, response.text, words)
    if path in {"/auth/password", "/settings/reload"}:
        return []
    response = await stranger.ask(method, path, reaching_body(path, known))
    bad = [f"{method} {path}: took a foreign id"] if response.status_code < 300 and path in REACHING else []
    return bad + leaks(method, path, response.text, words - set(known.values()))


SUPERADMINS_ONLY = {"/superadmins"}
REACHING = {"/auth/switch", "/grants", "/limits", "/budgets"}


def reaching_body(path: str, known: dict[str, str]) -> dict[str, Any]:
    """Bodies that point at the other org's things, where a body can."""
    pointing = {
        "/auth/switch": {"org_id": known["org_id"], "scope": "ENTERPRISE"},
        "/grants": {
            "principal_kind": "key",
            "principal_id": known["key_id"],
            "resource_kind": "service",
            "resource_id": known["org_id"].replace("org_", "svc_"),
            "permission": "services.call",
        },
        "/limits": {"name": "l", "subject_kind": "key", "subject_id": known["key_id"], "rate": 1},
        "/budgets": {
            "name": "b",
            "subject_kind": "principal",
            "subject_id": known["key_id"],
            "measure": "calls",
            "window": "day",
            "limit": 1,
        },
    }
    return pointing.get(path, {})


def leaks(method: str, path: str, text: str, words: set[str]) -> list[str]:
    return [f"{method} {path}: shows {word!r}" for word in sorted(words) if word in text]


@pytest.mark.req("SS2")
async def test_what_was_done_in_one_scope_is_not_shown_in_another(client: httpx2.AsyncClient, deps: Deps) -> None:
    _, superadmin = await found_platform(deps, client)
    zebra, owner = await found_org(client, superadmin, "Zebra", "Zoe")
    await furnish(zebra, owner, deps)
    switched = await owner.get_done("POST", "/auth/switch", {"org_id": zebra.id, "scope": "DEVELOPMENT"})
    elsewhere = Person(client, switched["access_token"])
    assert (await owner.get_done("GET", "/calls"))["items"]
    assert (await elsewhere.get_done("GET", "/calls"))["items"] == []
    assert (await elsewhere.ask("GET", f"/calls/{zebra.known['call_id']}")).status_code == 404
    for trail in ("/events", "/audit"):
        assert len((await owner.get_done("GET", trail))["items"]) > 5
        shown = (await elsewhere.get_done("GET", trail))["items"]
        assert "zebra-" not in str(shown), trail
