"""A credential becomes an Identity. The database is asked each time, so a revocation holds from the next request on."""

import hmac
import re
from datetime import datetime, timedelta

from portico.domains.tenancy.errors import SignInEnded
from portico.domains.tenancy.model import NO_ORG, Bearer, Identity, Key, Member, OrgStatus, Person, SignIn
from portico.domains.tenancy.service.authority import PLATFORM, open_scope
from portico.domains.tenancy.service.tokens import read_token
from portico.domains.tenancy.store import grants as grant_store
from portico.domains.tenancy.store import keys as key_store
from portico.domains.tenancy.store import orgs as org_store
from portico.domains.tenancy.store import standing as standing_store
from portico.domains.tenancy.store.standing import Standing
from portico.kernel.errors import BadKey, CredentialExpired, MissingCredentials, OrgSuspended, Refusal
from portico.kernel.ids import OrgId, PersonId, SignInId
from portico.kernel.scope import ENTERPRISE, Actor, ScopeName
from portico.platform.crypto import digest_secret
from portico.platform.db import Tx
from portico.platform.deps import Deps

KEY_SHAPE = re.compile(r"(pk_[0-9a-f]{8})_[A-Za-z0-9_-]{43}")
# A key used for management shows its last use to the minute; one write per request would buy nothing.
_TOUCH_AFTER = timedelta(minutes=1)


async def authenticate(deps: Deps, credential: str, address: str | None) -> Identity:
    """raises MissingCredentials, BadKey, CredentialExpired, SignInEnded (401) or OrgSuspended (403)"""
    if not credential:
        raise MissingCredentials
    if credential.startswith("pk_"):
        return await _authenticate_key(deps, credential, address)
    claims = read_token(credential, deps.keys, deps.clock.now())
    async with deps.read() as tx:
        return await identify_person(
            tx, claims.person_id, claims.sign_in_id, claims.org_id, claims.scope, address, deps.clock.now()
        )


async def _authenticate_key(deps: Deps, credential: str, address: str | None) -> Identity:
    shape = KEY_SHAPE.fullmatch(credential)
    if shape is None:
        raise BadKey
    now = deps.clock.now()
    async with deps.read() as tx:
        key = await key_store.load_key_by_prefix(tx, PLATFORM, shape[1])
        if key is None or not _opens(key, digest_secret(credential), now):
            raise BadKey
        identity = await identify_key(tx, key, address, now)
    if key.last_used_at is None or now - key.last_used_at >= _TOUCH_AFTER:
        async with deps.uow() as tx:
            await key_store.touch_keys(tx, PLATFORM, {key.id: now})
    return identity


def _opens(key: Key, digest: bytes, now: datetime) -> bool:
    if hmac.compare_digest(key.digest, digest):
        return True
    if key.previous_digest is None or key.previous_valid_until is None or key.previous_valid_until <= now:
        return False
    return hmac.compare_digest(key.previous_digest, digest)


async def identify_key(tx: Tx, key: Key, address: str | None, now: datetime) -> Identity:
    status = key.status(now)
    if status == "revoked":
        raise BadKey
    org = await org_store.load_org(tx, PLATFORM, key.org_id)
    _check_org(None if org is None else org.status)
    if status == "expired":
        raise CredentialExpired
    granted = await grant_store.granted_to(tx, PLATFORM, key.org_id, key.id)
    actor = Actor("key", key.id, key.name, address)
    scope = open_scope(key.org_id, key.scope, actor, frozenset(key.permissions), granted)
    return Identity(scope, None, key.id, None, None, is_owner=False, is_superadmin=False)


async def identify_person(
    tx: Tx,
    person_id: PersonId,
    sign_in_id: SignInId,
    org_id: OrgId,
    scope: ScopeName,
    address: str | None,
    now: datetime,
) -> Identity:
    """The person as they stand now in that org and scope, whatever a token said when it was issued."""
    found = await standing_store.load_standing(tx, PLATFORM, sign_in_id, person_id, org_id, scope)
    if found is None or not _runs(found.sign_in, now):
        raise SignInEnded
    if org_id == NO_ORG:
        return identity_without_org(found.person, sign_in_id, address)
    return await identity_in_org(tx, found.person, _membership(found, scope), scope, sign_in_id, address)


def identity_without_org(person: Person, sign_in_id: SignInId, address: str | None) -> Identity:
    """Only a superadmin can stand nowhere; everybody else is somewhere or not signed in."""
    if not person.is_superadmin:
        raise SignInEnded
    scope = open_scope(NO_ORG, ENTERPRISE, Actor("person", person.id, person.name, address), frozenset())
    return Identity(scope, person.id, None, sign_in_id, None, is_owner=False, is_superadmin=True)


async def identity_in_org(
    tx: Tx, person: Person, member: Member, scope: ScopeName, sign_in_id: SignInId, address: str | None
) -> Identity:
    granted = await grant_store.granted_to(tx, PLATFORM, member.org_id, person.id)
    actor = Actor("person", person.id, person.name, address)
    opened = open_scope(member.org_id, scope, actor, member.permissions, granted)
    return Identity(opened, person.id, None, sign_in_id, member.role, member.is_owner, person.is_superadmin)


def _runs(sign_in: SignIn, now: datetime) -> bool:
    return sign_in.ended_at is None and sign_in.expires_at > now


def _check_org(status: OrgStatus | None) -> None:
    if status is None:
        raise BadKey
    if status != "active":
        raise OrgSuspended


def _membership(found: Standing, scope: ScopeName) -> Member:
    if found.member is None or not found.member.enters(scope):
        raise SignInEnded
    _check_org(found.org_status)
    if not found.scope_exists:
        raise SignInEnded
    return found.member


async def identify_again(deps: Deps, identity: Identity) -> Identity | None:
    """The bearer as they stand now, None when their sign-in or key has ended; asked for connections that live long."""
    scope, now = identity.scope, deps.clock.now()
    bearer = Bearer(
        scope.org_id, scope.scope, identity.key_id, identity.person_id, identity.sign_in_id, scope.actor.address, now
    )
    try:
        async with deps.read() as tx:
            return await find_again(tx, bearer, now)
    except Refusal:
        return None


async def find_again(tx: Tx, bearer: Bearer, now: datetime) -> Identity:
    """Who somebody known before is now; raises as `authenticate` does."""
    if bearer.key_id is not None:
        key = await key_store.load_key_anywhere(tx, PLATFORM, bearer.key_id)
        if key is None:
            raise BadKey
        return await identify_key(tx, key, bearer.address, now)
    if bearer.person_id is None or bearer.sign_in_id is None:
        raise BadKey
    return await identify_person(
        tx, bearer.person_id, bearer.sign_in_id, bearer.org_id, bearer.scope, bearer.address, now
    )
