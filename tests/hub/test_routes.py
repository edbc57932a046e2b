"""The hub through the management door, as a client meets it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest

from portico.api.app import create_app
from portico.domains.routing.model import BreakerReport, GatewayStatus
from portico.domains.tenancy import public as tenancy
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.platform.sections import ServerSettings

INVENTORY = {
    "name": "inventory",
    "kind": "http",
    "url": "http://127.0.0.1:9001",
    "methods": [
        {
            "name": "get_stock",
            "http_method": "GET",
            "path": "/stock/{sku}",
            "parameters": {
                "type": "object",
                "properties": {"sku": {"type": "string"}, "site": {"type": "string"}},
                "required": ["sku"],
                "additionalProperties": False,
            },
        },
        {
            "name": "reserve",
            "http_method": "POST",
            "path": "/reserve/{sku}",
            "parameters": {
                "type": "object",
                "properties": {"sku": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
                "required": ["sku", "count"],
            },
        },
    ],
}


class Feed:
    def __init__(self) -> None:
        self.reports: list[BreakerReport] = []
        self.reset: list[str] = []

    def statuses(self) -> list[GatewayStatus]:
        return []

    def breakers(self, org_id: str) -> list[BreakerReport]:
        return [report for report in self.reports if report.org_id == org_id]

    async def reset_breaker(self, service_id: str) -> None:
        self.reset.append(service_id)


@dataclass
class World:
    deps: Deps
    feed: Feed
    admin: OrgScope
    client: httpx2.AsyncClient
    viewer: httpx2.AsyncClient
    stranger: httpx2.AsyncClient


@pytest.fixture
async def world(deps: Deps) -> AsyncIterator[World]:
    feed = Feed()
    app = create_app(deps, feed)
    admin, secret = await key_of(deps, "acme", ("services.read", "services.manage", "services.call"))
    viewer_key = tenancy.KeyDraft("viewer", ("services.read",))
    _, viewer = await tenancy.create_key(admin, viewer_key, deps)
    _, foreign = await key_of(deps, "globex", ("services.read", "services.manage", "services.call"))

    def client(key: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),
            base_url="http://portico/api/v1",
            headers={"authorization": f"Bearer {key}"},
        )

    async with client(secret) as mine, client(viewer) as looking, client(foreign) as theirs:
        yield World(deps, feed, admin, mine, looking, theirs)


async def key_of(deps: Deps, slug: str, permissions: tuple[str, ...]) -> tuple[OrgScope, str]:
    seeded = await tenancy.seed_owner(deps, slug.title(), slug, f"owner@{slug}.example", "Owner", "a long enough one")
    scope = tenancy.open_system_scope(seeded.org_id)
    _, secret = await tenancy.create_key(scope, tenancy.KeyDraft("admin", permissions), deps)
    return scope, secret


@pytest.mark.req("SP10")
async def test_a_service_is_created_shown_changed_and_deleted(world: World) -> None:
    made = await world.client.post("/services", json=INVENTORY)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert shown["owner"] == {"org_id": world.admin.org_id, "name": "Acme"}
    assert shown["endpoint_url"] == "http://127.0.0.1:8009/svc/inventory"
    assert shown["versions"][0]["endpoints"][0]["breaker"] is None
    assert (shown["timeout_s"], shown["status"], shown["scope"]) == (30, "unknown", None)
    assert (await world.client.get("/services/inventory")).json() == shown
    changed = await world.client.patch("/services/inventory", json={"description": "Stock", "tags": ["a"]})
    assert (changed.json()["description"], changed.json()["tags"]) == ("Stock", ["a"])
    assert changed.json()["methods"] == shown["methods"]
    assert (await world.client.patch("/services/inventory", json={"name": "other"})).status_code == 400
    assert (await world.client.post("/services", json=INVENTORY)).status_code == 409
    assert (await world.client.delete("/services/inventory")).status_code == 204
    assert (await world.client.get("/services/inventory")).status_code == 404


async def test_what_is_wrong_with_a_draft_is_said_by_field(world: World) -> None:
    bad = INVENTORY | {"url": "http://169.254.169.254/", "layer": "L99"}
    answer = await world.client.post("/services", json=bad)
    assert answer.status_code == 400
    assert {each["field"] for each in answer.json()["error"]["fields"]} == {"url", "layer"}


PATHS = [
    ("GET", "/services/inventory", None),
    ("PATCH", "/services/inventory", {}),
    ("DELETE", "/services/inventory", None),
    ("POST", "/services/inventory/check", None),
    ("POST", "/services/inventory/versions", {"version": "v2", "url": "http://127.0.0.1:1"}),
    ("PATCH", "/services/inventory/versions/v1", {"weight": 1}),
    ("DELETE", "/services/inventory/versions/v1", None),
    ("POST", "/services/inventory/versions/v1/endpoints", {"url": "http://127.0.0.1:1"}),
    ("PATCH", "/services/inventory/endpoints/end_1", {"weight": 1}),
    ("DELETE", "/services/inventory/endpoints/end_1", None),
    ("POST", "/services/inventory/leases", {"url": "http://127.0.0.1:1"}),
    ("PUT", "/services/inventory/leases/lea_1", None),
    ("DELETE", "/services/inventory/leases/lea_1", None),
    ("POST", "/services/inventory/invoke", {"method": "get_stock"}),
    ("POST", "/services/inventory/breaker/reset", None),
]


async def test_a_stranger_meets_the_same_404_on_every_verb_whether_it_exists_or_not(world: World) -> None:
    async def answers() -> list[tuple[int, str]]:
        found = []
        for method, path, body in PATHS:
            answer = await world.stranger.request(method, path, json=body)
            found.append((answer.status_code, answer.json()["message"]))
        return found

    before = await answers()
    assert {status for status, _ in before} == {404}
    await world.client.post("/services", json=INVENTORY)
    assert await answers() == before


async def test_a_hidden_service_is_a_missing_one_on_every_verb(world: World) -> None:
    await world.client.post("/services", json=INVENTORY | {"visibility": "restricted"})
    for method, path, body in PATHS:
        assert (await world.viewer.request(method, path, json=body)).status_code == 404, path


async def test_a_viewer_may_look_and_nothing_else(world: World) -> None:
    await world.client.post("/services", json=INVENTORY)
    assert (await world.viewer.get("/services/inventory")).status_code == 200
    for method, path, body in PATHS[1:]:
        assert (await world.viewer.request(method, path, json=body)).status_code == 403, path
    assert (await world.viewer.post("/services", json=INVENTORY | {"name": "x"})).status_code == 403


async def test_list_and_search_speak_the_contract(world: World) -> None:
    await world.client.post("/services", json=INVENTORY)
    listed = (await world.client.get("/services", params={"kind": "http", "page_size": 5})).json()
    assert [each["name"] for each in listed["items"]] == ["inventory"]
    assert listed["pagination"]["total"] == 1
    found = (await world.client.get("/services/search", params={"q": "inventroy"})).json()
    assert found["items"][0]["service"]["name"] == "inventory"
    assert 0.7 < found["items"][0]["score"] < 1
    gateway = (await world.client.get("/services/portico-gateway")).json()
    assert (gateway["kind"], gateway["status"], gateway["layer"]) == ("builtin", "unhealthy", "L09")
    assert (await world.client.get("/services", params={"sort": "owner"})).status_code == 400


@pytest.mark.req("SP8")
async def test_a_breaker_is_shown_as_the_gateway_reports_it_and_reset_through_it(world: World) -> None:
    made = (await world.client.post("/services", json=INVENTORY)).json()
    endpoint_id = made["versions"][0]["endpoints"][0]["id"]
    report = BreakerReport(endpoint_id, made["id"], world.admin.org_id, "open", "6 of 10", 1_700_000_000_000_000, None)
    world.feed.reports = [report, replace_report(report, "closed")]
    shown = (await world.client.get("/services/inventory")).json()["versions"][0]["endpoints"][0]["breaker"]
    assert shown == {"state": "open", "reason": "6 of 10", "since": "2023-11-14T22:13:20.000Z", "probe_at": None}
    assert (await world.client.post("/services/inventory/breaker/reset")).status_code == 200
    assert world.feed.reset == [made["id"]]


def replace_report(report: BreakerReport, state: str) -> BreakerReport:
    return BreakerReport(report.endpoint_id, report.service_id, report.org_id, state, "", 0, None)  # type: ignore[arg-type]


async def test_a_lease_is_taken_renewed_and_ended(world: World) -> None:
    await world.client.post("/services", json=INVENTORY)
    lease = (
        await world.client.post("/services/inventory/leases", json={"url": "http://127.0.0.1:9", "ttl_s": 30})
    ).json()
    assert set(lease) == {"lease_id", "endpoint_id", "expires_at"}
    assert (await world.client.put(f"/services/inventory/leases/{lease['lease_id']}")).status_code == 200
    assert (await world.client.delete(f"/services/inventory/leases/{lease['lease_id']}")).status_code == 204
    assert (await world.client.put(f"/services/inventory/leases/{lease['lease_id']}")).status_code == 404


@asynccontextmanager
async def gateway(seen: list[str], status: int = 200) -> AsyncIterator[int]:
    """Stands where the gateway listens; answers with what it was asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[16:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0)
        seen.append(head + (await reader.readexactly(length)).decode())
        body = json.dumps({"stock": 3}).encode()
        answer = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nx-portico-call: call_1\r\n"
        writer.write(f"{answer}content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def invoke(world: World, port: int, ask: dict[str, Any]) -> httpx2.Response:
    settings = replace(world.deps.settings, server=ServerSettings(port=port))
    app = create_app(replace(world.deps, settings=settings), world.feed)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://portico/api/v1", headers=world.client.headers
    ) as client:
        return await client.post("/services/inventory/invoke", json=ask)


