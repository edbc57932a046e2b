"""Dashboards in a real browser: what a person does with them, and how they look."""

import re

import httpx2
import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.e2e.conftest import NewContext, Troubles, sign_in
from tests.e2e.dashboards import FIGURES, TASKS, make_dashboard, make_full_dashboard, stored_state, widget
from tests.e2e.house import OWNER, House
from tests.e2e.pages_dashboards import Dashboard, Dashboards
from tests.e2e.test_looks import _COLOURS, _EVERY_RULE, DESK, PHONE, complaints, shoot

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

TALL = ViewportSize(width=1440, height=1780)
LIVE = ("Calls", "Spend", "Service level", "Service health")
FILLED = (
    "Project status",
    "Task list",
    "Figures",
    "Alerts",
    "Kanban board",
    "Gantt chart",
    "Burndown chart",
    "Team activity",
)


@pytest.mark.req("HY20", "HY21", "SP14")
def test_a_dashboard_is_made_filled_with_every_widget_shared_and_deleted(
    owner_page: Page, viewer_page: Page, troubles: Troubles
) -> None:
    troubles.expect("404 .*/api/v1/dashboards/")
    dashboards = Dashboards(owner_page).open()
    dashboards.button("Create a dashboard").first.click()
    dashboards.fill(Name="Operations", Description="What runs now")
    dashboards.confirm("Create dashboard")
    dashboard = Dashboard(owner_page, title="Operations").ready()
    assert Dashboards(viewer_page).open().row("Operations").count() == 0
    for kind in (*LIVE, *FILLED):
        dashboard.add(kind)
        expect(dashboard.widget(kind)).to_be_visible()
    dashboard.settled()
    expect(dashboard.widgets).to_have_count(12)
    expect(dashboard.widget("Calls")).to_contain_text("inventory")
    expect(dashboard.widget("Spend")).to_contain_text("$")
    expect(dashboard.widget("Service level")).to_contain_text(re.compile("met|missed"))
    expect(dashboard.widget("Service health")).to_contain_text("summariser")
    for kind in FILLED:
        expect(dashboard.widget(kind)).to_contain_text("No data yet")
    expect(dashboard.status).to_have_text("saved")

    dashboard.button("Rename or share").click()
    dashboard.fill(Name="Operations today")
    dashboard.dialog.get_by_role("combobox", name="Who sees it").click()
    owner_page.get_by_role("option", name=re.compile("^everyone")).click()
    dashboard.confirm("Save")
    expect(owner_page.locator("h1")).to_have_text("Operations today")
    seen = Dashboards(viewer_page).open()
    seen.row("Operations today").get_by_role("link").click()
    expect(Dashboard(viewer_page, title="Operations today").ready().widgets).to_have_count(12)

    dashboard.button("Delete").click()
    expect(dashboard.dialog).to_contain_text("Operations today and its 12 widgets are gone for everyone")
    dashboard.confirm("Delete dashboard")
    expect(Dashboards(owner_page).ready().row("Operations today")).to_have_count(0)
    expect(Dashboard(viewer_page).main.get_by_role("alert")).to_contain_text("was deleted")


@pytest.mark.req("HY20", "HY21")
def test_what_a_program_composes_is_kept_or_discarded_by_a_person(
    house: House, owner_page: Page, viewer_page: Page
) -> None:
    dashboard_id = make_dashboard(house, "Composed", widget("TaskList", "Tasks", data=TASKS))
    with house.owner() as owner:
        key = owner.make_key("composer", permissions=["dashboards.read", "dashboards.manage"])
    dashboard = Dashboard(owner_page, dashboard_id, "Composed").open()
    viewer = Dashboard(viewer_page, dashboard_id, "Composed").open()
    board = {
        "columns": [{"id": "next", "title": "Next"}, {"id": "done", "title": "Done"}],
        "tasks": [{"id": "1", "column": "next", "title": "Second region"}],
    }
    drafts = (
        ("Sprint board", {"type": "KanbanBoard", "title": "Sprint", "options": {"data": board}}),
        ("Ticket figures", {"type": "Metrics", "title": "Tickets", "options": {"data": FIGURES}}),
    )
    with httpx2.Client(base_url=house.url, headers={"Authorization": f"Bearer {key}"}, timeout=20) as program:
        for title, draft in drafts:
            composed = {"title": title, "note": "From this week's tickets.", "widgets": [draft]}
            answer = program.post(f"/api/v1/dashboards/{dashboard_id}/compose", json=composed)
            assert answer.status_code == 201, answer.text
    sprint, tickets = dashboard.proposal("Sprint board"), dashboard.proposal("Ticket figures")
    expect(sprint).to_contain_text("Proposed by composer")
    expect(sprint).to_contain_text("Second region")
    expect(dashboard.widget("Sprint")).to_have_count(0)
    expect(viewer.proposal("Sprint board").get_by_role("button", name="Keep")).to_have_count(0)

    sprint.get_by_role("button", name="Keep").click()
    expect(sprint).to_have_count(0)
    expect(dashboard.widget("Sprint")).to_contain_text("Second region")
    expect(viewer.widget("Sprint")).to_contain_text("Second region")
    tickets.get_by_role("button", name="Discard").click()
    expect(tickets).to_have_count(0)
    expect(viewer.proposal("Ticket figures")).to_have_count(0)
    assert {each["title"] for each in stored_state(house, dashboard_id)["widgets"].values()} == {"Tasks", "Sprint"}


