"""Orgs from their founding to their end, and the scopes inside them."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from portico.domains.audit import public as audit
from portico.domains.tenancy.errors import OtherOrg
from portico.domains.tenancy.model import Identity, NamedScope, Org, OrgStatus, Person, Seeded
from portico.domains.tenancy.service import trail
from portico.domains.tenancy.service.authority import PLATFORM, as_superadmin, scope_for_record
from portico.domains.tenancy.service.invitations import invite
from portico.domains.tenancy.service.members import must_be_owner
from portico.domains.tenancy.service.passwords import check_password, passwords
from portico.domains.tenancy.store import orgs as store
from portico.domains.tenancy.store import people as people_store
from portico.kernel import ids
from portico.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from portico.kernel.ids import OrgId, PersonId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import DEFAULT_SCOPES, DEVELOPMENT, ENTERPRISE, LOCAL_SANDBOX, SYSTEM, OrgScope, PlatformScope
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
        await _note_on_platform(tx, identity, org, "org.create")
        owner = await people_store.load_person_by_email(tx, platform, owner_email)
        if owner is not None:
            await _join_as_owner(tx, scope, owner, deps.clock.now())
            return Founded(replace(org, member_count=1), None)
        _, token = await invite(tx, scope, owner_email, "admin", is_owner=True, now=deps.clock.now())
    return Founded(org, token)


async def list_orgs(identity: Identity, ask: PageAsk, status: OrgStatus | None, deps: Deps) -> Page[Org]:
    """One's own; a superadmin sees all, also the deleted ones when asked for."""
    async with deps.read() as tx:
        if identity.is_superadmin:
            return await store.list_orgs(tx, as_superadmin(identity), ask, status=status, only=None)
        mine = await _mine(tx, identity)
        return await store.list_orgs(tx, PLATFORM, ask, status=status, only=() if status == "deleted" else mine)


