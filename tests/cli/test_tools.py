import json
from typing import Any

import pytest

from tests.cli.conftest import Desk, Run, listing

TOOL: dict[str, Any] = {
    "id": "tool_1",
    "server": "files",
    "service_id": "svc_1",
    "name": "read_file",
    "title": "Read a file",
    "state": "changed",
    "seen_pin": "b" * 64,
    "approved_pin": "a" * 64,
    "approved_as": "registration",
    "approved_by": None,
    "approved_at": "2026-01-01T10:00:00.000Z",
    "disabled": False,
    "deprecated_at": None,
    "sunset_at": None,
    "note": "",
    "gone_at": None,
    "cache_ttl_s": 0,
    "cache_scope": "private",
    "tokens": 41,
    "versions": 2,
    "first_seen_at": "2026-01-01T10:00:00.000Z",
    "changed_at": "2026-01-01T10:00:00.000Z",
}
DETAIL = {
    "tool": TOOL,
    "versions": [
        {"number": 1, "pin": "a" * 64, "definition": {"name": "read_file"}},
        {"number": 2, "pin": "b" * 64, "definition": {"name": "read_file", "description": "New."}},
    ],
    "diff": [{"change": "same", "text": "name: read_file"}, {"change": "added", "text": "description: New."}],
}
POLICY: dict[str, Any] = {
    "id": "pol_1",
    "name": "no-etc",
    "effect": "deny",
    "expression": 'args.path.startsWith("/etc")',
    "description": "",
    "position": 100,
    "subjects": [],
    "targets": ["files/*"],
    "enabled": True,
    "version": 1,
    "created_by": "per_1",
    "created_at": "2026-01-01T10:00:00.000Z",
    "updated_at": "2026-01-01T10:00:00.000Z",
}


def asked(desk: Desk) -> Any:
    return desk.asked[-1].body


