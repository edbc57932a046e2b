"""The sections of the settings: what can be set, its default, and what it is for. The loader is settings.py."""

from dataclasses import dataclass, field
from typing import Any, Literal


class Sealed:
    """A secret that does not print itself; `reveal()` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "•••"

    def __bool__(self) -> bool:
        return bool(self._value)


def setting(default: Any, description: str, *, reloadable: bool = False, least: float | None = None) -> Any:
    """A dataclass field with its description for the generated reference; `least` is the smallest allowed number."""
    metadata = {"description": description, "reloadable": reloadable, "least": least}
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class ServerSettings:
    host: str = setting("127.0.0.1", "Address the gateway listens on.")
    port: int = setting(8009, "Port the gateway listens on.", least=0)
    public_url: str = setting(
        "", "Address people and clients use, when a proxy stands in front; empty means http://host:port."
    )
    drain_s: float = setting(30.0, "Seconds that running calls get to finish on stop.", least=0)
    startup_wait_s: float = setting(60.0, "Seconds to wait for the database at start before giving up.", least=0)
    allowed_origins: list[str] = setting(
        [], "Origins besides our own that browsers may call from (CORS and socket).", reloadable=True
    )
    trusted_proxies: list[str] = setting([], "Addresses (CIDR) whose X-Forwarded-For is believed.")


@dataclass(frozen=True)
class DatabaseSettings:
    url: Sealed = setting(
        Sealed(""), "Database address, e.g. postgresql://user@host/portico; empty means SQLite in the data folder."
    )
    pool_size: int = setting(10, "Connections kept open per process (PostgreSQL).", least=1)
    statement_timeout_s: float = setting(30.0, "Longest a statement may run (PostgreSQL).", least=1)


@dataclass(frozen=True)
class RedisSettings:
    url: Sealed = setting(
        Sealed(""),
        "Redis address, e.g. redis://:password@host:6379/0, for several control processes; empty means none is used.",
    )


@dataclass(frozen=True)
class CacheSettings:
    """How long each family of reads is kept; 0 turns a family off."""

    templates_ttl_s: float = setting(60.0, "Seconds that session templates are kept; nothing reads them yet.", least=0)
    session_summaries_ttl_s: float = setting(
        15.0, "Seconds that summaries of sessions are kept; nothing reads them yet.", least=0
    )
    service_summaries_ttl_s: float = setting(15.0, "Seconds that lists and searches of services are kept.", least=0)
    org_settings_ttl_s: float = setting(
        300.0, "Seconds that what describes an org, such as its scopes, is kept.", least=0
    )
    dashboards_ttl_s: float = setting(10.0, "Seconds that the data of dashboards' widgets is kept.", least=0)
    max_bytes: int = setting(32 * 1024 * 1024, "Memory of the cache in this process; Redis has its own bound.", least=0)


@dataclass(frozen=True)
class SecuritySettings:
    master_key: Sealed = setting(
        Sealed(""),
        "Key that seals secrets and signs tokens: 32 bytes, base64. Empty in development: made once in the data folder.",
    )
    access_token_s: int = setting(3600, "Life of an access token.", least=60)
    refresh_token_s: int = setting(7 * 86400, "Life of a refresh token.", least=3600)
    sign_in_tries_per_minute: int = setting(
        5, "Sign-in tries per minute for one address and email.", reloadable=True, least=1
    )
    password_min_length: int = setting(12, "Shortest password.", reloadable=True, least=8)
    secure_cookies: bool = setting(False, "Send the refresh cookie over HTTPS only.")


@dataclass(frozen=True)
class GatewaySettings:
    id: str = setting("gateway-1", "Name of the gateway; of those that share a database, each needs its own.")
    request_timeout_s: float = setting(
        30.0, "Default longest wait for a service's answer to begin.", reloadable=True, least=0.1
    )
    header_timeout_s: float = setting(10.0, "Longest a client may take to send its request head.", least=0.1)
    idle_timeout_s: float = setting(75.0, "Longest a kept-alive client connection may stay silent.", least=1)
    stream_idle_timeout_s: float = setting(300.0, "Longest a body may stall in either direction.", least=1)
    max_body_bytes: int = setting(
        10 * 1024 * 1024,
        "Largest request body that is held in memory (model calls, cached and retried calls).",
        reloadable=True,
        least=1024,
    )
    max_streamed_body_bytes: int = setting(
        1024 * 1024 * 1024, "Largest request body passed on as a stream.", reloadable=True, least=1024
    )
    max_header_bytes: int = setting(16 * 1024, "Largest total of header names and values.", least=1024)
    max_header_count: int = setting(100, "Most headers in one request.", least=10)
    max_query_bytes: int = setting(4096, "Longest query string.", least=64)
    max_connections: int = setting(10_000, "Most client connections at once.", least=10)
    max_waiting_per_endpoint: int = setting(1024, "Most calls at once to one endpoint.", least=1)
    idle_upstream_connections: int = setting(128, "Idle connections kept per endpoint.", least=0)
    anonymous_per_minute: int = setting(
        100, "Unauthenticated requests per minute and address.", reloadable=True, least=1
    )
    anonymous_total_per_minute: int = setting(
        1000, "Unauthenticated requests per minute in all.", reloadable=True, least=1
    )
    key_per_minute: int = setting(
        60_000, "Calls per minute of a key that has no limit of its own.", reloadable=True, least=1
    )
    max_snapshot_age_s: float = setting(
        15.0, "Oldest configuration a gateway may work with before it refuses.", least=1
    )
    idempotency_s: int = setting(86400, "How long an idempotency key is remembered.", least=60)
    max_idempotency_bytes: int = setting(64 * 1024 * 1024, "Memory for remembered idempotent answers.", least=0)
    cache_bytes: int = setting(64 * 1024 * 1024, "Memory of the exact response cache.", least=0)


@dataclass(frozen=True)
class UpstreamSettings:
    allowed_private_ranges: list[str] = setting(
        [], "Private address ranges (CIDR) that services may live in; development adds loopback.", reloadable=True
    )
    ca_file: str = setting("", "Extra certificate authorities (PEM) trusted for upstream TLS.")


@dataclass(frozen=True)
class ToolsSettings:
    local_servers: Literal["auto", "on", "off"] = setting(
        "auto", "Whether tool servers may be started on this machine; auto means in development alone."
    )
    commands: list[str] = setting([], "Programs that local tool servers may be; empty means any.", reloadable=True)
    environment: list[str] = setting(
        [], "Variables of Portico's own environment that local tool servers may be given by name.", reloadable=True
    )
    allowed_roots: list[str] = setting(
        [],
        "Folders that a local server's allowed_paths may lie in; empty means any but Portico's own.",
        reloadable=True,
    )
    unconfined: Literal["auto", "on", "off"] = setting(
        "auto",
        "Whether a local server that names no allowed_paths may start where this machine cannot enforce them; auto means in "
        "development alone.",
    )
    starts_at_once: int = setting(4, "How many local tool servers are started at the same time.", least=1)
    mcp_file: str = setting("", "An mcp.yaml whose servers are brought up to date in the first org at each start.")


@dataclass(frozen=True)
class RecordSettings:
    keep_calls_days: int = setting(30, "Days that call records are kept.", reloadable=True, least=1)
    keep_events_days: int = setting(365, "Days that events are kept.", reloadable=True, least=1)
    archive_events: bool = setting(
        True, "Write events to archive/events in the data folder before they go.", reloadable=True
    )
    keep_audit_days: int = setting(730, "Days that audit entries are kept.", reloadable=True, least=365)
    journal_segment_bytes: int = setting(
        64 * 1024 * 1024, "Size at which the gateway starts a new journal file.", least=65536
    )


@dataclass(frozen=True)
class RealtimeSettings:
    max_sockets: int = setting(1000, "Most browser sockets on one control process.", least=1)
    max_sockets_per_scope: int = setting(500, "Most browser sockets of one scope of an org.", least=1)
    max_sockets_per_person: int = setting(20, "Most browser sockets of one person or key.", least=1)
    messages_per_minute: int = setting(100, "Most messages a client may send on its socket in a minute.", least=10)


@dataclass(frozen=True)
class MetricsSettings:
    key: Sealed = setting(Sealed(""), "Bearer key for /metrics; empty in development means open on loopback.")
    previous_key: Sealed = setting(Sealed(""), "The key before, accepted while scrapers change over.")


@dataclass(frozen=True)
class LogSettings:
    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least severe line written.", reloadable=True)
    format: Literal["json", "console"] = setting("json", "How log lines look.")
