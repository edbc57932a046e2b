"""What the tests of dashboards put on them, and the ways to make, read and disturb them."""

import re
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

from tests.e2e.house import House

TASKS = {"tasks": [{"id": "1", "title": "Rotate the model key", "status": "doing", "priority": "high"}]}
FIGURES = {"metrics": [{"name": "Tickets answered", "value": 412, "change_percent": 8.2, "better": "higher"}]}


def widget(kind: str, title: str, x: int = 0, y: int = 0, w: int = 6, h: int = 5, **options: Any) -> dict[str, Any]:
    place = {"x": x, "y": y, "w": w, "h": h}
    return {"id": title.lower().replace(" ", "-"), "type": kind, "title": title, "place": place, "options": options}


def state_of(*widgets: dict[str, Any], layout: str = "grid") -> dict[str, Any]:
    by_id = {each["id"]: each for each in widgets}
    return {"schema": 1, "layout": layout, "order": list(by_id), "widgets": by_id, "view": {}}


def make_dashboard(house: House, name: str, *widgets: dict[str, Any], shared: str = "org", layout: str = "grid") -> str:
    """A dashboard of the owner, made through the API; the answer is its id."""
    with house.owner() as owner:
        found = owner.make("/dashboards", name=name, shared=shared, state=state_of(*widgets, layout=layout))
    return str(found["id"])


def stored_state(house: House, dashboard_id: str) -> dict[str, Any]:
    with house.owner() as owner:
        found: dict[str, Any] = owner.get(f"/dashboards/{dashboard_id}/state")["state"]
        return found


def make_full_dashboard(house: House) -> str:
    """One of every widget, each with something to show."""
    day, moment = "2026-11-2{}", "2026-11-20T09:{}:00Z"
    gantt = [
        {
            "id": str(n),
            "title": f"Part {n}",
            "starts": day.format(n),
            "ends": day.format(n + 2),
            "progress_percent": n * 25,
        }
        for n in range(1, 5)
    ]
    activity = [
        {"id": str(n), "who": "support-bot", "did": "answered", "what": f"ticket {n}", "at": moment.format(10 + n)}
        for n in range(8)
    ]
    alerts = [
        {"id": word, "severity": word, "title": f"An alert of the kind {word}", "source": "etl-nightly"}
        for word in ("critical", "error", "warning", "info")
    ]
    board = {
        "columns": [{"id": word, "title": word.title(), "most": 2} for word in ("next", "doing", "done")],
        "tasks": [
            {
                "id": str(n),
                "column": ("next", "doing", "done")[n % 3],
                "title": f"Task {n}",
                "assignee": "platform team",
            }
            for n in range(7)
        ],
    }
    burndown = {
        "unit": "tasks",
        "points": [{"day": day.format(n), "left": 40 - n * 4, "ideal": 40 - n * 5} for n in range(8)],
    }
    project = {
        "name": "Search migration",
        "status": "at_risk",
        "progress_percent": 64,
        "summary": "The index is copied; the last two readers still use the old one.",
        "milestones": [{"title": "Index copied", "done": True}, {"title": "Readers switched", "due": day.format(5)}],
    }
    return make_dashboard(
        house,
        "Everything",
        widget("Calls", "Calls", 0, 0, 8, 8, top=12),
        widget("ServiceHealth", "Services", 8, 0, 4, 4),
        widget("Spend", "Spend today", 8, 4, 4, 4, by="principal"),
        widget("Slo", "Service level", 0, 8, 6, 4),
        widget("Metrics", "Tickets", 6, 8, 6, 4, data=FIGURES),
        widget("ProjectStatus", "Migration", 0, 12, 4, 6, data=project),
        widget("TaskList", "Tasks", 4, 12, 4, 6, data=TASKS),
        widget("Alert", "Alerts", 8, 12, 4, 6, data={"alerts": alerts}),
        widget("KanbanBoard", "Sprint", 0, 18, 8, 7, data=board),
        widget("TeamActivity", "Activity", 8, 18, 4, 7, data={"activities": activity}),
        widget("GanttChart", "Plan", 0, 25, 7, 5, data={"tasks": gantt}),
        widget("BurndownChart", "Burndown", 7, 25, 5, 5, data=burndown),
    )


class Line:
    """The socket of one page, which can be cut and mended; the page notices nothing but that."""

    def __init__(self, page: Page) -> None:
        self.cut_off = False
        self.open: list[WebSocketRoute] = []
        page.route_web_socket(re.compile(r"/ws$"), self._connect)

    def _connect(self, socket: WebSocketRoute) -> None:
        if self.cut_off:
            socket.close(code=1001)
            return
        socket.connect_to_server()
        self.open.append(socket)

    def cut(self) -> None:
        self.cut_off = True
        while self.open:
            self.open.pop().close(code=1001)

    def mend(self) -> None:
        self.cut_off = False
