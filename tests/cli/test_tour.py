"""The report of `portico up` tells what was recorded, and says so when that is not what should have happened."""

from typing import Any

import pytest

from portico.cli import demo, tour
from portico.cli.client import Client
from portico.cli.profiles import Profile
from tests.cli.conftest import Answer, Asked, Desk, envelope, listing

STOP = tour.Stop("budget too small", demo.FRUGAL_KEY, lambda client: None, "refused", 429, "BUDGET_EXHAUSTED")


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": "call_1",
        "principal": {"kind": "key", "id": "key_1", "name": demo.FRUGAL_KEY},
        "service": {"name": "summariser"},
        "method": "POST",
        "path": "/v1/chat/completions",
        "model": demo.CHAT_MODEL,
        "verdict": "refused",
        "reason": {"code": "E9402", "name": "BUDGET_EXHAUSTED", "message": "no room"},
        "status": 429,
        "tokens_in": 0,
        "tokens_out": 0,
        "cost_microusd": 0,
        "added_us": 140,
        **changes,
    }


def outcome(sent: tour.Sent, recorded: dict[str, Any]) -> tour.Outcome:
    return tour.judge(STOP, sent, recorded)


def test_a_call_that_went_as_it_should_has_no_trouble() -> None:
    assert outcome(tour.Sent("call_1", 429), record()).troubles == ()


@pytest.mark.parametrize(
    ("sent", "recorded", "trouble"),
    [
        (tour.Sent("call_1", 200), record(), "the client saw 200, not 429"),
        (tour.Sent("call_1", 429), record(verdict="allowed"), "recorded verdict 'allowed', not 'refused'"),
        (tour.Sent("call_1", 429), record(reason=None), "recorded reason.name None, not 'BUDGET_EXHAUSTED'"),
        (tour.Sent("call_1", 429, "the answer is empty"), record(), "the answer is empty"),
    ],
)
def test_each_difference_is_a_trouble(sent: tour.Sent, recorded: dict[str, Any], trouble: str) -> None:
    assert outcome(sent, recorded).troubles == (trouble,)


def test_the_report_shows_the_record_and_is_good_only_without_trouble(desk: Desk, capsys) -> None:
    desk.on("GET /api/v1/budgets", listing({"name": demo.CLIENT_BUDGET, "left": 999_900, "limit": 1_000_000}))
    good, bad = outcome(tour.Sent("call_1", 429), record()), outcome(tour.Sent("call_1", 200), record())
    with Client(Profile(url=desk.url, key="pk_1")) as api:
        assert tour.report([good], api, "http://127.0.0.1:8009") is True
        assert tour.report([good, bad], api, "http://127.0.0.1:8009") is False
    shown = capsys.readouterr()
    assert "refused (BUDGET_EXHAUSTED)" in shown.out
    assert "$0.9999 of $1.00" in shown.out
    assert "http://127.0.0.1:8009/calls" in shown.out
    assert "the client saw 200, not 429" in shown.err


def test_a_record_that_comes_late_is_waited_for(desk: Desk) -> None:
    answers = [Answer(404, envelope("NOT_FOUND", "not yet", "")), Answer(200, record())]

    def answer(asked: Asked) -> Answer:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    desk.answers["GET /api/v1/calls/call_1"] = answer
    with Client(Profile(url=desk.url, key="pk_1")) as api:
        assert tour.read_back(api, "call_1")["id"] == "call_1"
    assert len(desk.asked) == 2
