"""Cards read again and again, health made of what the hub's checks say, and what gateways noted of tasks."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from portico.domains.agents import health, mesh, service, tasks
from portico.domains.agents.health import watch_agents
from portico.domains.agents.mesh import Turns
from portico.domains.agents.notes import TaskNotes
from portico.domains.agents.service import AgentDraft
from portico.domains.events import public as events
from portico.domains.hub import health as hub_health
from portico.domains.hub import public as hub
from portico.domains.routing import public as routing
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidFields, NotFound, NotPermitted, Refusal
from portico.platform.db import to_micros
from portico.platform.deps import Deps
from portico.platform.outbound import Answer, EgressRefused, Outbound, Unreachable
from portico.platform.settings import Settings
from tests.agents.furnishing import CARD
from tests.hub.orgs import ADMIN, STRANGER, VIEWER

HOME = "http://127.0.0.1:9"


class Agents(Outbound):
    """Cards by address; what is not there cannot be reached. Counts how many are asked at once."""

    def __init__(self, **cards: dict[str, Any]) -> None:
        super().__init__(Settings())
        self.cards = {address: json.dumps(card) for address, card in cards.items()}
        self.asked: list[str] = []
        self.now = self.most = 0

    async def send(self, method: str, url: str, **how: Any) -> Answer:
        self.asked.append(url)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        text = self.cards.get(url)
        if text is None:
            raise Unreachable("nobody there")
        etag = f'"{hash(text)}"'
        if ("if-none-match", etag) in how.get("headers", ()):
            return Answer(304, (), b"")
        return Answer(200, (("etag", etag),), text.encode())


def card_at(url: str) -> str:
    return f"{url}/.well-known/agent-card.json"


def speaking_at(url: str, **changes: Any) -> dict[str, Any]:
    interfaces = [{"url": f"{url}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]
    return {**CARD, "supportedInterfaces": interfaces, **changes}


async def kinds(deps: Deps) -> list[str]:
    """Oldest first."""
    async with deps.read() as tx:
        found = await events.find_events(tx, ADMIN, events.EventFilter(), 0, 100)
    return [event.kind for event in found if event.kind.startswith("agent.")]


async def registered(deps: Deps, outbound: Agents, name: str = "zebra") -> service.Agent:
    return await service.register_agent(ADMIN, AgentDraft(HOME, name), deps, outbound)


@pytest.mark.req("HY2", "HY3")
async def test_an_agent_is_registered_by_its_card(deps: Deps) -> None:
    outbound = Agents(**{card_at(HOME): speaking_at(HOME)})
    made = await registered(deps, outbound)
    assert (made.service.kind, made.service.capabilities) == ("agent", ("zebra-count", "zebra-math"))
    assert made.service.health_path == "/.well-known/agent-card.json"
    assert await kinds(deps) == ["agent.registered.v1"]
    snapshot = await routing.compile_snapshot(deps)
    [entry] = [each for each in snapshot.services if each.kind == "agent"]
    assert entry.agent is not None
    assert [(each.binding, each.path) for each in entry.agent.interfaces] == [("JSONRPC", "/rpc")]
    assert HOME not in entry.agent.card.decode()
    with pytest.raises(NotFound, match="Agent not registered"):
        await service.find_agent(STRANGER, "zebra", deps)


@pytest.mark.req("HY4")
async def test_what_is_no_agent_is_told_with_where_was_looked(deps: Deps) -> None:
    with pytest.raises(Refusal, match=r"No agent card was found at http://127.0.0.1:9/.well-known/agent-card.json"):
        await service.discover_agent(HOME, deps, Agents())
    broken = Agents(**{card_at(HOME): {**CARD, "version": ""}})
    with pytest.raises(InvalidFields, match=r"card\.version: is missing"):
        await service.discover_agent(HOME, deps, broken)
    with pytest.raises(EgressRefused):
        await service.discover_agent("http://169.254.169.254", deps)


@pytest.mark.req("HY2")
async def test_cards_are_read_again_every_300_seconds_at_most_five_at_once(deps: Deps, clock: ManualClock) -> None:
    cards = {card_at(f"http://127.0.0.1:{port}"): speaking_at(f"http://127.0.0.1:{port}") for port in range(10, 22)}
    outbound = Agents(**cards)
    for port in range(10, 22):
        draft = AgentDraft(f"http://127.0.0.1:{port}", f"a{port}")
        await service.register_agent(ADMIN, draft, deps, outbound)
    outbound.asked.clear()
    clock.advance(seconds=290)
    assert (await watch_agents(deps, outbound)).read == 0
    clock.advance(seconds=10)
    found = await watch_agents(deps, outbound)
    assert (found.agents, found.read, found.unreadable) == (12, 12, 0)
    assert len(outbound.asked) == 12
    assert outbound.most == health.AT_ONCE == 5


@pytest.mark.req("HY2")
async def test_a_card_that_changes_is_told_and_one_that_is_lost_stays_in_force(deps: Deps, clock: ManualClock) -> None:
    outbound = Agents(**{card_at(HOME): speaking_at(HOME)})
    await registered(deps, outbound)
    clock.advance(seconds=300)
    outbound.cards[card_at(HOME)] = json.dumps(speaking_at(HOME, version="2.0.0"))
    await watch_agents(deps, outbound)
    assert "agent.card_changed.v1" in await kinds(deps)
    clock.advance(seconds=300)
    outbound.cards.clear()
    assert (await watch_agents(deps, outbound)).unreadable == 1
    agent = await service.find_agent(ADMIN, "zebra", deps)
    assert agent.card is not None
    assert agent.card.version == "2.0.0"
    assert agent.stored is not None
    assert "nobody there" in str(agent.stored.problem)


async def test_a_card_cannot_take_calls_to_another_host(deps: Deps, clock: ManualClock) -> None:
    outbound = Agents(**{card_at(HOME): speaking_at(HOME)})
    await registered(deps, outbound)
    clock.advance(seconds=300)
    outbound.cards[card_at(HOME)] = json.dumps(speaking_at("http://elsewhere.example"))
    await watch_agents(deps, outbound)
    agent = await service.find_agent(ADMIN, "zebra", deps)
    assert agent.stored is not None
    assert "http://elsewhere.example/rpc" in str(agent.stored.problem)
    [entry] = [each for each in (await routing.compile_snapshot(deps)).services if each.kind == "agent"]
    assert entry.agent is not None
    assert entry.agent.interfaces == ()


async def test_an_agent_that_came_without_a_card_gets_one(deps: Deps) -> None:
    await hub.create_service(ADMIN, hub.ServiceDraft("bare", "agent", HOME), deps)
    outbound = Agents(**{card_at(HOME): speaking_at(HOME)})
    await watch_agents(deps, outbound)
    agent = await service.find_agent(ADMIN, "bare", deps)
    assert agent.card is not None
    with pytest.raises(NotPermitted):
        await service.refresh_agent(VIEWER, "bare", deps, outbound)


@pytest.mark.req("HY2")
async def test_health_goes_from_unknown_to_unhealthy_to_dead_and_back(deps: Deps, clock: ManualClock) -> None:
    outbound = Agents(**{card_at(HOME): speaking_at(HOME)})
    made = await registered(deps, outbound)
    gone, seen = Agents(), [health.health_of(made.service)]
    for answering in (gone, gone, gone, *[gone] * 7, outbound, outbound):
        clock.advance(seconds=30)
        await hub_health.check_health(deps, answering)
        await watch_agents(deps, outbound)
        seen.append(health.health_of((await service.find_agent(ADMIN, "zebra", deps)).service))
    assert seen == ["unknown"] * 3 + ["unhealthy"] * 7 + ["dead", "unhealthy", "healthy"]
    told = [kind for kind in await kinds(deps) if kind != "agent.registered.v1"]
    assert told == ["agent.unhealthy.v1", "agent.dead.v1", "agent.unhealthy.v1", "agent.healthy.v1"]


async def test_who_is_ill_gets_no_tasks(deps: Deps, clock: ManualClock) -> None:
    outbound = Agents(**{card_at(HOME): speaking_at(HOME)})
    await registered(deps, outbound)
    chosen = await mesh.route_task(ADMIN, "zebra-math", "random", Turns(), (), deps)
    assert chosen.agent.service.name == "zebra"
    for _ in range(3):
        clock.advance(seconds=30)
        await hub_health.check_health(deps, Agents())
    with pytest.raises(Refusal, match="1 have it, and none of them is up"):
        await mesh.route_task(ADMIN, "zebra-math", "round_robin", Turns(), (), deps)
    status = await mesh.mesh_status(ADMIN, (), deps)
    assert status.counts == {"unknown": 0, "healthy": 0, "unhealthy": 1, "dead": 0}


# --- notes ------------------------------------------------------------------------------------------------------------


def note(at_us: int, service_id: str, state: str, who: str = "key_1", task_id: str = "t1") -> bytes:
    shot = {"id": task_id, "contextId": "c1", "status": {"state": state}}
    line = (
        "task",
        at_us,
        ADMIN.org_id,
        ADMIN.scope,
        service_id,
        task_id,
        "c1",
        who,
        "bot",
        "end_1",
        "call_1",
        state,
        shot,
    )
    return json.dumps(line).encode() + b"\n"


def write(deps: Deps, name: str, *lines: bytes) -> Path:
    folder = deps.settings.data_dir / "tasks" / "gateway-1"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with path.open("ab") as file:
        file.write(b"".join(lines))
    return path


@pytest.mark.req("N9")
async def test_notes_come_to_the_same_however_often_and_in_whatever_order_they_are_folded(
    deps: Deps, clock: ManualClock
) -> None:
    made = await hub.create_service(ADMIN, hub.ServiceDraft("bare", "agent", HOME), deps)
    now = to_micros(clock.now())
    opening = b'["open","gateway-1","e1",1]\n'
    older = write(deps, "e1-000000.jsonl", opening, note(now, made.id, "TASK_STATE_WORKING"), b"garbage\n\n")
    live = write(deps, "e2-000000.jsonl", opening, note(now + 5, made.id, "TASK_STATE_COMPLETED"))
    write(deps, "e2-000000.jsonl", note(now + 3, made.id, "TASK_STATE_WORKING"), note(now + 9, made.id, "x", "key_2"))
    write(deps, "e2-000000.jsonl", note(now, "svc_gone", "TASK_STATE_WORKING"), b'["task",')
    for _ in range(2):
        await TaskNotes(deps).fold()
        task = await tasks.find_task(ADMIN, "bare", "t1", deps)
        assert (task.state, task.principal_id) == ("TASK_STATE_COMPLETED", "key_1")
    assert not older.exists()
    assert live.exists()
    with pytest.raises(NotFound):
        await tasks.find_task(STRANGER, "bare", "t1", deps)


async def test_a_gateway_is_told_only_of_its_own_orgs_tasks(deps: Deps, clock: ManualClock) -> None:
    made = await hub.create_service(ADMIN, hub.ServiceDraft("bare", "agent", HOME), deps)
    write(deps, "e1-000000.jsonl", note(to_micros(clock.now()), made.id, "TASK_STATE_WORKING"))

    async def ask(org: str, topic: str = "a2a.owners", **more: Any) -> Any:
        asked = {"org": org, "service": made.id, "principal": "key_1", "scope": ADMIN.scope, **more}
        return json.loads(await tasks.answer_gateway(topic, json.dumps(asked).encode(), TaskNotes(deps), deps))

    told = await ask(ADMIN.org_id, tasks=["t1", "t2"], context="c1")
    assert told["tasks"]["t1"]["principal_id"] == "key_1"
    assert (list(told["tasks"]), told["context"]) == (["t1"], "key_1")
    assert (await ask(STRANGER.org_id, tasks=["t1"], context=""))["tasks"] == {}
    listed = await ask(ADMIN.org_id, "a2a.list", params={"pageSize": 1})
    assert [each["id"] for each in listed["result"]["tasks"]] == ["t1"]
    assert (await ask(ADMIN.org_id, "a2a.list", params={"pageSize": 0.5}))["code"] == -32602
