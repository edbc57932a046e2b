import json
import resource
import subprocess
import sys

import pytest
from typer.main import get_command

from portico.cli.main import app
from tests.cli.conftest import Answer, Desk, Run, listing

KEY = {
    "id": "key_1",
    "name": "support-bot",
    "prefix": "pk_9f3a1c2d",
    "scope": "ENTERPRISE",
    "permissions": ["services.call"],
    "services": None,
    "rate_limit_per_minute": None,
    "status": "active",
    "created_at": "2026-01-01T00:00:00.000Z",
    "expires_at": None,
    "last_used_at": None,
    "previous_valid_until": None,
}
SERVICE = {
    "id": "svc_1",
    "name": "inventory",
    "kind": "http",
    "description": "Stock",
    "status": "healthy",
    "scope": None,
    "visibility": "org",
    "tags": [],
    "models": [],
    "timeout_s": None,
    "max_retries": 2,
    "credential": None,
    "health_path": "/health",
    "endpoint_url": "http://127.0.0.1:8009/svc/inventory",
    "methods": [
        {
            "name": "reserve_stock",
            "http_method": "POST",
            "path": "/stock/{sku}/reserve",
            "parameters": {"properties": {"sku": {"type": "string"}, "quantity": {"type": "integer"}}},
        }
    ],
    "versions": [
        {
            "id": "ver_1",
            "version": "v1",
            "weight": 100,
            "status": "active",
            "endpoints": [{"id": "end_1", "url": "http://10.0.0.1", "weight": 1, "health": "healthy", "breaker": None}],
        }
    ],
}


def every_command(command, path=()):
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from every_command(child, (*path, name))


