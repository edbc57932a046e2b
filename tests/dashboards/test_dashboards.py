"""Dashboards as a whole: who sees them, who may change them, how many there are."""

import httpx2
import pytest

from portico.domains.audit import public as audit
from portico.domains.dashboards import public as dashboards
from portico.domains.dashboards import service
from portico.domains.dashboards import state as state_verbs
from portico.domains.dashboards.errors import OwnersOnly, TooManyDashboards
from portico.domains.dashboards.model import MAX_DASHBOARDS, Dashboard, DashboardDraft
from portico.domains.dashboards.schemas import Step, bring_down, bring_up
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.kernel.errors import InvalidFields, InvalidInput, NotFound, NotPermitted
from portico.kernel.paging import PageAsk, decode_cursor
from portico.platform.deps import Deps
from tests.dashboards.conftest import TAB, People, person, retitle, state_with, widget


@pytest.mark.req("HY20")
@pytest.mark.parametrize("layout", ["single", "split", "grid", "wizard"])
async def test_a_dashboard_begins_empty_in_one_of_four_layouts(deps: Deps, people: People, layout: str) -> None:
    made = await service.create_dashboard(people.ann, DashboardDraft("Mine", layout=layout), deps)  # type: ignore[arg-type]
    assert (made.layout, made.widget_count, made.version, made.owner_name) == (layout, 0, 1, "Ann")
    state = await dashboards.load_state(people.ann, made.id, deps)
    assert state.state == {**state_with(), "layout": layout}


@pytest.mark.req("SC8")
async def test_a_private_dashboard_is_its_owners_alone_until_it_is_shared(deps: Deps, people: People) -> None:
    mine = await service.create_dashboard(people.ann, DashboardDraft("Mine"), deps)
    elsewhere = person(people.ann.org_id, people.ann.actor.id, "Ann", scope="DEVELOPMENT")
    admin = person(people.ann.org_id, "per_adm", "Ada", "admin")

    async def seen_by(who: tenancy.Identity | object) -> bool:
        listed = [each.id for each in (await service.list_dashboards(who, PageAsk(), deps)).items]  # type: ignore[arg-type]
        try:
            await service.find_dashboard(who, mine.id, deps)  # type: ignore[arg-type]
        except NotFound:
            assert listed == []
            return False
        assert listed == [mine.id]
        return True

    everyone = (people.ann, people.ben, admin, elsewhere, people.zoe)
    assert [await seen_by(who) for who in everyone] == [True, False, False, False, False]
    await service.update_dashboard(people.ann, mine.id, {"shared": "org"}, deps)
    assert [await seen_by(who) for who in everyone] == [True, True, True, False, False]
    await service.update_dashboard(people.ann, mine.id, {"shared": "private"}, deps)
    assert [await seen_by(who) for who in everyone] == [True, False, False, False, False]


async def test_whoever_manages_dashboards_edits_a_shared_one_but_its_owner_decides_on_its_end(
    deps: Deps, people: People, board: Dashboard
) -> None:
    renamed = await service.update_dashboard(people.ben, board.id, {"name": "Ops", "description": "all"}, deps)
    assert (renamed.name, renamed.description, renamed.version) == ("Ops", "all", 1)
    with pytest.raises(OwnersOnly):
        await service.update_dashboard(people.ben, board.id, {"shared": "private"}, deps)
    with pytest.raises(OwnersOnly):
        await service.delete_dashboard(people.ben, board.id, deps)
    viewer = person(people.ann.org_id, "per_vic", "Vic", "viewer")
    for refused in (
        service.update_dashboard(viewer, board.id, {"name": "x"}, deps),
        service.delete_dashboard(viewer, board.id, deps),
        service.create_dashboard(viewer, DashboardDraft("x"), deps),
    ):
        with pytest.raises(NotPermitted):
            await refused
    await service.delete_dashboard(person(people.ann.org_id, "per_adm", "Ada", "admin"), board.id, deps)
    with pytest.raises(NotFound):
        await dashboards.changes_since(people.ann, board.id, 1, deps)


