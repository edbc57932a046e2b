import asyncio
import base64
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import select

from portico.domains.audit.tables import audit_entries
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.errors import SignInEnded
from portico.domains.tenancy.service import passwords as password_work
from portico.domains.tenancy.tables import people, refresh_tokens
from portico.kernel.errors import BadKey, CredentialExpired, MissingCredentials
from portico.platform.deps import Deps
from tests.tenancy.conftest import PASSWORD, Joiner, Someone, World

pytestmark = pytest.mark.req("SP3")


async def test_a_sign_in_answers_who_i_am_and_keeps_the_refresh_token_from_scripts(world: World) -> None:
    answer = await world.sign_in("Ann@ACME.example")
    me = answer.json()["me"]
    assert answer.json()["expires_in_s"] == 3600
    assert (me["person"]["email"], me["person"]["is_superadmin"], me["role"], me["is_owner"]) == (
        "ann@acme.example",
        True,
        "admin",
        True,
    )
    assert me["orgs"] == [
        {
            "id": world.acme_id,
            "name": "Acme",
            "slug": "acme",
            "role": "admin",
            "is_owner": True,
            "scopes": ["ENTERPRISE", "DEVELOPMENT", "LOCAL-SANDBOX"],
        }
    ]
    cookie = answer.headers["set-cookie"]
    for part in ("portico_refresh=", "HttpOnly", "SameSite=strict", "Path=/api/v1/auth", "Max-Age=604800"):
        assert part in cookie
    assert "portico_refresh" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.req("HY15", "C13")
async def test_what_is_stored_lets_nobody_in(world: World) -> None:
    answer = await world.sign_in("ann@acme.example")
    async with world.deps.read() as tx:
        stored = (await tx.execute(select(people.c.password_hash))).scalar_one()
        digests = (await tx.execute(select(refresh_tokens.c.digest))).scalars().all()
    assert stored.startswith("$argon2id$")
    assert answer.cookies["portico_refresh"].encode() not in digests


@pytest.mark.req("HY15")
async def test_an_unknown_person_and_a_wrong_password_look_and_cost_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    verify = password_work.PasswordWork._verify

    def counting(self: password_work.PasswordWork, password: str, password_hash: str) -> str | None:
        verified.append(password_hash)
        return verify(self, password, password_hash)

    monkeypatch.setattr(password_work.PasswordWork, "_verify", counting)
    wrong = await world.sign_in("ann@acme.example", "not her password")
    unknown = await world.sign_in("nobody@acme.example", "not her password")
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json()) == (401, wrong.json())
    # The same parameters, so the same work.
    assert [each.rsplit("$", 2)[0] for each in verified] == ["$argon2id$v=19$m=8,t=1,p=1"] * 2


async def test_the_sixth_try_in_a_minute_waits_even_with_the_right_password(world: World) -> None:
    for _ in range(5):
        assert (await world.sign_in("ann@acme.example", "wrong")).status_code == 401
        world.clock.advance(seconds=1)
    assert (await world.sign_in("ann@acme.example")).status_code == 429
    assert (await world.sign_in("ann@acme.example", address="198.51.100.1")).status_code == 200
    assert (await world.sign_in("bob@acme.example", "wrong")).status_code == 401
    # The window slides: the first try leaves it a minute after it was made.
    world.clock.advance(seconds=55)
    assert (await world.sign_in("ann@acme.example")).status_code == 200


async def test_a_sign_in_that_worked_gives_the_tries_back(world: World) -> None:
    for _ in range(8):
        assert (await world.sign_in("ann@acme.example", "wrong")).status_code == 401
        assert (await world.sign_in("ann@acme.example")).status_code == 200


@pytest.mark.req("HY15")
async def test_what_fails_is_in_the_audit_without_the_password(world: World, ann: Someone) -> None:
    await world.sign_in("ann@acme.example", "hunter2 hunter2")
    await world.sign_in("ann@acme.example", org_id="org_x")
    new = {"current_password": "hunter2 hunter2", "new_password": "hunter2 hunter3"}
    await ann.refused(400, "POST", "/auth/password", new)
    async with world.deps.read() as tx:
        rows = (await tx.execute(select(audit_entries).where(audit_entries.c.outcome == "refused"))).mappings().all()
    assert sorted(row["action"] for row in rows) == ["person.change_password", "sign_in.start", "sign_in.start"]
    (change,) = [row for row in rows if row["action"] == "person.change_password"]
    assert (change["org_id"], change["actor_name"], change["address"]) == (world.acme_id, "Ann", "203.0.113.7")
    assert {row["target_name"] for row in rows if row is not change} == {"ann@acme.example"}
    assert "hunter2" not in str(rows)


async def test_the_queue_for_hashing_is_bounded() -> None:
    work = password_work.PasswordWork(password_work.passwords._hasher, threads=1, most_waiting=0)
    assert await work.matches(await work.hash("a"), "a")
    work._room.acquire()
    with pytest.raises(Exception, match="sign-ins at once"):
        await work.hash("b")


