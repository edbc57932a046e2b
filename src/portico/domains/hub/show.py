"""A service as the API shows it: what is stored, what the gateways report, and where clients reach it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from fastapi import Request

from portico.domains.hub import builtin
from portico.domains.hub.breakers import readings
from portico.domains.hub.model import BreakerReading, Endpoint, Gateways, Service, Version
from portico.domains.hub.wire import (
    BreakerWire,
    CredentialWire,
    EndpointWire,
    MethodWire,
    OwnerWire,
    PriceWire,
    ServiceWire,
    VersionWire,
)
from portico.domains.tenancy import public as tenancy
from portico.kernel.scope import OrgScope
from portico.platform.db import from_micros
from portico.platform.deps import Deps


@dataclass(frozen=True, slots=True)
class Showing:
    """What every service of one answer shares."""

    org_name: str
    base_url: str
    request_timeout_s: float
    breakers: Mapping[str, BreakerReading]
    gateways: int | None

    def __call__(self, service: Service) -> ServiceWire:
        return _service_wire(service, self)


def feed_of(request: Request) -> Gateways | None:
    """The link to the gateways; a process without one shows no breakers."""
    feed: Gateways | None = getattr(request.app.state, "feed", None)
    return feed


async def prepare(request: Request, scope: OrgScope, deps: Deps) -> Showing:
    return await prepare_with(feed_of(request), scope, deps)


async def prepare_with(feed: Gateways | None, scope: OrgScope, deps: Deps) -> Showing:
    async with deps.read() as tx:
        org_name = await tenancy.org_name(tx, scope)
    return Showing(
        org_name,
        deps.settings.base_url,
        deps.settings.gateway.request_timeout_s,
        readings(feed, scope.org_id),
        None if feed is None else len(feed.statuses()),
    )


def _service_wire(service: Service, showing: Showing) -> ServiceWire:
    built_in = service.kind == "builtin"
    status = builtin.status_of(service.name, showing.gateways) if built_in else service.status
    return ServiceWire(
        id=service.id,
        name=service.name,
        kind=service.kind,
        description=service.description,
        layer=service.layer,
        tags=list(service.tags),
        capabilities=list(service.capabilities),
        visibility=service.visibility,
        owner=OwnerWire(
            org_id="platform" if built_in else service.org_id, name="Portico" if built_in else showing.org_name
        ),
        scope=service.scope,
        status=status,
        versions=[_version_wire(version, showing) for version in service.versions],
        methods=[MethodWire.model_validate(method) for method in service.methods],
        timeout_s=showing.request_timeout_s if service.timeout_s is None else service.timeout_s,
        max_retries=service.max_retries,
        cache_ttl_s=service.cache_ttl_s,
        price=None if service.price is None else PriceWire.model_validate(service.price),
        models=list(service.models),
        max_output_tokens=service.max_output_tokens,
        credential=None if service.credential is None else CredentialWire.model_validate(service.credential),
        health_path=service.health_path,
        created_at=service.created_at,
        updated_at=service.updated_at,
        endpoint_url=_address(service, showing.base_url),
    )


def _address(service: Service, base_url: str) -> str:
    """Where clients point: a model is asked for by its name under /v1, any other service has a path of its own."""
    match service.kind:
        case "builtin":
            return base_url
        case "model":
            return f"{base_url}/v1"
        case "tools":
            return f"{base_url}/mcp/{service.name}"
        case "agent":
            return f"{base_url}/a2a/{service.name}"
        case "http":
            return f"{base_url}/svc/{service.name}"
        case _:
            assert_never(service.kind)


def _version_wire(version: Version, showing: Showing) -> VersionWire:
    endpoints = [_endpoint_wire(endpoint, showing) for endpoint in version.endpoints]
    return VersionWire(
        id=version.id, version=version.version, weight=version.weight, status=version.status, endpoints=endpoints
    )


def _endpoint_wire(endpoint: Endpoint, showing: Showing) -> EndpointWire:
    reading = showing.breakers.get(endpoint.id)
    return EndpointWire(
        id=endpoint.id,
        url=endpoint.url,
        weight=endpoint.weight,
        health=endpoint.health,
        last_checked_at=endpoint.last_checked_at,
        last_error=endpoint.last_error,
        failures=endpoint.failures,
        lease_expires_at=endpoint.lease_expires_at,
        breaker=None if reading is None else _breaker_wire(reading),
    )


def _breaker_wire(reading: BreakerReading) -> BreakerWire:
    return BreakerWire(
        state=reading.state,
        reason=reading.reason,
        since=from_micros(reading.since_us),
        probe_at=None if reading.probe_at_us is None else from_micros(reading.probe_at_us),
    )
