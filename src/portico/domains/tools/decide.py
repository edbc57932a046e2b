"""May X call Y with Z, and why. Pure: the gateway asks it for each call, the simulator for a call that nobody makes.

Of the policies that cover a call, by their subjects and targets, those whose expression holds have a say:
the first by order that denies or hides decides; else one that allows; else, when any policy that allows covers the call, it
is denied, because whoever writes what is allowed means the rest is not; without any it is allowed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

from portico.domains.tools.cel_library import cel
from portico.domains.tools.expressions import Compiled, Unusable, compile_expression
from portico.domains.tools.model import Effect, PolicyEntry

MOST_ARGS_BYTES, MOST_VALUES, MOST_DEPTH = 64 * 1024, 2000, 32
# Where a policy loops over what a caller sends, the caller may send less.
MOST_LOOPED_BYTES, MOST_LOOPED_VALUES = 16 * 1024, 500
# As far as arguments are counted at all.
COUNTED_VALUES, COUNTED_DEPTH = 100_001, 65
Holds = Literal["yes", "no", "error"]
Args = Mapping[str, Any]


class Facts(NamedTuple):
    """What expressions see besides the arguments, each as plain JSON; a call's and a listing's alike."""

    principal: dict[str, Any]
    server: dict[str, Any]
    tool: dict[str, Any]
    request: dict[str, Any]


class Weighed(NamedTuple):
    """How much a call's arguments are, so that an expression over them stays cheap."""

    size: int
    values: int
    depth: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One policy's answer to one call."""

    policy: PolicyEntry
    holds: Holds
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """`by` is the policy that decided; None when none did."""

    effect: Effect
    reason: str
    by: PolicyEntry | None = None
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy made ready to be asked. `unusable` says why it cannot be, which denies."""

    entry: PolicyEntry
    compiled: Compiled | None
    unusable: str = ""
    patterns: tuple[tuple[str, str], ...] = field(default=())

    @classmethod
    def of(cls, entry: PolicyEntry) -> "Rule":
        patterns = tuple((server, tool or "*") for server, _, tool in (each.partition("/") for each in entry.targets))
        try:
            return cls(entry, compile_expression(entry.expression), "", patterns)
        except Unusable as unusable:
            return cls(entry, None, f"its expression {unusable}", patterns)

    def concerns(self, principal_id: str, server: str) -> bool:
        """Whether it may cover any tool of the server for this principal."""
        if self.entry.subjects and principal_id not in self.entry.subjects:
            return False
        return not self.patterns or any(fnmatchcase(server, each) for each, _ in self.patterns)

    def covers(self, principal_id: str, server: str, tool: str) -> bool:
        if self.entry.subjects and principal_id not in self.entry.subjects:
            return False
        if not self.patterns:
            return True
        return any(fnmatchcase(server, each) and fnmatchcase(tool, name) for each, name in self.patterns)

    @property
    def needs_args(self) -> bool:
        return self.compiled is not None and "args" in self.compiled.variables


def weigh(args: Args, size: int) -> Weighed:
    """`size` in bytes as JSON; counting stops where it is too much for anybody."""
    values = depth = 0
    level: list[Any] = [args]
    while level and depth < COUNTED_DEPTH and values < COUNTED_VALUES:
        depth += 1
        inner: list[Any] = []
        for each in level:
            if isinstance(each, Mapping):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        values += len(inner)
        level = inner
    return Weighed(size, values, depth)


def covering(rules: Iterable[Rule], facts: Facts) -> list[Rule]:
    """In their order."""
    principal, server, tool = facts.principal["id"], facts.server["name"], facts.tool["name"]
    return [rule for rule in rules if rule.covers(principal, server, tool)]


def decide(rules: Iterable[Rule], facts: Facts, args: Args, weight: Weighed) -> Decision:
    """The rules in their order. An evaluation that fails denies, with its reason."""
    covers = covering(rules, facts)
    if not covers:
        return _NOTHING_SAID
    context = _context(covers, facts, args, weight)
    asked = tuple(_ask(rule, context, weight) for rule in covers)
    for each in asked:
        if each.holds == "error":
            return Decision(
                "deny", f"The policy {each.policy.name!r} could not be evaluated: {each.reason}.", each.policy, asked
            )
        if each.holds == "yes" and each.policy.effect != "allow":
            verb = "denies" if each.policy.effect == "deny" else "hides"
            return Decision(each.policy.effect, f"The policy {each.policy.name!r} {verb} it.", each.policy, asked)
    allowing = [each for each in asked if each.policy.effect == "allow"]
    for each in allowing:
        if each.holds == "yes":
            return Decision("allow", f"The policy {each.policy.name!r} allows it.", each.policy, asked)
    if allowing:
        names = ", ".join(repr(each.policy.name) for each in allowing[:5])
        return Decision("deny", f"No policy that says what is allowed here holds ({names}).", None, asked)
    return Decision("allow", "No policy speaks against it.", None, asked)


def is_hidden(rules: Iterable[Rule], facts: Facts) -> bool:
    """Whether a listing leaves the tool out: what depends on arguments is decided with the call. Errors hide."""
    hiding = [rule for rule in covering(rules, facts) if rule.entry.effect == "hide" and not rule.needs_args]
    if not hiding:
        return False
    context = _context(hiding, facts, {}, _NO_ARGS)
    return any(_ask(rule, context, _NO_ARGS).holds != "no" for rule in hiding)


def _context(rules: Iterable[Rule], facts: Facts, args: Args, weight: Weighed) -> Any:
    """Made once for all of them, of what they speak of: bringing values over costs far more than asking."""
    compiled = [rule.compiled for rule in rules if rule.compiled is not None]
    if not compiled:
        return None
    context = cel().Context
    wanted = frozenset[str]().union(*(each.variables for each in compiled))
    known = {name: value for name, value in facts._asdict().items() if name in wanted}
    # What no expression will be asked about is not even looked at: deep values could end the process.
    if "args" in wanted and not _too_much(weight, loops=False):
        known["args"] = args
    try:
        return context(known)
    except (ValueError, TypeError, OverflowError):
        # A text that is no Unicode, for one: the arguments cannot be judged, and asking for them says so.
        known.pop("args", None)
        return context(known)


def _ask(rule: Rule, context: Any, weight: Weighed) -> Asked:
    compiled, entry = rule.compiled, rule.entry
    if compiled is None:
        return Asked(entry, "error", rule.unusable)
    if "args" in compiled.variables and (problem := _too_much(weight, loops=compiled.loops)):
        return Asked(entry, "error", problem)
    try:
        result = compiled.program.execute(context)
    except _FAILED as error:
        return Asked(entry, "error", _words_of(error))
    if not isinstance(result, bool):
        return Asked(entry, "error", f"its expression came to {type(result).__name__}, not to true or false")
    return Asked(entry, "yes" if result else "no")


def _too_much(weight: Weighed, *, loops: bool) -> str:
    most_bytes, most_values = (MOST_LOOPED_BYTES, MOST_LOOPED_VALUES) if loops else (MOST_ARGS_BYTES, MOST_VALUES)
    if weight.size > most_bytes or weight.values > most_values or weight.depth > MOST_DEPTH:
        return f"the arguments are too large to judge (at most {most_bytes} bytes, {most_values} values, {MOST_DEPTH} deep)"
    return ""


def _words_of(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no {str(error)[:80]} here; ask with has() first"
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")


# As what the library tells that an expression could not be evaluated; anything else ends at the door, which denies as well.
_FAILED = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_NOTHING_SAID = Decision("allow", "No policy covers it.")
_NO_ARGS = Weighed(2, 0, 1)
