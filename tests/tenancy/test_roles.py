"""The permissions of each role, and what each route asks for, as one table."""

from typing import Any

import pytest

from portico.domains.tenancy.model import PERMISSIONS, ROLE_PERMISSIONS, Role
from tests.tenancy.conftest import Someone, World

pytestmark = pytest.mark.req("SP4", "SS3", "C14")

RANKED: tuple[Role, ...] = ("viewer", "operator", "developer", "admin")
# From which role on a role holds it.
LEAST: dict[str, Role] = {
    "services.read": "viewer",
    "calls.read": "viewer",
    "budgets.read": "viewer",
    "limits.read": "viewer",
    "events.read": "viewer",
    "dashboards.read": "viewer",
    "settings.read": "viewer",
    "services.call": "operator",
    "keys.read": "operator",
    "members.read": "operator",
    "audit.read": "operator",
    "dashboards.manage": "operator",
    "tools.read": "viewer",
    "tools.manage": "admin",
    "agents.read": "viewer",
    "agents.manage": "developer",
    "models.read": "viewer",
    "models.manage": "developer",
    "policies.manage": "admin",
    "services.manage": "developer",
    "keys.manage": "developer",
    "secrets.read": "developer",
    "secrets.manage": "developer",
    "events.publish": "developer",
    "webhooks.read": "developer",
    "orgs.manage": "admin",
    "members.manage": "admin",
    "budgets.manage": "admin",
    "limits.manage": "admin",
    "settings.manage": "admin",
    "events.manage": "admin",
    "webhooks.manage": "admin",
}
MISSING = "0" * 26
# What is permitted answers 200, 201, 204, 400, 404 or 409; what is not, 403.
ROUTES: list[tuple[str, str, Any, Role]] = [
    ("GET", "/auth/me", None, "viewer"),
    ("POST", "/ws-tickets", None, "viewer"),
    ("GET", "/orgs", None, "viewer"),
    ("GET", "/scopes", None, "viewer"),
    ("POST", "/scopes", {"name": "default"}, "admin"),
    ("DELETE", "/scopes/ENTERPRISE", None, "admin"),
    ("GET", "/members", None, "operator"),
    ("PATCH", f"/members/per_{MISSING}", {"role": "viewer"}, "admin"),
    ("DELETE", f"/members/per_{MISSING}", None, "admin"),
    ("GET", "/invitations", None, "operator"),
    ("POST", "/invitations", {"email": "x@acme.example", "role": "viewer"}, "admin"),
    ("DELETE", f"/invitations/inv_{MISSING}", None, "admin"),
    ("GET", "/grants", None, "operator"),
    (
        "POST",
        "/grants",
        {
            "principal_kind": "key",
            "principal_id": f"key_{MISSING}",
            "resource_kind": "service",
            "resource_id": f"svc_{MISSING}",
            "permission": "services.call",
        },
        "admin",
    ),
    ("DELETE", f"/grants/grt_{MISSING}", None, "admin"),
    ("GET", "/keys", None, "operator"),
    ("POST", "/keys", {"name": "k"}, "developer"),
    ("GET", f"/keys/key_{MISSING}", None, "operator"),
    ("PATCH", f"/keys/key_{MISSING}", {"name": "k"}, "developer"),
    ("POST", f"/keys/key_{MISSING}/rotate", {}, "developer"),
    ("POST", f"/keys/key_{MISSING}/revoke", None, "developer"),
]


@pytest.mark.parametrize("role", RANKED)
def test_each_role_holds_what_the_table_says(role: Role) -> None:
    held = {permission for permission, least in LEAST.items() if RANKED.index(role) >= RANKED.index(least)}
    assert ROLE_PERMISSIONS[role] == held
    assert LEAST.keys() == set(PERMISSIONS)


@pytest.mark.parametrize("role", RANKED)
async def test_each_route_is_open_from_its_role_on(world: World, ann: Someone, role: Role) -> None:
    bob = await world.join(ann, "bob@acme.example", role)
    for method, path, body, least in ROUTES:
        answer = await bob.ask(method, path, body)
        permitted = RANKED.index(role) >= RANKED.index(least)
        if permitted:
            assert answer.status_code in {200, 201, 204, 400, 404, 409}, f"{role} {method} {path}: {answer.text}"
        else:
            assert answer.status_code == 403, f"{role} {method} {path}: {answer.text}"
            assert answer.json()["code"] == "ROLE_REQUIRED"


async def test_every_route_refuses_who_is_not_signed_in(world: World) -> None:
    for method, path, body, _ in ROUTES:
        answer = await world.nobody.ask(method, path, body)
        assert answer.status_code == 401, f"{method} {path}"
        assert answer.json()["code"] == "MISSING_CREDENTIALS"


async def test_a_key_may_do_what_it_was_given_and_nothing_else(world: World, ann: Someone) -> None:
    for permission, path in (
        ("keys.read", "/keys"),
        ("members.read", "/members"),
        ("members.read", "/grants"),
        ("members.read", "/invitations"),
    ):
        given = await ann.post("/keys", {"name": "k", "permissions": [permission]})
        others = [each for each in PERMISSIONS if each != permission]
        kept_from = await ann.post("/keys", {"name": "k", "permissions": others})
        await world.holding(given["secret"]).get(path)
        await world.holding(kept_from["secret"]).refused(403, "GET", path)
