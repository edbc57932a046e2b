import re
from typing import Any

import pytest
from sqlalchemy import select

from portico.domains.audit.tables import audit_entries
from portico.domains.events.tables import events
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import parse_life
from portico.domains.tenancy.tables import api_keys
from portico.kernel.errors import BadKey, CredentialExpired, InvalidInput
from portico.kernel.ids import KeyId
from portico.platform.crypto import digest_secret
from tests.tenancy.conftest import Joiner, Someone, World

pytestmark = pytest.mark.req("SS6", "SP3")


async def _make(someone: Someone, **facts: Any) -> Any:
    return await someone.post("/keys", {"name": "support-bot", **facts})


async def test_a_key_shows_its_secret_once_and_stores_a_digest(world: World, ann: Someone) -> None:
    made = await _make(ann, expires_in="30d", rate_limit_per_minute=1000, services=["inventory"])
    secret = made.pop("secret")
    assert re.fullmatch(r"pk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", secret)
    assert made["prefix"] == secret[:11]
    assert made == await ann.get(f"/keys/{made['id']}")
    assert made["permissions"] == ["services.call"]
    assert (made["status"], made["created_by"], made["scope"]) == ("active", "Ann", "ENTERPRISE")
    assert (made["created_at"], made["expires_at"]) == ("2026-01-01T00:00:00.000Z", "2026-01-31T00:00:00.000Z")
    async with world.deps.read() as tx:
        assert (await tx.execute(select(api_keys.c.digest))).scalar_one() == digest_secret(secret)


@pytest.mark.req("HY15")
async def test_no_trail_holds_a_secret(world: World, ann: Someone) -> None:
    made = await _make(ann)
    rotated = await ann.post(f"/keys/{made['id']}/rotate", {}, 200)
    async with world.deps.read() as tx:
        rows = [
            str(row) for table in (audit_entries, events) for row in (await tx.execute(select(table))).mappings().all()
        ]
    assert any("key.rotate" in row for row in rows)
    assert not [row for row in rows if made["secret"][12:] in row or rotated["secret"][12:] in row]


async def test_a_key_opens_its_org_and_scope_with_its_permissions(world: World, ann: Someone) -> None:
    made = await _make(ann, permissions=["keys.read", "services.call"], scope="DEVELOPMENT")
    identity = await tenancy.authenticate(world.deps, made["secret"], None)
    assert (identity.scope.org_id, identity.scope.scope) == (world.acme_id, "DEVELOPMENT")
    assert identity.scope.permissions == {"keys.read", "services.call"}
    assert (identity.person_id, identity.role, identity.is_superadmin) == (None, None, False)
    key = world.holding(made["secret"])
    me = await key.get("/auth/me")
    assert (me["key"], me["person"], me["role"]) == ({"id": made["id"], "name": "support-bot"}, None, None)
    assert [(each["slug"], each["scopes"]) for each in me["orgs"]] == [("acme", ["DEVELOPMENT"])]
    await key.get("/keys")
    await key.refused(403, "POST", "/keys", {"name": "another"})
    await key.refused(403, "POST", "/auth/switch", {"org_id": world.acme_id, "scope": "ENTERPRISE"})
    await key.refused(403, "POST", "/orgs", {"name": "X", "slug": "x", "owner_email": "x@x.example"})


async def test_one_changed_character_and_the_key_opens_nothing(world: World, ann: Someone) -> None:
    secret = (await _make(ann))["secret"]
    for wrong in range(len(secret)):
        other = "1" if secret[wrong] != "1" else "0"
        with pytest.raises(BadKey):
            await tenancy.authenticate(world.deps, secret[:wrong] + other + secret[wrong + 1 :], None)


