"""Deliveries on their way to real endpoints: order, retries, what ends them, and what is written down."""

import asyncio
import ssl
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import Org
from portico.domains.tenancy.store import orgs as org_store
from portico.domains.webhooks import deliveries, service
from portico.domains.webhooks.consumer import QueueDeliveries
from portico.domains.webhooks.model import EXCERPT_BYTES, LADDER_S, delivery_id
from portico.kernel.clock import ManualClock
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps
from portico.platform.outbound import Outbound
from tests.gateway.test_upstream_tls import make_certificate
from tests.hub.orgs import ACME, ADMIN, STRANGER
from tests.webhooks.orgs import STORED, consume, happen, listed, make_webhook, record, send, sender
from tests.webhooks.receivers import Reply, Request, ours_accepts, receiver, standard_accepts

FAILS = Reply(500, body=b"out of order")


async def test_an_event_arrives_signed_with_all_that_is_known_of_it(deps: Deps, clock: ManualClock) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        event = await happen(deps, "svc_1")
        status = await send(deps)
    assert (status.accepted, status.failed, status.pending) == (1, 0, 0)
    (request,) = endpoint.taken
    assert request.event == {
        "id": event.id,
        "type": "service.created",
        "version": 1,
        "timestamp": request.event["timestamp"],
        "org_id": ADMIN.org_id,
        "scope": "ENTERPRISE",
        "subject": "service:svc_1",
        "actor": {"kind": "person", "id": "per_admin", "name": "per_admin"},
        "data": {"service_id": "svc_1", "name": "name of svc_1"},
    }
    assert standard_accepts(made.secret, request)
    assert ours_accepts(made.secret, request, clock.now())
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["x-webhook-attempt"] == "1"
    (delivery,) = await listed(deps, made.id)
    assert (delivery.state, delivery.id, delivery.last_status) == ("delivered", request.id, 204)
    detail = await deliveries.find_delivery(ADMIN, delivery.id, deps)
    assert detail.body == request.body


@pytest.mark.req("C25", "SS26")
async def test_the_ladder_is_climbed_step_by_step_and_then_the_delivery_is_dead(deps: Deps, clock: ManualClock) -> None:
    async with receiver(lambda _request: FAILS) as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        for number, step in enumerate(LADDER_S, start=1):
            await send(deps)
            assert len(endpoint.requests) == number
            clock.advance(seconds=step - 0.5)
            await send(deps)
            assert len(endpoint.requests) == number, "an attempt came too early"
            clock.advance(seconds=0.5)
        await send(deps)
        clock.advance(seconds=100_000)
        await send(deps)
    assert [request.headers["x-webhook-attempt"] for request in endpoint.requests] == ["1", "2", "3", "4", "5", "6"]
    assert len({request.id for request in endpoint.requests}) == 1
    (delivery,) = await listed(deps, made.id)
    assert (delivery.state, delivery.attempts, delivery.next_at) == ("dead", 6, None)
    detail = await deliveries.find_delivery(ADMIN, delivery.id, deps)
    assert [(each.number, each.status) for each in detail.attempts] == [(n, 500) for n in range(1, 7)]
    assert {each.response for each in detail.attempts} == {"out of order"}
    assert delivery.last_error == "E9702 the endpoint answered 500"


@pytest.mark.req("C25")
async def test_an_endpoint_may_have_a_ladder_of_its_own(deps: Deps, clock: ManualClock) -> None:
    async with receiver(lambda _request: FAILS) as endpoint:
        made = await make_webhook(deps, endpoint.url, ladder_s=(7,))
        await happen(deps)
        await send(deps)
        clock.advance(seconds=6.9)
        await send(deps)
        assert len(endpoint.requests) == 1
        clock.advance(seconds=0.2)
        await send(deps)
    assert [each.state for each in await listed(deps, made.id)] == ["dead"]


@pytest.mark.req("C25")
async def test_jitter_spreads_retries_over_a_fifth_of_the_step(deps: Deps, clock: ManualClock) -> None:
    async with receiver(lambda _request: FAILS) as endpoint:
        made = await make_webhook(deps, endpoint.url, ladder_s=(100,))
        await happen(deps)
        spread = replace(sender(deps), jitter=lambda: 1.0)
        await spread.run()
    (delivery,) = await listed(deps, made.id)
    assert delivery.next_at == clock.now() + timedelta(seconds=120)


