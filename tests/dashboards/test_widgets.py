"""One schema, three readers: Python types, TypeScript types, and JSON Schema itself agree on what a widget is."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from portico.domains.dashboards.checks import checked_text, state_problems, widget_problems
from portico.domains.dashboards.types import load_schema, widget_types
from portico.domains.tenancy import public as tenancy
from portico.kernel.errors import InvalidFields
from portico.platform.deps import Deps
from scripts import widget_types as generator
from tests.dashboards.conftest import People, state_with, widget

ROOT = Path(__file__).parents[2]
SCHEMA = load_schema()


def matches(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    """As JSON Schema means it: Python's own $ would let a newline at the end pass."""
    if isinstance(value, str) and re.search(re.sub(r"\$$", r"\\Z", pattern), value) is None:
        yield ValidationError(f"{value!r} does not match {pattern!r}")


Validator = validators.extend(Draft202012Validator, {"pattern": matches})
VALIDATOR = Validator({**SCHEMA, "$ref": "#/$defs/Widget"})
PLACE = {"x": 0, "y": 0, "w": 6, "h": 4}
TASK = {"id": "1", "title": "t", "status": "todo"}
# One of everything: the fullest sensible options of each type.
FULL: dict[str, dict[str, Any]] = {
    "ProjectStatus": {
        "data": {
            "name": "Launch",
            "status": "at_risk",
            "progress_percent": 40,
            "summary": "Waiting",
            "owner": "Ann",
            "due": "2026-12-01",
            "milestones": [{"title": "Beta", "due": "2026-11-30", "done": True}],
            "facts": {"risk": "high", "people": 4, "ratio": 0.5, "paid": False, "note": None},
        },
        "as_of": "2026-11-20T09:30:00Z",
    },
    "TaskList": {
        "data": {"tasks": [{**TASK, "assignee": "Ben", "due": "2026-12-01", "priority": "high", "link": "/x"}]}
    },
    "Metrics": {
        "data": {"metrics": [{"name": "p95", "value": 1.5, "unit": "s", "change_percent": -3, "better": "lower"}]}
    },
    "Alert": {
        "data": {"alerts": [{"id": "1", "severity": "critical", "title": "Down", "at": "2026-11-20T09:30:00.5+01:00"}]}
    },
    "KanbanBoard": {
        "data": {
            "columns": [{"id": "c", "title": "Doing", "most": 3}],
            "tasks": [{"id": "1", "column": "c", "title": "t", "link": "https://x.example/a?b=c"}],
        }
    },
    "GanttChart": {
        "data": {"tasks": [{"id": "1", "title": "t", "starts": "2026-01-01", "ends": "2026-02-28", "after": ["2"]}]}
    },
    "BurndownChart": {"data": {"unit": "points", "points": [{"day": "2026-01-01", "left": 8, "ideal": 7.5}]}},
    "TeamActivity": {"data": {"activities": [{"id": "1", "who": "Ann", "did": "merged", "at": "2026-01-01T00:00Z"}]}},
    "Calls": {"service": "chat", "verdict": "failed", "top": 50},
    "Spend": {"range": "7d", "by": "principal", "top": 5},
    "Slo": {"service": "chat", "range": "30d", "success_target_percent": 99.9, "p95_target_ms": 800},
    "ServiceHealth": {"services": ["chat"], "only_troubled": True, "top": 3},
}


def full(kind: str) -> dict[str, Any]:
    return widget("w1", type=kind, options=copy.deepcopy(FULL[kind]))


@pytest.mark.req("HY21")
def test_there_are_the_eight_payload_types_and_the_live_ones() -> None:
    shown = {each.type: each.shows for each in widget_types()}
    assert [name for name, shows in shown.items() if shows == "payload"] == [
        "ProjectStatus",
        "TaskList",
        "Metrics",
        "Alert",
        "KanbanBoard",
        "GanttChart",
        "BurndownChart",
        "TeamActivity",
    ]
    assert [name for name, shows in shown.items() if shows == "live"] == ["Calls", "Spend", "Slo", "ServiceHealth"]
    assert shown.keys() == FULL.keys()


