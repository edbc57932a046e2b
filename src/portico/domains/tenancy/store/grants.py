from sqlalchemy import RowMapping, bindparam, delete, func, insert, select

from portico.domains.tenancy.model import Grant
from portico.domains.tenancy.store.cursors import last_text
from portico.domains.tenancy.tables import grants
from portico.kernel.ids import GrantId, OrgId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx

# Made once: every request asks this.
_GRANTED = (
    select(grants.c.resource_id, grants.c.permission)
    .where(grants.c.org_id == bindparam("in_org"), grants.c.principal_id == bindparam("principal"))
    .order_by(grants.c.id)
)


def _grant(row: RowMapping) -> Grant:
    return Grant(**row)


async def insert_grant(tx: Tx, scope: OrgScope, grant: Grant) -> None:
    values = {column.name: getattr(grant, column.name) for column in grants.c}
    await tx.execute(insert(grants).values(values | {"org_id": scope.org_id}))


async def load_grant(tx: Tx, scope: OrgScope, grant_id: GrantId) -> Grant | None:
    query = select(grants).where(grants.c.org_id == scope.org_id, grants.c.id == grant_id)
    row = (await tx.execute(query)).mappings().first()
    return None if row is None else _grant(row)


async def same_grant(tx: Tx, scope: OrgScope, principal_id: str, resource_id: str, permission: str) -> bool:
    query = select(grants.c.id).where(
        grants.c.org_id == scope.org_id,
        grants.c.principal_id == principal_id,
        grants.c.resource_id == resource_id,
        grants.c.permission == permission,
    )
    return (await tx.execute(query)).first() is not None


async def delete_grant(tx: Tx, scope: OrgScope, grant_id: GrantId) -> bool:
    mine = (grants.c.org_id == scope.org_id, grants.c.id == grant_id)
    return (await tx.execute(delete(grants).where(*mine))).rowcount == 1


async def delete_grants_of(tx: Tx, scope: OrgScope, principal_id: str) -> None:
    mine = (grants.c.org_id == scope.org_id, grants.c.principal_id == principal_id)
    await tx.execute(delete(grants).where(*mine))


async def count_grants(tx: Tx, scope: OrgScope, principal_id: str) -> int:
    mine = (grants.c.org_id == scope.org_id, grants.c.principal_id == principal_id)
    found: int = (await tx.execute(select(func.count()).select_from(grants).where(*mine))).scalar_one()
    return found


async def list_grants(tx: Tx, scope: OrgScope, ask: PageAsk, resource_id: str | None) -> Page[Grant]:
    """Newest first; ids are time-ordered."""
    where = [grants.c.org_id == scope.org_id]
    if resource_id is not None:
        where.append(grants.c.resource_id == resource_id)
    total = (await tx.execute(select(func.count()).select_from(grants).where(*where))).scalar_one()
    if ask.cursor is not None:
        where.append(grants.c.id < last_text(ask.cursor))
    query = select(grants).where(*where).order_by(grants.c.id.desc()).limit(ask.page_size + 1)
    return make_page(
        [_grant(row) for row in (await tx.execute(query)).mappings()], ask, lambda grant: (grant.id,), total
    )


async def granted_to(tx: Tx, scope: PlatformScope, org_id: OrgId, principal_id: str) -> tuple[tuple[str, str], ...]:
    """(resource id, permission) pairs, as an OrgScope carries them."""
    found = await tx.execute(_GRANTED, {"in_org": org_id, "principal": principal_id})
    return tuple((row.resource_id, row.permission) for row in found)
