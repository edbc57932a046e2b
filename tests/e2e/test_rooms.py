"""What people do in the rooms, to its end: what the screen says has happened is checked at the gateway."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from portico.cli import demo
from tests.e2e.house import House, ask
from tests.e2e.pages import Audit, Budgets, Keys, Register, Service, Services

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def pick(within: Locator, label: str, option: str) -> None:
    within.get_by_role("combobox", name=label).click()
    within.page.get_by_role("option", name=option, exact=True).click()


@pytest.mark.req("SP14")
def test_a_key_is_shown_once_works_and_stops_working_when_revoked(house: House, owner_page: Page) -> None:
    keys = Keys(owner_page).open()
    keys.button("Create a key").click()
    keys.fill(Name="browser-made")
    keys.confirm("Create key")
    secret = keys.dialog.get_by_role("region", name="The secret of browser-made").inner_text().strip()
    assert re.fullmatch(r"pk_[0-9a-f]{8}_\S{43}", secret)
    keys.confirm("I have stored it")
    expect(keys.row("browser-made")).to_contain_text("active")
    assert secret not in owner_page.content()

    with house.caller(secret) as program, house.owner() as owner:
        owner.wait_for(lambda: program.get("/svc/inventory/stock").status_code == 200, "the new key")
        keys.row("browser-made").get_by_role("button").click()
        keys.dialog.get_by_role("button", name="Revoke", exact=True).click()
        asked = owner_page.get_by_role("dialog", name="Revoke browser-made?")
        expect(asked).to_contain_text("Every program that uses browser-made")
        assert program.get("/svc/inventory/stock").status_code == 200
        asked.get_by_role("button", name="Revoke key").click()
        expect(keys.dialog).to_contain_text("revoked")
        owner.wait_for(lambda: program.get("/svc/inventory/stock").status_code == 401, "the end of the key")


@pytest.mark.req("SP14")
def test_a_service_is_registered_tried_and_deleted(house: House, owner_page: Page) -> None:
    form = Register(owner_page).open()
    form.button("Register").click()
    expect(form.main).to_contain_text("Something is missing or wrong above.")
    form.main.get_by_role("textbox", name="Name", exact=True).fill("depot")
    form.main.get_by_role("textbox", name="Address of the first endpoint").fill(house.inventory_url)
    form.main.get_by_role("textbox", name="Health path").fill("/health")
    expect(form.main.get_by_role("region", name="Command")).to_contain_text("portico services add depot")
    form.button("Register").click()

    service = Service(owner_page, "depot").ready()
    expect(service.main.locator("header").get_by_text("healthy")).to_be_visible()
    service.main.get_by_role("textbox", name="Path at the service").fill("/stock/HELMET-YEL")
    same = service.main.get_by_role("region", name="The same call")
    expect(same).to_contain_text(f"curl '{house.url}/svc/depot/stock/HELMET-YEL'")
    service.button("Python").click()
    expect(same).to_contain_text("import")
    answer = service.main.get_by_role("region", name="Answer")
    service.button("Send the call").click()
    expect(answer).to_contain_text("HELMET-YEL")
    link = service.main.get_by_role("link", name="The call, stage by stage")
    call_id = str(link.get_attribute("href")).removeprefix("/calls/")
    with house.owner() as owner:
        owner.wait_for(lambda: owner.client.get(f"/calls/{call_id}").status_code == 200, "the record of the call")
        assert owner.get(f"/calls/{call_id}")["principal"]["kind"] == "person"

    service.button("Delete").click()
    delete = service.dialog.get_by_role("button", name="Delete service")
    expect(delete).to_be_disabled()
    service.fill(Type_depot_to_confirm="depot")
    delete.click()
    services = Services(owner_page).ready()
    expect(services.row("inventory")).to_be_visible()
    expect(services.row("depot")).to_have_count(0)


@pytest.mark.req("SP14")
def test_a_method_with_a_schema_becomes_a_form(owner_page: Page) -> None:
    service = Service(owner_page, "inventory").open()
    pick(service.main, "Method", "get_stock — GET /stock/{sku}")
    service.button("Send the call").click()
    expect(service.main.get_by_role("region", name="Answer")).to_have_count(0)
    service.main.get_by_role("textbox", name="sku").fill("TAPE-50")
    service.button("Send the call").click()
    expect(service.main.get_by_role("region", name="Answer")).to_contain_text("TAPE-50")


@pytest.mark.req("SP14")
def test_a_conversation_with_a_model_streams(owner_page: Page) -> None:
    service = Service(owner_page, "summariser").open()
    service.main.get_by_role("textbox", name="Say something").fill("A gateway stands between. It is blue.")
    service.button("Send").click()
    talk = service.main.get_by_role("log", name="Conversation")
    expect(talk).to_contain_text("first words after")
    expect(talk.locator(".bubble")).to_have_count(2)


@pytest.mark.req("SP14", "SP16")
def test_the_bar_of_a_budget_moves_with_the_calls(house: House, owner_page: Page) -> None:
    with house.owner() as owner:
        key = owner.make_key("spender")
    budgets = Budgets(owner_page).open("?new=1")
    budgets.fill(Name="Spender, ten calls")
    pick(budgets.dialog, "For", "one key or person")
    pick(budgets.dialog, "Which", "spender (key)")
    pick(budgets.dialog, "Counts", "calls")
    budgets.fill(Limit_in_calls="10")
    expect(budgets.dialog).to_contain_text(
        "Calls that would go beyond 10 calls in one day are refused until it resets."
    )
    budgets.confirm("Create budget")
    bar = budgets.card("Spender, ten calls").get_by_role("meter")
    expect(bar).to_have_attribute("aria-valuenow", "0")
    with house.caller(key) as spender, house.owner() as owner:
        owner.wait_for(lambda: spender.get("/svc/inventory/stock").status_code == 200, "the new key")
        for _ in range(3):
            spender.post("/v1/embeddings", json={"model": demo.EMBEDDING_MODEL, "input": "Half of it."})
        expect(bar).to_have_attribute("aria-valuetext", "40 % of 10 calls used")
        answers = [spender.get("/svc/inventory/stock").status_code for _ in range(8)]
        assert answers == [200] * 6 + [429] * 2
        refused = spender.post("/v1/chat/completions", json=ask())
        assert refused.status_code == 429
    expect(budgets.card("Spender, ten calls")).to_contain_text("exhausted")


@pytest.mark.req("SP14")
def test_the_audit_trail_shows_who_did_what_and_verifies(house: House, owner_page: Page) -> None:
    with house.owner() as owner:
        owner.make_key("audited")
    audit = Audit(owner_page).open("?action=key.create")
    row = audit.row("audited")
    expect(row).to_contain_text("Owner")
    row.get_by_role("button", name="key.create").click()
    expect(audit.dialog).to_contain_text("Hash before")
    audit.confirm("Close")
    audit.button("Verify the chain").click()
    expect(audit.main).to_contain_text(re.compile(r"All \d+ entries are as they were written"))
