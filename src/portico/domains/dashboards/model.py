"""Dashboards, their states, changes and proposals as plain facts, and who may do what with them."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from portico.domains.dashboards.schemas import CURRENT
from portico.kernel.ids import DashboardId, OrgId, ProposalId
from portico.kernel.scope import Actor, OrgScope, ScopeName

Layout = Literal["single", "split", "grid", "wizard"]
Shared = Literal["org", "private"]
TAB = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MAX_DASHBOARDS = 100
MAX_CHANGES_KEPT = 500
MAX_CHANGES_PER_MINUTE = 100
MAX_OPEN_PROPOSALS = 10
MAX_PROPOSED_WIDGETS = 10
PROPOSAL_LIFE = timedelta(hours=24)
# A private dashboard that its owner has not looked at for so long loses its state, and later goes altogether.
STATE_LIFE = timedelta(days=30)
SHELL_LIFE = timedelta(days=90)
# A look counts as a touch, but need not be written down more often than this.
TOUCH_EVERY = timedelta(hours=12)
# Each change is kept by itself; the audit trail names who edited what once per this time.
AUDIT_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`version` counts the changes of its state; `owner_name` is empty for somebody who has left."""

    id: DashboardId
    org_id: OrgId
    scope: ScopeName
    name: str
    description: str
    owner_id: str
    shared: Shared
    layout: Layout
    widget_count: int
    version: int
    created_at: datetime
    updated_at: datetime
    touched_at: datetime
    owner_name: str = ""

    def shown_name(self) -> str:
        """What the trail of the org may say: a private dashboard's name is its owner's alone."""
        return self.name if self.shared == "org" else "a private dashboard"

    def owned_by(self, scope: OrgScope) -> bool:
        return self.owner_id == scope.actor.id

    def may_be_ended_by(self, scope: OrgScope) -> bool:
        """An admin too, so that what somebody shared before they left can go."""
        return self.owned_by(scope) or scope.may("orgs.manage")


@dataclass(frozen=True, slots=True)
class DashboardDraft:
    """`state` may be of any known schema; its layout goes before `layout`."""

    name: str
    description: str = ""
    layout: Layout = "grid"
    shared: Shared = "private"
    state: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StoredState:
    """As it lies in the table: canonical JSON of whatever schema was current when it was written."""

    version: int
    schema: int
    text: str
    checksum: str


@dataclass(frozen=True, slots=True)
class State:
    version: int
    state: dict[str, Any]
    checksum: str


@dataclass(frozen=True, slots=True)
class Change:
    """`version` is what the state had after it; `tab` is where it came from, None for a program."""

    version: int
    patch: list[dict[str, Any]]
    tab: str | None
    actor: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """`change` is what was stored, and `dashboard` as it stands with it: who serves readers need not look for either."""

    version: int
    checksum: str
    change: Change = field(repr=False)
    dashboard: Dashboard = field(repr=False)


@dataclass(frozen=True, slots=True)
class Conflict:
    """The patch was made for another version; nothing was changed, and this is what there is."""

    version: int
    state: dict[str, Any]
    checksum: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Widgets as they were offered: `id` only where one is to be replaced, `place` only where it matters."""

    id: ProposalId
    org_id: OrgId
    dashboard_id: DashboardId
    title: str
    note: str
    widgets: list[dict[str, Any]]
    masked: int
    by: Actor
    created_at: datetime
    expires_at: datetime


def empty_state(layout: Layout) -> dict[str, Any]:
    return {"schema": CURRENT, "layout": layout, "order": [], "widgets": {}, "view": {}}


def emptying(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The patch that takes every widget and every remembered view away, or nothing when there are none."""
    gone = [{"op": "remove", "path": f"/widgets/{name}"} for name in sorted(state["widgets"])]
    gone += [{"op": "remove", "path": f"/view/{name}"} for name in sorted(state["view"])]
    return [*gone, {"op": "replace", "path": "/order", "value": []}] if gone or state["order"] else []


@dataclass(frozen=True, slots=True)
class Preview:
    """A proposal, and its widgets as they would stand if it were kept now."""

    proposal: Proposal
    widgets: list[dict[str, Any]]
