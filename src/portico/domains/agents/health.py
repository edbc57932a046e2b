"""Health of agents: the hub asks their endpoints; here it becomes one word for each agent, with a time since when, and news.

unknown    nobody asked yet
healthy    an endpoint is well: after its first good answer, or after 2 in a row when it had been ill
unhealthy  none is well, after 3 failures in a row
dead       every endpoint failed 10 times in a row
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from portico.domains.agents import store
from portico.domains.agents.model import FAILURES_TO_DEAD, AgentHealth, StoredCard
from portico.domains.agents.service import keep_card, read_again
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.tenancy import public as tenancy
from portico.kernel.scope import ENTERPRISE, OrgScope
from portico.platform.deps import Deps
from portico.platform.outbound import Outbound

log = structlog.get_logger("portico.agents")
EVERY_S = 300
AT_ONCE = 5
MOST_AT_A_TIME = 50
# One that could not be read at first is tried again sooner.
AGAIN_S = 30
_SLACK_S = 2
_FIELDS = {"agent_id": str, "name": str, "health": str, "before": str}
NEWS = {
    "healthy": events.declare(
        "agent.healthy.v1", "An agent answers well.", about="agent_id", category="system", fields=_FIELDS
    ),
    "unhealthy": events.declare(
        "agent.unhealthy.v1", "No endpoint of an agent is well.", about="agent_id", category="error", fields=_FIELDS
    ),
    "dead": events.declare(
        "agent.dead.v1", "An agent has not answered for long.", about="agent_id", category="error", fields=_FIELDS
    ),
}


@dataclass(frozen=True, slots=True)
class AgentRound:
    """What one round did, for the status page."""

    agents: int
    read: int
    unreadable: int
    changed: int


def health_of(service: hub.Service) -> AgentHealth:
    endpoints = [
        endpoint
        for version in service.versions
        if version.status == "active" and version.weight > 0
        for endpoint in version.endpoints
    ]
    if any(each.health == "healthy" for each in endpoints):
        return "healthy"
    if any(each.health == "unknown" for each in endpoints):
        return "unknown"
    return "dead" if all(each.failures >= FAILURES_TO_DEAD for each in endpoints) else "unhealthy"


async def watch_agents(deps: Deps, outbound: Outbound | None = None) -> AgentRound:
    """Read the cards that are due, at most 5 at once and 5 s each, and tell whose health is another than before.

    Idempotent; call it as often as you like.
    """
    platform = tenancy.platform_scope()
    async with deps.read() as tx:
        ids = [route.id for route in await hub.snapshot_services(tx, platform) if route.kind == "agent"]
        services = await hub.services_by_id(tx, platform, ids) if ids else []
        cards = await store.every_card(tx, platform) if ids else {}
    due = [each for each in services if _is_due(cards.get(each.id), deps)][:MOST_AT_A_TIME]
    read = await _read_all(due, cards, deps, outbound or Outbound(deps.settings))
    for service, stored in read:
        async with deps.uow() as tx:
            # It may have been deleted while its card was read.
            if await hub.load_service(tx, _house(service), service.id) is None:
                continue
            await keep_card(tx, _house(service), service, cards.get(service.id), stored)
        if stored.problem is not None:
            log.warning("agent.card_problem", agent=service.name, org_id=service.org_id, why=stored.problem)
        cards[service.id] = stored
    changed = 0
    for service in services:
        changed += await _follow(service, cards.get(service.id), deps)
    return AgentRound(len(services), len(read), sum(stored.problem is not None for _, stored in read), changed)


def _is_due(stored: StoredCard | None, deps: Deps) -> bool:
    if stored is None or stored.tried_at is None:
        return True
    every_s = AGAIN_S if stored.card is None else EVERY_S
    return stored.tried_at <= deps.clock.now() - timedelta(seconds=every_s - _SLACK_S)


async def _read_all(
    due: Sequence[hub.Service], cards: dict[str, StoredCard], deps: Deps, outbound: Outbound
) -> list[tuple[hub.Service, StoredCard]]:
    room = asyncio.Semaphore(AT_ONCE)

    async def read(service: hub.Service) -> tuple[hub.Service, StoredCard]:
        async with room:
            return service, await read_again(service, cards.get(service.id), deps.clock.now(), outbound)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(service)) for service in due]
    return [task.result() for task in tasks]


async def _follow(service: hub.Service, stored: StoredCard | None, deps: Deps) -> bool:
    health = health_of(service)
    if stored is None or stored.health == health:
        return False
    scope = _house(service)
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        await store.save_health(tx, scope, service.id, health, deps.clock.now())
        if health in NEWS:
            payload = {"agent_id": service.id, "name": service.name, "health": health, "before": stored.health}
            await events.record(tx, scope, kind=NEWS[health], payload=payload)
    log.info("agent.health_changed", agent=service.name, org_id=service.org_id, health=health, before=stored.health)
    return True


def _house(service: hub.Service) -> OrgScope:
    return tenancy.open_system_scope(service.org_id, service.scope or ENTERPRISE)