@pytest.mark.req("HY21", "SP15")
def test_a_widget_says_that_its_data_did_not_come_and_tries_again(
    house: House, owner_page: Page, troubles: Troubles
) -> None:
    troubles.expect("ERR_FAILED.*/calls/analytics")
    dashboard_id = make_dashboard(
        house, "In trouble", widget("Spend", "Spend"), widget("TaskList", "Tasks", x=6, data=TASKS)
    )
    analytics = re.compile("/api/v1/calls/analytics")
    owner_page.route(analytics, lambda route: route.abort())
    dashboard = Dashboard(owner_page, dashboard_id, "In trouble").open()
    trouble = dashboard.widget("Spend").get_by_role("alert")
    expect(trouble).to_contain_text("The server did not answer", timeout=20_000)
    expect(dashboard.widget("Tasks")).to_contain_text("Rotate the model key")
    owner_page.unroute(analytics)
    trouble.get_by_role("button", name="Try again").click()
    expect(dashboard.widget("Spend")).to_contain_text("$")


@pytest.mark.req("HY21")
def test_options_are_a_form_and_what_the_server_refuses_is_taken_back(house: House, owner_page: Page) -> None:
    dashboard_id = make_dashboard(
        house, "Options", widget("Calls", "Calls"), widget("TaskList", "Tasks", x=6, data=TASKS)
    )
    dashboard = Dashboard(owner_page, dashboard_id, "Options").open()
    dashboard.arrange()
    dashboard.main.get_by_role("button", name="Options of Calls").click()
    dashboard.dialog.get_by_label("Top").fill("500")
    dashboard.confirm("Save")
    expect(dashboard.dialog).to_contain_text("At most 50")
    dashboard.dialog.get_by_label("Top").fill("3")
    dashboard.confirm("Save")
    expect(dashboard.widget("Calls").locator("tbody tr")).to_have_count(3)

    dashboard.main.get_by_role("button", name="Options of Tasks").click()
    dashboard.dialog.get_by_label("Data").fill('{"tasks": [{"id": "1", "title": "x", "status": "forgotten"}]}')
    expect(dashboard.dialog.get_by_role("alert")).to_contain_text("tasks[0].status is one of")
    # A day with the right form that no calendar has: only the server sees that.
    due = '{"tasks": [{"id": "1", "title": "x", "status": "todo", "due": "2026-02-30"}]}'
    dashboard.dialog.get_by_label("Data").fill(due)
    dashboard.confirm("Save")
    expect(dashboard.happened).to_contain_text("tasks")
    expect(dashboard.widget("Tasks")).to_contain_text("Rotate the model key")
    expect(dashboard.status).to_have_text("saved")
    assert stored_state(house, dashboard_id)["widgets"]["tasks"]["options"]["data"] == TASKS


@pytest.mark.req("HY20", "SP15")
def test_widgets_are_moved_resized_removed_and_brought_back_with_keyboard_and_pointer(
    house: House, owner_page: Page
) -> None:
    dashboard_id = make_dashboard(
        house, "Arranged", widget("TaskList", "Tasks", w=6, data=TASKS), widget("Metrics", "Figures", x=6, data=FIGURES)
    )
    dashboard = Dashboard(owner_page, dashboard_id, "Arranged").open()
    dashboard.arrange()
    press = owner_page.keyboard.press

    def place(name: str) -> dict[str, int]:
        expect(dashboard.status).to_have_text("saved")
        found: dict[str, int] = stored_state(house, dashboard_id)["widgets"][name]["place"]
        return found

    dashboard.main.get_by_role("button", name="Move Tasks", exact=True).focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowLeft", "Shift+ArrowUp"):
        press(key)
    assert place("tasks") == {"x": 2, "y": 0, "w": 5, "h": 4}
    assert place("figures")["y"] > 0
    expect(dashboard.main.get_by_role("button", name="Move Tasks", exact=True)).to_be_focused()
    press("ArrowDown")
    assert place("tasks")["y"] > place("figures")["y"]
    expect(dashboard.main.get_by_role("button", name="Move Tasks", exact=True)).to_be_focused()

    before = dashboard.spot("Figures")
    grip = dashboard.main.get_by_role("button", name="Move Figures", exact=True).bounding_box()
    assert grip is not None
    owner_page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    owner_page.mouse.down()
    owner_page.mouse.move(grip["x"] - 300, grip["y"] + 8, steps=6)
    owner_page.mouse.up()
    moved = place("figures")
    assert moved["x"] < 6
    assert dashboard.spot("Figures")["x"] < before["x"] - 200
    box = dashboard.spot("Figures")
    owner_page.mouse.move(box["x"] + box["width"] - 6, box["y"] + box["height"] - 6)
    owner_page.mouse.down()
    owner_page.mouse.move(box["x"] + box["width"] + 190, box["y"] + box["height"] + 100, steps=6)
    owner_page.mouse.up()
    grown = place("figures")
    assert (grown["w"] > moved["w"], grown["h"] > moved["h"]) == (True, True)

    dashboard.main.get_by_role("button", name="Remove Tasks").click()
    expect(dashboard.widget("Tasks")).to_have_count(0)
    expect(dashboard.happened.get_by_role("button", name="Undo")).to_be_focused()
    press("Enter")
    expect(dashboard.widget("Tasks")).to_contain_text("Rotate the model key")
    assert place("tasks")["w"] == 5


