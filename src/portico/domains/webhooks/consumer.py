"""Follows the log and makes the deliveries, in the transaction that moves its cursor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from portico.domains.events import public as events
from portico.domains.webhooks import queue_store, store
from portico.domains.webhooks.filters import body_of, is_for
from portico.domains.webhooks.model import MAX_PENDING, Delivery, Webhook, delivery_id, lane_of
from portico.kernel.ids import EventId, OrgId, WebhookId
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx

QUEUE_FULL = f"E9702 not sent: {MAX_PENDING:,} deliveries were already waiting for this endpoint"


@dataclass(frozen=True, slots=True)
class QueueDeliveries:
    """One delivery for each endpoint that wants an event and listened when it was recorded, however late it is consumed; an event
    consumed again is sent again, under the same id."""

    name: str = "webhooks"
    begins: Literal["newest", "oldest"] = "newest"

    def wants(self, event: events.Event) -> bool:
        # Who listens to what is known to the database alone; see choose.
        return True

    async def choose(self, tx: Tx, scope: PlatformScope, found: Sequence[events.Event]) -> set[EventId]:
        """Those that some endpoint listened to: one that comes later is told nothing of what was before it."""
        listening: dict[tuple[OrgId, str], list[Webhook]] = {}
        for each in await store.endpoints_in(tx, scope, sorted({event.org_id for event in found})):
            listening.setdefault((each.org_id, each.scope), []).append(each)
        return {
            event.id
            for event in found
            if any(is_for(each, event) for each in listening.get((event.org_id, event.scope), []))
        }

    async def consume(self, tx: Tx, scope: OrgScope, event: events.Event) -> None:
        await self.consume_many(tx, scope, [event])

    async def consume_many(self, tx: Tx, scope: OrgScope, found: Sequence[events.Event]) -> None:
        listening = await store.endpoints_of(tx, scope, scope.scope)
        wanted = {each.id: [event for event in found if is_for(each, event)] for each in listening}
        await queue_events(tx, scope, {each: some for each, some in wanted.items() if some}, tx.clock.now())


async def queue_events(
    tx: Tx, scope: OrgScope, wanted: Mapping[WebhookId, Sequence[events.Event]], at: datetime
) -> int:
    """Queue for each endpoint its events; how many deliveries were queued. What is queued for a paused one waits until it is resumed."""
    if not wanted:
        return 0
    queued = 0
    for held in await queue_store.hold_webhooks(tx, scope, wanted.keys()):
        if held.deleted:
            continue
        pending = await _queue_for(tx, scope, held, wanted[held.webhook.id], at)
        await queue_store.settle(tx, scope, held, replace(held.queue, pending=pending), at)
        queued += pending - held.queue.pending
    tx.nudge("deliveries")
    return queued


async def _queue_for(
    tx: Tx, scope: OrgScope, held: queue_store.Held, wanted: Sequence[events.Event], at: datetime
) -> int:
    """How many then wait for the endpoint."""
    pending = held.queue.pending
    if 1 < len(wanted) <= MAX_PENDING - pending:
        found = [(delivery_for(held.webhook, event, at), body_of(event)) for event in wanted]
        if await queue_store.enqueue_new(tx, scope, held.webhook.id, found, at):
            return pending + len(found)
    for event in wanted:
        delivery = delivery_for(held.webhook, event, at)
        if pending >= MAX_PENDING:
            delivery = replace(delivery, state="dead", finished_at=at, last_error=QUEUE_FULL)
        added = await queue_store.enqueue(tx, scope, delivery, body_of(event), at)
        pending += added and delivery.state == "pending"
    return pending


def delivery_for(webhook: Webhook, event: events.Event, at: datetime) -> Delivery:
    return Delivery(
        id=delivery_id(webhook.id, event.id),
        org_id=webhook.org_id,
        scope=webhook.scope,
        webhook_id=webhook.id,
        event_id=event.id,
        kind=events.unversioned(event.kind),
        subject=event.subject,
        lane=lane_of(event.subject),
        seq=event.seq,
        origin="event",
        edited=False,
        state="pending",
        attempts=0,
        attempts_before=0,
        next_at=None,
        created_at=at,
        finished_at=None,
        last_status=None,
        last_error=None,
    )
