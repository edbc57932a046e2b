"""The log, its catalogue, who follows it, what was given up, and the notices that are made of it."""

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from portico.domains.events import archive
from portico.kernel.ids import OrgId
from tests.e2e.buried import ERROR, bury
from tests.e2e.conftest import NewContext, Troubles, sign_in
from tests.e2e.endpoint import endpoint
from tests.e2e.house import OWNER, House
from tests.e2e.pages import Base, Keys
from tests.e2e.pages_events import (
    Archives,
    Consumers,
    DeadLetters,
    Events,
    EventTypes,
    Notices,
    OwnTypes,
    Webhooks,
)
from tests.e2e.test_looks import judge

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def org_of(house: House) -> str:
    with house.owner() as owner:
        return str(owner.get("/auth/me")["org"]["id"])


def no_letters(house: House) -> None:
    """Whatever tests before this one left behind."""
    with house.owner() as owner:
        for letter in owner.get("/dead-letters", page_size=100)["items"]:
            answer = owner.client.post(f"/dead-letters/{letter['id']}/discard")
            assert answer.is_success, answer.text


def buried_key(house: House, name: str) -> None:
    with house.owner() as owner:
        owner.make_key(name)
    bury(house, org_of(house), "key.created", name)


@pytest.mark.req("SP14", "SP16")
def test_what_happens_is_in_the_log_at_once_and_in_no_other_org(
    house: House, owner_page: Page, other_org_page: Page
) -> None:
    log, other = Events(owner_page).open().is_live(), Events(other_org_page).open().is_live()
    with house.owner() as owner:
        owner.make_key("seen-live")
    # Sooner than a page would ask by itself.
    expect(log.rows.filter(has_text="seen-live").first).to_be_visible()
    log.rows.filter(has_text="seen-live").first.get_by_role("button").click()
    expect(log.dialog).to_contain_text("An API key was made.")
    expect(log.dialog.get_by_role("region", name="Payload")).to_contain_text('"name": "seen-live"')
    log.dialog.get_by_role("link", name="Open what it is about").click()
    expect(Keys(owner_page).ready().dialog).to_contain_text("seen-live")
    other.is_live()
    expect(other.main).not_to_contain_text("seen-live")


@pytest.mark.req("SP14")
def test_the_log_is_narrowed_by_kind_category_and_subject(house: House, owner_page: Page) -> None:
    with house.owner() as owner:
        secret = owner.make("/secrets", name="narrowed", value="a value that stays inside")
        found = owner.get("/events", kind="secret.created", page_size=100)["items"]
        event = next(each for each in found if each["payload"]["name"] == secret["name"])
        sent = {"specversion": "1.0", "id": "parcel-1", "source": "/depot", "type": "parcel.packed"}
        owner.make("/events", **sent, data={"weight_g": 900})
    log = Events(owner_page).open()
    log.search("secret.*")
    expect(owner_page).to_have_url(re.compile(r"kind=secret\.\*"))
    expect(log.rows.filter(has_text="narrowed").first).to_be_visible()
    expect(log.rows.filter(has_text="key.created")).to_have_count(0)
    # A name of another system means ours.
    log.search("api_key.created")
    expect(log.rows.first).to_contain_text("key.created")
    log.open(f"?subject={event['subject']}")
    expect(log.rows).to_have_count(1)
    log.button("Clear").click()
    expect(log.rows.filter(has_text="parcel.packed").first).to_be_visible()
    log.button("any category").click()
    owner_page.get_by_role("menuitem", name="integration").click()
    expect(log.rows.filter(has_text="parcel.packed").first).to_be_visible()
    expect(log.rows.filter(has_text="key.created")).to_have_count(0)
    log.open("?subject=service:svc_none")
    expect(log.main).to_contain_text("No event fits these filters")


