"""A service and its parts, and the pure rules of visibility and health."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from portico.kernel.ids import EndpointId, LeaseId, OrgId, ServiceId, VersionId
from portico.kernel.scope import OrgScope, ScopeName

ServiceKind = Literal["http", "model", "tools", "agent", "builtin"]
Visibility = Literal["org", "restricted"]
VersionStatus = Literal["active", "deprecated"]
Health = Literal["unknown", "healthy", "unhealthy"]
ServiceStatus = Literal["healthy", "degraded", "unhealthy", "unknown"]
BreakerState = Literal["closed", "open", "half_open", "recovering"]
Sort = Literal["name", "-name", "created_at", "-created_at"]
HttpMethod = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]

FAILURES_TO_UNHEALTHY = 3
SUCCESSES_TO_HEALTHY = 2


@dataclass(frozen=True, slots=True)
class Price:
    """µUSD per million tokens, and a flat µUSD per call."""

    input_microusd_per_mtok: int = 0
    output_microusd_per_mtok: int = 0
    call_microusd: int = 0


@dataclass(frozen=True, slots=True)
class Credential:
    """Which secret goes into which header; `format` holds `{secret}` once."""

    secret_name: str
    header: str = "Authorization"
    format: str = "Bearer {secret}"


@dataclass(frozen=True, slots=True)
class Method:
    """`path` may hold `{parameter}` parts; `parameters` is a JSON schema of an object."""

    name: str
    http_method: HttpMethod
    path: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    id: EndpointId
    service_id: ServiceId
    version_id: VersionId
    url: str
    weight: int
    health: Health = "unknown"
    last_checked_at: datetime | None = None
    last_error: str | None = None
    failures: int = 0
    successes: int = 0
    lease_id: LeaseId | None = None
    lease_ttl_s: int | None = None
    lease_expires_at: datetime | None = None

    def probed(self, error: str | None, at: datetime) -> "Endpoint":
        """After one probe. An endpoint never judged before needs one success; one that failed needs two in a row."""
        if error is not None:
            failures = self.failures + 1
            health: Health = "unhealthy" if failures >= FAILURES_TO_UNHEALTHY else self.health
            return replace(self, health=health, failures=failures, successes=0, last_error=error, last_checked_at=at)
        successes = min(self.successes + 1, SUCCESSES_TO_HEALTHY)
        well = self.health != "unhealthy" or successes >= SUCCESSES_TO_HEALTHY
        return replace(
            self,
            health="healthy" if well else "unhealthy",
            failures=0,
            successes=successes,
            last_error=None if well else self.last_error,
            last_checked_at=at,
        )


@dataclass(frozen=True, slots=True)
class Version:
    id: VersionId
    service_id: ServiceId
    version: str
    weight: int
    status: VersionStatus
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    id: ServiceId
    org_id: OrgId
    scope: ScopeName | None
    name: str
    kind: ServiceKind
    description: str
    layer: str | None
    tags: tuple[str, ...]
    capabilities: tuple[str, ...]
    visibility: Visibility
    timeout_s: float | None
    max_retries: int
    cache_ttl_s: int
    price: Price | None
    models: tuple[str, ...]
    max_output_tokens: int | None
    credential: Credential | None
    health_path: str | None
    methods: tuple[Method, ...]
    created_by: str
    created_at: datetime
    updated_at: datetime
    status: ServiceStatus = "unknown"
    versions: tuple[Version, ...] = ()

    def version(self, name: str) -> Version | None:
        return next((version for version in self.versions if version.version == name), None)

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        return next((each for each in self.endpoints if each.id == endpoint_id), None)

    @property
    def endpoints(self) -> list[Endpoint]:
        return [endpoint for version in self.versions for endpoint in version.endpoints]


@dataclass(frozen=True, slots=True)
class ServiceDraft:
    name: str
    kind: ServiceKind
    url: str
    description: str = ""
    layer: str | None = None
    tags: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    visibility: Visibility = "org"
    scope: ScopeName | None = None
    timeout_s: float | None = None
    max_retries: int = 2
    cache_ttl_s: int = 0
    price: Price | None = None
    models: tuple[str, ...] = ()
    max_output_tokens: int | None = None
    credential: Credential | None = None
    health_path: str | None = None
    methods: tuple[Method, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceFilter:
    q: str | None = None
    kind: str | None = None
    status: str | None = None
    layer: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    id: LeaseId
    endpoint_id: EndpointId
    expires_at: datetime


class EndpointRoute(NamedTuple):
    id: str
    url: str
    weight: int
    healthy: bool


class VersionRoute(NamedTuple):
    version: str
    weight: int
    endpoints: tuple[EndpointRoute, ...]


class ServiceRoute(NamedTuple):
    """What the Snapshot holds of a service; `created_by` may call it like someone with a grant."""

    id: str
    org_id: str
    scope: str | None
    name: str
    kind: ServiceKind
    restricted: bool
    versions: tuple[VersionRoute, ...]
    timeout_s: float | None
    max_retries: int
    cache_ttl_s: int
    price: Price | None
    models: tuple[str, ...]
    max_output_tokens: int | None
    credential: Credential | None
    created_by: str
    tags: tuple[str, ...] = ()


class BreakerReading(Protocol):
    """One endpoint's breaker as a gateway reports it; times in µs since 1970."""

    @property
    def endpoint_id(self) -> str: ...
    @property
    def state(self) -> BreakerState: ...
    @property
    def reason(self) -> str: ...
    @property
    def since_us(self) -> int: ...
    @property
    def probe_at_us(self) -> int | None: ...


class Gateways(Protocol):
    """What the hub asks of the link to the gateways."""

    def statuses(self) -> Sequence[object]: ...
    def breakers(self, org_id: str) -> Sequence[BreakerReading]: ...
    async def reset_breaker(self, service_id: str) -> None: ...


def sees_everything(scope: OrgScope) -> bool:
    """Admins, who decide on grants, see restricted services without one."""
    return scope.may("members.manage")


def visible(service: Service, scope: OrgScope) -> bool:
    """Whether the service exists for this caller at all; if not, every answer is 'not found'."""
    if service.org_id != scope.org_id or service.scope not in {None, scope.scope}:
        return False
    if service.visibility == "org" or sees_everything(scope) or service.created_by == scope.actor.id:
        return True
    return any(resource_id == service.id for resource_id, _ in scope.granted)


def aggregate_status(versions: Iterable[Version]) -> ServiceStatus:
    """Of the endpoints that traffic can reach; a service without any cannot take a call."""
    healths = [
        endpoint.health
        for version in versions
        if version.status == "active" and version.weight > 0
        for endpoint in version.endpoints
    ]
    if not healths or all(health == "unhealthy" for health in healths):
        return "unhealthy"
    if "unhealthy" in healths:
        return "degraded"
    return "healthy" if "healthy" in healths else "unknown"


def can_take_calls(versions: Iterable[Version]) -> bool:
    return any(version.status == "active" and version.weight > 0 for version in versions)
