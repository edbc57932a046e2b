import asyncio

import pytest
from sqlalchemy import select

from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.tables import grants, invitations
from portico.platform.crypto import digest_secret
from tests.tenancy.conftest import PASSWORD, Joiner, Someone, World

pytestmark = pytest.mark.req("SS3", "SP4", "C14")


async def _id(someone: Someone) -> str:
    return str((await someone.get("/auth/me"))["person"]["id"])


async def test_an_invitation_makes_a_member(world: World, ann: Someone) -> None:
    made = await ann.post("/invitations", {"email": "Bob@acme.example", "role": "operator"})
    token = made.pop("token")
    assert (made["email"], made["status"], made["invited_by"]) == ("bob@acme.example", "pending", "Ann")
    assert made["expires_at"] == "2026-01-08T00:00:00.000Z"
    async with world.deps.read() as tx:
        assert (await tx.execute(select(invitations.c.token_digest))).scalar_one() == digest_secret(token)
    bob = await world.accept(token, "Bob")
    listed = await ann.get("/members?q=BOB")
    assert listed["pagination"]["total"] == 1
    assert (listed["items"][0]["name"], listed["items"][0]["role"], listed["items"][0]["scopes"]) == (
        "Bob",
        "operator",
        None,
    )
    assert (await ann.get("/invitations"))["items"][0]["status"] == "accepted"
    assert (await bob.get("/auth/me"))["role"] == "operator"
    again = {"token": token, "name": "Bob", "password": PASSWORD}
    await world.nobody.refused(404, "POST", "/auth/invitations/accept", again)
    await ann.refused(409, "POST", "/invitations", {"email": "bob@acme.example", "role": "viewer"})


async def test_an_invitation_ends_by_time_or_by_hand(world: World, ann: Someone) -> None:
    late = await ann.post("/invitations", {"email": "late@acme.example", "role": "viewer"})
    gone = await ann.post("/invitations", {"email": "gone@acme.example", "role": "viewer"})
    await ann.refused(409, "POST", "/invitations", {"email": "gone@acme.example", "role": "viewer"})
    await ann.delete(f"/invitations/{gone['id']}")
    world.clock.advance(seconds=7 * 86400)
    for made in (late, gone):
        body = {"token": made["token"], "name": "X", "password": PASSWORD}
        answer = await world.nobody.refused(404, "POST", "/auth/invitations/accept", body)
        assert made["token"] not in str(answer)
    ann = await world.person("ann@acme.example")
    statuses = {each["email"]: each["status"] for each in (await ann.get("/invitations"))["items"]}
    assert statuses == {"late@acme.example": "expired", "gone@acme.example": "revoked"}


async def test_an_invitation_wants_a_password_worth_the_name(world: World, ann: Someone) -> None:
    token = (await ann.post("/invitations", {"email": "bob@acme.example", "role": "viewer"}))["token"]
    body = {"token": token, "name": "Bob", "password": "too short"}
    await world.nobody.refused(400, "POST", "/auth/invitations/accept", body)
    await world.accept(token, "Bob")


@pytest.mark.parametrize(("alias", "role"), [("org_admin", "admin"), ("maintainer", "developer"), ("guest", "viewer")])
async def test_role_names_of_other_systems_are_understood(ann: Someone, alias: str, role: str) -> None:
    made = await ann.post("/invitations", {"email": "bob@acme.example", "role": alias})
    assert made["role"] == role
    await ann.refused(400, "POST", "/invitations", {"email": "eve@acme.example", "role": "superadmin"})


@pytest.mark.req("HY15")
async def test_a_new_role_holds_from_the_next_request_on(ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "developer")
    await bob.post("/keys", {"name": "k"})
    changed = await ann.patch(f"/members/{await _id(bob)}", {"role": "viewer"})
    assert changed["role"] == "viewer"
    await bob.refused(403, "POST", "/keys", {"name": "k"})
    await bob.refused(403, "GET", "/members")