def _payload(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def _joined(header: object, payload: object, signature: str) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, payload)]
    return ".".join([*parts, signature])


@pytest.mark.req("SS1")
async def test_a_token_names_org_scope_role_and_sign_in(world: World, ann: Someone) -> None:
    claims = _payload(ann.credential or "")
    assert claims["org_id"] == world.acme_id
    assert (claims["iss"], claims["scope"], claims["role"]) == ("portico", "ENTERPRISE", "admin")
    assert claims.keys() == {"iss", "sub", "org_id", "scope", "role", "sid", "iat", "exp", "jti"}


FORGERIES: list[Callable[[str], str]] = [
    lambda token: token[:-4] + ("aaaa" if token[-4:] != "aaaa" else "bbbb"),
    lambda token: _joined({"alg": "none"}, _payload(token), ""),
    lambda token: _joined({"alg": "HS256"}, _payload(token) | {"org_id": "org_x"}, token.split(".")[2]),
    lambda token: jwt.encode({"alg": "HS256"}, _payload(token), OctKey.import_key(b"x" * 32)),
    lambda token: jwt.encode({"alg": "HS512"}, _payload(token), OctKey.import_key(b"x" * 64), ["HS512"]),
    lambda token: token + "x" * 5000,
    lambda token: "ä" + token,
    lambda token: "..",
    lambda token: "pk_00000000_" + "A" * 43,
    lambda token: "pk_",
]


@pytest.mark.req("SS1", "HY15")
async def test_a_forged_credential_is_refused(world: World, ann: Someone) -> None:
    for forge in FORGERIES:
        with pytest.raises(BadKey):
            await tenancy.authenticate(world.deps, forge(ann.credential or ""), None)


@pytest.mark.req("SS1")
async def test_a_token_that_lacks_a_claim_is_refused_though_signed_by_us(world: World, ann: Someone) -> None:
    key = OctKey.import_key(world.deps.keys.derive("tokens"))
    for dropped in ("sub", "sid", "scope", "exp", "iss"):
        claims = {name: value for name, value in _payload(ann.credential or "").items() if name != dropped}
        with pytest.raises(BadKey):
            await tenancy.authenticate(world.deps, jwt.encode({"alg": "HS256"}, claims, key), None)


@pytest.mark.req("SS1")
async def test_a_signed_token_of_no_org_or_a_foreign_one_is_refused(world: World, join: Joiner) -> None:
    bob = await join("bob@acme.example", "viewer")
    key = OctKey.import_key(world.deps.keys.derive("tokens"))
    claims = _payload(bob.credential or "")
    own = claims.pop("org_id")
    for foreign in (claims, claims | {"org_id": ""}, claims | {"org_id": "org_x"}):
        with pytest.raises(SignInEnded):
            await tenancy.authenticate(world.deps, jwt.encode({"alg": "HS256"}, foreign, key), None)
    await tenancy.authenticate(world.deps, jwt.encode({"alg": "HS256"}, claims | {"org_id": own}, key), None)


async def test_no_credential_is_asked_for_one(world: World) -> None:
    with pytest.raises(MissingCredentials):
        await tenancy.authenticate(world.deps, "", None)
    await world.nobody.refused(401, "GET", "/auth/me")
    await world.nobody.refused(401, "GET", "/keys")


@pytest.mark.req("C13")
async def test_an_access_token_lives_an_hour(world: World, ann: Someone) -> None:
    world.clock.advance(seconds=3599)
    await ann.get("/auth/me")
    world.clock.advance(seconds=1)
    with pytest.raises(CredentialExpired):
        await tenancy.authenticate(world.deps, ann.credential or "", None)


async def test_sign_out_ends_the_access_token_at_once_here_and_at_the_gateway(world: World, ann: Someone) -> None:
    sign_in_id = _payload(ann.credential or "")["sid"]
    answer = await ann.ask("POST", "/auth/sign-out")
    assert answer.status_code == 204
    assert 'portico_refresh=""' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
    await ann.refused(401, "GET", "/auth/me")
    assert (await world.entries()).revoked_sign_ins == (sign_in_id,)
    # An hour later no access token of it is left, so the gateway need not remember it.
    world.clock.advance(seconds=3600)
    assert (await world.entries()).revoked_sign_ins == ()


async def test_sign_out_works_with_the_cookie_alone(world: World) -> None:
    answer = await world.sign_in("ann@acme.example")
    token = answer.cookies["portico_refresh"]
    out = await world.nobody.ask("POST", "/auth/sign-out", Cookie=f"portico_refresh={token}")
    assert out.status_code == 204
    assert (await world.refresh(token)).status_code == 401
    await world.holding(answer.json()["access_token"]).refused(401, "GET", "/auth/me")


