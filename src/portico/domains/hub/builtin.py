"""Portico's own rooms as services: computed, read-only, the same in every org. Only rooms that exist are listed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from portico import __version__
from portico.domains.hub.model import Service, ServiceFilter, ServiceStatus, Version
from portico.kernel.ids import ServiceId, VersionId
from portico.kernel.scope import OrgScope

# Keeps their place in lists sorted by age, before anything an org adds.
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Room:
    name: str
    layer: str
    description: str
    capabilities: tuple[str, ...]


ROOMS = (
    Room(
        "portico-record",
        "L01",
        "Event log and tamper-evident audit trail of everything that changes.",
        ("events", "audit", "verify"),
    ),
    Room(
        "portico-models",
        "L04",
        "Model calls in the OpenAI dialect, with tokens and cost counted.",
        ("chat-completions", "embeddings", "cost"),
    ),
    Room(
        "portico-usage",
        "L06",
        "Call records, latency and cost analytics.",
        ("calls", "analytics", "series"),
    ),
    Room(
        "portico-tenancy",
        "L08",
        "Orgs, members, roles, keys and grants: who may do what.",
        ("orgs", "roles", "keys", "grants"),
    ),
    Room(
        "portico-gateway",
        "L09",
        "The one door: identity, limits, budgets, routing and breakers on every call.",
        ("openai", "http", "websocket", "rate-limits", "budgets"),
    ),
    Room(
        "portico-web",
        "L10",
        "The web client and its live feed.",
        ("web", "realtime"),
    ),
    Room(
        "portico-routing",
        "L11",
        "Breakers, retries, versions and canaries, compiled into one snapshot.",
        ("breakers", "canary", "retries"),
    ),
    Room(
        "portico-hub",
        "L12",
        "Registry of services: search, health, leases and invoke.",
        ("registry", "search", "invoke", "health"),
    ),
)
# These answer only through a gateway, so their health is that of the link; the others live where this question is answered.
BEHIND_GATEWAY = frozenset({"portico-gateway", "portico-models", "portico-routing"})


def rooms(scope: OrgScope, gateways: int | None) -> list[Service]:
    return [_service(scope, room, gateways) for room in ROOMS]


def find(scope: OrgScope, name: str, gateways: int | None = None) -> Service | None:
    return next((_service(scope, room, gateways) for room in ROOMS if room.name == name), None)


def matching(scope: OrgScope, wanted: ServiceFilter, gateways: int | None) -> list[Service]:
    return [service for service in rooms(scope, gateways) if _matches(service, wanted)]


def status_of(name: str, gateways: int | None) -> ServiceStatus:
    """`gateways`: how many are linked now; None when nobody can tell."""
    if name not in BEHIND_GATEWAY:
        return "healthy"
    if gateways is None:
        return "unknown"
    return "healthy" if gateways else "unhealthy"


def _service(scope: OrgScope, room: Room, gateways: int | None) -> Service:
    service_id = ServiceId(f"svc_{room.name}")
    return Service(
        id=service_id,
        org_id=scope.org_id,
        scope=None,
        name=room.name,
        kind="builtin",
        description=room.description,
        layer=room.layer,
        tags=("portico",),
        capabilities=room.capabilities,
        visibility="org",
        timeout_s=None,
        max_retries=0,
        cache_ttl_s=0,
        price=None,
        models=(),
        max_output_tokens=None,
        credential=None,
        health_path=None,
        methods=(),
        created_by="system",
        created_at=_SINCE,
        updated_at=_SINCE,
        status=status_of(room.name, gateways),
        versions=(Version(VersionId(f"ver_{room.name}"), service_id, __version__, 100, "active"),),
    )


def _matches(service: Service, wanted: ServiceFilter) -> bool:
    same = all(
        value is None or value == actual
        for value, actual in (
            (wanted.kind, service.kind),
            (wanted.status, service.status),
            (wanted.layer, service.layer),
        )
    )
    text = f"{service.name} {service.description} {' '.join(service.tags)}".lower()
    return (
        same and (wanted.tag is None or wanted.tag in service.tags) and (wanted.q is None or wanted.q.lower() in text)
    )