@pytest.mark.req("HY15")
async def test_a_removed_member_is_out_at_once(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "developer")
    bob_id = await _id(bob)
    grant = {"principal_kind": "person", "principal_id": bob_id, "resource_kind": "service"}
    await ann.post("/grants", {**grant, "resource_id": "svc_" + "0" * 26, "permission": "services.call"})
    assert len((await world.entries()).grants) == 1
    await ann.delete(f"/members/{bob_id}")
    await bob.refused(401, "GET", "/auth/me")
    assert (await world.sign_in("bob@acme.example")).status_code == 401
    entries = await world.entries()
    assert bob_id not in {member.person_id for member in entries.members}
    assert entries.grants == ()
    await ann.refused(404, "DELETE", f"/members/{bob_id}")
    await ann.refused(404, "PATCH", f"/members/{bob_id}", {"role": "admin"})


async def test_the_last_owner_stays(ann: Someone) -> None:
    ann_id = await _id(ann)
    await ann.refused(409, "DELETE", f"/members/{ann_id}")
    await ann.refused(409, "PATCH", f"/members/{ann_id}", {"is_owner": False})
    await ann.refused(409, "PATCH", f"/members/{ann_id}", {"is_owner": False, "role": "viewer"})
    await ann.refused(400, "PATCH", f"/members/{ann_id}", {"role": "viewer"})
    await ann.refused(400, "PATCH", f"/members/{ann_id}", {"scopes": ["ENTERPRISE"]})


async def test_only_an_owner_changes_owners(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "admin")
    ann_id, bob_id = await _id(ann), await _id(bob)
    await bob.refused(403, "DELETE", f"/members/{ann_id}")
    await bob.refused(403, "PATCH", f"/members/{ann_id}", {"role": "viewer"})
    await bob.refused(403, "PATCH", f"/members/{bob_id}", {"is_owner": True})
    # A key is no owner, even one made by an owner.
    made = await ann.post("/keys", {"name": "k", "permissions": (await ann.get("/auth/me"))["permissions"]})
    await world.holding(made["secret"]).refused(403, "PATCH", f"/members/{bob_id}", {"is_owner": True})
    await ann.patch(f"/members/{bob_id}", {"is_owner": True})
    changed = await bob.patch(f"/members/{ann_id}", {"is_owner": False, "role": "viewer"})
    assert (changed["role"], changed["is_owner"]) == ("viewer", False)
    await ann.refused(403, "PATCH", f"/members/{bob_id}", {"is_owner": False})


async def test_two_owners_who_demote_each_other_at_once_leave_one(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "admin")
    ann_id, bob_id = await _id(ann), await _id(bob)
    await ann.patch(f"/members/{bob_id}", {"is_owner": True})
    body = {"is_owner": False, "role": "viewer"}
    answers = await asyncio.gather(
        ann.ask("PATCH", f"/members/{bob_id}", body), bob.ask("PATCH", f"/members/{ann_id}", body)
    )
    assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 403], [200, 409])
    ann = await world.person("ann@acme.example")
    bob = await world.person("bob@acme.example")
    assert [(await each.get("/auth/me"))["is_owner"] for each in (ann, bob)].count(True) == 1


@pytest.mark.req("HY15")
async def test_a_key_that_manages_members_gives_no_role_above_itself(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "viewer")
    made = await ann.post("/keys", {"name": "k", "permissions": ["members.manage", "members.read"]})
    key = world.holding(made["secret"])
    await key.refused(403, "PATCH", f"/members/{await _id(bob)}", {"role": "admin"})
    await key.refused(403, "POST", "/invitations", {"email": "eve@acme.example", "role": "viewer"})
    grant = {"principal_kind": "key", "principal_id": made["id"], "resource_kind": "service"}
    body = {**grant, "resource_id": "svc_" + "0" * 26, "permission": "services.manage"}
    await key.refused(403, "POST", "/grants", body)


