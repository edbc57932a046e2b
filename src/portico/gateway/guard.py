"""Stage 4, the guard: policies on server, tool and arguments, the approved definition, and arguments that fit its schema.

It decides from memory, before a call is routed. `ToolBook` is what the guard of this gateway knows: the rules of each org,
the registry of each server, and what the servers have shown since.
"""

import hashlib
import re
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
import structlog

from portico.domains.routing.model import ServiceEntry, Snapshot, ToolsSeen
from portico.domains.tools.arguments import Checker
from portico.domains.tools.decide import Decision, Facts, Rule, is_hidden
from portico.domains.tools.judge import Judgement, Wish, facts_of_tool, judge
from portico.domains.tools.model import ToolEntry
from portico.domains.tools.pins import Pinned
from portico.domains.usage.lines import GuardNote, guard_note, stages_ending
from portico.domains.usage.model import Stage
from portico.gateway.dialects import mcp
from portico.kernel.errors import FieldError, Refusal

if TYPE_CHECKING:
    from portico.gateway.view import Who

log = structlog.get_logger("portico.gateway")
MOST_CHECKERS = 2000
MOST_REPORTS = 100
MOST_MEMBERS = 100_000
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# Servers in some languages read names without regard to case, and would see another call than was judged.
_ROUTED = frozenset({"jsonrpc", "id", "method", "params", "name", "arguments", "uri", "_meta"})


class ToolRefused(Refusal):
    """Told as the error of one request, which is not the end of its session: `rpc_code` None is the E-code's number."""

    rpc_code: int | None = None


class ToolNotFound(ToolRefused):
    """The same words for a tool that is not there and one that a policy hides."""

    code = "NOT_FOUND"
    rpc_code = mcp.INVALID_PARAMS

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no tool {name[:200]!r} here.")


class ToolHeldBack(ToolRefused):
    code = "TOOL_HELD_BACK"


class PolicyDenied(ToolRefused):
    code = "POLICY_DENIED"


