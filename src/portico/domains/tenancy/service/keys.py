"""API keys: made, changed, rotated with an overlap, revoked. The secret is shown once and kept as a digest."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from portico.domains.tenancy.errors import HoldsTooLittle
from portico.domains.tenancy.model import MAX_KEYS, PERMISSIONS, Key, KeyStatus, Member, parse_life
from portico.domains.tenancy.service.authority import must_hold
from portico.domains.tenancy.service.trail import KEY_CHANGED, KEY_CREATED, KEY_REVOKED, KEY_ROTATED, leave_trail
from portico.domains.tenancy.store import keys as store
from portico.domains.tenancy.store import orgs as org_store
from portico.domains.tenancy.store import people as people_store
from portico.kernel import ids
from portico.kernel.clock import rfc3339
from portico.kernel.errors import BadKey, Conflict, InvalidInput, NotFound
from portico.kernel.ids import KeyId, PersonId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope, ScopeName
from portico.platform.crypto import digest_secret
from portico.platform.db import Tx
from portico.platform.deps import Deps


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """`services` None allows every service; `scope` None is the maker's own."""

    name: str
    permissions: tuple[str, ...] = ("services.call",)
    services: tuple[str, ...] | None = None
    rate_limit_per_minute: int | None = None
    expires_in: str | None = None
    scope: ScopeName | None = None


@dataclass(frozen=True, slots=True)
class KeyChange:
    """None leaves a thing as it is; `services` and the rate can be None themselves, so they say whether they are meant."""

    name: str | None = None
    permissions: tuple[str, ...] | None = None
    services: tuple[str, ...] | None = None
    changes_services: bool = False
    rate_limit_per_minute: int | None = None
    changes_rate: bool = False


async def create_key(scope: OrgScope, draft: KeyDraft, deps: Deps) -> tuple[Key, str]:
    """Returns the key and its secret, which is not to be had again."""
    now = deps.clock.now()
    prefix, secret = new_secret()
    async with deps.uow() as tx:
        # The lock makes makers wait for each other, and for a change of the maker's role.
        await org_store.lock_org(tx, scope)
        maker = await _maker(tx, scope)
        key = Key(
            id=ids.new(KeyId),
            org_id=scope.org_id,
            scope=draft.scope or scope.scope,
            name=draft.name,
            prefix=prefix,
            digest=digest_secret(secret),
            previous_digest=None,
            previous_valid_until=None,
            permissions=_ordered(draft.permissions),
            services=draft.services,
            rate_limit_per_minute=draft.rate_limit_per_minute,
            maker_id=maker.maker_id if isinstance(maker, Key) else scope.actor.id,
            created_by=scope.actor.name,
            created_at=now,
            expires_at=_expiry(draft.expires_in, maker, now),
            revoked_at=None,
            last_used_at=None,
            made_with=maker.id if isinstance(maker, Key) else None,
        )
        await _check_scope(tx, scope, key.scope, maker)
        _check_reach(scope, key, maker)
        if await store.count_keys(tx, scope) >= MAX_KEYS:
            raise Conflict(f"The org has {MAX_KEYS} keys already; revoke some first.")
        await store.insert_key(tx, scope, key)
        await _record(tx, scope, KEY_CREATED, "key.create", key)
    return key, secret


async def list_keys(scope: OrgScope, ask: PageAsk, q: str | None, status: KeyStatus | None, deps: Deps) -> Page[Key]:
    async with deps.read() as tx:
        return await store.list_keys(tx, scope, ask, q=q, status=status, now=deps.clock.now())


async def find_key(scope: OrgScope, key_id: KeyId, deps: Deps) -> Key:
    async with deps.read() as tx:
        return await _found(tx, scope, key_id)


async def change_key(scope: OrgScope, key_id: KeyId, change: KeyChange, deps: Deps) -> Key:
    async with deps.uow() as tx:
        key, maker = await _held(tx, scope, key_id, deps)
        changed = replace(
            key,
            name=key.name if change.name is None else change.name,
            permissions=key.permissions if change.permissions is None else _ordered(change.permissions),
            services=change.services if change.changes_services else key.services,
            rate_limit_per_minute=(change.rate_limit_per_minute if change.changes_rate else key.rate_limit_per_minute),
        )
        _check_reach(scope, changed, maker)
        await _check_first_maker(tx, scope, changed)
        await _write_change(tx, scope, changed)
        await _fit_keys_made_with(tx, scope, changed)
    return changed


