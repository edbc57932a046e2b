from typing import Annotated, Any

import msgspec
from pydantic import Field

from portico.domains.hub.model import Service
from portico.domains.models.dry_run import Sample
from portico.domains.models.model import (
    Candidate,
    Capability,
    Decision,
    Lifecycle,
    ModelPrice,
    ModelRoute,
    Prefer,
    RouteAsk,
    RouteDraft,
    Rule,
    WhenRetired,
    estimate_tokens,
)
from portico.domains.models.registry import RegisteredModel
from portico.domains.models.terms import MAX_MS, MAX_RULES, MAX_TARGETS, MAX_TOKENS, MAX_WORDS
from portico.kernel.scope import ScopeName
from portico.platform.web import Ask, Bound, Moment, Patch, Wire

ModelName = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=2000)]
Models = Annotated[list[ModelName], Field(max_length=MAX_TARGETS)]
Tasks = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=MAX_WORDS)]
Needs = Annotated[list[Capability], Field(max_length=MAX_WORDS)]


class ModelPriceAsk(Ask):
    """µUSD per million tokens, and a flat µUSD per call."""

    input_microusd_per_mtok: int = 0
    output_microusd_per_mtok: int = 0
    call_microusd: int = 0


class ModelPatch(Patch):
    """What is left out stays; `null` takes back what was said. `price` stands in for that of the service."""

    family: Annotated[str, Field(max_length=128)] = ""
    version: Annotated[str, Field(max_length=128)] = ""
    sends: Annotated[str, Field(max_length=128)] = ""
    note: Text = ""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: Needs = Field(default_factory=list)
    quality: int | None = None
    speed: int | None = None
    price: ModelPriceAsk | None = None
    deprecated_at: Bound | None = None
    retires_at: Bound | None = None
    successor: Annotated[str, Field(max_length=128)] = ""
    when_retired: WhenRetired = "refuse"

    def changes(self) -> dict[str, Any]:
        sent: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "capabilities" in sent:
            sent["capabilities"] = tuple(self.capabilities)
        if self.price is not None:
            sent["price"] = ModelPrice(**self.price.model_dump())
        return sent


class ModelRuleAsk(Ask):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    targets: Models
    fallbacks: Models = Field(default_factory=list)
    tasks: Tasks = Field(default_factory=list)
    min_tokens: int | None = None
    max_tokens: int | None = None
    needs: Needs = Field(default_factory=list)
    max_cost_microusd: int | None = None
    max_latency_ms: int | None = None
    prefer: Prefer | None = None

    def rule(self) -> Rule:
        return msgspec.convert(self.model_dump(), Rule)


Rules = Annotated[list[ModelRuleAsk], Field(min_length=1, max_length=MAX_RULES)]


class ModelRouteAsk(Ask):
    """`scope` null: in every scope of the org."""

    name: ModelName
    rules: Rules
    description: Annotated[str, Field(max_length=500)] = ""
    prefer: Prefer = "order"
    scope: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    enabled: bool = True

    def draft(self) -> RouteDraft:
        rules = tuple(rule.rule() for rule in self.rules)
        scope = None if self.scope is None else ScopeName(self.scope)
        return RouteDraft(self.name, rules, self.description, self.prefer, scope, self.enabled)


class ModelRoutePatch(Patch):
    """What is left out stays; `rules` replaces them all. The scope is not changed."""

    name: ModelName = ""
    rules: Rules = Field(default_factory=list)
    description: Annotated[str, Field(max_length=500)] = ""
    prefer: Prefer = "order"
    enabled: bool = True

    def changes(self) -> dict[str, Any]:
        sent: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "rules" in sent:
            sent["rules"] = tuple(rule.rule() for rule in self.rules)
        return sent


class ModelRulesAsk(Ask):
    rules: Rules
    prefer: Prefer = "order"


class ModelChooseAsk(Ask):
    """A request to try. Its size is `tokens_in`, or reckoned from `prompt`; `draft` stands in for the route's rules."""

    task: Annotated[str, Field(max_length=64)] = ""
    prompt: Annotated[str, Field(max_length=1_000_000)] = ""
    tokens_in: Annotated[int, Field(ge=0, le=MAX_TOKENS)] | None = None
    output_max: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    needs: Needs = Field(default_factory=list)
    prefer: Prefer | None = None
    latency_ms: Annotated[dict[str, Annotated[int, Field(ge=0, le=MAX_MS)]], Field(max_length=100)] = Field(
        default_factory=dict
    )
    draft: ModelRulesAsk | None = None

    def sample(self) -> Sample:
        size = estimate_tokens(len(self.prompt.encode())) if self.tokens_in is None else self.tokens_in
        needs = frozenset(self.needs or ["chat"])
        return Sample(RouteAsk(self.task, size, self.output_max, 1, needs, self.prefer), self.latency_ms)

    def rules(self, name: str) -> RouteDraft | None:
        if self.draft is None:
            return None
        return RouteDraft(name, tuple(rule.rule() for rule in self.draft.rules), prefer=self.draft.prefer)


