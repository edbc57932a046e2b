"""Sends what is due: fair between orgs, then between endpoints, and at most so many at once.

Whose turn it is comes from the endpoints alone, so a queue of any length costs its owner's turns and nobody else's. An endpoint
that fails is asked one delivery at a time, and all that fail together never take more than half of the places.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from portico.domains.tenancy import public as tenancy
from portico.domains.webhooks import delivery_store, queue_store, service
from portico.domains.webhooks.model import (
    LEASE,
    Attempt,
    Delivery,
    Outcome,
    Webhook,
    failed_too_long,
    finish_of,
    queue_after,
)
from portico.domains.webhooks.numbers import DeliveryNumbers
from portico.domains.webhooks.post import post_delivery
from portico.kernel.ids import OrgId
from portico.kernel.scope import PlatformScope
from portico.platform.deps import Deps
from portico.platform.outbound import Outbound

AT_ONCE, AT_ONCE_PER_ORG, AT_ONCE_TO_FAILING = 64, 16, 32
_LOOK_AGAIN_S = 1.0
# Who holds an endpoint is about to commit.
_LOCKED_S = 0.05
GONE = "The endpoint answered 410: it is gone."
FAILED_FOR_DAYS = "Nothing reached the endpoint for five days."


@dataclass(frozen=True, slots=True)
class Flight:
    """One delivery on its way, as its endpoint stood when it was taken."""

    webhook: Webhook
    delivery: Delivery
    body: bytes = field(repr=False)
    failing: bool


@dataclass(frozen=True, slots=True)
class DeliverStatus:
    """What one run did, for the status page."""

    accepted: int
    failed: int
    pending: int


@dataclass(slots=True)
class Sender:
    """Runs until nothing is due and nothing on its way; several processes may each have one.

    jitter   0 to 1, spreads retries
    """

    deps: Deps
    numbers: DeliveryNumbers
    outbound: Outbound
    jitter: Callable[[], float] = random.random
    _by_org: Counter[OrgId] = field(default_factory=Counter)
    _failing: int = 0
    _met_a_lock: bool = False
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> DeliverStatus:
        before = Counter(self.numbers.attempts)
        self._woken = self.deps.bus.listen("deliveries")
        try:
            async with asyncio.TaskGroup() as group:
                await self._run(group)
        finally:
            self.deps.bus.forget(self._woken)
        await self._measure()
        done = self.numbers.attempts - before
        return DeliverStatus(done["accepted"], done["failed"], self.numbers.pending)

    async def _run(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._woken.clear()
            taken = await self._take()
            for flight in taken:
                self._depart(flight)
                group.create_task(self._deliver(flight), name=f"deliver {flight.delivery.id}")
            if taken:
                continue
            # Woken meanwhile: what has just ended, or was just queued, came too late for the look that found nothing.
            if not self._by_org.total() and not self._woken.is_set() and not self._met_a_lock:
                return
            # A slow endpoint keeps its own places only: whatever becomes due meanwhile goes out.
            try:
                await asyncio.wait_for(self._woken.wait(), _LOCKED_S if self._met_a_lock else _LOOK_AGAIN_S)
            except TimeoutError:
                if not self._met_a_lock:
                    await self._measure()

    # --- taking ------------------------------------------------------------------------------------------------------

    async def _take(self) -> list[Flight]:
        self._met_a_lock = False
        free = AT_ONCE - self._by_org.total()
        if free <= 0:
            return []
        platform, now = tenancy.platform_scope(), self.deps.clock.now()
        full = {org_id for org_id, flying in self._by_org.items() if flying >= AT_ONCE_PER_ORG}
        failing_too = self._failing < AT_ONCE_TO_FAILING
        async with self.deps.read() as tx:
            waiting = await queue_store.due_orgs(tx, platform, now) - full
            if not waiting:
                return []
            # What is queued for an org that is suspended stays as it is, until the org is active again.
            without = full | await tenancy.closed_orgs(tx, platform, waiting)
            due = await queue_store.due_webhooks(tx, platform, now, without=without, failing_too=failing_too, most=free)
        return await self._lease(platform, due, free, now) if due else []

    async def _lease(
        self, platform: PlatformScope, due: list[queue_store.Due], free: int, now: datetime
    ) -> list[Flight]:
        taken: list[Flight] = []
        by_org, failing = Counter(self._by_org), self._failing
        share = max(1, free // len(due))
        async with self.deps.uow() as tx:
            for each in due:
                most = min(share, free - len(taken), AT_ONCE_PER_ORG - by_org[each.org_id])
                if most <= 0 or (each.failing and failing >= AT_ONCE_TO_FAILING):
                    continue
                held = await queue_store.hold_if_free(tx, platform, each.webhook_id, now)
                if held is None:
                    self._met_a_lock = True
                    continue
                leased = await queue_store.lease_due(tx, platform, held, now, now + LEASE, most)
                taken += [Flight(held.webhook, delivery, body, each.failing) for delivery, body in leased]
                by_org[each.org_id] += len(leased)
                failing += len(leased) * each.failing
        return taken

    # --- on the way --------------------------------------------------------------------------------------------------

    def _depart(self, flight: Flight) -> None:
        self._by_org[flight.webhook.org_id] += 1
        self._failing += flight.failing
        self.numbers.in_flight += 1

    async def _deliver(self, flight: Flight) -> None:
        try:
            outcome = await post_delivery(flight.webhook, flight.delivery, flight.body, self.deps, self.outbound)
            await conclude(flight.webhook, flight.delivery, outcome, self.deps, self.numbers, self.jitter())
        finally:
            self._by_org[flight.webhook.org_id] -= 1
            self._failing -= flight.failing
            self.numbers.in_flight -= 1
            self._woken.set()

    async def _measure(self) -> None:
        platform, now = tenancy.platform_scope(), self.deps.clock.now()
        async with self.deps.read() as tx:
            oldest = await delivery_store.oldest_pending(tx, platform)
            self.numbers.pending = await delivery_store.count_pending(tx, platform)
        self.numbers.oldest_pending_s = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())


async def conclude(
    webhook: Webhook, delivery: Delivery, outcome: Outcome, deps: Deps, numbers: DeliveryNumbers, jitter: float
) -> None:
    """Write down what an attempt came to, and let what waited behind the delivery go when it is over."""
    platform, now = tenancy.platform_scope(), deps.clock.now()
    finish = finish_of(delivery, outcome, webhook.ladder, now, jitter)
    attempt = Attempt(
        delivery.attempts, outcome.began_at, outcome.status, outcome.took_ms, outcome.error, outcome.response
    )
    reason = None
    async with deps.uow() as tx:
        for held in await queue_store.hold_webhooks(tx, platform, [webhook.id]):
            if not await queue_store.finish_attempt(tx, platform, delivery, attempt, finish):
                continue
            if finish.state != "pending":
                await queue_store.advance_lane(tx, platform, webhook.id, delivery.lane, now)
            queue = queue_after(held.queue, outcome, finish, now, tested=delivery.origin == "test")
            await queue_store.settle(tx, platform, held, queue, now)
            if finish.state == "dead" and delivery.origin != "test":
                reason = GONE if outcome.gone else FAILED_FOR_DAYS if failed_too_long(queue, now) else None
    numbers.note(outcome, finish)
    if reason is not None:
        # Apart, because this writes to the log, whose lock comes before an endpoint's.
        scope = tenancy.open_system_scope(webhook.org_id, webhook.scope)
        await service.disable_webhook(scope, webhook.id, reason, deps)
