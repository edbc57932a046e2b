import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from portico.domains.webhooks.signing import Stamp, new_secret, signed_headers
from tests.cli.conftest import Answer, Asked, Desk, Run, listing

WEBHOOK: dict[str, Any] = {
    "id": "whk_1",
    "name": "orders",
    "url": "https://shop.example/portico",
    "description": "",
    "status": "active",
    "disabled_reason": None,
    "kinds": ["service.*"],
    "services": [],
    "templates": [],
    "headers": [{"name": "X-Key", "hint": "…"}],
    "ladder_s": None,
    "secret_hint": "abcd",
    "previous_secret_until": None,
    "created_at": "2026-01-01T10:00:00.000Z",
    "updated_at": "2026-01-01T10:00:00.000Z",
    "health": {
        "delivered_24h": 3,
        "failed_24h": 1,
        "pending": 2,
        "dead": 1,
        "last_success_at": None,
        "last_failure_at": None,
        "last_error": None,
    },
}
DELIVERY: dict[str, Any] = {
    "id": "7d3f3a3e-0000-4000-8000-000000000001",
    "webhook_id": "whk_1",
    "event_id": "evt_1",
    "kind": "service.created",
    "subject": "service:svc_1",
    "origin": "event",
    "state": "dead",
    "attempts": 6,
    "next_at": None,
    "created_at": "2026-01-01T10:00:00.000Z",
    "finished_at": "2026-01-01T10:13:00.000Z",
    "last_status": 500,
    "last_error": "E9702 the endpoint answered 500",
    "edited": False,
}
FOUND = {"dry_run": True, "events": 5, "new": 1, "again": 3, "waiting": 1, "replayed": 0, "more_from": None}


