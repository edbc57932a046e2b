"""Models through the management door, as a client meets them."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from portico.api.app import create_app
from portico.domains.tenancy import public as tenancy
from portico.platform.deps import Deps
from tests.models.offers import offer

RULE = {"name": "all", "targets": ["org/big:v1"], "fallbacks": ["small"]}
ROUTE = {"name": "auto", "rules": [RULE]}


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx2.AsyncClient]:
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", "a long enough password")
    scope = tenancy.open_system_scope(seeded.org_id)
    await offer(scope, deps, "acme-ai", "org/big:v1", "small")
    _, secret = await tenancy.create_key(scope, tenancy.KeyDraft("admin", ("models.read", "models.manage")), deps)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=create_app(deps)),
        base_url="http://portico/api/v1",
        headers={"authorization": f"Bearer {secret}"},
    ) as client:
        yield client


async def test_a_model_speaks_the_contract(client: httpx2.AsyncClient) -> None:
    listed = (await client.get("/models")).json()
    assert [each["name"] for each in listed["items"]] == ["org/big:v1", "small"]
    shown = (await client.get("/models/org/big:v1")).json()
    assert shown == listed["items"][0]
    assert (shown["service"]["name"], shown["own_price"], shown["lifecycle"]) == ("acme-ai", False, "current")
    said = {"quality": 5, "price": {"call_microusd": 7}, "retires_at": "2026-12-01T00:00:00Z", "successor": "small"}
    changed = await client.patch("/models/org/big:v1", json=said)
    assert changed.status_code == 200, changed.text
    assert changed.json()["price"] == {"input_microusd_per_mtok": 0, "output_microusd_per_mtok": 0, "call_microusd": 7}
    assert (changed.json()["own_price"], changed.json()["retires_at"]) == (True, "2026-12-01T00:00:00.000Z")
    assert (await client.patch("/models/org/big:v1", json={"lifecycle": "retired"})).status_code == 400
    assert (await client.patch("/models/none", json={})).status_code == 404
    assert (await client.delete("/models/org/big:v1")).status_code == 204
    assert (await client.get("/models/org/big:v1")).json() == shown


async def test_a_route_speaks_the_contract(client: httpx2.AsyncClient) -> None:
    made = await client.post("/models/routes", json=ROUTE)
    assert made.status_code == 201, made.text
    shown = made.json()
    empty: dict[str, object] = {"tasks": [], "min_tokens": None, "max_tokens": None, "needs": []}
    limits = {"max_cost_microusd": None, "max_latency_ms": None, "prefer": None}
    assert shown["rules"] == [RULE | empty | limits]
    assert (await client.get("/models/routes")).json()["items"] == [shown]
    assert (await client.get(f"/models/routes/{shown['id']}")).json() == shown
    assert (await client.post("/models/routes", json=ROUTE)).status_code == 409
    wrong = await client.post("/models/routes", json={"name": "x", "rules": [RULE | {"targets": []}]})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "E9302")
    changed = await client.patch(f"/models/routes/{shown['id']}", json={"prefer": "speed"})
    assert changed.json()["prefer"] == "speed"
    assert (await client.delete(f"/models/routes/{shown['id']}")).status_code == 204
    assert (await client.get(f"/models/routes/{shown['id']}")).status_code == 404


async def test_a_dry_run_speaks_the_contract(client: httpx2.AsyncClient) -> None:
    route = (await client.post("/models/routes", json=ROUTE)).json()
    asked = await client.post(f"/models/routes/{route['id']}/choose", json={"prompt": "four" * 10, "output_max": 5})
    assert asked.status_code == 200, asked.text
    chosen = asked.json()
    assert (chosen["model"], chosen["rule"], chosen["tokens_in"]) == ("org/big:v1", "all", 10)
    assert chosen["chosen"][0] == {
        "model": "org/big:v1",
        "service": "acme-ai",
        "expected_cost_microusd": 10 + 2 * 5,
        "expected_ms": 1500,
        "quality": None,
    }
    draft = {"rules": [{"name": "never", "targets": ["gone"]}]}
    none = (await client.post(f"/models/routes/{route['id']}/choose", json={"draft": draft})).json()
    assert (none["model"], none["chosen"]) == (None, [])
    assert none["steps"][0]["passed"] == [{"model": "gone", "why": "no service offers it"}]


async def test_what_is_measured_is_not_taken_for_a_model(client: httpx2.AsyncClient) -> None:
    """A model's path ends with its name, which may be anything."""
    matrix = (await client.get("/models/matrix")).json()
    assert [(each["name"], each["measured"]) for each in matrix["items"]] == [("org/big:v1", None), ("small", None)]
    [connection] = (await client.get("/models/connections")).json()["items"]
    assert (connection["service"], connection["models"]) == ("acme-ai", ["org/big:v1", "small"])
