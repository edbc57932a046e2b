"""Lists agree with brute force under every filter, page by page, and never show another org or scope."""

import random
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import func, select

from portico.domains.usage import service
from portico.domains.usage.fold import fold_journals
from portico.domains.usage.model import CallLine
from portico.domains.usage.record import CallFilter
from portico.domains.usage.routes import router
from portico.domains.usage.tables import call_traces
from portico.kernel.clock import ManualClock
from portico.kernel.errors import Refusal
from portico.kernel.paging import PageAsk, decode_cursor
from portico.kernel.scope import DEVELOPMENT, SYSTEM, OrgScope, PlatformScope
from portico.platform.db import from_micros
from portico.platform.deps import Deps
from tests.usage.journals import NOON_US, ORG, OTHER_ORG, append, call, lines, reader


def various_calls() -> list[CallLine]:
    dice = random.Random(3)
    return [
        call(
            # Few distinct times, so that pages must break ties by id.
            at_us=NOON_US + dice.randrange(9) * 1_000_000,
            service=dice.choice(["a", "b"]),
            service_kind=dice.choice(["http", "model"]),
            principal_id=dice.choice(["key_1", "key_2"]),
            verdict=dice.choice(["allowed", "failed", "refused"]),
            status=dice.choice([200, 429, 502]),
            cost_microusd=dice.randrange(100),
            correlation_id=f"req-{dice.randrange(5)}",
        )
        for _ in range(120)
    ]


@pytest.fixture
async def folded(deps: Deps) -> list[CallLine]:
    found = various_calls()
    foreign = [call(org_id=OTHER_ORG, correlation_id="req-1"), call(scope=DEVELOPMENT, correlation_id="req-1")]
    append(deps.settings.data_dir / "journal", lines(*found, *foreign))
    await fold_journals(deps)
    return found


async def all_pages(deps: Deps, scope: OrgScope, wanted: CallFilter, page_size: int) -> list[str]:
    found: list[str] = []
    ask = PageAsk(page_size)
    while len(found) <= 500:
        page = await service.list_calls(scope, wanted, ask, deps)
        assert len(page.items) <= page_size
        found.extend(record.line.id for record in page.items)
        if page.next_cursor is None:
            return found
        ask = PageAsk(page_size, decode_cursor(page.next_cursor))
    raise AssertionError("the pages do not end")


FILTERS: list[tuple[CallFilter, Any]] = [
    (CallFilter(), lambda line: True),
    (CallFilter(service="a"), lambda line: line.service == "a"),
    (CallFilter(kind="model"), lambda line: line.service_kind == "model"),
    (CallFilter(principal_id="key_2"), lambda line: line.principal_id == "key_2"),
    (CallFilter(verdict="failed"), lambda line: line.verdict == "failed"),
    (CallFilter(status=502), lambda line: line.status == 502),
    (CallFilter(min_cost_microusd=90), lambda line: line.cost_microusd >= 90),
    (CallFilter(words="req-1"), lambda line: line.correlation_id == "req-1"),
    (CallFilter(words="nothing"), lambda line: False),
    (
        CallFilter(since=from_micros(NOON_US + 2_000_000), until=from_micros(NOON_US + 5_000_000)),
        lambda line: NOON_US + 2_000_000 <= line.at_us < NOON_US + 5_000_000,
    ),
    (
        CallFilter(service="b", verdict="allowed", words="req-2"),
        lambda line: (line.service, line.verdict, line.correlation_id) == ("b", "allowed", "req-2"),
    ),
]


async def test_every_filter_and_page_agrees_with_brute_force(deps: Deps, folded: list[CallLine]) -> None:
    for wanted, passes in FILTERS:
        expected = sorted(
            (line for line in folded if passes(line)), key=lambda line: (line.at_us, line.id), reverse=True
        )
        assert await all_pages(deps, reader(), wanted, 7) == [line.id for line in expected], wanted


@pytest.mark.req("SS2")
async def test_another_org_or_scope_sees_only_its_own(deps: Deps, folded: list[CallLine]) -> None:
    mine = {line.id for line in folded}
    for scope in (reader(OTHER_ORG), reader(ORG, DEVELOPMENT)):
        seen = await all_pages(deps, scope, CallFilter(), 50)
        assert len(seen) == 1
        assert not mine & set(seen)
        async with deps.read() as tx:
            assert [record.line.id for record in await service.calls_since(tx, scope, 0, 500)] == seen


