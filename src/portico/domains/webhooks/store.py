"""SQL of endpoints; their queues are in queue_store, the log of deliveries in delivery_store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.webhooks.model import HeaderHint, Health, Queue, Sealed, Silence, Webhook
from portico.domains.webhooks.tables import webhook_deliveries as deliveries
from portico.domains.webhooks.tables import webhooks
from portico.kernel.ids import OrgId, WebhookId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx

# A removed endpoint's row stays, unseen and without its secrets, until the purge has carried its deliveries off.
DELETED = "deleted"


async def insert_webhook(tx: Tx, scope: OrgScope, webhook: Webhook) -> bool:
    """False when the name is taken."""
    into = sqlite.insert(webhooks) if tx.engine == "sqlite" else postgresql.insert(webhooks)
    row = _row(webhook) | {"org_id": scope.org_id, "scope": scope.scope}
    return (await tx.execute(into.values(row).on_conflict_do_nothing())).rowcount == 1


async def count_webhooks(tx: Tx, scope: OrgScope) -> int:
    return int((await tx.execute(select(func.count()).select_from(webhooks).where(_mine(scope)))).scalar_one())


async def load_webhook(tx: Tx, scope: OrgScope, webhook_id: str, *, lock: bool = False) -> Webhook | None:
    query = select(webhooks).where(_mine(scope), webhooks.c.id == webhook_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else webhook_of(row)


async def list_webhooks(tx: Tx, scope: OrgScope, ask: PageAsk) -> Page[Webhook]:
    query = select(webhooks).where(_mine(scope)).order_by(webhooks.c.name, webhooks.c.id).limit(ask.page_size + 1)
    if ask.cursor is not None:
        query = query.where(webhooks.c.name > str(ask.cursor.after[0]))
    rows = [webhook_of(row) for row in await tx.execute(query)]
    return make_page(rows, ask, lambda webhook: (webhook.name,), await count_webhooks(tx, scope))


async def name_taken(tx: Tx, scope: OrgScope, name: str, other_than: WebhookId) -> bool:
    query = select(webhooks.c.id).where(_mine(scope), webhooks.c.name == name, webhooks.c.id != other_than)
    return (await tx.execute(query)).first() is not None


async def update_webhook(tx: Tx, scope: OrgScope, webhook: Webhook) -> None:
    """The endpoint's own facts; its queue is not touched."""
    row = _row(webhook)
    for fixed in ("id", "org_id", "scope", "created_at"):
        del row[fixed]
    await tx.execute(update(webhooks).where(_mine(scope), webhooks.c.id == webhook.id).values(row))


async def delete_webhook(tx: Tx, scope: OrgScope, webhook_id: WebhookId, at: datetime) -> None:
    """Out of sight with its secrets destroyed; what it sent follows in the purge."""
    gone: dict[str, Any] = {
        "status": DELETED,
        "name": webhook_id,
        "due_at": None,
        "updated_at": at,
        "headers": [],
        "headers_sealed": None,
        "secret_sealed": b"",
        "previous_secret_sealed": None,
    }
    await tx.execute(update(webhooks).where(_mine(scope), webhooks.c.id == webhook_id).values(gone))


async def endpoints_of(tx: Tx, scope: OrgScope, scope_name: str) -> list[Webhook]:
    """Every endpoint of one scope of the org, for the log's consumer; which of them listened to an event, each knows itself."""
    query = (
        select(webhooks)
        .where(webhooks.c.org_id == scope.org_id, webhooks.c.scope == scope_name, webhooks.c.status != DELETED)
        .order_by(webhooks.c.id)
    )
    return [webhook_of(row) for row in await tx.execute(query)]


async def endpoints_in(tx: Tx, scope: PlatformScope, org_ids: Sequence[OrgId]) -> list[Webhook]:
    """Every endpoint of some orgs."""
    query = select(webhooks).where(webhooks.c.org_id.in_(org_ids), webhooks.c.status != DELETED)
    return [webhook_of(row) for row in await tx.execute(query)]


