"""Verbs on endpoints; what is on its way to them is in deliveries and sender."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.webhooks import queue_store, sealing, store
from portico.domains.webhooks.errors import NameTaken, TooManyWebhooks
from portico.domains.webhooks.model import MAX_WEBHOOKS, HeaderDraft, Health, Sealed, Webhook, WebhookDraft
from portico.domains.webhooks.signing import new_secret
from portico.domains.webhooks.terms import check_url, draft_problems
from portico.kernel import ids
from portico.kernel.errors import InvalidFields, NotFound
from portico.kernel.ids import WebhookId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

DAY = timedelta(days=1)
_FIELDS = {"webhook_id": str, "name": str}


def _declare(past: str, summary: str, **more: type) -> str:
    fields = {**_FIELDS, **more}
    return events.declare(f"webhook.{past}.v1", summary, about="webhook_id", category="integration", fields=fields)


CREATED = _declare("created", "A webhook was made.")
UPDATED = _declare("updated", "A webhook was changed.", changed=list)
DELETED = _declare("deleted", "A webhook was removed.")
PAUSED = _declare("paused", "A webhook was paused; nothing is sent to it.")
RESUMED = _declare("resumed", "A webhook takes deliveries again.")
DISABLED = _declare("disabled", "A webhook was disabled, because its endpoint is gone or failed for days.", reason=str)
ROTATED = _declare("secret_rotated", "A webhook got a new secret.")
_ACTIONS = {
    CREATED: "webhook.create",
    UPDATED: "webhook.update",
    DELETED: "webhook.delete",
    PAUSED: "webhook.pause",
    RESUMED: "webhook.resume",
    DISABLED: "webhook.disable",
    ROTATED: "webhook.rotate_secret",
}


class Seen(NamedTuple):
    """An endpoint as it is shown: its own facts and how it does."""

    webhook: Webhook
    health: Health


class WithSecret(NamedTuple):
    """The only answers that hold a secret: to making it and to replacing it."""

    seen: Seen
    secret: str

    def __repr__(self) -> str:
        return f"WithSecret(seen={self.seen!r}, secret=•••)"


async def create_webhook(scope: OrgScope, draft: WebhookDraft, deps: Deps) -> WithSecret:
    _check(draft, deps)
    webhook_id, secret, now = ids.new(WebhookId), new_secret(), deps.clock.now()
    headers = sealing.written_headers(draft.headers, [])
    webhook = Webhook(
        id=webhook_id,
        org_id=scope.org_id,
        scope=scope.scope,
        name=draft.name,
        url=draft.url,
        description=draft.description,
        status="active",
        disabled_reason=None,
        kinds=draft.kinds,
        services=draft.services,
        templates=draft.templates,
        headers=sealing.header_hints(headers),
        ladder_s=draft.ladder_s,
        sealed=Sealed(
            sealing.seal_secret(deps.sealer, scope.org_id, webhook_id, 1, secret),
            1,
            None,
            sealing.seal_headers(deps.sealer, scope.org_id, webhook_id, headers),
        ),
        secret_hint=sealing.secret_hint(secret),
        previous_secret_until=None,
        created_at=now,
        updated_at=now,
    )
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        if await store.count_webhooks(tx, scope) >= MAX_WEBHOOKS:
            raise TooManyWebhooks
        if not await store.insert_webhook(tx, scope, webhook):
            raise NameTaken(draft.name)
        await _record(tx, scope, CREATED, webhook, {"host": _host(webhook), "kinds": list(webhook.kinds)})
        return WithSecret(await _seen(tx, scope, webhook, deps), secret)


async def update_webhook(scope: OrgScope, webhook_id: str, changes: Mapping[str, Any], deps: Deps) -> Seen:
    """`changes`: any of the draft's fields. `headers` replaces them all; one without a value keeps the value it has."""
    async with deps.uow() as tx:
        webhook = await _held(tx, scope, webhook_id)
        kept = sealing.open_headers(deps.sealer, webhook)
        draft = replace(_as_draft(webhook), **changes)
        _check(draft, deps)
        if await store.name_taken(tx, scope, draft.name, webhook.id):
            raise NameTaken(draft.name)
        headers = sealing.written_headers(draft.headers, kept)
        sealed_headers = sealing.seal_headers(deps.sealer, webhook.org_id, webhook.id, headers)
        changed = replace(
            webhook,
            name=draft.name,
            url=draft.url,
            description=draft.description,
            kinds=draft.kinds,
            services=draft.services,
            templates=draft.templates,
            ladder_s=draft.ladder_s,
            headers=sealing.header_hints(headers),
            sealed=replace(webhook.sealed, headers=sealed_headers),
            updated_at=deps.clock.now(),
        )
        await store.update_webhook(tx, scope, changed)
        await _record(tx, scope, UPDATED, changed, {"host": _host(changed)}, changed=sorted(changes))
        return await _seen(tx, scope, changed, deps)


async def delete_webhook(scope: OrgScope, webhook_id: str, deps: Deps) -> None:
    """At once out of sight and silent; the record of what it sent is carried off by the purge."""
    async with deps.uow() as tx:
        webhook = await _held(tx, scope, webhook_id)
        await store.delete_webhook(tx, scope, webhook.id, deps.clock.now())
        await _record(tx, scope, DELETED, webhook, {"host": _host(webhook)})


async def pause_webhook(scope: OrgScope, webhook_id: str, deps: Deps) -> Seen:
    """Nothing is sent until it is resumed, and what is recorded meanwhile is not queued; what is from before stays."""
    async with deps.uow() as tx:
        webhook = await _held(tx, scope, webhook_id)
        if webhook.status == "paused":
            return await _seen(tx, scope, webhook, deps)
        paused = replace(webhook, status="paused", disabled_reason=None, updated_at=deps.clock.now())
        seq = await _record(tx, scope, PAUSED, paused, {})
        await _change_status(tx, scope, paused.silent_from(seq), deps)
        return await _seen(tx, scope, paused, deps)


