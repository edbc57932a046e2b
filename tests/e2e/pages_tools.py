"""The rooms of tools and policies."""

from typing import Self

from playwright.sync_api import Locator, Page, expect

from tests.e2e.pages import Base


class Tools(Base):
    path = "/tools"
    title = "Tools"

    def view(self, name: str) -> Self:
        self.main.get_by_role("navigation", name="Views of tools").get_by_role("link", name=name).click()
        return self.ready()

    def held(self, tool: str) -> Locator:
        """One that waits in the quarantine."""
        return self.main.get_by_role("region", name=tool, exact=True)


class Tool(Base):
    def __init__(self, page: Page, tool: str, tool_id: str = "") -> None:
        super().__init__(page)
        self.title, self.path = tool, f"/tools/definitions/{tool_id}"

    @property
    def difference(self) -> Locator:
        return self.main.get_by_role("region", name="Difference")


class LocalServer(Base):
    def __init__(self, page: Page, name: str) -> None:
        super().__init__(page)
        self.title, self.path = name, f"/tools/servers/{name}"


class NewLocalServer(Base):
    path = "/tools/servers/new"
    title = "Add a local tool server"


class Policies(Base):
    path = "/policies"
    title = "Policies"


class Policy(Base):
    """Being written, or there."""

    path = "/policies/new"

    def __init__(self, page: Page, name: str = "Write a policy") -> None:
        super().__init__(page)
        self.title = name

    def say(self, expression: str) -> None:
        self.main.get_by_label("Applies when").fill(expression)

    def simulate(self, server: str, tool: str, args: str) -> Locator:
        self.choose("Server", server)
        self.main.get_by_label("Tool", exact=True).fill(tool)
        self.page.keyboard.press("Escape")
        self.main.get_by_label("Arguments", exact=True).fill(args)
        self.button("Ask").click()
        return self.main.get_by_role("region", name="What would happen")

    def choose(self, label: str, option: str) -> None:
        self.main.get_by_label(label, exact=True).click()
        self.page.get_by_role("option", name=option, exact=True).click()
        expect(self.page.get_by_role("listbox")).to_have_count(0)


class Simulator(Policy):
    path = "/policies/simulate"

    def __init__(self, page: Page) -> None:
        super().__init__(page, "Policies")
