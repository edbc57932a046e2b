"""SQL of the receivers of push notifications."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from portico.domains.agents.tables import agent_pushes as pushes
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx


@dataclass(frozen=True, slots=True)
class Push:
    """Where a client wants to be told of a task. `sealed` holds its token and credentials."""

    id: str
    service_id: str
    org_id: str
    scope: str
    principal_id: str
    task_id: str
    config_id: str
    version: str
    url: str
    sealed: bytes
    token_digest: bytes
    created_at: datetime


async def insert_push(tx: Tx, scope: PlatformScope, push: Push) -> None:
    await tx.execute(insert(pushes).values(_row(push)))


async def load_push(tx: Tx, scope: PlatformScope, push_id: str) -> Push | None:
    row = (await tx.execute(select(pushes).where(pushes.c.id == push_id))).one_or_none()
    return None if row is None else _push(row)


async def count_pushes(tx: Tx, scope: PlatformScope, service_id: str, principal_id: str) -> int:
    mine = (pushes.c.service_id == service_id, pushes.c.principal_id == principal_id)
    return int((await tx.execute(select(func.count()).select_from(pushes).where(*mine))).scalar_one())


async def pushes_of(tx: Tx, scope: PlatformScope, service_id: str, principal_id: str, task_id: str) -> Sequence[Push]:
    mine = (pushes.c.service_id == service_id, pushes.c.principal_id == principal_id, pushes.c.task_id == task_id)
    rows = await tx.execute(select(pushes).where(*mine).order_by(pushes.c.created_at, pushes.c.id))
    return [_push(row) for row in rows]


async def delete_pushes(
    tx: Tx, scope: PlatformScope, service_id: str, principal_id: str, task_id: str, config_id: str
) -> int:
    mine = (pushes.c.service_id == service_id, pushes.c.principal_id == principal_id, pushes.c.task_id == task_id)
    return (await tx.execute(delete(pushes).where(*mine, pushes.c.config_id == config_id))).rowcount


async def note_use(tx: Tx, scope: PlatformScope, push: Push, task_id: str, error: str | None, at: datetime) -> None:
    counted = pushes.c.delivered if error is None else pushes.c.failed
    values = {counted.name: counted + 1, "last_error": error, "used_at": at, "task_id": push.task_id or task_id}
    await tx.execute(update(pushes).where(pushes.c.id == push.id).values(values))


async def forget_pushes_before(tx: Tx, scope: PlatformScope, before: datetime) -> int:
    return (await tx.execute(delete(pushes).where(pushes.c.created_at < before))).rowcount


def _row(push: Push) -> dict[str, Any]:
    return {
        "id": push.id,
        "service_id": push.service_id,
        "org_id": push.org_id,
        "scope": push.scope,
        "principal_id": push.principal_id,
        "task_id": push.task_id,
        "config_id": push.config_id,
        "version": push.version,
        "url": push.url,
        "sealed": push.sealed,
        "token_digest": push.token_digest,
        "delivered": 0,
        "failed": 0,
        "created_at": push.created_at,
    }


def _push(row: Row[Any]) -> Push:
    return Push(
        row.id,
        row.service_id,
        row.org_id,
        row.scope,
        row.principal_id,
        row.task_id,
        row.config_id,
        row.version,
        row.url,
        row.sealed,
        row.token_digest,
        row.created_at,
    )
