"""Verbs on deliveries: read, send again, send an edited copy, test an endpoint, and let go of what is old."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import orjson

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.webhooks import delivery_store, queue_store, service, store
from portico.domains.webhooks.consumer import delivery_for
from portico.domains.webhooks.errors import NotSending, StillPending
from portico.domains.webhooks.filters import body_of, wants
from portico.domains.webhooks.model import (
    KEPT,
    LEASE,
    Attempt,
    Delivery,
    DeliveryState,
    Outcome,
    Webhook,
    fresh_delivery_id,
)
from portico.domains.webhooks.numbers import DeliveryNumbers
from portico.domains.webhooks.post import PLAIN_HEADERS, post_delivery
from portico.domains.webhooks.samples import sample_event
from portico.domains.webhooks.sender import conclude
from portico.domains.webhooks.signing import Header, Stamp, signed_headers
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.ids import WebhookId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.outbound import Outbound

MAX_BODY_BYTES = 262_144
_RECENT_EVENTS = 500
_PURGE_AT_ONCE, _PURGE_ROUNDS = 1_000, 200
HELD_TOO_LONG = f"Held for {KEPT.days} days by an endpoint that takes no deliveries."


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """`headers` are those of the last attempt; what is secret in them is masked."""

    delivery: Delivery
    body: bytes = field(repr=False)
    headers: list[Header]
    attempts: list[Attempt]


class Tried(NamedTuple):
    """What became of somebody's test."""

    detail: DeliveryDetail
    url: str
    sample: bool
    outcome: Outcome


class _Found(NamedTuple):
    webhook: Webhook
    delivery: Delivery
    body: bytes


async def list_deliveries(
    scope: OrgScope, webhook_id: str, state: DeliveryState | None, kind: str | None, ask: PageAsk, deps: Deps
) -> Page[Delivery]:
    """The newest first. `kind` is `service.created`, `service.*`, or another system's name for one."""
    if kind is not None and not events.is_pattern(kind):
        raise InvalidInput("kind", "write service.created or service.*")
    after = None if ask.cursor is None else ask.cursor.after
    if after is not None and (len(after) != 2 or not isinstance(after[0], int) or not isinstance(after[1], str)):
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    async with deps.read() as tx:
        webhook = await service.found(tx, scope, webhook_id)
        plain = None if kind is None else events.unversioned(events.house_pattern(kind))
        rows = await delivery_store.newest_deliveries(tx, scope, webhook.id, state, plain, after, ask.page_size + 1)
    return make_page(rows, ask, delivery_store.sort_values, None)


async def find_delivery(scope: OrgScope, delivery_id: str, deps: Deps) -> DeliveryDetail:
    async with deps.read() as tx:
        return await _detail(tx, scope, delivery_id)


async def redeliver(scope: OrgScope, delivery_id: str, deps: Deps) -> Delivery:
    """Send a finished delivery again: the same id, so that the receiver can tell what it has; attempts go on counting."""
    async with deps.uow() as tx:
        known = await _sendable(tx, scope, delivery_id)
        if known.delivery.state == "pending":
            raise StillPending(delivery_id)
        # Somebody wants it now: it waits for nothing that is queued about the same subject.
        again = replace(known.delivery, state="pending", lane=None)
        await _queue(tx, scope, known.webhook, again, known.body, deps)
        await _note(tx, scope, "webhook.redeliver", known.webhook, {"delivery_id": delivery_id})
        return (await _load(tx, scope, delivery_id)).delivery


async def redeliver_edited(scope: OrgScope, delivery_id: str, body: str, deps: Deps) -> Delivery:
    """Send another body in its place, as a new delivery with an id of its own, marked as edited."""
    raw = _checked(body)
    async with deps.uow() as tx:
        known = await _sendable(tx, scope, delivery_id)
        edited = replace(
            known.delivery,
            id=fresh_delivery_id(),
            lane=None,
            origin="edit",
            edited=True,
            state="pending",
            attempts=0,
            attempts_before=0,
            created_at=deps.clock.now(),
            finished_at=None,
            last_status=None,
            last_error=None,
        )
        await _queue(tx, scope, known.webhook, edited, raw, deps)
        detail = {"delivery_id": edited.id, "edited_from": delivery_id}
        await _note(tx, scope, "webhook.redeliver", known.webhook, detail)
        return (await _load(tx, scope, edited.id)).delivery