@pytest.mark.req("SS26")
async def test_what_is_about_one_subject_arrives_in_order_and_waits_for_no_other(
    deps: Deps, clock: ManualClock
) -> None:
    refused = {"svc_1"}

    def answer(request: Request) -> Reply:
        return FAILS if request.event["data"].get("service_id") in refused else Reply()

    async with receiver(answer) as endpoint:
        made = await make_webhook(deps, endpoint.url)
        for _ in range(3):
            await happen(deps, "svc_1")
        await happen(deps, "svc_2")
        await happen(deps, "sec_1", STORED)
        await send(deps)
        waiting = [each for each in await listed(deps, made.id, "pending") if each.next_at is None]
        assert len(waiting) == 2
        assert len(endpoint.requests) == 3
        clock.advance(seconds=1)
        refused.clear()
        await send(deps)
    assert {each.event["subject"] for each in endpoint.taken[:2]} == {"service:svc_2", "secret:sec_1"}
    ours = [each for each in await listed(deps, made.id) if each.subject == "service:svc_1"]
    assert [each.id for each in endpoint.taken[2:]] == [each.id for each in ours]


async def test_when_one_dies_the_next_of_its_subject_goes_on(deps: Deps, clock: ManualClock) -> None:
    async with receiver(lambda request: FAILS if request.id == first else Reply()) as endpoint:
        made = await make_webhook(deps, endpoint.url, ladder_s=(1,))
        event = await happen(deps)
        first = delivery_id(service.WebhookId(made.id), event.id)
        await happen(deps)
        await send(deps)
        clock.advance(seconds=2)
        await send(deps)
    assert [each.state for each in await listed(deps, made.id)] == ["dead", "delivered"]


@pytest.mark.req("SS26")
async def test_an_event_consumed_twice_is_sent_twice_under_one_id(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        event = await happen(deps)
        await consume(deps, event)
        await send(deps)
        assert len(endpoint.taken) == 1, "it was still queued, so once is enough"
        await consume(deps, event)
        await send(deps)
    assert [request.headers["x-webhook-attempt"] for request in endpoint.taken] == ["1", "2"]
    assert len({request.id for request in endpoint.taken}) == 1
    assert len(await listed(deps, made.id)) == 1


async def test_an_endpoint_that_is_gone_is_disabled_at_once_and_told_so(deps: Deps) -> None:
    async with receiver(lambda _request: Reply(410)) as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        await happen(deps)
        await send(deps)
    seen = await service.find_webhook(ADMIN, made.id, deps)
    assert (seen.webhook.status, len(endpoint.requests)) == ("disabled", 1)
    assert "410" in str(seen.webhook.disabled_reason)
    async with deps.read() as tx:
        _, told = await events.recent_events(tx, ADMIN, 1)
    assert (told[0].kind, told[0].actor.kind) == ("webhook.disabled.v1", "system")
    found = await audit.search_audit(ADMIN, audit.Search(action="webhook.disable"), PageAsk(), deps)
    assert len(found.items) == 1
    await service.resume_webhook(ADMIN, made.id, deps)
    async with receiver() as back:
        await service.update_webhook(ADMIN, made.id, {"url": back.url}, deps)
        await send(deps)
    assert len(back.taken) == 1, "what was queued behind goes out once it is resumed"


@pytest.mark.req("SS26")
async def test_an_endpoint_that_fails_for_five_days_is_disabled_with_notice(deps: Deps, clock: ManualClock) -> None:
    async with receiver(lambda _request: FAILS) as endpoint:
        made = await make_webhook(deps, endpoint.url, ladder_s=(1,))
        for days in (4, 1):
            await die(deps, clock)
            assert (await service.find_webhook(ADMIN, made.id, deps)).webhook.status == "active"
            clock.advance(seconds=days * 86_400)
        await die(deps, clock)
    seen = await service.find_webhook(ADMIN, made.id, deps)
    assert seen.webhook.status == "disabled"
    assert seen.webhook.disabled_reason == "Nothing reached the endpoint for five days."
    async with deps.read() as tx:
        _, told = await events.recent_events(tx, ADMIN, 1)
    assert told[0].kind == "webhook.disabled.v1"


async def die(deps: Deps, clock: ManualClock) -> None:
    """One event that goes through the whole ladder in vain."""
    await happen(deps)
    await send(deps)
    clock.advance(seconds=2)
    await send(deps)


async def test_one_success_within_five_days_keeps_an_endpoint(deps: Deps, clock: ManualClock) -> None:
    replies = [FAILS, FAILS, Reply(), FAILS, FAILS]
    async with receiver(lambda _request: replies.pop(0)) as endpoint:
        made = await make_webhook(deps, endpoint.url, ladder_s=(1,))
        for pause_s in (3 * 86_400, 3 * 86_400, 0):
            await die(deps, clock)
            clock.advance(seconds=pause_s)
    assert replies == []
    assert (await service.find_webhook(ADMIN, made.id, deps)).webhook.status == "active"


@pytest.mark.req("SS26")
@pytest.mark.parametrize("status", [429, 503])
async def test_an_endpoint_that_asks_for_time_gets_it_for_all_its_deliveries(
    deps: Deps, clock: ManualClock, status: int
) -> None:
    replies = [Reply(status, {"Retry-After": "90"})]
    async with receiver(lambda _request: replies.pop() if replies else Reply()) as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps, "svc_1")
        await send(deps)
        await happen(deps, "svc_2")
        clock.advance(seconds=89)
        await send(deps)
        assert len(endpoint.requests) == 1
        clock.advance(seconds=1)
        await send(deps)
    assert [each.state for each in await listed(deps, made.id)] == ["delivered", "delivered"]


