from datetime import datetime, timedelta

from sqlalchemy import or_, select

from portico.domains.tenancy.model import ROLE_PERMISSIONS, GrantEntry, KeyEntry, MemberEntry, OrgEntry
from portico.domains.tenancy.tables import api_keys, grants, memberships, orgs, people
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx, to_micros

# A key that ran out is answered with "expired" for this long, and is unknown to the gateway afterwards.
_EXPIRED_KEY_KEPT = timedelta(days=7)


async def org_entries(tx: Tx, scope: PlatformScope) -> tuple[OrgEntry, ...]:
    query = select(orgs.c.id, orgs.c.name, orgs.c.status).where(orgs.c.status != "deleted").order_by(orgs.c.id)
    return tuple(OrgEntry(row.id, row.name, row.status == "active") for row in await tx.execute(query))


async def key_entries(tx: Tx, scope: PlatformScope, now: datetime) -> tuple[KeyEntry, ...]:
    query = (
        select(api_keys)
        .join(orgs, api_keys.c.org_id == orgs.c.id)
        .where(
            api_keys.c.revoked_at.is_(None),
            orgs.c.status != "deleted",
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now - _EXPIRED_KEY_KEPT),
        )
        .order_by(api_keys.c.id)
    )
    entries = []
    for row in await tx.execute(query):
        overlaps = row.previous_valid_until is not None and row.previous_valid_until > now
        entries.append(
            KeyEntry(
                id=row.id,
                org_id=row.org_id,
                scope=row.scope,
                name=row.name,
                prefix=row.prefix,
                digest=bytes(row.digest),
                permissions=tuple(row.permissions),
                services=None if row.services is None else tuple(row.services),
                expires_at_us=None if row.expires_at is None else to_micros(row.expires_at),
                rate_limit_per_minute=row.rate_limit_per_minute,
                previous_digest=bytes(row.previous_digest) if overlaps else None,
                previous_until_us=to_micros(row.previous_valid_until) if overlaps else None,
            )
        )
    return tuple(entries)


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