@pytest.mark.req("SP18")
@pytest.mark.parametrize("path", [" ".join(path) for path, _ in every_command(get_command(app))])
def test_every_command_explains_itself(run: Run, path: str) -> None:
    result = run(*path.split(), "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_every_command_has_words_of_help() -> None:
    silent = [" ".join(path) for path, command in every_command(get_command(app)) if not command.help]
    assert silent == []


@pytest.mark.req("SP18")
def test_json_is_all_there_is_on_stdout(run: Run, desk: Desk) -> None:
    desk.on("GET /api/v1/keys", listing(KEY, next_cursor="abc"))
    result = run("keys", "list", "--json")
    assert json.loads(result.stdout) == {"items": [KEY], "total": 1, "next_cursor": "abc"}


def test_a_table_names_the_cursor_of_the_next_page(run: Run, desk: Desk) -> None:
    desk.on("GET /api/v1/keys", listing(KEY, next_cursor="abc"))
    result = run("keys", "list", "--limit", "1", "--cursor", "xyz")
    assert "support-bot" in result.stdout
    assert "\x1b" not in result.stdout
    assert "--cursor abc" in result.stderr
    assert desk.asked[0].path == "/api/v1/keys?page_size=1&cursor=xyz"


def test_the_key_of_the_environment_is_sent(run: Run, desk: Desk) -> None:
    desk.on("GET /api/v1/keys", listing())
    run("keys", "list", key="pk_11111111_mine")
    assert desk.asked[0].headers["authorization"] == "Bearer pk_11111111_mine"


def test_a_refusal_names_what_next_step_and_correlation_id(run: Run, desk: Desk) -> None:
    desk.refuse(
        "GET /api/v1/services/pricing", 404, "NOT_FOUND", "There is no service 'pricing' here.", "Check the name."
    )
    result = run("services", "show", "pricing")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "GET /api/v1/services/pricing: There is no service 'pricing' here. (404 NOT_FOUND)" in result.stderr
    assert "next: Check the name." in result.stderr
    assert "correlation id: req-42" in result.stderr


@pytest.mark.req("SP18")
def test_exit_codes_tell_the_kinds_of_failure_apart(run: Run, desk: Desk) -> None:
    desk.refuse("GET /api/v1/keys", 403, "ROLE_REQUIRED", "no")
    desk.refuse("GET /api/v1/limits", 401, "MISSING_CREDENTIALS", "who?")
    assert run("keys", "list").exit_code == 1
    assert run("keys", "no-such-verb").exit_code == 2
    assert run("--url", "http://127.0.0.1:1", "keys", "list").exit_code == 3
    assert run("limits", "list", key=None).exit_code == 4


def test_what_cannot_be_undone_is_not_done_without_a_yes(run: Run, desk: Desk) -> None:
    desk.on("DELETE /api/v1/services/inventory", status=204)
    refused = run("services", "remove", "inventory")
    assert refused.exit_code == 1
    assert desk.asked == []
    assert run("services", "remove", "inventory", "--yes").exit_code == 0
    assert [asked.method for asked in desk.asked] == ["DELETE"]


def test_only_the_secret_of_a_new_key_is_on_stdout(run: Run, desk: Desk) -> None:
    desk.on("POST /api/v1/keys", {**KEY, "secret": "pk_9f3a1c2d_secret"}, status=201)
    result = run("keys", "add", "support-bot", "--service", "inventory", "--per-minute", "10")
    assert result.stdout == "pk_9f3a1c2d_secret\n"
    assert desk.asked[0].body == {"name": "support-bot", "services": ["inventory"], "rate_limit_per_minute": 10}


def test_parameters_are_typed_by_the_schema_of_the_method(run: Run, desk: Desk) -> None:
    desk.on("GET /api/v1/services/inventory", SERVICE)
    answer = {"call_id": "call_1", "status": 200, "headers": {}, "body": {"left": 3}, "duration_ms": 4}
    desk.on("POST /api/v1/services/inventory/invoke", answer)
    result = run("call", "inventory", "reserve_stock", "--param", "sku=42", "--param", "quantity=2")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {"left": 3}
    assert desk.asked[1].body == {"method": "reserve_stock", "parameters": {"sku": "42", "quantity": 2}}


def test_a_key_that_may_only_call_needs_no_look_at_the_service(run: Run, desk: Desk) -> None:
    desk.refuse("GET /api/v1/services/inventory", 403, "ROLE_REQUIRED", "no")
    answer = {"call_id": "call_1", "status": 200, "headers": {}, "body": "ok", "duration_ms": 4}
    desk.on("POST /api/v1/services/inventory/invoke", answer)
    result = run("call", "inventory", "reserve_stock", "-p", "sku=42", "-p", "quantity:=2")
    assert result.exit_code == 0, result.stderr
    assert desk.asked[1].body["parameters"] == {"sku": "42", "quantity": 2}
    assert run("call", "inventory", "reserve_stock", "-p", "quantity:=two").exit_code == 2


def test_an_unknown_method_is_told_with_the_known_ones(run: Run, desk: Desk) -> None:
    desk.on("GET /api/v1/services/inventory", SERVICE)
    result = run("call", "inventory", "drop_stock", "-p", "sku=1")
    assert result.exit_code == 1
    assert "reserve_stock" in result.stderr


def test_a_streamed_answer_is_put_together(run: Run, desk: Desk) -> None:
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in ("To ", "be.")]
    desk.on("POST /v1/chat/completions", X_Portico_Call="call_7", Content_Type="text/event-stream")
    desk.answers["POST /v1/chat/completions"].text = (
        "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    )
    result = run("call", "model", "extractive-summariser", "Long text", "--stream")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "To be.\n"
    assert "call_7" in result.stderr
    assert desk.asked[0].body["stream"] is True


def test_an_http_call_goes_to_the_service_and_its_error_is_a_failure(run: Run, desk: Desk) -> None:
    desk.on("GET /svc/inventory/stock", {"error": "closed"}, status=503)
    result = run("call", "http", "inventory", "GET", "/stock?low=1")
    assert result.exit_code == 1
    assert desk.asked[0].path == "/svc/inventory/stock?low=1"
    assert json.loads(result.stdout) == {"error": "closed"}


def test_money_is_given_in_dollars_and_sent_in_micro_dollars(run: Run, desk: Desk) -> None:
    budget = {"id": "bud_1", "name": "b", "subject": {"kind": "org", "id": None, "name": "Demo"}, "measure": "money"}
    budget |= {"window": "day", "limit": 5_250_000, "used": 0, "left": 5_250_000, "used_percent": 0.0, "resets_at": "x"}
    desk.on("POST /api/v1/budgets", budget, status=201)
    result = run("budgets", "add", "b", "--limit", "$5.25")
    assert result.exit_code == 0, result.stderr
    assert desk.asked[0].body["limit"] == 5_250_000
    assert "$5.25" in result.stdout


def test_a_secret_is_read_from_the_pipe(run: Run, desk: Desk) -> None:
    secret = {"name": "s", "description": "", "version": 1, "created_at": "x", "updated_at": "x", "used_by": []}
    desk.on("POST /api/v1/secrets", secret, status=201)
    result = run("secrets", "add", "s", input="hunter2hunter2\n")
    assert result.exit_code == 0, result.stderr
    assert desk.asked[0].body["value"] == "hunter2hunter2"
    assert "hunter2" not in result.output


def test_an_altered_audit_trail_is_a_failure(run: Run, desk: Desk) -> None:
    desk.on("POST /api/v1/audit/verify", {"verified": False, "entries": 9, "first_bad_seq": 4, "checked_at": "x"})
    result = run("audit", "verify")
    assert result.exit_code == 1
    assert "entry 4" in result.stderr


@pytest.mark.req("SP19")
def test_config_check_lists_every_problem_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTICO_SERVER_DRAIN_S", "soon")
    monkeypatch.setenv("PORTICO_GATEWAY_MAX_BODYBYTES", "1")
    result = run("config", "check", "--json")
    assert result.exit_code == 1
    problems = "\n".join(json.loads(result.stdout)["problems"])
    assert "server.drain_s" in problems
    assert "PORTICO_GATEWAY_MAX_BODYBYTES" in problems


@pytest.mark.req("SP19")
def test_config_show_never_shows_a_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTICO_METRICS_KEY", "a-key-that-nobody-may-read")
    result = run("config", "show", "--json")
    rows = {row["name"]: row for row in json.loads(result.stdout)["items"]}
    assert rows["metrics.key"]["value"] == "set"
    assert rows["metrics.key"]["source"] == "environment"
    assert "nobody-may-read" not in result.output


@pytest.mark.req("SP18")
def test_help_comes_quickly() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "portico", "--help"], check=True, capture_output=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Time on the processor, because the machine of the tests is busy with others.
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.4
    heavy = {"httpx2", "sqlalchemy", "fastapi", "pydantic", "alembic", "uvicorn", "cryptography"}
    code = f"import sys, portico.cli.main; print(sorted({heavy!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=20)
    assert loaded.stdout.strip() == "[]"


