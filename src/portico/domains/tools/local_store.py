"""SQL of local servers' definitions."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.tools.local_terms import Definition, Limits
from portico.domains.tools.tables import local_servers
from portico.kernel.ids import ServiceId
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx


async def insert_local(tx: Tx, scope: OrgScope, service_id: ServiceId, definition: Definition) -> None:
    into = sqlite.insert(local_servers) if tx.engine == "sqlite" else postgresql.insert(local_servers)
    await tx.execute(into.values(service_id=service_id, org_id=scope.org_id, **_row(tx, scope, definition)))


async def update_local(tx: Tx, scope: OrgScope, service_id: str, definition: Definition) -> None:
    mine = local_servers.c.org_id == scope.org_id, local_servers.c.service_id == service_id
    await tx.execute(update(local_servers).where(*mine).values(_row(tx, scope, definition)))


async def delete_local(tx: Tx, scope: OrgScope, service_id: str) -> None:
    mine = local_servers.c.org_id == scope.org_id, local_servers.c.service_id == service_id
    await tx.execute(delete(local_servers).where(*mine))


async def count_local(tx: Tx, scope: OrgScope) -> int:
    mine = local_servers.c.org_id == scope.org_id
    return int((await tx.execute(select(func.count()).select_from(local_servers).where(mine))).scalar_one())


async def load_definitions(tx: Tx, scope: OrgScope) -> dict[str, Row[Any]]:
    """Rows by service id, definitions still packed; who may see which is the hub's to say."""
    query = select(local_servers).where(local_servers.c.org_id == scope.org_id)
    return {row.service_id: row for row in await tx.execute(query)}


async def load_definition(tx: Tx, scope: OrgScope, service_id: str) -> Row[Any] | None:
    mine = local_servers.c.org_id == scope.org_id, local_servers.c.service_id == service_id
    return (await tx.execute(select(local_servers).where(*mine))).one_or_none()


async def all_definitions(tx: Tx, scope: PlatformScope) -> dict[str, Definition]:
    """Of every org, by service id: what the Snapshot holds."""
    query = select(local_servers.c.service_id, local_servers.c.definition)
    return {row.service_id: definition_of(row.definition) for row in await tx.execute(query)}


def _row(tx: Tx, scope: OrgScope, definition: Definition) -> dict[str, Any]:
    packed = asdict(definition) | {"env": dict(definition.env)}
    return {"definition": packed, "updated_at": tx.clock.now(), "updated_by": scope.actor.id}


def definition_of(packed: Mapping[str, Any]) -> Definition:
    texts = {name: tuple(packed[name]) for name in ("args", "allowed_paths", "program_paths")}
    return Definition(
        command=packed["command"],
        env=dict(packed["env"]),
        limits=Limits(**packed["limits"]),
        enabled=packed["enabled"],
        **texts,
    )