@pytest.mark.req("SP14")
def test_the_catalogue_says_what_each_kind_is(house: House, owner_page: Page) -> None:
    types = EventTypes(owner_page).open("?q=api_key.revoked")
    expect(types.main.get_by_role("region", name="Kinds of events").locator("tbody tr")).to_have_count(1)
    types.row("key.revoked").get_by_role("button").click()
    expect(types.dialog.get_by_role("region", name="JSON schema")).to_contain_text('"key_id"')
    types.dialog.get_by_role("link", name="Events of this kind").click()
    expect(owner_page).to_have_url(re.compile("kind=key.revoked"))

    shown = EventTypes(owner_page).open().main.get_by_role("region", name="Publish an event")
    sent = {"specversion": "1.0", "id": "order-7-shipped", "source": "/shop", "type": "order.shipped"}
    for part in ('"specversion": "1.0"', '"id": "order-7-shipped"', '"type": "order.shipped"'):
        expect(shown).to_contain_text(part)
    with house.owner() as owner:
        owner.make("/events", **sent, subject="order:7", data={"parcels": 2})
    log = Events(owner_page).open("?category=integration")
    expect(log.rows.filter(has_text="order.shipped").first).to_be_visible()


@pytest.mark.req("SP14", "SP17")
def test_a_type_of_ones_own_is_registered_published_by_its_sample_and_removed(
    house: House, other_org_page: Page, viewer_page: Page
) -> None:
    with house.other_owner() as owner:
        # There is none, unless this test is at its second try.
        owner.client.delete("/event-types/parcel.weighed")
    types = OwnTypes(other_org_page).open()
    expect(types.main).to_contain_text("No types of your own yet")
    types.button("Register a type").first.click()
    types.dialog.get_by_role("textbox", name="Name").fill("parcel.weighed")
    types.dialog.get_by_role("textbox", name="What it means").fill("A parcel was put on the scales.")
    schema = types.dialog.get_by_role("textbox", name="JSON schema of the data")
    schema.fill('{"type": "object", ')
    expect(types.dialog.get_by_role("button", name="Register type")).to_be_disabled()
    schema.fill('{"type": "object", "properties": {"grams": {"type": "integer", "minimum": 5}}, "required": ["grams"]}')
    types.confirm("Register type")
    types.row("parcel.weighed").get_by_role("button").click()
    expect(types.dialog).to_contain_text("Nobody has published it yet.")
    expect(types.dialog.get_by_role("region", name="JSON schema")).to_contain_text('"minimum": 5')
    # What the page tells people to run is what is run here.
    command = types.dialog.get_by_role("region", name="Publish one").inner_text()
    sent = json.loads(command[command.index("{") : command.rindex("}") + 1])
    assert (sent["type"], sent["data"]) == ("parcel.weighed", {"grams": 5})
    with house.other_owner() as owner:
        owner.make("/events", **sent)
    types.open(f"?open={sent['type']}.v1")
    expect(types.dialog).to_contain_text("/your-system")
    types.confirm("Remove…")
    types.page.get_by_role("dialog", name="Remove parcel.weighed?").get_by_role("button", name="Remove type").click()
    expect(types.main).to_contain_text("No types of your own yet")
    expect(OwnTypes(viewer_page).open().main).not_to_contain_text("Register a type")


@pytest.mark.req("SP14", "R-DATA-010")
def test_what_has_left_the_log_is_downloaded(
    house: House, owner_page: Page, viewer_page: Page, other_org_page: Page
) -> None:
    with house.owner() as owner:
        event = owner.get("/events", kind="key.created")["items"][0]
    org_id = org_of(house)
    # As retention would have written it: nobody waits a year here.
    line = json.dumps({"org_id": org_id, "scope": "ENTERPRISE", **event}) + "\n"
    folder = archive.folder_of(house.installation.data_dir, OrgId(org_id))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"2026-01-31-{event['seq']}-{event['seq']}.jsonl.gz").write_bytes(gzip.compress(line.encode()))
    archives = Archives(owner_page).open()
    with owner_page.expect_download() as downloading:
        archives.row("2026-01-31").first.get_by_role("button", name="Download").click()
    assert json.loads(downloading.value.path().read_text())["id"] == event["id"]
    expect(Events(viewer_page).open().main).not_to_contain_text("Archive")
    expect(Archives(other_org_page).open().main).to_contain_text("Nothing has left the log yet")


