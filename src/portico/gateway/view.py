"""A Snapshot made ready for lookup: dictionaries, opened credentials, prepared bytes. Rebuilt at each swap, never changed."""

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import msgspec

from portico.domains.limits.ledger import BudgetAccount
from portico.domains.limits.rate import RateBucket
from portico.domains.models.model import ModelEntry, RouteEntry
from portico.domains.routing.model import (
    EndpointEntry,
    GrantEntry,
    KeyEntry,
    LimitEntry,
    MemberEntry,
    PriceEntry,
    ServiceEntry,
    Snapshot,
    VersionEntry,
)

FREE = PriceEntry()


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint a call can go to, with what its request line needs."""

    endpoint_id: str
    service_id: str
    url: str
    version: str
    canary: bool
    weight: int
    healthy: bool
    host: str
    port: int
    tls: bool
    host_header: bytes
    base_path: bytes


@dataclass(frozen=True, slots=True)
class VersionView:
    version: str
    weight: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class ServiceView:
    entry: ServiceEntry
    versions: tuple[VersionView, ...]
    total_weight: int
    price: PriceEntry
    credential_header: bytes
    credential_name: bytes
    callers: frozenset[str]
    seers: frozenset[str]

    def visible_to(self, who: "Who") -> bool:
        return not self.entry.restricted or who.sees_restricted or who.id in self.seers

    def callable_by(self, who: "Who") -> bool:
        return "services.call" in who.permissions or who.id in self.callers


@dataclass(frozen=True, slots=True)
class RateGate:
    """One rate limit as it applies to one principal."""

    bucket: RateBucket
    name: str
    whose: str


@dataclass(slots=True)
class Who:
    """The caller, as the gateway knows it: everything a call of theirs is checked against."""

    kind: str
    id: str
    name: str
    org_id: str
    scope: str
    permissions: frozenset[str]
    services: frozenset[str] | None
    org_active: bool
    expires_at_us: int | None
    address_limits: tuple[LimitEntry, ...] = ()
    rates: tuple[RateGate, ...] = ()
    accounts: list[BudgetAccount] = field(default_factory=list)

    @property
    def sees_restricted(self) -> bool:
        return "services.manage" in self.permissions


class View:
    """Lookups are dictionary reads. `services` and `models` are keyed (org, scope or None, name).

    `models` are those that a call goes to as it is; `watched` ones are looked at first, and `routes` stand for several.
    """

    def __init__(self, snapshot: Snapshot, services: dict[str, ServiceView]) -> None:
        self.snapshot = snapshot
        self.version = snapshot.version
        self.org_active = {org.id: org.active for org in snapshot.orgs}
        self.keys: dict[bytes, KeyEntry] = {}
        for key in snapshot.keys:
            self.keys[key.digest] = key
            if key.previous_digest is not None:
                self.keys[key.previous_digest] = key
        self.members: dict[tuple[str, str], MemberEntry] = {
            (each.person_id, each.org_id): each for each in snapshot.members
        }
        self.revoked = frozenset(snapshot.revoked_sign_ins)
        self.services: dict[tuple[str, str | None, str], ServiceView] = {}
        self.models: dict[tuple[str, str | None, str], ServiceView] = {}
        self.watched: dict[tuple[str, str | None, str], ServiceView] = {}
        self.facts: dict[tuple[str, str], ModelEntry] = {
            (each.service_id, each.model): each for each in snapshot.model_facts
        }
        self.routes: dict[tuple[str, str | None, str], RouteEntry] = {
            (each.org_id, each.scope, each.name): each for each in snapshot.model_routes
        }
        for service in services.values():
            entry = service.entry
            self.services[entry.org_id, entry.scope, entry.name] = service
            if entry.kind == "model":
                self._offer_models(service)
        self.limits: dict[str, list[LimitEntry]] = {}
        for limit in snapshot.limits:
            self.limits.setdefault(limit.org_id, []).append(limit)
        self.callers: dict[bytes, Who] = {}

    def _offer_models(self, service: ServiceView) -> None:
        entry = service.entry
        for model in entry.models:
            facts = self.facts.get((entry.id, model))
            shelf = self.watched if facts is not None and facts.changes_calls else self.models
            shelf[entry.org_id, entry.scope, model] = service if facts is None else with_facts(service, facts)

    def find_service(self, org_id: str, scope: str, name: str) -> ServiceView | None:
        return self.services.get((org_id, scope, name)) or self.services.get((org_id, None, name))

    def find_model(self, org_id: str, scope: str, model: str) -> ServiceView | None:
        return self.models.get((org_id, scope, model)) or self.models.get((org_id, None, model))

    def find_watched(self, org_id: str, scope: str, model: str) -> ServiceView | None:
        return self.watched.get((org_id, scope, model)) or self.watched.get((org_id, None, model))

    def find_route(self, org_id: str, scope: str, name: str) -> RouteEntry | None:
        return self.routes.get((org_id, scope, name)) or self.routes.get((org_id, None, name))


NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Granted:
    """By service id: who may call it, and who may see it, beyond what their role says."""

    callers: dict[str, frozenset[str]]
    seers: dict[str, frozenset[str]]

    @classmethod
    def of(cls, grants: tuple[GrantEntry, ...]) -> "Granted":
        callers: dict[str, set[str]] = {}
        seers: dict[str, set[str]] = {}
        for grant in grants:
            seers.setdefault(grant.service_id, set()).add(grant.principal_id)
            if grant.permission == "services.call":
                callers.setdefault(grant.service_id, set()).add(grant.principal_id)
        return cls(
            {service_id: frozenset(principals) for service_id, principals in callers.items()},
            {service_id: frozenset(principals) for service_id, principals in seers.items()},
        )


def view_service(
    entry: ServiceEntry, credential: str | None, callers: frozenset[str], seers: frozenset[str]
) -> ServiceView:
    """`credential` is the opened secret, already in the header's format."""
    heaviest = max((version.weight for version in entry.versions), default=0)
    versions = tuple(
        _view_version(entry, version, heaviest)
        for version in entry.versions
        if version.weight > 0 and version.endpoints
    )
    name = entry.credential.header.encode() if entry.credential is not None else b""
    line = b"%b: %b\r\n" % (name, credential.encode()) if credential is not None else b""
    if entry.local is not None:
        # The bridge is told for whom and for which server a call is; it believes nobody but us.
        line += b"X-Portico-Org: %b\r\nX-Portico-Service: %b\r\n" % (entry.org_id.encode(), entry.id.encode())
    total = sum(version.weight for version in versions)
    return ServiceView(entry, versions, total, entry.price or FREE, line, name.lower(), callers, seers)


