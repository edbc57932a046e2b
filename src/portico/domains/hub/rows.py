"""Rows to facts and back, for the hub's stores."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from portico.domains.hub.model import Credential, Endpoint, Method, Price, Service, Version
from portico.kernel.ids import EndpointId, LeaseId, OrgId, ServiceId, VersionId
from portico.kernel.scope import ScopeName


def service_row(service: Service) -> dict[str, Any]:
    return {
        "id": service.id,
        "org_id": service.org_id,
        "scope_key": service.scope or "",
        "scope": service.scope,
        "name": service.name,
        "kind": service.kind,
        "description": service.description,
        "layer": service.layer,
        "tags": list(service.tags),
        "capabilities": list(service.capabilities),
        "visibility": service.visibility,
        "timeout_s": service.timeout_s,
        "max_retries": service.max_retries,
        "cache_ttl_s": service.cache_ttl_s,
        "price": None if service.price is None else asdict(service.price),
        "models": list(service.models),
        "max_output_tokens": service.max_output_tokens,
        "credential": None if service.credential is None else asdict(service.credential),
        "health_path": service.health_path,
        "methods": [asdict(method) for method in service.methods],
        "status": service.status,
        "created_by": service.created_by,
        "created_at": service.created_at,
        "updated_at": service.updated_at,
    }


def service_of(row: Row[Any], versions: tuple[Version, ...]) -> Service:
    return Service(
        id=ServiceId(row.id),
        org_id=OrgId(row.org_id),
        scope=None if row.scope is None else ScopeName(row.scope),
        name=row.name,
        kind=row.kind,
        description=row.description,
        layer=row.layer,
        tags=tuple(row.tags),
        capabilities=tuple(row.capabilities),
        visibility=row.visibility,
        timeout_s=row.timeout_s,
        max_retries=row.max_retries,
        cache_ttl_s=row.cache_ttl_s,
        price=price_of(row.price),
        models=tuple(row.models),
        max_output_tokens=row.max_output_tokens,
        credential=credential_of(row.credential),
        health_path=row.health_path,
        methods=tuple(Method(**method) for method in row.methods),
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        status=row.status,
        versions=versions,
    )


def price_of(stored: Mapping[str, Any] | None) -> Price | None:
    return None if stored is None else Price(**stored)


def credential_of(stored: Mapping[str, Any] | None) -> Credential | None:
    return None if stored is None else Credential(**stored)


def version_row(version: Version) -> dict[str, Any]:
    return {
        "id": version.id,
        "service_id": version.service_id,
        "version": version.version,
        "weight": version.weight,
        "status": version.status,
    }


def version_of(row: Row[Any], endpoints: Iterable[Endpoint]) -> Version:
    return Version(VersionId(row.id), ServiceId(row.service_id), row.version, row.weight, row.status, tuple(endpoints))


def endpoint_row(endpoint: Endpoint) -> dict[str, Any]:
    return asdict(endpoint)


def endpoint_of(row: Row[Any]) -> Endpoint:
    return Endpoint(
        EndpointId(row.id),
        ServiceId(row.service_id),
        VersionId(row.version_id),
        row.url,
        row.weight,
        row.health,
        row.last_checked_at,
        row.last_error,
        row.failures,
        row.successes,
        None if row.lease_id is None else LeaseId(row.lease_id),
        row.lease_ttl_s,
        row.lease_expires_at,
    )
