"""What the gateway needs of tenancy, and what comes back from it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from portico.domains.tenancy.model import SnapshotEntries
from portico.domains.tenancy.store import keys as key_store
from portico.domains.tenancy.store import people as people_store
from portico.domains.tenancy.store import sign_ins as sign_in_store
from portico.domains.tenancy.store import snapshot as store
from portico.kernel.ids import KeyId
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx


async def snapshot_entries(tx: Tx, scope: PlatformScope) -> SnapshotEntries:
    """`revoked_sign_ins` are those of which an access token may still be around; older tokens have run out anyway."""
    now = tx.clock.now()
    return SnapshotEntries(
        await store.org_entries(tx, scope),
        await store.key_entries(tx, scope, now),
        await store.member_entries(tx, scope),
        await store.grant_entries(tx, scope),
        tuple(await sign_in_store.ended_early(tx, scope, now)),
    )


async def principal_names(tx: Tx, scope: OrgScope | PlatformScope, principal_ids: Iterable[str]) -> dict[str, str]:
    """Names of people and keys by id; within an org only of its own, and what is unknown is left out."""
    return await people_store.principal_names(tx, scope, principal_ids)


async def touch_keys(tx: Tx, scope: PlatformScope, last_used: Mapping[KeyId, datetime]) -> None:
    await key_store.touch_keys(tx, scope, last_used)
