import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.limits import public as limits
from portico.domains.limits import service
from portico.domains.limits.errors import NameTaken
from portico.domains.limits.model import window_start
from portico.domains.limits.spending import KEEP_WINDOWS
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.tables import api_keys
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidFields, InvalidInput, NotFound
from portico.kernel.paging import PageAsk, decode_cursor
from portico.kernel.scope import SYSTEM, OrgScope, PlatformScope
from portico.platform.deps import Deps

PLATFORM = PlatformScope(SYSTEM)
LIMIT = limits.LimitDraft("per org", "org", None, 1000, 60)
BUDGET = limits.BudgetDraft("daily", "org", None, "money", "day", 1000)


@pytest.fixture
async def admin(deps: Deps) -> OrgScope:
    return await org(deps, "acme")


@pytest.fixture
async def stranger(deps: Deps) -> OrgScope:
    return await org(deps, "globex")


async def org(deps: Deps, slug: str) -> OrgScope:
    seeded = await tenancy.seed_owner(deps, slug.title(), slug, f"o@{slug}.example", "Owner", "a long enough password")
    return tenancy.open_system_scope(seeded.org_id)


async def charge(deps: Deps, clock: ManualClock, budget_id: str, *amounts: int) -> None:
    started_at = window_start("day", clock.now())
    async with deps.uow() as tx:
        await limits.charge(tx, PLATFORM, [limits.BudgetCharge(budget_id, started_at, amount) for amount in amounts])


async def hold(deps: Deps, clock: ManualClock, budget_id: str, delta: int) -> None:
    async with deps.uow() as tx:
        deltas = [limits.BudgetCharge(budget_id, window_start("day", clock.now()), delta)]
        await limits.adjust_held(tx, PLATFORM, deltas)


async def told(deps: Deps, scope: OrgScope) -> Sequence[str]:
    async with deps.read() as tx:
        _, newest = await events.recent_events(tx, scope, 50)
    return [event.kind for event in reversed(newest) if event.kind.startswith(("budget.", "limit."))]


@pytest.mark.req("C9")
async def test_a_limit_names_its_subject(deps: Deps, admin: OrgScope) -> None:
    key, _ = await tenancy.create_key(admin, tenancy.KeyDraft("bot"), deps)
    for name, kind, subject_id, shown in (
        ("of org", "org", None, "Acme"),
        ("of scope", "scope", "DEVELOPMENT", "DEVELOPMENT"),
        ("of key", "key", key.id, "bot"),
        ("of address", "address", "192.0.2.7", "192.0.2.7"),
        ("of each address", "address", None, "each address"),
        ("of each key", "key", None, "each key"),
    ):
        made = await limits.create_limit(
            admin, replace(LIMIT, name=name, subject_kind=kind, subject_id=subject_id), deps
        )
        assert made.subject_name == shown
        assert await service.find_limit(admin, made.id, deps) == made


async def test_a_subject_has_to_exist_in_the_org(deps: Deps, admin: OrgScope, stranger: OrgScope) -> None:
    foreign, _ = await tenancy.create_key(stranger, tenancy.KeyDraft("theirs"), deps)
    for kind, subject_id in (
        ("key", foreign.id),
        ("key", "per_1"),
        ("scope", "NOWHERE"),
        ("org", "org_1"),
        ("address", "example.com"),
    ):
        with pytest.raises((InvalidInput, InvalidFields), match="subject_id"):
            await limits.create_limit(admin, replace(LIMIT, subject_kind=kind, subject_id=subject_id), deps)
    with pytest.raises(InvalidInput, match="subject_id"):
        await limits.create_budget(admin, replace(BUDGET, subject_kind="principal", subject_id=foreign.id), deps)
    with pytest.raises(InvalidFields, match="subject_id"):
        await limits.create_budget(admin, replace(BUDGET, subject_kind="principal"), deps)


@pytest.mark.parametrize(
    ("field", "draft"),
    [
        ("rate", replace(LIMIT, rate=0)),
        ("per_s", replace(LIMIT, per_s=0)),
        ("burst", replace(LIMIT, burst=0)),
        ("name", replace(LIMIT, name="")),
    ],
)
async def test_a_limit_that_means_nothing_is_refused(
    deps: Deps, admin: OrgScope, field: str, draft: limits.LimitDraft
) -> None:
    with pytest.raises(InvalidFields, match=field):
        await limits.create_limit(admin, draft, deps)


async def test_limits_are_changed_listed_and_deleted_and_leave_a_trail(deps: Deps, admin: OrgScope) -> None:
    made = await limits.create_limit(admin, LIMIT, deps)
    await limits.create_limit(admin, replace(LIMIT, name="other"), deps)
    with pytest.raises(NameTaken):
        await limits.create_limit(admin, LIMIT, deps)
    with pytest.raises(NameTaken):
        await service.update_limit(admin, made.id, {"name": "other"}, deps)
    changed = await service.update_limit(admin, made.id, {"rate": 5, "enabled": False}, deps)
    assert (changed.rate, changed.per_s, changed.enabled) == (5, 60, False)
    async with deps.read() as tx:
        assert [limit.name for limit in await limits.snapshot_limits(tx, PLATFORM)] == ["other"]
    await service.delete_limit(admin, made.id, deps)
    assert [each.name for each in (await service.list_limits(admin, PageAsk(), deps)).items] == ["other"]
    assert await told(deps, admin) == ["limit.created.v1"] * 2 + ["limit.updated.v1", "limit.deleted.v1"]
    found = await audit.search_audit(admin, audit.Search(action="limit.update"), PageAsk(), deps)
    assert len(found.items) == 1


async def test_a_stranger_finds_nothing_on_any_verb(deps: Deps, admin: OrgScope, stranger: OrgScope) -> None:
    limit = await limits.create_limit(admin, LIMIT, deps)
    budget = (await limits.create_budget(admin, BUDGET, deps)).budget
    for verb in (
        lambda: service.find_limit(stranger, limit.id, deps),
        lambda: service.update_limit(stranger, limit.id, {"rate": 1}, deps),
        lambda: service.delete_limit(stranger, limit.id, deps),
        lambda: service.find_budget(stranger, budget.id, deps),
        lambda: service.update_budget(stranger, budget.id, {"limit": 1}, deps),
        lambda: service.delete_budget(stranger, budget.id, deps),
    ):
        with pytest.raises(NotFound):
            await verb()
    assert (await service.list_limits(stranger, PageAsk(), deps)).items == []
    assert (await service.list_budgets(stranger, PageAsk(), deps)).items == []
    assert (await limits.create_limit(stranger, LIMIT, deps)).name == LIMIT.name


@pytest.mark.req("SP2")
async def test_a_budget_shows_what_is_used_held_and_left_in_its_window(
    deps: Deps, admin: OrgScope, clock: ManualClock
) -> None:
    budget_id = (await limits.create_budget(admin, BUDGET, deps)).budget.id
    await charge(deps, clock, budget_id, 100, 150)
    await hold(deps, clock, budget_id, 300)
    await hold(deps, clock, budget_id, -100)
    state = await service.find_budget(admin, budget_id, deps)
    assert (state.use.used, state.use.held, state.left, state.used_percent) == (250, 200, 550, 25.0)
    assert state.resets_at - state.window_started_at == timedelta(days=1)
    clock.advance(seconds=86_400)
    assert (await service.find_budget(admin, budget_id, deps)).use.used == 0


async def test_the_limit_can_change_but_not_what_is_measured(deps: Deps, admin: OrgScope, clock: ManualClock) -> None:
    budget_id = (await limits.create_budget(admin, BUDGET, deps)).budget.id
    await charge(deps, clock, budget_id, 500)
    changed = await service.update_budget(admin, budget_id, {"limit": 400}, deps)
    assert (changed.left, changed.used_percent) == (0, 125.0)
    with pytest.raises(InvalidInput, match="measure"):
        await service.update_budget(admin, budget_id, {"measure": "calls"}, deps)
    with pytest.raises(InvalidFields, match="warn_at_percent"):
        await service.update_budget(admin, budget_id, {"warn_at_percent": 0}, deps)


@pytest.mark.req("HY27")
async def test_a_budget_tells_once_per_window_that_it_is_nearly_and_fully_used(
    deps: Deps, admin: OrgScope, clock: ManualClock
) -> None:
    budget_id = (await limits.create_budget(admin, BUDGET, deps)).budget.id
    expected = ["budget.created.v1"]
    steps = ((799, None), (1, "warning"), (100, None), (50, "critical"), (49, None), (1, "exhausted"), (500, None))
    for amount, news in steps:
        await charge(deps, clock, budget_id, amount)
        expected += [f"budget.{news}.v1"] if news else []
        assert await told(deps, admin) == expected
    clock.advance(seconds=86_400)
    await charge(deps, clock, budget_id, 5000)
    assert await told(deps, admin) == [*expected, "budget.exhausted.v1"]


async def test_a_budget_that_warns_late_does_not_warn_later_than_it_is_critical(
    deps: Deps, admin: OrgScope, clock: ManualClock
) -> None:
    budget_id = (await limits.create_budget(admin, replace(BUDGET, warn_at_percent=97), deps)).budget.id
    await charge(deps, clock, budget_id, 969)
    assert await told(deps, admin) == ["budget.created.v1"]
    await charge(deps, clock, budget_id, 1)
    assert await told(deps, admin) == ["budget.created.v1", "budget.critical.v1"]


async def test_a_charge_for_a_deleted_budget_is_dropped(deps: Deps, admin: OrgScope, clock: ManualClock) -> None:
    budget_id = (await limits.create_budget(admin, BUDGET, deps)).budget.id
    await charge(deps, clock, budget_id, 1)
    await service.delete_budget(admin, budget_id, deps)
    await charge(deps, clock, budget_id, 1)
    with pytest.raises(NotFound):
        await service.find_budget(admin, budget_id, deps)


async def test_charges_at_the_same_time_all_count(deps: Deps, admin: OrgScope, clock: ManualClock) -> None:
    budget_id = (await limits.create_budget(admin, BUDGET, deps)).budget.id
    await asyncio.gather(*(charge(deps, clock, budget_id, 10) for _ in range(20)))
    assert (await service.find_budget(admin, budget_id, deps)).use.used == 200


async def test_many_windows_are_charged_at_once(deps: Deps, admin: OrgScope, clock: ManualClock) -> None:
    made = [(await limits.create_budget(admin, replace(BUDGET, name=f"b{n}"), deps)).budget.id for n in range(3)]
    today = window_start("day", clock.now())
    days = [today - timedelta(days=back) for back in range(200)]
    async with deps.uow() as tx:
        await limits.charge(tx, PLATFORM, [limits.BudgetCharge(each, day, 1) for each in made for day in days])
    states = (await service.list_budgets(admin, PageAsk(), deps)).items
    assert [state.use.used for state in states] == [1, 1, 1]


async def test_windows_that_no_page_shows_are_forgotten(deps: Deps, admin: OrgScope, clock: ManualClock) -> None:
    budget_id = (await limits.create_budget(admin, BUDGET, deps)).budget.id
    await charge(deps, clock, budget_id, 1)
    clock.advance(seconds=(KEEP_WINDOWS + timedelta(days=1)).total_seconds())
    await charge(deps, clock, budget_id, 1)
    assert [await limits.forget_old_windows(PLATFORM, deps) for _ in range(2)] == [1, 0]


async def test_a_limit_of_a_key_that_is_gone_can_still_be_disabled(deps: Deps, admin: OrgScope) -> None:
    key, _ = await tenancy.create_key(admin, tenancy.KeyDraft("bot"), deps)
    made = await limits.create_limit(admin, replace(LIMIT, subject_kind="key", subject_id=key.id), deps)
    async with deps.uow() as tx:
        await tx.execute(api_keys.delete())
    assert (await service.update_limit(admin, made.id, {"enabled": False}, deps)).enabled is False


async def test_budgets_are_listed_in_pages_by_name(deps: Deps, admin: OrgScope) -> None:
    for name in ("c", "a", "b"):
        await limits.create_budget(admin, replace(BUDGET, name=name), deps)
    first = await service.list_budgets(admin, PageAsk(2), deps)
    second = await service.list_budgets(admin, PageAsk(2, decode_cursor(first.next_cursor)), deps)
    assert [[each.budget.name for each in page.items] for page in (first, second)] == [["a", "b"], ["c"]]