class BadArguments(ToolRefused):
    code = "INVALID_INPUT"
    rpc_code = mcp.INVALID_PARAMS

    def __init__(self, message: str, problems: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self._problems = problems

    @property
    def fields(self) -> tuple[FieldError, ...]:
        return self._problems


class Guarded:
    """A tool call that may leave, with what its record says of it beyond every call's."""

    __slots__ = ("_took_us", "cache_key", "cache_ttl_s", "digest", "idempotency_key", "pin")

    def __init__(self, pin: str, digest: str, idempotency_key: str, took_us: int) -> None:
        self.pin, self.digest, self.idempotency_key, self._took_us = pin, digest, idempotency_key, took_us
        self.cache_key: bytes | None = None
        self.cache_ttl_s = 0

    def stages(self, ends: list[int]) -> list[Stage]:
        """With the guard as a stage of its own, out of what came before the route."""
        note = guard_note(GuardNote(self.pin, self.digest, self.idempotency_key))
        stages: list[Stage] = []
        for stage in stages_ending(tuple(ends)):
            if stage.name == "route":
                took_us = min(self._took_us, stage.took_us)
                stages.append(Stage("guard", stage.start_us, took_us, note))
                later = {"start_us": stage.start_us + took_us, "took_us": stage.took_us - took_us}
                stage = msgspec.structs.replace(stage, **later)
            stages.append(stage)
        return stages


class Listed:
    """What became of one list of tools on its way to a client."""

    __slots__ = ("left_out", "tools")

    def __init__(self, tools: list[Any], left_out: int) -> None:
        self.tools, self.left_out = tools, left_out


class ToolBook:
    def __init__(self) -> None:
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._hiding: dict[str, tuple[Rule, ...]] = {}
        self._index: dict[str, tuple[object, dict[str, ToolEntry]]] = {}
        # Pins that servers showed last, of tools whose approved definition is another one.
        self._moved: dict[tuple[str, str], str] = {}
        self._checkers: OrderedDict[tuple[str, bytes], Checker] = OrderedDict()
        self._reported: dict[str, bytes] = {}
        self.reports: deque[ToolsSeen] = deque(maxlen=MOST_REPORTS)
        self.on_report = _nobody
        self.outcomes: dict[str, int] = {}
        self.decisions: dict[str, int] = {}
        self.waiting = 0
        self.left_out = self.cached = 0

    def adopt(self, snapshot: Snapshot) -> None:
        """Expressions that stayed the same are not compiled again."""
        known = {rule.entry: rule for rules in self._rules.values() for rule in rules}
        rules: dict[str, list[Rule]] = {}
        for entry in snapshot.policies:
            rules.setdefault(entry.org_id, []).append(known.get(entry) or Rule.of(entry))
        self._rules = {org_id: tuple(each) for org_id, each in rules.items()}
        self._hiding = {
            org_id: tuple(rule for rule in each if rule.entry.effect == "hide") for org_id, each in rules.items()
        }
        self._index.clear()
        self.waiting = sum(
            tool.state in {"quarantined", "changed"}
            for service in snapshot.services
            if service.tools is not None
            for tool in service.tools.tools
        )
        services = {service.id for service in snapshot.services}
        for place in [each for each in self._moved if each[0] not in services]:
            del self._moved[place]
        for service_id in [each for each in self._reported if each not in services]:
            del self._reported[service_id]

    def report(self) -> dict[str, float]:
        """Prometheus samples, as in Stats.report."""
        samples: dict[str, float] = {
            f'mcp_tool_calls_judged_total{{outcome="{outcome}"}}': count for outcome, count in self.outcomes.items()
        }
        for effect, count in self.decisions.items():
            samples[f'mcp_policy_decisions_total{{effect="{effect}"}}'] = count
        samples["mcp_tools_waiting"] = self.waiting
        samples["mcp_tools_left_out_total"] = self.left_out
        samples["mcp_tool_results_cached_total"] = self.cached
        return samples

    def link_opened(self) -> None:
        """Control may have forgotten what it was told; what is seen from now on is told again."""
        self._reported.clear()

    # -- calls -----------------------------------------------------------------------------------------------------------

    def judge_call(self, entry: ServiceEntry, who: "Who", request: dict[str, str], call: "AskedTool") -> Guarded:
        """raises ToolNotFound (404) · ToolHeldBack, PolicyDenied (403) · BadArguments (400)"""
        began_ns = time.perf_counter_ns()
        text = _canonical(call.args)
        tool = self._tools(entry).get(call.name)
        rules = self._rules.get(entry.org_id, ())
        registry = entry.tools
        wish = Wish(
            _facts(who, entry, facts_of_tool(call.name, tool), request) if rules else _NO_FACTS,
            tool,
            registry is None or registry.open,
            call.args,
            len(text),
            moved=tool is not None and self._moved.get((entry.id, call.name)) not in {None, tool.pin},
        )
        judgement = self._judged(rules, wish)
        self.outcomes[judgement.verdict] = self.outcomes.get(judgement.verdict, 0) + 1
        if judgement.decision.asked:
            self.decisions[judgement.decision.effect] = self.decisions.get(judgement.decision.effect, 0) + 1
        _refuse_unless_allowed(judgement, call.name, entry.name)
        pin = "" if tool is None or tool.pin is None else tool.pin
        took_us = (time.perf_counter_ns() - began_ns) // 1000
        guarded = Guarded(pin, hashlib.sha256(text).hexdigest(), call.idempotency_key, took_us)
        if tool is not None and tool.cache_ttl_s > 0 and tool.pin is not None and call.repeatable:
            whose = "" if tool.cache_public else who.id
            parts = (entry.org_id, who.scope, entry.id, call.name, tool.pin, whose)
            guarded.cache_key = _key_of(b"tools/call", *(each.encode() for each in parts), text)
            guarded.cache_ttl_s = tool.cache_ttl_s
        return guarded

    def _judged(self, rules: tuple[Rule, ...], wish: Wish) -> Judgement:
        try:
            return judge(rules, wish, self._checker)
        except BaseException as error:
            # A panic inside a compiled library is no Exception. What cannot be judged does not leave.
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            log.exception("guard.failed")
            reason = "It could not be judged."
            return Judgement("deny", reason, Decision("deny", reason))

    def _checker(self, tool: ToolEntry) -> Checker:
        key = (tool.pin or "", tool.schema)
        checker = self._checkers.get(key)
        if checker is None:
            checker = self._checkers[key] = Checker(tool.schema)
            if len(self._checkers) > MOST_CHECKERS:
                self._checkers.popitem(last=False)
        return checker

    # -- lists -----------------------------------------------------------------------------------------------------------

    def watches(self, entry: ServiceEntry) -> bool:
        """Whether lists of this server are looked at here."""
        return entry.tools is not None or bool(self._hiding.get(entry.org_id))

    def hides(self, org_id: str) -> bool:
        """Whether what one principal is shown may be more than another is."""
        return bool(self._hiding.get(org_id))

    def pick(
        self, entry: ServiceEntry, who: "Who", request: dict[str, str], shown: Sequence[tuple[object, Pinned | None]]
    ) -> Listed:
        """Those that are approved as they are and that no policy hides, as they came."""
        known, registry, hiding = self._tools(entry), entry.tools, self._hiding.get(entry.org_id, ())
        is_open = registry is None or registry.open
        names = [each.name for _, each in shown if each is not None]
        twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
        kept: list[Any] = []
        for definition, pinned in shown:
            tool = None if pinned is None else known.get(pinned.name)
            usable = pinned is not None and tool is not None and self._is_usable(entry.id, tool, pinned)
            if not (usable or is_open) or (pinned is not None and pinned.name in twice and not is_open):
                continue
            name = _name_of(definition)
            if hiding and is_hidden(hiding, _facts(who, entry, facts_of_tool(name, tool), request)):
                continue
            kept.append(definition)
        self.left_out += len(shown) - len(kept)
        return Listed(kept, len(shown) - len(kept))

    def _is_usable(self, service_id: str, tool: ToolEntry, pinned: Pinned) -> bool:
        if pinned.pin == tool.pin:
            self._moved.pop((service_id, tool.name), None)
            return tool.state in {"approved", "deprecated"}
        self._moved[service_id, tool.name] = pinned.pin
        return False

    def sight(self, entry: ServiceEntry, shown: Sequence[Pinned], *, complete: bool) -> None:
        """Tell control of what its snapshot does not know; once, until something else is seen."""
        registry = entry.tools
        if registry is None:
            return
        known = self._tools(entry)
        news = [each for each in shown if _is_news(known.get(each.name), each)]
        names = {each.name for each in shown}
        missing = complete and any(tool.state != "gone" and name not in names for name, tool in known.items())
        if not news and not missing and not (complete and registry.open):
            return
        told = shown if complete else news
        digest = _key_of(b"complete" if complete else b"", *(each.pin.encode() for each in told))
        if self._reported.get(entry.id) != digest:
            self._reported[entry.id] = digest
            self.reports.append(ToolsSeen(entry.org_id, entry.id, tuple(each.text for each in told), complete))
            self.on_report()

    def _tools(self, entry: ServiceEntry) -> dict[str, ToolEntry]:
        held = self._index.get(entry.id)
        if held is None or held[0] is not entry.tools:
            tools = () if entry.tools is None else entry.tools.tools
            held = self._index[entry.id] = (entry.tools, {tool.name: tool for tool in tools})
        return held[1]


class AskedTool:
    """A tools/call as it is judged. `repeatable`: the whole call is in name and arguments, so its result may be kept."""

    __slots__ = ("args", "idempotency_key", "name", "repeatable")

    def __init__(self, name: str, params: dict[str, Any], idempotency_key: str) -> None:
        args = params.get("arguments")
        if args is not None and not isinstance(args, dict):
            raise BadArguments(
                "The arguments of a tool must be an object.", (FieldError("arguments", "must be an object"),)
            )
        self.name, self.idempotency_key = name, idempotency_key
        self.args: dict[str, Any] = args or {}
        self.repeatable = not params.keys() - {"name", "arguments", "_meta"}


def read_once(body: bytes, rpc_id: bytes) -> dict[str, Any]:
    """The message as plain JSON, where each name stands once.

    raises   BadMessage (400): another reader could see another message in it
    """
    try:
        found: dict[str, Any] = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise mcp.BadMessage(mcp.PARSE_ERROR, f"The body is not valid JSON: {error}.", rpc_id) from error
    written = _STRING.sub(b"", body).count(b":")
    if written > MOST_MEMBERS:
        raise mcp.BadMessage(mcp.INVALID_REQUEST, f"The body holds more than {MOST_MEMBERS:,} members.", rpc_id)
    if written != _members(found):
        raise mcp.BadMessage(mcp.INVALID_REQUEST, "A name stands twice in one object of the body.", rpc_id)
    params = found.get("params")
    for part in (found, params if isinstance(params, dict) else {}):
        for name in part:
            if name not in _ROUTED and name.lower() in _ROUTED:
                raise mcp.BadMessage(mcp.INVALID_REQUEST, f"The name {name!r} must be {name.lower()!r}.", rpc_id)
    return found


def _members(value: object) -> int:
    count, level = 0, [value]
    while level:
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                count += len(each)
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level = inner
    return count


def _canonical(args: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(args, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError) as error:
        problem = FieldError("arguments", "are nested too deeply")
        raise BadArguments("The arguments are nested too deeply.", (problem,)) from error


def _refuse_unless_allowed(judgement: Judgement, name: str, server: str) -> None:
    match judgement.verdict:
        case "allow":
            return
        case "hide" | "unknown":
            raise ToolNotFound(name)
        case "held_back" | "disabled":
            raise ToolHeldBack(f"The tool {name!r} of {server!r} cannot be called. {judgement.reason}")
        case "deny":
            raise PolicyDenied(f"The tool {name!r} of {server!r} may not be called so. {judgement.reason}")
        case "bad_arguments":
            raise BadArguments(judgement.reason, judgement.problems)


def _facts(who: "Who", entry: ServiceEntry, tool: dict[str, Any], request: dict[str, str]) -> Facts:
    principal = {
        "id": who.id,
        "name": who.name,
        "kind": who.kind,
        "scope": who.scope,
        "permissions": sorted(who.permissions),
    }
    tags = () if entry.tools is None else entry.tools.tags
    return Facts(principal, {"name": entry.name, "tags": list(tags)}, tool, request)


def _is_news(known: ToolEntry | None, seen: Pinned) -> bool:
    return known is None or known.seen_pin != seen.pin or known.state == "gone"


def _name_of(definition: object) -> str:
    name = definition.get("name") if isinstance(definition, dict) else None
    return name if isinstance(name, str) else ""


def _key_of(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()


def _nobody() -> None:
    return


_NO_FACTS = Facts({"id": ""}, {"name": ""}, {"name": ""}, {})
