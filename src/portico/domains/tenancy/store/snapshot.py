from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from portico.domains.tenancy.model import ROLE_PERMISSIONS, GrantEntry, KeyEntry, MemberEntry, OrgEntry
from portico.domains.tenancy.tables import api_keys, grants, memberships, orgs, people
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx, to_micros

# A key that ran out is answered with "expired" for this long, and is unknown to the gateway afterwards.
_EXPIRED_KEY_KEPT = timedelta(days=7)

_KEY_COLUMNS = tuple(
    api_keys.c[name]
    for name in (
        "id",
        "org_id",
        "scope",
        "name",
        "prefix",
        "digest",
        "permissions",
        "services",
        "expires_at",
        "rate_limit_per_minute",
        "previous_digest",
        "previous_valid_until",
    )
)


async def org_entries(tx: Tx, scope: PlatformScope) -> tuple[OrgEntry, ...]:
    query = select(orgs.c.id, orgs.c.name, orgs.c.status).where(orgs.c.status != "deleted").order_by(orgs.c.id)
    return tuple(OrgEntry(row.id, row.name, row.status == "active") for row in await tx.execute(query))


async def key_entries(tx: Tx, scope: PlatformScope, now: datetime) -> tuple[KeyEntry, ...]:
    """Only the columns that are used, unpacked by place: this is most of what a snapshot costs."""
    query = (
        select(*_KEY_COLUMNS)
        .join(orgs, api_keys.c.org_id == orgs.c.id)
        .where(
            api_keys.c.revoked_at.is_(None),
            orgs.c.status != "deleted",
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now - _EXPIRED_KEY_KEPT),
        )
        .order_by(api_keys.c.id)
    )
    rows: list[tuple[Any, ...]] = [tuple(row) for row in await tx.execute(query)]
    return tuple(_key_entry(now, *row) for row in rows)


def _key_entry(
    now: datetime,
    key_id: str,
    org_id: str,
    scope: str,
    name: str,
    prefix: str,
    digest: bytes,
    permissions: list[str],
    services: list[str] | None,
    expires_at: datetime | None,
    rate_limit_per_minute: int | None,
    previous_digest: bytes | None,
    previous_until: datetime | None,
) -> KeyEntry:
    overlaps = previous_digest is not None and previous_until is not None and previous_until > now
    return KeyEntry(
        key_id,
        org_id,
        scope,
        name,
        prefix,
        bytes(digest),
        tuple(permissions),
        None if services is None else tuple(services),
        None if expires_at is None else to_micros(expires_at),
        rate_limit_per_minute,
        previous_digest if overlaps else None,
        to_micros(previous_until) if overlaps and previous_until is not None else None,
    )


async def member_entries(tx: Tx, scope: PlatformScope) -> tuple[MemberEntry, ...]:
    query = (
        select(memberships.c.person_id, memberships.c.org_id, people.c.name, memberships.c.role, memberships.c.scopes)
        .join_from(memberships, people, memberships.c.person_id == people.c.id)
        .join(orgs, memberships.c.org_id == orgs.c.id)
        .where(orgs.c.status != "deleted")
        .order_by(memberships.c.org_id, memberships.c.person_id)
    )
    return tuple(
        MemberEntry(
            row.person_id,
            row.org_id,
            row.name,
            tuple(sorted(ROLE_PERMISSIONS[row.role])),
            None if row.scopes is None else tuple(row.scopes),
        )
        for row in await tx.execute(query)
    )


async def grant_entries(tx: Tx, scope: PlatformScope) -> tuple[GrantEntry, ...]:
    query = (
        select(grants.c.org_id, grants.c.principal_id, grants.c.resource_id, grants.c.permission)
        .join(orgs, grants.c.org_id == orgs.c.id)
        .where(grants.c.resource_kind == "service", orgs.c.status != "deleted")
        .order_by(grants.c.id)
    )
    return tuple(
        GrantEntry(row.org_id, row.principal_id, row.resource_id, row.permission) for row in await tx.execute(query)
    )