async def test_a_scope_holds_a_hundred(deps: Deps, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_DASHBOARDS == 100
    monkeypatch.setattr(service, "MAX_DASHBOARDS", 3)
    for number in range(3):
        await service.create_dashboard((people.ann, people.ben)[number % 2], DashboardDraft(f"d{number}"), deps)
    with pytest.raises(TooManyDashboards):
        await service.create_dashboard(people.ann, DashboardDraft("more"), deps)
    elsewhere = person(people.ann.org_id, people.ann.actor.id, "Ann", scope="DEVELOPMENT")
    await service.create_dashboard(elsewhere, DashboardDraft("more"), deps)
    await service.create_dashboard(people.zoe, DashboardDraft("more"), deps)


async def test_the_list_goes_by_name_and_in_pages(deps: Deps, people: People) -> None:
    for name in ("c", "a", "b", "b", "d"):
        await service.create_dashboard(people.ann, DashboardDraft(name), deps)
    page = await service.list_dashboards(people.ann, PageAsk(2), deps)
    names, total = [each.name for each in page.items], page.total
    while page.next_cursor:
        page = await service.list_dashboards(people.ann, PageAsk(2, decode_cursor(page.next_cursor)), deps)
        names += [each.name for each in page.items]
    assert (names, total) == (["a", "b", "b", "c", "d"], 5)


async def test_names_are_printable_and_not_endless(deps: Deps, people: People, board: Dashboard) -> None:
    for name in ("", "x" * 81, "a\nb"):
        with pytest.raises(InvalidInput):
            await service.create_dashboard(people.ann, DashboardDraft(name), deps)
        with pytest.raises(InvalidInput):
            await service.update_dashboard(people.ann, board.id, {"name": name}, deps)


async def test_each_deed_leaves_a_trail_that_does_not_name_what_is_private(deps: Deps, people: People) -> None:
    mine = await service.create_dashboard(people.ann, DashboardDraft("My salary"), deps)
    await service.update_dashboard(people.ann, mine.id, {"name": "Our goals", "shared": "org"}, deps)
    await service.delete_dashboard(people.ann, mine.id, deps)
    async with deps.read() as tx:
        _, recent = await events.recent_events(tx, people.ann, 3)
    assert [each.kind for each in reversed(recent)] == [
        "dashboard.created.v1",
        "dashboard.updated.v1",
        "dashboard.deleted.v1",
    ]
    assert {each.payload["dashboard_id"] for each in recent} == {mine.id}
    entries = (await audit.search_audit(people.ann, audit.Search(actor_id=people.ann.actor.id), PageAsk(), deps)).items
    told = [(each.action, each.target.name) for each in entries if each.target and each.target.kind == "dashboard"]
    assert told == [
        ("dashboard.delete", "Our goals"),
        ("dashboard.update", "Our goals"),
        ("dashboard.create", "a private dashboard"),
    ]
    assert "salary" not in str(recent) + str(entries)


# --- schemas ----------------------------------------------------------------------------------------------------------

OLD = {"schema": 0, "layout": "split", "widgets": [widget("b"), widget("a")], "view": {"step": "b"}}


@pytest.mark.req("HY11")
def test_an_old_state_comes_up_and_goes_down_again_unchanged() -> None:
    up = bring_up(OLD)
    assert up == {**state_with("b", "a"), "layout": "split", "view": {"step": "b"}}
    assert bring_down(up, 0) == OLD
    assert bring_up(bring_down(up, 0)) == up
    assert bring_down(up, 1) == up


@pytest.mark.req("HY11")
def test_steps_chain_in_both_directions() -> None:
    steps = {
        version: Step(
            up=lambda state, to=version + 1: {"schema": to, "path": [*state["path"], f"up to {to}"]},  # type: ignore[misc]
            down=lambda state, to=version: {"schema": to, "path": [*state["path"], f"down to {to}"]},  # type: ignore[misc]
        )
        for version in range(3)
    }
    up = bring_up({"schema": 1, "path": []}, steps, 3)
    assert up == {"schema": 3, "path": ["up to 2", "up to 3"]}
    assert bring_down(up, 0, steps, 3)["path"][2:] == ["down to 2", "down to 1", "down to 0"]


UNKNOWN: list[dict[str, object]] = [
    {},
    {"schema": 2},
    {"schema": "1"},
    {"schema": True},
    {"schema": 0, "widgets": {}},
    {"schema": 0, "widgets": [1]},
    {"schema": 0, "widgets": [widget("a"), widget("a")]},
    {"schema": 0, "widgets": [{"type": "Calls"}]},
]


async def test_a_state_of_no_known_schema_is_refused(deps: Deps, people: People) -> None:
    for state in UNKNOWN:
        with pytest.raises(InvalidFields):
            await service.create_dashboard(people.ann, DashboardDraft("x", state=state), deps)


async def test_whole_numbers_may_be_written_with_a_point(deps: Deps, people: People) -> None:
    place = {"x": 0.0, "y": 2.0, "w": 6, "h": 4}
    state = {**state_with("a"), "widgets": {"a": widget("a", place=place)}}
    made = await service.create_dashboard(people.ann, DashboardDraft("x", state=state), deps)
    assert (await dashboards.load_state(people.ann, made.id, deps)).state["widgets"]["a"]["place"]["y"] == 2


async def test_a_copy_is_made_from_a_state_of_either_schema(deps: Deps, people: People) -> None:
    for state in (OLD, bring_up(OLD)):
        made = await service.create_dashboard(people.ann, DashboardDraft("Copy", layout="grid", state=state), deps)
        assert (made.layout, made.widget_count) == ("split", 2)
        assert (await state_verbs.load_state(people.ann, made.id, deps, schema=0)).state == OLD


# --- over the door ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def door(client: httpx2.AsyncClient, deps: Deps, people: People) -> httpx2.AsyncClient:
    """The door with a key of the org that may manage dashboards, as an agent would have."""
    scope = tenancy.open_system_scope(people.ann.org_id)
    permissions = ("dashboards.read", "dashboards.manage")
    _, secret = await tenancy.create_key(scope, tenancy.KeyDraft("composer", permissions), deps)
    client.headers["authorization"] = f"Bearer {secret}"
    client.base_url = client.base_url.join("/api/v1")
    return client


@pytest.mark.req("HY12", "C42")
async def test_a_dashboard_and_its_state_speak_the_contract(door: httpx2.AsyncClient) -> None:
    made = await door.post("/dashboards", json={"name": "Ops", "layout": "grid", "shared": "org"})
    assert made.status_code == 201, made.text
    shown = made.json()
    assert shown | {"id": "", "owner": {}, "created_at": "", "updated_at": ""} == {
        "id": "",
        "name": "Ops",
        "description": "",
        "layout": "grid",
        "widget_count": 0,
        "owner": {},
        "shared": "org",
        "version": 1,
        "created_at": "",
        "updated_at": "",
    }
    assert shown["owner"]["name"] == "composer"
    path = f"/dashboards/{shown['id']}"
    state = (await door.get(f"{path}/state")).json()
    assert set(state) == {"version", "state", "checksum"}
    add = [{"op": "add", "path": "/widgets/w1", "value": widget("w1", " kept as it is ")}]
    applied = await door.patch(f"{path}/state", json={"tab": TAB, "version": 1, "patch": add})
    assert applied.status_code == 200, applied.text
    assert applied.json() == {"outcome": "applied", "version": 2, "checksum": applied.json()["checksum"]}
    conflict = (await door.patch(f"{path}/state", json={"version": 1, "patch": retitle("w1", "x")})).json()
    assert conflict["outcome"] == "conflict"
    assert conflict["state"]["widgets"]["w1"]["title"] == " kept as it is "
    old = (await door.get(f"{path}/state", params={"schema": 0})).json()["state"]
    assert (old["schema"], [each["id"] for each in old["widgets"]]) == (0, ["w1"])
    assert (await door.delete(f"{path}/state")).json()["version"] == 3
    assert (await door.get("/dashboards")).json()["items"][0]["version"] == 3
    assert (await door.patch(path, json={"name": "Operations"})).json()["name"] == "Operations"
    assert (await door.delete(path)).status_code == 204
    assert (await door.get(f"{path}/state")).status_code == 404


MALFORMED: list[dict[str, object]] = [
    {"version": 1, "patch": []},
    {"version": 1, "patch": [{"op": "copy", "path": "/layout"}]},
    {"version": 1, "patch": [{"op": "add", "path": "/layout"}]},
    {"version": 1, "patch": [{"op": "replace", "path": "/view/a", "value": 1, "more": 1}]},
    {"version": -1, "patch": retitle("w1", "x")},
    {"version": 2**40, "patch": retitle("w1", "x")},
    {"version": 1, "tab": "x" * 37, "patch": retitle("w1", "x")},
    {"version": 1, "patch": [{"op": "remove", "path": "/view/a"}] * 201},
    {"patch": retitle("w1", "x")},
]


async def test_a_malformed_change_gets_the_envelope(door: httpx2.AsyncClient) -> None:
    made = (await door.post("/dashboards", json={"name": "Ops"})).json()
    for body in MALFORMED:
        answer = await door.patch(f"/dashboards/{made['id']}/state", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "E9302"), body


async def test_too_many_changes_say_when_to_come_back(
    door: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_verbs, "MAX_CHANGES_PER_MINUTE", 2)
    made = (await door.post("/dashboards", json={"name": "Ops"})).json()
    for version in (1, 2, 3):
        patch = [{"op": "add", "path": "/view/step", "value": version}]
        answer = await door.patch(f"/dashboards/{made['id']}/state", json={"version": version, "patch": patch})
    assert answer.status_code == 429
    assert answer.json()["error"]["retry_after_s"] == 60
