"""Limits, budgets and secrets through the management door, as a client meets them."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from portico.api.app import create_app
from portico.domains.tenancy import public as tenancy
from portico.platform.deps import Deps

PERMISSIONS = ("limits.read", "limits.manage", "budgets.read", "budgets.manage", "secrets.read", "secrets.manage")
BUDGET = {"name": "daily", "subject_kind": "org", "measure": "money", "window": "day", "limit": 20_000_000}
LIMIT = {"name": "burst", "subject_kind": "org", "rate": 10, "per_s": 60, "burst": 5}


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx2.AsyncClient]:
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", "a long enough password")
    scope = tenancy.open_system_scope(seeded.org_id)
    _, secret = await tenancy.create_key(scope, tenancy.KeyDraft("admin", PERMISSIONS), deps)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=create_app(deps)),
        base_url="http://portico/api/v1",
        headers={"authorization": f"Bearer {secret}"},
    ) as client:
        yield client


async def test_a_budget_speaks_the_contract(client: httpx2.AsyncClient) -> None:
    made = await client.post("/budgets", json=BUDGET)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert shown["subject"] == {"kind": "org", "id": None, "name": "Acme"}
    assert (shown["used"], shown["reserved"], shown["left"], shown["used_percent"]) == (0, 0, 20_000_000, 0)
    assert shown["resets_at"] == "2026-01-02T00:00:00.000Z"
    changed = (await client.patch(f"/budgets/{shown['id']}", json={"warn_at_percent": 50})).json()
    assert changed == shown | {"warn_at_percent": 50}
    assert (await client.patch(f"/budgets/{shown['id']}", json={"used": 0})).status_code == 400
    assert (await client.get("/budgets")).json()["items"] == [changed]
    assert (await client.post("/budgets", json=BUDGET)).status_code == 409
    assert (await client.delete(f"/budgets/{shown['id']}")).status_code == 204
    assert (await client.get(f"/budgets/{shown['id']}")).status_code == 404


async def test_a_limit_speaks_the_contract(client: httpx2.AsyncClient) -> None:
    shown = (await client.post("/limits", json=LIMIT)).json()
    assert (shown["rate"], shown["per_s"], shown["burst"], shown["enabled"]) == (10, 60, 5, True)
    changed = (await client.patch(f"/limits/{shown['id']}", json={"burst": None})).json()
    assert changed == shown | {"burst": None}
    assert (await client.patch(f"/limits/{shown['id']}", json={"rate": 0})).status_code == 400
    assert (await client.delete(f"/limits/{shown['id']}")).status_code == 204


@pytest.mark.req("SP23")
async def test_no_answer_holds_a_secrets_value_not_even_a_refusal(client: httpx2.AsyncClient) -> None:
    answers = [
        await client.post("/secrets", json={"name": "openai", "value": "sk-top-secret"}),
        await client.post("/secrets", json={"name": "openai", "value": "sk-top-secret"}),
        await client.post("/secrets", json={"name": "/", "value": "sk-top-secret"}),
        await client.post("/secrets", json={"name": "x", "value": "sk-top-secret\nX: y"}),
        await client.post("/secrets", json={"name": "x", "value": "sk-top-secret" * 2000}),
        await client.post("/secrets", json={"name": "x", "value": ["sk-top-secret"]}),
        await client.put("/secrets/openai", json={"value": "sk-top-secret", "extra": "sk-top-secret"}),
        await client.put("/secrets/openai", json={"value": "sk-top-secret"}),
        await client.get("/secrets"),
        await client.delete("/secrets/openai"),
        await client.delete("/secrets/openai"),
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 400, 400, 400, 400, 400, 200, 200, 204, 404]
    assert "sk-top-secret" not in "".join(answer.text for answer in answers)
