"""What was measured of models, beside what is said of them."""

from dataclasses import dataclass, field

import pytest

from portico.domains.hub.model import BreakerReading
from portico.domains.models import registry
from portico.domains.routing.model import BreakerReport
from portico.domains.usage import fold, matrix
from portico.domains.usage.matrix_wire import connection_wire, matrix_wire
from portico.domains.usage.model import CallLine, Stage
from portico.domains.usage.notes import asked_model
from portico.domains.usage.service import find_call
from portico.domains.usage.wire import call_detail_wire
from portico.kernel.clock import ManualClock
from portico.kernel.paging import PageAsk
from portico.kernel.scope import Actor, OrgScope
from portico.platform.db import to_micros
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, STRANGER
from tests.models.offers import offer
from tests.usage import journals

BLIND = OrgScope(ADMIN.org_id, ADMIN.scope, Actor("key", "key_b", "blind"), frozenset({"models.read"}))


@dataclass
class Feed:
    """As the link to the gateways would report."""

    reports: list[BreakerReading] = field(default_factory=list)

    def statuses(self) -> list[object]:
        return [object()]

    def breakers(self, org_id: str) -> list[BreakerReading]:
        return self.reports

    async def reset_breaker(self, service_id: str) -> None:
        raise AssertionError("nobody asks for it")


async def record(deps: Deps, *lines: CallLine) -> None:
    journals.append(deps.settings.data_dir / "journal", journals.lines(journals.opening("e1"), *lines))
    await fold.fold_journals(deps)


def call(service_id: str, model: str, at_us: int, **more: object) -> CallLine:
    same = {"org_id": ADMIN.org_id, "scope": ADMIN.scope, "service_id": service_id, "service": "acme-ai"}
    return journals.call(**{**same, "service_kind": "model", "model": model, "at_us": at_us, **more})


@pytest.mark.req("R-LLM-001", "R-LLM-004")
async def test_the_matrix_shows_what_was_measured_of_each_model(deps: Deps, clock: ManualClock) -> None:
    service = await offer(ADMIN, deps, "acme-ai", "big", "small", "idle")
    await registry.update_model(ADMIN, "big", {"quality": 5}, deps)
    now_us = to_micros(clock.now())
    lines = [
        call(service.id, "big", now_us - 1000 * n, duration_us=n * 100, first_byte_us=n * 10, tokens_out=2)
        for n in range(1, 21)
    ]
    broken = call(service.id, "small", now_us - 5, verdict="failed", status=502, message="It broke off.")
    refused = call(service.id, "small", now_us - 4, verdict="refused", status=429)
    old = call(service.id, "small", now_us - 2 * 86_400_000_000, duration_us=9)
    await record(deps, *lines, broken, refused, old)
    page = await matrix.model_matrix(ADMIN, PageAsk(), deps)
    big, idle, small = [matrix_wire(row) for row in page.items]
    assert (big.name, big.quality, idle.name, small.name) == ("big", 5, "idle", "small")
    assert big.measured is not None
    assert (big.measured.calls, big.measured.p50_us, big.measured.p95_us) == (20, 1000, 1900)
    assert (big.measured.first_byte_p50_us, big.measured.tokens_out, big.measured.error_rate) == (100, 40, 0)
    assert small.measured is not None
    assert (small.measured.calls, small.measured.error_rate, small.measured.p50_us) == (1, 1.0, None)
    assert idle.measured is not None
    assert (idle.measured.calls, idle.measured.p50_us) == (0, None)


async def test_who_may_not_see_calls_sees_no_measures(deps: Deps) -> None:
    await offer(ADMIN, deps, "acme-ai", "big")
    [row] = (await matrix.model_matrix(BLIND, PageAsk(), deps)).items
    assert row.measured is None
    [connection] = await matrix.model_connections(BLIND, None, deps)
    assert connection.measured is None
    assert (await matrix.model_matrix(STRANGER, PageAsk(), deps)).items == []


async def test_a_connection_tells_of_health_breakers_and_the_last_calls(deps: Deps, clock: ManualClock) -> None:
    service = await offer(ADMIN, deps, "acme-ai", "big", "small")
    now_us = to_micros(clock.now())
    good = call(service.id, "big", now_us - 3_000_000)
    bad = call(service.id, "small", now_us - 1_000_000, verdict="failed", status=502, message="It broke off.")
    worse = call(service.id, "small", now_us - 2_000_000, verdict="failed", status=503, message="Earlier.")
    await record(deps, good, bad, worse)
    endpoint = service.endpoints[0].id
    report = BreakerReport(endpoint, service.id, ADMIN.org_id, "open", "5 of 10 calls failed", now_us, now_us + 60)
    [shown] = [connection_wire(each) for each in await matrix.model_connections(ADMIN, Feed([report]), deps)]
    assert (shown.service, shown.models, shown.status) == ("acme-ai", ["big", "small"], "unknown")
    [reached] = shown.endpoints
    assert reached.breaker is not None
    assert (reached.health, reached.breaker.state, reached.breaker.reason) == (
        "unknown",
        "open",
        "5 of 10 calls failed",
    )
    measured = shown.measured
    assert measured is not None
    assert (measured.last_failure, measured.calls, measured.failed) == ("It broke off.", 3, 2)
    assert measured.last_success_at is not None
    assert to_micros(measured.last_success_at) == now_us - 3_000_000


async def test_a_call_shows_what_was_asked_for_and_what_it_became(deps: Deps, clock: ManualClock) -> None:
    note = "auto → big: rule 'all', in the given order"
    line = call("svc_1", "big", to_micros(clock.now()), stages=(Stage("route", 0, 1, note),))
    assert asked_model(line) == "auto"
    await record(deps, line)
    shown = call_detail_wire(await find_call(ADMIN, line.id, deps))
    assert (shown.model, shown.request.model, shown.stages[0].note) == ("big", "auto", note)
    plain = call("svc_1", "big", 1, stages=(Stage("route", 0, 1, ""),))
    assert asked_model(plain) == "big"
