"""What the record says of a call, stage by stage, and what was asked."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from portico.domains.limits import store as limits_store
from portico.domains.limits.public import Budget
from portico.domains.usage import service
from portico.domains.usage.fold import fold_journals
from portico.domains.usage.model import CallLine, Charge, Stage
from portico.domains.usage.notes import notes_of
from portico.domains.usage.wire import call_detail_wire
from portico.kernel.ids import BudgetId
from portico.platform.deps import Deps
from tests.usage.journals import ORG, OTHER_ORG, append, call, lines, reader

STAGES = ("identify", "admit", "route", "forward", "relay", "settle")
DAILY = Budget(
    BudgetId("bud_1"),
    ORG,
    "Daily spend",
    "org",
    None,
    "money",
    "day",
    1_000_000,
    80,
    True,
    datetime(2026, 1, 1, tzinfo=UTC),
)


def model_call(*names: str, **changes: object) -> CallLine:
    values: dict[str, object] = {
        "stages": tuple(Stage(name, index, 1) for index, name in enumerate(names or STAGES)),
        "service": "chat",
        "service_kind": "model",
        "dialect": "openai",
        "method": "POST",
        "path": "/v1/chat/completions",
        "model": "small",
        "version": "v2",
        "endpoint": "http://127.0.0.1:9001",
        "canary": True,
        "streamed": True,
        "attempts": 2,
        "first_byte_us": 12_400,
        "bytes_in": 812,
        "bytes_out": 3_400,
        "tokens_in": 1_412,
        "tokens_out": 88,
        "cost_microusd": 3_100,
        "reserved_microusd": 21_000,
        "charges": (Charge("bud_1", 0, 21_000, 3_100), Charge("bud_2", 0, 9_000, 1_500)),
        "address": "203.0.113.7",
    }
    return call(**(values | changes))


def test_each_stage_tells_what_the_record_knows() -> None:
    assert notes_of(model_call(), {"bud_1": DAILY}) == [
        "key support-bot (key_1)",
        "$0.021 reserved; held in 'Daily spend' ($0.021, 2.1 % of it), 1 other budget",
        "v2 (canary) at http://127.0.0.1:9001",
        "2 attempts, answered 200",
        "812 B in, 3.4 kB out, streamed, first byte after 12.4 ms",
        "1,412 tokens in, 88 out; cost $0.0031; $0.0179 released",
    ]


def test_budgets_measure_in_their_own_unit() -> None:
    tokens, calls = replace(DAILY, measure="tokens", limit=0), replace(DAILY, id=BudgetId("bud_2"), measure="calls")
    line = model_call("identify", "admit", charges=(Charge("bud_1", 0, 9_000, 0), Charge("bud_2", 0, 1, 1)))
    said = notes_of(line, {"bud_1": tokens, "bud_2": calls})[1]
    assert said == "$0.021 reserved; held in 'Daily spend' (9,000 tokens), 'Daily spend' (1 call, 0.0001 % of it)"


def test_a_call_without_budgets_says_so() -> None:
    line = model_call(charges=(), reserved_microusd=0, canary=False, tokens_in=0, tokens_out=0, cost_microusd=0)
    _, admit, route, _, _, settle = notes_of(line, {})
    assert (admit, route, settle) == ("no budget holds for it", "v2 at http://127.0.0.1:9001", "cost $0")


@pytest.mark.parametrize("names", [STAGES[:1], STAGES[:2], STAGES[:3], STAGES[:4]])
def test_the_stage_where_a_call_ended_says_why(names: tuple[str, ...]) -> None:
    line = model_call(*names, verdict="refused", status=429, reason="RATE_LIMITED", message="Too many calls.")
    notes = notes_of(line, {})
    assert notes[-1] == "Too many calls."
    assert "Too many calls." not in notes[:-1]


def test_a_client_that_left_and_a_cached_answer_are_told() -> None:
    left = model_call(verdict="cancelled", status=499, first_byte_us=None, streamed=False, tokens_estimated=True)
    *_, forward, relay, settle = notes_of(left, {})
    assert forward == "2 attempts, no answer"
    assert relay == "812 B in, 3.4 kB out, the client left"
    assert settle.startswith("1,412 tokens in, 88 out (estimated)")
    assert (
        notes_of(model_call("identify", "admit", "route", cached=True, version=None), {})[2]
        == "answered from the cache"
    )


def test_a_note_of_the_gateway_itself_stays() -> None:
    line = model_call(stages=(Stage("identify", 0, 1, "said already"), Stage("of another version", 1, 1)))
    assert notes_of(line, {}) == ["said already", ""]


async def recorded(deps: Deps, *calls: CallLine) -> None:
    append(deps.settings.data_dir / "journal", lines(*calls))
    await fold_journals(deps)


async def test_the_request_is_told_without_headers_and_bodies(deps: Deps) -> None:
    line = model_call()
    await recorded(deps, line)
    shown = call_detail_wire(await service.find_call(reader(), line.id, deps))
    assert shown.request.model_dump() == {
        "method": "POST",
        "path": "/v1/chat/completions",
        "model": "small",
        "streamed": True,
        "address": "203.0.113.7",
        "service": "chat",
        "version": "v2",
    }


@pytest.mark.parametrize(("more", "named"), [({"budgets.read"}, True), (set(), False)])
async def test_budgets_are_named_to_those_who_may_read_them(deps: Deps, more: set[str], named: bool) -> None:
    async with deps.uow() as tx:
        await limits_store.insert_budget(tx, reader(), DAILY)
    line = model_call(charges=(Charge(DAILY.id, 0, 21_000, 0),))
    foreign = msgspec.structs.replace(line, id="call_foreign", org_id=OTHER_ORG)
    await recorded(deps, line, foreign)
    scope = replace(reader(), permissions=frozenset({"calls.read", *more}))
    assert ("Daily spend" in call_detail_wire(await service.find_call(scope, line.id, deps)).stages[1].note) is named
    stranger = replace(scope, org_id=OTHER_ORG)
    assert "Daily spend" not in call_detail_wire(await service.find_call(stranger, foreign.id, deps)).stages[1].note
