"""What somebody else's schema can cost is bounded, and what it may ask is said when it is described."""

import time
from typing import Any

import pytest

from portico.domains.hub.checks import service_problems
from portico.domains.hub.invoke import MOST_CHECK_S, check_parameters
from portico.domains.hub.model import Method, Service, ServiceDraft
from portico.domains.hub.service import _from_draft
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidFields, InvalidInput
from tests.hub.orgs import ADMIN

HOSTILE = "(a+)+$"


def service_with(properties: dict[str, Any], **more: Any) -> Service:
    method = Method("find", "GET", "/things", "", {"type": "object", "properties": properties, **more})
    draft = ServiceDraft(name="inventory", kind="http", url="http://127.0.0.1:9001", methods=(method,))
    return _from_draft(ADMIN, draft, ManualClock().now())


@pytest.mark.parametrize(
    "service",
    [
        service_with({"sku": {"type": "string", "pattern": HOSTILE}}),
        service_with({}, patternProperties={HOSTILE: {}}),
        service_with({"a": {"items": {"anyOf": [{"type": "null"}, {"pattern": HOSTILE}]}}}),
        service_with({}, **{"$defs": {"sku": {"pattern": HOSTILE}}}),
        service_with({}, propertyNames={"pattern": HOSTILE}),
    ],
)
def test_a_method_may_not_bring_expressions(service: Service) -> None:
    (problem,) = service_problems(service)
    assert problem.field == "methods.0.parameters"
    assert "pattern" in problem.message


def test_what_only_looks_like_an_expression_may_be_there() -> None:
    properties = {"pattern": {"type": "string", "default": "pattern"}, "kind": {"enum": [{"pattern": "x"}]}}
    assert service_problems(service_with(properties, required=["pattern"])) == []


def fanned_out() -> dict[str, Any]:
    parts: dict[str, Any] = {f"a{level}": {"allOf": [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(40)}
    return {"$ref": "#/$defs/a0", "$defs": parts | {"a40": {"type": "object"}}}


@pytest.mark.parametrize(
    ("schema", "parameters"),
    [
        (fanned_out(), {}),
        ({"properties": {"a": {"items": {"anyOf": [{"const": each} for each in range(900)]}}}}, {"a": [899] * 200_000}),
    ],
)
def test_a_check_that_takes_too_long_is_given_up(schema: dict[str, Any], parameters: dict[str, Any]) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidInput, match="take too long"):
        check_parameters(schema, parameters)
    assert time.monotonic() - began < MOST_CHECK_S + 5


def test_an_expression_described_before_is_left_to_the_service() -> None:
    check_parameters({"properties": {"a": {"pattern": HOSTILE}}}, {"a": "a" * 60 + "!"})


def test_items_that_must_differ_are_compared_in_one_pass() -> None:
    schema = {"properties": {"a": {"uniqueItems": True}}}
    began = time.monotonic()
    check_parameters(schema, {"a": [{"x": each} for each in range(20_000)]})
    assert time.monotonic() - began < 5
    for same in ([1, 2, 1], [{"x": 1, "y": 2}, {"y": 2, "x": 1}]):
        with pytest.raises(InvalidFields):
            check_parameters(schema, {"a": same})
    check_parameters(schema, {"a": [1, True, "1", None]})
