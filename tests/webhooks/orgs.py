"""What the tests of webhooks do again and again: make an endpoint, let something happen, send what is due."""

from dataclasses import dataclass
from typing import Any

from portico.domains.events import public as events

# Imported for the kinds of events that they declare.
from portico.domains.hub import public as hub  # noqa: F401
from portico.domains.tenancy import public as tenancy
from portico.domains.vault import public as vault  # noqa: F401
from portico.domains.webhooks import deliveries, service
from portico.domains.webhooks.consumer import QueueDeliveries
from portico.domains.webhooks.model import Delivery, DeliveryState, WebhookDraft
from portico.domains.webhooks.numbers import DeliveryNumbers
from portico.domains.webhooks.sender import DeliverStatus, Sender
from portico.kernel.paging import PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.platform.outbound import Outbound
from tests.hub.orgs import ADMIN

CREATED, UPDATED, STORED = "service.created.v1", "service.updated.v1", "secret.created.v1"


@dataclass(frozen=True)
class Made:
    id: str
    secret: str


async def make_webhook(deps: Deps, url: str, scope: OrgScope = ADMIN, **draft: Any) -> Made:
    facts = {"name": f"hook-{url.rpartition(':')[2]}", **draft}
    made = await service.create_webhook(scope, WebhookDraft(url=url, **facts), deps)
    return Made(made.seen.webhook.id, made.secret)


async def happen(deps: Deps, about: str = "svc_1", kind: str = CREATED, scope: OrgScope = ADMIN) -> events.Event:
    """Record an event, and let the consumer read it as its driver does."""
    async with deps.uow() as tx:
        event = await record(tx, about, kind, scope)
    await consume(deps, event)
    return event


async def record(tx: Any, about: str, kind: str = CREATED, scope: OrgScope = ADMIN) -> events.Event:
    if kind == STORED:
        payload: dict[str, object] = {"secret_id": about, "name": about, "version": 1}
    else:
        payload = {"service_id": about, "name": f"name of {about}"}
    return await events.record(tx, scope, kind=kind, payload=payload)


async def consume(deps: Deps, event: events.Event) -> None:
    consumer = QueueDeliveries()
    assert consumer.wants(event)
    async with deps.uow() as tx:
        await consumer.consume(tx, tenancy.open_system_scope(event.org_id, event.scope), event)


def sender(deps: Deps, outbound: Outbound | None = None) -> Sender:
    """Without jitter, so that a test knows when what is due."""
    return Sender(deps, DeliveryNumbers(), outbound or Outbound(deps.settings), jitter=lambda: 0.0)


async def send(deps: Deps, outbound: Outbound | None = None) -> DeliverStatus:
    return await sender(deps, outbound).run()


async def listed(
    deps: Deps, webhook_id: str, state: DeliveryState | None = None, scope: OrgScope = ADMIN
) -> list[Delivery]:
    """Oldest first."""
    page = await deliveries.list_deliveries(scope, webhook_id, state, None, PageAsk(100), deps)
    return sorted(page.items, key=lambda delivery: delivery.seq)
