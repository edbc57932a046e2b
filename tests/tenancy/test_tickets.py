import asyncio
from typing import Any

import pytest
from sqlalchemy import event, select

from portico.domains.routing import model as routing
from portico.domains.tenancy import model as tenancy_model
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.tables import ws_tickets
from portico.kernel.errors import Refusal
from portico.platform.crypto import digest_secret
from tests.tenancy.conftest import Joiner, Someone, World

pytestmark = pytest.mark.req("C12")


async def test_a_ticket_lets_its_owner_in_once(world: World, ann: Someone) -> None:
    made = await ann.post("/ws-tickets")
    assert made["expires_at"] == "2026-01-01T00:01:00.000Z"
    async with world.deps.read() as tx:
        assert (await tx.execute(select(ws_tickets.c.digest))).scalar_one() == digest_secret(made["ticket"])
    world.clock.advance(seconds=59)
    identity = await tenancy.redeem_ticket(world.deps, made["ticket"])
    assert identity == await tenancy.authenticate(world.deps, ann.credential or "", "203.0.113.7")
    assert await tenancy.redeem_ticket(world.deps, made["ticket"]) is None


async def test_a_ticket_lives_a_minute_and_is_swept_away(world: World, ann: Someone) -> None:
    made = await ann.post("/ws-tickets")
    world.clock.advance(seconds=60)
    assert await tenancy.redeem_ticket(world.deps, made["ticket"]) is None
    await ann.post("/ws-tickets")
    world.clock.advance(seconds=60)
    await ann.post("/ws-tickets")
    async with world.deps.read() as tx:
        assert len((await tx.execute(select(ws_tickets))).all()) == 1


async def test_of_many_who_come_with_one_ticket_one_gets_in(world: World, ann: Someone) -> None:
    made = await ann.post("/ws-tickets")
    found = await asyncio.gather(*(tenancy.redeem_ticket(world.deps, made["ticket"]) for _ in range(5)))
    assert len([identity for identity in found if identity is not None]) == 1


async def test_letting_somebody_in_asks_the_database_three_things(world: World, ann: Someone) -> None:
    """A thousand may come at once after a restart."""
    made = await ann.post("/ws-tickets")
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = world.deps.db.sqlalchemy.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert await tenancy.redeem_ticket(world.deps, made["ticket"]) is not None
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len([each for each in asked if not each.startswith("BEGIN")]) == 3, asked


async def test_a_made_up_ticket_lets_nobody_in(world: World) -> None:
    for ticket in ("", "x", "x" * 5000, "ä"):
        assert await tenancy.redeem_ticket(world.deps, ticket) is None


@pytest.mark.req("HY15")
async def test_a_ticket_dies_with_its_sign_in_or_key(world: World, ann: Someone) -> None:
    made = await ann.post("/keys", {"name": "k", "permissions": ["calls.read"]})
    of_key = await world.holding(made["secret"]).post("/ws-tickets")
    second_of_key = await world.holding(made["secret"]).post("/ws-tickets")
    identity = await tenancy.redeem_ticket(world.deps, of_key["ticket"])
    assert identity is not None
    assert (identity.key_id, identity.scope.permissions) == (made["id"], {"calls.read"})
    await ann.post(f"/keys/{made['id']}/revoke", None, 200)
    assert await tenancy.redeem_ticket(world.deps, second_of_key["ticket"]) is None
    of_person = await ann.post("/ws-tickets")
    await ann.post("/auth/sign-out", status=204)
    assert await tenancy.redeem_ticket(world.deps, of_person["ticket"]) is None


@pytest.mark.req("HY15")
async def test_an_identity_is_found_again_as_it_stands_now(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "developer")
    identity = await tenancy.authenticate(world.deps, bob.credential or "", None)
    assert await tenancy.identify_again(world.deps, identity) == identity
    await ann.patch(f"/members/{identity.person_id}", {"role": "viewer"})
    lesser = await tenancy.identify_again(world.deps, identity)
    assert lesser is not None
    assert lesser.scope.permissions < identity.scope.permissions
    await ann.delete(f"/members/{identity.person_id}")
    assert await tenancy.identify_again(world.deps, identity) is None