@pytest.mark.req("L03")
def test_tools_are_listed_shown_and_compared(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/tools", listing(TOOL))
    desk.on("GET /api/v1/tools/tool_1", DETAIL)
    assert "read_file" in run("tools", "list", "--state", "changed", "--server", "files").stdout
    assert "state=changed" in desk.asked[-1].path
    assert '"description": "New."' in run("tools", "show", "tool_1").stdout
    compared = run("tools", "diff", "tool_1")
    assert compared.stdout == "  name: read_file\n+ description: New.\n"
    assert f"--pin {'b' * 64}" in compared.stderr


@pytest.mark.req("L03")
def test_what_was_looked_at_is_what_is_approved(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/tools", listing(TOOL))
    desk.on("POST /api/v1/tools/approve", listing(TOOL))
    assert run("tools", "approve", "tool_1", "--pin", "b" * 64).exit_code == 0
    assert asked(desk) == {"tools": [{"id": "tool_1", "pin": "b" * 64}]}
    assert run("tools", "approve", "--server", "files", "--yes").exit_code == 0
    assert asked(desk) == {"tools": [{"id": "tool_1", "pin": "b" * 64}] * 2}
    for wrong in ((), ("tool_1", "--server", "files"), ("tool_1", "tool_2", "--pin", "b" * 64)):
        assert run("tools", "approve", *wrong).exit_code == 2


@pytest.mark.parametrize(
    ("words", "route", "body"),
    [
        (("reject", "tool_1"), "POST /api/v1/tools/tool_1/reject", {}),
        (("disable", "tool_1"), "POST /api/v1/tools/tool_1/disable", {}),
        (("enable", "tool_1"), "POST /api/v1/tools/tool_1/enable", {}),
        (
            ("deprecate", "tool_1", "--note", "Old.", "--sunset", "2027-01-01T00:00:00Z"),
            "POST /api/v1/tools/tool_1/deprecate",
            {"note": "Old.", "sunset_at": "2027-01-01T00:00:00.000Z"},
        ),
        (
            ("keep", "tool_1", "--ttl-s", "60"),
            "PATCH /api/v1/tools/tool_1",
            {"cache_ttl_s": 60, "cache_scope": "private"},
        ),
    ],
)
def test_decisions(desk: Desk, run: Run, words: tuple[str, ...], route: str, body: Any) -> None:
    desk.on(route, TOOL)
    done = run("tools", *words, "--json")
    assert (done.exit_code, json.loads(done.stdout)["id"], asked(desk)) == (0, "tool_1", body)


def test_servers_are_refreshed_metered_and_given_terms(desk: Desk, run: Run) -> None:
    meter = {"server": "files", "tokens": 900, "states": {"approved": 3, "changed": 1}, "first_seen": "trust"}
    desk.on("GET /api/v1/tools/meter", listing({**meter, "listed_at": None, "error": None}))
    desk.on("POST /api/v1/tools/servers/files/refresh", {"new": 1, "changed": 0, "gone": 0, "back": 0, "approved": 0})
    desk.on("PUT /api/v1/tools/servers/files/terms", meter)
    desk.on("PUT /api/v1/tools/terms", {"quarantine_always": True})
    assert "900" in run("tools", "meter").stdout
    assert "NEW" in run("tools", "refresh", "files").stdout
    assert run("tools", "terms", "files", "--new", "quarantine").exit_code == 0
    assert asked(desk) == {"first_seen": "quarantine"}
    assert run("tools", "terms", "--new", "quarantine").exit_code == 0
    assert asked(desk) == {"quarantine_always": True}
    assert run("tools", "terms", "files").exit_code == 2


def test_invocations(desk: Desk, run: Run) -> None:
    call = {
        "call_id": "call_1",
        "at": "2026-01-01T10:00:00.000Z",
        "server": "files",
        "tool": "read_file",
        "principal": {"name": "bot"},
        "outcome": "refused",
        "cached": False,
        "error": {"name": "POLICY_DENIED"},
        "duration_us": 1500,
    }
    desk.on("GET /api/v1/tools/invocations", listing(call))
    shown = run("tools", "invocations", "--tool", "read_file")
    assert "POLICY_DENIED" in shown.stdout
    assert "tool=read_file" in desk.asked[-1].path


@pytest.mark.req("L03")
def test_policies_are_made_changed_and_deleted(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/policies", listing(POLICY))
    desk.on("POST /api/v1/policies", POLICY, status=201)
    desk.on("PATCH /api/v1/policies/pol_1", POLICY)
    desk.on("DELETE /api/v1/policies/pol_1", status=204)
    version = {"version": 1, "changed_at": POLICY["created_at"], "changed_by": "per_1", "terms": POLICY}
    desk.on("GET /api/v1/policies/pol_1", {"policy": POLICY, "versions": [version]})
    assert "no-etc" in run("policies", "list").stdout
    assert "per_1" in run("policies", "show", "pol_1").stdout
    made = run("policies", "create", "no-etc", "--effect", "deny", "--when", "true", "--target", "files/*")
    assert made.exit_code == 0
    assert asked(desk) == {"name": "no-etc", "effect": "deny", "expression": "true", "targets": ["files/*"]}
    assert run("policies", "create", "no-etc", "--effect", "deny").exit_code == 2
    assert run("policies", "edit", "pol_1", "--off", "--order", "5").exit_code == 0
    assert asked(desk) == {"enabled": False, "position": 5}
    assert run("policies", "edit", "pol_1").exit_code == 2
    assert run("policies", "delete", "pol_1", "--yes").exit_code == 0


@pytest.mark.req("L03")
def test_the_simulator_says_why_and_ends_with_1_where_they_may_not(desk: Desk, run: Run) -> None:
    told = {"id": "pol_1", "name": "no-etc", "effect": "deny", "holds": "yes", "reason": ""}
    verdict = {"verdict": "deny", "allowed": False, "reason": "The policy 'no-etc' denies it.", "policies": [told]}
    desk.on("POST /api/v1/policies/simulate", verdict)
    denied = run("policies", "simulate", "key_1", "files/read_file", "--args", '{"path": "/etc/x"}')
    assert (denied.exit_code, "no-etc" in denied.stdout) == (1, True)
    assert "denies it" in denied.stderr
    assert asked(desk)["arguments"] == {"path": "/etc/x"}
    desk.on("POST /api/v1/policies/simulate", {**verdict, "verdict": "allow", "allowed": True})
    tried = run("policies", "simulate", "key_1", "files/read_file", "--effect", "deny", "--when", "true")
    assert tried.exit_code == 0
    assert asked(desk)["draft"]["expression"] == "true"
    for wrong in (
        ("read_file",),
        ("files/x", "--args", "["),
        ("files/x", "--args", "[]"),
        ("files/x", "--effect", "deny"),
    ):
        assert run("policies", "simulate", "key_1", *wrong).exit_code == 2
