from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from portico.domains.agents import mesh, push, service, tasks
from portico.domains.agents.errors import CardUnread
from portico.domains.agents.health import health_of
from portico.domains.agents.mesh import GatewayReport, Turns
from portico.domains.agents.model import AgentHealth, can, offered_card, own_hosts
from portico.domains.agents.service import Agent
from portico.domains.agents.wire import (
    AgentAsk,
    AgentCardWire,
    AgentTaskDetailWire,
    AgentTaskWire,
    AgentWire,
    DiscoverAsk,
    DiscoveredWire,
    MeshWire,
    RoutedTaskWire,
    RouteTaskAsk,
    agent_wire,
    discovered_wire,
    mesh_wire,
    routed_wire,
    task_detail_wire,
    task_wire,
)
from portico.kernel.paging import make_page
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(tags=["agents"])
# Beside the API, because an agent that tells of a task has no key, only the token that it was given for that.
outside = APIRouter(tags=["agents"], include_in_schema=False)

AgentName = Annotated[str, Path(min_length=1, max_length=63)]
Word = Annotated[str | None, Query(min_length=1, max_length=200)]
_turns = Turns()


@router.get("/agents")
async def list_agents(
    deps: DepsDep,
    page: PageDep,
    scope: OrgScope = needs("agents.read"),
    capability: Word = None,
    health: AgentHealth | None = None,
    q: Word = None,
) -> Listing[AgentWire]:
    """By name. `capability` is a skill's id, name or tag, or a capability of the service."""
    found = [each for each in await service.every_agent(scope, deps) if _wanted(each, capability, health, q)]
    after = "" if page.cursor is None else str(page.cursor.after[0])
    rows = [each for each in found if each.service.name > after][: page.page_size + 1]
    shown = make_page(rows, page, lambda each: (each.service.name,), len(found))
    return listing(shown, lambda each: agent_wire(each, deps.settings.base_url))


def _wanted(agent: Agent, capability: str | None, health: AgentHealth | None, q: str | None) -> bool:
    if capability is not None and not can(agent.card, agent.service.capabilities, capability):
        return False
    if health is not None and health_of(agent.service) != health:
        return False
    words = f"{agent.service.name} {agent.service.description}".casefold()
    return q is None or q.casefold() in words


@router.post("/agents", status_code=201)
async def register_agent(ask: AgentAsk, deps: DepsDep, scope: OrgScope = needs("agents.manage")) -> AgentWire:
    """Reads the card first; the agent is registered where the card says it answers. Removed like any service."""
    return agent_wire(await service.register_agent(scope, ask.draft(), deps), deps.settings.base_url)


@router.post("/agents/discover")
async def discover_agent(ask: DiscoverAsk, deps: DepsDep, scope: OrgScope = needs("agents.manage")) -> DiscoveredWire:
    """What is at an address; nothing is stored."""
    return discovered_wire(await service.discover_agent(ask.url, deps), deps.settings.base_url)


@router.get("/agents/{agent}")
async def find_agent(agent: AgentName, deps: DepsDep, scope: OrgScope = needs("agents.read")) -> AgentWire:
    """By name, or by id."""
    return agent_wire(await service.find_agent(scope, agent, deps), deps.settings.base_url)


@router.get("/agents/{agent}/card")
async def show_agent_card(agent: AgentName, deps: DepsDep, scope: OrgScope = needs("agents.read")) -> AgentCardWire:
    """As clients of A2A get it at `/a2a/{agent}/.well-known/agent-card.json`."""
    found = await service.find_agent(scope, agent, deps)
    if found.card is None:
        raise CardUnread(agent)
    hosts = own_hosts(found.card, [each.url for each in found.service.endpoints])
    address = f"{deps.settings.base_url}/a2a/{found.service.name}"
    return AgentCardWire(card=offered_card(found.card.raw, address, hosts))


@router.post("/agents/{agent}/refresh")
async def refresh_agent(agent: AgentName, deps: DepsDep, scope: OrgScope = needs("agents.manage")) -> AgentWire:
    """Read the card now; what is wrong with it stands in `card.problem`."""
    return agent_wire(await service.refresh_agent(scope, agent, deps), deps.settings.base_url)


@router.get("/agents/{agent}/tasks")
async def list_agent_tasks(
    agent: AgentName,
    deps: DepsDep,
    page: PageDep,
    scope: OrgScope = needs("calls.read"),
    state: Annotated[str | None, Query(max_length=40, pattern="^TASK_STATE_[A-Z_]+$")] = None,
) -> Listing[AgentTaskWire]:
    """Those of the scope that passed through Portico, the newest first."""
    return listing(await tasks.list_tasks(scope, agent, state, page, deps), task_wire)


@router.get("/agents/{agent}/tasks/{task_id}")
async def find_agent_task(
    agent: AgentName,
    task_id: Annotated[str, Path(min_length=1, max_length=256)],
    deps: DepsDep,
    scope: OrgScope = needs("calls.read"),
) -> AgentTaskDetailWire:
    """Its last state that passed through Portico, also when the agent does not know it any more."""
    return task_detail_wire(await tasks.find_task(scope, agent, task_id, deps))


@router.get("/mesh/status")
async def show_mesh(request: Request, deps: DepsDep, scope: OrgScope = needs("agents.read")) -> MeshWire:
    return mesh_wire(await mesh.mesh_status(scope, _reports(request), deps))


@router.post("/mesh/route")
async def route_task(
    ask: RouteTaskAsk, request: Request, deps: DepsDep, scope: OrgScope = needs("agents.read")
) -> RoutedTaskWire:
    """Choose an agent that can do it, and say why that one; nothing is sent."""
    chosen = await mesh.route_task(scope, ask.capability, ask.policy, _turns, _reports(request), deps)
    return routed_wire(chosen, ask.policy, deps.settings.base_url)


@outside.post("/a2a-push/{push_id}", status_code=204)
async def take_notification(push_id: Annotated[str, Path(max_length=40)], request: Request, deps: DepsDep) -> None:
    """From an agent; its token is in the header that A2A has for it, or a bearer token."""
    token = request.headers.get(push.TOKEN_HEADER) or request.headers.get("authorization", "").partition(" ")[2]
    await push.take_notification(push_id, token, await request.body(), deps)


def _reports(request: Request) -> Sequence[GatewayReport]:
    feed = getattr(request.app.state, "feed", None)
    return () if feed is None else feed.statuses()
