"""What other rooms and the doors may ask of tools."""

from portico.domains.tools.local import snapshot_local
from portico.domains.tools.local_file import FileAtStart
from portico.domains.tools.local_terms import Definition, names_used
from portico.domains.tools.policies import list_policies
from portico.domains.tools.policy_wire import policy_wire
from portico.domains.tools.refresh import ListStatus, list_new_servers
from portico.domains.tools.registry import Noted, Seen, note_seen, sighted
from portico.domains.tools.service import approve_tools, list_tools, reject_tool
from portico.domains.tools.snapshot_store import Registries
from portico.domains.tools.snapshot_store import load_policies as snapshot_policies
from portico.domains.tools.snapshot_store import load_registries as snapshot_registries
from portico.domains.tools.wire import tool_wire

__all__ = [
    "Definition",
    "FileAtStart",
    "ListStatus",
    "Noted",
    "Registries",
    "Seen",
    "approve_tools",
    "list_new_servers",
    "list_policies",
    "list_tools",
    "names_used",
    "note_seen",
    "policy_wire",
    "reject_tool",
    "sighted",
    "snapshot_local",
    "snapshot_policies",
    "snapshot_registries",
    "tool_wire",
]
