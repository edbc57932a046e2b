"""Arguments against a tool's schema (JSON Schema 2020-12), before they leave. Pure, and bounded in time.

A schema is somebody else's text. Plain ones go to a compiled checker; those that refer to themselves or unfold into very
much go to a slow one that gives up at a deadline. Nothing is ever fetched.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from portico.kernel.errors import FieldError

MOST_PROBLEMS = 5
# Steps of the compiled checker, each well below a microsecond.
MOST_UNFOLDED, MOST_STEPS = 5000, 2_000_000
MOST_VALUES, MOST_DEPTH = 100_000, 64
SLOW_S = 0.05


class _Unfolds(Exception):
    """It refers to itself, or in a way that is not followed here."""


class Checked(NamedTuple):
    """`unchecked` says why nothing was checked."""

    problems: tuple[FieldError, ...] = ()
    unchecked: str = ""


class Checker:
    """One schema, made ready once for each pin."""

    def __init__(self, schema: bytes) -> None:
        self._schema: Any = orjson.loads(schema) if schema else True
        self._unfolded = 0
        self._fast: Any = None
        self._why = ""
        try:
            self._unfolded = unfolded(self._schema)
        except (_Unfolds, RecursionError):
            return
        if self._unfolded <= MOST_UNFOLDED and isinstance(self._schema, dict):
            self._fast = _compiled(self._schema)

    def check(self, args: Mapping[str, Any], values: int, depth: int) -> Checked:
        """`values` and `depth` of the arguments, as `decide.weigh` counts them."""
        if not isinstance(self._schema, dict):
            return Checked()
        if depth > MOST_DEPTH or values > MOST_VALUES:
            most = f"at most {MOST_VALUES:,} values, {MOST_DEPTH} deep"
            return Checked((FieldError("arguments", f"are too large to check: {most}"),))
        if self._fast is not None and self._unfolded * max(values, 1) <= MOST_STEPS:
            return Checked() if self._fast.is_valid(args) else Checked(tuple(self._problems(args)))
        return self._check_slowly(args)

    def _problems(self, args: Mapping[str, Any]) -> list[FieldError]:
        found = []
        for error in self._fast.iter_errors(args):
            place = ".".join(["arguments", *(str(part) for part in error.instance_path)])
            found.append(FieldError(place[:200], error.message[:200]))
            if len(found) == MOST_PROBLEMS:
                break
        return found

    def _check_slowly(self, args: Mapping[str, Any]) -> Checked:
        # Loaded for the rare schema that needs it.
        from portico.platform.json_schema import SchemaUnusable, TakesTooLong, value_problems

        try:
            problems = value_problems("arguments", self._schema, args, SLOW_S)
        except TakesTooLong:
            return Checked((FieldError("arguments", "take too long to check against the tool's schema; send less"),))
        except SchemaUnusable:
            return Checked(unchecked="the tool's schema refers to what is not in it")
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # A schema of somebody else that the library trips over says nothing of the arguments.
            return Checked(unchecked=f"the tool's schema cannot be used ({type(error).__name__})")
        return Checked(tuple(problems[:MOST_PROBLEMS]))


def unfolded(schema: object) -> int:
    """How many parts it has once each reference is replaced by what it names.

    raises   _Unfolds
    """
    sizes: dict[str, int] = {}
    open_refs: set[str] = set()

    def size_of(part: object) -> int:
        if isinstance(part, list):
            return 1 + sum(map(size_of, part))
        if not isinstance(part, dict):
            return 1
        if "$dynamicRef" in part or "$anchor" in part or "$dynamicAnchor" in part or "$id" in part:
            raise _Unfolds
        total = 1 + sum(map(size_of, part.values()))
        ref = part.get("$ref")
        return total + size_of_ref(ref) if isinstance(ref, str) else total

    def size_of_ref(ref: str) -> int:
        if ref in open_refs or not ref.startswith("#"):
            raise _Unfolds
        if ref not in sizes:
            open_refs.add(ref)
            sizes[ref] = size_of(_pointed(schema, ref))
            open_refs.discard(ref)
        return sizes[ref]

    return size_of(schema)


def _pointed(schema: object, ref: str) -> object:
    found = schema
    for part in ref.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise _Unfolds
    return found


def _compiled(schema: dict[str, Any]) -> Any:
    """None when the compiled checker cannot use it. Patterns run in time linear in the text; formats are notes only."""
    # Loaded with the first tool that is called: without one, nobody needs it.
    import jsonschema_rs

    try:
        return jsonschema_rs.Draft202012Validator(
            schema, pattern_options=jsonschema_rs.RegexOptions(size_limit=1_000_000), offline=True
        )
    except (jsonschema_rs.ValidationError, ValueError):
        return None
