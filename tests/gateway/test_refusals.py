"""Who may call what: every refusal is the one error body, with its code, status and headers."""

import hashlib
import time

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from portico.domains.routing.model import GrantEntry, LimitEntry, MemberEntry
from portico.gateway.wire.head import status_line
from portico.platform.sections import ServerSettings
from portico.platform.settings import Settings
from tests.gateway import house as terms
from tests.gateway.builder import Builder
from tests.gateway.house import ORG, SCOPE, SECRET, Answer, House, answer, ask_body, key, model, service

SEC6 = "pk_11111111_" + "t" * 43
MEMBER = MemberEntry("per_1", ORG, "Ada", terms.ALL_PERMISSIONS, None)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def now_us(plus_s: float = 0) -> int:
    return int((time.time() + plus_s) * 1_000_000)


def assert_envelope(got: Answer, status: int, code: str, e_code: str) -> None:
    """The one error body (SP6), with the ids that every answer carries."""
    assert (got.status, got.json["code"], got.json["error"]["code"]) == (status, code, e_code)
    assert got.headers["x-portico-origin"] == "portico"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-request-id"] == got.json["correlation_id"]
    assert got.headers["traceparent"].split("-")[1] == got.json["error"]["trace_id"]
    assert set(got.json["error"]) >= {
        "code",
        "message",
        "details",
        "timestamp",
        "path",
        "trace_id",
        "fields",
        "retryable",
    }
    assert got.json["message"] == got.json["error"]["message"] != ""
    if status == 401:
        assert got.headers["www-authenticate"] == 'Bearer realm="portico"'


@pytest.mark.req("SP6", "SP7", "SP1")
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "e_code"),
    [
        ("GET", "/svc/none/x", b"", 404, "NOT_FOUND", "E9001"),
        ("GET", "/svc/NONE/x", b"", 404, "ROUTE_NOT_FOUND", "E9001"),
        ("GET", "/svc/echo/../x", b"", 404, "ROUTE_NOT_FOUND", "E9001"),
        ("GET", "/svc/echo/%2E%2e/x", b"", 404, "ROUTE_NOT_FOUND", "E9001"),
        ("GET", "/svc/echo/..%2fx", b"", 404, "ROUTE_NOT_FOUND", "E9001"),
        ("POST", "/v1/completions", b"{}", 404, "ROUTE_NOT_FOUND", "E9001"),
        ("GET", "/v1/chat/completions", b"", 405, "METHOD_NOT_ALLOWED", "E9004"),
        ("GET", "/v1/models/none", b"", 404, "NOT_FOUND", "E9001"),
        ("POST", "/v1/chat/completions", b"{", 400, "BAD_JSON", "E9305"),
        ("POST", "/v1/chat/completions", b"\xff\xfe", 400, "BAD_JSON", "E9305"),
        ("POST", "/v1/chat/completions", b"[]", 400, "INVALID_INPUT", "E9302"),
        ("POST", "/v1/chat/completions", b"{}", 400, "INVALID_INPUT", "E9302"),
        ("POST", "/v1/chat/completions", ask_body(max_tokens="many"), 400, "INVALID_INPUT", "E9302"),
        ("POST", "/v1/chat/completions", ask_body(max_tokens=-1), 400, "INVALID_INPUT", "E9302"),
        ("POST", "/v1/chat/completions", ask_body(n=0), 400, "INVALID_INPUT", "E9302"),
        ("POST", "/v1/chat/completions", ask_body(model="other"), 404, "NOT_FOUND", "E9001"),
        ("POST", "/v1/chat/completions", b'{"model":"m","x":' + b"[" * 100_000, 400, "BAD_JSON", "E9305"),
    ],
)
async def test_requests_that_cannot_be_served(
    build: Builder, method: str, path: str, body: bytes, status: int, code: str, e_code: str
) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", upstream.url), model(upstream.url))
    assert_envelope(await house.ask(method, path, body), status, code, e_code)
    assert upstream.requests == []


@pytest.mark.req("SP7")
async def test_an_invalid_field_is_named(build: Builder) -> None:
    house = await build.house(model("http://127.0.0.1:9"))
    got = await house.chat(max_tokens="many")
    assert [each["field"] for each in got.json["error"]["fields"]] == ["max_tokens"]