def with_facts(service: ServiceView, facts: ModelEntry) -> ServiceView:
    """The service as it serves this one model: with a price and a bound of its own."""
    price, most = facts.price, facts.max_output_tokens
    entry = service.entry if most is None else msgspec.structs.replace(service.entry, max_output_tokens=most)
    if price is None:
        return replace(service, entry=entry)
    own = PriceEntry(price.input_microusd_per_mtok, price.output_microusd_per_mtok, price.call_microusd)
    return replace(service, entry=entry, price=own)


def _view_version(entry: ServiceEntry, version: VersionEntry, heaviest: int) -> VersionView:
    canary = version.weight < heaviest
    targets = tuple(_view_target(entry, version.version, endpoint, canary=canary) for endpoint in version.endpoints)
    return VersionView(version.version, version.weight, targets)


def _base_path(kind: str, path: str) -> str:
    """An MCP server answers at exactly its address, an agent where its card says; below all others lie paths."""
    if kind == "tools":
        return path or "/"
    return "" if kind == "agent" else path.rstrip("/")


def _view_target(entry: ServiceEntry, version: str, endpoint: EndpointEntry, *, canary: bool) -> Target:
    parts = urlsplit(endpoint.url)
    tls = parts.scheme == "https"
    return Target(
        endpoint_id=endpoint.id,
        service_id=entry.id,
        url=endpoint.url,
        version=version,
        canary=canary,
        weight=endpoint.weight,
        healthy=endpoint.healthy,
        host=parts.hostname or "",
        port=parts.port or (443 if tls else 80),
        tls=tls,
        host_header=parts.netloc.encode(),
        base_path=_base_path(entry.kind, parts.path).encode(),
    )
