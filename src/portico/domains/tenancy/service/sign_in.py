"""Local sign-in: passwords in, an access token and a rotating refresh token out."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from portico.domains.audit import public as audit
from portico.domains.tenancy.errors import BadSignIn
from portico.domains.tenancy.model import NO_ORG, Identity, Member, Person, RefreshToken, SignIn
from portico.domains.tenancy.service.authenticate import identity_in_org, identity_without_org
from portico.domains.tenancy.service.authority import PLATFORM
from portico.domains.tenancy.service.passwords import MAX_PASSWORD_CHARS, passwords
from portico.domains.tenancy.service.tokens import Claims, issue_token
from portico.domains.tenancy.service.trail import SIGN_IN_STARTED, leave_trail
from portico.domains.tenancy.store import orgs as org_store
from portico.domains.tenancy.store import people as people_store
from portico.domains.tenancy.store import sign_ins as sign_in_store
from portico.kernel import ids
from portico.kernel.errors import NotFound, OrgSuspended, RateLimited
from portico.kernel.ids import OrgId, SignInId
from portico.kernel.scope import ENTERPRISE, Actor, ScopeName
from portico.platform.crypto import digest_secret
from portico.platform.db import Tx
from portico.platform.deps import Deps


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`refresh_token` is None when the one the client holds stays in use."""

    identity: Identity
    access_token: str
    expires_in_s: int
    refresh_token: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the platform a sign-in stands: as a member of an org in one of its scopes, or (superadmin) nowhere."""

    member: Member | None
    scope: ScopeName

    @property
    def org_id(self) -> OrgId | None:
        return None if self.member is None else self.member.org_id


async def sign_in(email: str, password: str, org_id: OrgId | None, address: str | None, deps: Deps) -> SignedIn:
    """raises BadSignIn, RateLimited, OrgSuspended, and NotFound for an org the person is not in"""
    email = email.lower()
    person = await prove_password(email, password, address, deps)
    try:
        async with deps.uow() as tx:
            await sign_in_store.forget_tries(tx, PLATFORM, tries_subject(address, email))
            place = await find_place(tx, person, org_id)
            return await begin(tx, person, place, address, deps)
    except (BadSignIn, NotFound, OrgSuspended):
        await note_failure("sign_in.start", email, address, deps)
        raise


async def prove_password(email: str, password: str, address: str | None, deps: Deps) -> Person:
    """Count the try, compare, and note a failure; takes the same time whether or not there is such a person."""
    await count_try(email, address, deps)
    async with deps.read() as tx:
        person = await people_store.load_person_by_email(tx, PLATFORM, email)
    matches = await passwords.matches(None if person is None else person.password_hash, password[:MAX_PASSWORD_CHARS])
    if person is None or not matches or len(password) > MAX_PASSWORD_CHARS:
        await note_failure("sign_in.start", email, address, deps)
        raise BadSignIn
    return person


async def count_try(email: str, address: str | None, deps: Deps) -> None:
    """Kept in the database: a restart does not hand out new tries, and several control processes count together. One small
    write is nothing beside the hash that follows.
    """
    most, now = deps.settings.security.sign_in_tries_per_minute, deps.clock.now()
    async with deps.uow() as tx:
        free_at = await sign_in_store.count_try(tx, PLATFORM, tries_subject(address, email), now, most)
    if free_at is not None:
        raise RateLimited(
            "sign-in tries", "this address and email", most, 60, max((free_at - now).total_seconds(), 0.1)
        )


def tries_subject(address: str | None, email: str) -> bytes:
    """A digest, so that the table is no list of addresses and emails."""
    return hashlib.sha256(f"{address or ''}\n{email}".encode()).digest()


async def note_failure(action: str, email: str, address: str | None, deps: Deps) -> None:
    """In the platform's chain: who failed to prove who they are acts in no org."""
    async with deps.uow() as tx:
        await audit.record_platform(
            tx,
            actor=Actor("person", "unknown", "unknown", address),
            action=action,
            target=audit.Target("person", "unknown", email),
            outcome="refused",
            severity="WARN",
            detail={},
        )


async def find_place(tx: Tx, person: Person, org_id: OrgId | None) -> Place:
    """The org asked for, or else the active one seen last; the first scope the person may enter."""
    found = await people_store.memberships_of(tx, PLATFORM, person.id)
    wanted = [each for each in found if org_id is None or each[0].org_id == org_id]
    active = [member for member, _, _, status in wanted if status == "active"]
    if not active:
        if wanted:
            raise OrgSuspended
        if org_id is not None:
            raise NotFound("org", org_id)
        if person.is_superadmin:
            return Place(None, ENTERPRISE)
        raise BadSignIn
    names = (await org_store.scope_names(tx, PLATFORM, (active[0].org_id,)))[active[0].org_id]
    return Place(active[0], first_scope(active[0], names))


def first_scope(member: Member, names: tuple[ScopeName, ...]) -> ScopeName:
    """In the order the scopes were made; a member's scopes exist as long as the member is confined to them."""
    return next(name for name in names if member.enters(name))


async def begin(tx: Tx, person: Person, place: Place, address: str | None, deps: Deps) -> SignedIn:
    """Start a sign-in at that place; part of the caller's transaction."""
    now = deps.clock.now()
    expires_at = now + timedelta(seconds=deps.settings.security.refresh_token_s)
    started = SignIn(ids.new(SignInId), person.id, place.org_id, place.scope, expires_at, None)
    await sign_in_store.insert_sign_in(tx, PLATFORM, started, address, now)
    refresh_token = await give_refresh_token(tx, started, None, deps)
    signed_in = await stand_at(tx, person, place, started.id, address, deps)
    payload = {"sign_in_id": started.id, "person_id": person.id}
    target = ("person", person.id, person.name)
    if place.member is None:
        await audit.record_platform(
            tx,
            actor=signed_in.identity.scope.actor,
            action="sign_in.start",
            target=audit.Target(*target),
            outcome="ok",
            severity="INFO",
            detail=payload,
        )
    else:
        await leave_trail(tx, signed_in.identity.scope, SIGN_IN_STARTED, payload, "sign_in.start", target)
    return replace(signed_in, refresh_token=refresh_token)


async def stand_at(
    tx: Tx, person: Person, place: Place, sign_in_id: SignInId, address: str | None, deps: Deps
) -> SignedIn:
    """Move the sign-in to that place and issue an access token for it."""
    if place.member is None:
        identity = identity_without_org(person, sign_in_id, address)
    else:
        identity = await identity_in_org(tx, person, place.member, place.scope, sign_in_id, address)
        await people_store.see_member(tx, PLATFORM, place.member.org_id, person.id, deps.clock.now())
    now, life_s = deps.clock.now(), deps.settings.security.access_token_s
    until = now + timedelta(seconds=life_s)
    await sign_in_store.move_sign_in(tx, PLATFORM, sign_in_id, place.org_id, place.scope, until)
    claims = Claims(person.id, place.org_id or NO_ORG, place.scope, identity.role, sign_in_id)
    return SignedIn(identity, issue_token(claims, deps.keys, now, life_s), life_s, None)


async def give_refresh_token(tx: Tx, sign_in: SignIn, parent_digest: bytes | None, deps: Deps) -> str:
    token = secrets.token_urlsafe(32)
    expires_at = deps.clock.now() + timedelta(seconds=deps.settings.security.refresh_token_s)
    issued = RefreshToken(digest_secret(token), sign_in.id, parent_digest, expires_at, None, spent=False)
    await sign_in_store.insert_refresh_token(tx, PLATFORM, issued)
    return token
