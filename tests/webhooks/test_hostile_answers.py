"""Endpoints that answer to do harm: what they say ends as the outcome of their own delivery and stops nobody else's."""

import pytest

from portico.domains.webhooks import deliveries
from portico.domains.webhooks.model import retry_after_s
from portico.kernel.clock import ManualClock
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN
from tests.webhooks.orgs import happen, listed, make_webhook, send
from tests.webhooks.receivers import Reply, Request, receiver

NO_TIME = (
    "Fri, 20 Nov 2026 10:00:00 +99999999999999999",
    "Fri, 20 Nov 99999999999999999999 10:00:00 GMT",
    "Fri, 99999999999999999999 Nov 2026 10:00:00 GMT",
    "9" * 400,
)


@pytest.mark.req("SS26", "C25")
@pytest.mark.parametrize("header", NO_TIME)
async def test_a_time_that_no_clock_can_hold_is_a_failure_like_any_other(deps: Deps, header: str) -> None:
    async with receiver(lambda _request: Reply(503, {"Retry-After": header})) as hostile, receiver() as honest:
        theirs = await make_webhook(deps, hostile.url)
        ours = await make_webhook(deps, honest.url)
        await happen(deps)
        status = await send(deps)
    assert (status.accepted, status.failed) == (1, 1)
    assert [each.state for each in await listed(deps, ours.id)] == ["delivered"]
    (delivery,) = await listed(deps, theirs.id)
    assert (delivery.state, delivery.last_status) == ("pending", 503)
    assert delivery.next_at is not None


@pytest.mark.parametrize("header", NO_TIME)
def test_such_a_time_says_nothing(header: str, clock: ManualClock) -> None:
    assert retry_after_s(header, clock.now()) is None


@pytest.mark.req("SS26", "C26")
async def test_the_record_shows_the_time_that_was_signed_however_late_the_answer_came(
    deps: Deps, clock: ManualClock
) -> None:
    def slowly(_request: Request) -> Reply:
        clock.advance(seconds=8)
        return Reply()

    async with receiver(slowly) as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        await send(deps)
    (request,) = endpoint.requests
    (delivery,) = await listed(deps, made.id)
    shown = {name.lower(): value for name, value in (await deliveries.find_delivery(ADMIN, delivery.id, deps)).headers}
    assert shown["x-webhook-timestamp"] == request.headers["x-webhook-timestamp"]
    assert shown["webhook-timestamp"] == request.headers["webhook-timestamp"]
