"""How agents, their tasks and the mesh look to clients."""

from typing import Annotated, Any, Literal

from pydantic import Field

from portico.domains.agents.health import EVERY_S, health_of
from portico.domains.agents.mesh import Chosen, Considered, MeshStatus
from portico.domains.agents.model import (
    FAILURES_TO_DEAD,
    AgentHealth,
    AgentTask,
    Binding,
    Card,
    Interface,
    Protocol,
    RoutePolicy,
    offered_card,
    own_hosts,
)
from portico.domains.agents.service import TIMEOUT_S, Agent, AgentDraft, Discovered, endpoint_of, name_for
from portico.domains.hub import public as hub
from portico.domains.hub.model import Visibility
from portico.kernel.scope import ScopeName
from portico.platform.web import Ask, Moment, Wire

Url = Annotated[str, Field(min_length=1, max_length=2000)]
Word = Annotated[str, Field(min_length=1, max_length=63)]
Json = dict[str, Any]
HEALTH_EVERY_S, HEALTH_TIMEOUT_S = 30, 5


class DiscoverAsk(Ask):
    url: Url


class AgentCredentialAsk(Ask):
    secret_name: Word
    header: Annotated[str, Field(max_length=64)] = "Authorization"
    format: Annotated[str, Field(max_length=200)] = "Bearer {secret}"


class AgentAsk(Ask):
    """`url`: the agent's address, below which its card is, or the address of the card itself."""

    url: Url
    name: Word | None = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    visibility: Visibility = "org"
    tags: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=50)] = Field(default_factory=list)
    scope: Word | None = None
    credential: AgentCredentialAsk | None = None
    timeout_s: Annotated[float, Field(ge=0.1, le=3600)] = TIMEOUT_S

    def draft(self) -> AgentDraft:
        credential = None if self.credential is None else hub.Credential(**self.credential.model_dump())
        return AgentDraft(
            self.url,
            self.name,
            self.description,
            self.visibility,
            tuple(self.tags),
            None if self.scope is None else ScopeName(self.scope),
            credential,
            self.timeout_s,
        )


class RouteTaskAsk(Ask):
    capability: Annotated[str, Field(min_length=1, max_length=200)]
    policy: RoutePolicy = "round_robin"


class SkillWire(Wire):
    id: str
    name: str
    description: str
    tags: list[str]


class InterfaceWire(Wire):
    binding: Binding
    protocol: Protocol
    url: str


class AgentHealthWire(Wire):
    """`endpoint` is what is asked every `interval_s`; after `threshold` failures in a row it counts as unhealthy."""

    status: AgentHealth
    since: Moment | None
    endpoint: str
    interval_s: int
    timeout_s: int
    threshold: int
    dead_after: int
    failures: int
    last_error: str | None
    checked_at: Moment | None


class AgentMetadataWire(Wire):
    module: str | None
    tags: list[str]
    description: str


class CardStateWire(Wire):
    """`problem` says why the newest attempt to read the card failed, or what of it cannot be used."""

    url: str
    read_at: Moment | None
    changed_at: Moment | None
    refresh_s: int
    protocols: list[str]
    streaming: bool
    push_notifications: bool
    problem: str | None
    notes: list[str]


class AgentWire(Wire):
    id: str
    name: str
    title: str
    version: str | None
    capabilities: list[str]
    skills: list[SkillWire]
    endpoints: list[str]
    health: AgentHealthWire
    metadata: AgentMetadataWire
    card: CardStateWire
    url: str
    card_url: str
    visibility: Visibility
    scope: str | None


class DiscoveredWire(Wire):
    """What would be registered, and under which name unless another is given."""

    name: str
    title: str
    description: str
    version: str
    home: str
    card_url: str
    skills: list[SkillWire]
    interfaces: list[InterfaceWire]
    protocols: list[str]
    streaming: bool
    push_notifications: bool
    notes: list[str]
    card: Json


class AgentCardWire(Wire):
    card: Json


class AgentTaskWire(Wire):
    id: str
    context_id: str
    state: str
    principal_id: str
    principal_name: str
    call_id: str
    created_at: Moment
    updated_at: Moment


class AgentTaskDetailWire(AgentTaskWire):
    """`task` is the task as A2A 1.0 shows it, as far as it passed through Portico."""

    task: Json


class MeshAgentWire(Wire):
    id: str
    name: str
    health: AgentHealth
    skills: list[str]
    open_calls: int
    running_tasks: int
    problem: str | None


class MeshWire(Wire):
    status: Literal["healthy", "degraded", "unhealthy", "empty"]
    total: int
    healthy: int
    unhealthy: int
    unknown: int
    dead: int
    agents: list[MeshAgentWire]


class ConsideredWire(Wire):
    name: str
    health: AgentHealth
    open_calls: int
    why_not: str | None


class RoutedTaskWire(Wire):
    agent: str
    url: str
    policy: RoutePolicy
    why: str
    considered: list[ConsideredWire]


