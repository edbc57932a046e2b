"""Tasks as Portico keeps them: for people who look, and for gateways that ask."""

import json
from datetime import timedelta
from typing import Any

from portico.domains.agents import push, task_store
from portico.domains.agents.model import AgentTask
from portico.domains.agents.notes import TaskNotes
from portico.domains.agents.service import find_agent
from portico.domains.tenancy import public as tenancy
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.paging import Page, PageAsk, decode_cursor, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import to_micros
from portico.platform.deps import Deps

Json = dict[str, Any]
KEPT = timedelta(days=30)
MOST_LISTED, USUALLY_LISTED = 100, 50
_INVALID_PARAMS = -32602


async def list_tasks(scope: OrgScope, name: str, state: str | None, ask: PageAsk, deps: Deps) -> Page[AgentTask]:
    """The newest first."""
    agent = await find_agent(scope, name, deps)
    after = None if ask.cursor is None else _position(ask.cursor.after)
    async with deps.read() as tx:
        rows = await task_store.list_tasks(tx, scope, agent.service.id, state, after, ask.page_size + 1)
    return make_page(rows, ask, lambda task: (to_micros(task.updated_at), task.task_id), None)


async def find_task(scope: OrgScope, name: str, task_id: str, deps: Deps) -> AgentTask:
    agent = await find_agent(scope, name, deps)
    async with deps.read() as tx:
        found = await task_store.load_task(tx, scope, agent.service.id, task_id)
    if found is None:
        raise NotFound("task", task_id)
    return found


async def purge_tasks(scope: PlatformScope, deps: Deps) -> int:
    async with deps.uow() as tx:
        return await task_store.forget_tasks(tx, scope, deps.clock.now() - KEPT)


def _position(after: tuple[Any, ...]) -> tuple[int, str]:
    if len(after) == 2 and isinstance(after[0], int) and isinstance(after[1], str):
        return after[0], after[1]
    raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")


# --- for gateways -----------------------------------------------------------------------------------------------------


async def answer_gateway(topic: str, body: bytes, notes: TaskNotes, deps: Deps) -> bytes:
    """A gateway has checked who asks; what it asks is about one service of one org, and one principal there.

    notes   folded first, so that what was noted a moment ago counts: the gateway that asks may have been started a moment ago
    """
    asked: Json = json.loads(body)
    match topic:
        case "a2a.owners":
            await notes.fold()
            told = await _owners(asked, deps)
        case "a2a.list":
            await notes.fold()
            told = await _listed(asked, deps)
        case "a2a.push":
            told = await push.keep_push(asked, deps)
        case "a2a.pushes":
            told = await push.shown_pushes(asked, deps)
        case "a2a.unpush":
            told = await push.forget_push(asked, deps)
        case _:
            raise ValueError(f"no gateway asks {topic!r}")
    return json.dumps(told, separators=(",", ":")).encode()


async def _owners(asked: Json, deps: Deps) -> Json:
    platform = tenancy.platform_scope()
    async with deps.read() as tx:
        found = await task_store.tasks_by_id(tx, platform, asked["service"], asked["tasks"])
        context = None
        if asked["context"]:
            context = await task_store.owner_of_context(tx, platform, asked["service"], asked["context"])
    return {"tasks": {each.task_id: _told(each) for each in found if each.org_id == asked["org"]}, "context": context}


def _told(task: AgentTask) -> Json:
    return {
        "principal_id": task.principal_id,
        "principal_name": task.principal_name,
        "scope": task.scope,
        "endpoint_id": task.endpoint_id,
        "call_id": task.call_id,
        "context_id": task.context_id,
        "state": task.state,
        "snapshot": task.snapshot,
    }


async def _listed(asked: Json, deps: Deps) -> Json:
    """The principal's own tasks at this agent, as A2A 1.0 lists them."""
    params: Json = asked["params"]
    size = params.get("pageSize") or USUALLY_LISTED
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MOST_LISTED:
        return {"error": f"pageSize must be between 1 and {MOST_LISTED}", "code": _INVALID_PARAMS}
    token = params.get("pageToken") or None
    try:
        cursor = decode_cursor(token)
        after = None if cursor is None else _position(cursor.after)
    except InvalidInput:
        return {"error": "pageToken is not one that this list gave out", "code": _INVALID_PARAMS}
    status = params.get("status")
    state = status if isinstance(status, str) and status != "TASK_STATE_UNSPECIFIED" else None
    context = params.get("contextId")
    async with deps.read() as tx:
        rows, total = await task_store.tasks_of_principal(
            tx,
            tenancy.platform_scope(),
            asked["service"],
            asked["principal"],
            context if isinstance(context, str) else None,
            state,
            after,
            size + 1,
        )
    page = make_page(rows, PageAsk(size, cursor), lambda task: (to_micros(task.updated_at), task.task_id), total)
    tasks = [_shown(each, params) for each in page.items]
    shown = {"tasks": tasks, "nextPageToken": page.next_cursor or "", "pageSize": size, "totalSize": total}
    return {"result": shown}


def _shown(task: AgentTask, params: Json) -> Json:
    shown: Json = {"id": task.task_id, "contextId": task.context_id, "status": {"state": task.state}} | task.snapshot
    if params.get("includeArtifacts") not in {True, "true"}:
        shown.pop("artifacts", None)
    length = params.get("historyLength")
    if isinstance(length, int) and isinstance(shown.get("history"), list):
        shown["history"] = shown["history"][-length:] if length > 0 else []
    return shown