@pytest.mark.req("SP7")
@pytest.mark.parametrize(
    ("path", "headers", "status", "code", "e_code"),
    [
        ("/svc/echo/x%00", "", 400, "NUL_BYTE", "E9307"),
        ("/svc/echo/x?" + "q" * 5000, "", 414, "QUERY_TOO_LONG", "E9308"),
        ("/svc/echo/x", "X-A: " + "a" * 20_000 + "\r\n", 431, "HEADERS_TOO_LARGE", "E9309"),
        ("/svc/echo/x", "Content-Length: nine\r\n", 400, "BAD_REQUEST", "E9306"),
    ],
)
async def test_refusals_of_the_wire(
    build: Builder, path: str, headers: str, status: int, code: str, e_code: str
) -> None:
    house = await build.house(service("echo", "http://127.0.0.1:9"))
    got = await house.ask("GET", path, headers=headers)
    assert (got.status, got.json["code"], got.json["error"]["code"]) == (status, code, e_code)
    assert got.headers["connection"] == "close"
    assert status_line(status).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.req("SP5", "SP7", "SS6")
@pytest.mark.parametrize(
    ("headers", "status", "code", "e_code"),
    [
        ("", 401, "MISSING_CREDENTIALS", "E9103"),
        ("Authorization: Basic eA==\r\n", 401, "MISSING_CREDENTIALS", "E9103"),
        ("Authorization: Bearer \r\n", 401, "MISSING_CREDENTIALS", "E9103"),
        (f"Authorization: Bearer {SECRET}x\r\n", 401, "BAD_KEY", "E9101"),
        (f"Authorization: Bearer {SECRET[:-1]}\r\n", 401, "BAD_KEY", "E9101"),
        ("Authorization: Bearer pk_00000000_nope\r\n", 401, "BAD_KEY", "E9101"),
        ("Authorization: Bearer a.b.c\r\n", 401, "BAD_KEY", "E9101"),
        ("Authorization: Bearer \xe4\r\n", 401, "BAD_KEY", "E9101"),
    ],
)
async def test_who_is_not_known_is_refused_before_the_path_is_judged(
    build: Builder, headers: str, status: int, code: str, e_code: str
) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.in_front_of(upstream)
    for path in ("/svc/echo/x", "/svc/none/x", "/svc/../x", "/v1/nothing"):
        assert_envelope(await house.ask("GET", path, secret=None, headers=headers), status, code, e_code)
    assert upstream.requests == []
    # They belong to no org, so there is no record of theirs.
    assert house.calls() == []


@pytest.mark.parametrize("name", ["Authorization: bearer ", "x-api-key: ", "API-Key: "])
async def test_keys_of_other_vendors_headers_are_the_same_keys_and_never_passed_on(build: Builder, name: str) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.in_front_of(upstream)
    assert (await house.ask("GET", "/svc/echo/x", secret=None, headers=f"{name}{SECRET}\r\n")).status == 200
    assert SECRET.encode() not in upstream.requests[0]