@pytest.mark.req("HY21")
@pytest.mark.parametrize(
    ("kind", "field", "most"),
    [
        ("Alert", "alerts", 50),
        ("TeamActivity", "activities", 100),
        ("Metrics", "metrics", 50),
        ("TaskList", "tasks", 20),
        ("KanbanBoard", "tasks", 20),
        ("GanttChart", "tasks", 20),
    ],
)
def test_collections_are_bounded(kind: str, field: str, most: int) -> None:
    whole = full(kind)
    items = whole["options"]["data"][field]
    whole["options"]["data"][field] = items * most
    assert widget_problems(whole, "w") == []
    whole["options"]["data"][field] = items * (most + 1)
    assert [each.field for each in widget_problems(whole, "w")] == [f"w.options.data.{field}"]
    assert not VALIDATOR.is_valid(whole)


@pytest.mark.parametrize("kind", FULL)
def test_a_widget_may_be_full_or_empty(kind: str) -> None:
    for options in (FULL[kind], {}):
        shown = {**full(kind), "options": options}
        assert widget_problems(shown, "w") == []
        assert VALIDATOR.is_valid(shown)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for name, below in inner for each in places_in(below, (*path, name)))]


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copied = copy.copy(value)
    copied[path[0]] = with_value(copied[path[0]], path[1:], new)
    return copied


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 200),
    st.floats(-5, 700_000, allow_nan=False).filter(lambda number: not number.is_integer()),
    st.sampled_from(["", "x", "x" * 121, "todo", "2026-01-01", "2026-01-01\n", "2026-01-01T00:00:00Z", "//x", "w-1"]),
    st.sampled_from(["javascript:alert(1)", "https://x.example", "/calls", "24h", "failed", "Metrics", "W1"]),
    st.lists(st.just(TASK), max_size=22),
    st.dictionaries(st.sampled_from(["", "a", "x" * 121]), st.one_of(st.text(max_size=3), st.integers()), max_size=3),
    st.just({}),
)


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ({"id": "w1\n"}, False),
        ({"id": "w1"}, True),
        ({"type": "TaskList", "options": {"as_of": "2026-01-01T00:00Z\n"}}, False),
    ],
)
def test_a_newline_at_the_end_is_no_part_of_a_name(change: dict[str, Any], right: bool) -> None:
    odd = widget("w1") | change
    assert (widget_problems(odd, "w") == []) == VALIDATOR.is_valid(odd) == right


@pytest.mark.req("HY21")
@settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(sorted(FULL)), data=st.data())
def test_the_python_types_and_the_schema_refuse_the_same(kind: str, data: st.DataObject) -> None:
    whole = full(kind)
    path = data.draw(st.sampled_from(places_in(whole)))
    if path and data.draw(st.booleans()):
        odd = with_value(whole, path, data.draw(ODD))
    else:
        holder = path if isinstance(_at(whole, path), dict) else ()
        name = data.draw(st.sampled_from(["extra", "title", "data", "top", "link"]))
        odd = with_value(whole, holder, {**_at(whole, holder), name: data.draw(ODD)})
    # What only the checks know: a place may not reach beyond the grid, and a day has to exist.
    problems = [
        each
        for each in widget_problems(odd, "w")
        if "beyond the" not in each.message and "calendar" not in each.message
    ]
    assert (problems == []) == VALIDATOR.is_valid(odd), (
        problems,
        [error.message for error in VALIDATOR.iter_errors(odd)],
    )


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"options": {"as_of": "2026-13-01T00:00:00Z"}, "type": "TaskList"}, "w.options.as_of"),
        (
            {"options": {"data": {"tasks": [{**TASK, "due": "2026-02-30"}]}}, "type": "TaskList"},
            "w.options.data.tasks.0.due",
        ),
        ({"place": {"x": 8, "y": 0, "w": 5, "h": 1}}, "w.place"),
    ],
)
def test_what_a_schema_cannot_say_is_checked_all_the_same(change: dict[str, Any], field: str) -> None:
    assert [each.field for each in widget_problems(widget("w1") | change, "w")] == [field]


def test_a_widget_of_facts_may_call_them_what_it_likes() -> None:
    shown = full("ProjectStatus")
    shown["options"]["data"]["facts"] = {"due": "soon", "at": "home"}
    assert widget_problems(shown, "w") == []


