"""Through the whole door, signed in: what a person reads when something is wrong, and whose address the trail shows."""

from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from portico.domains.tenancy.service import passwords as password_work
from portico.platform.deps import Deps
from tests.isolation.two_orgs import API, PASSWORD, Person, found_platform, sign_in


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def owner(deps: Deps, client: httpx2.AsyncClient) -> Person:
    _, person = await found_platform(deps, client)
    return person


async def said(owner: Person, method: str, path: str, body: Any = None) -> dict[str, str]:
    response = await owner.ask(method, path, body)
    assert response.status_code == 400, response.text
    return {each["field"]: each["message"] for each in response.json()["error"]["fields"]}


TIME = "must be a time with its zone, such as 2026-01-31T12:00:00Z"


@pytest.mark.req("SP6")
@pytest.mark.parametrize(
    ("method", "path", "body", "field", "message"),
    [
        ("POST", "/invitations", {"email": "ada"}, "email", "must be an email address, such as ada@example.org"),
        ("POST", "/invitations", {"email": "ada@x.example"}, "role", "is required"),
        ("POST", "/scopes", {"name": "low"}, "name", "must be 1 to 63 capital letters, digits and hyphens"),
        ("POST", "/orgs", {"name": "X", "slug": "A b"}, "slug", "must be 1 to 63 small letters, digits and hyphens"),
        ("POST", "/keys", {"name": "k", "services": ["A b"]}, "services.0", "must be the name of a service"),
        ("GET", "/keys/a%20b", None, "key_id", "must be an id"),
        ("POST", "/secrets", {"name": "s", "value": ""}, "value", "must not be empty"),
        ("PATCH", "/services/x", {"kind": "model"}, "kind", "is not a field of this request"),
        ("GET", "/events?since=yesterday", None, "since", TIME),
        ("GET", "/events?since=2026-01-01T00:00:00", None, "since", TIME),
        ("GET", "/audit?from=2026-01-01T00:00:00", None, "from", TIME),
        ("GET", "/audit?to=x", None, "to", TIME),
        ("GET", "/calls?from=2026-01-01T00:00:00", None, "from", TIME),
    ],
)
async def test_what_is_wrong_is_said_in_words(
    owner: Person, method: str, path: str, body: Any, field: str, message: str
) -> None:
    assert (await said(owner, method, path, body))[field].startswith(message)


@pytest.mark.req("SS12")
async def test_the_trail_shows_the_address_that_the_gateway_saw(app: FastAPI, owner: Person) -> None:
    behind = httpx2.ASGITransport(app, client=None)  # type: ignore[arg-type]
    headers = {"X-Portico-Address": "203.0.113.9", "X-Forwarded-For": "198.51.100.1"}
    async with httpx2.AsyncClient(transport=behind, base_url="http://portico.test", headers=headers) as gateway:
        person = await sign_in(gateway, "ole@otter.example")
        await person.get_done("POST", "/keys", {"name": "k"})
        denied = await gateway.post(
            f"{API}/auth/sign-in", json={"email": "ole@otter.example", "password": f"{PASSWORD}x"}
        )
        assert denied.status_code == 401
        entries = (await person.get_done("GET", "/audit"))["items"]
        outside = (await person.get_done("GET", "/audit?chain=platform"))["items"]
    assert [(each["action"], each["address"]) for each in entries[:2]] == [
        ("key.create", "203.0.113.9"),
        ("sign_in.start", "203.0.113.9"),
    ]
    assert [(each["action"], each["outcome"], each["address"]) for each in outside] == [
        ("sign_in.start", "refused", "203.0.113.9")
    ]
