"""Retries only before the first byte and only when safe; the breaker; versions by weight; credentials; addresses."""

import asyncio
import time
from collections import Counter

import pytest

from portico.domains.routing.model import CredentialEntry, EndpointEntry, VersionEntry
from portico.platform.crypto import KeyRing, Sealer
from portico.platform.settings import Settings
from tests.gateway import house as terms
from tests.gateway.builder import Builder
from tests.gateway.house import SECRET, answer, chat_answer, model, read_request, service

BUSY = answer(b"busy", "503 Service Unavailable")


@pytest.mark.req("SP8")
async def test_a_safe_call_is_tried_again_elsewhere(build: Builder) -> None:
    upstream = await build.upstream(None, BUSY, answer(b"ok"))
    house = await build.in_front_of(upstream, max_retries=2)
    assert (await house.ask("GET", "/svc/echo/x")).body == b"ok"
    [call] = await house.calls_ended()
    assert (call.attempts, call.status) == (3, 200)
    assert len(upstream.requests) == 3


@pytest.mark.req("SP8")
@pytest.mark.parametrize(
    ("method", "answers", "statuses", "tries"),
    [
        ("PUT", (None, answer(b"ok")), 200, 2),
        ("DELETE", (BUSY, answer(b"ok")), 200, 2),
        ("POST", (None, answer(b"ok")), 502, 1),
        ("POST", (BUSY, answer(b"ok")), 503, 1),
        ("GET", (answer(b"", "500 Internal Server Error"), answer(b"ok")), 500, 1),
        ("GET", (BUSY, BUSY, BUSY, answer(b"late")), 503, 3),
        ("GET", (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal", answer(b"ok")), 0, 1),
    ],
)
async def test_only_what_is_safe_is_repeated(
    build: Builder, method: str, answers: tuple[bytes | None, ...], statuses: int, tries: int
) -> None:
    upstream = await build.upstream(*answers, close_after=True)
    house = await build.in_front_of(upstream, max_retries=2)
    try:
        got = await house.ask(method, "/svc/echo/x", b"body" if method in {"PUT", "POST"} else b"")
        assert got.status == statuses or (statuses == 0 and got.body == b"hal")
    except (ConnectionError, IndexError):
        assert statuses == 0
    assert len(upstream.requests) == tries


async def test_a_call_that_was_never_sent_is_always_repeated(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", "http://127.0.0.1:9", upstream.url, max_retries=3))
    for _ in range(6):
        assert (await house.ask("POST", "/svc/echo/x", b"pay")).status == 200
    assert len(upstream.requests) == 6


async def test_a_model_call_that_was_not_served_is_repeated(build: Builder) -> None:
    upstream = await build.upstream(BUSY, chat_answer())
    house = await build.house(model(upstream.url, max_retries=1))
    assert (await house.chat()).status == 200


@pytest.mark.req("SP8")
async def test_the_breaker_opens_probes_once_and_recovers(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy = False

    async def moody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await asyncio.sleep(0.05)
            writer.write(answer(b"ok") if healthy else answer(b"", "500 Internal Server Error"))

    upstream = await build.scripted(moody)
    house = await build.in_front_of(upstream)
    await asyncio.gather(*(house.ask("GET", "/svc/echo/x") for _ in range(10)))
    got = await house.ask("GET", "/svc/echo/x")
    assert (got.status, got.json["error"]["code"]) == (503, "E9801")
    assert "10 of 10 calls failed in 60 s" in got.json["message"]
    assert int(got.headers["retry-after"]) == pytest.approx(60, abs=1)
    [report] = house.gate.status().breakers
    assert (report.state, report.endpoint_id) == ("open", "end_echo_0")
    # A minute later: of many at once exactly one is let through.
    house.gate.breakers["end_echo_0"].since -= 60
    healthy, connections = True, upstream.connections
    statuses = Counter(
        [(each.status) for each in await asyncio.gather(*(house.ask("GET", "/svc/echo/x") for _ in range(20)))]
    )
    assert statuses == {200: 1, 503: 19}
    assert upstream.connections <= connections + 1
    [report] = house.gate.status().breakers
    assert report.state == "recovering"
    # On the ramp a share of calls is let through, at its end all.
    monkeypatch.setattr("portico.gateway.breaker.random.random", lambda: 0.55)
    assert (await house.ask("GET", "/svc/echo/x")).status == 503
    house.gate.breakers["end_echo_0"].since -= 160
    assert (await house.ask("GET", "/svc/echo/x")).status == 200
    house.gate.breakers["end_echo_0"].since -= 150
    assert (await house.ask("GET", "/svc/echo/x")).status == 200
    assert house.gate.status().breakers == ()


async def test_a_probe_whose_client_leaves_makes_room_for_the_next(build: Builder) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(0.2)
        writer.write(answer(b"ok"))

    house = await build.in_front_of(await build.scripted(slow))
    house.gate.adopt(house.gate.view.snapshot)
    breaker = house.gate.breaker_of(next(iter(house.gate._services.values())).versions[0].targets[0])
    for _ in range(10):
        breaker.failed(time.monotonic())
    breaker.since -= 60
    async with house.client() as client:
        client.send(f"GET /svc/echo/x HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer {SECRET}\r\n\r\n".encode())
        await asyncio.sleep(0.05)
        assert (await house.ask("GET", "/svc/echo/x")).json["code"] == "BREAKER_OPEN"
        client.reset()
    await house.calls_ended(2)
    assert (await house.ask("GET", "/svc/echo/x")).status == 200


async def test_a_sick_endpoint_is_left_to_itself(build: Builder) -> None:
    good, sick = await build.upstream(answer(b"good")), await build.upstream(answer(b"sick"))
    endpoints = (EndpointEntry("end_a", good.url, 1, True), EndpointEntry("end_b", sick.url, 9, False))
    house = await build.house(service("echo", versions=(VersionEntry("v1", 1, endpoints),)))
    assert {(await house.ask("GET", "/svc/echo/x")).body for _ in range(20)} == {b"good"}


async def test_versions_share_the_calls_by_their_weight(build: Builder) -> None:
    stable, canary = await build.upstream(answer(b"v1")), await build.upstream(answer(b"v2"))
    versions = (
        VersionEntry("v1", 90, (EndpointEntry("end_1", stable.url, 1, True),)),
        VersionEntry("v2", 10, (EndpointEntry("end_2", canary.url, 1, True),)),
        VersionEntry("v0", 0, (EndpointEntry("end_0", "http://127.0.0.1:9", 1, True),)),
    )
    house = await build.house(service("echo", versions=versions))
    request = f"GET /svc/echo/x HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer {SECRET}\r\n\r\n".encode()
    got: Counter[bytes] = Counter()
    async with house.client() as client:
        for _ in range(2000):
            client.send(request)
            got[(await client.answer()).body] += 1
    # 200 expected; five standard deviations are 67.
    assert 133 <= got[b"v2"] <= 267
    assert sum(got.values()) == 2000
    calls = await house.calls_ended(2000)
    assert {(call.version, call.canary) for call in calls} == {("v1", False), ("v2", True)}
    chosen = await house.ask("GET", "/svc/echo/x", headers="X-Portico-Version: v2\r\n")
    assert chosen.body == b"v2"
    missing = await house.ask("GET", "/svc/echo/x", headers="X-Portico-Version: v9\r\n")
    assert (missing.status, missing.json["error"]["code"]) == (404, "E9002")


async def test_the_services_own_credential_is_sent_in_place_of_the_callers(build: Builder) -> None:
    sealer = Sealer(KeyRing(b"k" * 32))
    upstream = await build.upstream(answer(b"ok"))
    bearer = CredentialEntry("Authorization", "Bearer {secret}", sealer.seal("sk-upstream", "ctx"), "ctx")
    own = CredentialEntry("X-Service-Key", "{secret}", sealer.seal("own-key", "ctx"), "ctx")
    house = await build.house(
        service("echo", upstream.url, credential=bearer), service("other", upstream.url, credential=own)
    )
    assert (await house.ask("GET", "/svc/echo/x")).status == 200
    assert (await house.ask("GET", "/svc/other/x", headers="x-service-key: mine\r\nCookie: a=b\r\n")).status == 200
    first, second = upstream.requests
    assert b"Authorization: Bearer sk-upstream\r\n" in first
    assert b"X-Service-Key: own-key\r\n" in second
    assert b"mine" not in second
    for request in (first, second):
        assert SECRET.encode() not in request
    assert "sk-upstream" not in repr(house.journal())


@pytest.mark.req("SP7")
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "http://10.0.0.1/",
        "http://192.168.1.1:8080/",
        "http://172.16.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://0.0.0.0/",
        "http://100.64.0.1/",
    ],
)
async def test_private_and_metadata_addresses_are_refused_when_calling(build: Builder, url: str) -> None:
    house = await build.house(service("echo", url, max_retries=2))
    got = await house.ask("GET", "/svc/echo/x")
    assert (got.status, got.json["error"]["code"]) == (403, "E9704")
    [call] = await house.calls_ended()
    assert (call.verdict, call.attempts) == ("failed", 1)


@pytest.mark.req("SP7")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_in_production_a_name_that_leads_home_is_refused(build: Builder, host: str) -> None:
    upstream = await build.upstream(answer(b"ok"))
    base = Settings(environment="production")
    house = await build.house(service("echo", f"http://{host}:{upstream.port}"), base=base)
    assert (await house.ask("GET", "/svc/echo/x")).json["error"]["code"] == "E9704"
    assert upstream.requests == []


async def test_one_forbidden_address_among_several_is_enough(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "10.0.0.1"]

    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", f"http://two.example:{upstream.port}"))
    monkeypatch.setattr(house.gate.locator, "_resolve", resolve)
    assert (await house.ask("GET", "/svc/echo/x")).json["error"]["code"] == "E9704"


# -- cache and idempotency ------------------------------------------------------------------------------------------------


@pytest.mark.req("SP8")
async def test_a_cached_answer_is_given_again_within_its_org_alone(build: Builder) -> None:
    other_secret = "pk_22222222_" + "o" * 43
    keys = (terms.key(), terms.key(other_secret, id="key_2", org_id="org_OTHER"))
    upstream = await build.upstream(
        *(answer(b"%d" % index, "200 OK", "X-Kept: 1", "Connection: X-Hop") for index in range(9))
    )
    mine = service("echo", upstream.url, cache_ttl_s=60)
    theirs = service("echo", upstream.url, id="svc_theirs", org_id="org_OTHER", cache_ttl_s=60)
    first = terms.snapshot(mine, theirs, keys=keys)
    orgs = (*first.orgs, terms.OrgEntry("org_OTHER", "Other", True))
    house = await build.house(mine)
    house.gate.adopt(terms.msgspec.structs.replace(first, orgs=orgs, version=2))
    assert (await house.ask("GET", "/svc/echo/x")).body == b"0"
    again = await house.ask("GET", "/svc/echo/x")
    assert (again.body, again.headers["x-portico-cache"], again.headers["x-kept"]) == (b"0", "hit", "1")
    assert (await house.ask("GET", "/svc/echo/x", secret=other_secret)).body == b"1"
    assert (await house.ask("GET", "/svc/echo/x?y")).body == b"2"
    assert (await house.ask("GET", "/svc/echo/x", headers="Cache-Control: no-cache\r\n")).body == b"3"
    assert (await house.ask("GET", "/svc/echo/x", headers="Accept-Language: de\r\n")).body == b"4"
    assert (await house.ask("POST", "/svc/echo/x", b"")).body == b"5"
    assert (await house.ask("GET", "/svc/echo/x")).body == b"0"
    calls = await house.calls_ended(8)
    assert [call.cached for call in calls].count(True) == 2


@pytest.mark.parametrize(
    "header", ["Cache-Control: no-store", "Cache-Control: private", "Set-Cookie: a=b", "Vary: Cookie"]
)
async def test_what_a_service_does_not_want_kept_is_not_kept(build: Builder, header: str) -> None:
    upstream = await build.upstream(answer(b"0", "200 OK", header), answer(b"1"))
    house = await build.in_front_of(upstream, cache_ttl_s=60)
    assert [(await house.ask("GET", "/svc/echo/x")).body for _ in range(2)] == [b"0", b"1"]


@pytest.mark.req("SP5", "SP7")
async def test_a_repeated_call_happens_once(build: Builder) -> None:
    upstream = await build.upstream(answer(b"paid 0", "201 Created", "X-Receipt: 7"), answer(b"paid 1"), pause_s=0.1)
    house = await build.in_front_of(upstream)
    once = "Idempotency-Key: 6f3c\r\n"
    running = asyncio.create_task(house.ask("POST", "/svc/echo/pay", b"10", headers=once))
    await asyncio.sleep(0.05)
    got = await house.ask("POST", "/svc/echo/pay", b"10", headers=once)
    assert (got.status, got.json["error"]["code"]) == (409, "E9503")
    first, again = await running, await house.ask("POST", "/svc/echo/pay", b"10", headers=once)
    assert (
        (again.status, again.body, again.headers["x-receipt"])
        == (first.status, first.body, "7")
        == (201, b"paid 0", "7")
    )
    assert again.headers["x-portico-replayed"] == "hit"
    assert first.headers["x-portico-call"] != again.headers["x-portico-call"]
    got = await house.ask("POST", "/svc/echo/pay", b"20", headers=once)
    assert (got.status, got.json["error"]["code"]) == (400, "E9301")
    assert (await house.ask("POST", "/svc/echo/pay", b"10", headers="Idempotency-Key: \xe4\r\n")).status == 400
    assert len(upstream.requests) == 1
    assert b"idempotency" not in upstream.requests[0].lower()


@pytest.mark.parametrize("ending", ["error", "gone", "dies"])
async def test_a_call_that_failed_may_be_repeated_with_its_key(build: Builder, ending: str) -> None:
    first = {"error": answer(b"", "500 Internal Server Error"), "gone": answer(b"late"), "dies": None}[ending]
    upstream = await build.upstream(first, answer(b"ok"), pause_s=0.1)
    house = await build.in_front_of(upstream)
    head = f"POST /svc/echo/x HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer {SECRET}\r\nIdempotency-Key: k1\r\n"
    async with house.client() as client:
        client.send(f"{head}Content-Length: 2\r\n\r\nab".encode())
        await asyncio.sleep(0.05)
        if ending == "gone":
            client.reset()
        else:
            assert (await client.answer()).status >= 500
    await house.calls_ended()
    again = await house.ask("POST", "/svc/echo/x", b"ab", headers="Idempotency-Key: k1\r\n")
    assert (again.status, again.body) == (200, b"ok")
