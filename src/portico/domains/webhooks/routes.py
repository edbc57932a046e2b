from typing import Annotated

from fastapi import APIRouter, Query

from portico.domains.webhooks import deliveries, replay, service
from portico.domains.webhooks.model import DeliveryState
from portico.domains.webhooks.wire import (
    DeliveryDetailWire,
    DeliveryWire,
    RedeliveryAsk,
    WebhookAsk,
    WebhookPatch,
    WebhookReplayAsk,
    WebhookReplayWire,
    WebhookRotationAsk,
    WebhookSecretWire,
    WebhookTestWire,
    WebhookWire,
    delivery_wire,
    detail_wire,
    replay_wire,
    secret_wire,
    tried_wire,
    webhook_wire,
)
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(tags=["webhooks"])


@router.get("/webhooks")
async def list_webhooks(deps: DepsDep, page: PageDep, scope: OrgScope = needs("webhooks.read")) -> Listing[WebhookWire]:
    """The scope's webhooks by name, with how they do."""
    return listing(await service.list_webhooks(scope, page, deps), webhook_wire)


@router.post("/webhooks", status_code=201)
async def create_webhook(
    ask: WebhookAsk, deps: DepsDep, scope: OrgScope = needs("webhooks.manage")
) -> WebhookSecretWire:
    """The answer holds the secret, this one time."""
    return secret_wire(await service.create_webhook(scope, ask.draft(), deps))


@router.get("/webhooks/{webhook_id}")
async def find_webhook(webhook_id: str, deps: DepsDep, scope: OrgScope = needs("webhooks.read")) -> WebhookWire:
    return webhook_wire(await service.find_webhook(scope, webhook_id, deps))


@router.patch("/webhooks/{webhook_id}")
async def update_webhook(
    webhook_id: str, ask: WebhookPatch, deps: DepsDep, scope: OrgScope = needs("webhooks.manage")
) -> WebhookWire:
    """`headers` replaces them all; a header without a value keeps the value it has."""
    return webhook_wire(await service.update_webhook(scope, webhook_id, ask.changes(), deps))


@router.delete("/webhooks/{webhook_id}", status_code=204)
async def delete_webhook(webhook_id: str, deps: DepsDep, scope: OrgScope = needs("webhooks.manage")) -> None:
    """With everything that was queued or is on record for it."""
    await service.delete_webhook(scope, webhook_id, deps)


@router.post("/webhooks/{webhook_id}/pause")
async def pause_webhook(webhook_id: str, deps: DepsDep, scope: OrgScope = needs("webhooks.manage")) -> WebhookWire:
    """Nothing is sent, and what happens meanwhile is not queued; a replay brings it later."""
    return webhook_wire(await service.pause_webhook(scope, webhook_id, deps))


@router.post("/webhooks/{webhook_id}/resume")
async def resume_webhook(webhook_id: str, deps: DepsDep, scope: OrgScope = needs("webhooks.manage")) -> WebhookWire:
    """From paused or disabled."""
    return webhook_wire(await service.resume_webhook(scope, webhook_id, deps))


@router.post("/webhooks/{webhook_id}/rotate-secret")
async def rotate_webhook_secret(
    webhook_id: str, ask: WebhookRotationAsk, deps: DepsDep, scope: OrgScope = needs("webhooks.manage")
) -> WebhookSecretWire:
    """The answer holds the new secret, this one time; both sign until `overlap_s` is over."""
    return secret_wire(await service.rotate_secret(scope, webhook_id, ask.overlap, deps))


@router.post("/webhooks/{webhook_id}/test")
async def try_webhook(webhook_id: str, deps: DepsDep, scope: OrgScope = needs("webhooks.manage")) -> WebhookTestWire:
    """Send the newest event it wants, or a sample marked as one, and wait for what the endpoint says."""
    return tried_wire(await deliveries.try_webhook(scope, webhook_id, deps))


@router.post("/webhooks/{webhook_id}/replay")
async def replay_webhook(
    webhook_id: str, ask: WebhookReplayAsk, deps: DepsDep, scope: OrgScope = needs("webhooks.manage")
) -> WebhookReplayWire:
    """Queue a range of the log again, in order and under the same ids; a dry run says what would be queued."""
    return replay_wire(await replay.replay_events(scope, webhook_id, ask.facts(), deps))


@router.get("/webhooks/{webhook_id}/deliveries")
async def list_webhook_deliveries(
    webhook_id: str,
    deps: DepsDep,
    page: PageDep,
    state: DeliveryState | None = None,
    kind: Annotated[str | None, Query(max_length=80)] = None,
    scope: OrgScope = needs("webhooks.read"),
) -> Listing[DeliveryWire]:
    """The newest first. `kind` is `service.created` or `service.*`."""
    return listing(await deliveries.list_deliveries(scope, webhook_id, state, kind, page, deps), delivery_wire)


@router.get("/webhook-deliveries/{delivery_id}")
async def find_webhook_delivery(
    delivery_id: str, deps: DepsDep, scope: OrgScope = needs("webhooks.read")
) -> DeliveryDetailWire:
    """With its body, its headers and every attempt."""
    return detail_wire(await deliveries.find_delivery(scope, delivery_id, deps))


@router.post("/webhook-deliveries/{delivery_id}/redeliver")
async def redeliver_webhook(
    delivery_id: str, ask: RedeliveryAsk, deps: DepsDep, scope: OrgScope = needs("webhooks.manage")
) -> DeliveryWire:
    """The same again under the same id, or with `body` an edited copy under a new one."""
    if ask.body is None:
        return delivery_wire(await deliveries.redeliver(scope, delivery_id, deps))
    return delivery_wire(await deliveries.redeliver_edited(scope, delivery_id, ask.body, deps))
