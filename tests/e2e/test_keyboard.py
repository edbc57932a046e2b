"""Everything without a mouse."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.pages import Call, Calls, Home, Services

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.req("SP14")
def test_rooms_rows_and_help_by_key(owner_page: Page) -> None:
    Home(owner_page).open()
    press = owner_page.keyboard.press
    press("g")
    press("c")
    calls = Calls(owner_page).ready()
    press("j")
    press("j")
    expect(calls.rows.nth(1).get_by_role("link")).to_be_focused()
    press("k")
    expect(calls.rows.nth(0).get_by_role("link")).to_be_focused()
    press("Enter")
    Call(owner_page).ready()
    press("Escape")
    calls.ready()
    press("?")
    expect(calls.dialog).to_contain_text("Next, previous row")
    press("Escape")
    expect(calls.dialog).to_have_count(0)


@pytest.mark.req("SP14")
def test_find_or_do(owner_page: Page) -> None:
    home = Home(owner_page).open()
    find = owner_page.get_by_role("button", name="Find or do anything")
    find.focus()
    owner_page.keyboard.press("Control+k")
    field = home.dialog.get_by_role("combobox", name="Find or do")
    expect(field).to_be_focused()
    field.fill("warehouse stock")
    expect(home.dialog.get_by_role("option", name="inventory")).to_be_visible()
    field.fill("services")
    owner_page.keyboard.press("Enter")
    Services(owner_page).ready()
    owner_page.keyboard.press("/")
    expect(field).to_be_focused()
    owner_page.keyboard.press("Escape")
    expect(home.dialog).to_have_count(0)


@pytest.mark.req("SP14")
def test_the_focus_stays_in_a_dialog_and_returns_from_it(owner_page: Page) -> None:
    home = Home(owner_page).open()
    home.button("Connect a client").focus()
    owner_page.keyboard.press("Enter")
    expect(home.dialog).to_be_visible()
    for _ in range(12):
        owner_page.keyboard.press("Tab")
        assert owner_page.evaluate("document.activeElement.closest('[role=dialog], .MuiDialog-root') !== null")
    owner_page.keyboard.press("Escape")
    expect(home.button("Connect a client")).to_be_focused()