async def test_nobody_may_ask_for_more_than_an_hour(deps: Deps, clock: ManualClock) -> None:
    async with receiver(lambda _request: Reply(503, {"Retry-After": "999999"})) as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        await send(deps)
    (delivery,) = await listed(deps, made.id)
    assert delivery.next_at == clock.now() + timedelta(hours=1)


@pytest.mark.req("C27", "SS26")
async def test_a_redirect_is_a_failure_and_is_not_followed(deps: Deps) -> None:
    async with receiver() as elsewhere:
        moved = Reply(307, {"Location": elsewhere.url})
        async with receiver(lambda _request: moved) as endpoint:
            made = await make_webhook(deps, endpoint.url, kinds=("service.*",))
            await happen(deps)
            await send(deps)
    assert (len(endpoint.requests), len(elsewhere.requests)) == (1, 0)
    assert "redirects are not followed" in str((await listed(deps, made.id))[0].last_error)


@pytest.mark.req("C27", "SS26")
@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:192.168.0.1"])
async def test_a_name_that_leads_inside_is_refused_when_it_is_sent(deps: Deps, address: str) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["203.0.113.7", address]

    production = replace(deps, settings=replace(deps.settings, environment="production"))
    made = await make_webhook(production, "https://receiver.example/hook")
    await happen(production)
    await send(production, Outbound(production.settings, resolve))
    (delivery,) = await listed(deps, made.id)
    assert str(delivery.last_error).startswith("E9704 ")
    assert (delivery.state, delivery.attempts) == ("pending", 1)


