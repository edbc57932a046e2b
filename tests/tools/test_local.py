"""Local tool servers as an org defines them: over the API and by mcp.yaml, checked, recorded, and compiled for the bridge."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from portico.api.app import create_app
from portico.domains.routing import public as routing
from portico.domains.routing.model import LocalServerEntry
from portico.domains.tenancy import public as tenancy
from portico.domains.tools import public as tools
from portico.domains.vault import public as vault
from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.platform.link import BRIDGE_URL

ALL = ("tools.read", "tools.manage", "services.read", "services.manage", "secrets.manage", "secrets.read")
FILES = {
    "name": "files",
    "command": "mcp-server-filesystem",
    "args": ["/srv/documents"],
    "env": {"TOKEN": "Bearer ${FILES_TOKEN}"},
    "allowed_paths": ["/srv/documents"],
}
DECLARED = """
mcp_servers:
  files:
    command: mcp-server-filesystem
    args: [/srv/documents]
    env: {TOKEN: "Bearer ${FILES_TOKEN}"}
    allowed_paths: [/srv/documents]
  Local_Time:
    command: mcp-server-time
"""


@pytest.fixture
async def scope(deps: Deps) -> OrgScope:
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", "a long enough password")
    scope = tenancy.open_system_scope(OrgId(seeded.org_id))
    await vault.create_secret(scope, vault.SecretDraft("FILES_TOKEN", "s3cr3t-of-the-files"), deps)
    return scope


def caller(deps: Deps, key: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=create_app(deps)),
        base_url="http://portico/api/v1",
        headers={"authorization": f"Bearer {key}"},
    )


async def make_key(deps: Deps, scope: OrgScope, permissions: Sequence[str]) -> str:
    _, secret = await tenancy.create_key(scope, tenancy.KeyDraft("k", tuple(permissions)), deps)
    return secret


@pytest.fixture
async def client(deps: Deps, scope: OrgScope) -> AsyncIterator[httpx2.AsyncClient]:
    async with caller(deps, await make_key(deps, scope, ALL)) as client:
        yield client


async def compiled(deps: Deps) -> dict[str, LocalServerEntry]:
    snapshot = await routing.compile_snapshot(deps)
    return {entry.name: entry.local for entry in snapshot.services if entry.local is not None}


def problems(answer: httpx2.Response) -> dict[str, str]:
    assert answer.status_code == 400, answer.text
    return {each["field"]: each["message"] for each in answer.json()["error"]["fields"]}


@pytest.mark.req("HY19", "L03")
async def test_a_local_server_is_a_service_with_a_program_behind_it(deps: Deps, client: httpx2.AsyncClient) -> None:
    made = await client.post("/tools/servers", json=FILES)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert (shown["state"], shown["enabled"], shown["limits"]["processes"]) == ("stopped", True, 32)
    assert shown["endpoint_url"].endswith("/mcp/files")
    service = (await client.get("/services/files")).json()
    assert (service["kind"], service["id"]) == ("tools", shown["id"])
    assert [end["url"] for version in service["versions"] for end in version["endpoints"]] == [BRIDGE_URL]
    entry = (await compiled(deps))["files"]
    assert (entry.command, entry.arguments, entry.allowed_paths) == (
        "mcp-server-filesystem",
        ("/srv/documents",),
        ("/srv/documents",),
    )
    (secret,) = entry.secrets
    assert deps.sealer.open(secret.sealed, secret.context) == "s3cr3t-of-the-files"
    assert b"s3cr3t" not in secret.sealed


async def test_it_is_changed_listed_and_removed_with_all_that_was_its_own(
    deps: Deps, client: httpx2.AsyncClient
) -> None:
    await client.post("/tools/servers", json=FILES)
    changed = await client.patch("/tools/servers/files", json={"env": {}, "limits": {"processes": 4}, "enabled": False})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["limits"]["processes"], changed.json()["limits"]["open_files"]) == (4, 1024)
    entry = (await compiled(deps))["files"]
    assert (entry.enabled, entry.processes, entry.secrets) == (False, 4, ())
    listed = (await client.get("/tools/servers")).json()["items"]
    assert [each["name"] for each in listed] == ["files"]
    assert (await client.delete("/tools/servers/files")).status_code == 204
    assert (await client.get("/services/files")).status_code == 404
    assert await compiled(deps) == {}


async def test_a_secret_in_use_stays_until_the_server_goes_either_way(client: httpx2.AsyncClient) -> None:
    for remove in ("/tools/servers/files", "/services/files"):
        assert (await client.post("/tools/servers", json=FILES)).status_code == 201
        assert (await client.delete("/secrets/FILES_TOKEN")).status_code == 409
        assert (await client.delete(remove)).status_code == 204
    assert (await client.delete("/secrets/FILES_TOKEN")).status_code == 204


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"env": {"A": "${NOWHERE}"}}, "env.A", "neither a secret of this org nor a variable"),
        ({"env": {"A": "${HOME}"}}, "env.A", "tools.environment"),
        ({"env": {"bad name": "x"}}, "env", "not the name of a variable"),
        ({"env": {"A": "${ }"}}, "env.A", "${NAME}"),
        ({"allowed_paths": ["documents"]}, "allowed_paths.0", "whole path"),
        ({"allowed_paths": ["/srv/../etc"]}, "allowed_paths.0", "whole path"),
        ({"allowed_paths": ["/"]}, "allowed_paths.0", "Portico's own data"),
        ({"limits": {"processes": 0}}, "limits.processes", "between 1 and 1,000"),
        ({"name": "Not A Name"}, "name", "lower-case"),
    ],
)
async def test_a_bad_definition_says_where_and_what(
    client: httpx2.AsyncClient, change: dict[str, Any], field: str, says: str
) -> None:
    told = problems(await client.post("/tools/servers", json={**FILES, **change}))
    assert says in told[field]


async def test_what_the_operator_allows_bounds_what_may_be_defined(deps: Deps, scope: OrgScope) -> None:
    narrow = replace(
        deps.settings.tools, commands=["mcp-server-time"], allowed_roots=["/srv/shared"], environment=["PATH"]
    )
    deps = replace(deps, settings=replace(deps.settings, tools=narrow))
    async with caller(deps, await make_key(deps, scope, ALL)) as client:
        told = problems(await client.post("/tools/servers", json=FILES))
        assert "mcp-server-time" in told["command"]
        assert "/srv/shared" in told["allowed_paths.0"]
        good = {
            "name": "time",
            "command": "mcp-server-time",
            "env": {"A": "${PATH}"},
            "allowed_paths": ["/srv/shared/a"],
        }
        assert (await client.post("/tools/servers", json=good)).status_code == 201


async def test_in_production_nothing_is_run_unless_the_operator_says_so(deps: Deps, scope: OrgScope) -> None:
    deps = replace(deps, settings=replace(deps.settings, environment="production"))
    async with caller(deps, await make_key(deps, scope, ALL)) as client:
        refused = await client.post("/tools/servers", json=FILES)
        assert refused.status_code == 403
        assert "tools.local_servers" in refused.text


async def test_reading_takes_one_permission_and_changing_another(deps: Deps, scope: OrgScope) -> None:
    async with caller(deps, await make_key(deps, scope, ALL)) as client:
        await client.post("/tools/servers", json=FILES)
    async with caller(deps, await make_key(deps, scope, ("tools.read",))) as client:
        assert (await client.get("/tools/servers/files")).status_code == 200
        for method, path in (("POST", ""), ("PATCH", "/files"), ("DELETE", "/files"), ("POST", "/files/stop")):
            answer = await client.request(method, f"/tools/servers{path}", json=FILES if path == "" else {})
            assert answer.status_code == 403, (method, path)
        assert (await client.get("/tools/servers/files/logs")).status_code == 403


async def test_another_org_finds_nothing(deps: Deps, client: httpx2.AsyncClient) -> None:
    await client.post("/tools/servers", json=FILES)
    other = await tenancy.seed_owner(deps, "Other", "other", "o@other.example", "Owner", "a long enough password")
    key = await make_key(deps, tenancy.open_system_scope(OrgId(other.org_id)), ALL)
    async with caller(deps, key) as stranger:
        assert (await stranger.get("/tools/servers")).json()["items"] == []
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/stop"), ("GET", "/logs")):
            answer = await stranger.request(
                method, f"/tools/servers/files{path}", json={} if method == "PATCH" else None
            )
            assert answer.status_code == 404, (method, path)


async def test_nobody_gives_the_bridges_address_to_a_service_by_hand(client: httpx2.AsyncClient) -> None:
    made = await client.post("/services", json={"name": "mine", "kind": "tools", "url": BRIDGE_URL})
    assert made.status_code == 400


async def test_it_has_the_one_endpoint_it_was_made_with(client: httpx2.AsyncClient) -> None:
    await client.post("/tools/servers", json=FILES)
    other = {"url": "http://127.0.0.1:9/mcp"}
    for path in ("versions/v1/endpoints", "versions", "leases"):
        draft = {**other, "version": "v2"} if path == "versions" else other
        answer = await client.post(f"/services/files/{path}", json=draft)
        assert answer.status_code == 409, (path, answer.text)


async def test_orders_say_when_the_bridge_does_not_answer(client: httpx2.AsyncClient) -> None:
    await client.post("/tools/servers", json=FILES)
    answer = await client.post("/tools/servers/files/start")
    assert answer.status_code == 502
    assert "bridge" in answer.text


async def test_changes_are_on_record(client: httpx2.AsyncClient, deps: Deps, scope: OrgScope) -> None:
    await client.post("/tools/servers", json=FILES)
    await client.patch("/tools/servers/files", json={"args": []})
    await client.delete("/tools/servers/files")
    key = await make_key(deps, scope, ("audit.read", "events.read"))
    async with caller(deps, key) as auditor:
        trail = (await auditor.get("/audit", params={"page_size": 100})).text
        log = (await auditor.get("/events", params={"page_size": 100})).text
    for action in ("local_server.define", "local_server.update", "local_server.remove"):
        assert action in trail
    for kind in ("local_server.defined.v1", "local_server.updated.v1", "local_server.removed.v1"):
        assert kind in log
    assert "${FILES_TOKEN}" not in trail


# -- mcp.yaml ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.req("HY19")
async def test_a_file_is_compared_first_and_then_applied(client: httpx2.AsyncClient, deps: Deps) -> None:
    dry = (await client.post("/tools/servers/import", json={"text": DECLARED})).json()
    assert dry["applied"] is False
    assert [(step["name"], step["change"]) for step in dry["steps"]] == [("files", "add"), ("local-time", "add")]
    assert (await client.get("/tools/servers")).json()["items"] == []
    done = await client.post("/tools/servers/import", json={"text": DECLARED, "dry_run": False})
    assert done.status_code == 200, done.text
    assert set(await compiled(deps)) == {"files", "local-time"}
    changed = DECLARED.replace("args: [/srv/documents]", "args: [/srv/documents, /srv/more]")
    changed = changed[: changed.index("  Local_Time")]
    again = (await client.post("/tools/servers/import", json={"text": changed, "remove_others": True})).json()
    assert [(step["name"], step["change"], step["fields"]) for step in again["steps"]] == [
        ("files", "update", ["args"]),
        ("local-time", "remove", []),
    ]


async def test_what_is_exported_can_be_imported_and_changes_nothing(client: httpx2.AsyncClient) -> None:
    await client.post("/tools/servers/import", json={"text": DECLARED, "dry_run": False})
    await client.patch("/tools/servers/files", json={"limits": {"cores": 1}, "enabled": False})
    text = (await client.get("/tools/servers/export")).json()["text"]
    steps = (await client.post("/tools/servers/import", json={"text": text, "remove_others": True})).json()["steps"]
    assert [(step["name"], step["change"]) for step in steps] == [("files", "keep"), ("local-time", "keep")]


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("mcp_servers: [", "text", "is not valid YAML (line 1"),
        ("servers: {}", "text", "must hold mcp_servers"),
        ("mcp_servers: {a: &x {command: y}, b: *x}", "text", "anchors and aliases"),
        ("mcp_servers: {a: 1}", "mcp_servers.a", "must hold command"),
        ("mcp_servers: {a: {command: x, typo: 1}}", "mcp_servers.a.typo", "is not known"),
        ("mcp_servers: {a: {command: x, args: x}}", "mcp_servers.a.args", "list of texts"),
        ("mcp_servers: {a: {args: [x]}}", "mcp_servers.a.command", "must be a program"),
        ("mcp_servers: {a: {command: x, allowed_paths: [b]}}", "mcp_servers.a.allowed_paths.0", "whole path"),
        ("mcp_servers: {a_b: {command: x}, a-b: {command: x}}", "mcp_servers.a-b", "stands there twice"),
    ],
)
async def test_a_bad_file_says_where_and_changes_nothing(
    client: httpx2.AsyncClient, text: str, field: str, says: str
) -> None:
    told = problems(await client.post("/tools/servers/import", json={"text": text, "dry_run": False}))
    assert says in told[field], told
    assert (await client.get("/tools/servers")).json()["items"] == []


async def test_at_the_start_a_file_is_applied_to_the_first_org_once(
    deps: Deps, scope: OrgScope, tmp_path: Path, client: httpx2.AsyncClient
) -> None:
    path = tmp_path / "mcp.yaml"
    path.write_text(DECLARED)
    named = replace(deps.settings, tools=replace(deps.settings.tools, mcp_file=str(path)))
    at_start = tools.FileAtStart(replace(deps, settings=named))
    assert await at_start.apply() == "2 of 2 servers changed"
    await client.delete("/tools/servers/files")
    assert await at_start.apply() == "nothing to do"
    assert set(await compiled(deps)) == {"local-time"}
