from fastapi import APIRouter

from portico.domains.tools import policies
from portico.domains.tools.policy_wire import (
    CheckedExpressionWire,
    CheckExpressionAsk,
    PolicyAsk,
    PolicyDetailWire,
    PolicyPatch,
    PolicyWire,
    SimulateAsk,
    VerdictWire,
    checked_wire,
    policy_detail_wire,
    policy_wire,
    verdict_wire,
)
from portico.domains.tools.simulate import simulate
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(tags=["policies"])


@router.get("/policies")
async def list_policies(deps: DepsDep, page: PageDep, scope: OrgScope = needs("tools.read")) -> Listing[PolicyWire]:
    """In the order in which they are asked."""
    return listing(await policies.list_policies(scope, page, deps), policy_wire)


@router.post("/policies", status_code=201)
async def create_policy(ask: PolicyAsk, deps: DepsDep, scope: OrgScope = needs("policies.manage")) -> PolicyWire:
    """Its expression is checked now; an error says where."""
    return policy_wire(await policies.create_policy(scope, ask.draft(), deps))


@router.post("/policies/check")
async def check_policy_expression(
    ask: CheckExpressionAsk, scope: OrgScope = needs("policies.manage")
) -> CheckedExpressionWire:
    """Whether a policy could be saved with this expression, for editors to ask while it is typed."""
    return checked_wire(policies.problem_of(ask.expression))


@router.post("/policies/simulate")
async def simulate_policies(ask: SimulateAsk, deps: DepsDep, scope: OrgScope = needs("policies.manage")) -> VerdictWire:
    """May this principal call this tool with these arguments, and why; nothing is called."""
    return verdict_wire(await simulate(scope, ask.question(), deps))


@router.get("/policies/{policy_id}")
async def find_policy(policy_id: str, deps: DepsDep, scope: OrgScope = needs("tools.read")) -> PolicyDetailWire:
    """With what it said before."""
    return policy_detail_wire(*await policies.find_policy(scope, policy_id, deps))


@router.patch("/policies/{policy_id}")
async def update_policy(
    policy_id: str, ask: PolicyPatch, deps: DepsDep, scope: OrgScope = needs("policies.manage")
) -> PolicyWire:
    return policy_wire(await policies.update_policy(scope, policy_id, ask.changes(), deps))


@router.delete("/policies/{policy_id}", status_code=204)
async def delete_policy(policy_id: str, deps: DepsDep, scope: OrgScope = needs("policies.manage")) -> None:
    await policies.delete_policy(scope, policy_id, deps)