async def test_an_expired_key_says_so(world: World, ann: Someone) -> None:
    made = await _make(ann, expires_in="1h")
    world.clock.advance(seconds=3599)
    await tenancy.authenticate(world.deps, made["secret"], None)
    world.clock.advance(seconds=1)
    with pytest.raises(CredentialExpired):
        await tenancy.authenticate(world.deps, made["secret"], None)
    ann = await world.person("ann@acme.example")
    assert [key["status"] for key in (await ann.get("/keys?status=expired"))["items"]] == ["expired"]
    assert (await ann.get("/keys?status=active"))["items"] == []


async def test_a_revoked_key_is_over_at_once_and_stays_in_the_list(world: World, ann: Someone) -> None:
    made = await _make(ann)
    assert len((await world.entries()).keys) == 1
    revoked = await ann.post(f"/keys/{made['id']}/revoke", None, 200)
    assert revoked["status"] == "revoked"
    with pytest.raises(BadKey):
        await tenancy.authenticate(world.deps, made["secret"], None)
    assert (await world.entries()).keys == ()
    assert (await ann.get("/keys?status=revoked"))["pagination"]["total"] == 1
    assert (await ann.post(f"/keys/{made['id']}/revoke", None, 200))["status"] == "revoked"
    await ann.refused(409, "POST", f"/keys/{made['id']}/rotate", {})
    await ann.refused(409, "PATCH", f"/keys/{made['id']}", {"name": "again"})


async def test_rotation_overlaps_for_as_long_as_asked(world: World, ann: Someone) -> None:
    made = await _make(ann)
    rotated = await ann.post(f"/keys/{made['id']}/rotate", {"overlap_s": 600}, 200)
    assert rotated["secret"] != made["secret"]
    assert rotated["prefix"] == made["prefix"]
    assert rotated["previous_valid_until"] == "2026-01-01T00:10:00.000Z"
    entry = (await world.entries()).keys[0]
    assert (entry.digest, entry.previous_digest) == (digest_secret(rotated["secret"]), digest_secret(made["secret"]))
    world.clock.advance(seconds=599)
    for secret in (made["secret"], rotated["secret"]):
        await tenancy.authenticate(world.deps, secret, None)
    world.clock.advance(seconds=1)
    await tenancy.authenticate(world.deps, rotated["secret"], None)
    with pytest.raises(BadKey):
        await tenancy.authenticate(world.deps, made["secret"], None)
    assert (await world.entries()).keys[0].previous_digest is None
    assert (await ann.get(f"/keys/{made['id']}"))["previous_valid_until"] is None


async def test_rotation_without_overlap_ends_the_old_secret(world: World, ann: Someone) -> None:
    made = await _make(ann)
    rotated = await ann.post(f"/keys/{made['id']}/rotate", {"overlap_s": 0}, 200)
    with pytest.raises(BadKey):
        await tenancy.authenticate(world.deps, made["secret"], None)
    await tenancy.authenticate(world.deps, rotated["secret"], None)


@pytest.mark.req("SP4", "HY15")
async def test_nobody_makes_a_key_that_holds_more_than_they_do(join: Joiner) -> None:
    dev = await join("dev@acme.example", "developer")
    await dev.refused(403, "POST", "/keys", {"name": "k", "permissions": ["members.manage"]})
    made = await _make(dev, permissions=["services.manage"])
    await dev.refused(403, "PATCH", f"/keys/{made['id']}", {"permissions": ["budgets.manage"]})
    await dev.refused(400, "POST", "/keys", {"name": "k", "permissions": ["everything"]})
    await dev.refused(400, "POST", "/keys", {"name": "k", "scope": "MISSING"})


@pytest.mark.req("SP4", "HY15")
async def test_nobody_rotates_a_key_to_get_hold_of_more(join: Joiner, ann: Someone) -> None:
    strong = await _make(ann, permissions=["members.manage"])
    dev = await join("dev@acme.example", "developer")
    await dev.refused(403, "POST", f"/keys/{strong['id']}/rotate", {})
    await dev.refused(403, "PATCH", f"/keys/{strong['id']}", {"name": "mine"})


