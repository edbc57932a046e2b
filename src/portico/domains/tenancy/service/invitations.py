"""Invitations: a token shown once, good for seven days, that makes its bearer a member."""

import secrets
from datetime import datetime

from portico.domains.tenancy.errors import InvitationGone
from portico.domains.tenancy.model import (
    INVITATION_LIFE,
    ROLE_PERMISSIONS,
    Invitation,
    Member,
    Person,
    Role,
)
from portico.domains.tenancy.service import trail
from portico.domains.tenancy.service.authority import PLATFORM, must_enter_all, must_hold, scope_for_record
from portico.domains.tenancy.service.passwords import check_password, passwords
from portico.domains.tenancy.service.sign_in import Place, SignedIn, begin, first_scope, prove_password, tries_subject
from portico.domains.tenancy.store import invitations as store
from portico.domains.tenancy.store import orgs as org_store
from portico.domains.tenancy.store import people as people_store
from portico.domains.tenancy.store import sign_ins as sign_in_store
from portico.kernel import ids
from portico.kernel.errors import Conflict, NotFound, OrgSuspended
from portico.kernel.ids import InvitationId, PersonId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import Actor, OrgScope
from portico.platform.crypto import digest_secret
from portico.platform.db import Tx
from portico.platform.deps import Deps


async def create_invitation(scope: OrgScope, email: str, role: Role, deps: Deps) -> tuple[Invitation, str]:
    """Returns the invitation and its token; nobody invites to a role that holds more than they do."""
    email = email.lower()
    must_hold(scope, ROLE_PERMISSIONS[role])
    async with deps.uow() as tx:
        await org_store.lock_org(tx, scope)
        await must_enter_all(tx, scope)
        if await people_store.is_member(tx, scope, email):
            raise Conflict(f"{email} is a member already.")
        return await invite(tx, scope, email, role, is_owner=False, now=deps.clock.now())


async def invite(
    tx: Tx, scope: OrgScope, email: str, role: Role, *, is_owner: bool, now: datetime
) -> tuple[Invitation, str]:
    """Part of the caller's transaction; the token is not to be had again."""
    if await store.pending_for(tx, scope, email, now):
        raise Conflict(f"{email} is invited already; revoke that invitation to send another.")
    token = secrets.token_urlsafe(32)
    made = Invitation(
        id=ids.new(InvitationId),
        org_id=scope.org_id,
        email=email,
        role=role,
        is_owner=is_owner,
        created_at=now,
        expires_at=now + INVITATION_LIFE,
        invited_by=scope.actor.name,
        accepted_at=None,
        revoked_at=None,
    )
    await store.insert_invitation(tx, scope, made, digest_secret(token))
    payload = {"invitation_id": made.id, "role": role, "is_owner": is_owner}
    target = ("invitation", made.id, email)
    await trail.leave_trail(tx, scope, trail.INVITATION_CREATED, payload, "invitation.create", target)
    return made, token


async def list_invitations(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[Invitation]:
    async with deps.read() as tx:
        return await store.list_invitations(tx, scope, ask)


async def revoke_invitation(scope: OrgScope, invitation_id: InvitationId, deps: Deps) -> None:
    async with deps.uow() as tx:
        found = await store.load_invitation(tx, scope, invitation_id)
        if found is None:
            raise NotFound("invitation", invitation_id)
        must_hold(scope, ROLE_PERMISSIONS[found.role])
        if found.accepted_at is not None:
            raise Conflict("This invitation was accepted; remove the member instead.")
        if found.revoked_at is not None:
            return
        await store.close_invitation(tx, scope, found.id, accepted_at=None, revoked_at=deps.clock.now())
        target = ("invitation", found.id, found.email)
        payload = {"invitation_id": found.id}
        await trail.leave_trail(tx, scope, trail.INVITATION_REVOKED, payload, "invitation.revoke", target)


async def accept_invitation(token: str, name: str, password: str, address: str | None, deps: Deps) -> SignedIn:
    """Join the org and sign in. Who is new chooses name and password; who is known proves their own, as at any sign-in."""
    digest = digest_secret(token)
    async with deps.read() as tx:
        invitation = await _pending(tx, digest, deps)
        known = await people_store.load_person_by_email(tx, PLATFORM, invitation.email)
    if known is not None:
        known = await prove_password(invitation.email, password, address, deps)
        password_hash = known.password_hash
    else:
        check_password(password, deps.settings.security.password_min_length)
        password_hash = await passwords.hash(password)
    async with deps.uow() as tx:
        invitation = await _pending(tx, digest, deps, lock=True)
        person = known or await _new_person(tx, invitation.email, name, password_hash, deps.clock.now())
        member = await _join(tx, invitation, person, address, deps.clock.now())
        await sign_in_store.forget_tries(tx, PLATFORM, tries_subject(address, person.email))
        names = (await org_store.scope_names(tx, PLATFORM, (invitation.org_id,)))[invitation.org_id]
        return await begin(tx, person, Place(member, first_scope(member, names)), address, deps)


async def _pending(tx: Tx, digest: bytes, deps: Deps, *, lock: bool = False) -> Invitation:
    found = await store.load_invitation_by_digest(tx, PLATFORM, digest, lock=lock)
    if found is None or found.status(deps.clock.now()) != "pending":
        raise InvitationGone
    org = await org_store.load_org(tx, PLATFORM, found.org_id)
    if org is None:
        raise InvitationGone
    if org.status != "active":
        raise OrgSuspended
    return found


async def _new_person(tx: Tx, email: str, name: str, password_hash: str, now: datetime) -> Person:
    person = Person(ids.new(PersonId), email, name, password_hash, is_superadmin=False, created_at=now)
    if not await people_store.insert_person(tx, PLATFORM, person):
        raise Conflict("This person has just joined elsewhere; accept again with that password.")
    return person


async def _join(tx: Tx, invitation: Invitation, person: Person, address: str | None, now: datetime) -> Member:
    scope = scope_for_record(invitation.org_id, Actor("person", person.id, person.name, address))
    if await people_store.load_member(tx, scope, person.id) is not None:
        raise Conflict("You are a member of this org already; sign in.")
    await people_store.insert_member(tx, scope, person.id, invitation.role, is_owner=invitation.is_owner, at=now)
    await store.close_invitation(tx, scope, invitation.id, accepted_at=now, revoked_at=None)
    payload = {"person_id": person.id, "role": invitation.role, "is_owner": invitation.is_owner}
    target = ("person", person.id, person.name)
    detail = {"invitation_id": invitation.id}
    await trail.leave_trail(tx, scope, trail.MEMBER_JOINED, payload, "member.join", target, detail=detail)
    tx.nudge("snapshot")
    return Member(
        org_id=invitation.org_id,
        person_id=person.id,
        email=person.email,
        name=person.name,
        role=invitation.role,
        is_owner=invitation.is_owner,
        scopes=None,
        joined_at=now,
        last_seen_at=None,
    )