@pytest.mark.req("SS1")
async def test_the_snapshot_holds_who_may_call(world: World, ann: Someone, join: Joiner) -> None:
    bob = await join("bob@acme.example", "operator")
    made = await ann.post("/keys", {"name": "k", "services": ["inventory"], "expires_in": "1h"})
    entries = await world.entries()
    assert entries.orgs == (tenancy_model.OrgEntry(world.acme_id, "Acme", True),)
    names = {entry.name: entry for entry in entries.members}
    assert "services.call" in names["bob"].permissions
    assert names["bob"].scopes is None
    key = entries.keys[0]
    assert (key.digest, key.services, key.rate_limit_per_minute) == (
        digest_secret(made["secret"]),
        ("inventory",),
        None,
    )
    assert key.expires_at_us == 1767229200_000000
    assert repr(key.digest) not in repr(entries)
    # A key that ran out is known as such for a week, and forgotten then.
    world.clock.advance(seconds=7 * 86400)
    assert len((await world.entries()).keys) == 1
    world.clock.advance(seconds=3600)
    assert (await world.entries()).keys == ()
    assert bob.credential not in repr(entries)


@pytest.mark.parametrize("name", ["OrgEntry", "KeyEntry", "MemberEntry", "GrantEntry"])
def test_entries_have_the_fields_that_the_snapshot_has(name: str) -> None:
    ours, theirs = getattr(tenancy_model, name), getattr(routing, name)
    assert set(ours.__dataclass_fields__) == set(theirs.__struct_fields__)


async def test_each_change_the_gateway_must_know_nudges_the_snapshot(world: World, ann: Someone, join: Joiner) -> None:
    heard = world.deps.bus.listen("snapshot")

    async def nudged(method: str, path: str, body: object = None) -> None:
        heard.clear()
        assert (await ann.ask(method, path, body)).status_code < 300
        assert heard.is_set(), f"{method} {path}"

    bob = await join("bob@acme.example", "viewer")
    bob_id = (await bob.get("/auth/me"))["person"]["id"]
    key = await ann.post("/keys", {"name": "k"})
    await nudged("POST", "/keys", {"name": "k"})
    await nudged("PATCH", f"/keys/{key['id']}", {"name": "k2"})
    await nudged("POST", f"/keys/{key['id']}/rotate", {})
    await nudged("POST", f"/keys/{key['id']}/revoke")
    await nudged("PATCH", f"/members/{bob_id}", {"role": "operator"})
    body = {"principal_kind": "person", "principal_id": bob_id, "resource_kind": "service"}
    await nudged("POST", "/grants", {**body, "resource_id": "svc_" + "0" * 26, "permission": "services.call"})
    grant_id = (await ann.get("/grants"))["items"][0]["id"]
    await nudged("DELETE", f"/grants/{grant_id}")
    await nudged("DELETE", f"/members/{bob_id}")
    await nudged("PATCH", f"/orgs/{world.acme_id}", {"name": "Acme Inc"})
    other = await ann.post("/orgs", {"name": "Globex", "slug": "globex", "owner_email": "g@globex.example"})
    for verb in ("suspend", "resume"):
        await nudged("POST", f"/orgs/{other['id']}/{verb}")
    await nudged("DELETE", f"/orgs/{other['id']}")
    await nudged("POST", "/auth/sign-out")


async def test_names_are_told_within_the_org_only(world: World, ann: Someone) -> None:
    _globex_id, greta = await world.org("globex", "greta@globex.example")
    ann_id = (await ann.get("/auth/me"))["person"]["id"]
    greta_id = (await greta.get("/auth/me"))["person"]["id"]
    key_id = (await ann.post("/keys", {"name": "support-bot"}))["id"]
    wanted = [ann_id, greta_id, key_id, "per_missing"]
    async with world.deps.read() as tx:
        of_acme = await tenancy.principal_names(tx, tenancy.open_system_scope(world.acme_id), wanted)
        of_all = await tenancy.principal_names(tx, tenancy.platform_scope(), wanted)
    assert of_acme == {ann_id: "Ann", key_id: "support-bot"}
    assert of_all == {ann_id: "Ann", key_id: "support-bot", greta_id: "greta"}


async def test_a_prefix_alone_opens_nothing_and_no_secret_shows_in_a_repr(world: World, ann: Someone) -> None:
    made = await ann.post("/keys", {"name": "k"})
    identity = await tenancy.authenticate(world.deps, made["secret"], None)
    assert made["secret"] not in repr(identity)
    with pytest.raises(Refusal):
        await tenancy.authenticate(world.deps, made["prefix"], None)
