"""The Snapshot: everything a gateway needs to decide a call from memory, immutable, swapped whole.

Pure data, so that the gateway process can read it without loading the control side.
"""

from typing import Literal

from msgspec import Struct

from portico.domains.agents.model import AgentEntry
from portico.domains.models.model import ModelEntry, RouteEntry
from portico.domains.tools.model import PolicyEntry, ToolsEntry

SubjectKind = Literal["org", "scope", "key", "address", "principal"]
Measure = Literal["money", "tokens", "calls"]
Window = Literal["hour", "day", "month"]
ServiceKind = Literal["http", "model", "tools", "agent", "builtin"]
LocalServerState = Literal["stopped", "starting", "running", "failed"]
BreakerStateName = Literal["closed", "open", "half_open", "recovering"]


class OrgEntry(Struct, frozen=True):
    id: str
    name: str
    active: bool


class KeyEntry(Struct, frozen=True):
    """`digests`: SHA-256 of the current secret and, during a rotation, of the previous one with its end."""

    id: str
    org_id: str
    scope: str
    name: str
    prefix: str
    digest: bytes
    permissions: tuple[str, ...]
    services: tuple[str, ...] | None
    expires_at_us: int | None
    rate_limit_per_minute: int | None
    previous_digest: bytes | None = None
    previous_until_us: int | None = None


class MemberEntry(Struct, frozen=True):
    """A person in an org, as the gateway sees the bearer of an access token."""

    person_id: str
    org_id: str
    name: str
    permissions: tuple[str, ...]
    scopes: tuple[str, ...] | None


class GrantEntry(Struct, frozen=True):
    """One principal may call one restricted service."""

    org_id: str
    principal_id: str
    service_id: str
    permission: str


class EndpointEntry(Struct, frozen=True):
    id: str
    url: str
    weight: int
    healthy: bool


class VersionEntry(Struct, frozen=True):
    """`weight` is relative to the other versions of the service; a canary is a version with the smaller share."""

    version: str
    weight: int
    endpoints: tuple[EndpointEntry, ...]


class PriceEntry(Struct, frozen=True):
    """µUSD per million tokens, and a flat µUSD per call."""

    input_microusd_per_mtok: int = 0
    output_microusd_per_mtok: int = 0
    call_microusd: int = 0


class CredentialEntry(Struct, frozen=True):
    """An upstream credential, still sealed; the gateway opens it in memory with `context`."""

    header: str
    format: str
    sealed: bytes
    context: str


class SealedValue(Struct, frozen=True):
    """A secret of the org's vault by its name; the bridge opens it in memory with `context`."""

    name: str
    sealed: bytes
    context: str


class LocalServerEntry(Struct, frozen=True):
    """A tool server that the bridge starts here. Values of `environment` may hold `${NAME}`; `secrets` are those the vault has."""

    command: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    secrets: tuple[SealedValue, ...]
    allowed_paths: tuple[str, ...]
    program_paths: tuple[str, ...]
    memory_bytes: int
    processes: int
    open_files: int
    cores: int | None
    cpu_s: int | None
    message_bytes: int
    idle_stop_s: int
    start_timeout_s: int
    enabled: bool


class ServiceEntry(Struct, frozen=True):
    """`scope` None means every scope of the org; `models` are the names clients may ask for; `agent` is there once a card was read."""

    id: str
    org_id: str
    scope: str | None
    name: str
    kind: ServiceKind
    restricted: bool
    versions: tuple[VersionEntry, ...]
    timeout_s: float | None
    max_retries: int
    cache_ttl_s: int
    price: PriceEntry | None
    models: tuple[str, ...]
    max_output_tokens: int | None
    credential: CredentialEntry | None
    agent: AgentEntry | None = None
    local: LocalServerEntry | None = None
    tools: ToolsEntry | None = None


class LimitEntry(Struct, frozen=True):
    """`rate` calls per `per_s` seconds; `burst` is how many may come at once (default: rate)."""

    id: str
    org_id: str
    name: str
    subject_kind: SubjectKind
    subject_id: str | None
    subject_name: str
    rate: int
    per_s: int
    burst: int | None


