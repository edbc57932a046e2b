"""When the management process is away: what a person is told, and that all is well again by itself afterwards."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Troubles
from tests.e2e.house import House
from tests.e2e.pages import Calls, Keys

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def whole_again(house: House) -> Iterator[None]:
    yield
    house.installation.wait_ready()


@pytest.mark.req("SP15", "SP16")
@pytest.mark.usefixtures("whole_again")
def test_a_page_says_that_the_server_is_away_and_recovers(house: House, owner_page: Page, troubles: Troubles) -> None:
    troubles.expect("50[0-9] |WebSocket|ERR_")
    calls = Calls(owner_page).open().is_live()
    house.installation.kill_role("control")
    expect(calls.live).to_have_text(re.compile(r"^offline since \d\d:\d\d$"))
    # Calls go on meanwhile, and the page has them once it is back.
    with house.caller() as shop:
        answer = shop.get("/svc/inventory/stock/TAPE-50?now=away")
    assert answer.status_code == 200
    expect(calls.live).to_have_text("live", timeout=40_000)
    expect(calls.main.locator(f"a[href='/calls/{answer.headers['x-portico-call']}']")).to_be_visible()


@pytest.mark.req("SP15")
@pytest.mark.usefixtures("whole_again")
def test_an_error_names_what_happened_and_the_id_to_hand_on(house: House, owner_page: Page, troubles: Troubles) -> None:
    troubles.expect("50[0-9] |WebSocket|ERR_")
    keys = Keys(owner_page).open().is_live()
    keys.button("Create a key").click()
    keys.fill(Name="made-while-away")
    house.installation.kill_role("control")
    keys.confirm("Create key")
    alert = keys.dialog.get_by_role("alert")
    expect(alert).to_contain_text(re.compile(r"req-\w{26}"))
    expect(alert.get_by_role("button", name="Copy id")).to_be_visible()
    house.installation.wait_ready()
    keys.confirm("Create key")
    expect(keys.dialog).to_contain_text("The secret of made-while-away", timeout=15_000)
