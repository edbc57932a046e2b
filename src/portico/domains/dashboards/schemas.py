"""The versions of the state document, and the way from each to its neighbours.

Stored states are brought up when they are read, so that a program only ever works with the current schema; a client that
asks for an older one gets the state brought down. A new schema adds one `Step` here and changes `widgets.schema.json`.

schema 1   widgets by id, and their order beside them: two people can change two widgets without touching the same path
schema 0   widgets as a list in their order: short to write by hand, and what exports before 1 hold
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portico.kernel.errors import InvalidInput

Document = dict[str, Any]
CURRENT = 1


@dataclass(frozen=True, slots=True)
class Step:
    """From a schema to the next, and back; `up` may refuse what cannot be kept, `down` loses nothing a reader shows."""

    up: Callable[[Document], Document]
    down: Callable[[Document], Document]


def shown_order(state: Document) -> list[str]:
    """Reading order: what `order` names and exists, then the rest by id."""
    widgets = state["widgets"]
    named = [each for each in state["order"] if each in widgets]
    return [*named, *sorted(widgets.keys() - set(named))]


def _by_id(state: Document) -> Document:
    widgets = state.get("widgets", [])
    if not isinstance(widgets, list) or not all(isinstance(each, dict) for each in widgets):
        raise InvalidInput("state.widgets", "must be a list of widgets in schema 0")
    order = [each.get("id") for each in widgets]
    if not all(isinstance(each, str) for each in order) or len(set(order)) != len(order):
        raise InvalidInput("state.widgets", "each needs an id of its own")
    return {
        "schema": 1,
        "layout": state.get("layout", "grid"),
        "order": order,
        "widgets": dict(zip(order, widgets, strict=True)),
        "view": state.get("view", {}),
    }


def _as_list(state: Document) -> Document:
    widgets = [state["widgets"][each] for each in shown_order(state)]
    return {"schema": 0, "layout": state["layout"], "widgets": widgets, "view": state["view"]}


# By the older of the two schemas.
STEPS: Mapping[int, Step] = {0: Step(up=_by_id, down=_as_list)}


def bring_up(state: Document, steps: Mapping[int, Step] = STEPS, current: int = CURRENT) -> Document:
    for version in range(_version(state, current), current):
        state = steps[version].up(state)
    return state


def bring_down(state: Document, to: int, steps: Mapping[int, Step] = STEPS, current: int = CURRENT) -> Document:
    if not 0 <= to <= current:
        raise InvalidInput("schema", f"must be between 0 and {current}")
    for version in range(current, to, -1):
        state = steps[version - 1].down(state)
    return state


def _version(state: Document, current: int) -> int:
    version = state.get("schema")
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version <= current:
        raise InvalidInput("state.schema", f"must be between 0 and {current}; a newer Portico may have written it")
    return version
