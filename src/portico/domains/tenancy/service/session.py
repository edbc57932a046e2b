"""What follows a sign-in: refresh, switch, sign-out, a new password."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from portico.domains.audit import public as audit
from portico.domains.tenancy.errors import SignInEnded
from portico.domains.tenancy.model import MAX_SIBLINGS, NO_ORG, REFRESH_GRACE, Identity, Person, RefreshToken, SignIn
from portico.domains.tenancy.service import trail
from portico.domains.tenancy.service.authority import PLATFORM, acting_person, scope_for_record
from portico.domains.tenancy.service.passwords import check_password, passwords
from portico.domains.tenancy.service.sign_in import (
    Place,
    SignedIn,
    count_try,
    find_place,
    first_scope,
    give_refresh_token,
    stand_at,
    tries_subject,
)
from portico.domains.tenancy.store import orgs as org_store
from portico.domains.tenancy.store import people as people_store
from portico.domains.tenancy.store import sign_ins as store
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.ids import OrgId, SignInId
from portico.kernel.scope import Actor, ScopeName
from portico.platform.crypto import digest_secret
from portico.platform.db import Tx
from portico.platform.deps import Deps

_MAX_TOKEN_CHARS = 128


async def refresh(token: str, address: str | None, deps: Deps) -> SignedIn:
    """Trade a refresh token for the next one. raises SignInEnded, also when the token was used before: then everyone who
    holds a token of this sign-in is out.
    """
    if not token or len(token) > _MAX_TOKEN_CHARS:
        raise SignInEnded
    async with deps.uow() as tx:
        signed_in = await _rotate(tx, digest_secret(token), address, deps)
    # Raised only here, after the commit, because the end of the sign-in has to stay.
    if signed_in is None:
        raise SignInEnded
    return signed_in


async def _rotate(tx: Tx, digest: bytes, address: str | None, deps: Deps) -> SignedIn | None:
    now = deps.clock.now()
    found = await store.load_refresh_token(tx, PLATFORM, digest)
    if found is None:
        return None
    # Who comes with the same token at the same moment waits here, and then reads what the first one did.
    sign_in = await store.load_sign_in(tx, PLATFORM, found.sign_in_id, lock=True)
    token = await store.load_refresh_token(tx, PLATFORM, digest)
    if (
        sign_in is None
        or token is None
        or sign_in.ended_at is not None
        or min(token.expires_at, sign_in.expires_at) <= now
    ):
        return None
    person = await people_store.load_person(tx, PLATFORM, sign_in.person_id)
    if person is None:
        return None
    if token.rotated_at is not None and not await _within_grace(tx, token, deps):
        await end(tx, person, sign_in, "refresh token used twice", address, deps, severity="CRITICAL")
        return None
    if token.rotated_at is None:
        await store.mark_rotated(tx, PLATFORM, token, now)
    await store.extend_sign_in(
        tx, PLATFORM, sign_in.id, now + timedelta(seconds=deps.settings.security.refresh_token_s)
    )
    following = await give_refresh_token(tx, sign_in, digest, deps)
    signed_in = await stand_at(tx, person, await _same_place(tx, person, sign_in), sign_in.id, address, deps)
    return replace(signed_in, refresh_token=following)


async def _within_grace(tx: Tx, token: RefreshToken, deps: Deps) -> bool:
    """Two tabs that wake together send one cookie twice; nobody has used what the first of them got."""
    if token.spent or token.rotated_at is None or deps.clock.now() - token.rotated_at > REFRESH_GRACE:
        return False
    issued, used = await store.children(tx, PLATFORM, token.digest)
    return used == 0 and issued < MAX_SIBLINGS


async def _same_place(tx: Tx, person: Person, sign_in: SignIn) -> Place:
    """Where it stood, or, when that is no longer open to the person, where a new sign-in would stand."""
    if sign_in.org_id is not None:
        member = await people_store.membership_of(tx, PLATFORM, sign_in.org_id, person.id)
        org = await org_store.load_org(tx, PLATFORM, sign_in.org_id)
        if member is not None and org is not None and org.status == "active":
            names = (await org_store.scope_names(tx, PLATFORM, (org.id,)))[org.id]
            stays = sign_in.scope in names and member.enters(sign_in.scope)
            return Place(member, sign_in.scope if stays else first_scope(member, names))
    return await find_place(tx, person, None)


async def switch(identity: Identity, org_id: OrgId, scope: ScopeName, deps: Deps) -> SignedIn:
    """The same sign-in in another org or scope; what the person may not enter does not exist."""
    person_id, address = acting_person(identity), identity.scope.actor.address
    async with deps.uow() as tx:
        person = await people_store.load_person(tx, PLATFORM, person_id)
        sign_in = None if identity.sign_in_id is None else await store.load_sign_in(tx, PLATFORM, identity.sign_in_id)
        if person is None or sign_in is None or sign_in.ended_at is not None:
            raise SignInEnded
        place = await find_place(tx, person, org_id)
        names = (await org_store.scope_names(tx, PLATFORM, (org_id,)))[org_id]
        if place.member is None or scope not in names or not place.member.enters(scope):
            raise NotFound("scope", scope)
        signed_in = await stand_at(tx, person, Place(place.member, scope), sign_in.id, address, deps)
        payload = {"sign_in_id": sign_in.id, "person_id": person.id}
        target = ("person", person.id, person.name)
        await trail.leave_trail(tx, signed_in.identity.scope, trail.SIGN_IN_SWITCHED, payload, "sign_in.switch", target)
    return signed_in


async def sign_out(identity: Identity | None, token: str | None, deps: Deps) -> None:
    """End the sign-in of the access token, and that of the refresh token, which is usually the same."""
    async with deps.uow() as tx:
        ending: set[SignInId] = set()
        if identity is not None and identity.sign_in_id is not None:
            ending.add(identity.sign_in_id)
        if token and len(token) <= _MAX_TOKEN_CHARS:
            held = await store.load_refresh_token(tx, PLATFORM, digest_secret(token))
            if held is not None and held.expires_at > deps.clock.now():
                ending.add(held.sign_in_id)
        for sign_in_id in sorted(ending):
            sign_in = await store.load_sign_in(tx, PLATFORM, sign_in_id, lock=True)
            person = None if sign_in is None else await people_store.load_person(tx, PLATFORM, sign_in.person_id)
            if sign_in is not None and person is not None and sign_in.ended_at is None:
                address = None if identity is None else identity.scope.actor.address
                await end(tx, person, sign_in, "signed out", address, deps)


async def end(
    tx: Tx,
    person: Person,
    sign_in: SignIn,
    reason: str,
    address: str | None,
    deps: Deps,
    *,
    severity: trail.Severity = "INFO",
) -> None:
    await store.end_sign_in(tx, PLATFORM, sign_in.id, deps.clock.now(), reason)
    payload = {"sign_in_id": sign_in.id, "person_id": person.id, "reason": reason}
    actor = Actor("person", person.id, person.name, address)
    await _note(tx, sign_in.org_id, actor, trail.SIGN_IN_ENDED, payload, "sign_in.end", severity)
    tx.nudge("snapshot")


async def change_password(identity: Identity, current: str, new: str, deps: Deps) -> None:
    """Ends every other sign-in of the person. Guesses of the current password count as sign-in tries."""
    person_id, actor = acting_person(identity), identity.scope.actor
    check_password(new, deps.settings.security.password_min_length, "new_password")
    async with deps.read() as tx:
        person = await people_store.load_person(tx, PLATFORM, person_id)
    if person is None:
        raise SignInEnded
    await count_try(person.email, actor.address, deps)
    if not await passwords.matches(person.password_hash, current):
        await _note_refused_change(identity, person, deps)
        raise InvalidInput("current_password", "is not the current password")
    password_hash = await passwords.hash(new)
    async with deps.uow() as tx:
        await store.forget_tries(tx, PLATFORM, tries_subject(actor.address, person.email))
        await people_store.set_password(tx, PLATFORM, person.id, password_hash)
        now = deps.clock.now()
        await store.end_other_sign_ins(tx, PLATFORM, person.id, identity.sign_in_id, now, "password changed")
        org_id = identity.scope.org_id or None
        payload = {"person_id": person.id}
        await _note(tx, org_id, actor, trail.PASSWORD_CHANGED, payload, "person.change_password", "WARN")
        tx.nudge("snapshot")


async def _note_refused_change(identity: Identity, person: Person, deps: Deps) -> None:
    """Unlike at sign-in, who tries is known here: it belongs where their admins look."""
    async with deps.uow() as tx:
        target, scope = audit.Target("person", person.id, person.name), identity.scope
        action, detail = "person.change_password", {"reason": "the current password was wrong"}
        if scope.org_id == NO_ORG:
            await audit.record_platform(
                tx, actor=scope.actor, action=action, target=target, outcome="refused", severity="WARN", detail=detail
            )
        else:
            await audit.record(
                tx, scope, action=action, target=target, outcome="refused", severity="WARN", detail=detail
            )


async def _note(
    tx: Tx,
    org_id: OrgId | None,
    actor: Actor,
    kind: str,
    payload: Mapping[str, object],
    action: str,
    severity: trail.Severity,
) -> None:
    """In the org where the sign-in stands; a superadmin who stands nowhere is noted in the platform's own chain."""
    target = ("person", actor.id, actor.name)
    if org_id is not None:
        scope = scope_for_record(org_id, actor)
        await trail.leave_trail(tx, scope, kind, payload, action, target, severity=severity)
        return
    await audit.record_platform(
        tx,
        actor=actor,
        action=action,
        target=audit.Target(*target),
        outcome="ok",
        severity=severity,
        detail=payload,
    )
