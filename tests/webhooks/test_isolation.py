"""No endpoint, filter, delivery or replay reaches across orgs or scopes."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from portico.domains.tenancy import public as tenancy
from portico.domains.webhooks import deliveries, service
from portico.domains.webhooks.consumer import queue_events
from portico.domains.webhooks.model import WebhookId
from portico.domains.webhooks.replay import ReplayAsk, replay_events
from portico.kernel.errors import NotFound
from portico.kernel.paging import PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, IN_DEVELOPMENT, STRANGER
from tests.webhooks.orgs import happen, listed, make_webhook, send
from tests.webhooks.receivers import receiver

STRANGERS = pytest.mark.parametrize("stranger", [STRANGER, IN_DEVELOPMENT], ids=["other-org", "other-scope"])


@pytest.mark.req("SS2", "SS26")
@STRANGERS
async def test_an_event_reaches_the_endpoints_of_its_own_org_and_scope_alone(deps: Deps, stranger: OrgScope) -> None:
    async with receiver() as mine, receiver() as theirs:
        made = await make_webhook(deps, mine.url)
        # The same filter, down to the very id of a service that is not theirs.
        other = await make_webhook(deps, theirs.url, stranger, services=("svc_1",), kinds=("*",))
        await happen(deps, "svc_1")
        await send(deps)
        assert (len(mine.taken), theirs.requests) == (1, [])
        await happen(deps, "svc_1", scope=stranger)
        await send(deps)
    assert (len(mine.taken), len(theirs.taken)) == (1, 1)
    assert theirs.taken[0].event["org_id"] == stranger.org_id
    assert theirs.taken[0].event["scope"] == stranger.scope
    assert len(await listed(deps, made.id)) == len(await listed(deps, other.id, scope=stranger)) == 1


@pytest.mark.req("SS2", "SS26")
@STRANGERS
async def test_a_stranger_finds_nothing_and_changes_nothing(deps: Deps, stranger: OrgScope) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        await send(deps)
    before = await service.find_webhook(ADMIN, made.id, deps)
    (delivery,) = await listed(deps, made.id)
    ask = ReplayAsk(delivery.created_at - timedelta(days=1))
    tries: list[Callable[[], Awaitable[object]]] = [
        lambda: service.find_webhook(stranger, made.id, deps),
        lambda: service.update_webhook(stranger, made.id, {"url": "http://127.0.0.1:9/taken"}, deps),
        lambda: service.delete_webhook(stranger, made.id, deps),
        lambda: service.pause_webhook(stranger, made.id, deps),
        lambda: service.resume_webhook(stranger, made.id, deps),
        lambda: service.rotate_secret(stranger, made.id, timedelta(0), deps),
        lambda: deliveries.try_webhook(stranger, made.id, deps),
        lambda: replay_events(stranger, made.id, ask, deps),
        lambda: deliveries.list_deliveries(stranger, made.id, None, None, PageAsk(), deps),
        lambda: deliveries.find_delivery(stranger, delivery.id, deps),
        lambda: deliveries.redeliver(stranger, delivery.id, deps),
        lambda: deliveries.redeliver_edited(stranger, delivery.id, "{}", deps),
    ]
    for attempt in tries:
        with pytest.raises(NotFound):
            await attempt()
    assert (await service.list_webhooks(stranger, PageAsk(), deps)).items == []
    assert await service.find_webhook(ADMIN, made.id, deps) == before
    assert await listed(deps, made.id) == [delivery]
    assert len(endpoint.requests) == 1


@pytest.mark.req("SS2")
@STRANGERS
async def test_a_replay_or_a_test_takes_events_of_the_own_org_and_scope_alone(deps: Deps, stranger: OrgScope) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url, kinds=("service.*",))
        foreign = await happen(deps, "svc_foreign", scope=stranger)
        tried = await deliveries.try_webhook(ADMIN, made.id, deps)
        found = await replay_events(ADMIN, made.id, ReplayAsk(foreign.at - timedelta(days=1)), deps)
    assert (tried.sample, found.events) == (True, 0)
    assert b"svc_foreign" not in endpoint.taken[0].body


@pytest.mark.req("SS2")
async def test_even_a_wrong_caller_within_the_house_queues_nothing_for_a_foreign_endpoint(deps: Deps) -> None:
    made = await make_webhook(deps, "http://127.0.0.1:9/", STRANGER)
    event = await happen(deps)
    async with deps.uow() as tx:
        scope = tenancy.open_system_scope(ADMIN.org_id, ADMIN.scope)
        assert await queue_events(tx, scope, {WebhookId(made.id): [event]}, deps.clock.now()) == 0
    assert await listed(deps, made.id, scope=STRANGER) == []
