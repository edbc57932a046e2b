"""Verbs on model routes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.models import route_store as store
from portico.domains.models.errors import IsAModel, NameTaken, TooManyRoutes
from portico.domains.models.model import ModelRoute, RouteDraft
from portico.domains.models.registry import offered_models
from portico.domains.models.terms import MAX_ROUTES, route_problems
from portico.kernel import ids
from portico.kernel.errors import FieldError, InvalidFields, NotFound
from portico.kernel.ids import ModelRouteId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

_FIELDS = {"route_id": str, "name": str}
CREATED = events.declare("model_route.created.v1", "A model route was made.", about="route_id", fields=_FIELDS)
UPDATED = events.declare(
    "model_route.updated.v1", "A model route was changed.", about="route_id", fields={**_FIELDS, "changed": list}
)
DELETED = events.declare("model_route.deleted.v1", "A model route was removed.", about="route_id", fields=_FIELDS)
_ACTIONS = {CREATED: "model_route.create", UPDATED: "model_route.update", DELETED: "model_route.delete"}


async def create_route(scope: OrgScope, draft: RouteDraft, deps: Deps) -> ModelRoute:
    now = deps.clock.now()
    route = ModelRoute(
        id=ids.new(ModelRouteId),
        org_id=scope.org_id,
        scope=draft.scope,
        name=draft.name,
        description=draft.description,
        prefer=draft.prefer,
        rules=draft.rules,
        enabled=draft.enabled,
        created_by=scope.actor.id,
        created_at=now,
        updated_at=now,
    )
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        if await store.count_routes(tx, scope) >= MAX_ROUTES:
            raise TooManyRoutes(MAX_ROUTES)
        await _check(tx, scope, route)
        if not await store.insert_route(tx, scope, route):
            raise NameTaken(route.name)
        await _record(tx, scope, CREATED, route)
    return route


async def update_route(scope: OrgScope, route_id: str, changes: Mapping[str, Any], deps: Deps) -> ModelRoute:
    """`changes`: any of name, description, prefer, rules, enabled."""
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        route = replace(await found_route(tx, scope, route_id), **changes, updated_at=deps.clock.now())
        await _check(tx, scope, route)
        await store.update_route(tx, scope, route)
        await _record(tx, scope, UPDATED, route, changed=sorted(changes))
    return route


async def delete_route(scope: OrgScope, route_id: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        route = await found_route(tx, scope, route_id)
        await store.delete_route(tx, scope, route.id)
        await _record(tx, scope, DELETED, route)


async def find_route(scope: OrgScope, route_id: str, deps: Deps) -> ModelRoute:
    async with deps.read() as tx:
        return await found_route(tx, scope, route_id)


async def list_routes(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[ModelRoute]:
    """By name."""
    async with deps.read() as tx:
        return await store.list_routes(tx, scope, ask)


async def found_route(tx: Tx, scope: OrgScope, route_id: str) -> ModelRoute:
    route = await store.load_route(tx, scope, route_id)
    if route is None:
        raise NotFound("model route", route_id)
    return route


def check_draft(draft: RouteDraft) -> None:
    if problems := route_problems(draft):
        raise InvalidFields(tuple(problems))


async def _check(tx: Tx, scope: OrgScope, route: ModelRoute) -> None:
    check_draft(RouteDraft(route.name, route.rules, route.description, route.prefer, route.scope))
    if route.scope not in {None, scope.scope}:
        problem = FieldError("scope", f"must be {scope.scope!r}, the scope you are in, or null for every scope")
        raise InvalidFields((problem,))
    if await store.name_taken(tx, scope, route):
        raise NameTaken(route.name)
    for model in await offered_models(tx, scope):
        if model.name == route.name:
            raise IsAModel(route.name, model.service.name)


async def _record(tx: Tx, scope: OrgScope, kind: str, route: ModelRoute, **more: object) -> None:
    await events.record(tx, scope, kind=kind, payload={"route_id": route.id, "name": route.name, **more})
    await audit.record(
        tx,
        scope,
        action=_ACTIONS[kind],
        target=audit.Target("model_route", route.id, route.name),
        severity="WARN" if kind == DELETED else "INFO",
        detail={"rules": len(route.rules), "prefer": route.prefer, **more},
    )
    tx.nudge("snapshot")
