"""Whether a state or a widget is what the schema says, and the few rules that a schema cannot say."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec
import orjson

from portico.domains.dashboards.canonical import NotCanonical, canonical
from portico.domains.dashboards.widgets import State, Widget
from portico.kernel.errors import FieldError, InvalidFields, InvalidInput

MAX_STATE_BYTES = 64 * 1024
MAX_WIDGETS = 30
_GRID_COLUMNS = 12
_AT = re.compile(r"(.*) - at (?:`key` in )?`\$\.?([^`]*)`", re.S)
_INDEX = re.compile(r"\[([0-9]+)\]")
_DAYS = frozenset({"due", "starts", "ends", "day"})
_MOMENTS = frozenset({"at", "as_of"})


def checked_text(state: dict[str, Any], field: str = "patch") -> str:
    """The state's canonical JSON, once it is known to be a state. raises InvalidFields"""
    if problems := state_problems(state):
        raise InvalidFields(tuple(problems[:20]))
    return sized_text(state, field)


def plain(value: Any, field: str) -> Any:
    """What a client sent, once it is known to be small, as it will be when it is read again: 1.0 is 1."""
    return orjson.loads(sized_text(value, field))


def sized_text(value: Any, field: str) -> str:
    try:
        text = canonical(value)
    except NotCanonical as error:
        raise InvalidInput(field, str(error)) from error
    if (size := len(text.encode())) > MAX_STATE_BYTES:
        raise InvalidInput(field, f"would have {size:,} bytes; at most {MAX_STATE_BYTES:,} are kept")
    return text


def state_problems(state: dict[str, Any]) -> list[FieldError]:
    widgets = state.get("widgets")
    # Widgets are checked one by one, because only then the message can name the one that is wrong.
    problems = _mismatch({**state, "widgets": {}}, State, "")
    if not isinstance(widgets, dict):
        return [*problems, FieldError("widgets", "must be an object of widgets by id")]
    if len(widgets) > MAX_WIDGETS:
        return [FieldError("widgets", f"a dashboard holds at most {MAX_WIDGETS} widgets")]
    for name, widget in widgets.items():
        problems += widget_problems(widget, f"widgets.{name[:40]}")
        if isinstance(widget, dict) and widget.get("id") != name:
            problems.append(FieldError(f"widgets.{name[:40]}.id", "must be the name it stands under"))
    order = state.get("order")
    if not problems and isinstance(order, list) and len(set(order)) != len(order):
        problems.append(FieldError("order", "names a widget twice"))
    return problems


def widget_problems(widget: Any, where: str) -> list[FieldError]:
    if problems := _mismatch(widget, Widget, where):
        return problems
    place = widget["place"]
    if place["x"] + place["w"] > _GRID_COLUMNS:
        return [FieldError(f"{where}.place", f"reaches beyond the {_GRID_COLUMNS} columns")]
    return [FieldError(f"{where}.options.{path}", says) for path, says in _impossible_times(widget["options"], "")]


def _mismatch(value: Any, kind: Any, where: str) -> list[FieldError]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        found = _AT.fullmatch(str(error))
        message, path = (found[1], _INDEX.sub(r".\1", found[2])) if found else (str(error), "")
        return [FieldError(".".join(part for part in (where, path) if part) or "state", message.replace("`", ""))]
    return []


def _impossible_times(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """30 February has the right form all the same."""
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        below = f"{path}.{name}" if path else str(name)
        if isinstance(inner, dict | list):
            # Facts are free; their names mean nothing here.
            yield from () if name == "facts" else _impossible_times(inner, below)
        elif name in _DAYS and not _exists(date, inner):
            yield below, "is not a day of the calendar"
        elif name in _MOMENTS and not _exists(datetime, inner):
            yield below, "is not a moment of the calendar"


def _exists(kind: type[date], text: str) -> bool:
    try:
        kind.fromisoformat(text)
    except ValueError:
        return False
    return True
