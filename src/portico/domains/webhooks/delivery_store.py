"""SQL of the log of deliveries: what people read, and what becomes too old."""

from datetime import datetime

from sqlalchemy import and_, delete, func, or_, select, update

from portico.domains.webhooks.model import Attempt, Delivery, DeliveryState
from portico.domains.webhooks.queue_store import delivery_of
from portico.domains.webhooks.store import DELETED
from portico.domains.webhooks.tables import webhook_attempts as attempts
from portico.domains.webhooks.tables import webhook_deliveries as deliveries
from portico.domains.webhooks.tables import webhooks
from portico.kernel.ids import WebhookId
from portico.kernel.paging import SortValues
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx, from_micros, to_micros

MOST_ATTEMPTS_SHOWN = 100


async def load_delivery(tx: Tx, scope: OrgScope, delivery_id: str) -> tuple[Delivery, bytes] | None:
    """With its body; None when there is none in this scope, or its endpoint was removed."""
    query = (
        select(deliveries)
        .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
        .where(
            deliveries.c.org_id == scope.org_id,
            deliveries.c.scope == scope.scope,
            deliveries.c.id == delivery_id,
            webhooks.c.status != DELETED,
        )
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else (delivery_of(row), bytes(row.body))


async def load_attempts(tx: Tx, scope: OrgScope, delivery_id: str) -> list[Attempt]:
    """The newest ones, oldest first."""
    query = (
        select(attempts)
        .where(attempts.c.org_id == scope.org_id, attempts.c.delivery_id == delivery_id)
        .order_by(attempts.c.number.desc())
        .limit(MOST_ATTEMPTS_SHOWN)
    )
    rows = (await tx.execute(query)).all()
    return [Attempt(row.number, row.at, row.status, row.took_ms, row.error, row.response) for row in reversed(rows)]


async def newest_deliveries(
    tx: Tx,
    scope: OrgScope,
    webhook_id: WebhookId,
    state: DeliveryState | None,
    kind: str | None,
    after: SortValues | None,
    limit: int,
) -> list[Delivery]:
    """`kind` may be a group, such as `service.*`."""
    where = [deliveries.c.org_id == scope.org_id, deliveries.c.webhook_id == webhook_id]
    if state is not None:
        where.append(deliveries.c.state == state)
    if kind is not None and kind != "*":
        group = deliveries.c.kind.startswith(kind.removesuffix("*"), autoescape=True)
        where.append(group if kind.endswith(".*") else deliveries.c.kind == kind)
    if after is not None:
        at, last_id = from_micros(int(after[0] or 0)), str(after[1])
        earlier = and_(deliveries.c.created_at == at, deliveries.c.id < last_id)
        where.append(or_(deliveries.c.created_at < at, earlier))
    order = (deliveries.c.created_at.desc(), deliveries.c.id.desc())
    rows = await tx.execute(select(deliveries).where(*where).order_by(*order).limit(limit))
    return [delivery_of(row) for row in rows]


def sort_values(delivery: Delivery) -> SortValues:
    return (to_micros(delivery.created_at), delivery.id)


async def states_of(tx: Tx, scope: OrgScope, delivery_ids: list[str]) -> dict[str, DeliveryState]:
    """What became of these so far; those that were never made are missing."""
    query = select(deliveries.c.id, deliveries.c.state).where(
        deliveries.c.org_id == scope.org_id, deliveries.c.id.in_(delivery_ids)
    )
    return {row.id: row.state for row in await tx.execute(query)}


async def oldest_pending(tx: Tx, scope: PlatformScope) -> datetime | None:
    """When the oldest delivery was made that some active endpoint still waits for: one look into each of their queues."""
    oldest = (
        select(func.min(deliveries.c.created_at))
        .where(deliveries.c.webhook_id == webhooks.c.id, deliveries.c.state == "pending")
        .scalar_subquery()
    )
    query = select(func.min(oldest)).where(webhooks.c.status == "active", webhooks.c.pending > 0)
    found: datetime | None = (await tx.execute(query)).scalar_one()
    return found


async def remove_finished(tx: Tx, scope: PlatformScope, before: datetime, most: int) -> int:
    """With their attempts; the oldest first."""
    old = (
        select(deliveries.c.id)
        .where(deliveries.c.finished_at < before)
        .order_by(deliveries.c.finished_at)
        .limit(most)
        .scalar_subquery()
    )
    return (await tx.execute(delete(deliveries).where(deliveries.c.id.in_(old)))).rowcount


async def too_old_pending(tx: Tx, scope: PlatformScope, before: datetime, most: int) -> list[Delivery]:
    """What has waited since before then, because its endpoint is paused or disabled."""
    query = (
        select(deliveries)
        .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
        .where(deliveries.c.state == "pending", deliveries.c.created_at < before, webhooks.c.status != "active")
        .order_by(deliveries.c.created_at)
        .limit(most)
    )
    return [delivery_of(row) for row in await tx.execute(query)]


async def discard(tx: Tx, scope: PlatformScope, delivery_ids: list[str], at: datetime, reason: str) -> int:
    gone = {"state": "discarded", "next_at": None, "leased_until": None, "finished_at": at, "last_error": reason}
    still = (deliveries.c.id.in_(delivery_ids), deliveries.c.state == "pending")
    return (await tx.execute(update(deliveries).where(*still).values(gone))).rowcount


async def remove_deleted(tx: Tx, scope: PlatformScope, most: int) -> int:
    """Some deliveries of removed endpoints; an endpoint goes once nothing of it is left. How many rows went."""
    gone = (
        select(deliveries.c.id)
        .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
        .where(webhooks.c.status == DELETED)
        .limit(most)
        .scalar_subquery()
    )
    removed = (await tx.execute(delete(deliveries).where(deliveries.c.id.in_(gone)))).rowcount
    left = select(deliveries.c.id).where(deliveries.c.webhook_id == webhooks.c.id).exists()
    return removed + (await tx.execute(delete(webhooks).where(webhooks.c.status == DELETED, ~left))).rowcount


async def count_pending(tx: Tx, scope: PlatformScope) -> int:
    return int((await tx.execute(select(func.coalesce(func.sum(webhooks.c.pending), 0)))).scalar_one())