async def load_health(
    tx: Tx, scope: OrgScope, webhook_ids: list[WebhookId], since: datetime
) -> dict[WebhookId, Health]:
    """How each endpoint does; `since` bounds the deliveries that are counted by when they were made."""
    queues = {
        WebhookId(row.id): queue_of(row)
        for row in await tx.execute(select(webhooks).where(_mine(scope), webhooks.c.id.in_(webhook_ids)))
    }
    counted = await _counts(tx, scope, webhook_ids, since)
    return {
        each: Health(
            queue,
            delivered_24h=counted.get((each, "delivered", True), 0),
            failed_24h=counted.get((each, "dead", True), 0),
            dead=counted.get((each, "dead", True), 0) + counted.get((each, "dead", False), 0),
        )
        for each, queue in queues.items()
    }


async def _counts(
    tx: Tx, scope: OrgScope, webhook_ids: list[WebhookId], since: datetime
) -> Mapping[tuple[str, str, bool], int]:
    recent = deliveries.c.created_at >= since
    query = (
        select(deliveries.c.webhook_id, deliveries.c.state, recent.label("recent"), func.count().label("number"))
        .where(
            deliveries.c.org_id == scope.org_id,
            deliveries.c.webhook_id.in_(webhook_ids),
            # Somebody's test says nothing about how an endpoint does.
            deliveries.c.origin != "test",
            or_(deliveries.c.state == "dead", and_(deliveries.c.state == "delivered", recent)),
        )
        .group_by(deliveries.c.webhook_id, deliveries.c.state, recent)
    )
    return {(row.webhook_id, row.state, bool(row.recent)): row.number for row in await tx.execute(query)}


def _mine(scope: OrgScope) -> ColumnElement[bool]:
    return and_(webhooks.c.org_id == scope.org_id, webhooks.c.scope == scope.scope, webhooks.c.status != DELETED)


def _row(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "org_id": webhook.org_id,
        "scope": webhook.scope,
        "name": webhook.name,
        "url": webhook.url,
        "description": webhook.description,
        "status": webhook.status,
        "disabled_reason": webhook.disabled_reason,
        "kinds": list(webhook.kinds),
        "services": list(webhook.services),
        "templates": list(webhook.templates),
        "headers": [{"name": header.name, "hint": header.hint} for header in webhook.headers],
        "headers_sealed": webhook.sealed.headers,
        "ladder_s": None if webhook.ladder_s is None else list(webhook.ladder_s),
        "secret_sealed": webhook.sealed.secret,
        "secret_hint": webhook.secret_hint,
        "secret_version": webhook.sealed.version,
        "previous_secret_sealed": webhook.sealed.previous,
        "previous_secret_until": webhook.previous_secret_until,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
        "silences": [list(each) for each in webhook.silences],
    }


def webhook_of(row: Row[Any]) -> Webhook:
    return Webhook(
        id=WebhookId(row.id),
        org_id=OrgId(row.org_id),
        scope=ScopeName(row.scope),
        name=row.name,
        url=row.url,
        description=row.description,
        status=row.status,
        disabled_reason=row.disabled_reason,
        kinds=tuple(row.kinds),
        services=tuple(row.services),
        templates=tuple(row.templates),
        headers=tuple(HeaderHint(each["name"], each["hint"]) for each in row.headers),
        ladder_s=None if row.ladder_s is None else tuple(row.ladder_s),
        sealed=Sealed(row.secret_sealed, row.secret_version, row.previous_secret_sealed, row.headers_sealed),
        secret_hint=row.secret_hint,
        previous_secret_until=row.previous_secret_until,
        created_at=row.created_at,
        updated_at=row.updated_at,
        silences=tuple(Silence(*each) for each in row.silences),
    )


def queue_of(row: Row[Any]) -> Queue:
    return Queue(
        row.pending, row.held_until, row.failing_since, row.last_success_at, row.last_failure_at, row.last_error
    )
