"""Through the door: sign in and come back, sign out, and an invitation from the first click to what a viewer may see."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Troubles
from tests.e2e.house import OWNER, House
from tests.e2e.pages import Base, Calls, Home, Invitation, Keys, Members, Services, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# A stranger's browser asks once whether it is still signed in, and is told that it is not.
NOT_SIGNED_IN = "401 .*/api/v1/auth/"


def stored(page: Page) -> str:
    return str(page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"))


@pytest.mark.req("SP14")
def test_sign_in_comes_back_to_the_same_place(stranger_page: Page, troubles: Troubles) -> None:
    troubles.expect(NOT_SIGNED_IN)
    stranger_page.goto("/calls?verdict=refused")
    sign_in = SignIn(stranger_page).ready()
    sign_in.enter(OWNER.email, "not-the-passphrase")
    expect(sign_in.main.get_by_role("alert")).to_contain_text("req-")
    sign_in.enter(OWNER.email, OWNER.password)
    calls = Calls(stranger_page).ready()
    expect(stranger_page).to_have_url(re.compile(r"/calls\?verdict=refused$"))
    expect(calls.main).to_contain_text("budget exhausted")
    stranger_page.reload()
    calls.ready()


@pytest.mark.req("C12", "HY13")
def test_no_credential_can_be_read_by_a_script_or_stands_in_an_address(
    house: House, stranger_page: Page, troubles: Troubles
) -> None:
    troubles.expect(NOT_SIGNED_IN)
    sockets: list[str] = []
    stranger_page.on("websocket", lambda socket: sockets.append(socket.url))
    SignIn(stranger_page).open().enter(OWNER.email, OWNER.password)
    Home(stranger_page).ready().is_live()
    cookie = one_cookie(stranger_page.context)
    assert cookie["name"] == "portico_refresh"
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/api/v1/auth")
    assert str(cookie["value"]) not in stored(stranger_page)
    assert "eyJ" not in stored(stranger_page)  # how every JWT begins
    assert sockets == [f"{house.url.replace('http', 'ws')}/ws"]


def one_cookie(context: BrowserContext) -> dict[str, object]:
    (cookie,) = context.cookies()
    return dict(cookie)


def test_signing_out_ends_it_in_this_browser(owner_page: Page, troubles: Troubles) -> None:
    troubles.expect(NOT_SIGNED_IN)
    home = Home(owner_page).open()
    before = owner_page.context.cookies()
    owner_page.get_by_role("button", name="Person Owner").click()
    owner_page.get_by_role("menuitem", name="Sign out").click()
    SignIn(owner_page).ready()
    owner_page.context.add_cookies(before)  # type: ignore[arg-type]
    owner_page.goto(home.path)
    SignIn(owner_page).ready()


@pytest.mark.req("SS1", "SP14")
def test_an_invited_person_joins_and_sees_what_a_viewer_may(
    owner_page: Page, stranger_page: Page, troubles: Troubles
) -> None:
    troubles.expect(NOT_SIGNED_IN)
    members = Members(owner_page).open("?new=1")
    members.fill(Email="newcomer@demo.example")
    members.dialog.get_by_role("combobox", name="Role").click()
    owner_page.get_by_role("option", name="viewer").click()
    members.confirm("Make invitation")
    link = members.dialog.get_by_role("region", name="The invitation of newcomer@demo.example").inner_text()
    members.confirm("I have stored it")
    expect(members.row("newcomer@demo.example")).to_contain_text("pending")

    stranger_page.goto(link.strip())
    Invitation(stranger_page).ready().accept("Newcomer", "a-newcomers-passphrase")
    home = Home(stranger_page).ready().is_live()
    rooms = stranger_page.get_by_role("navigation", name="Rooms").get_by_role("listitem")
    use, observe = ["Services", "Models", "Tools", "Agents"], ["Calls", "Dashboards", "Events"]
    expect(rooms).to_have_text(["Home", *use, *observe, "Budgets and limits", "Policies", "Settings"])
    home.go("Services")
    services = Services(stranger_page).ready()
    expect(services.row("inventory")).to_be_visible()
    expect(services.main.get_by_role("link", name="Register a service")).to_have_count(0)

    troubles.expect("403 .*/api/v1/keys")
    stranger_page.goto(Keys.path)
    refused = Base(stranger_page).main.get_by_role("alert")
    expect(refused).to_contain_text("E9206")
    expect(members.row("newcomer@demo.example").filter(has_text="viewer").first).to_be_visible()
