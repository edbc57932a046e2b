"""The commands on models, against a desk that answers as the API does."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Desk, Run, listing

MODEL: dict[str, Any] = {
    "name": "org/big",
    "service": {"id": "svc_1", "name": "acme-ai", "status": "healthy"},
    "lifecycle": "deprecated",
    "family": "big",
    "version": "2026-11-01",
    "sends": "",
    "note": "",
    "context_tokens": 9000,
    "max_output_tokens": None,
    "capabilities": ["chat", "tools"],
    "quality": 5,
    "speed": None,
    "price": {"input_microusd_per_mtok": 2_500_000, "output_microusd_per_mtok": 10_000_000, "call_microusd": 0},
    "own_price": True,
    "deprecated_at": "2026-11-01T00:00:00.000Z",
    "retires_at": None,
    "successor": "bigger",
    "when_retired": "refuse",
}
MEASURED = {"calls": 12, "failed": 3, "p50_us": 1500, "p95_us": None, "first_byte_p50_us": 20, "cost_microusd": 5}
RULE: dict[str, Any] = {
    "name": "code",
    "targets": ["org/big"],
    "fallbacks": ["small"],
    "tasks": ["code"],
    "min_tokens": None,
    "max_tokens": 4000,
    "needs": ["tools"],
    "max_cost_microusd": 20_000,
    "max_latency_ms": 900,
    "prefer": "speed",
}
ROUTE = {
    "id": "mrt_1",
    "name": "auto",
    "description": "whatever fits",
    "scope": None,
    "prefer": "quality",
    "rules": [RULE],
    "enabled": True,
}
PATH = "/api/v1/models"


def test_models_are_listed_and_shown(desk: Desk, run: Run) -> None:
    desk.on(f"GET {PATH}", listing(MODEL))
    desk.on(f"GET {PATH}/org/big", MODEL)
    listed = run("models", "list").stdout
    assert "org/big" in listed
    assert "$2.5 / $10" in listed.replace("$2.50", "$2.5").replace("$10.00", "$10")
    shown = run("models", "show", "org/big")
    assert shown.exit_code == 0, shown.output
    assert "its own" in shown.stdout
    assert json.loads(run("models", "show", "org/big", "--json").stdout) == MODEL


def test_what_is_said_of_a_model_is_sent_and_no_more(desk: Desk, run: Run) -> None:
    desk.on(f"GET {PATH}/org/big", MODEL)
    desk.on(f"PATCH {PATH}/org/big", MODEL)
    options = ("--quality", "4", "--can", "chat", "--can", "json", "--retires-at", "never", "--reroute")
    assert run("models", "set", "org/big", *options).exit_code == 0
    said = {"quality": 4, "capabilities": ["chat", "json"], "retires_at": None, "when_retired": "successor"}
    assert desk.asked[-1].body == said
    assert run("models", "set", "org/big", "--price-out", "$12.5").exit_code == 0
    assert desk.asked[-1].body == {"price": MODEL["price"] | {"output_microusd_per_mtok": 12_500_000}}
    assert run("models", "set", "org/big").exit_code == 2
    assert run("models", "set", "org/big", "--price-in", "much").exit_code == 2


def test_a_reset_is_asked_for(desk: Desk, run: Run) -> None:
    desk.on(f"DELETE {PATH}/org/big", status=204)
    assert run("models", "reset", "org/big").exit_code == 1
    assert run("models", "reset", "org/big", "--yes").exit_code == 0


def test_the_matrix_and_the_connections(desk: Desk, run: Run) -> None:
    desk.on(f"GET {PATH}/matrix", listing(MODEL | {"measured": MEASURED}, MODEL | {"name": "x", "measured": None}))
    shown = run("models", "matrix")
    assert shown.exit_code == 0, shown.output
    assert "1.5 ms" in shown.stdout
    endpoint = {"last_error": None, "breaker": {"state": "open", "reason": "5 of 10 calls failed"}}
    connection = {"service": "acme-ai", "status": "degraded", "models": ["a"], "endpoints": [endpoint]}
    measured = {"last_success_at": None, "last_failure_at": None, "last_failure": "It broke off."}
    desk.on(f"GET {PATH}/connections", listing(connection | {"measured": measured}))
    told = run("models", "connections").stdout
    assert "open: 5 of 10 calls failed" in told
    assert "It broke off." in told


def test_a_route_is_made_of_names_or_of_a_file(desk: Desk, run: Run, tmp_path: Path) -> None:
    desk.on(f"POST {PATH}/routes", ROUTE, status=201)
    made = run("models", "routes", "add", "auto", "--to", "a", "--to", "b", "--fallback", "c", "--prefer", "cost")
    assert made.exit_code == 0, made.output
    assert "up to 4,000 tokens" in made.stdout
    rule = {"name": "every call", "targets": ["a", "b"], "fallbacks": ["c"]}
    assert desk.asked[-1].body == {"name": "auto", "rules": [rule], "prefer": "cost"}
    file = tmp_path / "rules.json"
    file.write_text(json.dumps([RULE]))
    assert run("models", "routes", "add", "auto", "--rules", str(file)).exit_code == 0
    assert desk.asked[-1].body == {"name": "auto", "rules": [RULE]}
    assert run("models", "routes", "add", "auto", "--rules", "-", input="[]").exit_code == 0
    for wrong in ((), ("--fallback", "c"), ("--rules", str(file), "--to", "a"), ("--rules", str(tmp_path / "none"))):
        assert run("models", "routes", "add", "auto", *wrong).exit_code == 2


def test_routes_are_listed_changed_and_removed(desk: Desk, run: Run) -> None:
    desk.on(f"GET {PATH}/routes", listing(ROUTE))
    desk.on(f"GET {PATH}/routes/mrt_1", ROUTE)
    desk.on(f"PATCH {PATH}/routes/mrt_1", ROUTE)
    desk.on(f"DELETE {PATH}/routes/mrt_1", status=204)
    assert "org/big, else small" in run("models", "routes", "list").stdout
    assert "tasks code" in run("models", "routes", "show", "mrt_1").stdout
    assert run("models", "routes", "edit", "mrt_1", "--disable", "--name", "other").exit_code == 0
    assert desk.asked[-1].body == {"name": "other", "enabled": False}
    assert run("models", "routes", "edit", "mrt_1").exit_code == 2
    assert run("models", "routes", "remove", "mrt_1").exit_code == 1
    assert run("models", "routes", "remove", "mrt_1", "--yes").exit_code == 0


@pytest.mark.parametrize("model", ["small", None])
def test_a_dry_run_says_which_and_why(desk: Desk, run: Run, model: str | None) -> None:
    passed = [{"model": "org/big", "why": "its breakers are open"}]
    chosen = [{"model": "small", "service": "s", "expected_cost_microusd": 7, "expected_ms": 300, "quality": None}]
    answer = {"model": model, "rule": "code", "why": "for a reason", "tokens_in": 9, "chosen": chosen if model else []}
    answer["steps"] = [{"rule": "code", "matched": True, "why": "for a reason", "passed": passed}]
    desk.on(f"POST {PATH}/routes/mrt_1/choose", answer)
    told = run("models", "routes", "choose", "mrt_1", "--task", "code", "--tokens", "9", "--need", "tools")
    assert told.exit_code == 0, told.output
    assert f"{model or 'no model'}: for a reason" in told.stdout
    assert "not org/big: its breakers are open" in told.stdout
    assert desk.asked[-1].body == {"task": "code", "prompt": "", "needs": ["chat", "tools"], "tokens_in": 9}
