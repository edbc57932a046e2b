"""The door itself, with a few routes of its own: what every request and every answer goes through."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Request
from sqlalchemy.exc import OperationalError

from portico.api.app import create_app
from portico.api.identify import Identify
from portico.domains.tenancy.model import Identity
from portico.kernel.errors import BadKey, RateLimited
from portico.kernel.ids import OrgId, PersonId
from portico.kernel.scope import ENTERPRISE, Actor, OrgScope
from portico.platform.deps import Deps
from portico.platform.sections import ServerSettings
from portico.platform.spans import MakeSpan, Span
from portico.platform.web import Ask, PageDep, needs

# Nothing here touches a table.
ENGINES = ("sqlite",)

probe = APIRouter(prefix="/probe")


class Thing(Ask):
    name: str
    count: int = 1


@probe.get("/things/{thing_id}")
async def show_thing(thing_id: str, page: PageDep, q: str = "") -> dict[str, Any]:
    return {"thing_id": thing_id, "q": q, "page_size": page.page_size}


@probe.post("/things")
async def create_thing(thing: Thing, scope: OrgScope = needs("services.manage")) -> dict[str, Any]:
    return {"name": thing.name, "org_id": scope.org_id, "address": scope.actor.address}


@probe.get("/forbidden")
async def forbidden(scope: OrgScope = needs("orgs.manage")) -> None: ...


@probe.get("/fails/{how}")
async def fail(how: str, request: Request) -> None:
    raise {
        "bug": KeyError("the password is hunter2"),
        "database": OperationalError("SELECT secret FROM vault", {}, Exception("connection refused")),
        "limit": RateLimited("per minute", "bot", 10, 60, 12.3),
    }[how]


async def authenticate(deps: Deps, credential: str, address: str | None) -> Identity:
    if credential != "good":
        raise BadKey
    actor = Actor("person", "per_ada", "Ada", address)
    scope = OrgScope(OrgId("org_a"), ENTERPRISE, actor, frozenset({"services.manage"}))
    return Identity(scope, PersonId("per_ada"), None, None, "developer", is_owner=False, is_superadmin=False)


@pytest.fixture
async def client(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    async with open_client(deps, monkeypatch) as opened:
        yield opened


def open_client(deps: Deps, monkeypatch: pytest.MonkeyPatch, **more: Any) -> httpx2.AsyncClient:
    monkeypatch.setattr("portico.api.app.domain_routers", lambda: (probe,))
    monkeypatch.setattr(Identify.__init__, "__kwdefaults__", {"authenticate": authenticate})
    app: FastAPI = create_app(deps, **more)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": "Bearer good"}
    return httpx2.AsyncClient(transport=transport, base_url="http://portico.test", headers=headers)


def is_refusal(response: httpx2.Response, status: int, name: str, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"], body["error"]["code"]) == (status, name, code)
    assert body["correlation_id"] == response.headers["x-request-id"]
    assert body["error"]["path"] == response.request.url.path
    assert body["error"]["timestamp"].endswith("Z")
    assert body["error"]["trace_id"] == response.headers["traceparent"].split("-")[1]
    assert body["error"]["details"]
    return body


@pytest.mark.req("SS24", "SP6", "SP7", "C1")
@pytest.mark.parametrize(
    ("method", "path", "status", "name", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "ROUTE_NOT_FOUND", "E9001"),
        ("GET", "/api", 404, "ROUTE_NOT_FOUND", "E9001"),
        ("DELETE", "/api/v1/probe/things", 405, "METHOD_NOT_ALLOWED", "E9004"),
        ("POST", "/some/page", 405, "METHOD_NOT_ALLOWED", "E9004"),
        ("GET", "/api/v1/probe/forbidden", 403, "ROLE_REQUIRED", "E9206"),
        ("GET", "/api/v1/probe/fails/limit", 429, "RATE_LIMITED", "E9401"),
        ("GET", "/api/v1/probe/fails/database", 503, "DATABASE_UNAVAILABLE", "E9907"),
        ("GET", "/api/v1/probe/fails/bug", 500, "INTERNAL", "E9901"),
        ("GET", "/api/v1/probe/things/1?page_size=1000", 400, "INVALID_INPUT", "E9302"),
        ("GET", "/api/v1/probe/things/1?cursor=%21%21", 400, "INVALID_INPUT", "E9302"),
        ("GET", "/api/v1/probe/things/a%00b", 400, "NUL_BYTE", "E9307"),
        ("GET", "/api/v1/probe/things/1?q=%00", 400, "NUL_BYTE", "E9307"),
    ],
)
async def test_every_failure_has_the_one_body(
    client: httpx2.AsyncClient, method: str, path: str, status: int, name: str, code: str
) -> None:
    is_refusal(await client.request(method, path), status, name, code)


@pytest.mark.req("SP6", "HY15")
async def test_an_unforeseen_failure_shows_nothing_of_the_inside_and_is_logged_once(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get("/api/v1/probe/fails/bug")
    assert "hunter2" not in response.text
    assert "KeyError" not in response.text
    assert "SELECT" not in (await client.get("/api/v1/probe/fails/database")).text
    assert (
        len([line for line in caplog.records if line.name == "portico.api" and "/fails/bug" in line.getMessage()]) == 1
    )


async def test_a_rate_limit_says_how_long_to_wait(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/v1/probe/fails/limit")
    assert response.headers["retry-after"] == "13"
    assert response.json()["error"]["retry_after_s"] == 12.3


@pytest.mark.req("C2")
async def test_validation_is_400_and_names_each_field(client: httpx2.AsyncClient) -> None:
    response = await client.post("/api/v1/probe/things", json={"count": "many", "colour": "red"})
    body = is_refusal(response, 400, "INVALID_INPUT", "E9302")
    assert {each["field"] for each in body["error"]["fields"]} == {"name", "count", "colour"}


@pytest.mark.req("HY15", "SP7")
@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b'{"name": ', "BAD_JSON", "E9305"),
        (b'{"name": NaN}', "BAD_JSON", "E9305"),
        (b'{"name": "\\ud800"}', "BAD_JSON", "E9305"),
        (b'{"name": "\xff"}', "BAD_JSON", "E9305"),
        (b"[" * 100_000, "BAD_JSON", "E9305"),
        (b'{"name": "a\\u0000b"}', "NUL_BYTE", "E9307"),
        (b'{"name": "\x00"}', "NUL_BYTE", "E9307"),
    ],
    ids=["cut", "nan", "surrogate", "not utf-8", "deep", "escaped nul", "nul"],
)
async def test_a_body_that_is_not_json_is_refused(
    client: httpx2.AsyncClient, content: bytes, name: str, code: str
) -> None:
    headers = {"Content-Type": "application/json"}
    is_refusal(await client.post("/api/v1/probe/things", content=content, headers=headers), 400, name, code)


async def test_a_backslash_before_u0000_is_only_text(client: httpx2.AsyncClient) -> None:
    response = await client.post("/api/v1/probe/things", json={"name": "C:\\u0000"})
    assert response.status_code == 200


@pytest.mark.req("HY15")
async def test_a_body_over_the_limit_is_refused_also_when_its_length_was_not_declared(
    client: httpx2.AsyncClient,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    headers = {"Content-Type": "application/json"}
    for content in (b"x" * (1024 * 1024 + 1), chunks()):
        response = await client.post("/api/v1/probe/things", content=content, headers=headers)
        is_refusal(response, 413, "TOO_LARGE", "E9304")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_only_json_is_read(client: httpx2.AsyncClient, content_type: str) -> None:
    response = await client.post(
        "/api/v1/probe/things", content=b'{"name":"a"}', headers={"Content-Type": content_type}
    )
    is_refusal(response, 400, "INVALID_INPUT", "E9302")


async def test_an_unknown_query_parameter_is_refused(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/v1/probe/things/1?q=x&page_size=5")).json()["page_size"] == 5
    body = is_refusal(await client.get("/api/v1/probe/things/1?qq=x"), 400, "INVALID_INPUT", "E9302")
    assert body["error"]["fields"] == [{"field": "qq", "message": "is not a parameter of this path"}]
    is_refusal(await client.post("/api/v1/probe/things?dry_run=1", json={"name": "a"}), 400, "INVALID_INPUT", "E9302")


@pytest.mark.req("SP7")
@pytest.mark.parametrize(
    ("header", "name", "code"),
    [
        (None, "MISSING_CREDENTIALS", "E9103"),
        ("Bearer wrong", "BAD_KEY", "E9101"),
        ("Basic Z29vZA==", "BAD_KEY", "E9101"),
        ("Bearer ", "BAD_KEY", "E9101"),
        ("Bearer " + "x" * 9000, "BAD_KEY", "E9101"),
    ],
)
async def test_without_a_good_credential_nothing_is_served(
    client: httpx2.AsyncClient, header: str | None, name: str, code: str
) -> None:
    del client.headers["authorization"]
    headers = {} if header is None else {"Authorization": header}
    for path in ("/api/v1/probe/things/1", "/api/v1/probe/things/1?qq=1"):
        response = await client.get(path, headers=headers)
        is_refusal(response, 401, name, code)
        assert response.headers["www-authenticate"].startswith("Bearer")
    bad_body = await client.post("/api/v1/probe/things", content=b"{", headers=headers)
    is_refusal(bad_body, 401, name, code)


async def test_an_unknown_path_is_404_without_a_credential_too(client: httpx2.AsyncClient) -> None:
    del client.headers["authorization"]
    is_refusal(await client.get("/api/v1/nothing"), 404, "ROUTE_NOT_FOUND", "E9001")


async def test_ids_are_taken_from_the_caller_when_they_are_sane(client: httpx2.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    given = {"X-Request-Id": "req-from-client.1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    response = await client.get("/health", headers=given)
    assert response.headers["x-request-id"] == "req-from-client.1"
    version, trace_id, span_id, flags = response.headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", trace, "01")
    assert span_id != "00f067aa0ba902b7"


@dataclass
class Offered:
    spans: list[Span] = field(default_factory=list)

    def samples(self, trace_id: str) -> bool:
        return not trace_id.startswith("0")

    def offer(self, make: MakeSpan) -> None:
        self.spans.append(make())


@pytest.mark.req("HY17")
async def test_a_request_of_the_api_is_a_span_below_its_callers(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = Offered()
    client = open_client(deps, monkeypatch, spans=offered)
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    brought = {"traceparent": f"00-{trace}-{parent}-01"}
    answer = await client.get("/api/v1/probe/things/7", headers=brought)
    await client.get("/api/v1/probe/fails/bug", headers={"traceparent": f"00-{trace}-{trace[16:]}-01"})
    await client.get("/api/v1/probe/things/7", headers={"traceparent": f"00-{'0' * 31}1-{parent}-01"})
    await client.get("/health", headers=brought)
    found, failed = offered.spans
    assert (found.name, found.trace_id, found.parent_span_id) == ("GET /api/v1/probe/things/{thing_id}", trace, parent)
    assert found.span_id == answer.headers["traceparent"].split("-")[2]
    assert (found.attributes["http.response.status_code"], found.error) == (200, None)
    # A trace that the gateway began for a client without one has nothing above the request.
    assert (failed.parent_span_id, failed.error) == (None, "status 500")


@pytest.mark.parametrize("bad", ["has space", "x" * 129, 'quote"', "<script>"])
async def test_ids_are_made_anew_otherwise(client: httpx2.AsyncClient, bad: str) -> None:
    response = await client.get("/health", headers={"X-Request-Id": bad, "traceparent": "00-" + "0" * 32})
    assert response.headers["x-request-id"].startswith("req-")
    assert response.headers["traceparent"].split("-")[1] != "0" * 32


@pytest.mark.req("SP23", "C33")
@pytest.mark.parametrize("path", ["/health", "/api/v1/nothing", "/docs", "/", "/api/v1/probe/fails/bug"])
async def test_every_answer_carries_the_security_headers(client: httpx2.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-xss-protection"] == "1; mode=block"
    assert "script-src 'self';" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"
    assert "strict-transport-security" not in headers


@pytest.mark.req("SP23")
async def test_production_tells_browsers_to_stay_on_https(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    production = replace(deps, settings=replace(deps.settings, environment="production"))
    async with open_client(production, monkeypatch) as client:
        headers = (await client.get("/health")).headers
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.req("C34", "SP9")
async def test_browsers_may_call_from_the_allowed_origins_only(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ServerSettings(allowed_origins=["https://console.example.com"])
    allowing = replace(deps, settings=replace(deps.settings, server=server))
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    async with open_client(allowing, monkeypatch) as client:
        allowed = await client.options(
            "/api/v1/probe/things", headers={**asked, "Origin": "https://console.example.com"}
        )
        refused = await client.options("/api/v1/probe/things", headers={**asked, "Origin": "https://evil.example.com"})
        failing = await client.get("/api/v1/nothing", headers={"Origin": "https://console.example.com"})
    assert allowed.headers["access-control-allow-origin"] == "https://console.example.com"
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert {"PATCH", "OPTIONS"} <= set(allowed.headers["access-control-allow-methods"].split(", "))
    assert "access-control-allow-origin" not in refused.headers
    assert failing.headers["access-control-allow-origin"] == "https://console.example.com"


async def test_the_address_is_the_peer_and_behind_the_gateway_what_the_gateway_says(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_client(deps, monkeypatch) as client:
        forged = {"X-Portico-Address": "203.0.113.1", "X-Forwarded-For": "198.51.100.7"}
        direct = await client.post("/api/v1/probe/things", json={"name": "a"}, headers=forged)
        assert direct.json()["address"] == "127.0.0.1"
        client._transport.client = None
        behind = await client.post("/api/v1/probe/things", json={"name": "a"}, headers=forged)
    assert behind.json()["address"] == "203.0.113.1"


async def test_answers_of_the_api_are_not_kept_by_caches(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/v1/probe/things/1")).headers["cache-control"] == "no-store"


@pytest.mark.req("SP9")
async def test_the_openapi_document_describes_the_one_error_body(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/api/v1/probe/things"]["post"]
    assert "422" not in json.dumps(operation)
    assert operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")
    assert operation["security"] == [{"bearer": []}]


@pytest.mark.req("SP9")
async def test_the_reference_is_one_page_without_scripts_or_foreign_addresses(client: httpx2.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "/api/v1/probe/things" in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://portico", "")
    assert "https://" not in page.text