async def list_orgs_of(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[Org]:
    """What list_orgs gives whoever reads with this scope."""
    actor = scope.actor
    async with deps.read() as tx:
        if actor.kind != "person":
            return await store.list_orgs(tx, PLATFORM, ask, status=None, only=(scope.org_id,))
        person = await people_store.load_person(tx, PLATFORM, PersonId(actor.id))
        if person is not None and person.is_superadmin:
            return await store.list_orgs(tx, PlatformScope(actor), ask, status=None, only=None)
        mine = await store.orgs_of_person(tx, PLATFORM, PersonId(actor.id))
        return await store.list_orgs(tx, PLATFORM, ask, status=None, only=mine)


async def find_org(identity: Identity, org_id: OrgId, deps: Deps) -> Org:
    async with deps.read() as tx:
        return await _visible(tx, identity, org_id)


async def rename_org(identity: Identity, org_id: OrgId, name: str, deps: Deps) -> Org:
    async with deps.uow() as tx:
        org = await _visible(tx, identity, org_id)
        scope = _own_scope(identity, org)
        if not identity.is_superadmin and not scope.may("orgs.manage"):
            raise NotPermitted("orgs.manage")
        await store.update_org(tx, PLATFORM, org.id, name, org.status, None)
        payload = {"org_id": org.id, "name": name}
        target, before = ("org", org.id, name), {"name_before": org.name}
        await trail.leave_trail(tx, scope, trail.ORG_RENAMED, payload, "org.rename", target, detail=before)
        await _note_on_platform(tx, identity, replace(org, name=name), "org.rename")
        tx.nudge("snapshot")
    return replace(org, name=name)


async def suspend_org(identity: Identity, org_id: OrgId, deps: Deps) -> Org:
    """From now on nothing in it can be used, and nobody can sign in to it."""
    return await _set_status(identity, org_id, "suspended", trail.ORG_SUSPENDED, "org.suspend", deps)


async def resume_org(identity: Identity, org_id: OrgId, deps: Deps) -> Org:
    return await _set_status(identity, org_id, "active", trail.ORG_RESUMED, "org.resume", deps)


async def delete_org(identity: Identity, org_id: OrgId, deps: Deps) -> None:
    """Soft: its rows stay for the record, and it is gone for everyone."""
    async with deps.uow() as tx:
        org = await _visible(tx, identity, org_id)
        scope = _own_scope(identity, org)
        if not identity.is_superadmin:
            await must_be_owner(tx, scope, "delete it")
        await _write_status(tx, scope, org, "deleted", trail.ORG_DELETED, "org.delete", deps.clock.now())
        await _note_on_platform(tx, identity, org, "org.delete")


async def _set_status(identity: Identity, org_id: OrgId, status: OrgStatus, kind: str, action: str, deps: Deps) -> Org:
    async with deps.uow() as tx:
        org = await _visible(tx, identity, org_id)
        platform = as_superadmin(identity)
        if org.status == status:
            return org
        scope = scope_for_record(org.id, platform.actor)
        await _note_on_platform(tx, identity, org, action)
        return await _write_status(tx, scope, org, status, kind, action, deps.clock.now())


async def _write_status(
    tx: Tx, scope: OrgScope, org: Org, status: OrgStatus, kind: str, action: str, now: datetime
) -> Org:
    await store.update_org(tx, PLATFORM, org.id, org.name, status, now if status == "deleted" else None)
    target = ("org", org.id, org.name)
    await trail.leave_trail(tx, scope, kind, {"org_id": org.id}, action, target, severity="WARN")
    tx.nudge("snapshot")
    return replace(org, status=status)


async def _note_on_platform(tx: Tx, identity: Identity, org: Org, action: str) -> None:
    """Beside the org's own chain, which nobody can read once the org is gone and which superadmins outside it never can."""
    own_name = action == "org.rename" and identity.scope.org_id == org.id
    if own_name or not (identity.is_superadmin or action == "org.delete"):
        return
    await audit.record_platform(
        tx,
        actor=identity.scope.actor,
        action=action,
        target=audit.Target("org", org.id, org.name),
        severity="INFO" if action in {"org.create", "org.rename"} else "WARN",
        detail={"slug": org.slug},
    )


async def _visible(tx: Tx, identity: Identity, org_id: OrgId) -> Org:
    org = await store.load_org(tx, PLATFORM, org_id)
    if org is None or not (identity.is_superadmin or org_id in await _mine(tx, identity)):
        raise NotFound("org", org_id)
    return org


async def _mine(tx: Tx, identity: Identity) -> tuple[OrgId, ...]:
    if identity.person_id is None:
        return (identity.scope.org_id,)
    return await store.orgs_of_person(tx, PLATFORM, identity.person_id)


def _own_scope(identity: Identity, org: Org) -> OrgScope:
    """The caller's scope in that org; a superadmin acts from outside, everyone else with a credential of the org."""
    if identity.scope.org_id == org.id:
        return identity.scope
    if identity.is_superadmin:
        return scope_for_record(org.id, as_superadmin(identity).actor)
    raise OtherOrg(org.name)


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
            if not await people_store.insert_person(tx, PLATFORM, owner):
                raise Conflict(f"{email} has just joined; run this again.")
        await people_store.set_superadmin(tx, PLATFORM, owner.id, True)
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
    org = Org(ids.new(OrgId), name, slug, "active", now)
    if not await store.insert_org(tx, platform, org):
        raise Conflict(f"The slug {slug!r} is taken.")
    scope = scope_for_record(org.id, platform.actor)
    # A microsecond apart, so that they keep their order in every list.
    named = [
        NamedScope(each, _DESCRIPTIONS[each], now + timedelta(microseconds=place))
        for place, each in enumerate(DEFAULT_SCOPES)
    ]
    await store.insert_scopes(tx, scope, named)
    payload = {"org_id": org.id, "name": name, "slug": slug}
    await trail.leave_trail(tx, scope, trail.ORG_CREATED, payload, "org.create", ("org", org.id, name))
    tx.nudge("snapshot")
    return org, scope


async def _join_as_owner(tx: Tx, scope: OrgScope, owner: Person, now: datetime) -> None:
    await people_store.insert_member(tx, scope, owner.id, "admin", is_owner=True, at=now)
    payload = {"person_id": owner.id, "role": "admin", "is_owner": True}
    target = ("person", owner.id, owner.name)
    await trail.leave_trail(tx, scope, trail.MEMBER_JOINED, payload, "member.join", target)