@pytest.mark.req("C15")
async def test_a_member_confined_to_scopes_enters_no_other(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "admin")
    made = await bob.post("/keys", {"name": "enterprise"})
    kept = await bob.post("/keys", {"name": "development", "scope": "DEVELOPMENT"})
    changed = await ann.patch(f"/members/{await _id(bob)}", {"scopes": ["DEVELOPMENT", "DEVELOPMENT"]})
    assert changed["scopes"] == ["DEVELOPMENT"]
    await bob.refused(401, "GET", "/auth/me")
    bob = await world.person("bob@acme.example")
    assert (await bob.get("/auth/me"))["scope"] == "DEVELOPMENT"
    await bob.refused(404, "POST", "/auth/switch", {"org_id": world.acme_id, "scope": "ENTERPRISE"})
    await bob.refused(400, "POST", "/keys", {"name": "k", "scope": "ENTERPRISE"})
    await bob.refused(400, "POST", f"/keys/{(await ann.post('/keys', {'name': 'k'}))['id']}/rotate", {})
    # Membership reaches over all scopes, so it is not for somebody who may not enter them.
    await bob.refused(403, "POST", "/invitations", {"email": "eve@acme.example", "role": "viewer"})
    await bob.refused(403, "PATCH", f"/members/{await _id(bob)}", {"scopes": None})
    assert (await ann.get(f"/keys/{made['id']}"))["status"] == "revoked"
    assert (await ann.get(f"/keys/{kept['id']}"))["status"] == "active"
    for wrong in ([], ["MISSING"]):
        await ann.refused(400, "PATCH", f"/members/{await _id(bob)}", {"scopes": wrong})


async def test_a_grant_opens_one_resource_for_one_principal(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "viewer")
    service, other = "svc_" + "0" * 26, "svc_" + "1" * 26
    body = {
        "principal_kind": "person",
        "principal_id": await _id(bob),
        "resource_kind": "service",
        "resource_id": service,
        "permission": "services.call",
    }
    made = await ann.post("/grants", body)
    assert made["principal"] == {"kind": "person", "id": await _id(bob), "name": "bob"}
    await ann.refused(409, "POST", "/grants", body)
    for wrong in (
        {"permission": "keys.manage"},
        {"resource_id": "svc_x"},
        {"resource_kind": "org"},
        {"principal_id": "per_x"},
        {"principal_kind": "key"},
    ):
        await ann.refused(400, "POST", "/grants", body | wrong)
    ticket = await bob.post("/ws-tickets")
    identity = await tenancy.redeem_ticket(world.deps, ticket["ticket"])
    assert identity is not None
    assert identity.scope.may("services.call", service)
    assert not identity.scope.may("services.call", other)
    assert not identity.scope.may("services.call")
    assert (await ann.get(f"/grants?resource_id={other}"))["items"] == []
    assert [each["id"] for each in (await ann.get(f"/grants?resource_id={service}"))["items"]] == [made["id"]]
    assert [entry.service_id for entry in (await world.entries()).grants] == [service]
    await ann.delete(f"/grants/{made['id']}")
    await ann.refused(404, "DELETE", f"/grants/{made['id']}")
    async with world.deps.read() as tx:
        assert (await tx.execute(select(grants))).all() == []


async def test_members_are_listed_in_pages_and_searched_literally(world: World, ann: Someone, join: Joiner) -> None:
    for number in range(3):
        await join(f"m{number}@acme.example", "viewer")
    first = await ann.get("/members?page_size=3")
    assert [each["email"] for each in first["items"]] == ["ann@acme.example", "m0@acme.example", "m1@acme.example"]
    rest = await ann.get(f"/members?page_size=3&cursor={first['pagination']['cursors']['next']}")
    assert [each["email"] for each in rest["items"]] == ["m2@acme.example"]
    assert rest["pagination"]["cursors"]["next"] is None
    assert (await ann.get("/members?q=%25"))["items"] == []
    assert (await ann.get("/members?q=_"))["items"] == []
