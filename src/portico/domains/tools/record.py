"""The kinds of events of this room, and how one of them and its audit entry are written."""

from collections.abc import Mapping

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.tools.model import Policy, Tool
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx

_TOOL_FIELDS = {"tool_id": str, "service_id": str, "server": str, "name": str, "pin": str}
_SERVER_FIELDS = {"service_id": str, "server": str}
_POLICY_FIELDS = {"policy_id": str, "name": str, "version": int}
_NOTHING: Mapping[str, object] = {}


def _tool(past: str, summary: str) -> str:
    return events.declare(f"tool.{past}.v1", summary, about="tool_id", fields=_TOOL_FIELDS)


APPROVED = _tool("approved", "A tool's definition was approved.")
QUARANTINED = _tool("quarantined", "A tool was seen for the first time and is held back until it is approved.")
CHANGED = _tool("changed", "A tool's definition changed, and the tool is held back until that is approved.")
REJECTED = _tool("rejected", "A tool's definition was rejected.")
DISABLED = _tool("disabled", "A tool was disabled.")
ENABLED = _tool("enabled", "A tool was enabled again.")
DEPRECATED = _tool("deprecated", "A tool was deprecated; it can still be called.")
RESTORED = _tool("restored", "A tool is no longer deprecated, or its server offers it again.")
SETTINGS = _tool("settings_changed", "How a tool's results are kept was changed.")
GONE = _tool("gone", "A server no longer offers a tool.")
LISTED = events.declare(
    "tool_server.listed.v1",
    "A tool server's tools were listed for the first time.",
    about="service_id",
    fields={**_SERVER_FIELDS, "tools": int, "approved": int},
)
TERMS_CHANGED = events.declare(
    "tool_server.terms_changed.v1",
    "What happens to new tools of a server was changed.",
    about="service_id",
    fields={**_SERVER_FIELDS, "first_seen": str},
)
POLICY_CREATED, POLICY_UPDATED, POLICY_DELETED = (
    events.declare(f"policy.{past}.v1", f"A policy was {past}.", about="policy_id", fields=_POLICY_FIELDS)
    for past in ("created", "updated", "deleted")
)
_ACTIONS = {
    APPROVED: "tool.approve",
    REJECTED: "tool.reject",
    DISABLED: "tool.disable",
    ENABLED: "tool.enable",
    DEPRECATED: "tool.deprecate",
    RESTORED: "tool.restore",
    SETTINGS: "tool.settings",
    POLICY_CREATED: "policy.create",
    POLICY_UPDATED: "policy.update",
    POLICY_DELETED: "policy.delete",
}
_WEIGHTY = frozenset({DISABLED, REJECTED, POLICY_CREATED, POLICY_UPDATED, POLICY_DELETED})


async def tell_tool(tx: Tx, scope: OrgScope, kind: str, tool: Tool, server: str, pin: str) -> None:
    """The event alone: for what the registry saw by itself."""
    payload = {"tool_id": tool.id, "service_id": tool.service_id, "server": server, "name": tool.name, "pin": pin}
    await events.record(tx, scope, kind=kind, payload=payload)


async def record_tool(
    tx: Tx, scope: OrgScope, kind: str, tool: Tool, server: str, pin: str, detail: Mapping[str, object] = _NOTHING
) -> None:
    """What somebody decided about a tool; gateways hear of it with the next snapshot."""
    await tell_tool(tx, scope, kind, tool, server, pin)
    await audit.record(
        tx,
        scope,
        action=_ACTIONS[kind],
        target=audit.Target("tool", tool.id, f"{server}/{tool.name}"),
        severity="WARN" if kind in _WEIGHTY else "INFO",
        detail={"pin": pin, **detail},
    )
    tx.nudge("snapshot")


async def record_server(
    tx: Tx, scope: OrgScope, kind: str, service_id: str, server: str, action: str, **facts: object
) -> None:
    await events.record(tx, scope, kind=kind, payload={"service_id": service_id, "server": server, **facts})
    target = audit.Target("service", service_id, server)
    await audit.record(tx, scope, action=action, target=target, severity="WARN", detail=facts)
    tx.nudge("snapshot")


async def record_policy(tx: Tx, scope: OrgScope, kind: str, policy: Policy, detail: Mapping[str, object]) -> None:
    payload = {"policy_id": policy.id, "name": policy.name, "version": policy.version}
    await events.record(tx, scope, kind=kind, payload=payload)
    await audit.record(
        tx,
        scope,
        action=_ACTIONS[kind],
        target=audit.Target("policy", policy.id, policy.name),
        severity="WARN",
        detail=detail,
    )
    tx.nudge("snapshot")
