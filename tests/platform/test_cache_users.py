"""What is read through the cache, at those who do: the same as from the source, and new after a write."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portico.domains.hub import public as hub
from portico.domains.hub import search
from portico.domains.hub.model import ServiceFilter
from portico.domains.hub.service import update_service
from portico.domains.limits import public as limits
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.service import scopes
from portico.domains.usage import overview, service
from portico.domains.usage import public as usage
from portico.domains.usage.analytics import Narrowing
from portico.kernel.clock import ManualClock
from portico.kernel.ids import OrgId
from portico.kernel.paging import PageAsk
from portico.kernel.scope import Actor, OrgScope, ScopeName
from portico.platform.db import to_micros
from portico.platform.deps import Deps
from tests.usage import journals

DRAFT = hub.ServiceDraft("pricing", "http", "http://127.0.0.1:9", description="What things cost", tags=("money",))


@pytest.fixture
async def inside(deps: Deps) -> OrgScope:
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", "a long enough password")
    return tenancy.open_system_scope(seeded.org_id)


async def fold(deps: Deps, org_id: OrgId, epoch: str) -> None:
    """One call, as a gateway wrote it down a minute ago."""
    at_us = to_micros(deps.clock.now() - timedelta(minutes=1))
    line = journals.call(org_id=org_id, service="pricing", at_us=at_us, cost_microusd=250)
    journals.append(deps.settings.data_dir / "journal", journals.lines(journals.opening(epoch), line))
    await usage.fold_journals(deps)


def hits(deps: Deps) -> int:
    return sum(each.hits for each in deps.cache.numbers.values())


@pytest.mark.req("SS27", "R-DATA-007")
async def test_lists_and_searches_of_services(deps: Deps, inside: OrgScope) -> None:
    await hub.create_service(inside, DRAFT, deps)
    for _ in range(2):
        page = await hub.list_services(inside, ServiceFilter(kind="http"), "name", PageAsk(), deps)
        found = await search.search_services(inside, "pricing", 0.5, 5, ServiceFilter(kind="http"), deps)
    assert hits(deps) == 2
    stored = await hub.find_service(inside, "pricing", deps)
    assert page.items == [stored]
    assert [each.service for each in found] == [stored]
    await update_service(inside, "pricing", {"description": "Prices"}, deps)
    page = await hub.list_services(inside, ServiceFilter(kind="http"), "name", PageAsk(), deps)
    assert [each.description for each in page.items] == ["Prices"]


@pytest.mark.req("SP22")
async def test_the_first_page_finds_its_services_read_already(deps: Deps, inside: OrgScope) -> None:
    await hub.create_service(inside, DRAFT, deps)
    assert await hub.warm_summaries(deps) == 1
    assert hits(deps) == 0
    shown = await overview.survey(inside, 3600, None, deps)
    assert deps.cache.numbers["service_summaries"].hits == 1
    assert [each.title for each in shown.attention] == ["No gateway is connected"]


@pytest.mark.req("SS27")
async def test_the_scopes_of_an_org(deps: Deps, inside: OrgScope) -> None:
    before = [await scopes.list_scopes(inside, deps) for _ in range(2)]
    assert (before[0], hits(deps)) == (before[1], 1)
    made = await scopes.create_scope(inside, ScopeName("LAB"), "Experiments", deps)
    after = await scopes.list_scopes(inside, deps)
    assert [each for each in after if each not in before[0]] == [made]
    await scopes.delete_scope(inside, ScopeName("LAB"), deps)
    assert await scopes.list_scopes(inside, deps) == before[0]


@pytest.mark.req("SS27", "HY22")
async def test_the_figures_of_dashboards(deps: Deps, inside: OrgScope, clock: ManualClock) -> None:
    clock.advance(seconds=3600)
    await fold(deps, inside.org_id, "e1")
    first = await overview.survey(inside, 3600, None, deps)
    assert (first.sums.totals.calls, first.sums.totals.cost_microusd) == (1, 250)
    clock.advance(seconds=5)
    again = await overview.survey(inside, 3600, None, deps)
    assert (again.sums, again.series, again.window) == (first.sums, first.series, first.window)
    assert deps.cache.numbers["dashboards"].hits == 1
    await fold(deps, inside.org_id, "e2")
    assert (await overview.survey(inside, 3600, None, deps)).sums.totals.calls == 2


@pytest.mark.req("SS27", "HY22")
async def test_the_figures_of_widgets(deps: Deps, inside: OrgScope, clock: ManualClock) -> None:
    clock.advance(seconds=3600)
    await fold(deps, inside.org_id, "e1")

    async def look() -> tuple[object, ...]:
        since = clock.now().replace(minute=0, second=0)
        window, moving = service.open_window(since, None, clock.now()), service.moving_of(since, None)
        groups = await service.analyse_calls(inside, "service", window, deps, moving=moving)
        series = await service.trace_series(inside, window, 60, Narrowing("pricing"), deps, moving=moving)
        return groups, series

    clock.advance(seconds=60)
    before = await look()
    clock.advance(seconds=5)
    assert await look() == before
    assert deps.cache.numbers["dashboards"].hits == 2
    since, until = clock.now() - timedelta(hours=1), clock.now()
    assert service.moving_of(since, until) is None, "a window that stands still is always added up from the record"


@pytest.mark.req("SS27", "N3")
async def test_what_is_left_of_a_budget_is_never_kept(deps: Deps, inside: OrgScope) -> None:
    await overview.survey(inside, 3600, None, deps)
    await limits.create_budget(inside, limits.BudgetDraft("daily", "org", None, "calls", "day", 10), deps)
    shown = await overview.survey(inside, 3600, None, deps)
    assert deps.cache.numbers["dashboards"].hits == 1
    assert shown.tightest_budget is not None
    assert shown.tightest_budget.budget.name == "daily"


@pytest.mark.req("SS27", "SS2")
async def test_who_sees_less_is_not_shown_what_was_read_for_who_sees_all(deps: Deps, inside: OrgScope) -> None:
    await hub.create_service(inside, replace(DRAFT, visibility="restricted"), deps)
    key, _ = await tenancy.create_key(inside, tenancy.KeyDraft("reader", ("services.read",)), deps)
    reader = key_reader(inside, key.id)
    names = []
    for scope in (inside, reader, inside, reader):
        page = await hub.list_services(scope, ServiceFilter(kind="http"), "name", PageAsk(), deps)
        names.append([each.name for each in page.items])
    assert names == [["pricing"], [], ["pricing"], []]
    assert hits(deps) == 2


def key_reader(inside: OrgScope, key_id: str) -> OrgScope:
    """The same place, seen by a key that may read services and nothing else."""
    return replace(inside, actor=Actor("key", key_id, "reader"), permissions=frozenset({"services.read"}))
