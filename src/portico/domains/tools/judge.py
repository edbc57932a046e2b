"""All that stands between a principal and one tool call, in one order, for the gateway and the simulator alike. Pure.

What a policy hides looks like what does not exist, so that is asked first; then whether the definition is approved; then
whether a policy denies; then whether the arguments fit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from portico.domains.tools.arguments import Checked, Checker
from portico.domains.tools.decide import Decision, Facts, Rule, decide, weigh
from portico.domains.tools.model import USABLE, ToolEntry
from portico.kernel.errors import FieldError

Verdict = Literal["allow", "deny", "hide", "unknown", "held_back", "disabled", "bad_arguments"]
CheckerOf = Callable[[ToolEntry], Checker]
_HELD_BACK = {
    "quarantined": "Its definition was never approved.",
    "changed": "Its definition changed since it was approved.",
    "rejected": "Its definition was rejected.",
    "gone": "Its server no longer offered it when it was last listed.",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    reason: str
    decision: Decision
    problems: tuple[FieldError, ...] = ()
    unchecked: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """One tool call. `open`: its server holds nothing back yet. `moved`: the definition in use is not the approved one."""

    facts: Facts
    entry: ToolEntry | None
    open: bool
    args: Mapping[str, Any]
    size: int
    moved: bool = False


def judge(rules: Sequence[Rule], wish: Wish, checker_of: CheckerOf) -> Judgement:
    weight = weigh(wish.args, wish.size)
    decision = decide(rules, wish.facts, wish.args, weight)
    if decision.effect == "hide":
        return Judgement("hide", decision.reason, decision)
    entry = wish.entry
    if entry is None and not wish.open:
        return Judgement("unknown", "The server has no tool of this name that was ever listed here.", decision)
    held = _held_back(entry, wish)
    if held is not None:
        return Judgement(*held, decision)
    if decision.effect == "deny":
        return Judgement("deny", decision.reason, decision)
    checked = Checked() if entry is None else checker_of(entry).check(wish.args, weight.values, weight.depth)
    if checked.problems:
        words = "; ".join(f"{each.field}: {each.message}" for each in checked.problems)
        return Judgement(
            "bad_arguments", f"The arguments do not fit the tool's schema: {words}.", decision, checked.problems
        )
    return Judgement("allow", decision.reason, decision, unchecked=checked.unchecked)


def _held_back(entry: ToolEntry | None, wish: Wish) -> tuple[Verdict, str] | None:
    if entry is None or wish.open:
        return None
    if entry.state == "disabled":
        return "disabled", "It was disabled."
    if entry.state not in USABLE:
        return "held_back", _HELD_BACK[entry.state]
    return ("held_back", _HELD_BACK["changed"]) if wish.moved else None


def annotations_of(entry: ToolEntry | None) -> dict[str, Any]:
    found = orjson.loads(entry.annotations) if entry is not None and entry.annotations else {}
    return found if isinstance(found, dict) else {}


def facts_of_tool(name: str, entry: ToolEntry | None) -> dict[str, Any]:
    """What expressions see as `tool`."""
    pin = "" if entry is None or entry.pin is None else entry.pin
    return {"name": name, "pin": pin, "annotations": annotations_of(entry)}
