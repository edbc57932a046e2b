"""Superadmins are made and unmade by superadmins, there is always one, and the platform's own chain tells of it."""

import asyncio

import pytest
from sqlalchemy import select

from portico.domains.audit.tables import audit_entries
from tests.tenancy.conftest import ADDRESS, Joiner, Someone, World

pytestmark = pytest.mark.req("SS4")


async def id_of(person: Someone) -> str:
    found: str = (await person.get("/auth/me"))["person"]["id"]
    return found


async def on_the_platform(world: World) -> list[tuple[str, str, str, str]]:
    columns = (audit_entries.c.action, audit_entries.c.actor_name, audit_entries.c.target_name, audit_entries.c.address)
    query = select(*columns).where(audit_entries.c.org_id == "platform").order_by(audit_entries.c.seq)
    async with world.deps.read() as tx:
        return [tuple(row) for row in await tx.execute(query)]


async def test_a_superadmin_makes_another_who_then_acts_like_one(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "viewer")
    await bob.refused(403, "GET", "/superadmins")
    await bob.refused(403, "POST", f"/superadmins/{await id_of(bob)}")
    made = await ann.post(f"/superadmins/{await id_of(bob)}", None, 200)
    assert (made["email"], made["is_superadmin"]) == ("bob@acme.example", True)
    assert [each["name"] for each in (await bob.get("/superadmins"))["items"]] == ["Ann", "bob"]
    await bob.delete(f"/superadmins/{await id_of(ann)}")
    await ann.refused(403, "GET", "/superadmins")
    assert await on_the_platform(world) == [
        ("superadmin.grant", "Ann", "bob", ADDRESS),
        ("superadmin.revoke", "bob", "Ann", ADDRESS),
    ]


async def test_the_last_one_stays_and_nobody_unknown_becomes_one(world: World, ann: Someone) -> None:
    await ann.refused(409, "DELETE", f"/superadmins/{await id_of(ann)}")
    await ann.refused(404, "POST", "/superadmins/per_nobody")
    await ann.refused(404, "DELETE", "/superadmins/per_nobody")
    await ann.post(f"/superadmins/{await id_of(ann)}", None, 200)
    assert await on_the_platform(world) == []


async def test_two_who_unmake_each_other_at_once_leave_one(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "viewer")
    ann_id, bob_id = await id_of(ann), await id_of(bob)
    await ann.post(f"/superadmins/{bob_id}", None, 200)
    answers = await asyncio.gather(
        ann.ask("DELETE", f"/superadmins/{bob_id}"), bob.ask("DELETE", f"/superadmins/{ann_id}")
    )
    assert 204 in {answer.status_code for answer in answers}
    assert {answer.status_code for answer in answers} <= {204, 403, 409}
    left = [await each.ask("GET", "/superadmins") for each in (ann, bob)]
    assert sorted(answer.status_code for answer in left) == [200, 403]


async def test_a_key_is_never_a_superadmin(world: World, ann: Someone) -> None:
    key = await ann.post("/keys", {"name": "k", "permissions": ["orgs.manage"]})
    await world.holding(key["secret"]).refused(403, "GET", "/superadmins")


async def test_what_superadmins_do_to_orgs_stands_in_the_platforms_chain(world: World, ann: Someone) -> None:
    globex_id, _ = await world.org("globex", "greta@globex.example")
    for verb in ("suspend", "resume"):
        await ann.post(f"/orgs/{globex_id}/{verb}", None, 200)
        await ann.post(f"/orgs/{globex_id}/{verb}", None, 200)
    await ann.patch(f"/orgs/{globex_id}", {"name": "Globex Inc"})
    await ann.patch(f"/orgs/{world.acme_id}", {"name": "Acme Inc"})
    await ann.delete(f"/orgs/{globex_id}")
    assert await on_the_platform(world) == [
        ("org.create", "Ann", "Globex", ADDRESS),
        ("org.suspend", "Ann", "Globex", ADDRESS),
        ("org.resume", "Ann", "Globex", ADDRESS),
        ("org.rename", "Ann", "Globex Inc", ADDRESS),
        ("org.delete", "Ann", "Globex Inc", ADDRESS),
    ]


async def test_an_owner_who_deletes_their_org_leaves_a_trace_outside_it(world: World, ann: Someone) -> None:
    globex_id, greta = await world.org("globex", "greta@globex.example")
    await greta.patch(f"/orgs/{globex_id}", {"name": "Globex Inc"})
    await greta.delete(f"/orgs/{globex_id}")
    assert [each[:3] for each in await on_the_platform(world)] == [
        ("org.create", "Ann", "Globex"),
        ("org.delete", "greta", "Globex Inc"),
    ]
