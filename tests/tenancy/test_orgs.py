import asyncio

import pytest
from sqlalchemy import select

from portico.domains.audit.tables import audit_entries
from portico.domains.events.tables import events
from portico.domains.tenancy import public as tenancy
from portico.kernel.errors import BadKey, OrgSuspended
from tests.tenancy.conftest import PASSWORD, Joiner, Someone, World

pytestmark = pytest.mark.req("SS4")


async def test_a_new_org_has_three_scopes_and_waits_for_its_owner(world: World, ann: Someone) -> None:
    made = await ann.post("/orgs", {"name": "Globex", "slug": "globex", "owner_email": "Greta@globex.example"})
    assert (made["status"], made["member_count"], made["created_at"]) == ("active", 0, "2026-01-01T00:00:00.000Z")
    greta = await world.accept(made["invitation_token"], "Greta")
    me = await greta.get("/auth/me")
    assert (me["org"]["slug"], me["role"], me["is_owner"]) == ("globex", "admin", True)
    assert not me["person"]["is_superadmin"]
    assert [each["name"] for each in (await greta.get("/scopes"))["items"]] == [
        "ENTERPRISE",
        "DEVELOPMENT",
        "LOCAL-SANDBOX",
    ]


async def test_an_owner_who_is_known_needs_no_invitation(world: World, ann: Someone) -> None:
    made = await ann.post("/orgs", {"name": "Globex", "slug": "globex", "owner_email": "ann@acme.example"})
    assert (made["invitation_token"], made["member_count"]) == (None, 1)
    assert len((await ann.get("/auth/me"))["orgs"]) == 2


async def test_a_slug_is_taken_once_and_for_good(ann: Someone) -> None:
    body = {"name": "Globex", "slug": "globex", "owner_email": "greta@globex.example"}
    made = await ann.post("/orgs", body)
    await ann.refused(409, "POST", "/orgs", body)
    await ann.delete(f"/orgs/{made['id']}")
    await ann.refused(409, "POST", "/orgs", body)
    for slug in ("", "Globex", "-a", "a b", "a" * 64):
        await ann.refused(400, "POST", "/orgs", body | {"slug": slug})


async def test_only_a_superadmin_makes_and_stops_orgs(world: World, ann: Someone) -> None:
    globex_id, greta = await world.org("globex", "greta@globex.example")
    await greta.refused(403, "POST", "/orgs", {"name": "X", "slug": "x", "owner_email": "x@x.example"})
    for verb in ("suspend", "resume"):
        await greta.refused(403, "POST", f"/orgs/{globex_id}/{verb}")
        await greta.refused(404, "POST", f"/orgs/{world.acme_id}/{verb}")


@pytest.mark.req("HY15")
async def test_a_suspended_org_is_refused_everywhere_and_comes_back(world: World, ann: Someone) -> None:
    globex_id, greta = await world.org("globex", "greta@globex.example")
    key = await greta.post("/keys", {"name": "k", "permissions": ["keys.read"]})
    ticket = await greta.post("/ws-tickets")
    invited = await greta.post("/invitations", {"email": "bob@globex.example", "role": "viewer"})
    signed_in = await world.sign_in("greta@globex.example")
    assert (await ann.post(f"/orgs/{globex_id}/suspend", None, 200))["status"] == "suspended"

    await greta.refused(403, "GET", "/auth/me")
    await world.holding(key["secret"]).refused(403, "GET", "/keys")
    assert (await world.sign_in("greta@globex.example")).json()["code"] == "ORG_SUSPENDED"
    assert (await world.sign_in("greta@globex.example", org_id=globex_id)).status_code == 403
    assert (await world.refresh(signed_in.cookies["portico_refresh"])).status_code == 403
    assert await tenancy.redeem_ticket(world.deps, ticket["ticket"]) is None
    body = {"token": invited["token"], "name": "Bob", "password": PASSWORD}
    await world.nobody.refused(403, "POST", "/auth/invitations/accept", body)
    assert {org.id: org.active for org in (await world.entries()).orgs} == {world.acme_id: True, globex_id: False}

    assert (await ann.post(f"/orgs/{globex_id}/resume", None, 200))["status"] == "active"
    await greta.get("/auth/me")
    await world.holding(key["secret"]).get("/keys")
    assert (await world.refresh(signed_in.cookies["portico_refresh"])).status_code == 200


