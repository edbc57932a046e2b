"""SQL of the queues. Whoever changes a queue holds its endpoint's row, so counters, lanes and due times never disagree."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.webhooks.model import Attempt, Delivery, Finish, Queue, Webhook
from portico.domains.webhooks.store import DELETED, queue_of, webhook_of
from portico.domains.webhooks.tables import webhook_attempts as attempts
from portico.domains.webhooks.tables import webhook_deliveries as deliveries
from portico.domains.webhooks.tables import webhooks
from portico.kernel.ids import OrgId, WebhookId
from portico.kernel.scope import OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx

# Most deliveries of one endpoint on their way at once; an endpoint that fails gets one, to find out when it is back.
AT_ONCE, AT_ONCE_FAILING = 4, 1


@dataclass(frozen=True, slots=True)
class Held:
    """An endpoint whose row is locked until the transaction ends."""

    webhook: Webhook
    queue: Queue
    deleted: bool


@dataclass(frozen=True, slots=True)
class Due:
    webhook_id: WebhookId
    org_id: OrgId
    failing: bool


async def hold_webhooks(tx: Tx, scope: OrgScope | PlatformScope, webhook_ids: Collection[str]) -> list[Held]:
    """Lock them in the order of their ids, as everyone does who locks more than one."""
    query = select(webhooks).where(webhooks.c.id.in_(sorted(webhook_ids)), _inside(scope)).order_by(webhooks.c.id)
    return [_held(row) for row in await tx.execute(query.with_for_update())]


async def hold_if_free(tx: Tx, scope: PlatformScope, webhook_id: WebhookId, now: datetime) -> Held | None:
    """Lock an endpoint that is still due, unless another process has it."""
    query = select(webhooks).where(webhooks.c.id == webhook_id, webhooks.c.due_at <= now)
    row = (await tx.execute(query.with_for_update(skip_locked=True))).one_or_none()
    return None if row is None else _held(row)


async def due_orgs(tx: Tx, scope: PlatformScope, now: datetime) -> set[OrgId]:
    """Orgs with something to send."""
    query = select(webhooks.c.org_id).distinct().where(webhooks.c.due_at <= now)
    return {OrgId(row.org_id) for row in await tx.execute(query)}


async def due_webhooks(
    tx: Tx, scope: PlatformScope, now: datetime, *, without: Collection[OrgId], failing_too: bool, most: int
) -> list[Due]:
    """Whose turn it is: one endpoint of each org, then another of each; the least recently served first."""
    turn = (
        func.row_number()
        .over(partition_by=webhooks.c.org_id, order_by=(webhooks.c.served_at.asc().nulls_first(), webhooks.c.id))
        .label("turn")
    )
    ready = (
        select(webhooks.c.id, webhooks.c.org_id, webhooks.c.failing_since, webhooks.c.served_at, turn)
        .where(webhooks.c.due_at <= now, webhooks.c.org_id.not_in(sorted(without)))
        .where(true() if failing_too else webhooks.c.failing_since.is_(None))
        .subquery()
    )
    query = select(ready).order_by(ready.c.turn, ready.c.served_at.asc().nulls_first(), ready.c.id).limit(most)
    return [Due(WebhookId(row.id), OrgId(row.org_id), row.failing_since is not None) for row in await tx.execute(query)]


async def enqueue(tx: Tx, scope: OrgScope, delivery: Delivery, body: bytes, at: datetime) -> bool:
    """Put a delivery into its lane, for the first time or again; False when it already waits there.

    The caller holds the endpoint, and calls `settle` when it has put in all it has.
    """
    goes_next = delivery.state == "pending" and not await _lane_is_taken(tx, delivery)
    queued = replace(delivery, next_at=at if goes_next else None)
    into = sqlite.insert(deliveries) if tx.engine == "sqlite" else postgresql.insert(deliveries)
    row = delivery_row(queued) | {"org_id": scope.org_id, "body": body, "leased_until": None}
    if (await tx.execute(into.values(row).on_conflict_do_nothing())).rowcount == 1:
        return True
    return queued.state == "pending" and await _queue_again(tx, scope, queued)


async def enqueue_new(
    tx: Tx, scope: OrgScope, webhook_id: WebhookId, found: Sequence[tuple[Delivery, bytes]], at: datetime
) -> bool:
    """Put pending deliveries into their lanes all at once, in this order; False, and nothing done, when one is there already.

    The caller holds the endpoint, as for `enqueue`.
    """
    known = select(deliveries.c.id).where(deliveries.c.id.in_([delivery.id for delivery, _ in found])).limit(1)
    if (await tx.execute(known)).first() is not None:
        return False
    lanes = sorted({delivery.lane for delivery, _ in found if delivery.lane is not None})
    waiting = deliveries.c.webhook_id == webhook_id, deliveries.c.lane.in_(lanes), deliveries.c.state == "pending"
    taken = {row.lane for row in await tx.execute(select(deliveries.c.lane).distinct().where(*waiting))}
    rows = []
    for delivery, body in found:
        queued = replace(delivery, next_at=None if delivery.lane in taken else at)
        taken |= {delivery.lane} - {None}
        rows.append(delivery_row(queued) | {"org_id": scope.org_id, "body": body, "leased_until": None})
    await tx.execute(deliveries.insert(), rows)
    return True


async def _queue_again(tx: Tx, scope: OrgScope, delivery: Delivery) -> bool:
    """Attempts go on counting; the ladder starts anew."""
    again = (
        update(deliveries)
        .where(deliveries.c.org_id == scope.org_id, deliveries.c.id == delivery.id, deliveries.c.state != "pending")
        .values(
            state="pending",
            lane=delivery.lane,
            attempts_before=deliveries.c.attempts,
            next_at=delivery.next_at,
            finished_at=None,
        )
    )
    return (await tx.execute(again)).rowcount == 1


async def _lane_is_taken(tx: Tx, delivery: Delivery) -> bool:
    if delivery.lane is None:
        return False
    query = select(deliveries.c.id).where(*_in_lane(delivery.webhook_id, delivery.lane)).limit(1)
    return (await tx.execute(query)).first() is not None


async def lease_due(
    tx: Tx, scope: PlatformScope, held: Held, now: datetime, until: datetime, most: int
) -> list[tuple[Delivery, bytes]]:
    """Take up to `most` deliveries of an endpoint for sending, each counted as an attempt begun.

    Their time to be sent at moves to the end of the lease, so that whoever looks next does not see them.
    """
    free = _room(held.queue) - (await _leases(tx, held.webhook.id, now))[0]
    query = (
        select(deliveries)
        .where(deliveries.c.webhook_id == held.webhook.id, deliveries.c.next_at <= now)
        .order_by(deliveries.c.next_at)
        .limit(max(0, min(most, free)))
    )
    rows = (await tx.execute(query)).all()
    taken = {"attempts": deliveries.c.attempts + 1, "next_at": until, "leased_until": until}
    await tx.execute(update(deliveries).where(deliveries.c.id.in_([row.id for row in rows])).values(taken))
    await tx.execute(update(webhooks).where(webhooks.c.id == held.webhook.id).values(served_at=now))
    await settle(tx, scope, held, held.queue, now)
    return [(replace(delivery_of(row), attempts=row.attempts + 1), bytes(row.body)) for row in rows]


async def lease_new(tx: Tx, scope: OrgScope, delivery: Delivery, body: bytes, until: datetime) -> None:
    """Insert a delivery that the caller sends itself, at once."""
    row = delivery_row(replace(delivery, next_at=until)) | {"org_id": scope.org_id, "body": body}
    await tx.execute(deliveries.insert().values(row | {"leased_until": until}))


async def finish_attempt(tx: Tx, scope: PlatformScope, delivery: Delivery, attempt: Attempt, finish: Finish) -> bool:
    """Write down an attempt and what follows; False when the lease had run out and another attempt has begun since."""
    row = {name: getattr(attempt, name) for name in ("number", "at", "status", "took_ms", "error", "response")}
    into = sqlite.insert(attempts) if tx.engine == "sqlite" else postgresql.insert(attempts)
    noted = {"delivery_id": delivery.id, "org_id": delivery.org_id} | row
    await tx.execute(into.values(noted).on_conflict_do_nothing())
    changed = (
        update(deliveries)
        .where(
            deliveries.c.id == delivery.id, deliveries.c.state == "pending", deliveries.c.attempts == delivery.attempts
        )
        .values(
            state=finish.state,
            next_at=finish.next_at,
            leased_until=None,
            finished_at=finish.finished_at,
            last_status=finish.last_status,
            last_error=finish.last_error,
        )
    )
    return (await tx.execute(changed)).rowcount == 1


async def advance_lane(
    tx: Tx, scope: OrgScope | PlatformScope, webhook_id: WebhookId, lane: str | None, at: datetime
) -> None:
    """Let the oldest of a lane go next, when nothing of the lane is on its way."""
    if lane is None:
        return
    inside = _in_lane(webhook_id, lane)
    query = select(deliveries.c.id).where(*inside, deliveries.c.next_at.is_not(None)).limit(1)
    if (await tx.execute(query)).first() is not None:
        return
    oldest = select(deliveries.c.id).where(*inside).order_by(deliveries.c.seq).limit(1).scalar_subquery()
    await tx.execute(update(deliveries).where(deliveries.c.id == oldest).values(next_at=at))


async def settle(tx: Tx, scope: OrgScope | PlatformScope, held: Held, queue: Queue, now: datetime) -> None:
    """Write how the queue stands, and when there is next something to do in it."""
    earliest = (await tx.execute(_earliest(held.webhook.id))).scalar_one()
    leased, first_back = await _leases(tx, held.webhook.id, now)
    due = earliest if held.webhook.status == "active" and not held.deleted else None
    if due is not None and leased >= _room(queue) and first_back is not None:
        due = max(due, first_back)
    if due is not None and queue.held_until is not None:
        due = max(due, queue.held_until)
    values = {"due_at": due} | {
        name: getattr(queue, name)
        for name in ("pending", "held_until", "failing_since", "last_success_at", "last_failure_at", "last_error")
    }
    await tx.execute(update(webhooks).where(webhooks.c.id == held.webhook.id).values(values))


def _earliest(webhook_id: WebhookId) -> Select[tuple[Any]]:
    return select(func.min(deliveries.c.next_at)).where(
        deliveries.c.webhook_id == webhook_id, deliveries.c.next_at.is_not(None)
    )


async def _leases(tx: Tx, webhook_id: WebhookId, now: datetime) -> tuple[int, datetime | None]:
    """How many are on their way, and when the first of them is given up."""
    query = select(func.count().label("number"), func.min(deliveries.c.leased_until).label("first")).where(
        deliveries.c.webhook_id == webhook_id, deliveries.c.leased_until > now
    )
    row = (await tx.execute(query)).one()
    return row.number, row.first


def _room(queue: Queue) -> int:
    return AT_ONCE if queue.failing_since is None else AT_ONCE_FAILING


def _in_lane(webhook_id: WebhookId, lane: str) -> Sequence[Any]:
    return (deliveries.c.webhook_id == webhook_id, deliveries.c.lane == lane, deliveries.c.state == "pending")


def _inside(scope: OrgScope | PlatformScope) -> Any:
    return webhooks.c.org_id == scope.org_id if isinstance(scope, OrgScope) else true()


def _held(row: Row[Any]) -> Held:
    return Held(webhook_of(row), queue_of(row), row.status == DELETED)


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    return {name: getattr(delivery, name) for name in Delivery.__dataclass_fields__}


def delivery_of(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        org_id=OrgId(row.org_id),
        scope=ScopeName(row.scope),
        webhook_id=WebhookId(row.webhook_id),
        event_id=row.event_id,
        kind=row.kind,
        subject=row.subject,
        lane=row.lane,
        seq=row.seq,
        origin=row.origin,
        edited=row.edited,
        state=row.state,
        attempts=row.attempts,
        attempts_before=row.attempts_before,
        next_at=row.next_at,
        created_at=row.created_at,
        finished_at=row.finished_at,
        last_status=row.last_status,
        last_error=row.last_error,
    )
