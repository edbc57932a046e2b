from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from portico.domains.hub.model import Gateways
from portico.domains.models import dry_run, registry, rules
from portico.domains.models.wire import (
    ModelChoiceWire,
    ModelChooseAsk,
    ModelPatch,
    ModelRouteAsk,
    ModelRoutePatch,
    ModelRouteWire,
    ModelWire,
    choice_wire,
    model_wire,
    route_wire,
)
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(prefix="/models", tags=["models"])

# A model's name may hold slashes, so its path ends with it.
Model = Annotated[str, Path(min_length=1, max_length=128)]


@router.get("")
async def list_models(
    deps: DepsDep,
    page: PageDep,
    q: Annotated[str | None, Query(min_length=1, max_length=128)] = None,
    scope: OrgScope = needs("models.read"),
) -> Listing[ModelWire]:
    """What the org's services offer, by name, with what is said of it."""
    return listing(await registry.list_models(scope, q, page, deps), model_wire)


@router.get("/routes")
async def list_model_routes(
    deps: DepsDep, page: PageDep, scope: OrgScope = needs("models.read")
) -> Listing[ModelRouteWire]:
    return listing(await rules.list_routes(scope, page, deps), route_wire)


@router.post("/routes", status_code=201)
async def create_model_route(
    ask: ModelRouteAsk, deps: DepsDep, scope: OrgScope = needs("models.manage")
) -> ModelRouteWire:
    """A name that clients use like a model's; its rules say which model is meant."""
    return route_wire(await rules.create_route(scope, ask.draft(), deps))


@router.get("/routes/{route_id}")
async def find_model_route(route_id: str, deps: DepsDep, scope: OrgScope = needs("models.read")) -> ModelRouteWire:
    return route_wire(await rules.find_route(scope, route_id, deps))


@router.patch("/routes/{route_id}")
async def update_model_route(
    route_id: str, ask: ModelRoutePatch, deps: DepsDep, scope: OrgScope = needs("models.manage")
) -> ModelRouteWire:
    return route_wire(await rules.update_route(scope, route_id, ask.changes(), deps))


@router.delete("/routes/{route_id}", status_code=204)
async def delete_model_route(route_id: str, deps: DepsDep, scope: OrgScope = needs("models.manage")) -> None:
    await rules.delete_route(scope, route_id, deps)


@router.post("/routes/{route_id}/choose")
async def choose_model(
    route_id: str, ask: ModelChooseAsk, request: Request, deps: DepsDep, scope: OrgScope = needs("models.read")
) -> ModelChoiceWire:
    """Which model a request would go to, and why; nothing is called. By the gateway's own rules, and how fast models are by
    what the gateways measured lately; by their grade where nothing was."""
    feed: Gateways | None = getattr(request.app.state, "feed", None)
    sample = ask.sample()
    decision = await dry_run.choose_model(scope, route_id, sample, ask.rules("draft"), feed, deps)
    return choice_wire(decision, sample.ask)


@router.get("/{model:path}")
async def find_model(model: Model, deps: DepsDep, scope: OrgScope = needs("models.read")) -> ModelWire:
    return model_wire(await registry.find_model(scope, model, deps))


@router.patch("/{model:path}")
async def update_model(
    model: Model, ask: ModelPatch, deps: DepsDep, scope: OrgScope = needs("models.manage")
) -> ModelWire:
    return model_wire(await registry.update_model(scope, model, ask.changes(), deps))


@router.delete("/{model:path}", status_code=204)
async def reset_model(model: Model, deps: DepsDep, scope: OrgScope = needs("models.manage")) -> None:
    """Take back all that is said of it; the service offers it as before."""
    await registry.reset_model(scope, model, deps)
