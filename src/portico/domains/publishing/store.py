"""All SQL of publishing."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.publishing.model import Envelope, EventType
from portico.domains.publishing.tables import event_types, published_events
from portico.kernel.ids import EventId
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx


async def load_published(tx: Tx, scope: OrgScope, envelope: Envelope) -> tuple[EventId, bytes] | None:
    """The event that it became, and the digest of what was sent then."""
    query = select(published_events.c.event_id, published_events.c.digest).where(
        published_events.c.org_id == scope.org_id,
        published_events.c.scope == scope.scope,
        published_events.c.source == envelope.source,
        published_events.c.external_id == envelope.id,
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else (EventId(row.event_id), bytes(row.digest))


async def insert_published(
    tx: Tx, scope: OrgScope, envelope: Envelope, event_id: EventId, digest: bytes, at: datetime
) -> None:
    await tx.execute(
        insert(published_events).values(
            org_id=scope.org_id,
            scope=scope.scope,
            source=envelope.source,
            external_id=envelope.id,
            event_id=event_id,
            digest=digest,
            at=at,
        )
    )


async def delete_published_before(tx: Tx, scope: PlatformScope, before: datetime) -> int:
    return (await tx.execute(delete(published_events).where(published_events.c.at < before))).rowcount


async def load_type(tx: Tx, scope: OrgScope, kind: str) -> EventType | None:
    query = select(event_types).where(event_types.c.org_id == scope.org_id, event_types.c.kind == kind)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _type(row)


async def list_types(tx: Tx, scope: OrgScope) -> list[EventType]:
    query = select(event_types).where(event_types.c.org_id == scope.org_id).order_by(event_types.c.kind)
    return [_type(row) for row in await tx.execute(query)]


async def count_types(tx: Tx, scope: OrgScope) -> int:
    query = select(func.count()).select_from(event_types).where(event_types.c.org_id == scope.org_id)
    return int((await tx.execute(query)).scalar_one())


async def save_type(tx: Tx, scope: OrgScope, registered: EventType) -> None:
    values = {
        "summary": registered.summary,
        "schema": dict(registered.schema),
        "updated_at": registered.updated_at,
    }
    into = sqlite.insert(event_types) if tx.engine == "sqlite" else postgresql.insert(event_types)
    row = into.values(org_id=scope.org_id, kind=registered.kind, **values)
    await tx.execute(row.on_conflict_do_update(index_elements=["org_id", "kind"], set_=values))


async def delete_type(tx: Tx, scope: OrgScope, kind: str) -> bool:
    mine = event_types.c.org_id == scope.org_id, event_types.c.kind == kind
    return (await tx.execute(delete(event_types).where(*mine))).rowcount == 1


def _type(row: Row[Any]) -> EventType:
    return EventType(row.kind, row.summary, row.schema, row.updated_at)