def test_webhooks_are_listed_and_shown(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/webhooks", listing(WEBHOOK))
    desk.on("GET /api/v1/webhooks/whk_1", WEBHOOK)
    assert "https://shop.example/portico" in run("webhooks", "list").stdout
    shown = run("webhooks", "show", "whk_1")
    assert shown.exit_code == 0, shown.output
    assert "X-Key: …" in shown.stdout


@pytest.mark.req("SS26")
def test_a_new_webhooks_secret_is_all_there_is_on_stdout(desk: Desk, run: Run) -> None:
    desk.on("POST /api/v1/webhooks", {"webhook": WEBHOOK, "secret": "whsec_c2VjcmV0"}, status=201)
    options = (
        "--url",
        WEBHOOK["url"],
        "--kind",
        "service.*",
        "--service",
        "svc_1",
        "--ladder",
        "1,5",
        "--header",
        "X-Key",
    )
    done = run("webhooks", "add", "orders", *options, input="value-of-the-header\n")
    assert done.exit_code == 0, done.output
    assert done.stdout == "whsec_c2VjcmV0\n"
    assert desk.asked[-1].body == {
        "name": "orders",
        "url": WEBHOOK["url"],
        "kinds": ["service.*"],
        "services": ["svc_1"],
        "headers": [{"name": "X-Key", "value": "value-of-the-header"}],
        "ladder_s": [1, 5],
    }


def test_an_edit_sends_only_what_is_given(desk: Desk, run: Run) -> None:
    desk.on("PATCH /api/v1/webhooks/whk_1", WEBHOOK)
    assert run("webhooks", "edit", "whk_1", "--name", "n", "--ladder", "usual").exit_code == 0
    assert desk.asked[-1].body == {"name": "n", "ladder_s": None}
    assert run("webhooks", "edit", "whk_1").exit_code == 2
    assert run("webhooks", "edit", "whk_1", "--ladder", "soon").exit_code == 2


def test_what_cannot_be_undone_is_asked_for(desk: Desk, run: Run) -> None:
    desk.on("DELETE /api/v1/webhooks/whk_1", status=204)
    assert run("webhooks", "remove", "whk_1").exit_code == 1
    assert desk.asked == []
    assert run("webhooks", "remove", "whk_1", "--yes").exit_code == 0


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_pause_and_resume(desk: Desk, run: Run, verb: str) -> None:
    desk.on(f"POST /api/v1/webhooks/whk_1/{verb}", WEBHOOK)
    assert run("webhooks", verb, "whk_1").exit_code == 0


def test_a_rotation_shows_the_new_secret(desk: Desk, run: Run) -> None:
    desk.on("POST /api/v1/webhooks/whk_1/rotate-secret", {"webhook": WEBHOOK, "secret": "whsec_bmV3"})
    assert run("webhooks", "rotate", "whk_1", "--overlap-s", "60", "--yes").stdout == "whsec_bmV3\n"
    assert desk.asked[-1].body == {"overlap_s": 60}


@pytest.mark.parametrize(
    ("error", "status", "exit_code"), [(None, 204, 0), ("E9702 the endpoint answered 500", 500, 1)]
)
def test_a_test_ends_as_the_endpoint_answered(
    desk: Desk, run: Run, error: str | None, status: int, exit_code: int
) -> None:
    request = {"url": WEBHOOK["url"], "headers": [], "body": "{}"}
    answer = {"sample": True, "status": status, "took_ms": 7, "error": error, "response": "", "request": request}
    desk.on("POST /api/v1/webhooks/whk_1/test", answer | {"delivery_id": DELIVERY["id"]})
    done = run("webhooks", "test", "whk_1")
    assert done.exit_code == exit_code
    assert "A sample was sent" in done.stderr


@pytest.mark.req("SS26")
def test_a_replay_says_how_many_first(desk: Desk, run: Run) -> None:
    def answer(asked: Asked) -> Answer:
        dry = asked.body["dry_run"]
        return Answer(200, FOUND | {"dry_run": dry, "replayed": 0 if dry else 4})

    desk.answers["POST /api/v1/webhooks/whk_1/replay"] = answer
    dry = run("webhooks", "replay", "whk_1", "--since", "2h", "--which", "failed", "--dry-run", "--json")
    assert json.loads(dry.stdout)["again"] == 3
    assert [asked.body["dry_run"] for asked in desk.asked] == [True]
    assert run("webhooks", "replay", "whk_1", "--since", "2h").exit_code == 1, "nobody is there to say yes"
    done = run("webhooks", "replay", "whk_1", "--since", "2h", "--yes")
    assert done.exit_code == 0, done.output
    assert desk.asked[-1].body["dry_run"] is False


@pytest.mark.req("SS26")
@pytest.mark.parametrize(("origin", "shown"), [("event", "dead"), ("test", "dead (test)"), ("edit", "dead (edited)")])
def test_what_is_no_event_of_the_log_is_marked_in_the_list(desk: Desk, run: Run, origin: str, shown: str) -> None:
    desk.on("GET /api/v1/webhooks/whk_1/deliveries", listing(DELIVERY | {"origin": origin}))
    done = run("webhooks", "deliveries", "list", "whk_1")
    assert done.exit_code == 0, done.output
    assert re.search(rf"{re.escape(shown)}\s+6", done.stdout), done.stdout


def test_deliveries_are_listed_shown_and_sent_again(desk: Desk, run: Run, tmp_path: Path) -> None:
    desk.on("GET /api/v1/webhooks/whk_1/deliveries", listing(DELIVERY))
    attempt = {
        "number": 1,
        "at": "2026-01-01T10:00:00.000Z",
        "status": 500,
        "took_ms": 3,
        "error": "no",
        "response": "",
    }
    desk.on(
        f"GET /api/v1/webhook-deliveries/{DELIVERY['id']}",
        DELIVERY | {"attempts": [attempt], "body": '{"id":"evt_1"}', "headers": []},
    )
    desk.on(f"POST /api/v1/webhook-deliveries/{DELIVERY['id']}/redeliver", DELIVERY | {"state": "pending"})
    listed = run("webhooks", "deliveries", "list", "whk_1", "--state", "dead", "--kind", "service.*")
    assert "the endpoint answered 500" in listed.stdout
    assert "state=dead" in desk.asked[-1].path
    shown = run("webhooks", "deliveries", "show", DELIVERY["id"])
    assert shown.exit_code == 0, shown.output
    assert '{"id":"evt_1"}' in shown.stdout
    assert run("webhooks", "deliveries", "redeliver", DELIVERY["id"]).exit_code == 0
    assert desk.asked[-1].body == {}
    (tmp_path / "body.json").write_text('{"mended": true}')
    assert run("webhooks", "deliveries", "redeliver", DELIVERY["id"], "--body", "body.json").exit_code == 0
    assert desk.asked[-1].body == {"body": '{"mended": true}'}
    assert run("webhooks", "deliveries", "redeliver", DELIVERY["id"], "--body", "missing.json").exit_code == 2


@pytest.mark.req("C26")
def test_a_request_that_was_received_can_be_checked_here(run: Run, tmp_path: Path) -> None:
    secret, body = new_secret(), b'{"type":"service.created"}'
    stamp = Stamp(DELIVERY["id"], "service.created", 1, datetime.fromtimestamp(time.time(), UTC))
    sent = dict(signed_headers(stamp, body, [secret]))
    (tmp_path / "body.json").write_bytes(body)
    options = ("--timestamp", sent["X-Webhook-Timestamp"], "--signature", sent["X-Webhook-Signature"])
    done = run("webhooks", "verify", "body.json", *options, input=f"{secret}\n")
    assert done.exit_code == 0, done.output
    (tmp_path / "body.json").write_bytes(body + b" ")
    refused = run("webhooks", "verify", "body.json", *options, input=f"{secret}\n")
    assert refused.exit_code == 1
    assert "WEBHOOK_SIGNATURE" in refused.stderr
    assert secret not in done.output + refused.output
