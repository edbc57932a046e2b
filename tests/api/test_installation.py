from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher

from portico.api.app import create_app
from portico.domains.tenancy.service import passwords as password_work
from portico.kernel.clock import ManualClock
from portico.platform.deps import Deps
from portico.platform.settings import Loaded, load_settings
from tests.api.test_health_and_metrics import Feed, status
from tests.isolation.two_orgs import Person, found_org, found_platform

ENGINES = ("sqlite",)
MASTER_KEY = "c3RyaXBlcy1zdHJpcGVzLXN0cmlwZXMtc3RyaXBlcy0h"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the process was started with."""
    path = tmp_path / "portico.toml"
    path.write_text("[record]\nkeep_calls_days = 10\n")
    monkeypatch.setenv("PORTICO_CONFIG", str(path))
    monkeypatch.setenv("PORTICO_MASTER_KEY", MASTER_KEY)
    monkeypatch.delenv("PORTICO_TEST_POSTGRES", raising=False)
    return path


@pytest.fixture
def loaded(config: Path) -> Loaded:
    return load_settings()


@pytest.fixture
async def client(deps: Deps, loaded: Loaded) -> AsyncIterator[httpx2.AsyncClient]:
    running = replace(deps, settings=replace(deps.settings, record=loaded.settings.record))
    app = create_app(running, Feed(status("gw-1"), status("gw-2"), silent="gw-2"), loaded)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://portico.test") as opened:
        yield opened


@pytest.fixture
async def superadmin(deps: Deps, client: httpx2.AsyncClient) -> Person:
    return (await found_platform(deps, client))[1]


@pytest.mark.req("SP19")
async def test_settings_are_listed_with_where_they_come_from_and_secrets_are_not_shown(superadmin: Person) -> None:
    listed = await superadmin.get_done("GET", "/settings")
    found = {each["name"]: each for each in listed["items"]}
    assert (found["record.keep_calls_days"]["value"], found["record.keep_calls_days"]["source"]) == (10, "file")
    assert found["server.port"]["source"] == "default"
    assert found["security.master_key"]["value"] == "set"
    assert found["security.master_key"]["secret"]
    assert MASTER_KEY not in str(listed)


@pytest.mark.req("SP19", "SP23")
async def test_a_reload_applies_what_is_reloadable_and_names_what_needs_a_restart(
    superadmin: Person, client: httpx2.AsyncClient, config: Path
) -> None:
    origin = {"Origin": "https://console.example.com"}
    assert "access-control-allow-origin" not in (await client.get("/health", headers=origin)).headers
    config.write_text(
        '[record]\nkeep_calls_days = 20\n[server]\nport = 9000\nallowed_origins = ["https://console.example.com"]\n'
    )
    answer = await superadmin.get_done("POST", "/settings/reload")
    assert set(answer["applied"]) == {"record.keep_calls_days", "server.allowed_origins"}
    assert answer["needs_restart"] == ["server.port"]
    assert "access-control-allow-origin" in (await client.get("/health", headers=origin)).headers
    (entry,) = (await superadmin.get_done("GET", "/audit?action=settings.reload"))["items"]
    assert entry["detail"]["needs_restart"] == ["server.port"]


async def test_a_broken_file_changes_nothing_and_says_what_is_wrong(superadmin: Person, config: Path) -> None:
    config.write_text("[record]\nkeep_calls_days = 0\n[nonsense]\nx = 1\n")
    response = await superadmin.ask("POST", "/settings/reload")
    assert response.status_code == 400
    assert {each["field"] for each in response.json()["error"]["fields"]} == {"record.keep_calls_days", "nonsense.x"}
    listed = await superadmin.get_done("GET", "/settings")
    assert next(each["value"] for each in listed["items"] if each["name"] == "record.keep_calls_days") == 10


async def test_an_admin_of_one_org_does_not_act_on_the_installation(
    superadmin: Person, client: httpx2.AsyncClient
) -> None:
    _, admin = await found_org(client, superadmin, "Heron", "Hal")
    assert (await admin.ask("GET", "/settings")).status_code == 200
    assert (await admin.ask("POST", "/settings/reload")).status_code == 403
    assert (await admin.ask("GET", "/audit?chain=platform")).status_code == 403
    assert (await admin.ask("POST", "/audit/verify?chain=platform")).status_code == 403


async def test_the_status_shows_the_parts_and_which_gateways_went_silent(superadmin: Person) -> None:
    shown = await superadmin.get_done("GET", "/status")
    assert [(each["name"], each["status"]) for each in shown["components"]] == [
        ("database", "healthy"),
        ("gateways", "degraded"),
    ]
    assert [(each["id"], each["fresh"]) for each in shown["gateways"]] == [("gw-1", True), ("gw-2", False)]


@pytest.mark.req("SC9")
async def test_what_was_done_stands_in_the_events_and_in_a_verifiable_audit_trail(superadmin: Person) -> None:
    await superadmin.get_done("POST", "/secrets", {"name": "openai", "value": "sk-very-secret-value"})
    events = (await superadmin.get_done("GET", "/events?page_size=1"))["items"]
    audit = (await superadmin.get_done("GET", "/audit?page_size=1"))["items"]
    assert events[0]["actor"]["name"] == audit[0]["actor"]["name"] == "Ole Otter"
    assert audit[0]["target"]["name"] == "openai"
    assert "very-secret" not in str(events) + str(audit)
    proof = await superadmin.get_done("POST", "/audit/verify")
    assert proof["verified"]
    assert proof["entries"] >= 1


@pytest.mark.req("SC9", "SP23")
async def test_a_failed_sign_in_stands_in_the_platforms_own_trail(superadmin: Person) -> None:
    wrong = {"email": "nobody@otter.example", "password": "wrong-wrong-wrong"}
    assert (await superadmin.ask("POST", "/auth/sign-in", wrong)).status_code == 401
    entries = (await superadmin.get_done("GET", "/audit?chain=platform"))["items"]
    assert "refused" in {each["outcome"] for each in entries}
    assert "wrong-wrong" not in str(entries)
    assert (await superadmin.get_done("POST", "/audit/verify?chain=platform"))["verified"]


@pytest.mark.req("C3", "SS23")
async def test_every_list_has_the_one_envelope(superadmin: Person, client: httpx2.AsyncClient) -> None:
    for path in ("/events", "/audit", "/settings", "/keys", "/services", "/members", "/limits", "/budgets", "/calls"):
        listed = await superadmin.get_done("GET", path)
        assert set(listed) == {"items", "pagination"}, path
        assert set(listed["pagination"]) == {"page", "page_size", "total", "cursors"}, path
        assert set(listed["pagination"]["cursors"]) == {"next"}, path


@pytest.mark.req("SC9", "HY15")
async def test_what_somebody_was_refused_stands_in_the_trail_once_a_minute(
    superadmin: Person, client: httpx2.AsyncClient, clock: ManualClock
) -> None:
    _, admin = await found_org(client, superadmin, "Heron", "Hal")

    async def refused() -> list[dict[str, Any]]:
        for _ in range(3):
            assert (await admin.ask("POST", "/settings/reload")).status_code == 403
        entries: list[dict[str, Any]] = (await admin.get_done("GET", "/audit?action=access.refused"))["items"]
        return entries

    (entry,) = await refused()
    assert (entry["outcome"], entry["severity"], entry["actor"]["name"]) == ("refused", "WARN", "Hal Heron")
    assert entry["target"]["name"] == "POST /api/v1/settings/reload"
    clock.advance(seconds=61)
    assert len(await refused()) == 2
    assert (await admin.get_done("POST", "/audit/verify"))["verified"]
