"""Webhooks from the empty page to the repaired delivery, against an endpoint that checks what it gets."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import NewContext, sign_in
from tests.e2e.endpoint import endpoint
from tests.e2e.house import OWNER, House
from tests.e2e.pages import Base
from tests.e2e.pages_events import NewWebhook, Webhook, Webhooks
from tests.e2e.test_looks import judge
from tests.webhooks.receivers import Receiver, Reply, Request, standard_accepts

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def bodies(receiver: Receiver, kind: str) -> list[dict[str, Any]]:
    return [request.event for request in receiver.requests if request.event["type"] == kind]


def request_about(receiver: Receiver, name: str) -> Request | None:
    """The request that tells of the thing of this name."""
    return next((it for it in tuple(receiver.requests) if it.event["data"].get("name") == name), None)


def got(house: House, receiver: Receiver, count: int, what: str) -> None:
    with house.owner() as owner:
        owner.wait_for(lambda: len(receiver.requests) >= count, what, 20)


def made(house: House, receiver: Receiver, name: str, *kinds: str, **more: Any) -> dict[str, Any]:
    house.caught_up()
    with house.owner() as owner:
        return owner.make("/webhooks", name=name, url=receiver.url, kinds=list(kinds), **more)


@pytest.mark.req("SS26", "SP14")
def test_the_empty_page_teaches_and_leads_to_the_form(other_org_page: Page) -> None:
    webhooks = Webhooks(other_org_page).open()
    expect(webhooks.main).to_contain_text("No webhooks yet")
    expect(webhooks.main.get_by_role("region", name="Command")).to_contain_text("portico webhooks add")
    webhooks.main.get_by_role("link", name="Add a webhook").first.click()
    form = NewWebhook(other_org_page).ready()
    form.button("Add webhook").click()
    expect(form.main).to_contain_text("Something is missing or wrong above.")
    expect(form.main).to_contain_text("Choose at least one kind")


@pytest.mark.req("SS26", "SP14")
def test_a_webhook_is_added_tested_and_followed_without_help(house: House, owner_page: Page) -> None:
    with endpoint() as receiver:
        form = NewWebhook(owner_page).open().describe("Shop backend", receiver.url).choose("key.created", "key.revoked")
        expect(form.main).to_contain_text(
            re.compile(r"[1-9]\d* events? of (the last )?\d+ events would have been sent")
        )
        expect(form.main.get_by_role("region", name="Command")).to_contain_text("--kind key.created --kind key.revoked")
        secret = form.add()
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
        snippet = form.dialog.get_by_role("region", name="Verify a delivery")
        expect(snippet).to_contain_text("from standardwebhooks import Webhook")
        form.dialog.get_by_role("button", name="TypeScript", exact=True).click()
        expect(snippet).to_contain_text('from "standardwebhooks"')
        form.dialog.get_by_role("button", name="Python, no package").click()
        program: dict[str, Any] = {}
        # What the page tells people to run is what is run here.
        exec(snippet.inner_text(), program)
        form.confirm("I have stored it")

        webhook = Webhook(owner_page, "Shop backend").ready()
        assert secret not in owner_page.content()
        webhook.button("Test…").click()
        webhook.confirm("Send a test")
        expect(webhook.dialog).to_contain_text("Shop backend took it: it answered 204")
        # The last real event that it would have got; what that was, the tests before this one decide.
        sent = re.compile(r"X-Webhook-Event: (key\.created|key\.revoked)")
        expect(webhook.dialog.get_by_role("region", name="Headers sent")).to_contain_text(sent)
        body = re.compile(r'"type": "key\.(created|revoked)"')
        expect(webhook.dialog.get_by_role("region", name="Body sent")).to_contain_text(body)
        webhook.confirm("Close")
        assert standard_accepts(secret, receiver.requests[-1])

        name = f"told-about-{uuid4().hex[:6]}"
        with house.owner() as owner:
            owner.make_key(name)
            owner.wait_for(lambda: request_about(receiver, name), "the event of the new key", 20)
        last = request_about(receiver, name)
        assert last is not None
        assert standard_accepts(secret, last)
        assert program["is_from_portico"](secret, last.headers, last.body)
        assert not program["is_from_portico"](secret, last.headers, last.body + b" ")
        expect(webhook.deliveries.first).to_contain_text("delivered")
        expect(webhook.state).to_have_text("delivering")


@pytest.mark.req("SS26")
def test_a_delivery_is_looked_at_sent_again_and_sent_edited(house: House, owner_page: Page) -> None:
    with endpoint() as receiver:
        created = made(house, receiver, "Mended", "secret.created")["webhook"]
        with house.owner() as owner:
            owner.make("/secrets", name="mended", value="a value that stays inside")
        got(house, receiver, 1, "the first delivery")
        webhook = Webhook(owner_page, "Mended", created["id"]).open()
        webhook.open_delivery("secret.created")
        expect(webhook.tries).to_have_count(1)
        expect(webhook.tries.first).to_contain_text("204")
        webhook.confirm("Redeliver")
        got(house, receiver, 2, "the same once more")
        assert receiver.requests[0].id == receiver.requests[1].id
        expect(webhook.tries).to_have_count(2)

        webhook.confirm("Edit and redeliver…")
        edited = owner_page.get_by_role("dialog", name="Edit secret.created and send it")
        send = edited.get_by_role("button", name="Send edited delivery")
        body = edited.get_by_role("textbox", name="Body")
        body.fill('{"type": "secret.created", ')
        expect(edited).to_contain_text("Not JSON yet")
        expect(send).to_be_disabled()
        body.fill('{"type": "secret.created", "data": {"mended": true}}')
        send.click()
        got(house, receiver, 3, "the edited delivery")
        assert receiver.requests[2].event["data"] == {"mended": True}
        assert receiver.requests[2].id != receiver.requests[0].id
        expect(webhook.dialog.locator(".pill").filter(has_text="edited")).to_be_visible()
        webhook.confirm("Close")
        expect(webhook.deliveries).to_have_count(2)


@pytest.mark.req("SS26")
def test_a_failing_endpoint_is_seen_at_a_glance(house: House, owner_page: Page) -> None:
    with endpoint(lambda _request: Reply(500, body=b"out of order")) as receiver:
        created = made(house, receiver, "Broken", "secret.created", ladder_s=[1])["webhook"]
        with house.owner() as owner:
            owner.make("/secrets", name="into-the-void", value="a value that stays inside")
        webhooks = Webhooks(owner_page).open()
        expect(webhooks.row("Broken")).to_contain_text("failing", timeout=30_000)
        webhooks.row("Broken").get_by_role("link").click()
        webhook = Webhook(owner_page, "Broken", created["id"]).ready()
        expect(webhook.main).to_contain_text("The last try failed")
        expect(webhook.deliveries.first).to_contain_text("dead", timeout=20_000)
        webhook.open_delivery("secret.created")
        expect(webhook.tries).to_have_count(2)
        webhook.dialog.get_by_text("What it answered").first.click()
        expect(webhook.dialog.get_by_role("region", name="Answer to try 2")).to_contain_text("out of order")


@pytest.mark.req("SS26")
def test_the_secret_is_rotated_with_both_signing_and_a_pause_is_made_good(house: House, owner_page: Page) -> None:
    with endpoint() as receiver:
        answer = made(house, receiver, "Rotated", "secret.*")
        webhook = Webhook(owner_page, "Rotated", answer["webhook"]["id"]).open()
        webhook.button("Rotate secret").click()
        webhook.confirm("Rotate secret")
        shown = webhook.dialog.get_by_role("region", name="The secret of Rotated")
        fresh = shown.inner_text().strip()
        webhook.confirm("I have stored it")
        expect(webhook.main).to_contain_text("the one before signs too until")
        with house.owner() as owner:
            owner.make("/secrets", name="signed-twice", value="a value that stays inside")
        got(house, receiver, 1, "the delivery with two signatures")
        assert standard_accepts(answer["secret"], receiver.requests[0])
        assert standard_accepts(fresh, receiver.requests[0])

        webhook.button("Pause").click()
        expect(webhook.state).to_have_text("paused")
        with house.owner() as owner:
            owner.make("/secrets", name="while-paused", value="a value that stays inside")
        webhook.button("Resume").click()
        expect(webhook.state).to_have_text("delivering")
        webhook.button("Replay…").click()
        webhook.confirm("See how many")
        expect(webhook.dialog).to_contain_text(re.compile("This would send [1-9]"))
        house.caught_up()
        assert [request.event["data"]["name"] for request in receiver.requests] == ["signed-twice"]
        webhook.dialog.get_by_role("button", name=re.compile(r"^Send \d+ event")).click()
        expect(webhook.dialog).to_have_count(0)
        with house.owner() as owner:
            owner.wait_for(
                lambda: any(it["data"]["name"] == "while-paused" for it in bodies(receiver, "secret.created")),
                "what happened during the pause",
            )


@pytest.mark.req("SS26")
def test_a_webhook_is_edited_without_its_values_and_deleted_by_name(house: House, owner_page: Page) -> None:
    with endpoint() as receiver:
        headers = [{"name": "X-Team", "value": "a-token-nobody-reads-back"}]
        created = made(house, receiver, "Temporary", "limit.created", headers=headers)["webhook"]
        webhook = Webhook(owner_page, "Temporary", created["id"]).open()
        webhook.button("Edit").click()
        assert "a-token-nobody-reads-back" not in owner_page.content()
        expect(webhook.dialog.get_by_role("button", name="Save")).to_be_disabled()
        webhook.fill(What_it_is_for="Lives for one test")
        webhook.confirm("Save")
        expect(webhook.main).to_contain_text("Lives for one test")
        with house.owner() as owner:
            owner.make("/limits", name="Told", subject_kind="org", rate=100_000, per_s=60)
        got(house, receiver, 1, "the event of the limit")
        assert receiver.requests[0].headers["x-team"] == "a-token-nobody-reads-back"

        webhook.button("Delete").click()
        delete = webhook.dialog.get_by_role("button", name="Delete webhook")
        expect(delete).to_be_disabled()
        webhook.fill(Type_Temporary_to_confirm="Temporary")
        delete.click()
        expect(Webhooks(owner_page).ready().row("Temporary")).to_have_count(0)


@pytest.mark.req("SS26")
def test_a_page_that_rests_hears_of_a_delivery_and_of_the_end_of_its_endpoint(house: House, owner_page: Page) -> None:
    with endpoint(lambda _request: Reply(410)) as receiver:
        created = made(house, receiver, "Gone for good", "secret.created")["webhook"]
        webhook = Webhook(owner_page, "Gone for good", created["id"]).open()
        expect(webhook.main).to_contain_text("The next event of the kinds it gets appears here at once.")
        with house.owner() as owner:
            owner.make("/secrets", name="told-to-nobody", value="a value that stays inside")
        # Nothing on its way: the page asks by itself every 30 s only.
        expect(webhook.deliveries).to_have_count(1, timeout=15_000)
        expect(webhook.state).to_have_text("disabled", timeout=15_000)
        expect(webhook.main).to_contain_text(
            "Nothing is sent: The endpoint answered 410: it is gone. Mend the endpoint"
        )


@pytest.mark.req("SS26")
def test_a_paused_webhook_does_not_promise_what_happens(house: House, owner_page: Page) -> None:
    with endpoint() as receiver:
        created = made(house, receiver, "At rest", "secret.created")["webhook"]
        webhook = Webhook(owner_page, "At rest", created["id"]).open()
        webhook.button("Pause").click()
        expect(webhook.main).to_contain_text("While this webhook is paused, no event is queued for it.")
        expect(webhook.main).not_to_contain_text("appears here at once")


@pytest.mark.req("SS26")
def test_webhooks_are_for_those_who_may_and_stay_in_their_org(
    house: House, viewer_page: Page, other_org_page: Page
) -> None:
    viewer = Webhooks(viewer_page)
    viewer_page.goto("/")
    expect(viewer.page.get_by_role("navigation", name="Rooms")).to_contain_text("Events")
    expect(viewer.page.get_by_role("navigation", name="Rooms")).not_to_contain_text("Webhooks")
    with endpoint() as receiver:
        made(house, receiver, "Of the first org", "key.created")
        other = Webhooks(other_org_page).open()
        expect(other.main).to_contain_text("No webhooks yet")
        expect(other.main).not_to_contain_text("Of the first org")


def open_pages(page: Page, house: House, receiver: Receiver) -> Iterator[tuple[str, Base]]:
    created = made(house, receiver, "Looked at", "key.*", "secret.created", description="Kept for the looks")["webhook"]
    with house.owner() as owner:
        owner.make_key("looked-at")
    got(house, receiver, 1, "a delivery to look at")
    yield "webhooks", Webhooks(page).open()
    yield "webhook-new", NewWebhook(page).open()
    webhook = Webhook(page, "Looked at", created["id"])
    yield "webhook", webhook.open()
    yield "webhook-verify", webhook.open("?tab=verify")
    with house.owner() as owner:
        delivery = owner.get(f"/webhooks/{created['id']}/deliveries")["items"][0]["id"]
    yield "webhook-delivery", webhook.open(f"?delivery={delivery}")
    for verb in ("Edit", "Test…", "Replay…"):
        webhook.open().button(verb).click()
        expect(webhook.dialog).to_be_visible()
        webhook.settled()
        yield f"webhook-{verb.rstrip('…').lower()}", webhook


@pytest.mark.req("SS26", "SP14")
def test_the_pages_of_webhooks_are_accessible_in_both_themes_and_fit_a_phone(
    house: House, new_context: NewContext
) -> None:
    page = sign_in(new_context(reduced_motion="reduce"), OWNER).new_page()
    with endpoint() as receiver:
        wrong: dict[str, list[str]] = {}
        for name, opened in open_pages(page, house, receiver):
            wrong |= judge(name, opened)
    assert wrong == {}