@pytest.mark.req("SP14")
def test_the_rooms_are_a_key_away(owner_page: Page) -> None:
    Notices(owner_page).open()
    for letter, room in (("e", Events(owner_page)), ("w", Webhooks(owner_page))):
        owner_page.keyboard.press("g")
        owner_page.keyboard.press(letter)
        room.ready()
    owner_page.keyboard.press("Control+k")
    owner_page.keyboard.type("dead letters")
    owner_page.keyboard.press("Enter")
    expect(DeadLetters(owner_page).ready().main.get_by_role("link", name="Dead letters")).to_be_visible()


@pytest.mark.req("HY26")
def test_a_replay_says_first_who_would_be_hit(house: House, owner_page: Page) -> None:
    with house.owner() as owner:
        key = owner.make("/keys", name="replayed", permissions=["services.read"])
        owner.make(f"/keys/{key['id']}/revoke")
    no_letters(house)
    house.caught_up()
    consumers = Consumers(owner_page).open()
    for name in ("webhooks", "notices", "event_counts"):
        expect(consumers.row(name)).to_contain_text("up to date")
    consumers.button("Replay…").click()
    consumers.confirm("See who would be hit")
    expect(consumers.dialog).to_contain_text("Choose one of them above to replay.")
    consumers.dialog.get_by_role("combobox", name="Who gets them").click()
    owner_page.get_by_role("option", name="notices", exact=True).click()
    consumers.fill(Kinds="key.revoked")
    consumers.confirm("See who would be hit")
    expect(consumers.dialog).to_contain_text(re.compile(r"notices, with \d+ events? once more"))
    replay = consumers.dialog.get_by_role("button", name=re.compile(r"^Replay \d+ event"))
    expect(replay).to_be_disabled()
    consumers.dialog.get_by_role("checkbox", name="Yes, hand them to notices again").check()
    replay.click()
    expect(consumers.dialog).to_have_count(0)
    with house.owner() as owner:
        assert owner.get("/audit", action="event.replay")["items"][0]["target"]["id"] == "notices"

    consumers.row("event_counts").get_by_role("button").click()
    consumers.confirm("See who would be hit")
    expect(consumers.dialog).to_contain_text("nothing in it would change")


@pytest.mark.req("HY26", "SP14")
def test_a_dead_letter_is_mended_and_handed_over_again(house: House, owner_page: Page) -> None:
    no_letters(house)
    buried_key(house, "misnamed")
    house.caught_up()
    with endpoint() as receiver, house.owner() as owner:
        owner.make("/webhooks", name="Mender", url=receiver.url, kinds=["key.created"])
        letters = DeadLetters(owner_page).open("?consumer=webhooks")
        letters.rows.filter(has_text="key.created").first.get_by_role("button").click()
        expect(letters.dialog).to_contain_text(ERROR)
        expect(letters.dialog).to_contain_text("Tries4")
        letters.confirm("Edit payload")
        field = letters.dialog.get_by_role("textbox", name="Payload")
        save = letters.dialog.get_by_role("button", name="Save payload")
        recorded = field.input_value()
        field.fill(recorded.replace("misnamed", "well named")[:-2])
        expect(letters.dialog).to_contain_text("Not JSON yet")
        expect(save).to_be_disabled()
        field.fill(recorded.replace("misnamed", "well named"))
        save.click()
        expect(letters.dialog.locator(".pill")).to_have_text("edited")
        letters.dialog.get_by_text("As it was recorded").click()
        expect(letters.dialog.get_by_role("region", name="Payload as recorded")).to_contain_text("misnamed")
        letters.confirm("Retry")
        owner.wait_for(lambda: receiver.requests, "the mended event", 20)
        assert {request.event["data"]["name"] for request in receiver.requests} == {"well named"}
    expect(letters.main).to_contain_text("No dead letter fits")


