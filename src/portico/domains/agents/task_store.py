"""SQL of tasks. A task's owner is whoever was first, and its state only ever grows newer."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.agents.model import AgentTask
from portico.domains.agents.tables import agent_tasks as tasks
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx, from_micros

_NEWER = ("state", "snapshot", "updated_at")


async def store_tasks(tx: Tx, scope: PlatformScope, seen: Sequence[AgentTask]) -> None:
    """Again and again the same, in any order, comes to the same."""
    into = sqlite.insert(tasks) if tx.engine == "sqlite" else postgresql.insert(tasks)
    for task in seen:
        query = into.values(_row(task))
        newer = {name: query.excluded[name] for name in _NEWER}
        same = and_(tasks.c.org_id == task.org_id, tasks.c.principal_id == task.principal_id)
        await tx.execute(
            query.on_conflict_do_update(
                index_elements=["service_id", "task_id"],
                set_=newer,
                where=and_(same, tasks.c.updated_at <= query.excluded.updated_at),
            )
        )


async def tasks_by_id(tx: Tx, scope: PlatformScope, service_id: str, task_ids: Sequence[str]) -> list[AgentTask]:
    query = select(tasks).where(tasks.c.service_id == service_id, tasks.c.task_id.in_(task_ids))
    return [_task(row) for row in await tx.execute(query)]


async def owner_of_context(tx: Tx, scope: PlatformScope, service_id: str, context_id: str) -> str | None:
    query = (
        select(tasks.c.principal_id)
        .where(tasks.c.service_id == service_id, tasks.c.context_id == context_id)
        .order_by(tasks.c.created_at, tasks.c.task_id)
        .limit(1)
    )
    owner: str | None = (await tx.execute(query)).scalar_one_or_none()
    return owner


async def tasks_of_principal(
    tx: Tx,
    scope: PlatformScope,
    service_id: str,
    principal_id: str,
    context_id: str | None,
    state: str | None,
    after: tuple[int, str] | None,
    limit: int,
) -> tuple[list[AgentTask], int]:
    """The newest first, and how many there are in all."""
    mine: list[ColumnElement[bool]] = [tasks.c.service_id == service_id, tasks.c.principal_id == principal_id]
    if context_id:
        mine.append(tasks.c.context_id == context_id)
    if state:
        mine.append(tasks.c.state == state)
    total = (await tx.execute(select(func.count()).select_from(tasks).where(*mine))).scalar_one()
    query = select(tasks).where(*mine, *_after(after)).order_by(tasks.c.updated_at.desc(), tasks.c.task_id).limit(limit)
    return [_task(row) for row in await tx.execute(query)], int(total)


async def list_tasks(
    tx: Tx, scope: OrgScope, service_id: str, state: str | None, after: tuple[int, str] | None, limit: int
) -> list[AgentTask]:
    """The newest first, of every principal of the scope."""
    mine = [tasks.c.org_id == scope.org_id, tasks.c.scope == scope.scope, tasks.c.service_id == service_id]
    if state:
        mine.append(tasks.c.state == state)
    query = select(tasks).where(*mine, *_after(after)).order_by(tasks.c.updated_at.desc(), tasks.c.task_id).limit(limit)
    return [_task(row) for row in await tx.execute(query)]


async def load_task(tx: Tx, scope: OrgScope, service_id: str, task_id: str) -> AgentTask | None:
    mine = (tasks.c.org_id == scope.org_id, tasks.c.scope == scope.scope, tasks.c.service_id == service_id)
    row = (await tx.execute(select(tasks).where(*mine, tasks.c.task_id == task_id))).one_or_none()
    return None if row is None else _task(row)


async def count_tasks(tx: Tx, scope: OrgScope, service_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """By service and state, of the caller's scope."""
    query = (
        select(tasks.c.service_id, tasks.c.state, func.count().label("number"))
        .where(tasks.c.org_id == scope.org_id, tasks.c.scope == scope.scope, tasks.c.service_id.in_(service_ids))
        .group_by(tasks.c.service_id, tasks.c.state)
    )
    return {(row.service_id, row.state): row.number for row in await tx.execute(query)}


async def forget_tasks(tx: Tx, scope: PlatformScope, before: datetime) -> int:
    return (await tx.execute(delete(tasks).where(tasks.c.updated_at < before))).rowcount


def _after(after: tuple[int, str] | None) -> list[ColumnElement[bool]]:
    if after is None:
        return []
    at = from_micros(after[0])
    return [or_(tasks.c.updated_at < at, and_(tasks.c.updated_at == at, tasks.c.task_id > after[1]))]


def _row(task: AgentTask) -> dict[str, Any]:
    return {
        "service_id": task.service_id,
        "task_id": task.task_id,
        "org_id": task.org_id,
        "scope": task.scope,
        "context_id": task.context_id,
        "principal_id": task.principal_id,
        "principal_name": task.principal_name[:200],
        "endpoint_id": task.endpoint_id,
        "call_id": task.call_id,
        "state": task.state,
        "snapshot": json.dumps(task.snapshot),
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }


def _task(row: Row[Any]) -> AgentTask:
    return AgentTask(
        service_id=row.service_id,
        task_id=row.task_id,
        org_id=row.org_id,
        scope=row.scope,
        context_id=row.context_id,
        principal_id=row.principal_id,
        principal_name=row.principal_name,
        endpoint_id=row.endpoint_id,
        call_id=row.call_id,
        state=row.state,
        snapshot=json.loads(row.snapshot),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