def test_every_problem_of_a_state_is_named_at_once_but_not_endlessly() -> None:
    state = state_with(*(f"w{number}" for number in range(30)))
    for each in state["widgets"].values():
        each["title"] = ""
    assert len(state_problems(state)) == 30
    with pytest.raises(InvalidFields) as refused:
        checked_text(state)
    assert len(refused.value.fields) == 20


def test_the_examples_in_the_documents_are_right() -> None:
    page = (ROOT / "docs/reference/state-sync.md").read_text()
    state = json.loads(page.partition("```json\n")[2].partition("```")[0])
    assert state_problems(state) == []
    guide = (ROOT / "docs/guides/dashboards.md").read_text()
    offer = json.loads(guide.partition("/compose\n")[2].partition("```")[0])
    assert [widget_problems({"id": "w1", "place": PLACE, **each}, "w") for each in offer["widgets"]] == [[]]
    named = set(re.findall(r"`([A-Z][A-Za-z]+)`", guide))
    assert named >= FULL.keys()


# --- what is generated ------------------------------------------------------------------------------------------------


@pytest.mark.req("HY21")
def test_the_types_in_both_languages_are_those_of_the_schema() -> None:
    python = ROOT / "src/portico/domains/dashboards/widgets.py"
    typescript = ROOT / "web/src/api/widgets.ts"
    assert python.read_text() == generator.python_module(), "run: make generate"
    assert typescript.read_text() == generator.typescript_module(), "run: make generate"


def test_typescript_says_what_the_schema_says() -> None:
    schema = {
        "$defs": {
            "Name": {"type": "string", "maxLength": 3},
            "Thing": {
                "description": "A thing.",
                "type": "object",
                "properties": {
                    "type": {"const": "Thing"},
                    "names": {"type": "array", "items": {"$ref": "#/$defs/Name"}},
                    "size": {"enum": ["s", "l"], "description": "How large."},
                    "facts": {"type": "object", "additionalProperties": {"type": ["string", "number", "null"]}},
                    "many": {"type": "array", "items": {"enum": [1, 2]}},
                    "any": {},
                },
                "required": ["type", "names"],
                "additionalProperties": False,
                "x-shows": "live",
            },
            "Widget": {"oneOf": [{"$ref": "#/$defs/Thing"}]},
        }
    }
    text = generator.typescript_module(schema)
    for line in (
        "export type Name = string;",
        "/** A thing. */\nexport interface Thing {",
        '  type: "Thing";',
        "  names: Name[];",
        '  /** How large. */\n  size?: "s" | "l";',
        "  facts?: Record<string, string | number | null>;",
        "  many?: (1 | 2)[];",
        "  any?: unknown;",
        '    shows: "live",',
    ):
        assert line in text
    assert "    names: list[Name]\n" in generator.python_module(schema)


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "string", "not": {"const": "x"}},
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"if": {}}}, "additionalProperties": False},
        {"type": "array", "items": {"allOf": []}},
        {"type": "array", "items": {"$ref": "#/$defs/Odd"}},
    ],
)
def test_a_rule_the_generator_does_not_know_is_an_error(odd: dict[str, Any]) -> None:
    with pytest.raises(generator.NotUnderstood):
        generator.python_module({"$defs": {"Odd": odd}})


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.req("HY21")
async def test_the_types_are_shown_with_schemas_that_stand_alone(
    client: httpx2.AsyncClient, deps: Deps, people: People
) -> None:
    scope = tenancy.open_system_scope(people.ann.org_id)
    _, secret = await tenancy.create_key(scope, tenancy.KeyDraft("reader", ("dashboards.read",)), deps)
    answer = await client.get("/api/v1/widget-types", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 200, answer.text
    shown = {each["type"]: each for each in answer.json()["items"]}
    assert "$ref" not in json.dumps(shown)
    assert shown.keys() == FULL.keys()
    for kind, options in FULL.items():
        assert Draft202012Validator(shown[kind]["options"]).is_valid(options)
        assert not Draft202012Validator(shown[kind]["options"]).is_valid({"nothing": 1})
