from fastapi import APIRouter

from portico.domains.limits import service
from portico.domains.limits.terms import BudgetDraft, LimitDraft
from portico.domains.limits.wire import (
    BudgetAsk,
    BudgetPatch,
    BudgetWire,
    LimitAsk,
    LimitPatch,
    LimitWire,
    budget_wire,
    limit_wire,
)
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter()


@router.get("/limits", tags=["limits"])
async def list_limits(deps: DepsDep, page: PageDep, scope: OrgScope = needs("limits.read")) -> Listing[LimitWire]:
    return listing(await service.list_limits(scope, page, deps), limit_wire)


@router.post("/limits", tags=["limits"], status_code=201)
async def create_limit(ask: LimitAsk, deps: DepsDep, scope: OrgScope = needs("limits.manage")) -> LimitWire:
    return limit_wire(await service.create_limit(scope, LimitDraft(**ask.model_dump()), deps))


@router.get("/limits/{limit_id}", tags=["limits"])
async def find_limit(limit_id: str, deps: DepsDep, scope: OrgScope = needs("limits.read")) -> LimitWire:
    return limit_wire(await service.find_limit(scope, limit_id, deps))


@router.patch("/limits/{limit_id}", tags=["limits"])
async def update_limit(
    limit_id: str, ask: LimitPatch, deps: DepsDep, scope: OrgScope = needs("limits.manage")
) -> LimitWire:
    return limit_wire(await service.update_limit(scope, limit_id, ask.model_dump(exclude_unset=True), deps))


@router.delete("/limits/{limit_id}", tags=["limits"], status_code=204)
async def delete_limit(limit_id: str, deps: DepsDep, scope: OrgScope = needs("limits.manage")) -> None:
    await service.delete_limit(scope, limit_id, deps)


@router.get("/budgets", tags=["budgets"])
async def list_budgets(deps: DepsDep, page: PageDep, scope: OrgScope = needs("budgets.read")) -> Listing[BudgetWire]:
    return listing(await service.list_budgets(scope, page, deps), budget_wire)


@router.post("/budgets", tags=["budgets"], status_code=201)
async def create_budget(ask: BudgetAsk, deps: DepsDep, scope: OrgScope = needs("budgets.manage")) -> BudgetWire:
    return budget_wire(await service.create_budget(scope, BudgetDraft(**ask.model_dump()), deps))


@router.get("/budgets/{budget_id}", tags=["budgets"])
async def find_budget(budget_id: str, deps: DepsDep, scope: OrgScope = needs("budgets.read")) -> BudgetWire:
    return budget_wire(await service.find_budget(scope, budget_id, deps))


@router.patch("/budgets/{budget_id}", tags=["budgets"])
async def update_budget(
    budget_id: str, ask: BudgetPatch, deps: DepsDep, scope: OrgScope = needs("budgets.manage")
) -> BudgetWire:
    return budget_wire(await service.update_budget(scope, budget_id, ask.model_dump(exclude_unset=True), deps))


@router.delete("/budgets/{budget_id}", tags=["budgets"], status_code=204)
async def delete_budget(budget_id: str, deps: DepsDep, scope: OrgScope = needs("budgets.manage")) -> None:
    await service.delete_budget(scope, budget_id, deps)