async def try_webhook(scope: OrgScope, webhook_id: str, deps: Deps, outbound: Outbound | None = None) -> Tried:
    """Send the newest event that the endpoint wants, or a sample that says so, once and now; also to a paused one."""
    until = deps.clock.now() + LEASE
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        webhook = await service.found(tx, scope, webhook_id)
        _, recent = await events.recent_events(tx, scope, _RECENT_EVENTS)
        real = next((event for event in recent if wants(webhook, event)), None)
        event = sample_event(webhook, scope.actor, deps.clock.now()) if real is None else real
        body = body_of(event, sample=real is None)
        test = replace(delivery_for(webhook, event, deps.clock.now()), id=fresh_delivery_id(), lane=None)
        test = replace(test, origin="test", attempts=1)
        for held in await queue_store.hold_webhooks(tx, scope, [webhook.id]):
            await queue_store.lease_new(tx, scope, test, body, until)
            await queue_store.settle(tx, scope, held, held.queue.longer(), deps.clock.now())
        await _note(tx, scope, "webhook.test", webhook, {"delivery_id": test.id, "sample": real is None})
    outcome = await post_delivery(webhook, test, body, deps, outbound or Outbound(deps.settings))
    await conclude(webhook, test, outcome, deps, DeliveryNumbers(), 0.0)
    return Tried(await find_delivery(scope, test.id, deps), webhook.url, real is None, outcome)


async def purge_deliveries(scope: PlatformScope, deps: Deps) -> int:
    """Let go of what was finished, or held by a paused endpoint, 30 days ago, and of what removed endpoints left behind."""
    before = deps.clock.now() - KEPT
    removed = 0
    for _ in range(_PURGE_ROUNDS):
        async with deps.uow() as tx:
            some = await delivery_store.remove_finished(tx, scope, before, _PURGE_AT_ONCE)
            some += await delivery_store.remove_deleted(tx, scope, _PURGE_AT_ONCE)
            some += await _discard_held(tx, scope, deps)
        removed += some
        if not some:
            break
    return removed


async def _discard_held(tx: Tx, scope: PlatformScope, deps: Deps) -> int:
    now = deps.clock.now()
    lanes: defaultdict[WebhookId, set[str | None]] = defaultdict(set)
    of: defaultdict[WebhookId, list[str]] = defaultdict(list)
    for delivery in await delivery_store.too_old_pending(tx, scope, now - KEPT, _PURGE_AT_ONCE):
        lanes[delivery.webhook_id].add(delivery.lane)
        of[delivery.webhook_id].append(delivery.id)
    discarded = 0
    for held in await queue_store.hold_webhooks(tx, scope, of):
        gone = await delivery_store.discard(tx, scope, of[held.webhook.id], now, HELD_TOO_LONG)
        for lane in lanes[held.webhook.id]:
            await queue_store.advance_lane(tx, scope, held.webhook.id, lane, now)
        await queue_store.settle(tx, scope, held, held.queue.longer(-gone), now)
        discarded += gone
    return discarded


async def _queue(tx: Tx, scope: OrgScope, webhook: Webhook, delivery: Delivery, body: bytes, deps: Deps) -> None:
    now = deps.clock.now()
    for held in await queue_store.hold_webhooks(tx, scope, [webhook.id]):
        if await queue_store.enqueue(tx, scope, delivery, body, now):
            await queue_store.settle(tx, scope, held, held.queue.longer(), now)
    tx.nudge("deliveries")


async def _sendable(tx: Tx, scope: OrgScope, delivery_id: str) -> _Found:
    await events.hold_log(tx, scope)
    known = await _load(tx, scope, delivery_id)
    if known.webhook.status != "active":
        raise NotSending(known.webhook.name, known.webhook.status)
    return known


async def _load(tx: Tx, scope: OrgScope, delivery_id: str) -> _Found:
    known = await delivery_store.load_delivery(tx, scope, delivery_id)
    webhook = None if known is None else await store.load_webhook(tx, scope, known[0].webhook_id)
    if known is None or webhook is None:
        raise NotFound("webhook delivery", delivery_id)
    return _Found(webhook, *known)


async def _detail(tx: Tx, scope: OrgScope, delivery_id: str) -> DeliveryDetail:
    known = await _load(tx, scope, delivery_id)
    attempts = await delivery_store.load_attempts(tx, scope, delivery_id)
    return DeliveryDetail(known.delivery, known.body, _sent_headers(known, attempts), attempts)


def _sent_headers(known: _Found, attempts: list[Attempt]) -> list[Header]:
    """As they went out last, or will first; without what would let a reader pose as the sender."""
    last = attempts[-1] if attempts else Attempt(1, known.delivery.created_at, None, 0, None, "")
    stamp = Stamp(known.delivery.id, known.delivery.kind, last.number, last.at)
    signed = [
        (name, "…" if name.lower().endswith("-signature") else value)
        for name, value in signed_headers(stamp, known.body, [])
    ]
    custom = [(header.name, header.hint) for header in known.webhook.headers]
    return [*PLAIN_HEADERS, *custom, *signed]


def _checked(body: str) -> bytes:
    raw = body.encode()
    if len(raw) > MAX_BODY_BYTES:
        raise InvalidInput("body", f"must be at most {MAX_BODY_BYTES:,} bytes")
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("body", f"is not valid JSON ({error.msg} at {error.pos})") from error
    if not isinstance(content, dict):
        raise InvalidInput("body", "must be a JSON object")
    return raw


async def _note(tx: Tx, scope: OrgScope, action: str, webhook: Webhook, detail: Mapping[str, object]) -> None:
    target = audit.Target("webhook", webhook.id, webhook.name)
    await audit.record(tx, scope, action=action, target=target, detail=detail)