async def test_a_deleted_org_is_gone_for_everyone(world: World, ann: Someone) -> None:
    globex_id, greta = await world.org("globex", "greta@globex.example")
    key = await greta.post("/keys", {"name": "k"})
    await greta.delete(f"/orgs/{globex_id}")
    await greta.refused(401, "GET", "/auth/me")
    with pytest.raises(BadKey):
        await tenancy.authenticate(world.deps, key["secret"], None)
    assert (await world.sign_in("greta@globex.example")).status_code == 401
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/suspend"), ("POST", "/resume")):
        body = {"name": "X"} if method == "PATCH" else None
        await ann.refused(404, method, f"/orgs/{globex_id}{path}", body)
    assert [each["slug"] for each in (await ann.get("/orgs"))["items"]] == ["acme"]
    assert [each["slug"] for each in (await ann.get("/orgs?status=deleted"))["items"]] == ["globex"]
    entries = await world.entries()
    assert globex_id not in {org.id for org in entries.orgs} | {
        entry.org_id for entry in entries.keys + entries.members
    }


async def test_an_admin_renames_and_only_an_owner_deletes(world: World, ann: Someone) -> None:
    globex_id, greta = await world.org("globex", "greta@globex.example")
    bob = await world.join(greta, "bob@globex.example", "admin")
    dev = await world.join(greta, "dev@globex.example", "developer")
    assert (await bob.patch(f"/orgs/{globex_id}", {"name": "Globex Inc"}))["name"] == "Globex Inc"
    await dev.refused(403, "PATCH", f"/orgs/{globex_id}", {"name": "X"})
    await bob.refused(403, "DELETE", f"/orgs/{globex_id}")
    key = await greta.post("/keys", {"name": "k", "permissions": ["orgs.manage"]})
    await world.holding(key["secret"]).refused(403, "DELETE", f"/orgs/{globex_id}")


async def test_a_credential_of_one_org_does_not_change_another_of_mine(world: World, ann: Someone) -> None:
    _, greta = await world.org("globex", "greta@globex.example")
    token = (await ann.post("/invitations", {"email": "greta@globex.example", "role": "admin"}))["token"]
    await world.accept(token, "Greta")
    assert len((await greta.get("/orgs"))["items"]) == 2
    await greta.get(f"/orgs/{world.acme_id}")
    answer = await greta.refused(403, "PATCH", f"/orgs/{world.acme_id}", {"name": "X"})
    assert answer["code"] == "SCOPE_MISMATCH"


@pytest.mark.req("SS1", "SS3")
async def test_a_superadmin_sees_orgs_but_not_what_is_in_them(world: World, ann: Someone) -> None:
    globex_id, greta = await world.org("globex", "greta@globex.example")
    key = await greta.post("/keys", {"name": "k"})
    assert [each["slug"] for each in (await ann.get("/orgs"))["items"]] == ["globex", "acme"]
    await ann.refused(404, "GET", f"/keys/{key['id']}")
    await ann.refused(404, "POST", "/auth/switch", {"org_id": globex_id, "scope": "ENTERPRISE"})
    assert (await world.sign_in("ann@acme.example", org_id=globex_id)).status_code == 404


async def test_a_superadmin_without_any_org_runs_the_platform_and_nothing_else(world: World, ann: Someone) -> None:
    await world.org("globex", "greta@globex.example")
    await ann.delete(f"/orgs/{world.acme_id}")
    ann = await world.person("ann@acme.example")
    me = await ann.get("/auth/me")
    assert (me["org"], me["role"], me["permissions"], me["orgs"]) == (None, None, [], [])
    assert [each["slug"] for each in (await ann.get("/orgs"))["items"]] == ["globex"]
    for path in ("/keys", "/members", "/invitations", "/grants"):
        await ann.refused(403, "GET", path)
    assert (await ann.get("/scopes"))["items"] == []
    await ann.refused(403, "POST", "/scopes", {"name": "X"})
    body = {"current_password": PASSWORD, "new_password": "another horse battery"}
    await ann.post("/auth/password", body, 204)
    await ann.post("/auth/sign-out", status=204)


async def test_two_who_found_the_same_slug_at_once_and_two_who_accept_at_once(world: World, ann: Someone) -> None:
    body = {"name": "Globex", "slug": "globex", "owner_email": "greta@globex.example"}
    made = await asyncio.gather(*(ann.ask("POST", "/orgs", body) for _ in range(3)))
    assert sorted(answer.status_code for answer in made) == [201, 409, 409]
    token = next(answer.json()["invitation_token"] for answer in made if answer.status_code == 201)
    acceptance = {"token": token, "name": "Greta", "password": PASSWORD}
    path = "/auth/invitations/accept"
    accepted = await asyncio.gather(*(world.nobody.ask("POST", path, acceptance) for _ in range(3)))
    assert sorted(answer.status_code for answer in accepted) == [200, 404, 404]


