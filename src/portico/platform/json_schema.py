"""JSON schemas that somebody else wrote: whether they may be used, and what they say of a value, within bounds of time."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from portico.kernel.errors import FieldError

MAX_SCHEMA_CHARS = 32_768
MOST_FIELD_ERRORS = 20
SLOW_KEYWORDS = ("pattern", "patternProperties")
# Keywords that hold values, and those that hold schemas by name, so that a parameter may be called "pattern".
_VALUES = frozenset({"const", "default", "enum", "examples", "required"})
_NAMED_SCHEMAS = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})


class TakesTooLong(Exception):
    """The schema has more to check than anybody may wait for."""


class SchemaUnusable(Exception):
    """It refers to what is not there, or to itself without end."""


_give_up_at: ContextVar[float] = ContextVar("_give_up_at")
Check = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]


def _in_time(check: Check) -> Check:
    """References fan out and lists multiply without end inside small schemas, so every step looks at the deadline."""

    def step(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if time.monotonic() > _give_up_at.get():
            raise TakesTooLong
        yield from check(validator, wanted, instance, schema) or ()

    return step


def _ignore(_validator: Any, _wanted: Any, _instance: Any, _schema: Any) -> None:
    return None


def _unique(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """By their text, in one pass; the library compares each with each."""
    if wanted and isinstance(instance, list):
        texts = {json.dumps(each, sort_keys=True) for each in instance}
        if len(texts) < len(instance):
            yield ValidationError("has items that are the same")


_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        **{keyword: _in_time(check) for keyword, check in Draft202012Validator.VALIDATORS.items()},
        "uniqueItems": _unique,
        # Expressions are refused when a schema is given; those given before that rule are left to whoever gets the value.
        **dict.fromkeys(SLOW_KEYWORDS, _ignore),
    },
)


def value_problems(field: str, schema: Mapping[str, Any], value: object, within_s: float) -> list[FieldError]:
    """What is wrong with a value, each with its place below `field`.

    raises   TakesTooLong · SchemaUnusable
    """
    # An empty registry: without it, a reference to another document would be fetched.
    validator = _Validator(dict(schema), registry=Registry())
    problems: list[FieldError] = []
    _give_up_at.set(time.monotonic() + within_s)
    try:
        for error in validator.iter_errors(value):
            place = ".".join([field, *(str(part) for part in error.absolute_path)])
            problems.append(FieldError(place, error.message[:200]))
            if len(problems) == MOST_FIELD_ERRORS:
                break
    except (Unresolvable, RecursionError) as error:
        raise SchemaUnusable from error
    return problems


def schema_problems(field: str, schema: dict[str, Any]) -> list[FieldError]:
    if len(json.dumps(schema)) > MAX_SCHEMA_CHARS:
        return [FieldError(field, f"must be at most {MAX_SCHEMA_CHARS:,} characters")]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [FieldError(field, f"is not a valid JSON schema: {error.message[:200]}")]
    except RecursionError:
        return [FieldError(field, "is nested too deeply")]
    if schema.get("type", "object") != "object":
        return [FieldError(field, "must describe an object")]
    if _refers_outside(schema):
        return [FieldError(field, "may only refer ($ref) to itself, with '#/...'")]
    if (keyword := _slow_keyword(schema)) is not None:
        return [
            FieldError(field, f"may not use {keyword!r}, whose cost has no bound; let whoever gets the value check it")
        ]
    return []


def _slow_keyword(schema: object) -> str | None:
    """A regular expression of somebody else's can take for ever on the right text. What only looks like one is a name or a value."""
    if isinstance(schema, list):
        return next((found for each in schema if (found := _slow_keyword(each))), None)
    if not isinstance(schema, dict):
        return None
    for keyword, value in schema.items():
        if keyword in SLOW_KEYWORDS:
            return str(keyword)
        if keyword in _VALUES:
            continue
        inner = list(value.values()) if keyword in _NAMED_SCHEMAS and isinstance(value, dict) else value
        if (found := _slow_keyword(inner)) is not None:
            return found
    return None


def _refers_outside(schema: object) -> bool:
    """A reference to another document would make Portico fetch it."""
    if isinstance(schema, dict):
        own = any(
            key in {"$ref", "$dynamicRef"} and not (isinstance(value, str) and value.startswith("#"))
            for key, value in schema.items()
        )
        return own or any(_refers_outside(value) for value in schema.values())
    return isinstance(schema, list) and any(_refers_outside(value) for value in schema)