@pytest.mark.req("SP4", "HY15")
async def test_a_key_that_makes_keys_hands_on_no_more_than_it_is(world: World, ann: Someone) -> None:
    maker = await _make(
        ann, permissions=["keys.manage", "keys.read", "services.call"], services=["inventory"], expires_in="1h"
    )
    key = world.holding(maker["secret"])
    await key.refused(403, "POST", "/keys", {"name": "k", "permissions": ["members.manage"]})
    await key.refused(400, "POST", "/keys", {"name": "k"})
    await key.refused(400, "POST", "/keys", {"name": "k", "services": ["pricing"]})
    await key.refused(400, "POST", "/keys", {"name": "k", "services": ["inventory"], "scope": "DEVELOPMENT"})
    child = await key.post("/keys", {"name": "k", "services": ["inventory"], "expires_in": "1y"})
    assert child["expires_at"] == maker["expires_at"]
    await key.refused(400, "PATCH", f"/keys/{child['id']}", {"services": None})


@pytest.mark.req("SP4")
async def test_a_key_shrinks_with_the_role_of_its_maker_and_goes_with_them(
    world: World, ann: Someone, join: Joiner
) -> None:
    dev = await join("dev@acme.example", "developer")
    person_id = (await dev.get("/auth/me"))["person"]["id"]
    made = await _make(dev, permissions=["services.manage", "services.call", "keys.manage", "keys.read"])
    child = await world.holding(made["secret"]).post("/keys", {"name": "child", "permissions": ["services.manage"]})
    await ann.patch(f"/members/{person_id}", {"role": "operator"})
    assert (await ann.get(f"/keys/{made['id']}"))["permissions"] == ["keys.read", "services.call"]
    assert (await ann.get(f"/keys/{child['id']}"))["permissions"] == []
    # An admin cannot lift it above its maker either, who knows the secret.
    await ann.refused(403, "PATCH", f"/keys/{made['id']}", {"permissions": ["services.manage"]})
    await ann.delete(f"/members/{person_id}")
    assert (await ann.get(f"/keys/{made['id']}"))["status"] == "revoked"
    with pytest.raises(BadKey):
        await tenancy.authenticate(world.deps, child["secret"], None)


@pytest.mark.req("SP4")
async def test_a_revoked_key_takes_along_the_keys_that_were_made_with_it(world: World, ann: Someone) -> None:
    permissions = ["keys.manage", "keys.read", "services.call"]
    maker = await _make(ann, permissions=permissions)
    other = await _make(ann, name="other")
    child = await world.holding(maker["secret"]).post("/keys", {"name": "child", "permissions": permissions})
    grandchild = await world.holding(child["secret"]).post("/keys", {"name": "grandchild"})
    await ann.post(f"/keys/{maker['id']}/rotate", {"overlap_s": 0}, 200)
    await tenancy.authenticate(world.deps, grandchild["secret"], None)
    await ann.post(f"/keys/{maker['id']}/revoke", None, 200)
    status = {each["name"]: each["status"] for each in (await ann.get("/keys"))["items"]}
    assert status == {"child": "revoked", "grandchild": "revoked", other["name"]: "active", maker["name"]: "revoked"}
    for key in (child, grandchild):
        with pytest.raises(BadKey):
            await tenancy.authenticate(world.deps, key["secret"], None)
    async with world.deps.read() as tx:
        query = select(events.c.payload).where(events.c.kind == "key.revoked.v1").order_by(events.c.seq)
        told = [each["reason"] for each in (await tx.execute(query)).scalars()]
    assert told == ["revoked", "the key that made it was revoked", "the key that made it was revoked"]


@pytest.mark.req("SP4")
async def test_keys_made_with_a_key_shrink_with_it(world: World, ann: Someone) -> None:
    permissions = ["keys.manage", "services.read", "services.call"]
    maker = await _make(ann, permissions=permissions)
    child = await world.holding(maker["secret"]).post("/keys", {"name": "child", "permissions": permissions})
    grandchild = await world.holding(child["secret"]).post(
        "/keys", {"name": "grandchild", "permissions": ["services.read"], "services": ["inventory", "pricing"]}
    )
    await ann.patch(f"/keys/{maker['id']}", {"permissions": ["keys.manage", "services.call"], "services": ["pricing"]})
    child, grandchild = [await ann.get(f"/keys/{key['id']}") for key in (child, grandchild)]
    assert (child["permissions"], child["services"]) == (["keys.manage", "services.call"], ["pricing"])
    assert (grandchild["permissions"], grandchild["services"]) == ([], ["pricing"])


