"""Models from the registry to the playground: a route is made, tried, used, and says which model answered."""

import re

import pytest
from playwright.sync_api import Page, expect

from portico.cli import demo
from tests.e2e.conftest import NewContext, sign_in
from tests.e2e.house import OWNER, TEXT, House
from tests.e2e.pages import Base
from tests.e2e.test_looks import judge

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


class Models(Base):
    path = "/models"
    title = "Models"

    def view(self, name: str) -> "Models":
        self.main.get_by_role("navigation", name="Views of models").get_by_role("link", name=name).click()
        return self.ready()

    def choose(self, label: str, *options: str) -> None:
        """In a list that takes one, or several when more are given."""
        self.page.get_by_label(label, exact=True).first.click()
        for option in options:
            self.page.get_by_role("option", name=re.compile(rf"^(\d\. )?{re.escape(option)}$")).click()
        listbox = self.page.get_by_role("listbox")
        if listbox.count():
            self.page.keyboard.press("Escape")
        expect(listbox).to_have_count(0)


class Route(Base):
    def __init__(self, page: Page, name: str) -> None:
        super().__init__(page)
        self.title = name


def test_a_route_is_made_tried_and_used(house: House, owner_page: Page) -> None:
    models = Models(owner_page).open()
    row = models.row(demo.CHAT_MODEL)
    row.get_by_role("button", name=f"Edit {demo.CHAT_MODEL}").click()
    models.choose("Quality", "4 of 5")
    models.dialog.get_by_label("chat", exact=True).check()
    models.dialog.get_by_label("Version").fill("2026-11")
    models.confirm("Save")
    expect(row.get_by_role("img", name="Quality 4 of 5")).to_be_visible()
    expect(row).to_contain_text("2026-11")

    models.view("Routes").main.get_by_role("link", name="Make a route").first.click()
    form = Models(owner_page)
    form.title = "Make a route"
    form.ready().button("Make route").click()
    expect(form.main).to_contain_text("Choose at least one model")
    form.main.get_by_label("Name", exact=True).fill("e2e-auto")
    form.choose("Choose from", demo.EMBEDDING_MODEL, demo.CHAT_MODEL)
    form.main.get_by_label("Only for the tasks").fill("summary")
    form.button("Make route").click()

    route = Route(owner_page, "e2e-auto").ready()
    route.button("Try the rules").click()
    expect(route.main).to_contain_text("It is refused")
    expect(route.main).to_contain_text("it is for the tasks summary, not a call without one")
    route.main.get_by_label("Task", exact=True).fill("summary")
    route.button("Try the rules").click()
    outcome = route.main.get_by_role("region", name="What would happen")
    expect(outcome).to_contain_text(f"It goes to {demo.EMBEDDING_MODEL}")
    # The rules in the form count, saved or not.
    form.choose("Choose from", demo.EMBEDDING_MODEL)
    route.button("Try the rules").click()
    expect(outcome).to_contain_text(f"It goes to {demo.CHAT_MODEL}")
    route.button("Save").click()
    expect(owner_page.get_by_text("e2e-auto is saved")).to_be_visible()

    with house.caller() as shop, house.owner() as owner:
        owner.wait_for(
            lambda: "e2e-auto" in [each["id"] for each in shop.get("/v1/models").json()["data"]], "the new route"
        )
    playground = Models(owner_page).open("/playground")
    playground.choose("Model or route", "e2e-auto")
    playground.main.get_by_label("Task", exact=True).fill("summary")
    playground.main.get_by_label("What to ask").fill(TEXT)
    expect(playground.main.get_by_role("region", name="The same call")).to_contain_text("-H 'X-Portico-Task: summary'")
    playground.button("Send").click()
    answer = playground.main.get_by_role("region", name="The answer")
    expect(answer).to_contain_text(f"answered by {demo.CHAT_MODEL}")
    answer.get_by_role("link", name="the call, and why that model").click()
    expect(owner_page.get_by_role("main")).to_contain_text(re.compile(rf"e2e-auto → {demo.CHAT_MODEL}: rule"))


def test_quotas_and_connections_are_at_hand(viewer_page: Page) -> None:
    models = Models(viewer_page).open()
    expect(models.main.get_by_role("button", name=re.compile("^Edit"))).to_have_count(0)
    models.view("Quotas")
    expect(models.main).to_contain_text("Whole org, a month")
    models.view("Connections")
    shown = models.main.get_by_role("region", name="summariser")
    expect(shown).to_contain_text("breaker closed")
    expect(shown).to_contain_text("calls in 24 h")
    expect(models.main).not_to_contain_text("Playground")


@pytest.mark.req("SP14")
def test_the_pages_are_accessible_and_fit_a_phone(house: House, new_context: NewContext) -> None:
    page = sign_in(new_context(reduced_motion="reduce"), OWNER).new_page()
    with house.owner() as owner:
        made = owner.make("/models/routes", name="looks", rules=[{"name": "all", "targets": [demo.CHAT_MODEL]}])
    wrong: dict[str, list[str]] = {}
    for view in ("", "/routes", "/quotas", "/connections", "/playground"):
        wrong |= judge(f"models{view.replace('/', '-')}", Models(page).open(view))
    route = Route(page, "looks")
    route.path = f"/models/routes/{made['id']}"
    wrong |= judge("models-route", route.open())
    assert wrong == {}
