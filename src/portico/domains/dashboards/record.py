"""What the domain tells of itself: the kinds of its events, and the trail of who changed what."""

from collections.abc import Mapping

from portico.domains.audit import public as audit
from portico.domains.dashboards.model import Dashboard
from portico.domains.events import public as events
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx

# Names stay out of events: whoever may read the log need not see every private dashboard.
_ABOUT = {"dashboard_id": str}
CREATED = events.declare(
    "dashboard.created.v1", "A dashboard was created.", about="dashboard_id", fields=_ABOUT | {"shared": str}
)
UPDATED = events.declare(
    "dashboard.updated.v1",
    "A dashboard was changed: its name, its description, who sees it, or its state, which then has the version.",
    about="dashboard_id",
    fields=_ABOUT | {"changed": list, "version": int},
)
DELETED = events.declare("dashboard.deleted.v1", "A dashboard was deleted.", about="dashboard_id", fields=_ABOUT)
EXPIRED = events.declare(
    "dashboard.expired.v1",
    "A private dashboard that was not looked at for 30 days lost its widgets.",
    about="dashboard_id",
    fields=_ABOUT,
    category="system",
)
COMPOSED = events.declare(
    "dashboard.composed.v1",
    "A program or a person proposed widgets for a dashboard.",
    about="dashboard_id",
    fields=_ABOUT | {"proposal_id": str},
)
KEPT = events.declare(
    "dashboard.proposal_kept.v1",
    "What was proposed for a dashboard became part of it.",
    about="dashboard_id",
    fields=_ABOUT | {"proposal_id": str},
)
DISCARDED = events.declare(
    "dashboard.proposal_discarded.v1",
    "What was proposed for a dashboard was discarded.",
    about="dashboard_id",
    fields=_ABOUT | {"proposal_id": str},
)
_ACTIONS = {
    CREATED: "dashboard.create",
    UPDATED: "dashboard.update",
    DELETED: "dashboard.delete",
    COMPOSED: "dashboard.compose",
    KEPT: "dashboard.keep_proposal",
    DISCARDED: "dashboard.discard_proposal",
}


async def leave_trail(
    tx: Tx, scope: OrgScope, kind: str, dashboard: Dashboard, more: Mapping[str, object], *, audited: bool = True
) -> None:
    """Event, audit entry and, after the commit, the nudge that wakes whoever shows dashboards."""
    await events.record(tx, scope, kind=kind, payload={"dashboard_id": dashboard.id, **more})
    if audited:
        target = audit.Target("dashboard", dashboard.id, dashboard.shown_name())
        await audit.record(
            tx, scope, action=_ACTIONS[kind], target=target, outcome="ok", severity="INFO", detail=dict(more)
        )
    tx.nudge("dashboards")