class ModelPriceWire(Wire):
    input_microusd_per_mtok: int
    output_microusd_per_mtok: int
    call_microusd: int


class ModelServiceWire(Wire):
    id: str
    name: str
    status: str


class ModelWire(Wire):
    """`own_price` says whether the price is the model's own or that of its service."""

    name: str
    service: ModelServiceWire
    lifecycle: Lifecycle
    family: str
    version: str
    sends: str
    note: str
    context_tokens: int | None
    max_output_tokens: int | None
    capabilities: list[str]
    quality: int | None
    speed: int | None
    price: ModelPriceWire
    own_price: bool
    deprecated_at: Moment | None
    retires_at: Moment | None
    successor: str
    when_retired: WhenRetired


class ModelRuleWire(Wire):
    name: str
    targets: list[str]
    fallbacks: list[str]
    tasks: list[str]
    min_tokens: int | None
    max_tokens: int | None
    needs: list[str]
    max_cost_microusd: int | None
    max_latency_ms: int | None
    prefer: Prefer | None


class ModelRouteWire(Wire):
    id: str
    name: str
    description: str
    scope: str | None
    prefer: Prefer
    rules: list[ModelRuleWire]
    enabled: bool
    created_at: Moment
    updated_at: Moment


class ChosenModelWire(Wire):
    model: str
    service: str
    expected_cost_microusd: int
    expected_ms: int
    quality: int | None


class PassedModelWire(Wire):
    model: str
    why: str


class ModelRuleOutcomeWire(Wire):
    rule: str
    matched: bool
    why: str
    passed: list[PassedModelWire]


class ModelChoiceWire(Wire):
    """`chosen` in the order they would be tried; the first is the one that gets the call."""

    model: str | None
    rule: str
    why: str
    tokens_in: int
    chosen: list[ChosenModelWire]
    steps: list[ModelRuleOutcomeWire]


def model_wire(model: RegisteredModel) -> ModelWire:
    facts = model.facts
    return ModelWire(
        name=model.name,
        service=_service_wire(model.service),
        lifecycle=model.lifecycle,
        family=facts.family,
        version=facts.version,
        sends=facts.sends,
        note=facts.note,
        context_tokens=facts.context_tokens,
        max_output_tokens=model.max_output_tokens,
        capabilities=list(facts.capabilities),
        quality=facts.quality,
        speed=facts.speed,
        price=price_wire(model.price),
        own_price=facts.price is not None,
        deprecated_at=facts.deprecated_at,
        retires_at=facts.retires_at,
        successor=facts.successor,
        when_retired=facts.when_retired,
    )


def price_wire(price: ModelPrice) -> ModelPriceWire:
    return ModelPriceWire(
        input_microusd_per_mtok=price.input_microusd_per_mtok,
        output_microusd_per_mtok=price.output_microusd_per_mtok,
        call_microusd=price.call_microusd,
    )


def _service_wire(service: Service) -> ModelServiceWire:
    return ModelServiceWire(id=service.id, name=service.name, status=service.status)


def route_wire(route: ModelRoute) -> ModelRouteWire:
    return ModelRouteWire(
        id=route.id,
        name=route.name,
        description=route.description,
        scope=route.scope,
        prefer=route.prefer,
        rules=[ModelRuleWire(**msgspec.to_builtins(rule)) for rule in route.rules],
        enabled=route.enabled,
        created_at=route.created_at,
        updated_at=route.updated_at,
    )


def choice_wire(decision: Decision, ask: RouteAsk) -> ModelChoiceWire:
    return ModelChoiceWire(
        model=decision.chosen[0].model if decision.chosen else None,
        rule=decision.rule,
        why=decision.why,
        tokens_in=ask.tokens_in,
        chosen=[_chosen_wire(each, ask) for each in decision.chosen],
        steps=[
            ModelRuleOutcomeWire(
                rule=step.rule,
                matched=step.matched,
                why=step.why,
                passed=[PassedModelWire(model=each.model, why=each.why) for each in step.passed],
            )
            for step in decision.steps
        ],
    )


def _chosen_wire(candidate: Candidate, ask: RouteAsk) -> ChosenModelWire:
    return ChosenModelWire(
        model=candidate.model,
        service=candidate.service,
        expected_cost_microusd=candidate.expected_cost(ask),
        expected_ms=candidate.expected_ms,
        quality=candidate.quality,
    )