@pytest.mark.req("HY20")
def test_each_layout_shows_the_widgets_its_own_way(house: House, owner_page: Page, viewer_page: Page) -> None:
    dashboard_id = make_dashboard(
        house,
        "Layouts",
        widget("TaskList", "First", data=TASKS),
        widget("Metrics", "Second", x=6, data=FIGURES),
        widget("Spend", "Third", y=5),
    )
    mine = Dashboard(owner_page, dashboard_id, "Layouts").open()
    viewer = Dashboard(viewer_page, dashboard_id, "Layouts").open()
    expect(viewer.widgets).to_have_count(3)
    mine.arrange()
    mine.choose_layout("Split")
    expect(viewer.widgets).to_have_count(2)
    mine.choose_layout("Single")
    expect(viewer.widget("First")).to_be_visible()
    expect(viewer.widgets).to_have_count(1)
    mine.choose_layout("Wizard")
    expect(viewer.main).to_contain_text("Step 1 of 3")
    mine.button("Next").click()
    expect(viewer.main).to_contain_text("Step 2 of 3")
    # Who may only look goes their own way, and takes nobody with them.
    viewer.button("Next").click()
    expect(viewer.widget("Third")).to_be_visible()
    expect(mine.main).to_contain_text("Step 2 of 3")


@pytest.mark.req("SP14", "HY21")
def test_dashboards_are_accessible_in_both_themes_and_fit_a_phone(house: House, new_context: NewContext) -> None:
    dashboard_id = make_full_dashboard(house)
    page = sign_in(new_context(reduced_motion="reduce"), OWNER).new_page()
    with house.owner() as owner:
        draft = {"type": "Metrics", "title": "Tickets this week", "options": {"data": FIGURES}}
        composed = {"title": "Ticket figures", "note": "From this week's tickets.", "widgets": [draft]}
        proposed = make_dashboard(house, "With a proposal", widget("TaskList", "Tasks", data=TASKS))
        owner.make(f"/dashboards/{proposed}/compose", **composed)
    wizard = make_dashboard(
        house, "In steps", widget("TaskList", "Tasks", data=TASKS), widget("Slo", "Level", x=6), layout="wizard"
    )
    everything = Dashboard(page, dashboard_id, "Everything")
    views: tuple[tuple[str, Dashboards | Dashboard, str], ...] = (
        ("dashboards", Dashboards(page), ""),
        ("dashboard-new", Dashboards(page), "?new=1"),
        ("dashboard", everything, ""),
        ("dashboard-arranged", everything, "?arrange=1"),
        ("dashboard-add", everything, "?add=1"),
        ("dashboard-options", everything, "?options=service-level"),
        ("dashboard-data", everything, "?options=tasks"),
        ("dashboard-wizard", Dashboard(page, wizard, "In steps"), "?arrange=1"),
        ("dashboard-proposal", Dashboard(page, proposed, "With a proposal"), ""),
    )
    wrong: dict[str, list[str]] = {}
    for name, view, more in views:
        view.open(more)
        if name == "dashboard-proposal":
            expect(everything.proposal("Ticket figures")).to_be_visible()
        page.set_viewport_size(TALL if name == "dashboard" else DESK)
        for theme, rules in (("light", _EVERY_RULE), ("dark", _COLOURS)):
            view.choose_theme(theme)
            shoot(page, f"{name}-{theme}")
            if found := complaints(page, rules):
                wrong[f"{name}, {theme}"] = found
        view.choose_theme("light")
        page.set_viewport_size(PHONE)
        shoot(page, f"{name}-phone")
        if view.sideways() > 0:
            wrong[f"{name}, phone"] = [f"{view.sideways()} px too wide"]
    assert wrong == {}
