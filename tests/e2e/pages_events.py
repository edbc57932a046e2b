"""The pages of events, webhooks and notices, as a person meets them."""

import re
from typing import Self

from playwright.sync_api import Locator, Page

from tests.e2e.pages import Base


class Events(Base):
    path = "/events"
    title = "Events"

    @property
    def rows(self) -> Locator:
        return self.page.get_by_role("region", name="Events").locator("tbody tr")

    def tab(self, name: str) -> None:
        self.page.get_by_role("navigation", name="Views of events").get_by_role("link", name=name, exact=True).click()

    def search(self, kind: str) -> None:
        field = self.main.get_by_role("searchbox", name="Kind, such as key.created")
        field.fill(kind)
        field.press("Enter")


class EventTypes(Events):
    path = "/events/types"


class OwnTypes(Events):
    path = "/events/own-types"


class Archives(Events):
    path = "/events/archive"


class Consumers(Events):
    path = "/events/consumers"


class DeadLetters(Events):
    path = "/events/dead-letters"

    @property
    def rows(self) -> Locator:
        return self.page.get_by_role("region", name="Dead letters").locator("tbody tr")


class Webhooks(Base):
    path = "/webhooks"
    title = "Webhooks"


class NewWebhook(Base):
    path = "/webhooks/new"
    title = "Add a webhook"

    def describe(self, name: str, url: str) -> Self:
        self.main.get_by_role("textbox", name="Name", exact=True).fill(name)
        self.main.get_by_role("textbox", name="Address").fill(url)
        return self

    def choose(self, *kinds: str) -> Self:
        """Single kinds, found by typing a part of their names."""
        for kind in kinds:
            self.main.get_by_role("searchbox", name="Search kinds").fill(kind)
            self.main.get_by_role("checkbox", name=re.compile(rf"^{re.escape(kind)}\b")).check()
        return self

    def add(self) -> str:
        """The secret, from the one time it is shown."""
        self.button("Add webhook").click()
        shown = self.dialog.get_by_role("region", name=re.compile("^The secret of"))
        return shown.inner_text().strip()


class Webhook(Base):
    path = "/webhooks/"

    def __init__(self, page: Page, name: str, webhook_id: str = "") -> None:
        super().__init__(page)
        self.path, self.title = f"/webhooks/{webhook_id}", name

    @property
    def deliveries(self) -> Locator:
        return self.page.get_by_role("region", name="Deliveries").locator("tbody tr")

    @property
    def state(self) -> Locator:
        return self.main.locator("header .pill")

    @property
    def tries(self) -> Locator:
        return self.dialog.get_by_role("list", name="Tries").get_by_role("listitem")

    def open_delivery(self, kind: str) -> None:
        self.deliveries.filter(has_text=kind).first.get_by_role("button").click()


class Notices(Base):
    path = "/notices"
    title = "Notices"

    @property
    def bell(self) -> Locator:
        return self.page.get_by_role("banner").get_by_role("button", name="Notices")

    @property
    def lines(self) -> Locator:
        return self.main.get_by_role("list", name="Notices").get_by_role("listitem")
