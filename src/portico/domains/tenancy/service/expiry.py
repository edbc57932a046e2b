"""Telling in time that a key is about to expire, so that nobody learns it from refused calls."""

from datetime import timedelta

from portico.domains.events import public as events
from portico.domains.tenancy.model import Key
from portico.domains.tenancy.service import trail
from portico.domains.tenancy.service.authority import open_system_scope
from portico.domains.tenancy.store import keys as store
from portico.kernel.clock import rfc3339
from portico.kernel.ids import KeyId
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

TOLD_BEFORE = timedelta(days=7)
# Of a key that was made for a few days everyone knows that it ends soon.
LEAST_LIFE = timedelta(days=14)
_BATCH = 500
_MOST_TOLD = 50


async def tell_expiring_keys(scope: PlatformScope, deps: Deps) -> int:
    """Record once for each key, and once again when its end is moved; returns how many were told."""
    now, after, told = deps.clock.now(), KeyId(""), 0
    while True:
        async with deps.read() as tx:
            batch = await store.expiring_keys(tx, scope, now, now + TOLD_BEFORE, after, _BATCH)
        for key in batch:
            told += await _tell(key, deps)
        if len(batch) < _BATCH:
            return told
        after = batch[-1].id


async def _tell(key: Key, deps: Deps) -> bool:
    if key.expires_at is None or key.expires_at - key.created_at < LEAST_LIFE:
        return False
    inside, expires_at = open_system_scope(key.org_id, key.scope), rfc3339(key.expires_at)
    async with deps.read() as tx:
        if await _is_told(tx, inside, key, expires_at):
            return False
    async with deps.uow() as tx:
        await events.hold_log(tx, inside)
        # Asked again under the lock: another process may have been first.
        if await _is_told(tx, inside, key, expires_at):
            return False
        payload = {"key_id": key.id, "name": key.name, "expires_at": expires_at}
        await events.record(tx, inside, kind=trail.KEY_EXPIRING, payload=payload)
    return True


async def _is_told(tx: Tx, inside: OrgScope, key: Key, expires_at: str) -> bool:
    wanted = events.EventFilter(kinds=("key.expiring",), subject=f"key:{key.id}")
    found = await events.find_events(tx, inside, wanted, 0, _MOST_TOLD)
    return any(each.payload["expires_at"] == expires_at for each in found)
