"""A real Chromium before a real installation. One installation for the whole folder; one browser for each file, because
Playwright keeps an event loop running in its thread while it is open, and the asyncio tests elsewhere need theirs."""

import re
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from tests.e2e.house import OTHER_OWNER, OWNER, VIEWER, House, Person, open_house

ROOT = Path(__file__).parents[2]
_CHROMIUM = next(
    (path for name in ("chromium", "google-chrome", "chromium-browser") if (path := shutil.which(name))), None
)
_NO_CHROMIUM = "Chromium is missing: no browser test ran. Install chromium or google-chrome."
_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_QUIET = ["--disable-component-update", "--disable-sync"]

expect.set_options(timeout=10_000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _CHROMIUM is None:
        terminalreporter.section("Chromium", red=True, bold=True)
        terminalreporter.line(_NO_CHROMIUM, red=True, bold=True)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if _CHROMIUM is None:
        pytest.skip(_NO_CHROMIUM)
    assert (ROOT / "src/portico/api/static/index.html").exists(), "build the web client first: make test does"
    with open_house(tmp_path_factory.mktemp("house") / "data") as made:
        yield made


@pytest.fixture(scope="module")
def browser(house: House) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=_CHROMIUM, args=[*_ARGUMENTS, *_QUIET])
        yield launched
        launched.close()


class Troubles:
    """What a browser complains of: errors on the console, uncaught exceptions, breaches of the content security policy."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.expected: list[re.Pattern[str]] = []

    def follow(self, page: Page) -> None:
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.seen.append(f"uncaught: {error}"))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.seen.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def expect(self, pattern: str) -> None:
        """This test makes the browser complain of this, on purpose."""
        self.expected.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        return [line for line in self.seen if not any(pattern.search(line) for pattern in self.expected)]


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    kept = Troubles()
    yield kept
    assert kept.unexpected() == []


NewContext = Callable[..., BrowserContext]


@pytest.fixture
def new_context(browser: Browser, house: House, troubles: Troubles) -> Iterator[NewContext]:
    """A browser profile of its own, as another person would have."""
    opened: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        size = {"width": 1440, "height": 900}
        context = browser.new_context(base_url=house.url, **{"viewport": size, "color_scheme": "light", **options})
        context.set_default_timeout(10_000)
        context.on("page", troubles.follow)
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


def sign_in(context: BrowserContext, person: Person) -> BrowserContext:
    """As the sign-in page does it; the tests of that page fill its form."""
    answer = context.request.post("/api/v1/auth/sign-in", data={"email": person.email, "password": person.password})
    assert answer.ok, answer.text()
    return context


@pytest.fixture
def owner_page(new_context: NewContext) -> Page:
    return sign_in(new_context(), OWNER).new_page()


@pytest.fixture
def viewer_page(new_context: NewContext) -> Page:
    return sign_in(new_context(), VIEWER).new_page()


@pytest.fixture
def other_org_page(new_context: NewContext) -> Page:
    """The owner of another org on the same installation."""
    return sign_in(new_context(), OTHER_OWNER).new_page()


@pytest.fixture
def stranger_page(new_context: NewContext) -> Page:
    return new_context().new_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was on the screen when a test failed."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        folder = ROOT / "test-artefacts" / "failures"
        folder.mkdir(parents=True, exist_ok=True)
        for name, page in item.funcargs.items():
            if isinstance(page, Page):
                try:
                    page.screenshot(path=folder / f"{item.name}-{name}.png")
                except Error:
                    continue
    return report