@pytest.mark.req("C15")
async def test_scopes_are_added_and_deleted_when_nothing_uses_them(world: World, ann: Someone, join: Joiner) -> None:
    made = await ann.post("/scopes", {"name": "STAGING", "description": "Before production."})
    assert made["created_at"] == "2026-01-01T00:00:00.000Z"
    await ann.refused(409, "POST", "/scopes", {"name": "STAGING"})
    for wrong in ("staging", "", "1A", "A B", "A" * 64):
        await ann.refused(400, "POST", "/scopes", {"name": wrong})
    key = await ann.post("/keys", {"name": "k", "scope": "STAGING"})
    await ann.refused(409, "DELETE", "/scopes/STAGING")
    await ann.post(f"/keys/{key['id']}/revoke", None, 200)
    bob = await join("bob@acme.example", "viewer")
    bob_id = (await bob.get("/auth/me"))["person"]["id"]
    await ann.patch(f"/members/{bob_id}", {"scopes": ["STAGING"]})
    await ann.refused(409, "DELETE", "/scopes/STAGING")
    await ann.patch(f"/members/{bob_id}", {"scopes": None})
    moved = await bob.post("/auth/switch", {"org_id": world.acme_id, "scope": "STAGING"}, 200)
    await ann.delete("/scopes/STAGING")
    await world.holding(moved["access_token"]).refused(401, "GET", "/auth/me")
    await ann.refused(404, "DELETE", "/scopes/STAGING")
    await ann.refused(409, "DELETE", "/scopes/ENTERPRISE")


@pytest.mark.req("HY15")
async def test_every_write_is_an_event_and_an_audit_entry(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "viewer")
    bob_id = (await bob.get("/auth/me"))["person"]["id"]
    gone = await ann.post("/invitations", {"email": "x@acme.example", "role": "viewer"})
    await ann.delete(f"/invitations/{gone['id']}")
    await ann.post("/scopes", {"name": "STAGING"})
    await ann.delete("/scopes/STAGING")
    key = await ann.post("/keys", {"name": "k"})
    await ann.patch(f"/keys/{key['id']}", {"name": "k2"})
    await ann.post(f"/keys/{key['id']}/rotate", {}, 200)
    await ann.post(f"/keys/{key['id']}/revoke", None, 200)
    body = {"principal_kind": "person", "principal_id": bob_id, "resource_kind": "service"}
    grant = await ann.post("/grants", {**body, "resource_id": "svc_" + "0" * 26, "permission": "services.call"})
    await ann.delete(f"/grants/{grant['id']}")
    await bob.post("/auth/switch", {"org_id": world.acme_id, "scope": "DEVELOPMENT"}, 200)
    new = {"current_password": PASSWORD, "new_password": "another horse battery"}
    await bob.post("/auth/password", new, 204)
    await bob.post("/auth/sign-out", status=204)
    await ann.patch(f"/members/{bob_id}", {"role": "operator"})
    await ann.delete(f"/members/{bob_id}")
    await ann.patch(f"/orgs/{world.acme_id}", {"name": "Acme Inc"})
    await ann.post(f"/orgs/{world.acme_id}/suspend", None, 200)
    with pytest.raises(OrgSuspended):
        await tenancy.authenticate(world.deps, ann.credential or "", None)
    async with world.deps.read() as tx:
        kinds = (await tx.execute(select(events.c.kind).order_by(events.c.seq))).scalars().all()
        rows = (await tx.execute(select(audit_entries).order_by(audit_entries.c.seq))).mappings().all()
    assert set(kinds) == {
        "org.created.v1", "member.joined.v1", "sign_in.started.v1", "invitation.created.v1", "invitation.revoked.v1",
        "scope.created.v1", "scope.deleted.v1", "key.created.v1", "key.changed.v1", "key.rotated.v1", "key.revoked.v1",
        "grant.created.v1", "grant.deleted.v1", "sign_in.switched.v1", "person.password_changed.v1",
        "sign_in.ended.v1", "member.changed.v1", "member.removed.v1", "org.renamed.v1", "org.suspended.v1",
    }  # fmt: skip
    own = [row for row in rows if row["org_id"] != "platform"]
    assert len(own) == len(kinds)
    by_people = [row for row in rows if row["actor_kind"] == "person"]
    assert {row["address"] for row in by_people} == {"203.0.113.7"}