def agent_wire(agent: Agent, base_url: str) -> AgentWire:
    found, stored, card = agent.service, agent.stored, agent.card
    address = f"{base_url}/a2a/{found.name}"
    return AgentWire(
        id=found.id,
        name=found.name,
        title=found.name if card is None else card.name,
        version=None if card is None else card.version,
        capabilities=list(found.capabilities),
        skills=_skills(card),
        endpoints=[each.url for each in found.endpoints],
        health=_health(agent),
        metadata=AgentMetadataWire(module=found.layer, tags=list(found.tags), description=found.description),
        card=CardStateWire(
            url=endpoint_of(found) if stored is None else stored.card_url,
            read_at=None if stored is None else stored.read_at,
            changed_at=None if stored is None else stored.changed_at,
            refresh_s=EVERY_S,
            protocols=[] if card is None else list(card.protocols),
            streaming=card is not None and card.streaming,
            push_notifications=card is not None and card.push,
            problem="The card was not read yet." if stored is None else stored.problem,
            notes=[] if card is None else list(card.notes),
        ),
        url=address,
        card_url=f"{address}/.well-known/agent-card.json",
        visibility=found.visibility,
        scope=found.scope,
    )


def _health(agent: Agent) -> AgentHealthWire:
    found, stored = agent.service, agent.stored
    status = health_of(found)
    # Of several endpoints the one that does best says how the agent does.
    best = min(found.endpoints, key=lambda each: each.failures, default=None)
    return AgentHealthWire(
        status=status,
        since=stored.health_since if stored is not None and stored.health == status else None,
        endpoint=endpoint_of(found) + (found.health_path or ""),
        interval_s=HEALTH_EVERY_S,
        timeout_s=HEALTH_TIMEOUT_S,
        threshold=3,
        dead_after=FAILURES_TO_DEAD,
        failures=0 if best is None else best.failures,
        last_error=None if best is None else best.last_error,
        checked_at=None if best is None else best.last_checked_at,
    )


def _skills(card: Card | None) -> list[SkillWire]:
    skills = () if card is None else card.skills
    return [
        SkillWire(id=each.id, name=each.name, description=each.description, tags=list(each.tags)) for each in skills
    ]


def discovered_wire(found: Discovered, base_url: str) -> DiscoveredWire:
    card, name = found.card, name_for(found.card)
    return DiscoveredWire(
        name=name,
        title=card.name,
        description=card.description,
        version=card.version,
        home=found.home,
        card_url=found.card_url,
        skills=_skills(card),
        interfaces=[_interface(each) for each in found.interfaces],
        protocols=list(card.protocols),
        streaming=card.streaming,
        push_notifications=card.push,
        notes=list(card.notes),
        card=offered_card(card.raw, f"{base_url}/a2a/{name}", own_hosts(card, [found.home])),
    )


def _interface(each: Interface) -> InterfaceWire:
    return InterfaceWire(binding=each.binding, protocol=each.version, url=each.url)


def task_wire(task: AgentTask) -> AgentTaskWire:
    return AgentTaskWire(**_task_facts(task))


def task_detail_wire(task: AgentTask) -> AgentTaskDetailWire:
    return AgentTaskDetailWire(**_task_facts(task), task=task.snapshot)


def _task_facts(task: AgentTask) -> dict[str, Any]:
    return {
        "id": task.task_id,
        "context_id": task.context_id,
        "state": task.state,
        "principal_id": task.principal_id,
        "principal_name": task.principal_name,
        "call_id": task.call_id,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }


def mesh_wire(status: MeshStatus) -> MeshWire:
    counts, total = status.counts, len(status.agents)
    up = counts["healthy"] + counts["unknown"]
    word: Literal["healthy", "degraded", "unhealthy", "empty"] = (
        "healthy" if up == total else "degraded" if up else "unhealthy"
    )
    return MeshWire(
        status=word if total else "empty",
        total=total,
        **counts,
        agents=[_mesh_agent(each, status) for each in status.agents],
    )


def _mesh_agent(agent: Agent, status: MeshStatus) -> MeshAgentWire:
    found = agent.service
    return MeshAgentWire(
        id=found.id,
        name=found.name,
        health=health_of(found),
        skills=[] if agent.card is None else [each.id for each in agent.card.skills],
        open_calls=status.open_calls.get(found.id, 0),
        running_tasks=status.running.get(found.id, 0),
        problem="The card was not read yet." if agent.stored is None else agent.stored.problem,
    )


def routed_wire(chosen: Chosen, policy: RoutePolicy, base_url: str) -> RoutedTaskWire:
    name = chosen.agent.service.name
    considered = [_considered(each) for each in chosen.considered]
    return RoutedTaskWire(
        agent=name, url=f"{base_url}/a2a/{name}", policy=policy, why=chosen.why, considered=considered
    )


def _considered(each: Considered) -> ConsideredWire:
    return ConsideredWire(
        name=each.agent.service.name, health=each.health, open_calls=each.open_calls, why_not=each.why_not
    )
