"""The pages of dashboards as a person meets them."""

from typing import Self

from playwright.sync_api import Locator, Page, expect

from tests.e2e.pages import Base


class Dashboards(Base):
    path = "/dashboards"
    title = "Dashboards"


class Dashboard(Base):
    def __init__(self, page: Page, dashboard_id: str = "", title: str = "") -> None:
        super().__init__(page)
        self.path, self.title = f"/dashboards/{dashboard_id}", title

    def ready(self) -> Self:
        super().ready()
        expect(self.status).to_have_text("saved")
        return self

    @property
    def status(self) -> Locator:
        # Not by role, for the same reason as the heading.
        return self.page.locator("main [role=status][aria-label^=Changes]")

    @property
    def happened(self) -> Locator:
        return self.main.get_by_role("status", name="What just happened")

    @property
    def your_version(self) -> Locator:
        return self.main.get_by_role("region", name="Your version")

    @property
    def widgets(self) -> Locator:
        return self.main.get_by_role("article")

    def widget(self, title: str) -> Locator:
        return self.main.get_by_role("article", name=title, exact=True)

    def proposal(self, title: str) -> Locator:
        return self.main.get_by_role("region", name=f"Proposal: {title}")

    def arrange(self) -> None:
        self.button("Arrange").click()
        expect(self.button("Done arranging")).to_be_visible()

    def choose_layout(self, name: str) -> None:
        self.main.get_by_role("group", name="Layout").get_by_role("button", name=name).click()

    def add(self, kind: str, title: str | None = None) -> None:
        self.button("Add a widget").first.click()
        self.dialog.get_by_role("radio", name=kind, exact=True).check()
        if title is not None:
            self.dialog.get_by_label("Title").fill(title)
        self.confirm("Add widget")
        expect(self.dialog).to_have_count(0)

    def rename_widget(self, title: str, to: str) -> None:
        self.main.get_by_role("button", name=f"Options of {title}", exact=True).click()
        self.dialog.get_by_label("Title").fill(to)
        self.confirm("Save")
        expect(self.dialog).to_have_count(0)

    def spot(self, title: str) -> dict[str, float]:
        """Where a widget stands and how large it is, in pixels of the page."""
        box = self.widget(title).bounding_box()
        assert box is not None
        return dict(box)
