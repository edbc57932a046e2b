import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Desk, Run, listing

SERVER: dict[str, Any] = {
    "id": "svc_1",
    "name": "files",
    "description": "",
    "command": "mcp-server-filesystem",
    "args": ["/srv/docs"],
    "env": {"TOKEN": "${FILES_TOKEN}"},
    "allowed_paths": ["/srv/docs"],
    "program_paths": [],
    "limits": {
        "memory_bytes": 1 << 30,
        "processes": 32,
        "open_files": 1024,
        "cores": None,
        "cpu_s": None,
        "message_bytes": 1 << 22,
        "idle_stop_s": 600,
        "start_timeout_s": 60,
    },
    "enabled": True,
    "updated_at": "2026-01-01T10:00:00.000Z",
    "updated_by": "per_1",
    "state": "failed",
    "since": "2026-01-01T10:00:00.000Z",
    "error": "It ended by itself with exit code 3.",
    "restarts": 2,
    "pid": None,
    "memory_bytes": 0,
    "processes": 0,
    "protocol_version": "2025-11-25",
    "jailed": True,
    "endpoint_url": "http://127.0.0.1:8009/mcp/files",
}
STEPS = [{"name": "files", "change": "update", "fields": ["args"]}, {"name": "time", "change": "keep", "fields": []}]


@pytest.mark.req("L03")
def test_servers_are_listed_and_shown(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/tools/servers", listing(SERVER))
    desk.on("GET /api/v1/tools/servers/files", SERVER)
    listed = run("mcp", "list").stdout
    assert "mcp-server-filesystem /srv/docs" in listed
    assert "exit code 3" in listed
    shown = run("mcp", "show", "files").stdout
    assert "TOKEN=${FILES_TOKEN}" in shown
    assert "memory_bytes=1073741824" in shown


def test_a_server_is_added_with_what_it_may_reach(desk: Desk, run: Run) -> None:
    desk.on("POST /api/v1/tools/servers", SERVER)
    words = ("--env", "TOKEN=${FILES_TOKEN}", "--allow", "/srv/docs", "--limit", "processes=4")
    done = run("mcp", "add", "files", *words, "--json", "--", "mcp-server-filesystem", "--flag", "/srv/docs")
    assert done.exit_code == 0, done.stderr
    assert desk.asked[-1].body == {
        "name": "files",
        "description": "",
        "command": "mcp-server-filesystem",
        "args": ["--flag", "/srv/docs"],
        "env": {"TOKEN": "${FILES_TOKEN}"},
        "allowed_paths": ["/srv/docs"],
        "program_paths": [],
        "limits": {"processes": 4},
    }
    for wrong in (("--env", "TOKEN"), ("--limit", "processes=many")):
        assert run("mcp", "add", "files", *wrong, "--", "x").exit_code == 2


@pytest.mark.parametrize("order", ["start", "stop", "restart"])
def test_orders(desk: Desk, run: Run, order: str) -> None:
    desk.on(f"POST /api/v1/tools/servers/files/{order}", SERVER)
    done = run("mcp", order, "files", "--json")
    assert (done.exit_code, json.loads(done.stdout)["name"]) == (0, "files")


def test_a_server_is_switched_off_and_on(desk: Desk, run: Run) -> None:
    desk.on("PATCH /api/v1/tools/servers/files", SERVER)
    for word, on in (("disable", False), ("enable", True)):
        assert run("mcp", word, "files").exit_code == 0
        assert desk.asked[-1].body == {"enabled": on}


def test_its_log_is_read_and_it_is_removed(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/tools/servers/files/logs", {"lines": [{"at": "2026-01-01T10:00:00.000Z", "text": "ready"}]})
    desk.on("DELETE /api/v1/tools/servers/files", None)
    assert run("mcp", "logs", "files").stdout == "2026-01-01T10:00:00.000Z  ready\n"
    assert run("mcp", "remove", "files", "--yes").exit_code == 0


@pytest.mark.req("HY19")
def test_a_file_is_shown_before_it_is_applied(desk: Desk, run: Run, tmp_path: Path) -> None:
    desk.on("POST /api/v1/tools/servers/import", {"steps": STEPS, "applied": False})
    path = tmp_path / "mcp.yaml"
    path.write_text("mcp_servers: {}")
    looked = run("mcp", "import", str(path), "--dry-run")
    assert "update" in looked.stdout
    assert [ask.body["dry_run"] for ask in desk.asked] == [True]
    assert run("mcp", "import", str(path), "--yes").exit_code == 0
    assert [ask.body["dry_run"] for ask in desk.asked] == [True, True, False]
    assert desk.asked[-1].body["text"] == "mcp_servers: {}"


def test_the_file_comes_out_as_it_would_go_in(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/tools/servers/export", {"text": "mcp_servers:\n  files:\n    command: x\n"})
    assert run("mcp", "export").stdout == "mcp_servers:\n  files:\n    command: x\n"
