"""Stage 4, the guard: policies on server, tool and arguments, the approved definition, and arguments that fit its schema.

It decides from memory, before a call is routed. `ToolBook` is what the guard of this gateway knows: the rules of each org,
the registry of each server, and what the servers have shown since.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from portico.domains.routing.model import ServiceEntry, Snapshot, ToolsSeen
from portico.domains.tools.arguments import Checker
from portico.domains.tools.decide import Decision, Facts, Rule, is_hidden
from portico.domains.tools.judge import Judgement, Wish, facts_of_tool, judge
from portico.domains.tools.model import USABLE, ToolEntry
from portico.domains.tools.pins import Pinned
from portico.domains.usage.lines import GuardNote, guard_note, stages_ending
from portico.domains.usage.model import Stage
from portico.gateway.tool_asks import AskedTool, BadArguments, PolicyDenied, ToolHeldBack, ToolNotFound, canonical

if TYPE_CHECKING:
    from portico.gateway.view import Who

log = structlog.get_logger("portico.gateway")
MOST_CHECKERS = 500
MOST_REPORTS, MOST_REPORT_BYTES = 50, 1024 * 1024


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
        # What control is still to be told, one report for each server.
        self.reports: dict[str, ToolsSeen] = {}
        self.on_report = _nobody
        self.outcomes: dict[str, int] = {}
        self.decisions: dict[str, int] = {}
        self.waiting = 0
        self.left_out = self.cached = 0
        # Grows whenever a definition moves away from the approved one or back: lists kept before say too much or too little.
        self.generation = 0

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
        # What control still does not know after it made a new snapshot, it is told again.
        self._reported.clear()

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

    def judge_call(self, entry: ServiceEntry, who: "Who", request: dict[str, str], call: AskedTool) -> Guarded:
        """raises ToolNotFound (404) · ToolHeldBack, PolicyDenied (403) · BadArguments (400)"""
        began_ns = time.monotonic_ns()
        text = canonical(call.args)
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
        took_us = (time.monotonic_ns() - began_ns) // 1000
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
        hiding = tuple(rule for rule in hiding if rule.concerns(who.id, entry.name))
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

    def tool(self, entry: ServiceEntry, name: str) -> ToolEntry | None:
        return self._tools(entry).get(name)

    def usable(self, entry: ServiceEntry) -> list[ToolEntry]:
        """Those of a server that may be offered as they were approved, whether or not a policy hides some."""
        return [
            tool
            for tool in self._tools(entry).values()
            if tool.state in USABLE
            and tool.pin is not None
            and self._moved.get((entry.id, tool.name)) in {None, tool.pin}
        ]

    def shows(self, entry: ServiceEntry, who: "Who", request: dict[str, str], tool: ToolEntry) -> bool:
        """Whether no policy hides the tool from this caller."""
        hiding = tuple(rule for rule in self._hiding.get(entry.org_id, ()) if rule.concerns(who.id, entry.name))
        return not hiding or not is_hidden(hiding, _facts(who, entry, facts_of_tool(tool.name, tool), request))

    def _is_usable(self, service_id: str, tool: ToolEntry, pinned: Pinned) -> bool:
        place = (service_id, tool.name)
        now = None if pinned.pin == tool.pin else pinned.pin
        if self._moved.get(place) != now:
            self.generation += 1
            if now is None:
                del self._moved[place]
            else:
                self._moved[place] = now
        return now is None and tool.state in {"approved", "deprecated"}

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
        if self._reported.get(entry.id) != digest and (entry.id in self.reports or len(self.reports) < MOST_REPORTS):
            self._reported[entry.id] = digest
            self.reports[entry.id] = _report(entry, told, self.reports.get(entry.id), complete=complete)
            self.on_report()

    def _tools(self, entry: ServiceEntry) -> dict[str, ToolEntry]:
        held = self._index.get(entry.id)
        if held is None or held[0] is not entry.tools:
            tools = () if entry.tools is None else entry.tools.tools
            held = self._index[entry.id] = (entry.tools, {tool.name: tool for tool in tools})
        return held[1]


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


def _report(entry: ServiceEntry, told: Sequence[Pinned], before: ToolsSeen | None, *, complete: bool) -> ToolsSeen:
    """With what was to be told before, unless this is everything; as much of it as one report may hold."""
    texts = [each.text for each in told]
    if before is not None and not complete:
        texts = list(dict.fromkeys([*before.definitions, *texts]))
    size, fit = 0, []
    for text in texts:
        size += len(text)
        if size > MOST_REPORT_BYTES:
            break
        fit.append(text)
    return ToolsSeen(entry.org_id, entry.id, tuple(fit), complete and len(fit) == len(texts))


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
