"""Choosing by rules: pure, and the same for the gateway and for a dry run."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portico.domains.models.model import Candidate, Decision, ModelPrice, RouteAsk, RouteEntry, Rule, decide

CHEAP, DEAR = ModelPrice(1_000_000, 2_000_000), ModelPrice(10_000_000, 20_000_000)
MODELS = {
    "big": Candidate("big", "one", "well", ("chat", "tools", "vision"), 100_000, 4000, 5, 1, DEAR),
    "small": Candidate("small", "two", "well", ("chat",), 8000, 1000, 2, 5, CHEAP),
    "middle": Candidate("middle", "two", "well", (), None, None, None, None, CHEAP),
    "sick": Candidate("sick", "three", "sick", (), None, None, 5, 5, CHEAP),
    "down": Candidate("down", "four", "down"),
    "vectors": Candidate("vectors", "two", "well", ("embeddings",)),
}


def find(model: str) -> Candidate | str:
    return MODELS.get(model, "no service offers it")


def choose(*rules: Rule, prefer: Any = "order", **ask: Any) -> Decision:
    return decide(RouteEntry("mrt_1", "org", None, "auto", prefer, rules), RouteAsk(**ask), find)


def chosen(*rules: Rule, prefer: Any = "order", **ask: Any) -> list[str]:
    return [each.model for each in choose(*rules, prefer=prefer, **ask).chosen]


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("order", ["big", "small", "middle"]),
        ("quality", ["big", "middle", "small"]),
        ("speed", ["small", "middle", "big"]),
        ("cost", ["small", "middle", "big"]),
    ],
)
def test_targets_are_ordered_by_what_is_preferred(prefer: str, expected: list[str]) -> None:
    assert chosen(Rule("r", ("big", "small", "middle")), prefer=prefer, output_max=100) == expected


def test_the_caller_overrules_the_rule_and_the_rule_the_route() -> None:
    rule = Rule("r", ("big", "small"), prefer="cost")
    assert chosen(rule, prefer="quality")[0] == "small"
    assert chosen(rule, prefer="cost") == ["small", "big"]
    decision = decide(RouteEntry("mrt_1", "org", None, "auto", "order", (rule,)), RouteAsk(prefer="quality"), find)
    assert decision.chosen[0].model == "big"


def test_fallbacks_come_after_the_targets_in_the_order_given() -> None:
    assert chosen(Rule("r", ("big",), fallbacks=("middle", "small")), prefer="cost") == ["big", "middle", "small"]


def test_what_is_sick_is_tried_last_and_what_is_down_not_at_all() -> None:
    decision = choose(Rule("r", ("down", "sick", "small", "none")))
    assert [each.model for each in decision.chosen] == ["small", "sick"]
    assert decision.steps[0].passed == (("down", "its breakers are open"), ("none", "no service offers it"))


@pytest.mark.parametrize(
    ("rule", "ask", "why"),
    [
        (Rule("r", ("small",), needs=("vision",)), {}, "it is not known to do vision"),
        (Rule("r", ("middle",), needs=("tools",)), {}, "it is not known to do tools"),
        (Rule("r", ("small",)), {"needs": frozenset({"chat", "tools"})}, "it is not known to do tools"),
        (Rule("r", ("vectors",)), {"needs": frozenset({"chat"})}, "it is not known to do chat"),
        (Rule("r", ("small",)), {"tokens_in": 7990, "output_max": 11}, "its context of 8,000 tokens is too small"),
        (Rule("r", ("small",), max_cost_microusd=10), {"output_max": 6}, "it may cost 12 µUSD, more than 10"),
        (Rule("r", ("big",), max_latency_ms=5000), {}, "it takes about 10,000 ms, more than 5,000"),
    ],
)
def test_a_model_that_does_not_fit_is_passed_over_with_the_reason(rule: Rule, ask: dict[str, Any], why: str) -> None:
    decision = choose(rule, Rule("else", ("big",), max_latency_ms=None), **ask)
    assert decision.steps[0].passed == ((rule.targets[0], why),)
    assert (decision.rule, decision.steps[0].why) == ("else", "none of its models can take the call")


def test_a_model_that_says_nothing_of_itself_is_trusted_with_what_a_request_needs() -> None:
    assert chosen(Rule("r", ("middle",)), needs=frozenset({"chat", "tools", "vision"})) == ["middle"]


def test_the_first_rule_for_the_call_decides() -> None:
    rules = (
        Rule("code", ("big",), tasks=("code", "review")),
        Rule("short", ("small",), max_tokens=100),
        Rule("rest", ("middle",)),
    )
    assert choose(*rules, task="review", tokens_in=5).rule == "code"
    assert choose(*rules, task="", tokens_in=100).rule == "short"
    decision = choose(*rules, task="chat", tokens_in=101)
    assert (decision.rule, [step.matched for step in decision.steps]) == ("rest", [False, False, True])
    assert decision.steps[0].why == "it is for the tasks code, review, not chat"
    assert decision.steps[1].why == "about 101 tokens are more than 100"
    assert choose(*rules, task="code").why == "rule 'code' (task code), in the given order"


def test_when_nothing_fits_nothing_is_chosen() -> None:
    decision = choose(Rule("r", ("none",)), Rule("s", ("big",), tasks=("x",)))
    assert (decision.chosen, decision.why) == ((), "no rule has a model that can take the call")
    assert len(decision.steps) == 2


def test_a_request_for_embeddings_costs_nothing_to_write() -> None:
    assert MODELS["small"].expected_cost(RouteAsk(tokens_in=10, needs=frozenset({"embeddings"}))) == 10
    assert MODELS["small"].expected_cost(RouteAsk(tokens_in=10)) == 10 + 2 * 1000
    assert MODELS["small"].expected_cost(RouteAsk(tokens_in=10, output_max=3, choices=2)) == 10 + 2 * 6


names = st.lists(st.sampled_from([*MODELS, "none"]), max_size=5, unique=True).map(tuple)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    rules=st.lists(
        st.builds(
            Rule,
            name=st.just("r"),
            targets=names,
            fallbacks=names,
            tasks=st.sampled_from([(), ("code",)]),
            min_tokens=st.none() | st.integers(0, 100),
            max_cost_microusd=st.none() | st.integers(0, 10_000),
            needs=st.sampled_from([(), ("tools",)]),
            prefer=st.sampled_from([None, "order", "quality", "speed", "cost"]),
        ),
        min_size=1,
        max_size=4,
    ),
    task=st.sampled_from(["", "code"]),
    tokens_in=st.integers(0, 200),
)
def test_whatever_the_rules_only_able_models_are_chosen_each_once(rules: list[Rule], task: str, tokens_in: int) -> None:
    decision = choose(*rules, task=task, tokens_in=tokens_in)
    models = [each.model for each in decision.chosen]
    assert len(models) == len(set(models))
    assert not {"down", "none"} & set(models)
    if models:
        rule = rules[len(decision.steps) - 1]
        assert set(models) <= {*rule.targets, *rule.fallbacks}
        assert not rule.tasks or task in rule.tasks
        assert "sick" not in models[:-1]
        most = rule.max_cost_microusd
        assert most is None or all(
            each.expected_cost(RouteAsk(tokens_in=tokens_in)) <= most for each in decision.chosen
        )