@pytest.mark.req("HY26")
def test_dead_letters_are_discarded_and_retried_by_those_who_may_in_their_own_org(
    house: House, owner_page: Page, viewer_page: Page, other_org_page: Page, troubles: Troubles
) -> None:
    no_letters(house)
    for name in ("to-discard", "to-retry", "to-retry-too"):
        buried_key(house, name)
    other = DeadLetters(other_org_page).open()
    expect(other.main).to_contain_text("No dead letters")
    expect(Events(viewer_page).open().main).not_to_contain_text("Dead letters")

    letters = DeadLetters(owner_page).open()
    expect(letters.rows).to_have_count(3)
    # The one that died first stands last.
    letters.rows.last.get_by_role("button").click()
    expect(letters.dialog.get_by_role("region", name="Payload")).to_contain_text("to-discard")
    letters.confirm("Discard…")
    asked = owner_page.get_by_role("dialog", name="Discard key.created?")
    expect(asked).to_contain_text("webhooks will never get this key.created")
    asked.get_by_role("button", name="Discard dead letter").click()
    expect(letters.rows).to_have_count(2)
    expect(letters.dialog).to_have_count(0)

    letters.button("Retry all…").click()
    letters.confirm("Retry all")
    expect(letters.main).to_contain_text("No dead letters")
    with house.owner() as owner:
        did = [entry["action"] for entry in owner.get("/audit")["items"]]
    assert {"dead_letter.discard", "dead_letter.retry_many"} <= set(did)


@pytest.mark.req("SP14")
def test_a_notice_arrives_at_the_bell_is_read_and_leads_to_its_place(house: House, owner_page: Page) -> None:
    house.caught_up()
    notices = Notices(owner_page).open()
    if notices.button("Mark all read").is_enabled():
        notices.button("Mark all read").click()
    expect(notices.bell).to_have_accessible_name(re.compile("0 unread"))
    with house.owner() as owner:
        key = owner.make("/keys", name="withdrawn", permissions=["services.read"])
        janitor = owner.make_key("janitor", permissions=["keys.read", "keys.manage", "services.read"])
    # What one did oneself is no news.
    with house.caller(janitor) as program:
        assert program.post(f"/api/v1/keys/{key['id']}/revoke").is_success
    expect(notices.bell).to_have_accessible_name(re.compile("1 unread"), timeout=35_000)
    expect(notices.lines.filter(has_text="withdrawn").first).to_be_visible()
    notices.bell.click()
    last = notices.dialog.get_by_role("list", name="The last notices").get_by_role("listitem")
    last.filter(has_text="The key withdrawn is revoked").first.get_by_role("link").click()
    Keys(owner_page).ready()
    expect(notices.bell).to_have_accessible_name(re.compile("0 unread"))
    notices.open("?unread=1")
    expect(notices.main).to_contain_text("Nothing is unread")


def open_pages(page: Page, house: House) -> Iterator[tuple[str, Base]]:
    buried_key(house, "looked-at")
    with house.owner() as owner:
        event = owner.get("/events", kind="key.created")["items"][0]["id"]
        letter = owner.get("/dead-letters")["items"][0]["id"]
    yield "events", Events(page).open()
    yield "event", Events(page).open(f"?open={event}")
    yield "event-types", EventTypes(page).open()
    yield "event-type", EventTypes(page).open("?open=key.created.v1")
    yield "own-types", OwnTypes(page).open()
    yield "event-archive", Archives(page).open()
    yield "event-consumers", Consumers(page).open()
    yield "event-replay", Consumers(page).open("?replay=notices")
    yield "dead-letters", DeadLetters(page).open()
    yield "dead-letter", DeadLetters(page).open(f"?open={letter}")
    notices = Notices(page)
    yield "notices", notices.open()
    notices.bell.click()
    expect(notices.dialog.get_by_role("list", name="The last notices")).to_be_visible()
    yield "notices-bell", notices


@pytest.mark.req("SP14")
def test_the_pages_of_events_are_accessible_in_both_themes_and_fit_a_phone(
    house: House, new_context: NewContext
) -> None:
    page = sign_in(new_context(reduced_motion="reduce"), OWNER).new_page()
    wrong: dict[str, Any] = {}
    for name, opened in open_pages(page, house):
        wrong |= judge(name, opened)
    assert wrong == {}
