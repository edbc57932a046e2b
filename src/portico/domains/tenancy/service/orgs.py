"""Orgs from their founding to their end, and the scopes inside them."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from portico.domains.tenancy.model import Identity, NamedScope, Org, Person, Seeded
from portico.domains.tenancy.service import trail
from portico.domains.tenancy.service.authority import PLATFORM, as_superadmin, scope_for_record
from portico.domains.tenancy.service.invitations import invite
from portico.domains.tenancy.service.passwords import check_password, passwords
from portico.domains.tenancy.store import orgs as store
from portico.domains.tenancy.store import people as people_store
from portico.kernel import ids
from portico.kernel.errors import Conflict, InvalidInput
from portico.kernel.ids import OrgId, PersonId
from portico.kernel.scope import (
    DEFAULT_SCOPES,
    DEVELOPMENT,
    ENTERPRISE,
    LOCAL_SANDBOX,
    SYSTEM,
    OrgScope,
    PlatformScope,
)
from portico.platform.db import Tx
from portico.platform.deps import Deps

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DESCRIPTIONS = {
    ENTERPRISE: "Production: what the company relies on.",
    DEVELOPMENT: "Shared development and tests.",
    LOCAL_SANDBOX: "One person's experiments.",
}


@dataclass(frozen=True, slots=True)
class Founded:
    """`invitation_token` is shown once, to invite an owner who is new here; None when the owner is known already."""

    org: Org
    invitation_token: str | None


async def create_org(identity: Identity, name: str, slug: str, owner_email: str, deps: Deps) -> Founded:
    platform = as_superadmin(identity)
    owner_email = owner_email.lower()
    async with deps.uow() as tx:
        org, scope = await _found_org(tx, platform, name, slug, deps.clock.now())
        owner = await people_store.load_person_by_email(tx, platform, owner_email)
        if owner is not None:
            await _join_as_owner(tx, scope, owner, deps.clock.now())
            return Founded(replace(org, member_count=1), None)
        _, token = await invite(tx, scope, owner_email, "admin", is_owner=True, now=deps.clock.now())
    return Founded(org, token)


async def seed_owner(deps: Deps, org_name: str, slug: str, email: str, name: str, password: str) -> Seeded:
    """The first org with its owner, who is also the superadmin; the second time it only says who they are.

    Returns (org_id, person_id, created). A person who is known keeps their password.
    """
    async with deps.read() as tx:
        if (seeded := await _seeded(tx, slug)) is not None:
            return seeded
    check_password(password, deps.settings.security.password_min_length)
    password_hash = await passwords.hash(password)
    email, now = email.lower(), deps.clock.now()
    async with deps.uow() as tx:
        if (seeded := await _seeded(tx, slug)) is not None:
            return seeded
        owner = await people_store.load_person_by_email(tx, PLATFORM, email)
        if owner is None:
            owner = Person(ids.new(PersonId), email, name, password_hash, is_superadmin=True, created_at=now)
            await people_store.insert_person(tx, PLATFORM, owner)
        await people_store.set_superadmin(tx, PLATFORM, owner.id)
        org, scope = await _found_org(tx, PLATFORM, org_name, slug, now)
        await _join_as_owner(tx, scope, owner, now)
    return Seeded(org.id, owner.id, created=True)


async def _seeded(tx: Tx, slug: str) -> Seeded | None:
    org = await store.load_org_by_slug(tx, PLATFORM, slug)
    if org is None:
        return None
    owner = await people_store.first_owner(tx, scope_for_record(org.id, SYSTEM))
    if owner is None:
        raise Conflict(f"The org {slug!r} exists and has no owner yet; accept its invitation or choose another slug.")
    return Seeded(org.id, owner, created=False)


async def _found_org(tx: Tx, platform: PlatformScope, name: str, slug: str, now: datetime) -> tuple[Org, OrgScope]:
    if SLUG.fullmatch(slug) is None:
        raise InvalidInput("slug", "must be 1 to 63 small letters, digits and hyphens, and begin with no hyphen")
    if await store.load_org_by_slug(tx, platform, slug) is not None:
        raise Conflict(f"The slug {slug!r} is taken.")
    org = Org(ids.new(OrgId), name, slug, "active", now)
    await store.insert_org(tx, platform, org)
    scope = scope_for_record(org.id, platform.actor)
    await store.insert_scopes(tx, scope, [NamedScope(each, _DESCRIPTIONS[each], now) for each in DEFAULT_SCOPES])
    payload = {"org_id": org.id, "name": name, "slug": slug}
    await trail.leave_trail(tx, scope, trail.ORG_CREATED, payload, "org.create", ("org", org.id, name))
    tx.nudge("snapshot")
    return org, scope


async def _join_as_owner(tx: Tx, scope: OrgScope, owner: Person, now: datetime) -> None:
    await people_store.insert_member(tx, scope, owner.id, "admin", is_owner=True, at=now)
    payload = {"person_id": owner.id, "role": "admin", "is_owner": True}
    target = ("person", owner.id, owner.name)
    await trail.leave_trail(tx, scope, trail.MEMBER_JOINED, payload, "member.join", target)