@pytest.fixture
def door(deps: Deps) -> FastAPI:
    """The routes alone, signed in as the org named by a header; the API door has its own tests."""
    app = FastAPI()
    app.state.deps, app.state.feed = deps, None

    @app.exception_handler(Refusal)
    async def refuse(_request: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse({"code": refusal.code}, refusal.row.status)

    @app.middleware("http")
    async def sign_in(request: Request, proceed: Any) -> Any:
        request.state.scope = reader(request.headers["x-org"])  # type: ignore[arg-type]
        return await proceed(request)

    app.include_router(router)
    return app


async def test_the_routes_answer_as_agreed(deps: Deps, folded: list[CallLine], door: FastAPI) -> None:
    call_id = folded[0].id
    found = await get(door, f"/calls/{call_id}")
    assert found["id"] == call_id
    assert found["stages"] == [
        {"name": "identify", "start_us": 0, "took_us": 12, "note": "key pk_9f3a1c2d support-bot"}
    ]
    assert found["service"]["name"] == folded[0].service
    listed = await get(door, "/calls?page_size=5&from=2026-01-01T00:00:00Z&service=a")
    assert len(listed["items"]) == 5
    assert listed["pagination"]["total"] is None
    grouped = await get(door, "/calls/analytics?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z")
    assert sum(item["calls"] for item in grouped["items"]) == len(folded)
    series = await get(door, "/calls/series?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z")
    assert sum(point["calls"] for point in series["points"]) == len(folded)
    shown = await get(door, "/overview")
    assert shown["health"] == {"status": "unhealthy", "gateways": []}
    assert [item["kind"] for item in shown["attention"]] == ["gateway_stale"]


@pytest.mark.req("SS2")
async def test_a_foreign_call_does_not_exist(deps: Deps, folded: list[CallLine], door: FastAPI) -> None:
    answer = await get(door, f"/calls/{folded[0].id}", org=OTHER_ORG, status=404)
    missing = await get(door, "/calls/call_none", org=OTHER_ORG, status=404)
    assert answer == missing


@pytest.mark.parametrize(
    "query",
    [
        "/calls?cursor=zzz",
        "/calls?verdict=maybe",
        "/calls?from=yesterday",
        "/calls/series?step_s=1&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
        "/calls/analytics?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
    ],
)
async def test_bad_questions_are_refused(deps: Deps, door: FastAPI, query: str) -> None:
    await get(door, query, status=(400, 422))


async def get(door: FastAPI, path: str, org: str = ORG, status: int | tuple[int, ...] = 200) -> Any:
    async with AsyncClient(transport=ASGITransport(app=door), base_url="http://test") as http:
        answer = await http.get(path, headers={"x-org": org})
    assert answer.status_code in ((status,) if isinstance(status, int) else status), answer.text
    return answer.json()


@pytest.mark.req("HY17")
async def test_a_trace_lists_the_call_that_began_it_and_the_hops_after_it(deps: Deps) -> None:
    first = call(at_us=NOON_US)
    hop = call(at_us=NOON_US + 1, trace=f"{first.trace_id}-{'a' * 16}")
    foreign = call(org_id=OTHER_ORG, at_us=NOON_US + 2, trace=f"{first.trace_id}-{'b' * 16}")
    brought = call(at_us=NOON_US + 3, trace=f"{'4' * 32}-{'c' * 16}")
    # Written twice, as after a restored backup: counted once.
    append(deps.settings.data_dir / "journal", lines(first, hop, foreign, call(), brought, hop))
    await fold_journals(deps)
    assert await all_pages(deps, reader(), CallFilter(trace_id=first.trace_id), 1) == [hop.id, first.id]
    assert await all_pages(deps, reader(), CallFilter(words=first.trace_id), 10) == [hop.id, first.id]
    assert await all_pages(deps, reader(), CallFilter(trace_id="4" * 32), 10) == [brought.id]
    assert await all_pages(deps, reader(OTHER_ORG), CallFilter(trace_id=first.trace_id), 10) == [foreign.id]
    assert await all_pages(deps, reader(), CallFilter(trace_id=first.trace_id, service="other"), 10) == []


async def test_what_is_too_old_goes_with_its_place_in_a_trace(deps: Deps, clock: ManualClock) -> None:
    hop = call(at_us=NOON_US, trace=f"{'4' * 32}-{'c' * 16}")
    append(deps.settings.data_dir / "journal", lines(hop))
    await fold_journals(deps)
    clock.advance(seconds=400 * 86_400)
    await service.purge_calls(PlatformScope(SYSTEM), deps)
    async with deps.read() as tx:
        assert (await tx.execute(select(func.count()).select_from(call_traces))).scalar_one() == 0
