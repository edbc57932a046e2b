"""Send a range of the log again: what an endpoint missed, or everything, in the order it happened."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.webhooks import delivery_store, service
from portico.domains.webhooks.consumer import queue_events
from portico.domains.webhooks.errors import NotSending
from portico.domains.webhooks.filters import wants
from portico.domains.webhooks.model import DeliveryState, Webhook, delivery_id
from portico.kernel.clock import rfc3339
from portico.kernel.errors import InvalidInput
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

Which = Literal["all", "failed", "missing"]
MAX_EVENTS = 10_000
_BATCH = 200


@dataclass(frozen=True, slots=True)
class ReplayAsk:
    """`which`: every event the endpoint wants, those whose delivery died, or those that were never queued for it."""

    since: datetime
    until: datetime | None = None
    kinds: tuple[str, ...] = ()
    which: Which = "all"
    dry_run: bool = False


@dataclass(slots=True)
class Replayed:
    """What was found, and what of it was queued; a dry run queues nothing and counts the same.

    new       never queued for this endpoint before
    again     delivered, dead or discarded before: sent again under the same id
    waiting   still pending, so left alone
    more_from when the range holds more than is looked at in one go: where to continue
    """

    dry_run: bool
    events: int = 0
    new: int = 0
    again: int = 0
    waiting: int = 0
    more_from: datetime | None = None

    @property
    def replayed(self) -> int:
        return 0 if self.dry_run else self.new + self.again


async def replay_events(scope: OrgScope, webhook_id: str, ask: ReplayAsk, deps: Deps) -> Replayed:
    """In batches of one transaction each, so that nobody waits for the whole range; safe to ask for twice."""
    _check(ask)
    replayed, after, looked_at, noted = Replayed(ask.dry_run), 0, 0, False
    wanted = events.EventFilter(kinds=ask.kinds, since=ask.since, until=ask.until)
    while True:
        async with deps.read() if ask.dry_run else deps.uow() as tx:
            if not ask.dry_run:
                await events.hold_log(tx, scope)
            webhook = await service.found(tx, scope, webhook_id)
            if webhook.status != "active" and not ask.dry_run:
                raise NotSending(webhook.name, webhook.status)
            batch = await events.find_events(tx, scope, wanted, after, _BATCH)
            if looked_at >= MAX_EVENTS and batch:
                replayed.more_from = batch[0].at
            else:
                await _replay_batch(tx, scope, webhook, batch, ask, replayed, deps)
            looked_at += len(batch)
            ends = len(batch) < _BATCH or replayed.more_from is not None
            if not ask.dry_run and (ends or not noted):
                # With the first batch, so that it is on record even if the process dies halfway; and what came of it in the end.
                await _note(tx, scope, webhook, ask, replayed, begins=not noted, ends=ends)
                noted = True
            if ends:
                return replayed
        after = batch[-1].seq


async def _replay_batch(
    tx: Tx,
    scope: OrgScope,
    webhook: Webhook,
    batch: list[events.Event],
    ask: ReplayAsk,
    replayed: Replayed,
    deps: Deps,
) -> None:
    mine = [event for event in batch if wants(webhook, event)]
    ids = {event.id: delivery_id(webhook.id, event.id) for event in mine}
    states = await delivery_store.states_of(tx, scope, list(ids.values()))
    chosen = [event for event in mine if _is_meant(ask.which, states.get(ids[event.id]))]
    replayed.events += len(mine)
    for event in chosen:
        state = states.get(ids[event.id])
        replayed.new += state is None
        replayed.waiting += state == "pending"
        replayed.again += state not in (None, "pending")
    if chosen and not ask.dry_run:
        await queue_events(tx, scope, {webhook.id: chosen}, deps.clock.now())


def _is_meant(which: Which, state: DeliveryState | None) -> bool:
    if which == "failed":
        return state in ("dead", "discarded")
    return state is None if which == "missing" else True


def _check(ask: ReplayAsk) -> None:
    if ask.until is not None and ask.until <= ask.since:
        raise InvalidInput("until", "must be later than since")
    for place, kind in enumerate(ask.kinds):
        if not events.is_pattern(kind):
            raise InvalidInput(f"kinds[{place}]", "write service.created or service.*")


async def _note(
    tx: Tx, scope: OrgScope, webhook: Webhook, ask: ReplayAsk, replayed: Replayed, *, begins: bool, ends: bool
) -> None:
    target = audit.Target("webhook", webhook.id, webhook.name)
    detail: dict[str, object] = {
        "since": rfc3339(ask.since),
        "until": None if ask.until is None else rfc3339(ask.until),
        "kinds": list(ask.kinds),
        "which": ask.which,
        "replayed": replayed.replayed,
        "goes_on": not ends,
    }
    action = "webhook.replay" if begins else "webhook.replay_end"
    await audit.record(tx, scope, action=action, target=target, detail=detail)
