"""Facts of models, routes, and the pure rules of choosing: the gateway decides by them, and so does a dry run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Literal, NamedTuple

from msgspec import Struct

from portico.kernel.ids import ModelRouteId, OrgId, ServiceId
from portico.kernel.scope import ScopeName

Prefer = Literal["order", "quality", "speed", "cost"]
Capability = Literal["chat", "embeddings", "tools", "vision", "json", "audio", "reasoning"]
WhenRetired = Literal["refuse", "successor"]
Lifecycle = Literal["current", "deprecated", "retiring", "retired"]
Standing = Literal["well", "sick", "down"]

MIDDLE_GRADE = 3
# What a speed grade stands for until the gateway has measured.
GRADE_MS = {5: 300, 4: 700, 3: 1500, 2: 4000, 1: 10_000}
# What a model is reckoned to write when the caller does not bound it and nothing is known of it.
USUAL_OUTPUT_TOKENS = 1000
BYTES_PER_TOKEN = 4


class ModelPrice(Struct, frozen=True):
    """µUSD per million tokens, and a flat µUSD per call; stands in for the service's price."""

    input_microusd_per_mtok: int = 0
    output_microusd_per_mtok: int = 0
    call_microusd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What an org says of one model. None and empty mean: nothing is said.

    version      which release of its family it is, in words
    sends        the name that the service is asked for; empty: the model's own
    capabilities what it can do; empty: not held against it
    """

    org_id: OrgId
    service_id: ServiceId
    model: str
    family: str = ""
    version: str = ""
    sends: str = ""
    note: str = ""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: tuple[Capability, ...] = ()
    quality: int | None = None
    speed: int | None = None
    price: ModelPrice | None = None
    deprecated_at: datetime | None = None
    retires_at: datetime | None = None
    successor: str = ""
    when_retired: WhenRetired = "refuse"
    told: Lifecycle = "current"
    use_told_at: datetime | None = None

    def lifecycle(self, now: datetime) -> Lifecycle:
        """`retiring` is a deprecated model, or one that is to go, within its last thirty days."""
        if self.retires_at is not None and now >= self.retires_at:
            return "retired"
        if self.retires_at is not None and (self.retires_at - now).days < RETIRING_DAYS:
            return "retiring"
        if self.deprecated_at is not None and now >= self.deprecated_at:
            return "deprecated"
        return "current"


RETIRING_DAYS = 30


class ModelEntry(Struct, frozen=True):
    """The same for the gateway: only what it acts upon; moments in µs since 1970."""

    org_id: str
    service_id: str
    model: str
    sends: str = ""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: tuple[str, ...] = ()
    quality: int | None = None
    speed: int | None = None
    price: ModelPrice | None = None
    deprecated_at_us: int | None = None
    retires_at_us: int | None = None
    successor: str = ""
    when_retired: WhenRetired = "refuse"

    @property
    def changes_calls(self) -> bool:
        """Whether a call that names this model has to be looked at, beyond its price and bounds."""
        return bool(self.sends) or self.deprecated_at_us is not None or self.retires_at_us is not None


class Rule(Struct, frozen=True):
    """`tasks`, `min_tokens`, `max_tokens` say which calls it is for; the others which of its models may take them.

    targets     ordered by what is preferred
    fallbacks   tried after them, in this order
    """

    name: str
    targets: tuple[str, ...]
    fallbacks: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    min_tokens: int | None = None
    max_tokens: int | None = None
    needs: tuple[str, ...] = ()
    max_cost_microusd: int | None = None
    max_latency_ms: int | None = None
    prefer: Prefer | None = None


class RouteEntry(Struct, frozen=True):
    """`scope` None means every scope of the org."""

    id: str
    org_id: str
    scope: str | None
    name: str
    prefer: Prefer
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class ModelRoute:
    id: ModelRouteId
    org_id: OrgId
    scope: ScopeName | None
    name: str
    description: str
    prefer: Prefer
    rules: tuple[Rule, ...]
    enabled: bool
    created_by: str
    created_at: datetime
    updated_at: datetime

    def entry(self) -> RouteEntry:
        return RouteEntry(self.id, self.org_id, self.scope, self.name, self.prefer, self.rules)


@dataclass(frozen=True, slots=True)
class RouteDraft:
    name: str
    rules: tuple[Rule, ...]
    description: str = ""
    prefer: Prefer = "order"
    scope: ScopeName | None = None
    enabled: bool = True


class RouteAsk(NamedTuple):
    """What is known of a call before a model is chosen.

    needs    what its body asks of a model; a model that says nothing of its capabilities is trusted with it
    prefer   the caller's own switch; None leaves it to the rule
    """

    task: str = ""
    tokens_in: int = 0
    output_max: int | None = None
    choices: int = 1
    needs: frozenset[str] = frozenset()
    prefer: Prefer | None = None


class Candidate(NamedTuple):
    """A model as it stands now. `latency_ms` None: not measured."""

    model: str
    service: str
    standing: Standing
    capabilities: tuple[str, ...] = ()
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    quality: int | None = None
    speed: int | None = None
    price: ModelPrice = ModelPrice()
    latency_ms: int | None = None

    @property
    def expected_ms(self) -> int:
        return GRADE_MS[self.speed or MIDDLE_GRADE] if self.latency_ms is None else self.latency_ms

    def expected_cost(self, ask: RouteAsk) -> int:
        """µUSD, from the size of the request and the most it may write."""
        most = self.max_output_tokens or USUAL_OUTPUT_TOKENS
        out = 0 if "embeddings" in ask.needs else (most if ask.output_max is None else ask.output_max) * ask.choices
        price = self.price
        tokens = ask.tokens_in * price.input_microusd_per_mtok + out * price.output_microusd_per_mtok
        return price.call_microusd + ceil(tokens / 1_000_000)


class Passed(NamedTuple):
    """A model that was not taken, and why."""

    model: str
    why: str


class Step(NamedTuple):
    """What became of one rule."""

    rule: str
    matched: bool
    why: str
    passed: tuple[Passed, ...]


class Decision(NamedTuple):
    """`chosen` in the order to try; empty when no rule gave anything."""

    chosen: tuple[Candidate, ...]
    rule: str
    why: str
    steps: tuple[Step, ...]


# A model as it stands, or why it cannot be used at all.
Find = Callable[[str], Candidate | str]


def decide(route: RouteEntry, ask: RouteAsk, find: Find) -> Decision:
    """The first rule that is for this call and has a model that can take it.

    cost   a few µs for each rule; bounded by the number of rules and of models in them
    """
    steps: list[Step] = []
    for rule in route.rules:
        unfit = _not_for(rule, ask)
        if unfit is not None:
            steps.append(Step(rule.name, False, unfit, ()))
            continue
        prefer = ask.prefer or rule.prefer or route.prefer
        passed: list[Passed] = []
        targets = _able(rule, rule.targets, ask, find, passed)
        ranked = [*_ranked(targets, prefer, ask), *_able(rule, rule.fallbacks, ask, find, passed)]
        chosen = tuple(sorted(dict.fromkeys(ranked), key=lambda each: each.standing == "sick"))
        why = f"rule {rule.name!r}{_matched(rule, ask)}, {_PREFERRED[prefer]}"
        steps.append(Step(rule.name, True, why if chosen else "none of its models can take the call", tuple(passed)))
        if chosen:
            return Decision(chosen, rule.name, why, tuple(steps))
    return Decision((), "", "no rule has a model that can take the call", tuple(steps))


_PREFERRED = {"order": "in the given order", "quality": "the best first", "speed": "the fastest first"} | {
    "cost": "the cheapest first"
}


def _not_for(rule: Rule, ask: RouteAsk) -> str | None:
    if rule.tasks and ask.task not in rule.tasks:
        return f"it is for the tasks {', '.join(rule.tasks)}, not {ask.task or 'a call without one'}"
    if rule.min_tokens is not None and ask.tokens_in < rule.min_tokens:
        return f"about {ask.tokens_in:,} tokens are fewer than {rule.min_tokens:,}"
    if rule.max_tokens is not None and ask.tokens_in > rule.max_tokens:
        return f"about {ask.tokens_in:,} tokens are more than {rule.max_tokens:,}"
    return None


def _matched(rule: Rule, ask: RouteAsk) -> str:
    said = [f"task {ask.task}"] if rule.tasks else []
    if rule.min_tokens is not None or rule.max_tokens is not None:
        said.append(f"about {ask.tokens_in:,} tokens")
    return f" ({', '.join(said)})" if said else ""


def _able(rule: Rule, models: Sequence[str], ask: RouteAsk, find: Find, passed: list[Passed]) -> list[Candidate]:
    able: list[Candidate] = []
    for model in models:
        found = find(model)
        why = found if isinstance(found, str) else _unfit(rule, found, ask)
        if why is not None:
            passed.append(Passed(model, why))
        elif isinstance(found, Candidate):
            able.append(found)
    return able


def _unfit(rule: Rule, candidate: Candidate, ask: RouteAsk) -> str | None:
    if candidate.standing == "down":
        return "its breakers are open"
    missing = [need for need in rule.needs if not _can(candidate, need)]
    if not missing and candidate.capabilities:
        missing = sorted(need for need in ask.needs if not _can(candidate, need))
    if missing:
        return f"it is not known to do {', '.join(missing)}"
    room = candidate.context_tokens
    if room is not None and ask.tokens_in + (ask.output_max or 0) > room:
        return f"its context of {room:,} tokens is too small"
    cost = candidate.expected_cost(ask)
    if rule.max_cost_microusd is not None and cost > rule.max_cost_microusd:
        return f"it may cost {cost:,} µUSD, more than {rule.max_cost_microusd:,}"
    if rule.max_latency_ms is not None and candidate.expected_ms > rule.max_latency_ms:
        return f"it takes about {candidate.expected_ms:,} ms, more than {rule.max_latency_ms:,}"
    return None


def _can(candidate: Candidate, need: str) -> bool:
    """Whatever else a model can do, it can chat; unless it makes embeddings alone."""
    able = candidate.capabilities
    return need in able or (need == "chat" and bool(able) and set(able) != {"embeddings"})


def _ranked(candidates: list[Candidate], prefer: Prefer, ask: RouteAsk) -> list[Candidate]:
    """Sorting keeps the given order among equals."""
    match prefer:
        case "order":
            return candidates
        case "quality":
            return sorted(candidates, key=lambda each: -(each.quality or MIDDLE_GRADE))
        case "speed":
            return sorted(candidates, key=lambda each: each.expected_ms)
        case "cost":
            return sorted(candidates, key=lambda each: each.expected_cost(ask))


def estimate_tokens(size_bytes: int) -> int:
    return (size_bytes + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN
