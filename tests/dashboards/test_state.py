"""The state of a dashboard: compare and set, follow, bounds, time."""

import asyncio
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select, update

from portico.domains.audit import public as audit
from portico.domains.dashboards import public as dashboards
from portico.domains.dashboards import service
from portico.domains.dashboards import state as state_verbs
from portico.domains.dashboards.canonical import canonical, checksum
from portico.domains.dashboards.errors import TooManyChanges
from portico.domains.dashboards.model import (
    MAX_CHANGES_KEPT,
    MAX_CHANGES_PER_MINUTE,
    Applied,
    Conflict,
    Dashboard,
    DashboardDraft,
)
from portico.domains.dashboards.tables import dashboard_changes
from portico.domains.dashboards.tables import dashboards as table
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidFields, NotFound, NotPermitted
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps
from tests.dashboards.conftest import OTHER_TAB, TAB, People, person, retitle, state_with, widget

DAY = 86_400


async def patch(who: Any, board: Dashboard, version: int, operations: Any, deps: Deps, tab: str | None = TAB) -> Any:
    return await dashboards.apply_patch(who, board.id, tab=tab, version=version, patch=operations, deps=deps)


@pytest.mark.req("HY9", "HY10", "C42")
async def test_a_patch_for_the_current_version_is_applied_and_told(
    deps: Deps, people: People, board: Dashboard
) -> None:
    heard = deps.bus.listen("dashboards")
    applied = await patch(people.ben, board, 1, retitle("w1", "Traffic"), deps)
    assert heard.is_set()
    state = await dashboards.load_state(people.ann, board.id, deps)
    assert isinstance(applied, Applied)
    assert (applied.version, applied.checksum) == (2, state.checksum)
    assert state.version == 2
    assert state.state["widgets"]["w1"]["title"] == "Traffic"
    assert state.checksum == checksum(canonical(state.state))
    changes = await dashboards.changes_since(people.ann, board.id, 1, deps)
    assert changes is not None
    assert [(each.version, each.patch, each.tab, each.actor.name) for each in changes] == [
        (2, retitle("w1", "Traffic"), TAB, "Ben")
    ]


@pytest.mark.req("HY10", "C42")
@pytest.mark.parametrize("version", [0, 2, 7])
async def test_a_patch_for_any_other_version_changes_nothing_and_brings_the_whole_state(
    deps: Deps, people: People, board: Dashboard, version: int
) -> None:
    before = await dashboards.load_state(people.ann, board.id, deps)
    heard = deps.bus.listen("dashboards")
    outcome = await patch(people.ben, board, version, retitle("w1", "Late"), deps)
    assert outcome == Conflict(before.version, before.state, before.checksum)
    assert await dashboards.load_state(people.ann, board.id, deps) == before
    assert not heard.is_set()


@pytest.mark.req("C42")
async def test_of_two_writers_at_once_one_wins(deps: Deps, people: People, board: Dashboard) -> None:
    outcomes = await asyncio.gather(
        *(patch(who, board, 1, retitle("w1", who.actor.name), deps) for who in (people.ann, people.ben) * 3)
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Applied"] + ["Conflict"] * 5
    assert {each.version for each in outcomes} == {2}
    assert len(await dashboards.changes_since(people.ann, board.id, 1, deps) or []) == 1


@pytest.mark.req("HY11")
async def test_a_follower_gets_each_change_once_and_in_order(deps: Deps, people: People, board: Dashboard) -> None:
    for version in range(1, 6):
        await patch(people.ann, board, version, retitle("w1", f"t{version}"), deps, tab=None)
    changes = await dashboards.changes_since(people.ben, board.id, 3, deps)
    assert [(each.version, each.tab) for each in changes or []] == [(4, None), (5, None), (6, None)]
    assert await dashboards.changes_since(people.ben, board.id, 6, deps) == []
    assert await dashboards.changes_since(people.ben, board.id, 7, deps) is None
    assert await dashboards.changes_since(people.ben, board.id, -1, deps) is None


@pytest.mark.req("HY11")
async def test_the_last_changes_are_kept_and_whoever_is_behind_them_takes_the_whole_state(
    deps: Deps, clock: ManualClock, people: People, board: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_CHANGES_KEPT == 500
    monkeypatch.setattr(state_verbs, "MAX_CHANGES_KEPT", 5)
    for version in range(1, 11):
        await patch(people.ann, board, version, retitle("w1", f"t{version}"), deps)
    async with deps.read() as tx:
        assert (await tx.execute(select(func.count()).select_from(dashboard_changes))).scalar_one() == 5
    assert await dashboards.changes_since(people.ann, board.id, 5, deps) is None
    assert len(await dashboards.changes_since(people.ann, board.id, 6, deps) or []) == 5


@pytest.mark.req("HY12")
async def test_a_person_changes_at_most_a_hundred_times_a_minute_over_all_dashboards(
    deps: Deps, clock: ManualClock, people: People, board: Dashboard
) -> None:
    other = await service.create_dashboard(people.ben, DashboardDraft("Mine", state=state_with("w1")), deps)
    for turn in range(MAX_CHANGES_PER_MINUTE):
        target, version = ((board, other)[turn % 2], turn // 2 + 1)
        assert isinstance(await patch(people.ben, target, version, retitle("w1", f"t{turn}"), deps), Applied)
        clock.advance(seconds=0.5)
    with pytest.raises(TooManyChanges) as refused:
        await patch(people.ben, board, 51, retitle("w1", "more"), deps)
    assert refused.value.retry_after_s == pytest.approx(10)
    assert isinstance(await patch(people.ann, board, 51, retitle("w1", "hers"), deps), Applied)
    clock.advance(seconds=10)
    assert isinstance(await patch(people.ben, board, 52, retitle("w1", "again"), deps), Applied)
    with pytest.raises(TooManyChanges):
        await patch(people.ben, board, 53, retitle("w1", "more"), deps)


UNFIT: list[tuple[Any, str]] = [
    ([], "patch"),
    ("x", "patch"),
    ([{"op": "test", "path": "/layout", "value": "grid"}], "patch.0.op"),
    ([{"op": "move", "from": "/layout", "path": "/order"}], "patch.0.op"),
    ([{"op": "replace", "path": "/schema", "value": 2}], "patch.0.path"),
    ([{"op": "replace", "path": "", "value": {}}], "patch.0.path"),
    ([{"op": "replace", "path": "/widgets", "value": {}}], "patch.0.path"),
    ([{"op": "remove", "path": "/layout"}], "patch.0.path"),
    ([{"op": "remove", "path": "/order"}], "patch.0.path"),
    ([{"op": "replace", "path": "/order/0", "value": "w1"}], "patch.0.path"),
    ([{"op": "replace", "path": "/widgets/w9/title", "value": "x"}], "patch.0.path"),
    ([{"op": "remove", "path": "/widgets/w9"}], "patch.0.path"),
    ([{"op": "replace", "path": "/widgets/w1/~2", "value": 1}], "patch.0.path"),
    ([{"op": "replace", "path": "/" + "x" * 600, "value": 1}], "patch.0.path"),
    ([{"op": "replace", "path": "/layout"}], "patch.0"),
    ([{"op": "remove", "path": "/widgets/w1", "value": 1}], "patch.0"),
    ([{"op": "replace", "path": "/layout", "value": "spiral"}], "layout"),
    ([{"op": "replace", "path": "/order", "value": ["w1", "w1"]}], "order"),
    ([{"op": "add", "path": "/widgets/W!", "value": widget("W!")}], "widgets.W!.id"),
    ([{"op": "add", "path": "/widgets/w3", "value": widget("w4")}], "widgets.w3.id"),
    ([{"op": "add", "path": "/widgets/w1/colour", "value": "red"}], "widgets.w1"),
    ([{"op": "replace", "path": "/widgets/w1/type", "value": "Weather"}], "widgets.w1.type"),
    ([{"op": "replace", "path": "/widgets/w1/place/x", "value": 7}], "widgets.w1.place"),
    ([{"op": "replace", "path": "/widgets/w1/options", "value": {"top": 51}}], "widgets.w1.options.top"),
    ([{"op": "add", "path": "/view/x", "value": "x" * 70_000}], "patch"),
    ([{"op": "add", "path": "/view/x", "value": 10**400}], "patch"),
    ([{"op": "add", "path": "/view/x", "value": float("inf")}], "patch"),
    ([{"op": "add", "path": "/view/x", "value": "\ud800"}], "patch"),
    ([{"op": "add", "path": "/view/Wide", "value": 1}], "view"),
    ([{"op": "add", "path": f"/view/v{n}", "value": 1} for n in range(31)], "view"),
    ([{"op": "add", "path": f"/widgets/n{n}", "value": widget(f"n{n}")} for n in range(29)], "widgets"),
]


@pytest.mark.req("HY12")
async def test_what_does_not_fit_is_refused_whole(deps: Deps, people: People, board: Dashboard) -> None:
    before = await dashboards.load_state(people.ann, board.id, deps)
    for operations, field in UNFIT:
        with pytest.raises(InvalidFields) as refused:
            await patch(people.ann, board, 1, operations, deps)
        assert [each.field for each in refused.value.fields] == [field], operations
        assert await dashboards.load_state(people.ann, board.id, deps) == before


async def test_nesting_without_end_is_refused(deps: Deps, people: People, board: Dashboard) -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    with pytest.raises(InvalidFields, match="nested"):
        await patch(people.ann, board, 1, [{"op": "add", "path": "/view/x", "value": deep}], deps)


@pytest.mark.req("HY12")
async def test_a_state_of_exactly_64_kb_is_kept_and_one_byte_more_is_not(
    deps: Deps, people: People, board: Dashboard
) -> None:
    state = (await dashboards.load_state(people.ann, board.id, deps)).state
    room = 64 * 1024 - len(canonical({**state, "view": {"x": ""}}).encode())
    fits = [{"op": "add", "path": "/view/x", "value": "x" * room}]
    assert isinstance(await patch(people.ann, board, 1, fits, deps), Applied)
    with pytest.raises(InvalidFields, match="65,537 bytes"):
        await patch(people.ann, board, 2, [{"op": "add", "path": "/view/x", "value": "x" * (room + 1)}], deps)


async def test_a_tab_is_a_uuid(deps: Deps, people: People, board: Dashboard) -> None:
    with pytest.raises(InvalidFields, match="UUID"):
        await patch(people.ann, board, 1, retitle("w1", "x"), deps, tab="<script>")
    assert isinstance(await patch(people.ann, board, 1, retitle("w1", "x"), deps, tab=OTHER_TAB), Applied)


async def test_numbers_are_kept_as_a_browser_writes_them(deps: Deps, people: People, board: Dashboard) -> None:
    value = {"one": 1.0, "big": 1e21, "small": 1e-7, "zero": -0.0, "long": 2**60, "ü": "é\u2028"}
    await patch(people.ann, board, 1, [{"op": "add", "path": "/view/x", "value": value}], deps)
    state = await dashboards.load_state(people.ann, board.id, deps)
    assert state.checksum == checksum(canonical(state.state))
    text = '{"big":1e+21,"long":1152921504606847000,"one":1,"small":1e-7,"zero":0,"ü":"é\u2028"}'
    assert canonical(state.state["view"]["x"]) == text


@pytest.mark.req("SC8", "HY12")
async def test_a_state_does_not_exist_for_those_who_may_not_see_it(deps: Deps, people: People) -> None:
    secret = await service.create_dashboard(people.ann, DashboardDraft("Secret", state=state_with("w1")), deps)
    in_other_scope = person(people.ann.org_id, people.ann.actor.id, "Ann", scope="DEVELOPMENT")
    for stranger in (people.ben, people.zoe, in_other_scope):
        with pytest.raises(NotFound) as hidden:
            await dashboards.load_state(stranger, secret.id, deps)
        with pytest.raises(NotFound) as missing:
            await dashboards.load_state(stranger, "dsh_nothing", deps)
        assert str(hidden.value).replace(secret.id, "…") == str(missing.value).replace("dsh_nothing", "…")
        with pytest.raises(NotFound):
            await dashboards.changes_since(stranger, secret.id, 0, deps)
        with pytest.raises(NotFound):
            await patch(stranger, secret, 1, retitle("w1", "x"), deps)
        with pytest.raises(NotFound):
            await state_verbs.reset_state(stranger, secret.id, deps)
    assert (await dashboards.load_state(people.ann, secret.id, deps)).version == 1


@pytest.mark.req("SC8")
async def test_a_viewer_looks_and_does_not_change(deps: Deps, people: People, board: Dashboard) -> None:
    viewer = person(people.ann.org_id, "per_vic", "Vic", "viewer")
    assert (await dashboards.load_state(viewer, board.id, deps)).version == 1
    with pytest.raises(NotPermitted):
        await patch(viewer, board, 1, retitle("w1", "x"), deps)
    with pytest.raises(NotPermitted):
        await state_verbs.reset_state(viewer, board.id, deps)


async def test_emptying_is_a_change_like_any_other(deps: Deps, people: People, board: Dashboard) -> None:
    await patch(people.ann, board, 1, [{"op": "add", "path": "/view/step", "value": 2}], deps)
    emptied = await state_verbs.reset_state(people.ben, board.id, deps)
    assert emptied.version == 3
    assert emptied.state == state_with()
    changes = await dashboards.changes_since(people.ann, board.id, 2, deps)
    assert [each.actor.name for each in changes or []] == ["Ben"]
    assert (await state_verbs.reset_state(people.ben, board.id, deps)).version == 3


@pytest.mark.req("HY12")
async def test_a_private_state_lasts_30_days_after_the_last_look_and_its_shell_90(
    deps: Deps, clock: ManualClock, people: People, board: Dashboard
) -> None:
    house = tenancy.platform_scope()
    mine = await service.create_dashboard(people.ann, DashboardDraft("Mine", state=state_with("w1")), deps)
    clock.advance(seconds=29 * DAY)
    assert await dashboards.purge_dashboards(house, deps) == 0
    assert (await dashboards.load_state(people.ann, mine.id, deps)).version == 1
    clock.advance(seconds=30 * DAY)
    assert await dashboards.purge_dashboards(house, deps) == 0
    clock.advance(seconds=1)
    assert await dashboards.purge_dashboards(house, deps) == 1
    assert await dashboards.purge_dashboards(house, deps) == 0
    assert await dashboards.changes_since(people.ann, mine.id, 1, deps) is None
    clock.advance(seconds=60 * DAY)
    assert await dashboards.purge_dashboards(house, deps) == 1
    with pytest.raises(NotFound):
        await dashboards.load_state(people.ann, mine.id, deps)
    # What the org shares keeps its last arrangement, however long nobody looks.
    assert (await dashboards.load_state(people.ben, board.id, deps)).state == state_with("w1", "w2")


async def test_a_look_in_time_saves_an_emptied_dashboard(deps: Deps, clock: ManualClock, people: People) -> None:
    mine = await service.create_dashboard(people.ann, DashboardDraft("Mine", state=state_with("w1")), deps)
    clock.advance(seconds=31 * DAY)
    await dashboards.purge_dashboards(tenancy.platform_scope(), deps)
    state = await dashboards.load_state(people.ann, mine.id, deps)
    assert (state.version, state.state) == (2, state_with())
    assert isinstance(await patch(people.ann, mine, 2, [{"op": "add", "path": "/view/a", "value": 1}], deps), Applied)
    clock.advance(seconds=89 * DAY)
    await dashboards.purge_dashboards(tenancy.platform_scope(), deps)
    assert (await dashboards.load_state(people.ann, mine.id, deps)).version == 3


@pytest.mark.req("HY11")
async def test_a_state_stored_in_an_older_schema_is_brought_up_when_read_and_kept_so_when_changed(
    deps: Deps, people: People, board: Dashboard
) -> None:
    old = {"schema": 0, "layout": "split", "widgets": [widget("b"), widget("a")], "view": {}}
    text = canonical(old)
    async with deps.uow() as tx:
        values = {"schema": 0, "state": text, "checksum": checksum(text)}
        await tx.execute(update(table).where(table.c.id == board.id).values(values))
    state = await dashboards.load_state(people.ann, board.id, deps)
    assert state.state == {**state_with("b", "a"), "layout": "split"}
    assert state.checksum == checksum(canonical(state.state))
    asked = await state_verbs.load_state(people.ann, board.id, deps, schema=0)
    assert (asked.state, asked.checksum) == (old, checksum(text))
    applied = await patch(people.ann, board, 1, retitle("a", "New"), deps)
    async with deps.read() as tx:
        row = (await tx.execute(select(table).where(table.c.id == board.id))).one()
    assert (row.schema, row.checksum, row.layout, row.widget_count) == (1, applied.checksum, "split", 2)
    assert orjson.loads(row.state)["widgets"]["a"]["title"] == "New"


async def test_who_edits_stands_in_the_trail_once_in_ten_minutes_and_each_change_in_the_log(
    deps: Deps, clock: ManualClock, people: People, board: Dashboard
) -> None:
    for version, who in enumerate((people.ann, people.ann, people.ben, people.ann), start=1):
        await patch(who, board, version, retitle("w1", f"t{version}"), deps)
    clock.advance(seconds=601)
    await patch(people.ann, board, 5, retitle("w1", "late"), deps)
    found = await audit.search_audit(people.ann, audit.Search(action="dashboard.update"), PageAsk(), deps)
    assert [each.actor.name for each in found.items] == ["Ann", "Ben", "Ann"]
    async with deps.read() as tx:
        _, recent = await events.recent_events(tx, people.ann, 50)
    told = [each.payload["version"] for each in recent if each.kind == "dashboard.updated.v1"]
    assert told == [6, 5, 4, 3, 2]
    assert {each.subject for each in recent if each.kind == "dashboard.updated.v1"} == {f"dashboard:{board.id}"}
