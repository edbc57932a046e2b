from collections.abc import Collection
from datetime import datetime

from sqlalchemy import MetaData, RowMapping, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.tenancy.model import NamedScope, Org, OrgStatus
from portico.domains.tenancy.store.cursors import last_text
from portico.domains.tenancy.tables import memberships, orgs, scopes, sign_ins
from portico.kernel.ids import OrgId, PersonId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx

_MEMBERS = (
    select(func.count()).select_from(memberships).where(memberships.c.org_id == orgs.c.id).scalar_subquery()
).label("member_count")
_COLUMNS = (orgs.c.id, orgs.c.name, orgs.c.slug, orgs.c.status, orgs.c.created_at, _MEMBERS)


def _org(row: RowMapping) -> Org:
    return Org(**row)


async def insert_org(tx: Tx, scope: PlatformScope, org: Org) -> bool:
    """False when the slug is taken."""
    values = {"id": org.id, "name": org.name, "slug": org.slug, "status": org.status, "created_at": org.created_at}
    into = sqlite.insert(orgs) if tx.engine == "sqlite" else postgresql.insert(orgs)
    return (await tx.execute(into.values(values).on_conflict_do_nothing())).rowcount == 1


async def load_org(tx: Tx, scope: PlatformScope, org_id: OrgId) -> Org | None:
    """A deleted org is gone for everyone."""
    row = (
        (await tx.execute(select(*_COLUMNS).where(orgs.c.id == org_id, orgs.c.status != "deleted"))).mappings().first()
    )
    return None if row is None else _org(row)


async def closed_orgs(tx: Tx, scope: PlatformScope, among: Collection[OrgId]) -> set[OrgId]:
    """Which of some orgs are suspended or deleted."""
    query = select(orgs.c.id).where(orgs.c.id.in_(sorted(among)), orgs.c.status != "active")
    return {OrgId(row.id) for row in await tx.execute(query)}


async def lock_org(tx: Tx, scope: OrgScope) -> None:
    """Writers of one org's people and keys wait for each other, so that what was checked still holds when it is written."""
    await tx.execute(select(orgs.c.id).where(orgs.c.id == scope.org_id).with_for_update(key_share=True))


async def load_org_by_slug(tx: Tx, scope: PlatformScope, slug: str) -> Org | None:
    row = (await tx.execute(select(*_COLUMNS).where(orgs.c.slug == slug))).mappings().first()
    return None if row is None else _org(row)


async def update_org(
    tx: Tx, scope: PlatformScope, org_id: OrgId, name: str, status: OrgStatus, deleted_at: datetime | None
) -> None:
    values = {"name": name, "status": status, "deleted_at": deleted_at}
    await tx.execute(update(orgs).where(orgs.c.id == org_id).values(values))


async def list_orgs(
    tx: Tx, scope: PlatformScope, ask: PageAsk, *, status: OrgStatus | None, only: tuple[OrgId, ...] | None
) -> Page[Org]:
    """Newest first (ids are time-ordered); `only` None is every org of the platform."""
    where = [orgs.c.status == status if status is not None else orgs.c.status != "deleted"]
    if only is not None:
        where.append(orgs.c.id.in_(only))
    total = (await tx.execute(select(func.count()).select_from(orgs).where(*where))).scalar_one()
    if ask.cursor is not None:
        where.append(orgs.c.id < last_text(ask.cursor))
    query = select(*_COLUMNS).where(*where).order_by(orgs.c.id.desc())
    rows = [_org(row) for row in (await tx.execute(query.limit(ask.page_size + 1))).mappings()]
    return make_page(rows, ask, lambda org: (org.id,), total)


async def orgs_of_person(tx: Tx, scope: PlatformScope, person_id: PersonId) -> tuple[OrgId, ...]:
    query = select(memberships.c.org_id).where(memberships.c.person_id == person_id)
    return tuple(OrgId(row.org_id) for row in await tx.execute(query))


async def insert_scopes(tx: Tx, scope: OrgScope, named: list[NamedScope]) -> None:
    await tx.execute(
        insert(scopes),
        [
            {"org_id": scope.org_id, "name": each.name, "description": each.description, "created_at": each.created_at}
            for each in named
        ],
    )


async def list_scopes(tx: Tx, scope: OrgScope) -> list[NamedScope]:
    query = (
        select(scopes.c.name, scopes.c.description, scopes.c.created_at)
        .where(scopes.c.org_id == scope.org_id)
        .order_by(scopes.c.created_at, scopes.c.name)
    )
    return [NamedScope(**row) for row in (await tx.execute(query)).mappings()]


async def scope_names(tx: Tx, scope: PlatformScope, org_ids: tuple[OrgId, ...]) -> dict[OrgId, tuple[ScopeName, ...]]:
    query = (
        select(scopes.c.org_id, scopes.c.name)
        .where(scopes.c.org_id.in_(org_ids))
        .order_by(scopes.c.created_at, scopes.c.name)
    )
    names: dict[OrgId, tuple[ScopeName, ...]] = dict.fromkeys(org_ids, ())
    for row in await tx.execute(query):
        names[row.org_id] += (row.name,)
    return names


async def delete_scope(tx: Tx, scope: OrgScope, name: ScopeName) -> None:
    await tx.execute(delete(scopes).where(scopes.c.org_id == scope.org_id, scopes.c.name == name))


async def users_of_scope(tx: Tx, scope: OrgScope, name: ScopeName) -> list[str]:
    """What keeps the scope: rows of tables marked `keeps_scope`, and members who are confined to it."""
    users = []
    metadata: MetaData = scopes.metadata
    for table in metadata.sorted_tables:
        what = table.info.get("keeps_scope")
        if what is None:
            continue
        query = select(table.c.org_id).where(table.c.org_id == scope.org_id, table.c.scope == name).limit(1)
        column = table.info.get("keeps_scope_while_null")
        if column is not None:
            query = query.where(table.c[column].is_(None))
        if (await tx.execute(query)).first() is not None:
            users.append(what)
    confined = select(memberships.c.scopes).where(memberships.c.org_id == scope.org_id)
    if any(name in (row.scopes or ()) for row in await tx.execute(confined)):
        users.append("members")
    return users


async def leave_scope(tx: Tx, scope: OrgScope, name: ScopeName, at: datetime) -> None:
    """Sign-ins that stand in a scope which goes away end with it."""
    await tx.execute(
        update(sign_ins)
        .where(sign_ins.c.org_id == scope.org_id, sign_ins.c.scope == name, sign_ins.c.ended_at.is_(None))
        .values(ended_at=at, end_reason="scope deleted")
    )