def test_tail_follows_with_new_calls_only(run: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(number: int) -> dict[str, object]:
        about = {"id": f"call_{number}", "at": f"2026-01-01T00:00:0{number}.000Z", "principal": {"name": "bot"}}
        about |= {"service": {"name": "inventory"}, "model": None, "method": "GET", "path": "/x", "verdict": "allowed"}
        return about | dict.fromkeys(
            ("status", "duration_us", "added_us", "tokens_in", "tokens_out", "cost_microusd"), 0
        )

    pages = [listing(call(2)), listing(call(2), call(1)), listing(call(3), call(2), call(1))]
    desk.answers["GET /api/v1/calls"] = lambda asked: Answer(200, pages.pop(0) if pages else listing())
    naps = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("portico.cli.record.time.sleep", sleep)
    result = run("calls", "tail", "--follow", "--limit", "1", "--json")
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["call_2", "call_3"]


ADA = {"id": "per_1", "email": "ada@demo.example", "name": "Ada", "is_superadmin": True}


def test_superadmins_are_shown_made_and_unmade(run: Run, desk: Desk) -> None:
    desk.on("GET /api/v1/superadmins", listing(ADA))
    desk.on("POST /api/v1/superadmins/per_1", ADA)
    desk.on("DELETE /api/v1/superadmins/per_1", status=204)
    assert "ada@demo.example" in run("people", "superadmin").stdout
    assert json.loads(run("people", "superadmin", "per_1", "--yes", "--json").stdout) == ADA
    assert run("people", "superadmin", "per_1", "--remove", "--yes").exit_code == 0
    assert [asked.method for asked in desk.asked] == ["GET", "POST", "DELETE"]