async def rotate_key(scope: OrgScope, key_id: KeyId, overlap_s: int, deps: Deps) -> tuple[Key, str]:
    """A new secret under the same prefix; the old one opens for `overlap_s` seconds more."""
    async with deps.uow() as tx:
        key, maker = await _held(tx, scope, key_id, deps)
        # Whoever rotates gets the secret, and with it everything the key may do.
        _check_reach(scope, key, maker)
        _, secret = new_secret(key.prefix)
        until = deps.clock.now() + timedelta(seconds=overlap_s) if overlap_s else None
        rotated = replace(
            key,
            digest=digest_secret(secret),
            previous_digest=key.digest if until is not None else None,
            previous_valid_until=until,
        )
        await store.update_key(tx, scope, rotated)
        await _record(tx, scope, KEY_ROTATED, "key.rotate", rotated)
    return rotated, secret


async def revoke_key(scope: OrgScope, key_id: KeyId, deps: Deps) -> Key:
    """Revoking twice changes nothing; a revoked key stays in the list."""
    async with deps.uow() as tx:
        key = await _found(tx, scope, key_id, lock=True)
        if key.revoked_at is not None:
            return key
        return (await revoke(tx, scope, key, "revoked", deps.clock.now()))[0]


async def revoke(tx: Tx, scope: OrgScope, key: Key, reason: str, now: datetime) -> list[Key]:
    """The keys that were made with it go too: whoever stole one could have made others to outlive it."""
    waiting: list[tuple[Key, str]] = [(key, reason)]
    revoked: list[Key] = []
    while waiting:
        each, why = waiting.pop()
        ended = replace(each, revoked_at=now, previous_digest=None, previous_valid_until=None)
        await store.update_key(tx, scope, ended)
        await _record(tx, scope, KEY_REVOKED, "key.revoke", ended, why)
        revoked.append(ended)
        made = await store.keys_made_with(tx, scope, each.id)
        waiting += [(child, "the key that made it was revoked") for child in made]
    return revoked


async def fit_keys_to_maker(tx: Tx, scope: OrgScope, person_id: PersonId, member: Member | None, now: datetime) -> None:
    """After the maker's role, scopes or membership changed: narrow their keys to what they hold now, or revoke them."""
    gone: set[KeyId] = set()
    for key in await store.keys_made_by(tx, scope, person_id):
        if key.id in gone:
            continue
        if member is None or not member.enters(key.scope):
            reason = "its maker left" if member is None else "its maker left the scope"
            gone |= {each.id for each in await revoke(tx, scope, key, reason, now)}
            continue
        kept = tuple(permission for permission in key.permissions if permission in member.permissions)
        if kept != key.permissions:
            await _write_change(tx, scope, replace(key, permissions=kept))


async def _fit_keys_made_with(tx: Tx, scope: OrgScope, key: Key) -> None:
    """The keys it made hold no more than it does now, nor do those that they made."""
    waiting = [key]
    while waiting:
        maker = waiting.pop()
        for made in await store.keys_made_with(tx, scope, maker.id):
            fitted = replace(
                made,
                permissions=tuple(each for each in made.permissions if each in maker.permissions),
                services=_within(made.services, maker.services),
            )
            if fitted != made:
                await _write_change(tx, scope, fitted)
                waiting.append(fitted)


