"""SQL of services; versions and endpoints are in part_store, the Snapshot's reading in route_store."""

from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, delete, func, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.hub import part_store
from portico.domains.hub.model import Service, ServiceFilter, ServiceStatus, sees_everything
from portico.domains.hub.rows import service_of, service_row
from portico.domains.hub.tables import services
from portico.kernel.ids import OrgId, ServiceId
from portico.kernel.paging import SortValues
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx


async def insert_service(tx: Tx, scope: OrgScope, service: Service) -> bool:
    """False when the name is taken in the same scope."""
    into = sqlite.insert(services) if tx.engine == "sqlite" else postgresql.insert(services)
    row = service_row(service) | {"org_id": scope.org_id}
    return (await tx.execute(into.values(row).on_conflict_do_nothing())).rowcount == 1


async def load_service(tx: Tx, scope: OrgScope, name: str) -> Service | None:
    """With versions and endpoints; None when there is none this caller may see."""
    query = select(services).where(_seen_by(scope), services.c.name == name)
    found = await _load(tx, scope, query)
    return found[0] if found else None


async def load_services(tx: Tx, scope: OrgScope, service_ids: list[str]) -> list[Service]:
    return await _load(tx, scope, select(services).where(_seen_by(scope), services.c.id.in_(service_ids)))


async def services_of_kind(tx: Tx, scope: OrgScope, kind: str) -> list[Service]:
    """Those of a kind that this caller may see, by name."""
    return await _load(
        tx, scope, select(services).where(_seen_by(scope), services.c.kind == kind).order_by(services.c.name)
    )


async def names_of_kind(tx: Tx, scope: OrgScope, kind: str) -> dict[str, str]:
    """Names by id of the services of a kind that this caller may see."""
    query = select(services.c.id, services.c.name).where(_seen_by(scope), services.c.kind == kind)
    return {row.id: row.name for row in await tx.execute(query)}


async def ids_of_kind(tx: Tx, scope: PlatformScope, kind: str) -> list[str]:
    """For reconcilers: across orgs, whatever their visibility."""
    return list((await tx.execute(select(services.c.id).where(services.c.kind == kind))).scalars())


async def name_of_service(tx: Tx, scope: OrgScope, service_id: str, kind: str) -> str | None:
    """None when there is none of this kind that this caller may see."""
    query = select(services.c.name).where(_org_or_seen(scope), services.c.id == service_id, services.c.kind == kind)
    name: str | None = (await tx.execute(query)).scalar_one_or_none()
    return name


async def update_service(tx: Tx, scope: OrgScope, service: Service) -> None:
    row = service_row(service)
    for fixed in ("id", "org_id", "scope_key", "scope", "name", "kind", "created_by", "created_at"):
        del row[fixed]
    await tx.execute(update(services).where(services.c.org_id == scope.org_id, services.c.id == service.id).values(row))


async def set_status(tx: Tx, scope: OrgScope | PlatformScope, service_id: ServiceId, status: ServiceStatus) -> None:
    await tx.execute(update(services).where(services.c.id == service_id).values(status=status))


async def delete_service(tx: Tx, scope: OrgScope, service_id: ServiceId) -> None:
    await tx.execute(delete(services).where(services.c.org_id == scope.org_id, services.c.id == service_id))


async def page_of_services(
    tx: Tx, scope: OrgScope, wanted: ServiceFilter, sort: str, after: SortValues | None, limit: int
) -> list[Service]:
    """Sorted by `name`, `-name`, `created_at` or `-created_at`, with the id to break ties."""
    column = services.c.created_at if sort.endswith("created_at") else services.c.name
    descending = sort.startswith("-")
    where = [_seen_by(scope), _matches(wanted)]
    if after is not None:
        value, last_id = after[0], str(after[1])
        beyond = column < value if descending else column > value
        tie = services.c.id < last_id if descending else services.c.id > last_id
        where.append(or_(beyond, and_(column == value, tie)))
    order = (column.desc(), services.c.id.desc()) if descending else (column, services.c.id)
    return await _load(tx, scope, select(services).where(*where).order_by(*order).limit(limit))


async def count_services(tx: Tx, scope: OrgScope, wanted: ServiceFilter) -> int:
    query = select(func.count()).select_from(services).where(_seen_by(scope), _matches(wanted))
    return int((await tx.execute(query)).scalar_one())


