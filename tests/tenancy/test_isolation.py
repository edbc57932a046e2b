"""What belongs to another org does not exist: over every route that takes an id, and in every function that asks the database."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from portico.domains.tenancy.model import Grant, Invitation, Key, Member, NamedScope
from portico.domains.tenancy.service.authority import open_system_scope
from portico.domains.tenancy.store import grants, invitations, keys, orgs, people
from portico.kernel.ids import GrantId, InvitationId, KeyId, OrgId, PersonId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope, ScopeName
from portico.platform.db import Tx
from tests.tenancy.conftest import Someone, World

pytestmark = pytest.mark.req("SS1", "SS3")
SERVICE = "svc_" + "0" * 26


class Belongings:
    """One of everything that Acme has."""

    def __init__(self, org_id: str, person_id: str, key_id: str, invitation_id: str, grant_id: str) -> None:
        self.org_id, self.person_id, self.key_id = org_id, person_id, key_id
        self.invitation_id, self.grant_id = invitation_id, grant_id


@pytest.fixture
async def acme(world: World, ann: Someone) -> Belongings:
    bob = await world.join(ann, "bob@acme.example", "viewer")
    person_id = (await bob.get("/auth/me"))["person"]["id"]
    key = await ann.post("/keys", {"name": "k", "permissions": ["keys.manage", "services.call"]})
    await world.holding(key["secret"]).post("/keys", {"name": "made with k"})
    invited = await ann.post("/invitations", {"email": "eve@acme.example", "role": "viewer"})
    body = {"principal_kind": "key", "principal_id": key["id"], "resource_kind": "service"}
    grant = await ann.post("/grants", {**body, "resource_id": SERVICE, "permission": "services.call"})
    await ann.post("/scopes", {"name": "STAGING"})
    return Belongings(world.acme_id, person_id, key["id"], invited["id"], grant["id"])


@pytest.fixture
async def stranger(world: World) -> Someone:
    """The owner of another org, who may do everything there."""
    return (await world.org("globex", "greta@globex.example"))[1]


FOREIGN: list[tuple[str, str, Any]] = [
    ("GET", "/orgs/{org_id}", None),
    ("PATCH", "/orgs/{org_id}", {"name": "X"}),
    ("DELETE", "/orgs/{org_id}", None),
    ("POST", "/orgs/{org_id}/suspend", None),
    ("POST", "/orgs/{org_id}/resume", None),
    ("DELETE", "/scopes/STAGING", None),
    ("PATCH", "/members/{person_id}", {"role": "admin"}),
    ("DELETE", "/members/{person_id}", None),
    ("DELETE", "/invitations/{invitation_id}", None),
    ("DELETE", "/grants/{grant_id}", None),
    ("GET", "/keys/{key_id}", None),
    ("PATCH", "/keys/{key_id}", {"name": "X"}),
    ("POST", "/keys/{key_id}/rotate", {"overlap_s": 0}),
    ("POST", "/keys/{key_id}/revoke", None),
]


async def test_a_foreign_id_looks_exactly_like_a_missing_one(acme: Belongings, stranger: Someone) -> None:
    missing = {name: f"{value[:4]}{'0' * 26}" for name, value in vars(acme).items()}
    for method, path, body in FOREIGN:
        foreign = await stranger.refused(404, method, path.format(**vars(acme)), body)
        absent = await stranger.refused(404, method, path.format(**missing).replace("STAGING", "MISSING"), body)
        assert foreign["code"] == absent["code"]
        for name, value in vars(acme).items():
            foreign["message"] = foreign["message"].replace(value, missing[name])
        assert foreign["message"].replace("STAGING", "MISSING") == absent["message"]


async def test_every_route_with_an_id_is_tried_above() -> None:
    from portico.domains.tenancy.routes import routers

    served = {
        (method, route.path)  # type: ignore[attr-defined]
        for router in routers
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    # Who is no superadmin gets the same refusal whoever is named, so there is nothing to tell apart.
    with_an_id = {each for each in served if "{" in each[1] and not each[1].startswith("/superadmins/")}
    assert {(method, path.replace("STAGING", "{name}")) for method, path, _ in FOREIGN} == with_an_id


async def test_lists_hold_only_what_is_mine(acme: Belongings, stranger: Someone) -> None:
    for path in ("/orgs", "/members", "/invitations", "/grants", "/keys", "/scopes", f"/grants?resource_id={SERVICE}"):
        text = str(await stranger.get(path))
        assert not [value for value in vars(acme).values() if value in text]
        assert "STAGING" not in text


async def test_a_grant_cannot_name_a_principal_of_another_org(acme: Belongings, stranger: Someone) -> None:
    for kind, principal_id in (("person", acme.person_id), ("key", acme.key_id)):
        body = {"principal_kind": kind, "principal_id": principal_id, "resource_kind": "service"}
        await stranger.refused(400, "POST", "/grants", {**body, "resource_id": SERVICE, "permission": "services.call"})


def _scoped_functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Those whose second argument is an OrgScope, by name."""
    found = {}
    for name, function in inspect.getmembers(module, inspect.iscoroutinefunction):
        parameters = list(inspect.signature(function).parameters.values())
        if function.__module__ == module.__name__ and parameters[1].annotation is OrgScope:
            found[f"{module.__name__.rsplit('.')[-1]}.{name}"] = function
    return found