def _within(services: tuple[str, ...] | None, widest: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if widest is None or services is None:
        return widest if services is None else services
    return tuple(each for each in services if each in widest)


async def _write_change(tx: Tx, scope: OrgScope, changed: Key) -> None:
    await store.update_key(tx, scope, changed)
    await _record(tx, scope, KEY_CHANGED, "key.change", changed)


def new_secret(prefix: str | None = None) -> tuple[str, str]:
    prefix = prefix or f"pk_{secrets.token_hex(4)}"
    return prefix, f"{prefix}_{secrets.token_urlsafe(32)}"


def _ordered(permissions: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := set(permissions) - set(PERMISSIONS):
        raise InvalidInput("permissions", f"there is no permission {sorted(unknown)[0]!r}")
    return tuple(permission for permission in PERMISSIONS if permission in permissions)


def _expiry(expires_in: str | None, maker: Key | Member | None, now: datetime) -> datetime | None:
    """A key that makes a key cannot outlive itself that way."""
    wanted = None if expires_in is None else now + parse_life(expires_in)
    if not isinstance(maker, Key) or maker.expires_at is None:
        return wanted
    return maker.expires_at if wanted is None else min(wanted, maker.expires_at)


def _check_reach(scope: OrgScope, key: Key, maker: Key | Member | None) -> None:
    must_hold(scope, frozenset(key.permissions))
    if maker is not None and (beyond := frozenset(key.permissions) - frozenset(maker.permissions)):
        raise HoldsTooLittle(beyond)
    if isinstance(maker, Key) and maker.services is not None:
        wider = None if key.services is None else set(key.services) - set(maker.services)
        if wider is None or wider:
            raise InvalidInput("services", "must be among the services of the key that makes it")


async def _check_first_maker(tx: Tx, scope: OrgScope, key: Key) -> None:
    """A change by somebody else does not lift a key above the person who made it."""
    member = await people_store.load_member(tx, scope, PersonId(key.maker_id))
    if member is not None and (beyond := frozenset(key.permissions) - member.permissions):
        raise HoldsTooLittle(beyond)


async def _check_scope(tx: Tx, scope: OrgScope, wanted: ScopeName, maker: Key | Member | None) -> None:
    if wanted not in {named.name for named in await org_store.list_scopes(tx, scope)}:
        raise InvalidInput("scope", f"there is no scope {wanted!r}")
    if isinstance(maker, Key) and wanted != maker.scope:
        raise InvalidInput("scope", "must be the scope of the key that makes it")
    if isinstance(maker, Member) and not maker.enters(wanted):
        raise InvalidInput("scope", "must be a scope that you may enter")


async def _maker(tx: Tx, scope: OrgScope) -> Key | Member | None:
    """The actor as the org knows it at this moment; None is Portico itself."""
    if scope.actor.kind == "system":
        return None
    maker: Key | Member | None
    if scope.actor.kind == "person":
        maker = await people_store.load_member(tx, scope, PersonId(scope.actor.id))
    else:
        maker = await store.load_key(tx, scope, KeyId(scope.actor.id))
    if maker is None or (isinstance(maker, Key) and maker.revoked_at is not None):
        raise BadKey
    return maker


async def _held(tx: Tx, scope: OrgScope, key_id: KeyId, deps: Deps) -> tuple[Key, Key | Member | None]:
    """The key to change, with the one who changes it; only what still lives can be changed, and only by who holds it."""
    await org_store.lock_org(tx, scope)
    key = await _found(tx, scope, key_id, lock=True)
    if (status := key.status(deps.clock.now())) != "active":
        raise Conflict(f"The key {key.name!r} is {status}.")
    maker = await _maker(tx, scope)
    await _check_scope(tx, scope, key.scope, maker)
    _check_reach(scope, key, maker)
    return key, maker


async def _found(tx: Tx, scope: OrgScope, key_id: KeyId, *, lock: bool = False) -> Key:
    key = await store.load_key(tx, scope, key_id, lock=lock)
    if key is None:
        raise NotFound("key", key_id)
    return key


async def _record(tx: Tx, scope: OrgScope, kind: str, action: str, key: Key, reason: str | None = None) -> None:
    payload: dict[str, str | int | list[str] | None] = {"key_id": key.id}
    if kind == KEY_ROTATED:
        until = key.previous_valid_until
        payload["previous_valid_until"] = None if until is None else rfc3339(until)
    elif kind == KEY_REVOKED:
        payload["reason"] = reason
    else:
        payload |= {
            "name": key.name,
            "permissions": list(key.permissions),
            "services": None if key.services is None else list(key.services),
        }
        if kind == KEY_CREATED:
            payload["prefix"] = key.prefix
    await leave_trail(tx, scope, kind, payload, action, ("key", key.id, key.name))
    tx.nudge("snapshot")
