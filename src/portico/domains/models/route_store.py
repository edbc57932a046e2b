"""SQL of model routes."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.models.model import ModelRoute, RouteEntry, Rule
from portico.domains.models.tables import model_routes as routes
from portico.kernel.ids import ModelRouteId, OrgId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx


async def insert_route(tx: Tx, scope: OrgScope, route: ModelRoute) -> bool:
    """False when the name is taken in the same scope."""
    into = sqlite.insert(routes) if tx.engine == "sqlite" else postgresql.insert(routes)
    row = _row(route) | {"org_id": scope.org_id}
    return (await tx.execute(into.values(row).on_conflict_do_nothing())).rowcount == 1


async def load_route(tx: Tx, scope: OrgScope, route_id: str) -> ModelRoute | None:
    row = (await tx.execute(select(routes).where(_seen(scope), routes.c.id == route_id))).one_or_none()
    return None if row is None else _route(row)


async def update_route(tx: Tx, scope: OrgScope, route: ModelRoute) -> None:
    row = _row(route)
    for fixed in ("id", "org_id", "scope_key", "scope", "created_by", "created_at"):
        del row[fixed]
    await tx.execute(update(routes).where(_seen(scope), routes.c.id == route.id).values(row))


async def delete_route(tx: Tx, scope: OrgScope, route_id: ModelRouteId) -> None:
    await tx.execute(delete(routes).where(_seen(scope), routes.c.id == route_id))


async def name_taken(tx: Tx, scope: OrgScope, route: ModelRoute) -> bool:
    """Whether another route of this name is seen in a scope where this one is."""
    query = select(routes.c.id).where(
        routes.c.org_id == scope.org_id, routes.c.name == route.name, routes.c.id != route.id
    )
    if route.scope is not None:
        query = query.where(routes.c.scope_key.in_(["", route.scope]))
    return (await tx.execute(query.limit(1))).first() is not None


async def list_routes(tx: Tx, scope: OrgScope, ask: PageAsk) -> Page[ModelRoute]:
    query = select(routes).where(_seen(scope)).order_by(routes.c.name, routes.c.id).limit(ask.page_size + 1)
    if ask.cursor is not None:
        query = query.where(routes.c.name > str(ask.cursor.after[0]))
    rows = [_route(row) for row in await tx.execute(query)]
    return make_page(rows, ask, lambda route: (route.name,), await count_routes(tx, scope))


async def count_routes(tx: Tx, scope: OrgScope) -> int:
    return int((await tx.execute(select(func.count()).select_from(routes).where(_seen(scope)))).scalar_one())


async def all_entries(tx: Tx, scope: PlatformScope) -> list[RouteEntry]:
    """Enabled ones of every org."""
    query = select(routes).where(routes.c.enabled).order_by(routes.c.id)
    return [_route(row).entry() for row in await tx.execute(query)]


def _seen(scope: OrgScope) -> ColumnElement[bool]:
    return and_(routes.c.org_id == scope.org_id, routes.c.scope_key.in_(["", scope.scope]))


def _row(route: ModelRoute) -> dict[str, Any]:
    row = {name: getattr(route, name) for name in ModelRoute.__dataclass_fields__}
    return row | {"scope_key": route.scope or "", "rules": msgspec.to_builtins(route.rules)}


def _route(row: Row[Any]) -> ModelRoute:
    return ModelRoute(
        id=ModelRouteId(row.id),
        org_id=OrgId(row.org_id),
        scope=None if row.scope is None else ScopeName(row.scope),
        name=row.name,
        description=row.description,
        prefer=row.prefer,
        rules=tuple(msgspec.convert(rule, Rule) for rule in row.rules),
        enabled=row.enabled,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