async def search_rows(tx: Tx, scope: OrgScope, wanted: ServiceFilter, most: int) -> list[Any]:
    """Only the columns a search ranks."""
    query = (
        select(services.c.id, services.c.name, services.c.description, services.c.tags, services.c.capabilities)
        .where(_seen_by(scope), _matches(wanted))
        .order_by(services.c.name)
        .limit(most)
    )
    return list((await tx.execute(query)).all())


async def orgs_with_services(tx: Tx, scope: PlatformScope, most: int) -> list[OrgId]:
    """Those whose services changed last, first."""
    changed = func.max(services.c.updated_at).label("changed")
    query = select(services.c.org_id, changed).group_by(services.c.org_id).order_by(changed.desc()).limit(most)
    return [OrgId(row.org_id) for row in await tx.execute(query)]


async def taken_names(tx: Tx, scope: OrgScope, service: Service) -> bool:
    """Whether another service of the org, hidden or not, has this name in a scope where both would be seen."""
    query = select(services.c.id).where(
        services.c.org_id == scope.org_id,
        services.c.name == service.name,
        services.c.id != service.id,
        _shares_scope(service),
    )
    return (await tx.execute(query.limit(1))).first() is not None


async def models_beside(tx: Tx, scope: OrgScope, service: Service) -> set[str]:
    """Model names that other services offer in a scope where this one is seen."""
    query = select(services.c.models).where(
        services.c.org_id == scope.org_id,
        services.c.kind == "model",
        services.c.id != service.id,
        _shares_scope(service),
    )
    return {model for row in await tx.execute(query) for model in row.models}


async def count_all(tx: Tx, scope: OrgScope) -> int:
    query = select(func.count()).select_from(services).where(services.c.org_id == scope.org_id)
    return int((await tx.execute(query)).scalar_one())


async def services_by_id(tx: Tx, scope: PlatformScope, service_ids: list[str]) -> list[Service]:
    """For reconcilers: across orgs, whatever their visibility."""
    return await _load(tx, scope, select(services).where(services.c.id.in_(service_ids)).order_by(services.c.org_id))


async def _load(tx: Tx, scope: OrgScope | PlatformScope, query: Any) -> list[Service]:
    rows = (await tx.execute(query)).all()
    versions = await part_store.versions_of(tx, scope, [row.id for row in rows])
    return [service_of(row, versions.get(row.id, ())) for row in rows]


def _shares_scope(service: Service) -> ColumnElement[bool]:
    if service.scope is None:
        return true()
    return services.c.scope_key.in_(["", service.scope])


def _seen_by(scope: OrgScope) -> ColumnElement[bool]:
    """`model.visible` in SQL."""
    inside = and_(services.c.org_id == scope.org_id, services.c.scope_key.in_(["", scope.scope]))
    if sees_everything(scope):
        return inside
    granted = sorted({resource_id for resource_id, _ in scope.granted})
    return and_(
        inside,
        or_(
            services.c.visibility == "org",
            services.c.created_by == scope.actor.id,
            services.c.id.in_(granted),
        ),
    )


def _org_or_seen(scope: OrgScope) -> ColumnElement[bool]:
    """Portico itself is in every scope of the org."""
    return services.c.org_id == scope.org_id if scope.actor.kind == "system" else _seen_by(scope)


def _matches(wanted: ServiceFilter) -> ColumnElement[bool]:
    where: list[ColumnElement[bool]] = [true()]
    where += [
        services.c[field] == value
        for field, value in (("kind", wanted.kind), ("status", wanted.status), ("layer", wanted.layer))
        if value is not None
    ]
    if wanted.tag is not None:
        # Tags are plain ASCII words, so the quoted word is found in the stored JSON text on both engines.
        where.append(cast(services.c.tags, String).contains(f'"{wanted.tag}"', autoescape=True))
    if wanted.q is not None:
        text = wanted.q.lower()
        where.append(
            or_(
                services.c.name.contains(text, autoescape=True),
                func.lower(services.c.description).contains(text, autoescape=True),
                func.lower(cast(services.c.tags, String)).contains(text, autoescape=True),
            )
        )
    return and_(*where)
