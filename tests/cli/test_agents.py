from typing import Any

import pytest

from tests.cli.conftest import Answer, Asked, Desk, Run, listing

AGENT: dict[str, Any] = {
    "id": "svc_1",
    "name": "echo",
    "title": "Echo",
    "version": "1.0.0",
    "capabilities": ["echo"],
    "skills": [{"id": "echo", "name": "Echo", "description": "", "tags": ["talk"]}],
    "endpoints": ["http://127.0.0.1:9"],
    "health": {
        "status": "unhealthy",
        "since": None,
        "endpoint": "http://127.0.0.1:9/.well-known/agent-card.json",
        "interval_s": 30,
        "timeout_s": 5,
        "threshold": 3,
        "dead_after": 10,
        "failures": 4,
        "last_error": "answered 500",
        "checked_at": "2026-01-01T10:00:00.000Z",
    },
    "metadata": {"module": None, "tags": [], "description": "Says it again"},
    "card": {
        "url": "http://127.0.0.1:9/.well-known/agent-card.json",
        "read_at": None,
        "changed_at": None,
        "refresh_s": 300,
        "protocols": ["1.0", "0.3"],
        "streaming": True,
        "push_notifications": False,
        "problem": "nobody there",
        "notes": [],
    },
    "url": "http://door/a2a/echo",
    "card_url": "http://door/a2a/echo/.well-known/agent-card.json",
    "visibility": "org",
    "scope": None,
}
TASK = {"id": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_COMPLETED"}}


@pytest.mark.req("SP18")
def test_agents_are_registered_listed_and_shown(desk: Desk, run: Run) -> None:
    desk.on("POST /api/v1/agents", AGENT, status=201)
    desk.on("GET /api/v1/agents", listing(AGENT))
    desk.on("GET /api/v1/agents/echo", AGENT)
    made = run("agents", "register", "http://127.0.0.1:9", "--name", "echo", "--credential", "echo-token")
    assert made.exit_code == 0, made.output
    assert desk.asked[-1].body == {
        "url": "http://127.0.0.1:9",
        "visibility": "org",
        "name": "echo",
        "credential": {"secret_name": "echo-token"},
    }
    assert "nobody there" in run("agents", "list", "--capability", "talk").output
    assert "capability=talk" in desk.asked[-1].path
    assert "http://door/a2a/echo" in run("agents", "show", "echo").output
    health = run("agents", "health", "echo").output
    assert "answered 500" in health
    assert "unhealthy" in health


def test_a_card_that_cannot_be_read_fails_the_command(desk: Desk, run: Run) -> None:
    desk.on("POST /api/v1/agents/echo/refresh", AGENT)
    told = run("agents", "refresh", "echo")
    assert told.exit_code == 1
    assert "nobody there" in told.output


def test_something_is_said_to_an_agent(desk: Desk, run: Run) -> None:
    task = {**TASK, "artifacts": [{"artifactId": "a", "parts": [{"text": "echo: hi"}, {"data": {"n": 1}}]}]}

    def answered(asked: Asked) -> Answer:
        assert asked.headers["a2a-version"] == "1.0"
        assert asked.body["params"]["message"]["parts"] == [{"text": "hi"}]
        return Answer(200, {"jsonrpc": "2.0", "id": 1, "result": {"task": task}})

    desk.answers["POST /a2a/echo"] = answered
    told = run("agents", "send", "echo", "hi")
    assert told.exit_code == 0, told.output
    assert "echo: hi" in told.output
    assert "Task t1 is completed." in told.output


def test_what_an_agent_refuses_fails_the_command_with_its_words(desk: Desk, run: Run) -> None:
    error = {"code": 9808, "message": "Agent not responding: 'echo'.", "data": []}
    desk.on("POST /a2a/echo", {"jsonrpc": "2.0", "id": 1, "error": error}, status=504)
    told = run("agents", "send", "echo", "hi")
    assert told.exit_code == 1
    assert "Agent not responding" in told.output
    assert "portico agents health echo" in told.output


def test_tasks_and_routes_are_shown(desk: Desk, run: Run) -> None:
    seen = {
        "id": "t1",
        "context_id": "c1",
        "state": "TASK_STATE_WORKING",
        "principal_id": "key_1",
        "principal_name": "bot",
        "call_id": "call_1",
        "created_at": "2026-01-01T10:00:00.000Z",
        "updated_at": "2026-01-01T10:00:00.000Z",
    }
    desk.on("GET /api/v1/agents/echo/tasks", listing(seen))
    assert "TASK_STATE_WORKING" in run("agents", "tasks", "echo", "--state", "working").output
    assert "state=TASK_STATE_WORKING" in desk.asked[-1].path
    considered = [{"name": "echo", "health": "healthy", "open_calls": 0, "why_not": None}]
    routed = {"agent": "echo", "url": "", "policy": "random", "why": "one of 1 at random", "considered": considered}
    desk.on("POST /api/v1/mesh/route", routed)
    assert "one of 1 at random" in run("agents", "route", "talk", "--policy", "random").output
