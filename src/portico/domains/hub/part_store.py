"""SQL of versions and endpoints."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.hub.model import Endpoint, Version
from portico.domains.hub.rows import endpoint_of, endpoint_row, version_of, version_row
from portico.domains.hub.tables import service_endpoints as endpoints
from portico.domains.hub.tables import service_versions as versions
from portico.kernel.ids import EndpointId, VersionId
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx

AnyScope = OrgScope | PlatformScope


async def insert_version(tx: Tx, scope: OrgScope, version: Version, at: datetime) -> None:
    await tx.execute(insert(versions).values(version_row(version) | {"org_id": scope.org_id, "created_at": at}))
    for endpoint in version.endpoints:
        await insert_endpoint(tx, scope, endpoint)


async def insert_endpoint(tx: Tx, scope: OrgScope, endpoint: Endpoint) -> bool:
    """False when the version has this URL already."""
    into = sqlite.insert(endpoints) if tx.engine == "sqlite" else postgresql.insert(endpoints)
    row = endpoint_row(endpoint) | {"org_id": scope.org_id}
    return (await tx.execute(into.values(row).on_conflict_do_nothing())).rowcount == 1


async def update_version(tx: Tx, scope: OrgScope, version: Version) -> None:
    mine = versions.c.org_id == scope.org_id, versions.c.id == version.id
    await tx.execute(update(versions).where(*mine).values(weight=version.weight, status=version.status))


async def delete_version(tx: Tx, scope: OrgScope, version_id: VersionId) -> None:
    await tx.execute(delete(versions).where(versions.c.org_id == scope.org_id, versions.c.id == version_id))


async def update_endpoint(tx: Tx, scope: OrgScope, endpoint: Endpoint) -> None:
    mine = endpoints.c.org_id == scope.org_id, endpoints.c.id == endpoint.id
    await tx.execute(update(endpoints).where(*mine).values(endpoint_row(endpoint)))


async def delete_endpoint(tx: Tx, scope: OrgScope, endpoint_id: EndpointId) -> None:
    await tx.execute(delete(endpoints).where(endpoints.c.org_id == scope.org_id, endpoints.c.id == endpoint_id))


async def versions_of(tx: Tx, scope: AnyScope, service_ids: Sequence[str]) -> dict[str, tuple[Version, ...]]:
    """By service id, oldest version first; two queries however many services."""
    if not service_ids:
        return {}
    inside: list[ColumnElement[bool]] = [endpoints.c.service_id.in_(service_ids)]
    theirs: list[ColumnElement[bool]] = [versions.c.service_id.in_(service_ids)]
    if isinstance(scope, OrgScope):
        inside.append(endpoints.c.org_id == scope.org_id)
        theirs.append(versions.c.org_id == scope.org_id)
    by_version: defaultdict[str, list[Endpoint]] = defaultdict(list)
    for row in await tx.execute(select(endpoints).where(*inside).order_by(endpoints.c.id)):
        by_version[row.version_id].append(endpoint_of(row))
    found: dict[str, tuple[Version, ...]] = {}
    for row in await tx.execute(select(versions).where(*theirs).order_by(versions.c.created_at, versions.c.id)):
        found[row.service_id] = (*found.get(row.service_id, ()), version_of(row, by_version[row.id]))
    return found


async def endpoints_due(tx: Tx, scope: PlatformScope, before: datetime, most: int) -> list[Endpoint]:
    """Those not probed since `before`, the longest waiting first."""
    due = or_(endpoints.c.last_checked_at.is_(None), endpoints.c.last_checked_at <= before)
    query = select(endpoints).where(due).order_by(endpoints.c.last_checked_at.asc().nulls_first(), endpoints.c.id)
    return [endpoint_of(row) for row in await tx.execute(query.limit(most))]


async def store_health(tx: Tx, scope: PlatformScope, probed: Sequence[Endpoint]) -> None:
    fields = ("health", "last_checked_at", "last_error", "failures", "successes")
    statement = (
        update(endpoints)
        .where(endpoints.c.id == bindparam("endpoint_id"))
        .values({field: bindparam(f"new_{field}") for field in fields})
    )
    rows = [
        {"endpoint_id": each.id} | {f"new_{field}": getattr(each, field) for field in fields}
        for each in sorted(probed, key=lambda each: each.id)
    ]
    if rows:
        await tx.execute(statement, rows)


async def expired_leases(tx: Tx, scope: PlatformScope, now: datetime, most: int) -> list[Endpoint]:
    query = select(endpoints).where(endpoints.c.lease_expires_at <= now).order_by(endpoints.c.id).limit(most)
    return [endpoint_of(row) for row in await tx.execute(query)]


async def remove_if_expired(tx: Tx, scope: OrgScope, endpoint_id: EndpointId, now: datetime) -> bool:
    """False when it was renewed or removed in between."""
    still = endpoints.c.id == endpoint_id, endpoints.c.org_id == scope.org_id, endpoints.c.lease_expires_at <= now
    return (await tx.execute(delete(endpoints).where(*still))).rowcount == 1