async def test_a_new_password_ends_the_other_sign_ins_and_keeps_this_one(world: World, ann: Someone) -> None:
    other = await world.sign_in("ann@acme.example")
    elsewhere = world.holding(other.json()["access_token"])
    new = "  another horse battery "
    await ann.refused(400, "POST", "/auth/password", {"current_password": "wrong", "new_password": new})
    await ann.refused(400, "POST", "/auth/password", {"current_password": PASSWORD, "new_password": "short"})
    await ann.post("/auth/password", {"current_password": PASSWORD, "new_password": new}, 204)
    await ann.get("/auth/me")
    await elsewhere.refused(401, "GET", "/auth/me")
    assert (await world.refresh(other.cookies["portico_refresh"])).status_code == 401
    assert (await world.sign_in("ann@acme.example")).status_code == 401
    # Blanks at the ends belong to the password.
    assert (await world.sign_in("ann@acme.example", new.strip())).status_code == 401
    assert (await world.sign_in("ann@acme.example", new)).status_code == 200


async def test_guesses_of_the_current_password_are_counted(world: World, ann: Someone) -> None:
    body = {"current_password": "wrong", "new_password": "another horse battery"}
    for _ in range(5):
        await ann.refused(400, "POST", "/auth/password", body)
    await ann.refused(429, "POST", "/auth/password", body)


MALFORMED: list[object] = [
    {"email": "ann@acme.example"},
    {"email": "ann", "password": "x"},
    {"email": "ann@acme.example\x00", "password": "x"},
    {"email": "ann@acme.example", "password": "x" * 1025},
    {"email": "ann@acme.example", "password": "x", "admin": True},
    {"email": ["ann@acme.example"], "password": "x"},
    {"email": "ann@acme.example", "password": "\ud800"},
]


@pytest.mark.req("HY15")
async def test_a_malformed_sign_in_is_refused(world: World) -> None:
    for body in MALFORMED:
        answer = await world.nobody.ask("POST", "/auth/sign-in", body)
        assert answer.status_code == 400, body


async def test_tries_at_the_same_moment_are_all_counted(world: World) -> None:
    answers = await asyncio.gather(*(world.sign_in("ann@acme.example", "wrong") for _ in range(9)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 4


async def test_a_person_stands_in_one_place_and_switches(world: World, ann: Someone) -> None:
    globex_id, greta = await world.org("globex", "greta@globex.example")
    token = (await greta.post("/invitations", {"email": "ann@acme.example", "role": "viewer"}))["token"]
    # Ann is known already: the invitation alone must not be enough to take her account over.
    body = {"token": token, "name": "Mallory", "password": "a password of Mallory"}
    await world.nobody.refused(401, "POST", "/auth/invitations/accept", body)
    await world.accept(token, "ignored")
    assert (await ann.get("/auth/me"))["org"]["slug"] == "acme"
    moved = await ann.post("/auth/switch", {"org_id": globex_id, "scope": "LOCAL-SANDBOX"}, 200)
    me = moved["me"]
    assert (me["org"]["slug"], me["scope"], me["role"], me["person"]["name"]) == (
        "globex",
        "LOCAL-SANDBOX",
        "viewer",
        "Ann",
    )
    assert len(me["orgs"]) == 2
    await ann.refused(404, "POST", "/auth/switch", {"org_id": "org_missing", "scope": "ENTERPRISE"})
    await ann.refused(404, "POST", "/auth/switch", {"org_id": globex_id, "scope": "MISSING"})
    await greta.refused(404, "POST", "/auth/switch", {"org_id": world.acme_id, "scope": "ENTERPRISE"})


async def test_a_refresh_stands_where_the_sign_in_stands(world: World) -> None:
    answer = await world.sign_in("ann@acme.example")
    someone = world.holding(answer.json()["access_token"])
    await someone.post("/auth/switch", {"org_id": world.acme_id, "scope": "LOCAL-SANDBOX"}, 200)
    assert (await world.refresh(answer.cookies["portico_refresh"])).json()["me"]["scope"] == "LOCAL-SANDBOX"


async def test_seeding_twice_changes_nothing_and_says_so(world: World, deps: Deps) -> None:
    again = await tenancy.seed_owner(deps, "Acme", "acme", "ann@acme.example", "Ann", "another password")
    assert again.org_id == world.acme_id
    assert not again.created
    assert (await world.sign_in("ann@acme.example")).status_code == 200


async def test_secure_cookies_where_the_settings_say_so(world: World) -> None:
    assert "Secure" not in (await world.sign_in("ann@acme.example")).headers["set-cookie"]
    object.__setattr__(world.deps.settings.security, "secure_cookies", True)
    assert "Secure" in (await world.sign_in("ann@acme.example")).headers["set-cookie"]


async def test_old_sign_ins_are_purged_and_running_ones_stay(world: World, ann: Someone) -> None:
    gone = await world.person("ann@acme.example")
    await gone.post("/auth/sign-out", status=204)
    world.clock.advance(seconds=timedelta(days=31).total_seconds())
    running = await world.person("ann@acme.example")
    assert await tenancy.purge_expired(tenancy.platform_scope(), world.deps) >= 1
    await running.get("/auth/me")
