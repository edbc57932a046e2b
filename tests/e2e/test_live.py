"""What happens at the gateway is on the screen at once, for those it concerns and for nobody else."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Troubles
from tests.e2e.house import House
from tests.e2e.pages import Call, Calls, Home

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.req("SP16", "SS2", "SS1", "C12", "HY13")
def test_a_call_appears_in_every_tab_of_its_org_and_in_no_other(
    house: House, owner_page: Page, viewer_page: Page, other_org_page: Page, troubles: Troubles
) -> None:
    second_tab = owner_page.context.new_page()
    calls, home = Calls(owner_page).open().is_live(), Home(second_tab).open().is_live()
    viewer, other = Calls(viewer_page).open().is_live(), Calls(other_org_page).open().is_live()
    with house.caller() as shop:
        answer = shop.get("/svc/inventory/stock/TAPE-50?now=live")
    call_id = answer.headers["x-portico-call"]
    link = f"a[href='/calls/{call_id}']"
    for page in (calls, home, viewer):
        expect(page.main.locator(link)).to_be_visible()
    # The other org's page is live too, and it had as much time.
    other.is_live()
    expect(other.main.locator(link)).to_have_count(0)
    expect(other.main).to_contain_text("No calls yet")
    troubles.expect("404 .*/api/v1/calls/")
    other_org_page.goto(f"/calls/{call_id}")
    expect(other.main.get_by_role("alert")).to_be_visible()


@pytest.mark.req("SP14")
def test_a_call_shows_its_stages_and_why_it_was_refused(house: House, owner_page: Page) -> None:
    calls = Calls(owner_page).open("?verdict=refused")
    calls.rows.filter(has_text="etl-nightly").first.get_by_role("link").first.click()
    call = Call(owner_page).ready()
    expect(call.main).to_contain_text("BUDGET_EXHAUSTED")
    expect(call.stages).to_contain_text(["identify", "admit"])
    expect(call.main.get_by_role("link", name="etl-nightly")).to_be_visible()