@pytest.mark.req("SP11")
async def test_a_method_is_invoked_through_the_gateway_as_the_caller(world: World) -> None:
    await world.client.post("/services", json=INVENTORY)
    seen: list[str] = []
    async with gateway(seen) as port:
        ask: dict[str, Any] = {"method": "get_stock", "parameters": {"sku": "A/../B ü", "site": "x&y"}}
        answer = (await invoke(world, port, ask)).json()
        assert (answer["call_id"], answer["status"], answer["body"]) == ("call_1", 200, {"stock": 3})
        assert answer["headers"]["x-portico-call"] == "call_1"
        await invoke(world, port, {"method": "reserve", "parameters": {"sku": "A", "count": 2}})
    assert seen[0].startswith("GET /svc/inventory/stock/A%2F..%2FB%20%C3%BC?site=x%26y HTTP/1.1")
    assert f"authorization: {world.client.headers['authorization']}" in seen[0]
    assert seen[1].startswith("POST /svc/inventory/reserve/A HTTP/1.1")
    assert seen[1].endswith('{"count": 2}')


@pytest.mark.req("SP11")
async def test_a_refusal_of_the_gateway_is_the_result_of_the_invocation(world: World) -> None:
    await world.client.post("/services", json=INVENTORY)
    async with gateway([], status=429) as port:
        answer = await invoke(world, port, {"method": "get_stock", "parameters": {"sku": "A"}})
    assert (answer.status_code, answer.json()["status"]) == (200, 429)


@pytest.mark.req("SP11")
@pytest.mark.parametrize(
    ("ask", "field"),
    [
        ({"method": "get_stock", "parameters": {}}, "parameters"),
        ({"method": "get_stock", "parameters": {"sku": 5}}, "parameters.sku"),
        ({"method": "get_stock", "parameters": {"sku": ".."}}, "parameters.sku"),
        ({"method": "reserve", "parameters": {"sku": "A", "count": 0}}, "parameters.count"),
    ],
)
async def test_parameters_that_do_not_fit_never_leave(world: World, ask: dict[str, Any], field: str) -> None:
    await world.client.post("/services", json=INVENTORY)
    seen: list[str] = []
    async with gateway(seen) as port:
        answer = await invoke(world, port, ask)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["error"]["fields"]] == [field]
    assert seen == []


async def test_an_unknown_method_is_not_found_and_a_missing_gateway_is_unreachable(world: World) -> None:
    await world.client.post("/services", json=INVENTORY)
    assert (await invoke(world, 1, {"method": "nothing"})).status_code == 404
    assert (await invoke(world, 1, {"method": "get_stock", "parameters": {"sku": "A"}})).status_code == 502
