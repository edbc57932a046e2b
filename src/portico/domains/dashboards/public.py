"""What the doors may ask of dashboards."""

from portico.domains.dashboards.model import Applied, Change, Conflict, Dashboard, State
from portico.domains.dashboards.purge import purge_dashboards
from portico.domains.dashboards.service import find_dashboard, list_dashboards, sees_dashboard
from portico.domains.dashboards.state import apply_patch, changes_since, follow_state, load_state
from portico.domains.dashboards.wire import DashboardWire, dashboard_wire

__all__ = [
    "Applied",
    "Change",
    "Conflict",
    "Dashboard",
    "DashboardWire",
    "State",
    "apply_patch",
    "changes_since",
    "dashboard_wire",
    "find_dashboard",
    "follow_state",
    "list_dashboards",
    "load_state",
    "purge_dashboards",
    "sees_dashboard",
]
