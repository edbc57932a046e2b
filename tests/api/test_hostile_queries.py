"""Cursors that somebody made up and times from the ends of the calendar: refused or harmless at every list there is."""

import base64
import json
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from portico.domains.tenancy.service import passwords as password_work
from portico.platform.deps import Deps
from tests.isolation.two_orgs import Person, found_platform

MADE_UP: list[Any] = [
    [1],
    [1, None],
    [1, True],
    [1, 10**30],
    [1, 10**18, "x"],
    [1, -(10**18), "x"],
    [1, float("inf"), "x"],
    [1, float("nan")],
    [1, "\ud800"],
    [1, "a\x00"],
    [1, "a", "b", "c", "d", "e"],
    [10**400, "a"],
    [True, "a"],
    "text",
    {"1": 2},
]
ENDS = ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59Z")
TIMES = {"from", "to", "since", "until"}


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def owner(deps: Deps, client: httpx2.AsyncClient) -> Person:
    _, person = await found_platform(deps, client)
    return person


def lists(app: FastAPI) -> list[tuple[str, set[str]]]:
    """Every list without an id in its path, with the names of what may be asked."""
    found = []
    for path, methods in app.openapi()["paths"].items():
        if "get" in methods and "{" not in path:
            asked = {each["name"] for each in methods["get"].get("parameters", [])}
            found.append((path.removeprefix("/api/v1"), asked))
    return found


@pytest.mark.req("SS23", "SP9")
async def test_a_cursor_that_no_list_gave_out_is_never_a_failure_of_ours(app: FastAPI, owner: Person) -> None:
    paged = [path for path, asked in lists(app) if "cursor" in asked]
    assert {"/webhooks", "/notices", "/events", "/dead-letters", "/services"} <= set(paged)
    failures = []
    for path in paged:
        for values in MADE_UP:
            cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
            response = await owner.ask("GET", f"{path}?cursor={cursor}")
            if response.status_code not in {200, 400, 403, 404}:
                failures.append((path, values, response.status_code))
    assert failures == []


@pytest.mark.req("SS23", "SP9")
async def test_a_time_at_either_end_of_the_calendar_is_never_a_failure_of_ours(app: FastAPI, owner: Person) -> None:
    ranged = [(path, name) for path, asked in lists(app) for name in sorted(TIMES & asked)]
    assert ("/calls", "from") in ranged
    failures = []
    for path, name in ranged:
        for moment in (*ENDS, *(each[:10] for each in ENDS)):
            response = await owner.ask("GET", f"{path}?{name}={moment.replace('+', '%2B')}")
            if response.status_code not in {200, 400, 404}:
                failures.append((path, name, moment, response.status_code))
    assert failures == []