@pytest.mark.req("SP4")
async def test_when_the_maker_leaves_each_key_ends_once(world: World, ann: Someone, join: Joiner) -> None:
    dev = await join("dev@acme.example", "developer")
    made = await _make(dev, permissions=["keys.manage", "services.call"])
    await world.holding(made["secret"]).post("/keys", {"name": "child"})
    await ann.delete(f"/members/{(await dev.get('/auth/me'))['person']['id']}")
    async with world.deps.read() as tx:
        query = select(events.c.payload).where(events.c.kind == "key.revoked.v1")
        ended = [each["key_id"] for each in (await tx.execute(query)).scalars()]
    assert len(ended) == len(set(ended)) == 2


async def test_a_change_is_partial_and_unknown_fields_are_refused(ann: Someone) -> None:
    made = await _make(ann, services=["inventory"], rate_limit_per_minute=10)
    changed = await ann.patch(f"/keys/{made['id']}", {"name": "renamed"})
    assert (changed["name"], changed["services"], changed["rate_limit_per_minute"]) == ("renamed", ["inventory"], 10)
    changed = await ann.patch(f"/keys/{made['id']}", {"services": None, "rate_limit_per_minute": None})
    assert (changed["services"], changed["rate_limit_per_minute"]) == (None, None)
    await ann.refused(400, "PATCH", f"/keys/{made['id']}", {"scope": "DEVELOPMENT"})
    await ann.refused(400, "POST", "/keys", {"name": "k", "rate_limit_per_minute": 0})
    await ann.refused(400, "POST", "/keys", {"name": "a\x00b"})


async def test_keys_are_found_by_name_and_listed_in_pages(ann: Someone) -> None:
    for number in range(5):
        await _make(ann, name=f"bot_{number}")
    await _make(ann, name="botx0")
    first = await ann.get("/keys?page_size=2&q=BOT_")
    assert [key["name"] for key in first["items"]] == ["bot_4", "bot_3"]
    assert first["pagination"]["total"] == 5
    second = await ann.get(f"/keys?page_size=2&q=BOT_&cursor={first['pagination']['cursors']['next']}")
    assert [key["name"] for key in second["items"]] == ["bot_2", "bot_1"]
    await ann.refused(400, "GET", "/keys?cursor=WzEsMV0")
    await ann.refused(400, "GET", "/keys?q=%00")


async def test_the_last_use_only_moves_forward(world: World, ann: Someone) -> None:
    made = await _make(ann)
    assert made["last_used_at"] is None
    later = world.clock.now()
    world.clock.advance(seconds=-60)
    for at in (later, world.clock.now()):
        async with world.deps.uow() as tx:
            await tenancy.touch_keys(tx, tenancy.platform_scope(), {KeyId(made["id"]): at})
    assert (await ann.get(f"/keys/{made['id']}"))["last_used_at"] == "2026-01-01T00:00:00.000Z"


async def test_managing_with_a_key_counts_as_use(world: World, ann: Someone) -> None:
    made = await _make(ann)
    await tenancy.authenticate(world.deps, made["secret"], None)
    assert (await ann.get(f"/keys/{made['id']}"))["last_used_at"] == "2026-01-01T00:00:00.000Z"


def test_lives_are_a_number_and_a_unit() -> None:
    assert parse_life("30d").days == 30
    assert parse_life("1y").days == 365
    for wrong in ("", "30", "d", "0d", "-1d", "1w", "11y", "99999d", "1d ", "\uff11d"):
        with pytest.raises(InvalidInput):
            parse_life(wrong)
