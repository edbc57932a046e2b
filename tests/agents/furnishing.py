"""An agent with all that can be kept of one, without an agent that runs."""

import json
from typing import Any, Protocol

from portico.domains.agents import push_store, store, task_store
from portico.domains.agents.model import AgentTask, StoredCard, read_card
from portico.domains.agents.push_store import Push
from portico.domains.tenancy import public as tenancy
from portico.kernel.ids import OrgId
from portico.platform.deps import Deps

CARD: dict[str, Any] = {
    "name": "Zebra agent",
    "description": "Counts zebras",
    "version": "1.2.0",
    "supportedInterfaces": [
        {"url": "http://127.0.0.1:9/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": "http://127.0.0.1:9/rest", "protocolBinding": "HTTP+JSON", "protocolVersion": "0.3"},
    ],
    "capabilities": {"streaming": True, "pushNotifications": True},
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "skills": [{"id": "zebra-count", "name": "Count", "description": "Counts them", "tags": ["zebra-math"]}],
}


class Owner(Protocol):
    async def get_done(self, method: str, path: str, body: Any = None) -> Any: ...


async def furnish_agents(owner: Owner, org_id: OrgId, deps: Deps) -> dict[str, str]:
    draft = {"name": "zebra-agent", "kind": "agent", "url": "http://127.0.0.1:9"}
    service_id = (await owner.get_done("POST", "/services", draft))["id"]
    await keep_agent(deps, org_id, service_id, "zebra-task")
    return {"agent": "zebra-agent", "task_id": "zebra-task", "push_id": "psh_zebra"}


async def keep_agent(deps: Deps, org_id: OrgId, service_id: str, task_id: str) -> None:
    scope, platform, now = tenancy.open_system_scope(org_id), tenancy.platform_scope(), deps.clock.now()
    text = json.dumps(CARD)
    url = "http://127.0.0.1:9/.well-known/agent-card.json"
    card = StoredCard(service_id, url, text, read_card(text.encode()), None, now, now, now, None, "unknown", now)
    task = AgentTask(
        service_id=service_id,
        task_id=task_id,
        org_id=org_id,
        scope=scope.scope,
        context_id="zebra-context",
        principal_id="key_zebra",
        principal_name="zebra-bot",
        endpoint_id="end_zebra",
        call_id="call_zebra",
        state="TASK_STATE_COMPLETED",
        snapshot={"id": task_id, "contextId": "zebra-context", "status": {"state": "TASK_STATE_COMPLETED"}},
        created_at=now,
        updated_at=now,
    )
    push = Push(
        "psh_zebra",
        service_id,
        org_id,
        scope.scope,
        "key_zebra",
        task_id,
        "zebra-config",
        "1.0",
        "http://127.0.0.1:9/zebra-push",
        b"sealed",
        b"digest",
        now,
    )
    async with deps.uow() as tx:
        await store.save_card(tx, scope, card)
        await task_store.store_tasks(tx, platform, [task])
        await push_store.insert_push(tx, platform, push)