@pytest.mark.req("SS1")
async def test_no_store_function_finds_or_changes_anything_in_a_foreign_scope(world: World, acme: Belongings) -> None:
    deps, now = world.deps, world.clock.now()
    own, foreign = open_system_scope(OrgId(acme.org_id)), open_system_scope(OrgId("org_" + "0" * 26))
    async with deps.read() as tx:
        key = await keys.load_key(tx, own, KeyId(acme.key_id))
        member = await people.load_member(tx, own, PersonId(acme.person_id))
    assert key is not None
    assert member is not None
    reads: dict[str, Callable[[Tx, OrgScope], Any]] = {
        "orgs.lock_org": orgs.lock_org,
        "orgs.list_scopes": orgs.list_scopes,
        "orgs.users_of_scope": lambda tx, scope: orgs.users_of_scope(tx, scope, ScopeName("ENTERPRISE")),
        "people.load_member": lambda tx, scope: people.load_member(tx, scope, member.person_id),
        "people.is_member": lambda tx, scope: people.is_member(tx, scope, member.email),
        "people.list_members": lambda tx, scope: people.list_members(tx, scope, PageAsk(), None),
        "people.count_owners": people.count_owners,
        "people.first_owner": people.first_owner,
        "invitations.pending_for": lambda tx, scope: invitations.pending_for(tx, scope, "eve@acme.example", now),
        "invitations.load_invitation": lambda tx, scope: invitations.load_invitation(
            tx, scope, InvitationId(acme.invitation_id)
        ),
        "invitations.list_invitations": lambda tx, scope: invitations.list_invitations(tx, scope, PageAsk()),
        "grants.load_grant": lambda tx, scope: grants.load_grant(tx, scope, GrantId(acme.grant_id)),
        "grants.same_grant": lambda tx, scope: grants.same_grant(tx, scope, acme.key_id, SERVICE, "services.call"),
        "grants.count_grants": lambda tx, scope: grants.count_grants(tx, scope, acme.key_id),
        "grants.list_grants": lambda tx, scope: grants.list_grants(tx, scope, PageAsk(), None),
        "keys.load_key": lambda tx, scope: keys.load_key(tx, scope, key.id),
        "keys.count_keys": keys.count_keys,
        "keys.list_keys": lambda tx, scope: keys.list_keys(tx, scope, PageAsk(), q=None, status=None, now=now),
        "keys.keys_made_by": lambda tx, scope: keys.keys_made_by(tx, scope, key.maker_id),
        "keys.keys_made_with": lambda tx, scope: keys.keys_made_with(tx, scope, key.id),
    }
    writes: dict[str, Callable[[Tx, OrgScope], Any]] = {
        "orgs.delete_scope": lambda tx, scope: orgs.delete_scope(tx, scope, ScopeName("STAGING")),
        "orgs.leave_scope": lambda tx, scope: orgs.leave_scope(tx, scope, ScopeName("ENTERPRISE"), now),
        "people.update_member": lambda tx, scope: people.update_member(tx, scope, member),
        "people.delete_member": lambda tx, scope: people.delete_member(tx, scope, member.person_id),
        "invitations.close_invitation": lambda tx, scope: invitations.close_invitation(
            tx, scope, InvitationId(acme.invitation_id), accepted_at=now, revoked_at=now
        ),
        "grants.delete_grant": lambda tx, scope: grants.delete_grant(tx, scope, GrantId(acme.grant_id)),
        "grants.delete_grants_of": lambda tx, scope: grants.delete_grants_of(tx, scope, acme.key_id),
        "keys.update_key": lambda tx, scope: keys.update_key(tx, scope, key),
    }
    # They write into the scope they are given, whatever the row says.
    inserts = {
        "orgs.insert_scopes",
        "people.insert_member",
        "invitations.insert_invitation",
        "grants.insert_grant",
        "keys.insert_key",
    }
    functions = {name for module in (orgs, people, invitations, grants, keys) for name in _scoped_functions(module)}
    assert functions == reads.keys() | writes.keys() | inserts
    async with deps.read() as tx:
        for name, read in reads.items():
            assert not _something(await read(tx, foreign)), name
            assert name == "orgs.lock_org" or name == "orgs.users_of_scope" or _something(await read(tx, own)), name
    before = await _everything(world, own)
    async with deps.uow() as tx:
        for write in writes.values():
            await write(tx, foreign)
    assert await _everything(world, own) == before


def _something(found: Any) -> bool:
    return bool(found.items) if isinstance(found, Page) else bool(found)


async def _everything(
    world: World, scope: OrgScope
) -> tuple[list[NamedScope], list[Member], list[Invitation], list[Grant], list[Key]]:
    async with world.deps.read() as tx:
        return (
            await orgs.list_scopes(tx, scope),
            (await people.list_members(tx, scope, PageAsk(), None)).items,
            (await invitations.list_invitations(tx, scope, PageAsk())).items,
            (await grants.list_grants(tx, scope, PageAsk(), None)).items,
            (await keys.list_keys(tx, scope, PageAsk(), q=None, status=None, now=world.clock.now())).items,
        )
