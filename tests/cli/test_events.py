import json
from typing import Any

import pytest

from portico.cli import replays
from tests.cli.conftest import Answer, Asked, Desk, Run, listing

EVENT: dict[str, Any] = {
    "seq": 7,
    "id": "evt_1",
    "kind": "order.shipped.v1",
    "at": "2026-01-01T10:00:00.000Z",
    "actor": {"kind": "key", "id": "key_1", "name": "shop"},
    "payload": {"parcels": 2},
    "subject": "order:o-1",
    "category": "integration",
    "origin": {"source": "shop", "id": "o-1", "time": None},
}
LETTER: dict[str, Any] = {
    "id": "dlt_1",
    "consumer": "webhooks",
    "event": EVENT,
    "payload": {"parcels": 2},
    "edited": False,
    "error": "ValueError: no",
    "attempts": 4,
    "first_failed_at": "2026-01-01T10:00:00.000Z",
    "died_at": "2026-01-01T10:36:00.000Z",
}
TOLD = {"dry_run": True, "events": 3, "hits": [{"consumer": "webhooks", "events": 2}], "replayed": 0, "corrected": None}
TOLD |= {"next_after": None, "through": 9}


def test_events_are_listed_and_narrowed(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/events", listing(EVENT))
    done = run("events", "list", "--kind", "order.*", "--category", "integration", "--subject", "order:o-1")
    assert done.exit_code == 0, done.output
    assert "order.shipped" in done.stdout
    assert "order:o-1" in done.stdout
    asked = desk.asked[-1].path
    assert "kind=order.%2A" in asked or "kind=order.*" in asked
    assert "category=integration" in asked


def test_the_list_of_events_fits_a_hundred_columns_unless_all_of_them_are_wanted(desk: Desk, run: Run) -> None:
    long = {"id": f"evt_{'0' * 26}", "kind": f"order.{'x' * 70}.v1", "payload": {"name": "a name " * 12}}
    desk.on("GET /api/v1/events", listing(EVENT, EVENT | {**long, "seq": 123_456_789}))
    lines = run("events", "list").stdout.splitlines()
    assert [len(line) <= 100 for line in lines] == [True, True, True]
    # What `events show` asks for stays whole.
    assert long["id"] in lines[2]
    wide = run("events", "list", "--wide").stdout
    assert all(told in wide for told in ("123456789", str(long["kind"]), "integration", "shop", "parcels=2"))


def test_one_event_is_shown_with_where_it_came_from(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/events/evt_1", EVENT)
    shown = run("events", "show", "evt_1").stdout
    assert "shop o-1" in shown
    assert json.loads(run("events", "show", "evt_1", "--json").stdout) == EVENT


def test_an_export_goes_through_all_pages(desk: Desk, run: Run) -> None:
    pages = [listing(EVENT, next_cursor="more"), listing(EVENT | {"id": "evt_0"})]
    desk.answers["GET /api/v1/events"] = lambda asked: Answer(body=pages["cursor=more" in asked.path])
    lines = run("events", "export").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["evt_1", "evt_0"]


def test_archives_are_listed_and_one_is_read_as_it_is(desk: Desk, run: Run) -> None:
    kept = {"id": "2026-01-01-1-9", "day": "2026-01-01", "first_seq": 1, "last_seq": 9, "bytes": 812}
    desk.on("GET /api/v1/event-archives", listing(kept))
    assert "2026-01-01-1-9" in run("events", "archives").stdout
    text = "".join(json.dumps(EVENT | {"seq": seq}) + "\n" for seq in range(1, 10))
    desk.answers["GET /api/v1/event-archives/2026-01-01-1-9"] = Answer(text=text)
    assert run("events", "archive", "2026-01-01-1-9").stdout == text
    desk.refuse("GET /api/v1/event-archives/nothing", 404, "NOT_FOUND", "There is no event archive nothing.")
    refused = run("events", "archive", "nothing")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "no event archive" in refused.stderr


def test_an_event_is_published_in_the_envelope(desk: Desk, run: Run) -> None:
    desk.on("POST /api/v1/events", {"event": EVENT, "duplicate": True})
    done = run("events", "publish", "order.shipped", "--data", '{"parcels": 2}', "--id", "o-1", "--subject", "o-1")
    assert done.exit_code == 0, done.output
    assert "on record already" in done.stderr
    assert desk.asked[-1].body == {
        "specversion": "1.0",
        "id": "o-1",
        "source": "portico-cli",
        "type": "order.shipped",
        "data": {"parcels": 2},
        "subject": "o-1",
    }


@pytest.mark.parametrize("data", ["not json", "[1]"])
def test_data_that_is_no_object_is_wrong_usage(run: Run, data: str) -> None:
    assert run("events", "publish", "order.shipped", "--data", data).exit_code == 2


def test_a_replay_says_first_who_is_hit_and_asks(desk: Desk, run: Run) -> None:
    desk.on("POST /api/v1/event-replays", TOLD)
    assert run("events", "replay", "--consumer", "webhooks").exit_code == 1
    assert [asked.body["dry_run"] for asked in desk.asked] == [True]
    assert run("events", "replay", "--consumer", "webhooks", "--kind", "order.*", "--yes").exit_code == 0
    assert [asked.body["dry_run"] for asked in desk.asked] == [True, True, False]
    assert desk.asked[-1].body["kinds"] == ["order.*"]


def test_a_replay_of_any_length_goes_request_by_request_and_says_how_far_it_is(
    desk: Desk, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "WAIT_S", 0.0)
    waited = iter([True])

    def answer(asked: Asked) -> Answer:
        body = asked.body
        last = body["after"] == 4_000
        told = TOLD | {"dry_run": body["dry_run"], "events": 500 if last else 2_000}
        told |= {"hits": [{"consumer": "webhooks", "events": told["events"]}]}
        told |= {"next_after": None if last else body["after"] + 2_000}
        if not body["dry_run"]:
            told |= {"replayed": told["events"]}
            # Once, nothing fits in.
            if body["after"] == 2_000 and next(waited, False):
                told |= {"replayed": 0, "next_after": 2_000}
        return Answer(body=told)

    desk.answers["POST /api/v1/event-replays"] = answer
    done = run("events", "replay", "--consumer", "webhooks", "--yes")
    assert done.exit_code == 0, done.output
    assert [(it.body["dry_run"], it.body["after"]) for it in desk.asked] == [
        *((True, after) for after in (0, 2_000, 4_000)),
        *((False, after) for after in (0, 2_000, 2_000, 4_000)),
    ]
    assert {it.body.get("through") for it in desk.asked if it.body["after"]} == {9}
    assert "2,000 of 4,500 events are on their way; --after 2000 would go on from here." in done.stderr
    assert "4500 events are on their way again." in done.stderr
    told = json.loads(run("events", "replay", "--consumer", "webhooks", "--after", "2000", "--yes", "--json").stdout)
    assert (told["replayed"], told["next_after"]) == (2_500, None)


def test_a_replay_that_goes_nowhere_ends_and_says_where_to_go_on(
    desk: Desk, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "WAIT_S", 0.0)
    monkeypatch.setattr(replays, "MOST_WAITS", 3)
    desk.answers["POST /api/v1/event-replays"] = lambda asked: Answer(
        body=TOLD | {"dry_run": asked.body["dry_run"], "next_after": None if asked.body["dry_run"] else 7}
    )
    done = run("events", "replay", "--consumer", "webhooks", "--yes")
    assert done.exit_code == 1
    assert "go on with --after 7" in done.stderr


def test_consumers_types_and_counts_are_listed(desk: Desk, run: Run) -> None:
    consumer = {"name": "webhooks", "lag": 3, "lag_s": 2.4, "waiting": 1, "dead": 9, "dead_warning": True}
    desk.on("GET /api/v1/event-consumers", listing(consumer | {"dropped": 0, "projection": False, "updated_at": None}))
    assert "9 (nearly full)" in run("events", "consumers").stdout
    kind = {
        "kind": "org.created.v1",
        "category": "system",
        "summary": "An org was founded.",
        "aliases": ["tenant.created"],
    }
    desk.on("GET /api/v1/event-types", listing(kind | {"schema": {"properties": {"org_id": {}}}}))
    assert "tenant.created" in run("events", "types").stdout
    desk.on("GET /api/v1/event-counts", listing({"day": "2026-01-01", "kind": "org.created.v1", "count": 4}))
    assert "2026-01-01" in run("events", "counts").stdout


def test_a_dead_letter_is_shown_mended_and_retried(desk: Desk, run: Run) -> None:
    desk.on("GET /api/v1/dead-letters", listing(LETTER))
    desk.on("GET /api/v1/dead-letters/dlt_1", LETTER)
    desk.on("PATCH /api/v1/dead-letters/dlt_1", LETTER | {"edited": True})
    desk.on("POST /api/v1/dead-letters/dlt_1/retry", status=204)
    desk.on("POST /api/v1/dead-letters/dlt_1/discard", status=204)
    desk.on("POST /api/v1/dead-letters/retry", {"retried": 2})
    assert "ValueError: no" in run("dead-letters", "list").stdout
    assert "order.shipped.v1" in run("dead-letters", "show", "dlt_1").stdout
    edited = run("dead-letters", "edit", "dlt_1", "--data", "-", "--json", input='{"parcels": 3}')
    assert (json.loads(edited.stdout)["edited"], desk.asked[-1].body) == (True, {"payload": {"parcels": 3}})
    assert run("dead-letters", "retry", "dlt_1").exit_code == 0
    assert run("dead-letters", "retry", "dlt_1", "--kind", "order.*").exit_code == 2
    assert run("dead-letters", "retry", "--consumer", "webhooks").exit_code == 1
    done = run("dead-letters", "retry", "--consumer", "webhooks", "--yes")
    assert ("2 are" in done.stderr, desk.asked[-1].body) == (True, {"consumer": "webhooks", "kind": None})
    assert run("dead-letters", "discard", "dlt_1").exit_code == 1
    assert run("dead-letters", "discard", "dlt_1", "--yes").exit_code == 0
