"""Which model a request would go to, decided by the gateway's own rules from what the control side knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from portico.domains.hub import public as hub
from portico.domains.hub.model import BreakerReading, Gateways, Service
from portico.domains.models.gauges import paces
from portico.domains.models.model import Candidate, Decision, RouteAsk, RouteDraft, Standing, decide
from portico.domains.models.registry import RegisteredModel, offered_models
from portico.domains.models.rules import check_draft, found_route
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

MOST_SUCCESSIONS = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """A request to try. `latency_ms` are paces to reckon with, by model, in place of what the gateways measured."""

    ask: RouteAsk
    latency_ms: Mapping[str, int] = field(default_factory=dict)


async def choose_model(
    scope: OrgScope, route_id: str, sample: Sample, draft: RouteDraft | None, feed: Gateways | None, deps: Deps
) -> Decision:
    """As the caller sees services; `draft` stands in for the route's rules, to try them before they are saved."""
    async with deps.read() as tx:
        route = await found_route(tx, scope, route_id)
        offered = {each.name: each for each in await offered_models(tx, scope)}
    entry = route.entry()
    if draft is not None:
        check_draft(draft)
        entry = type(entry)(entry.id, entry.org_id, entry.scope, entry.name, draft.prefer, draft.rules)
    breakers = hub.breaker_readings(feed, scope.org_id)
    measured = paces(() if feed is None else feed.statuses())

    def find(model: str) -> Candidate | str:
        found = _followed(offered, model)
        if isinstance(found, str):
            return found
        latency_ms = sample.latency_ms.get(found.name, measured.get((found.service.id, found.name)))
        return _candidate(found, latency_ms, breakers)

    return decide(entry, sample.ask, find)


def _candidate(
    found: RegisteredModel, latency_ms: int | None, breakers: Mapping[str, BreakerReading]
) -> Candidate | str:
    standing = _standing(found.service, breakers)
    if standing is None:
        return "its service has no endpoint"
    facts = found.facts
    return Candidate(
        model=found.name,
        service=found.service.name,
        standing=standing,
        capabilities=facts.capabilities,
        context_tokens=facts.context_tokens,
        max_output_tokens=found.max_output_tokens,
        quality=facts.quality,
        speed=facts.speed,
        price=found.price,
        latency_ms=latency_ms,
    )


def _followed(offered: Mapping[str, RegisteredModel], model: str) -> RegisteredModel | str:
    for _ in range(MOST_SUCCESSIONS):
        found = offered.get(model)
        if found is None:
            return "no service offers it"
        if found.lifecycle != "retired":
            return found
        if found.facts.when_retired != "successor":
            return "it is retired"
        model = found.facts.successor
    return "it is retired, and so are its successors"


def _standing(service: Service, breakers: Mapping[str, BreakerReading]) -> Standing | None:
    endpoints = [
        endpoint
        for version in service.versions
        if version.status == "active" and version.weight > 0
        for endpoint in version.endpoints
    ]
    if not endpoints:
        return None
    through = [each for each in endpoints if (reading := breakers.get(each.id)) is None or reading.state != "open"]
    if not through:
        return "down"
    return "well" if any(each.health != "unhealthy" for each in through) else "sick"