async def resume_webhook(scope: OrgScope, webhook_id: str, deps: Deps) -> Seen:
    """From paused or disabled; what was queued goes out now, and the endpoint gets its five days anew."""
    async with deps.uow() as tx:
        webhook = await _held(tx, scope, webhook_id)
        if webhook.status == "active":
            return await _seen(tx, scope, webhook, deps)
        resumed = replace(webhook, status="active", disabled_reason=None, updated_at=deps.clock.now())
        seq = await _record(tx, scope, RESUMED, resumed, {"was": webhook.status})
        await _change_status(tx, scope, resumed.listening_from(seq), deps)
        tx.nudge("deliveries")
        return await _seen(tx, scope, resumed, deps)


async def disable_webhook(scope: OrgScope, webhook_id: WebhookId, reason: str, deps: Deps) -> bool:
    """By Portico itself; False when it was no longer active."""
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        webhook = await store.load_webhook(tx, scope, webhook_id, lock=True)
        if webhook is None or webhook.status != "active":
            return False
        disabled = replace(webhook, status="disabled", disabled_reason=reason, updated_at=deps.clock.now())
        seq = await _record(tx, scope, DISABLED, disabled, {"reason": reason}, reason=reason)
        await _change_status(tx, scope, disabled.silent_from(seq), deps)
        return True


async def rotate_secret(scope: OrgScope, webhook_id: str, keep_previous: timedelta, deps: Deps) -> WithSecret:
    """Until `keep_previous` is over, deliveries carry a signature of each of the two."""
    secret, now = new_secret(), deps.clock.now()
    async with deps.uow() as tx:
        webhook = await _held(tx, scope, webhook_id)
        version = webhook.sealed.version + 1
        sealed = sealing.seal_secret(deps.sealer, webhook.org_id, webhook.id, version, secret)
        rotated = replace(
            webhook,
            sealed=sealing.rotated(webhook, sealed, keep_previous),
            secret_hint=sealing.secret_hint(secret),
            previous_secret_until=now + keep_previous if keep_previous else None,
            updated_at=now,
        )
        await store.update_webhook(tx, scope, rotated)
        await _record(tx, scope, ROTATED, rotated, {"kept_previous_s": int(keep_previous.total_seconds())})
        return WithSecret(await _seen(tx, scope, rotated, deps), secret)


async def find_webhook(scope: OrgScope, webhook_id: str, deps: Deps) -> Seen:
    async with deps.read() as tx:
        return await _seen(tx, scope, await found(tx, scope, webhook_id), deps)


async def list_webhooks(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[Seen]:
    """By name."""
    async with deps.read() as tx:
        page = await store.list_webhooks(tx, scope, ask)
        health = await store.load_health(tx, scope, [each.id for each in page.items], deps.clock.now() - DAY)
    seen = [Seen(each, health[each.id]) for each in page.items]
    return Page(seen, page.page, page.page_size, page.total, page.next_cursor)


async def found(tx: Tx, scope: OrgScope, webhook_id: str) -> Webhook:
    webhook = await store.load_webhook(tx, scope, webhook_id)
    if webhook is None:
        raise NotFound("webhook", webhook_id)
    return webhook


async def _held(tx: Tx, scope: OrgScope, webhook_id: str) -> Webhook:
    await events.hold_log(tx, scope)
    webhook = await store.load_webhook(tx, scope, webhook_id, lock=True)
    if webhook is None:
        raise NotFound("webhook", webhook_id)
    return webhook


async def _seen(tx: Tx, scope: OrgScope, webhook: Webhook, deps: Deps) -> Seen:
    health = await store.load_health(tx, scope, [webhook.id], deps.clock.now() - DAY)
    return Seen(webhook, health[webhook.id])


async def _change_status(tx: Tx, scope: OrgScope, webhook: Webhook, deps: Deps) -> None:
    await store.update_webhook(tx, scope, webhook)
    for held in await queue_store.hold_webhooks(tx, scope, [webhook.id]):
        fresh = replace(held.queue, failing_since=None, held_until=None) if webhook.status == "active" else held.queue
        await queue_store.settle(tx, scope, held, fresh, deps.clock.now())


def _check(draft: WebhookDraft, deps: Deps) -> None:
    if problems := draft_problems(draft):
        raise InvalidFields(tuple(problems))
    check_url(draft.url, deps.settings)


def _as_draft(webhook: Webhook) -> WebhookDraft:
    return WebhookDraft(
        name=webhook.name,
        url=webhook.url,
        description=webhook.description,
        kinds=webhook.kinds,
        services=webhook.services,
        templates=webhook.templates,
        headers=tuple(HeaderDraft(header.name) for header in webhook.headers),
        ladder_s=webhook.ladder_s,
    )


def _host(webhook: Webhook) -> str:
    """All of an address that goes on record: the rest may hold what only the receiver should know."""
    return urlsplit(webhook.url).netloc


async def _record(
    tx: Tx, scope: OrgScope, kind: str, webhook: Webhook, detail: Mapping[str, object], **more: object
) -> int:
    """The event's position in the log."""
    payload = {"webhook_id": webhook.id, "name": webhook.name, **more}
    event = await events.record(tx, scope, kind=kind, payload=payload)
    await audit.record(
        tx,
        scope,
        action=_ACTIONS[kind],
        target=audit.Target("webhook", webhook.id, webhook.name),
        severity="WARN" if kind in {DELETED, DISABLED, ROTATED} else "INFO",
        detail={**detail, **more},
    )
    return event.seq