@pytest.mark.req("C27")
async def test_production_sends_nothing_over_plain_http(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        upstream = replace(deps.settings.upstream, allowed_private_ranges=["127.0.0.0/8"])
        await send(replace(deps, settings=replace(deps.settings, environment="production", upstream=upstream)))
    assert endpoint.requests == []
    assert str((await listed(deps, made.id))[0].last_error).startswith("E9705 ")


@pytest.mark.req("C27", "SS26")
async def test_a_certificate_that_nobody_vouches_for_is_refused_unless_the_operator_does(
    deps: Deps, clock: ManualClock, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with receiver(tls=context) as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        await send(deps)
        (delivery,) = await listed(deps, made.id)
        assert str(delivery.last_error).startswith("E9705 ")
        assert endpoint.requests == []
        trusting = replace(deps.settings, upstream=replace(deps.settings.upstream, ca_file=str(certificate)))
        clock.advance(seconds=1)
        await send(deps, Outbound(trusting))
    assert len(endpoint.taken) == 1


async def test_nobody_there_is_a_failure_with_words(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
    await happen(deps)
    await send(deps)
    (delivery,) = await listed(deps, made.id)
    assert str(delivery.last_error).startswith("E9702 127.0.0.1 could not be reached")
    assert delivery.last_status is None


async def test_of_a_long_answer_only_the_beginning_is_kept(deps: Deps) -> None:
    async with receiver(lambda _request: Reply(200, body="ä".encode() * 500_000)) as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        await send(deps)
    (delivery,) = await listed(deps, made.id)
    (attempt,) = (await deliveries.find_delivery(ADMIN, delivery.id, deps)).attempts
    assert delivery.state == "delivered"
    assert len(attempt.response.encode()) <= EXCERPT_BYTES
    assert attempt.response.startswith("ää")


async def test_a_slow_endpoint_holds_up_no_other(deps: Deps) -> None:
    async with receiver() as slow, receiver() as quick:
        slow.hold()
        await make_webhook(deps, slow.url, name="slow")
        await make_webhook(deps, quick.url, name="quick")
        await happen(deps, "svc_0")
        running = asyncio.create_task(send(deps))
        for number in range(1, 10):
            await happen(deps, f"svc_{number}")
        async with asyncio.timeout(8):
            while len(quick.taken) < 10 or slow.at_once < 4:
                await asyncio.sleep(0.01)
        assert slow.taken == []
        slow.opened.set()
        async with asyncio.timeout(10):
            await running
    assert len(slow.taken) == 10
    assert slow.most_at_once == 4


async def test_two_processes_never_send_the_same_attempt(deps: Deps) -> None:
    async with receiver() as endpoint:
        await make_webhook(deps, endpoint.url)
        for number in range(30):
            await happen(deps, f"svc_{number % 7}")
        await asyncio.gather(*(send(deps) for _ in range(3)))
    assert len(endpoint.taken) == len({request.id for request in endpoint.taken}) == 30


async def test_what_a_dead_process_had_taken_is_sent_by_another_once_its_lease_is_over(
    deps: Deps, clock: ManualClock
) -> None:
    async with receiver() as endpoint:
        endpoint.hold()
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        dying = asyncio.create_task(send(deps))
        async with asyncio.timeout(10):
            while not endpoint.requests:
                await asyncio.sleep(0.01)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        endpoint.opened.set()
        await send(deps)
        assert len(endpoint.requests) == 1
        clock.advance(seconds=30)
        await send(deps)
    assert len({request.id for request in endpoint.requests}) == 1
    assert endpoint.requests[-1].headers["x-webhook-attempt"] == "2"
    assert [each.state for each in await listed(deps, made.id)] == ["delivered"]


@pytest.mark.req("SS26")
async def test_what_is_queued_while_the_one_before_ends_is_never_left_behind(deps: Deps) -> None:
    """The consumer sees a lane that is taken just as the sender leaves it: one of the two has to let the next go."""
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        over = asyncio.Event()

        async def keep_sending() -> None:
            while not over.is_set():
                await send(deps)
                await asyncio.sleep(0)

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(keep_sending())
            recorded = [(await happen(deps, "svc_1")).id for _ in range(40)]
            while len(endpoint.taken) < 40:
                await asyncio.sleep(0.02)
            over.set()
    assert [request.event["id"] for request in endpoint.taken] == recorded
    assert {each.state for each in await listed(deps, made.id)} == {"delivered"}


@pytest.mark.req("SS26")
async def test_who_queues_and_who_finishes_wait_for_each_other(deps: Deps) -> None:
    """The same at its narrowest: the next is queued, not yet committed, when the one before it is answered."""
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps, "svc_1")
        endpoint.hold()
        answered = asyncio.Event()
        # Asked for its jitter when there is an answer, right before what came of it is written down.
        sending = replace(sender(deps), jitter=lambda: float(answered.set() or 0))
        running = asyncio.create_task(sending.run())
        async with asyncio.timeout(20):
            while not endpoint.requests:
                await asyncio.sleep(0.01)
            async with deps.uow() as tx:
                event = await record(tx, "svc_1")
                await QueueDeliveries().consume(tx, tenancy.open_system_scope(event.org_id, event.scope), event)
                endpoint.opened.set()
                await answered.wait()
                # Time enough to finish the first and to look for a next, if nothing held it up.
                await asyncio.sleep(0.3)
            await running
    assert len(endpoint.taken) == 2
    assert [each.state for each in await listed(deps, made.id)] == ["delivered", "delivered"]


@pytest.mark.req("HY26")
@pytest.mark.parametrize("status", ["suspended", "deleted"])
async def test_nothing_is_sent_for_an_org_that_is_suspended_and_all_of_it_once_it_is_active_again(
    deps: Deps, status: Literal["suspended", "deleted"]
) -> None:
    platform = tenancy.platform_scope()
    async with deps.uow() as tx:
        await org_store.insert_org(tx, platform, Org(ACME, "Acme", "acme", "active", deps.clock.now(), 0))
    async with receiver() as endpoint, receiver() as strangers:
        made = await make_webhook(deps, endpoint.url)
        await make_webhook(deps, strangers.url, STRANGER)
        await happen(deps, "svc_1")
        async with deps.uow() as tx:
            await org_store.update_org(tx, platform, ACME, "Acme", status, None)
        await happen(deps, "svc_2")
        await happen(deps, "svc_3", scope=STRANGER)
        await send(deps)
        assert (endpoint.taken, len(strangers.taken)) == ([], 1)
        assert [(each.state, each.attempts) for each in await listed(deps, made.id)] == [("pending", 0)] * 2
        async with deps.uow() as tx:
            await org_store.update_org(tx, platform, ACME, "Acme", "active", None)
        await send(deps)
    assert [each.state for each in await listed(deps, made.id)] == ["delivered"] * 2
    assert len(endpoint.taken) == 2
