from datetime import datetime

from sqlalchemy import bindparam, delete, insert

from portico.domains.tenancy.model import Bearer, Identity
from portico.domains.tenancy.tables import ws_tickets
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx

_BEARER = tuple(column for column in ws_tickets.c if column.name != "digest")
_TAKEN = delete(ws_tickets).where(ws_tickets.c.digest == bindparam("taken")).returning(*_BEARER)


async def insert_ticket(tx: Tx, scope: PlatformScope, digest: bytes, identity: Identity, expires_at: datetime) -> None:
    values = {
        "digest": digest,
        "org_id": identity.scope.org_id,
        "scope": identity.scope.scope,
        "key_id": identity.key_id,
        "person_id": identity.person_id,
        "sign_in_id": identity.sign_in_id,
        "address": identity.scope.actor.address,
        "expires_at": expires_at,
    }
    await tx.execute(insert(ws_tickets).values(values))


async def take_ticket(tx: Tx, scope: PlatformScope, digest: bytes) -> Bearer | None:
    """Read and removed in one statement: of two who come with the same ticket, one gets it."""
    taken = (await tx.execute(_TAKEN, {"taken": digest})).mappings().first()
    return None if taken is None else Bearer(**taken)


async def purge_tickets(tx: Tx, scope: PlatformScope, now: datetime) -> None:
    await tx.execute(delete(ws_tickets).where(ws_tickets.c.expires_at <= now))