class BudgetEntry(Struct, frozen=True):
    """`used` counts what was charged in the window that began at `window_started_at_us`, as folded so far."""

    id: str
    org_id: str
    name: str
    subject_kind: SubjectKind
    subject_id: str | None
    subject_name: str
    measure: Measure
    window: Window
    limit: int
    used: int
    window_started_at_us: int


class Snapshot(Struct, frozen=True):
    version: int
    compiled_at_us: int
    orgs: tuple[OrgEntry, ...]
    keys: tuple[KeyEntry, ...]
    members: tuple[MemberEntry, ...]
    grants: tuple[GrantEntry, ...]
    revoked_sign_ins: tuple[str, ...]
    services: tuple[ServiceEntry, ...]
    limits: tuple[LimitEntry, ...]
    budgets: tuple[BudgetEntry, ...]
    model_facts: tuple[ModelEntry, ...] = ()
    model_routes: tuple[RouteEntry, ...] = ()
    policies: tuple[PolicyEntry, ...] = ()


class BreakerReport(Struct, frozen=True):
    """One endpoint's breaker as its gateway sees it; times in µs since 1970."""

    endpoint_id: str
    service_id: str
    org_id: str
    state: BreakerStateName
    reason: str
    since_us: int
    probe_at_us: int | None


class GatewayStatus(Struct, frozen=True):
    """What a gateway reports about itself once a second and at each breaker change."""

    gateway_id: str
    epoch: str
    pid: int
    started_at_us: int
    snapshot_version: int
    open_connections: int
    open_calls: int
    journal_ok: bool
    breakers: tuple[BreakerReport, ...]
    counters: dict[str, float]


class Hello(Struct, frozen=True, tag="hello"):
    """A gateway's first word on the link: who it is and which journal epoch it writes."""

    gateway_id: str
    epoch: str
    pid: int


class BridgeHello(Struct, frozen=True, tag="bridge_hello"):
    """The bridge's first word on the link."""

    pid: int


class LocalServerReport(Struct, frozen=True):
    """One local tool server as the bridge sees it; `error` is why it failed or died last, in words."""

    service_id: str
    org_id: str
    state: LocalServerState
    since_us: int
    error: str | None = None
    restarts: int = 0
    pid: int | None = None
    memory_bytes: int = 0
    processes: int = 0
    era: str | None = None
    jailed: bool = True


class BridgeReport(Struct, frozen=True, tag="bridge_report"):
    """Every local server that was ever asked for since the bridge started; sent when something changed, at most once a second."""

    servers: tuple[LocalServerReport, ...]


class StatusReport(Struct, frozen=True, tag="status"):
    status: GatewayStatus


class JournalGrew(Struct, frozen=True, tag="grew"):
    """A nudge: fold the journal now."""


class AskControl(Struct, frozen=True, tag="ask"):
    """A gateway's question; `body` is JSON, of which each topic has its own."""

    number: int
    topic: str
    body: bytes


class Told(Struct, frozen=True, tag="told"):
    """The answer to the question of this number; None when there is none."""

    number: int
    body: bytes | None


class ToolsSeen(Struct, frozen=True, tag="tools_seen"):
    """Definitions of tools, as canonical JSON, that passed a gateway and that its snapshot does not know.

    complete   the answer they stood in holds everything the server offers; then all of it is here
    """

    org_id: str
    service_id: str
    definitions: tuple[bytes, ...]
    complete: bool


class TakeSnapshot(Struct, frozen=True, tag="snapshot"):
    snapshot: Snapshot


class StillCurrent(Struct, frozen=True, tag="current"):
    """Heartbeat from control: the snapshot of this version is still the newest."""

    version: int


class ReloadSettings(Struct, frozen=True, tag="reload_settings"):
    """Read the settings again; those that can change while running do."""


class ResetBreaker(Struct, frozen=True, tag="reset_breaker"):
    service_id: str
