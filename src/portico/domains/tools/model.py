"""Tools, servers and policies as plain facts; the entries at the end travel in the Snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from portico.kernel.ids import OrgId, PolicyId, ServiceId, ToolId

ToolState = Literal["approved", "quarantined", "changed", "rejected", "disabled", "deprecated", "gone"]
FirstSeen = Literal["trust", "quarantine"]
ApprovedAs = Literal["registration", "person"]
SeenIn = Literal["listing", "traffic"]
CacheScope = Literal["private", "public"]
Effect = Literal["allow", "deny", "hide"]

# States in which a tool is offered and may be called.
USABLE: frozenset[ToolState] = frozenset({"approved", "deprecated"})
MOST_VERSIONS = 50
MOST_POLICIES, MOST_HIDING, MOST_LOOPING = 100, 20, 5
# Of one org: what is approved travels to every gateway with each snapshot.
MOST_ORG_TOOLS, MOST_ORG_TOKENS = 5000, 2_000_000
# A server that cannot be listed this often (for about forty minutes) is no longer open on trust.
MOST_OPEN_TRIES = 10


@dataclass(frozen=True, slots=True)
class Tool:
    """`approved_pin` is the definition that may be offered, `seen_pin` the one the server showed last.

    cache_ttl_s  None: as its annotations say (not at all, or while it is read-only and idempotent, not by itself)
    """

    id: ToolId
    org_id: OrgId
    service_id: ServiceId
    name: str
    title: str
    seen_pin: str
    tokens: int
    first_seen_at: datetime
    changed_at: datetime
    approved_pin: str | None = None
    approved_as: ApprovedAs | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    rejected_pin: str | None = None
    disabled: bool = False
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None
    note: str = ""
    gone_at: datetime | None = None
    cache_ttl_s: int = 0
    cache_scope: CacheScope = "private"
    versions: int = 1

    @property
    def state(self) -> ToolState:
        """The first of these that holds, from what is most in the way to what is least."""
        if self.gone_at is not None:
            return "gone"
        if self.disabled:
            return "disabled"
        if self.seen_pin != self.approved_pin:
            if self.rejected_pin == self.seen_pin:
                return "rejected"
            return "quarantined" if self.approved_pin is None else "changed"
        return "approved" if self.deprecated_at is None else "deprecated"


@dataclass(frozen=True, slots=True)
class ToolVersion:
    """One definition a tool was seen with; `text` is canonical JSON."""

    tool_id: ToolId
    number: int
    pin: str
    text: str
    tokens: int
    seen_at: datetime
    seen_in: SeenIn


@dataclass(frozen=True, slots=True)
class Server:
    """What the registry knows of a service of kind `tools`. Until `listed_at` nothing is held back on trust."""

    service_id: ServiceId
    org_id: OrgId
    first_seen: FirstSeen = "trust"
    listed_at: datetime | None = None
    tried_at: datetime | None = None
    tries: int = 0
    error: str | None = None

    @property
    def trusted(self) -> bool:
        """Whether it is open, and its first listing approved with it. Else one that never lets itself be listed stayed open."""
        return self.listed_at is None and self.first_seen == "trust" and self.tries < MOST_OPEN_TRIES


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """`subjects` are ids of principals, `targets` are `server/tool` with `*` for any; empty means all."""

    name: str
    effect: Effect
    expression: str
    description: str = ""
    position: int = 100
    subjects: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    id: PolicyId
    org_id: OrgId
    name: str
    effect: Effect
    expression: str
    description: str
    position: int
    subjects: tuple[str, ...]
    targets: tuple[str, ...]
    enabled: bool
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    policy_id: PolicyId
    version: int
    terms: Mapping[str, Any]
    changed_by: str
    changed_at: datetime


class ToolEntry(Struct, frozen=True):
    """A tool as gateways know it. `schema`, `annotations` and `more` are JSON of the approved definition.

    more      what else it says: title, description, the schema of its results
    seen_pin  what control saw last, so that gateways tell it only what is news
    """

    name: str
    state: ToolState
    pin: str | None
    seen_pin: str
    schema: bytes = b""
    annotations: bytes = b""
    cache_ttl_s: int = 0
    cache_public: bool = False
    more: bytes = b""


class ToolsEntry(Struct, frozen=True):
    """The registry of one server. `open`: never listed yet and trusted, so nothing is held back."""

    open: bool
    tags: tuple[str, ...] = ()
    tools: tuple[ToolEntry, ...] = ()


class PolicyEntry(Struct, frozen=True):
    """An enabled policy, in the order in which they are asked."""

    id: str
    org_id: str
    name: str
    version: int
    effect: Effect
    expression: str
    subjects: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
