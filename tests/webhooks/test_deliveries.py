"""Sending again: one delivery, an edited copy, a range of the log; and letting go of what is old."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from portico.domains.audit import public as audit
from portico.domains.tenancy import public as tenancy
from portico.domains.webhooks import consumer, deliveries, replay, service
from portico.domains.webhooks.errors import NotSending, StillPending
from portico.domains.webhooks.model import MAX_PENDING
from portico.domains.webhooks.replay import ReplayAsk, replay_events
from portico.domains.webhooks.tables import webhook_attempts, webhook_deliveries, webhooks
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidFields, NotFound
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN
from tests.webhooks.orgs import STORED, happen, listed, make_webhook, record, send
from tests.webhooks.receivers import Reply, receiver

DOWN = Reply(503)


async def counters_are_true(deps: Deps) -> bool:
    """What an endpoint says of its queue is what is in it."""
    async with deps.read() as tx:
        said = {row.id: row.pending for row in await tx.execute(select(webhooks.c.id, webhooks.c.pending))}
        counted = (
            select(webhook_deliveries.c.webhook_id, func.count().label("number"))
            .where(webhook_deliveries.c.state == "pending")
            .group_by(webhook_deliveries.c.webhook_id)
        )
        found = {row.webhook_id: row.number for row in await tx.execute(counted)}
    return {each: number for each, number in said.items() if number} == found


@pytest.mark.req("SS26", "C25")
async def test_a_dead_delivery_sent_again_keeps_its_id_and_counts_on_with_a_fresh_ladder(
    deps: Deps, clock: ManualClock
) -> None:
    async with receiver(lambda _request: DOWN) as endpoint:
        made = await make_webhook(deps, endpoint.url, ladder_s=(1,))
        await happen(deps)
        for _ in range(2):
            await send(deps)
            clock.advance(seconds=1)
        (dead,) = await listed(deps, made.id, "dead")
        again = await deliveries.redeliver(ADMIN, dead.id, deps)
        assert (again.id, again.state, again.attempts) == (dead.id, "pending", 2)
        with pytest.raises(StillPending):
            await deliveries.redeliver(ADMIN, dead.id, deps)
        await send(deps)
        endpoint.answer = lambda _request: Reply()
        clock.advance(seconds=1)
        await send(deps)
    assert [request.headers["x-webhook-attempt"] for request in endpoint.requests] == ["1", "2", "3", "4"]
    detail = await deliveries.find_delivery(ADMIN, dead.id, deps)
    assert (detail.delivery.state, [each.number for each in detail.attempts]) == ("delivered", [1, 2, 3, 4])
    assert await counters_are_true(deps)
    found = await audit.search_audit(ADMIN, audit.Search(action="webhook.redeliver"), PageAsk(), deps)
    assert len(found.items) == 1


async def test_what_is_sent_again_by_hand_does_not_wait_behind_its_subject(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps, "svc_1")
        await send(deps)
        (first,) = await listed(deps, made.id)
        endpoint.answer = lambda request: Reply() if request.id == first.id else DOWN
        await happen(deps, "svc_1")
        await send(deps)
        await deliveries.redeliver(ADMIN, first.id, deps)
        await send(deps)
    assert [request.id for request in endpoint.taken] == [first.id, first.id]


@pytest.mark.req("SS26")
async def test_an_edited_copy_is_a_delivery_of_its_own(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        event = await happen(deps)
        await send(deps)
        (first,) = await listed(deps, made.id)
        edited = await deliveries.redeliver_edited(ADMIN, first.id, '{"mended":true}', deps)
        await send(deps)
        with pytest.raises(InvalidFields):
            await deliveries.redeliver_edited(ADMIN, first.id, '{"a":"' + "x" * 262_144 + '"}', deps)
    assert (edited.edited, edited.origin, edited.event_id) == (True, "edit", event.id)
    assert endpoint.taken[1].body == b'{"mended":true}'
    assert endpoint.taken[1].id == edited.id != first.id
    assert not (await deliveries.find_delivery(ADMIN, first.id, deps)).delivery.edited


async def test_a_paused_endpoint_sends_nothing_again(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        await send(deps)
    (first,) = await listed(deps, made.id)
    await service.pause_webhook(ADMIN, made.id, deps)
    with pytest.raises(NotSending, match="paused"):
        await deliveries.redeliver(ADMIN, first.id, deps)
    with pytest.raises(NotSending):
        await replay_events(ADMIN, made.id, ReplayAsk(first.created_at), deps)


@pytest.mark.req("SS26")
async def test_a_failed_test_is_tried_once_and_says_nothing_about_the_endpoint(deps: Deps, clock: ManualClock) -> None:
    async with receiver(lambda _request: DOWN) as endpoint:
        made = await make_webhook(deps, endpoint.url, kinds=("service.*",))
        tried = await deliveries.try_webhook(ADMIN, made.id, deps)
        clock.advance(seconds=3600)
        await send(deps)
    assert len(endpoint.requests) == 1
    assert (tried.detail.delivery.state, tried.detail.delivery.origin, tried.sample) == ("dead", "test", True)
    seen = await service.find_webhook(ADMIN, made.id, deps)
    assert (seen.health.queue.failing_since, seen.health.queue.pending) == (None, 0)
    assert (seen.health.delivered_24h, seen.health.failed_24h, seen.health.dead) == (0, 0, 0)
    assert await counters_are_true(deps)


async def test_a_test_sends_the_newest_event_that_the_endpoint_wants(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url, kinds=("secret.*",))
        wanted = await happen(deps, "sec_1", STORED)
        await happen(deps, "svc_1")
        tried = await deliveries.try_webhook(ADMIN, made.id, deps)
    assert (tried.sample, tried.detail.delivery.event_id) == (False, wanted.id)
    assert "sample" not in endpoint.taken[0].event


# --- a range of the log -----------------------------------------------------------------------------------------------


@pytest.mark.req("SS26")
async def test_a_dry_run_counts_what_a_replay_then_sends_in_order_under_the_same_ids(
    deps: Deps, clock: ManualClock
) -> None:
    since = clock.now()
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url, kinds=("service.*",))
        for number in range(4):
            await happen(deps, "svc_1" if number % 2 else "svc_2")
        await happen(deps, "sec_1", STORED)
        await send(deps)
        before = [request.id for request in endpoint.taken]
        await service.pause_webhook(ADMIN, made.id, deps)
        await happen(deps, "svc_1")
        await service.resume_webhook(ADMIN, made.id, deps)
        endpoint.taken.clear()

        dry = await replay_events(ADMIN, made.id, ReplayAsk(since, dry_run=True), deps)
        assert (dry.events, dry.new, dry.again, dry.waiting, dry.replayed) == (5, 1, 4, 0, 0)
        await send(deps)
        assert endpoint.taken == []

        done = await replay_events(ADMIN, made.id, ReplayAsk(since), deps)
        assert (done.events, done.new, done.again, done.replayed) == (5, 1, 4, 5)
        twice = await replay_events(ADMIN, made.id, ReplayAsk(since), deps)
        assert (twice.waiting, twice.replayed) == (5, 0)
        await send(deps)
    assert {request.id for request in endpoint.taken} >= set(before)
    assert len(endpoint.taken) == 5
    for subject in ("service:svc_1", "service:svc_2"):
        sent = [request.event["timestamp"] for request in endpoint.taken if request.event["subject"] == subject]
        ids = [request.event["id"] for request in endpoint.taken if request.event["subject"] == subject]
        assert (sent, ids) == (sorted(sent), sorted(ids))
    assert await counters_are_true(deps)


async def test_a_replay_may_ask_for_what_failed_or_for_what_was_missed(deps: Deps, clock: ManualClock) -> None:
    since = clock.now()
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url, ladder_s=(1,))
        await happen(deps, "svc_1")
        await send(deps)
        endpoint.answer = lambda _request: DOWN
        failed = await happen(deps, "svc_2")
        for _ in range(2):
            await send(deps)
            clock.advance(seconds=1)
        await service.pause_webhook(ADMIN, made.id, deps)
        missed = await happen(deps, "svc_3")
        await service.resume_webhook(ADMIN, made.id, deps)
        endpoint.answer = lambda _request: Reply()
        endpoint.taken.clear()
        for which, event in (("failed", failed), ("missing", missed)):
            ask = ReplayAsk(since, kinds=("service.created",), which=which)  # type: ignore[arg-type]
            await replay_events(ADMIN, made.id, ask, deps)
            await send(deps)
            assert endpoint.taken.pop().event["id"] == event.id
            assert endpoint.taken == []


async def test_a_replay_stays_within_its_range(deps: Deps, clock: ManualClock) -> None:
    made = await make_webhook(deps, "http://127.0.0.1:9/")
    moments: list[datetime] = []
    for number in range(3):
        moments.append(clock.now())
        await happen(deps, f"svc_{number}")
        clock.advance(seconds=60)
    ask = ReplayAsk(moments[1], until=moments[2], dry_run=True)
    assert (await replay_events(ADMIN, made.id, ask, deps)).events == 1
    with pytest.raises(InvalidFields):
        await replay_events(ADMIN, made.id, ReplayAsk(moments[1], until=moments[1]), deps)
    with pytest.raises(InvalidFields):
        await replay_events(ADMIN, made.id, ReplayAsk(moments[1], kinds=("Nonsense",)), deps)
    with pytest.raises(NotFound):
        await replay_events(ADMIN, "whk_nothing", ReplayAsk(moments[1]), deps)


async def test_a_long_replay_says_where_to_go_on(
    deps: Deps, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.domains.webhooks.replay.MAX_EVENTS", 4)
    monkeypatch.setattr("portico.domains.webhooks.replay._BATCH", 2)
    since = clock.now()
    made = await make_webhook(deps, "http://127.0.0.1:9/", kinds=("service.*",))
    for number in range(6):
        await happen(deps, f"svc_{number}")
        clock.advance(seconds=1)
    first = await replay_events(ADMIN, made.id, ReplayAsk(since, dry_run=True, kinds=("service.*",)), deps)
    assert first.events == 4
    assert first.more_from is not None
    ask = ReplayAsk(first.more_from, dry_run=True, kinds=("service.*",))
    second = await replay_events(ADMIN, made.id, ask, deps)
    assert (second.events, second.more_from) == (2, None)


@pytest.mark.req("C25")
async def test_a_replay_that_dies_halfway_is_on_record_and_asked_for_again_sends_each_event_once(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.domains.webhooks.replay._BATCH", 2)
    made = await make_webhook(deps, "http://127.0.0.1:9/", kinds=("service.*",))
    since = deps.clock.now()
    for number in range(5):
        await happen(deps, f"svc_{number}")
    async with deps.uow() as tx:
        await tx.execute(delete(webhook_deliveries))
        await tx.execute(update(webhooks).values(pending=0))
    real, batches = replay.queue_events, 0

    async def dying(*args: Any) -> int:
        nonlocal batches
        batches += 1
        if batches == 2:
            raise ConnectionError
        return await real(*args)

    monkeypatch.setattr(replay, "queue_events", dying)
    ask = ReplayAsk(since, kinds=("service.*",))
    with pytest.raises(ConnectionError):
        await replay_events(ADMIN, made.id, ask, deps)
    assert await noted(deps) == [("webhook.replay", 2, True)]
    done = await replay_events(ADMIN, made.id, ask, deps)
    assert (done.new, done.waiting) == (3, 2)
    assert await noted(deps) == [
        ("webhook.replay", 2, True),
        ("webhook.replay", 0, True),
        ("webhook.replay_end", 3, False),
    ]
    assert len(await listed(deps, made.id)) == 5
    assert await counters_are_true(deps)


async def noted(deps: Deps) -> list[tuple[str, object, object]]:
    """Replays in the audit trail, oldest first."""
    found = (await audit.search_audit(ADMIN, audit.Search(), PageAsk(100), deps)).items
    told = [
        (each.action, json.loads(each.detail)) for each in reversed(found) if each.action.startswith("webhook.replay")
    ]
    return [(action, detail["replayed"], detail["goes_on"]) for action, detail in told]


@pytest.mark.req("HY26")
async def test_many_events_at_once_are_queued_as_one_after_the_other(deps: Deps, clock: ManualClock) -> None:
    """Heads, those behind them, and what has no lane of its own; also when a lane is taken, or some are queued already."""
    made = await make_webhook(deps, "http://127.0.0.1:9/", kinds=("service.*",))
    first = await happen(deps, "svc_1")
    scope = tenancy.open_system_scope(ADMIN.org_id, ADMIN.scope)
    async with deps.uow() as tx:
        later = [await record(tx, about) for about in ("svc_1", "svc_2", "svc_2", "svc_3")]
        await consumer.QueueDeliveries().consume_many(tx, scope, later)
    queued = await listed(deps, made.id)
    assert [each.event_id for each in queued] == [first.id, *(event.id for event in later)]
    assert [each.next_at is not None for each in queued] == [True, False, True, False, True]
    assert await counters_are_true(deps)
    async with deps.uow() as tx:
        newest = await record(tx, "svc_3")
        await consumer.QueueDeliveries().consume_many(tx, scope, [*later, newest])
    assert len(await listed(deps, made.id)) == 6
    assert await counters_are_true(deps)


# --- bounds and retention ---------------------------------------------------------------------------------------------


async def test_a_full_queue_takes_no_more_and_says_so_on_record(deps: Deps) -> None:
    made = await make_webhook(deps, "http://127.0.0.1:9/")
    async with deps.uow() as tx:
        await tx.execute(update(webhooks).values(pending=MAX_PENDING))
    await happen(deps)
    (refused,) = await listed(deps, made.id)
    assert (refused.state, refused.last_error) == ("dead", consumer.QUEUE_FULL)


@pytest.mark.req("SS26")
async def test_after_thirty_days_the_record_of_a_delivery_is_gone_with_its_attempts(
    deps: Deps, clock: ManualClock
) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps, "svc_1")
        await send(deps)
        clock.advance(seconds=29 * 86_400)
        await happen(deps, "svc_2")
        await send(deps)
    assert await deliveries.purge_deliveries(tenancy.platform_scope(), deps) == 0
    clock.advance(seconds=86_401)
    assert await deliveries.purge_deliveries(tenancy.platform_scope(), deps) == 1
    assert [each.subject for each in await listed(deps, made.id)] == ["service:svc_2"]
    async with deps.read() as tx:
        assert (await tx.execute(select(func.count()).select_from(webhook_attempts))).scalar_one() == 1


async def test_what_a_paused_endpoint_holds_for_thirty_days_is_discarded(deps: Deps, clock: ManualClock) -> None:
    made = await make_webhook(deps, "http://127.0.0.1:9/")
    for _ in range(3):
        await happen(deps)
    await service.pause_webhook(ADMIN, made.id, deps)
    clock.advance(seconds=30 * 86_400 + 1)
    assert await deliveries.purge_deliveries(tenancy.platform_scope(), deps) == 3
    assert [each.state for each in await listed(deps, made.id)] == ["discarded"] * 3
    assert await counters_are_true(deps)
    clock.advance(seconds=timedelta(days=31).total_seconds())
    await deliveries.purge_deliveries(tenancy.platform_scope(), deps)
    assert await listed(deps, made.id) == []


async def test_a_removed_endpoint_leaves_nothing_behind(deps: Deps) -> None:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps, "svc_1")
        await send(deps)
        await happen(deps, "svc_2")
        (first, *_) = await listed(deps, made.id)
        await service.delete_webhook(ADMIN, made.id, deps)
        await send(deps)
        assert len(endpoint.taken) == 1
    with pytest.raises(NotFound):
        await deliveries.find_delivery(ADMIN, first.id, deps)
    with pytest.raises(NotFound):
        await listed(deps, made.id)
    async with deps.read() as tx:
        row = (await tx.execute(webhooks.select())).one()
    assert (row.secret_sealed, row.headers_sealed, row.due_at) == (b"", None, None)
    assert await deliveries.purge_deliveries(tenancy.platform_scope(), deps) == 3
    async with deps.read() as tx:
        assert (await tx.execute(webhooks.select())).all() == []
        assert (await tx.execute(webhook_deliveries.select())).all() == []
