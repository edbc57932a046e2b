"""Each folded call is offered as a span, once, under the id its service was told, and by its trace's id alone."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from portico.domains.usage.fold import close_epochs, fold_journals
from portico.domains.usage.model import CallLine, Charge
from portico.domains.usage.reader import row_of
from portico.domains.usage.spans import span_of
from portico.platform.deps import Deps
from portico.platform.spans import MakeSpan, Span
from tests.usage.journals import NOON_US, append, call, lines, opening, reservation

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@dataclass
class Kept:
    """A sink that keeps what it is offered."""

    only: str | None = None
    spans: list[Span] = field(default_factory=list)

    def samples(self, trace_id: str) -> bool:
        return self.only in {None, trace_id}

    def offer(self, make: MakeSpan) -> None:
        self.spans.append(make())


def made_of(**changes: Any) -> Span:
    return span_of(row_of(call(**changes)))


@pytest.mark.req("HY17")
async def test_calls_are_offered_once_however_often_they_are_folded(deps: Deps) -> None:
    journal, kept = deps.settings.data_dir / "journal", Kept()
    first, hop = call(), call(trace=f"{TRACE}-{PARENT}")
    append(journal, lines(opening("e1"), first, hop))
    for _ in range(2):
        await fold_journals(deps, spans=kept)
    assert [(span.trace_id, span.span_id, span.parent_span_id) for span in kept.spans] == [
        (first.trace_id, first.span_id, None),
        (TRACE, hop.span_id, PARENT),
    ]


@pytest.mark.req("HY17")
async def test_whether_a_call_is_offered_depends_on_its_trace_alone(deps: Deps) -> None:
    kept = Kept(only=TRACE)
    hops = [call(trace=f"{TRACE}-{PARENT}") for _ in range(2)]
    append(deps.settings.data_dir / "journal", lines(call(), hops[0], call(trace=f"{'5' * 32}-{PARENT}"), hops[1]))
    await fold_journals(deps, spans=kept)
    assert [span.span_id for span in kept.spans] == [hop.span_id for hop in hops]


@pytest.mark.req("HY17")
async def test_a_call_that_lapsed_is_offered_as_a_failure(deps: Deps) -> None:
    kept, lost = Kept(), call()
    append(deps.settings.data_dir / "journal", lines(opening("e1"), reservation(lost, (Charge("bud_1", 0, 5, 0),))))
    await close_epochs(deps, "gw-1", "e2", spans=kept)
    [span] = kept.spans
    assert (span.span_id, span.attributes["portico.reason"]) == (lost.span_id, "LAPSED")
    assert "stopped before this call was settled" in (span.error or "")


@pytest.mark.req("HY17")
def test_a_span_says_what_was_called_and_what_came_of_it() -> None:
    span = made_of(
        service_kind="model",
        dialect="openai",
        method="POST",
        path="/v1/chat/completions",
        model="small",
        tokens_in=12,
        tokens_out=3,
        cost_microusd=40,
        address="192.0.2.7",
    )
    assert (span.name, span.began_us, span.took_us, span.error) == ("chat small", NOON_US, 2500, None)
    expected = {
        "portico.verdict": "allowed",
        "portico.service": "inventory",
        "portico.dialect": "openai",
        "portico.cost_microusd": 40,
        "gen_ai.request.model": "small",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "http.response.status_code": 200,
    }
    assert expected.items() <= dict(span.attributes).items()
    assert span.events == [("identify done", NOON_US + 12)]
    assert "192.0.2.7" not in str(span)


@pytest.mark.parametrize(
    ("changes", "name", "attributes"),
    [
        (
            {"service_kind": "tools", "method": "tools/call", "model": "add"},
            "tools/call add",
            {"mcp.method.name": "tools/call", "gen_ai.tool.name": "add"},
        ),
        ({"service_kind": "tools", "method": "tools/list"}, "tools/list inventory", {"mcp.method.name": "tools/list"}),
        (
            {"service_kind": "agent", "method": "message/send"},
            "message/send inventory",
            {"gen_ai.agent.name": "inventory"},
        ),
        ({"service_kind": "http"}, "GET inventory", {"http.request.method": "GET"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_kind_is_named_in_its_own_words(changes: dict[str, Any], name: str, attributes: dict[str, str]) -> None:
    span = made_of(**changes)
    assert span.name == name
    assert attributes.items() <= dict(span.attributes).items()


@pytest.mark.parametrize("verdict", ["refused", "failed", "cancelled"])
def test_what_was_not_allowed_to_its_end_is_an_error(verdict: Any) -> None:
    assert made_of(verdict=verdict, status=429, reason="RATE_LIMITED", message="too fast").error == "too fast"
    assert made_of(verdict=verdict, status=502).error == f"{verdict}, status 502"


def test_a_name_is_bounded() -> None:
    assert len(made_of(service="x" * 100, model="m" * 5000).name) == 200


def test_the_place_in_a_trace_of_a_record_from_before_is_read() -> None:
    earlier: CallLine = call(trace=TRACE)
    assert (earlier.trace_id, earlier.parent_span_id) == (TRACE, None)
