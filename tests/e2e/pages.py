"""The pages as a person meets them. Each knows where its things are; what must hold is said by the tests."""

from typing import Self

from playwright.sync_api import Locator, Page, expect


class Base:
    """The frame around every page."""

    path = "/"
    title = ""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, more: str = "") -> Self:
        self.page.goto(f"{self.path}{more}")
        return self.ready()

    def ready(self) -> Self:
        """On the screen, signed in, and with its data."""
        # Not by role: an open dialog takes the page behind it away from assistive technology.
        expect(self.page.locator("h1")).to_contain_text(self.title)
        self.settled()
        return self

    def settled(self) -> None:
        expect(self.page.locator("[aria-busy=true], .MuiSkeleton-root")).to_have_count(0)

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    @property
    def live(self) -> Locator:
        return self.page.get_by_role("status", name="Live data")

    def is_live(self) -> Self:
        expect(self.live).to_have_text("live")
        return self

    def go(self, room: str) -> None:
        self.page.get_by_role("navigation", name="Rooms").get_by_role("link", name=room, exact=True).click()

    def button(self, name: str) -> Locator:
        return self.main.get_by_role("button", name=name, exact=True)

    def row(self, text: str) -> Locator:
        return self.main.get_by_role("row").filter(has_text=text)

    def fill(self, **fields: str) -> None:
        """Fields of the dialog by their labels, with _ for a space."""
        for label, text in fields.items():
            self.dialog.get_by_label(label.replace("_", " ")).first.fill(text)

    def confirm(self, verb: str) -> None:
        self.dialog.get_by_role("button", name=verb, exact=True).click()

    def choose_theme(self, mode: str) -> None:
        self.page.emulate_media(color_scheme=mode)  # type: ignore[arg-type]
        expect(self.page.locator(f'html[data-theme="{mode}"]')).to_have_count(1)

    def sideways(self) -> int:
        """How many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


class SignIn(Base):
    path = "/sign-in"
    title = "Sign in to Portico"

    def enter(self, email: str, password: str) -> None:
        self.main.get_by_label("Email").fill(email)
        self.main.get_by_label("Password").fill(password)
        self.button("Sign in").click()


class Invitation(Base):
    path = "/invite"
    title = "Join Portico"

    def accept(self, name: str, password: str) -> None:
        self.main.get_by_label("Name").fill(name)
        self.main.get_by_label("Password", exact=True).fill(password)
        self.main.get_by_label("Password again").fill(password)
        self.button("Join").click()


class Home(Base):
    title = "Home"

    @property
    def calls(self) -> Locator:
        return self.page.get_by_role("region", name="The last calls").locator("tbody tr")


class Services(Base):
    path = "/services"
    title = "Services"


class Register(Base):
    path = "/services/new"
    title = "Register a service"


class Service(Base):
    path = "/services/"

    def __init__(self, page: Page, name: str) -> None:
        super().__init__(page)
        self.path, self.title = f"/services/{name}", name


class Calls(Base):
    path = "/calls"
    title = "Calls"

    @property
    def rows(self) -> Locator:
        return self.page.get_by_role("region", name="Calls").locator("tbody tr")


class Analytics(Base):
    path = "/calls/analytics"
    title = "Calls"


class Call(Base):
    path = "/calls/"

    def __init__(self, page: Page, call_id: str = "") -> None:
        super().__init__(page)
        self.path, self.title = f"/calls/{call_id}", "call_"

    @property
    def stages(self) -> Locator:
        return self.main.locator(".way")


class Keys(Base):
    path = "/keys"
    title = "Keys"


class Members(Base):
    path = "/members"
    title = "Members"


class Budgets(Base):
    path = "/budgets"
    title = "Budgets and limits"

    def card(self, name: str) -> Locator:
        return self.main.locator("section.card").filter(has=self.page.get_by_role("heading", name=name, exact=True))


class Audit(Base):
    path = "/audit"
    title = "Audit"


class Secrets(Base):
    path = "/secrets"
    title = "Secrets"


class Settings(Base):
    path = "/settings"
    title = "Settings"


class Orgs(Base):
    path = "/orgs"
    title = "Orgs"