@pytest.mark.req("SS6", "SP7")
async def test_keys_end_as_their_owner_said(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.in_front_of(upstream)

    async def answered(secret: str, **changes: object) -> int:
        house.gate.adopt(terms.snapshot(service("echo", upstream.url), keys=(key(**changes),), version=2))
        return (await house.ask("GET", "/svc/echo/x", secret=secret)).status

    rotated = {"digest": digest(SEC6), "previous_digest": digest(SECRET)}
    assert await answered(SECRET, expires_at_us=now_us(60)) == 200
    assert await answered(SECRET, expires_at_us=now_us(-1)) == 401
    assert await answered(SEC6, **rotated, previous_until_us=now_us(60)) == 200
    assert await answered(SECRET, **rotated, previous_until_us=now_us(60)) == 200
    assert await answered(SECRET, **rotated, previous_until_us=now_us(-1)) == 401
    # Whichever ends first: a rotation does not lengthen the life of the key.
    assert await answered(SECRET, **rotated, previous_until_us=now_us(60), expires_at_us=now_us(-1)) == 401
    got = await house.ask("GET", "/svc/echo/x")
    assert_envelope(got, 401, "EXPIRED", "E9102")
    house.gate.adopt(terms.snapshot(service("echo", upstream.url), keys=(), version=3))
    assert_envelope(await house.ask("GET", "/svc/echo/x"), 401, "BAD_KEY", "E9101")


@pytest.mark.req("SP7")
async def test_a_key_that_expires_is_refused_under_the_same_snapshot(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", upstream.url), snapshot={"keys": (key(expires_at_us=now_us(0.3)),)})
    assert (await house.ask("GET", "/svc/echo/x")).status == 200
    await terms.asyncio.sleep(0.35)
    assert (await house.ask("GET", "/svc/echo/x")).json["code"] == "EXPIRED"


@pytest.mark.req("SP7")
async def test_nothing_in_a_suspended_org_can_be_used(build: Builder) -> None:
    house = await build.house(service("echo", "http://127.0.0.1:9"), snapshot={"active": False})
    assert_envelope(await house.ask("GET", "/svc/echo/x"), 403, "ORG_SUSPENDED", "E9202")


@pytest.mark.req("SS6", "SP7")
async def test_a_key_calls_what_it_may(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    here, there = service("echo", upstream.url), service("other", upstream.url)
    house = await build.house(here, there, snapshot={"keys": (key(services=("echo",)),)})
    assert (await house.ask("GET", "/svc/echo/x")).status == 200
    assert_envelope(await house.ask("GET", "/svc/other/x"), 403, "SERVICE_NOT_ALLOWED", "E9203")
    house.gate.adopt(terms.snapshot(here, keys=(key(permissions=("services.read",)),), version=2))
    assert_envelope(await house.ask("GET", "/svc/echo/x"), 403, "NOT_AUTHORIZED", "E9201")


async def test_a_restricted_service_does_not_exist_for_those_without_a_grant(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    hidden = service("echo", upstream.url, restricted=True)
    house = await build.house(hidden)
    got, missing = await house.ask("GET", "/svc/echo/x"), await house.ask("GET", "/svc/none/x")
    assert_envelope(got, 404, "NOT_FOUND", "E9001")
    assert got.json["message"].replace("echo", "none") == missing.json["message"]
    grant = GrantEntry(ORG, "key_1", "svc_echo", "services.call")
    house.gate.adopt(terms.snapshot(hidden, grants=(grant,), version=2))
    assert (await house.ask("GET", "/svc/echo/x")).status == 200


async def test_a_service_of_another_org_or_scope_does_not_exist(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    foreign = service("foreign", upstream.url, org_id="org_OTHER")
    elsewhere = service("elsewhere", upstream.url, scope="DEVELOPMENT")
    house = await build.house(foreign, elsewhere)
    for name in ("foreign", "elsewhere"):
        assert (await house.ask("GET", f"/svc/{name}/x")).json["code"] == "NOT_FOUND"


async def test_a_scopes_own_service_hides_the_orgs(build: Builder) -> None:
    own, shared = await build.upstream(answer(b"own")), await build.upstream(answer(b"shared"))
    house = await build.house(
        service("echo", shared.url, id="svc_a"),
        service("echo", own.url, id="svc_b", scope=SCOPE, versions=service("own", own.url).versions),
    )
    assert (await house.ask("GET", "/svc/echo/x")).body == b"own"


# -- people -------------------------------------------------------------------------------------------------------------


def token(house: House, **changes: object) -> str:
    claims = {
        "iss": "portico", "sub": "per_1", "org_id": ORG, "scope": SCOPE, "role": "developer", "sid": "sig_1",
        "iat": int(time.time()), "exp": int(time.time()) + 60, "jti": "tok_1",
    }  # fmt: skip
    return jwt.encode({"alg": "HS256"}, {**claims, **changes}, OctKey.import_key(house.gate.token_key))


@pytest.mark.req("SP5")
async def test_a_person_calls_with_an_access_token(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", upstream.url), snapshot={"members": (MEMBER,)})
    good = token(house)
    assert (await house.ask("GET", "/svc/echo/x", secret=good)).status == 200
    assert good.encode() not in upstream.requests[0]
    [call] = await house.calls_ended()
    assert (call.principal_kind, call.principal_id, call.principal_name) == ("person", "per_1", "Ada")


@pytest.mark.req("SP7")
async def test_tokens_that_are_not_good(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", upstream.url), snapshot={"members": (MEMBER,)})
    good = token(house)
    head, body, signature = good.split(".")
    other = jwt.encode(
        {"alg": "HS256"}, jwt.decode(good, OctKey.import_key(house.gate.token_key)).claims, OctKey.import_key(b"o" * 32)
    )
    bad = {
        "tampered body": f"{head}.{body[:-2]}AA.{signature}",
        "tampered signature": good[:-4] + "AAAA",
        "no signature": f"{head}.{body}.",
        "alg none": f"eyJhbGciOiJub25lIn0.{body}.",
        "another key": other,
        "another issuer": token(house, iss="evil"),
        "unknown person": token(house, sub="per_2"),
        "another org": token(house, org_id="org_OTHER"),
        "no claims": jwt.encode({"alg": "HS256"}, {"iss": "portico"}, OctKey.import_key(house.gate.token_key)),
    }
    for name, secret in bad.items():
        got = await house.ask("GET", "/svc/echo/x", secret=secret)
        assert (got.status, got.json["code"]) == (401, "BAD_KEY"), name
    got = await house.ask("GET", "/svc/echo/x", secret=token(house, exp=int(time.time()) - 1))
    assert_envelope(got, 401, "EXPIRED", "E9102")
    assert upstream.requests == []


async def test_an_ended_sign_in_and_a_lost_membership_end_a_token(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", upstream.url), snapshot={"members": (MEMBER,)})
    good = token(house)
    first = terms.snapshot(service("echo", upstream.url), members=(MEMBER,), version=2)
    assert (await house.ask("GET", "/svc/echo/x", secret=good)).status == 200
    for changed in (
        msgspec.structs.replace(first, revoked_sign_ins=("sig_1",), version=3),
        msgspec.structs.replace(first, members=(), version=4),
        msgspec.structs.replace(first, members=(msgspec.structs.replace(MEMBER, scopes=("DEVELOPMENT",)),), version=5),
    ):
        house.gate.adopt(changed)
        assert (await house.ask("GET", "/svc/echo/x", secret=good)).status == 401
        house.gate.adopt(msgspec.structs.replace(first, version=changed.version + 10))
        assert (await house.ask("GET", "/svc/echo/x", secret=good)).status == 200


# -- readiness ----------------------------------------------------------------------------------------------------------


@pytest.mark.req("SP7")
async def test_a_gateway_that_hears_nothing_refuses_after_a_while(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.in_front_of(upstream)
    house.hears = False
    house.gate.current_at -= house.gate.limits.max_snapshot_age_s - 1
    assert (await house.ask("GET", "/svc/echo/x")).status == 200
    house.gate.current_at -= 2
    assert_envelope(await house.ask("GET", "/svc/echo/x"), 503, "NOT_READY", "E9902")


# -- rates --------------------------------------------------------------------------------------------------------------


def limit(name: str, kind: str, rate: int, per_s: int = 60, **changes: object) -> LimitEntry:
    entry = LimitEntry(f"lim_{name}", ORG, name, kind, None, f"each {kind}", rate, per_s, None)  # type: ignore[arg-type]
    return msgspec.structs.replace(entry, **changes)


@pytest.mark.req("SP2", "SS25", "C9", "SS6")
async def test_limits_are_nested_and_the_first_exhausted_one_answers(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    limits = (limit("té\nam", "scope", 4), limit("house", "org", 100))
    house = await build.house(
        service("echo", upstream.url),
        snapshot={"limits": limits, "keys": (key(rate_limit_per_minute=3), key(SEC6, id="key_2"))},
    )
    for left in (2, 1, 0):
        got = await house.ask("GET", "/svc/echo/x")
        assert (got.headers["x-ratelimit-limit"], got.headers["x-ratelimit-remaining"]) == ("3", str(left))
        assert 0 < int(got.headers["x-ratelimit-reset"]) <= 61
    got = await house.ask("GET", "/svc/echo/x")
    assert_envelope(got, 429, "RATE_LIMITED", "E9401")
    assert "'per key' of the key demo" in got.json["message"]
    assert (got.headers["x-ratelimit-limit"], got.headers["x-ratelimit-remaining"]) == ("3", "0")
    # One call a 20 s: what was refused took nothing from the wider limits.
    assert got.json["error"]["retry_after_s"] == pytest.approx(20, abs=1)
    assert int(got.headers["retry-after"]) in {19, 20, 21}
    assert (await house.ask("GET", "/svc/echo/x", secret=SEC6)).status == 200
    got = await house.ask("GET", "/svc/echo/x", secret=SEC6)
    assert "'té\\nam' of each scope" in got.json["message"]
    assert got.headers["x-ratelimit-name"] == "t??am"
    assert got.json["error"]["retry_after_s"] == pytest.approx(15, abs=1)


@pytest.mark.req("SP2")
async def test_waiting_as_long_as_told_is_enough(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(
        service("echo", upstream.url), snapshot={"limits": (limit("fast", "org", 5, 1, burst=1),)}
    )
    assert (await house.ask("GET", "/svc/echo/x")).status == 200
    got = await house.ask("GET", "/svc/echo/x")
    wait_s = got.json["error"]["retry_after_s"]
    assert 0 < wait_s <= 0.2
    await terms.asyncio.sleep(wait_s + 0.002)
    assert (await house.ask("GET", "/svc/echo/x")).status == 200


@pytest.mark.req("C8", "SP2", "SS25")
async def test_strangers_are_limited_by_address_and_in_all(build: Builder) -> None:
    proxied = Settings(server=ServerSettings(trusted_proxies=["127.0.0.0/8"]))
    house = await build.house(
        service("echo", "http://127.0.0.1:9"), base=proxied, anonymous_per_minute=3, anonymous_total_per_minute=5
    )

    async def stranger(address: str) -> Answer:
        return await house.ask("GET", "/svc/echo/x", secret=None, headers=f"X-Forwarded-For: {address}\r\n")

    assert [(await stranger("203.0.113.1")).status for _ in range(4)] == [401, 401, 401, 429]
    got = await stranger("203.0.113.1")
    assert_envelope(got, 429, "RATE_LIMITED", "E9401")
    assert "the address 203.0.113.1" in got.json["message"]
    assert [(await stranger("203.0.113.2")).status for _ in range(3)] == [401, 401, 429]
    # Who is known is not a stranger.
    assert (await house.ask("GET", "/svc/none/x")).status == 404


@pytest.mark.req("C8")
async def test_the_management_api_counts_strangers_too(build: Builder) -> None:
    house = await build.house(anonymous_per_minute=2)
    statuses = [
        (await house.ask("POST", path, b"{}", secret=None)).status for path in ("/api/v1/a", "/%61pi/v1/a", "/api/v1/b")
    ]
    assert statuses == [503, 503, 429]


@pytest.mark.parametrize(
    ("trusted", "sent", "seen"),
    [
        ([], "X-Forwarded-For: 198.51.100.7\r\n", "127.0.0.1"),
        (["10.0.0.0/8"], "X-Forwarded-For: 198.51.100.7\r\n", "127.0.0.1"),
        (["127.0.0.0/8"], "X-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7"),
        (["127.0.0.0/8"], "X-Forwarded-For: 6.6.6.6, 198.51.100.7\r\n", "198.51.100.7"),
        (["127.0.0.0/8"], "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7"),
        (["127.0.0.0/8"], "X-Forwarded-For: rubbish\r\n", "127.0.0.1"),
        (["127.0.0.0/8"], "", "127.0.0.1"),
    ],
)
async def test_a_forwarded_address_is_believed_from_named_proxies_only(
    build: Builder, trusted: list[str], sent: str, seen: str
) -> None:
    upstream = await build.upstream(answer(b"ok"))
    base = Settings(server=ServerSettings(trusted_proxies=trusted))
    house = await build.house(service("echo", upstream.url), base=base)
    assert (await house.ask("GET", "/svc/echo/x", headers=sent)).status == 200
    assert f"X-Forwarded-For: {seen}\r\n".encode() in upstream.requests[0]
    [call] = await house.calls_ended()
    assert call.address == seen


async def test_a_limit_on_addresses_counts_each_by_itself(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    base = Settings(server=ServerSettings(trusted_proxies=["127.0.0.0/8"]))
    house = await build.house(
        service("echo", upstream.url), base=base, snapshot={"limits": (limit("door", "address", 1),)}
    )
    statuses = [
        (await house.ask("GET", "/svc/echo/x", headers=f"X-Forwarded-For: 203.0.113.{last}\r\n")).status
        for last in (1, 1, 2)
    ]
    assert statuses == [200, 429, 200]
