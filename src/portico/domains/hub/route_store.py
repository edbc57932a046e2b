"""The Snapshot's reading of the hub: three queries over all orgs, whatever their size."""

from collections import defaultdict

from sqlalchemy import select

from portico.domains.hub.model import EndpointRoute, ServiceRoute, VersionRoute
from portico.domains.hub.rows import credential_of, price_of
from portico.domains.hub.tables import service_endpoints as endpoints
from portico.domains.hub.tables import service_versions as versions
from portico.domains.hub.tables import services
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx

_COLUMNS = [
    services.c[name]
    for name in (
        "id",
        "org_id",
        "scope",
        "name",
        "kind",
        "visibility",
        "timeout_s",
        "max_retries",
        "cache_ttl_s",
        "price",
        "models",
        "max_output_tokens",
        "credential",
        "created_by",
    )
]


async def load_routes(tx: Tx, scope: PlatformScope) -> list[ServiceRoute]:
    """Every service by id; a deprecated version keeps its endpoints but gets no share of the traffic."""
    by_service = await _versions(tx, scope)
    return [
        ServiceRoute(
            row.id,
            row.org_id,
            row.scope,
            row.name,
            row.kind,
            row.visibility == "restricted",
            tuple(by_service[row.id]),
            row.timeout_s,
            row.max_retries,
            row.cache_ttl_s,
            price_of(row.price),
            tuple(row.models),
            row.max_output_tokens,
            credential_of(row.credential),
            row.created_by,
        )
        for row in await tx.execute(select(*_COLUMNS).order_by(services.c.id))
    ]


async def _versions(tx: Tx, scope: PlatformScope) -> defaultdict[str, list[VersionRoute]]:
    by_version: defaultdict[str, list[EndpointRoute]] = defaultdict(list)
    query = select(
        endpoints.c.id, endpoints.c.version_id, endpoints.c.url, endpoints.c.weight, endpoints.c.health
    ).order_by(endpoints.c.id)
    for row in await tx.execute(query):
        by_version[row.version_id].append(EndpointRoute(row.id, row.url, row.weight, row.health != "unhealthy"))
    by_service: defaultdict[str, list[VersionRoute]] = defaultdict(list)
    query_versions = select(
        versions.c.id, versions.c.service_id, versions.c.version, versions.c.weight, versions.c.status
    ).order_by(versions.c.created_at, versions.c.id)
    for row in await tx.execute(query_versions):
        share = row.weight if row.status == "active" else 0
        by_service[row.service_id].append(VersionRoute(row.version, share, tuple(by_version[row.id])))
    return by_service
