"""One endpoint's queue, however long, is its owner's concern alone."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import event, text, update

from portico.domains.tenancy import public as tenancy
from portico.domains.webhooks import queue_store, sender
from portico.domains.webhooks.model import LEASE, WebhookId
from portico.domains.webhooks.tables import webhooks
from portico.kernel.clock import ManualClock
from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope
from portico.platform.db import to_micros
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, caller
from tests.webhooks.orgs import happen, listed, make_webhook
from tests.webhooks.orgs import sender as sender_of
from tests.webhooks.receivers import Reply, receiver

MANY = 100_000


_SEED = """
INSERT INTO webhook_deliveries (id, org_id, scope, webhook_id, event_id, kind, subject, lane, seq, origin, edited, body, state,
                                attempts, next_at, created_at)
WITH RECURSIVE places(place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM places WHERE place + 1 < :number)
SELECT 'seeded-' || place, :org_id, :scope, :webhook_id, 'evt_' || place, 'service.created',
       'service:svc_' || (place % :subjects), 'service:svc_' || (place % :subjects), place, 'event', :edited, :body, 'pending',
       0, CASE WHEN place < :subjects THEN CAST(:now AS BIGINT) END, CAST(:now AS BIGINT)
FROM places
"""


async def seed(deps: Deps, webhook_id: str, number: int, subjects: int) -> None:
    """Deliveries that wait, as the consumer would have queued them: one head per subject, the others behind it."""
    now = deps.clock.now()
    values = {
        "number": number,
        "subjects": subjects,
        "org_id": ADMIN.org_id,
        "scope": ADMIN.scope,
        "webhook_id": webhook_id,
        "edited": False,
        "body": b"{}",
        "now": to_micros(now),
    }
    async with deps.uow() as tx:
        await tx.execute(text(_SEED), values)
        await tx.execute(text("ANALYZE webhook_deliveries"))
        await tx.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(pending=number, due_at=now))


class Statements:
    """Every statement that ran, so that a test can ask the database how it would run them."""

    def __init__(self, deps: Deps) -> None:
        self.seen: list[tuple[str, Any]] = []
        event.listen(deps.db.sqlalchemy.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and statement.split(None, 1)[0] in {"SELECT", "UPDATE", "DELETE"}:
            self.seen.append((statement, parameters))


async def scans(deps: Deps, statements: list[tuple[str, Any]]) -> list[str]:
    """Steps of the plans that read all deliveries rather than some by an index."""
    found = []
    for statement, parameters in statements:
        async with deps.read() as tx:
            explain = "EXPLAIN QUERY PLAN " if tx.engine == "sqlite" else "EXPLAIN "
            rows = (await tx.connection.exec_driver_sql(explain + statement, parameters)).all()
        steps = [str(row[-1]).strip() for row in rows]
        found += [
            step for step in steps if "SCAN webhook_deliveries" in step or "Seq Scan on webhook_deliveries" in step
        ]
    return found


@pytest.mark.req("SS26")
@pytest.mark.parametrize("subjects", [MANY, 1], ids=["of-as-many-subjects", "of-one-subject"])
async def test_a_dead_endpoint_with_100_000_waiting_delays_nobody_and_is_never_read_through(
    deps: Deps, clock: ManualClock, subjects: int
) -> None:
    async with receiver(lambda _request: Reply(500)) as dead, receiver() as alive:
        stuck = await make_webhook(deps, dead.url, name="dead")
        await seed(deps, stuck.id, MANY, subjects)
        await one_round(deps)  # It shows itself as failing: from now on it is asked one delivery at a time.
        other = await make_webhook(deps, alive.url, caller(org_id=OrgId("org_GLOBEX")), name="alive")
        asked_before = len(dead.requests)
        for number in range(20):
            await happen(deps, f"svc_{number}", scope=caller(org_id=OrgId("org_GLOBEX")))
        statements = Statements(deps)
        await one_round(deps)
        assert len(alive.taken) > 0, "the first round already serves the other org"
        assert len(dead.requests) - asked_before <= 1
        rounds = 1
        while len(alive.taken) < 20 and rounds < 10:
            await one_round(deps)
            rounds += 1
        assert rounds <= 6, "four at once need five rounds"
        assert other.id
        mine = [each for each in statements.seen if "webhook_deliveries" in each[0]]
        assert mine
        # Nothing grows with the queue: some statements per delivery sent, each by an index.
        assert len(mine) <= 20 * 16
        assert await scans(deps, mine) == []


async def one_round(deps: Deps) -> None:
    """What one look at the queues takes, sent to its end; the sender itself would go on until nothing is due."""
    made = sender_of(deps)
    for flight in await made._take():
        made._depart(flight)
        await made._deliver(flight)


@pytest.mark.req("SS26")
async def test_places_are_shared_between_orgs_first_and_then_between_endpoints(deps: Deps, clock: ManualClock) -> None:
    scopes = [caller(org_id=OrgId(f"org_{letter}"), who=f"per_{letter}") for letter in "ABC"]
    async with receiver() as endpoint:
        hooks: dict[str, OrgScope] = {}
        for scope, endpoints in zip(scopes, (20, 2, 1), strict=True):
            for number in range(endpoints):
                made = await make_webhook(deps, endpoint.url, scope, name=f"n{number}")
                hooks[made.id] = scope
            for number in range(12):
                await happen(deps, f"svc_{number}", scope=scope)
        async with deps.read() as tx:
            due = await queue_store.due_webhooks(
                tx, tenancy.platform_scope(), clock.now(), without=(), failing_too=True, most=6
            )
        first = Counter(hooks[each.webhook_id].org_id for each in due)
        assert first["org_B"] == 2
        assert first["org_C"] == 1
        taken = await sender_of(deps)._take()
    per_org = Counter(flight.webhook.org_id for flight in taken)
    assert max(per_org.values()) <= sender.AT_ONCE_PER_ORG
    assert set(per_org) == {"org_A", "org_B", "org_C"}
    assert len(taken) <= sender.AT_ONCE
    assert max(Counter(flight.webhook.id for flight in taken).values()) <= queue_store.AT_ONCE


async def test_endpoints_that_fail_never_take_all_places(deps: Deps, clock: ManualClock) -> None:
    for number in range(5):
        scope = caller(org_id=OrgId(f"org_{number}"), who=f"per_{number}")
        for place in range(16):
            await make_webhook(deps, "http://127.0.0.1:9/", scope, name=f"n{place}")
        for about in range(3):
            await happen(deps, f"svc_{about}", scope=scope)
    async with deps.uow() as tx:
        await tx.execute(update(webhooks).values(failing_since=clock.now()))
    failing = sender_of(deps)
    for flight in await failing._take():
        failing._depart(flight)
    assert failing.numbers.in_flight == sender.AT_ONCE_TO_FAILING
    assert await failing._take() == []
    healthy = caller(org_id=OrgId("org_healthy"))
    await make_webhook(deps, "http://127.0.0.1:9/", healthy)
    await happen(deps, scope=healthy)
    assert [flight.webhook.org_id for flight in await failing._take()] == ["org_healthy"]


async def test_the_least_recently_served_goes_first(deps: Deps, clock: ManualClock) -> None:
    made = [await make_webhook(deps, "http://127.0.0.1:9/", name=f"n{number}") for number in range(3)]
    for number in range(12):
        await happen(deps, f"svc_{number}")
    platform, order = tenancy.platform_scope(), []
    for _ in range(6):
        async with deps.uow() as tx:
            (due, *_) = await queue_store.due_webhooks(tx, platform, clock.now(), without=(), failing_too=True, most=1)
            held = await queue_store.hold_if_free(tx, platform, due.webhook_id, clock.now())
            assert held is not None
            await queue_store.lease_due(tx, platform, held, clock.now(), clock.now() + LEASE, 1)
        order.append(due.webhook_id)
        clock.advance(seconds=0.001)
    assert Counter(order) == {WebhookId(each.id): 2 for each in made}
    assert order[:3] == order[3:]


async def test_what_is_counted_reaches_prometheus(deps: Deps, clock: ManualClock) -> None:
    replies = [Reply(500), Reply()]
    async with receiver(lambda _request: replies.pop(0)) as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        sending = sender_of(deps)
        await sending.run()
        clock.advance(seconds=30)
        later = sender_of(deps)
        later.numbers = sending.numbers
        sending.numbers.oldest_pending_s = 0
        await later._measure()
        assert sending.numbers.oldest_pending_s == 30
        await later.run()
    samples = {
        (sample.name, sample.labels.get("outcome")): sample.value
        for family in sending.numbers.collect()
        for sample in family.samples
    }
    assert samples["portico_webhook_attempts_total", "failed"] == 1
    assert samples["portico_webhook_attempts_total", "accepted"] == 1
    assert samples["portico_webhook_deliveries_total", "delivered"] == 1
    assert samples["portico_webhook_pending", None] == samples["portico_webhook_in_flight", None] == 0
    assert [each.state for each in await listed(deps, made.id)] == ["delivered"]
