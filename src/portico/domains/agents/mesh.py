"""The mesh: which agents there are and how they do, and which of them takes a task.

Capability first, then health, then the policy: who can do it, of those who is up, of those one.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from portico.domains.agents import service, task_store
from portico.domains.agents.errors import NoAgentFits
from portico.domains.agents.health import health_of
from portico.domains.agents.model import TERMINAL, AgentHealth, RoutePolicy, can
from portico.domains.agents.service import Agent
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

_MOST_TURNS = 10_000


class GatewayReport(Protocol):
    @property
    def counters(self) -> Mapping[str, float]: ...


class MeshStatus(NamedTuple):
    """`running` counts tasks that have not come to an end, as far as they passed through here."""

    agents: list[Agent]
    counts: dict[AgentHealth, int]
    open_calls: dict[str, int]
    running: dict[str, int]


class Considered(NamedTuple):
    """`why_not` None: it could take the task."""

    agent: Agent
    health: AgentHealth
    open_calls: int
    why_not: str | None


class Chosen(NamedTuple):
    agent: Agent
    why: str
    considered: list[Considered]


@dataclass(slots=True)
class Turns:
    """Whose turn it was, by org and capability; of this process alone, as with several the turns only mix."""

    _last: dict[tuple[str, str], int] = field(default_factory=dict)

    def next(self, org_id: str, capability: str) -> int:
        if len(self._last) > _MOST_TURNS:
            self._last.clear()
        turn = self._last.get((org_id, capability), -1) + 1
        self._last[org_id, capability] = turn
        return turn


async def mesh_status(scope: OrgScope, reports: Sequence[GatewayReport], deps: Deps) -> MeshStatus:
    agents = await service.every_agent(scope, deps)
    async with deps.read() as tx:
        by_state = await task_store.count_tasks(tx, scope, [each.service.id for each in agents])
    running: dict[str, int] = {}
    for (service_id, state), number in by_state.items():
        if state not in TERMINAL:
            running[service_id] = running.get(service_id, 0) + number
    counts: dict[AgentHealth, int] = {"unknown": 0, "healthy": 0, "unhealthy": 0, "dead": 0}
    for each in agents:
        counts[health_of(each.service)] += 1
    return MeshStatus(agents, counts, open_calls_of(reports), running)


async def route_task(
    scope: OrgScope, capability: str, policy: RoutePolicy, turns: Turns, reports: Sequence[GatewayReport], deps: Deps
) -> Chosen:
    """Choose an agent; nothing is sent.

    raises   NoAgentFits (503)
    """
    busy = open_calls_of(reports)
    considered = [_considered(each, capability, busy, scope) for each in await service.every_agent(scope, deps)]
    fit = [each for each in considered if each.why_not is None]
    well = [each for each in fit if each.health == "healthy"]
    group = well or [each for each in fit if each.health == "unknown"]
    if not group:
        able = sum(can(each.agent.card, each.agent.service.capabilities, capability) for each in considered)
        raise NoAgentFits(capability, able)
    chosen, why = _one_of(group, policy, turns.next(scope.org_id, capability))
    state = "healthy" if well else "not yet asked for its health"
    return Chosen(chosen.agent, f"can do {capability!r}; {state}; {why}", considered)


def _considered(agent: Agent, capability: str, busy: Mapping[str, int], scope: OrgScope) -> Considered:
    health, found = health_of(agent.service), agent.service
    why_not = None
    if not can(agent.card, found.capabilities, capability):
        why_not = f"has no skill, tag or capability {capability!r}"
    elif not scope.may("services.call", found.id):
        why_not = "you may not call it"
    elif agent.card is None:
        why_not = "its card was not read"
    elif health in {"unhealthy", "dead"}:
        why_not = f"is {health}"
    return Considered(agent, health, busy.get(found.id, 0), why_not)


def _one_of(group: list[Considered], policy: RoutePolicy, turn: int) -> tuple[Considered, str]:
    if policy == "random":
        return random.choice(group), f"one of {len(group)} at random"
    if policy == "least_connections":
        chosen = min(group, key=lambda each: (each.open_calls, each.agent.service.name))
        return chosen, f"has the fewest open calls of {len(group)} ({chosen.open_calls})"
    return group[turn % len(group)], f"its turn among {len(group)}"


def open_calls_of(reports: Sequence[GatewayReport]) -> dict[str, int]:
    """By service id, over all gateways that are linked."""
    lead, tail = 'a2a_open_calls{service="', '"}'
    found: dict[str, int] = {}
    for report in reports:
        for name, value in report.counters.items():
            if name.startswith(lead) and name.endswith(tail):
                service_id = name[len(lead) : -len(tail)]
                found[service_id] = found.get(service_id, 0) + int(value)
    return found
