"""Every page, light and dark, wide and narrow: accessible, within the content security policy, and without a sideways scroll."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.e2e.conftest import ROOT, NewContext, sign_in
from tests.e2e.house import OWNER, House
from tests.e2e.pages import (
    Analytics,
    Audit,
    Base,
    Budgets,
    Call,
    Calls,
    Home,
    Keys,
    Members,
    Orgs,
    Register,
    Secrets,
    Service,
    Services,
    Settings,
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SCREENSHOTS = ROOT / "test-artefacts" / "screenshots"
DESK, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=360, height=780)
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
_EVERY_RULE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}
# All else is the same in both themes.
_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


@cache
def axe() -> str:
    return AXE.read_text()


def complaints(page: Page, rules: dict[str, Any]) -> list[str]:
    """What axe finds on the page as it stands, one line for each element."""
    # Evaluated by the debugger rather than put into the page, whose policy allows no script of ours.
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe())
    found: list[dict[str, Any]] = page.evaluate("rules => axe.run(document, rules).then(it => it.violations)", rules)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
    ]


def open_pages(page: Page, house: House) -> Iterator[tuple[str, Base]]:
    """Each page of the client in turn, settled."""
    with house.owner() as owner:
        refused = owner.get("/calls", verdict="refused")["items"][0]["id"]
        streamed = next(call["id"] for call in owner.get("/calls", page_size=50)["items"] if call["streamed"])
        key = owner.get("/keys", q="support-bot")["items"][0]["id"]
    simple: list[type[Base]] = [Home, Services, Register, Calls, Analytics, Members, Secrets, Orgs]
    for kind in simple:
        yield kind.__name__.lower(), kind(page).open()
    yield "connect", Home(page).open("?connect=1")
    yield "service-http", Service(page, "inventory").open()
    yield "service-model", Service(page, "summariser").open()
    yield "call-streamed", Call(page, streamed).open()
    yield "call-refused", Call(page, refused).open()
    yield "keys", Keys(page).open()
    yield "key", Keys(page).open(f"?open={key}")
    yield "key-new", Keys(page).open("?new=1")
    yield "budgets", Budgets(page).open()
    yield "limits", Budgets(page).open("?tab=limits")
    yield "budget-new", Budgets(page).open("?new=1")
    yield "audit", Audit(page).open()
    for tab in ("platform", "org", "profile", "appearance"):
        yield f"settings-{tab}", Settings(page).open(f"?tab={tab}")


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def judge(name: str, opened: Base) -> dict[str, list[str]]:
    """What is wrong with a page in either theme and on a phone; its pictures are kept to look at."""
    page, wrong = opened.page, dict[str, list[str]]()
    for theme, rules in (("light", _EVERY_RULE), ("dark", _COLOURS)):
        opened.choose_theme(theme)
        shoot(page, f"{name}-{theme}")
        if found := complaints(page, rules):
            wrong[f"{name}, {theme}"] = found
    opened.choose_theme("light")
    page.set_viewport_size(PHONE)
    shoot(page, f"{name}-phone")
    if opened.sideways() > 0:
        wrong[f"{name}, phone"] = [f"{opened.sideways()} px too wide"]
    page.set_viewport_size(DESK)
    return wrong


@pytest.mark.req("SP14")
def test_every_page_is_accessible_in_both_themes_and_fits_a_phone(house: House, new_context: NewContext) -> None:
    page = sign_in(new_context(reduced_motion="reduce"), OWNER).new_page()
    wrong: dict[str, list[str]] = {}
    for name, opened in open_pages(page, house):
        wrong |= judge(name, opened)
    assert wrong == {}


@pytest.mark.req("SP14")
def test_the_chosen_theme_is_kept_whatever_the_system_has(owner_page: Page) -> None:
    home = Home(owner_page).open()
    owner_page.get_by_role("button", name="Person Owner").click()
    owner_page.get_by_role("menuitem", name="Dark theme").click()
    dark = owner_page.locator('html[data-theme="dark"]')
    expect(dark).to_have_count(1)
    home.open()
    expect(dark).to_have_count(1)


@pytest.mark.req("SP14")
def test_the_rail_is_a_drawer_on_a_phone(owner_page: Page) -> None:
    owner_page.set_viewport_size(PHONE)
    home = Home(owner_page).open()
    rail = owner_page.get_by_role("navigation", name="Rooms")
    expect(rail).to_have_count(0)
    owner_page.get_by_role("button", name="Menu").click()
    home.go("Calls")
    Calls(owner_page).ready()
    expect(rail).to_have_count(0)
