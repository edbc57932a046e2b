from typing import Annotated

from fastapi import APIRouter, Query

from portico.domains.dashboards import compose, service
from portico.domains.dashboards import state as state_verbs
from portico.domains.dashboards.model import DashboardDraft
from portico.domains.dashboards.schemas import CURRENT
from portico.domains.dashboards.types import widget_types
from portico.domains.dashboards.wire import (
    ComposeAsk,
    DashboardAsk,
    DashboardPatch,
    DashboardStateWire,
    DashboardWire,
    PatchOutcomeWire,
    ProposalWire,
    StatePatchAsk,
    WidgetTypeWire,
    dashboard_wire,
    outcome_wire,
    proposal_wire,
    state_wire,
    widget_type_wire,
)
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs, whole_listing

router = APIRouter(tags=["dashboards"])


@router.get("/dashboards")
async def list_dashboards(
    deps: DepsDep, page: PageDep, scope: OrgScope = needs("dashboards.read")
) -> Listing[DashboardWire]:
    """Your own and those shared in this scope, by name."""
    return listing(await service.list_dashboards(scope, page, deps), dashboard_wire)


@router.post("/dashboards", status_code=201)
async def create_dashboard(
    ask: DashboardAsk, deps: DepsDep, scope: OrgScope = needs("dashboards.manage")
) -> DashboardWire:
    return dashboard_wire(await service.create_dashboard(scope, DashboardDraft(**ask.model_dump()), deps))


@router.get("/dashboards/{dashboard_id}")
async def find_dashboard(dashboard_id: str, deps: DepsDep, scope: OrgScope = needs("dashboards.read")) -> DashboardWire:
    return dashboard_wire(await service.find_dashboard(scope, dashboard_id, deps))


@router.patch("/dashboards/{dashboard_id}")
async def update_dashboard(
    dashboard_id: str, ask: DashboardPatch, deps: DepsDep, scope: OrgScope = needs("dashboards.manage")
) -> DashboardWire:
    """Name, description and who sees it; what it shows is changed by patches of its state."""
    changes = ask.model_dump(exclude_unset=True)
    return dashboard_wire(await service.update_dashboard(scope, dashboard_id, changes, deps))


@router.delete("/dashboards/{dashboard_id}", status_code=204)
async def delete_dashboard(dashboard_id: str, deps: DepsDep, scope: OrgScope = needs("dashboards.manage")) -> None:
    await service.delete_dashboard(scope, dashboard_id, deps)


@router.get("/dashboards/{dashboard_id}/state")
async def load_state(
    dashboard_id: str,
    deps: DepsDep,
    schema: Annotated[int, Query(ge=0, le=CURRENT)] = CURRENT,
    scope: OrgScope = needs("dashboards.read"),
) -> DashboardStateWire:
    """The whole state; `schema` asks for an older form of the document."""
    return state_wire(await state_verbs.load_state(scope, dashboard_id, deps, schema))


@router.patch("/dashboards/{dashboard_id}/state", response_model_exclude_none=True)
async def patch_state(
    dashboard_id: str, ask: StatePatchAsk, deps: DepsDep, scope: OrgScope = needs("dashboards.manage")
) -> PatchOutcomeWire:
    """Applied only if `version` is the current one; else `conflict` with the whole state, and nothing has changed."""
    patch = [each.model_dump(exclude_unset=True) for each in ask.patch]
    return outcome_wire(
        await state_verbs.apply_patch(scope, dashboard_id, tab=ask.tab, version=ask.version, patch=patch, deps=deps)
    )


@router.delete("/dashboards/{dashboard_id}/state")
async def reset_state(
    dashboard_id: str, deps: DepsDep, scope: OrgScope = needs("dashboards.manage")
) -> DashboardStateWire:
    """Takes every widget away; the dashboard and its layout stay."""
    return state_wire(await state_verbs.reset_state(scope, dashboard_id, deps))


@router.post("/dashboards/{dashboard_id}/compose", status_code=201)
async def compose_widgets(
    dashboard_id: str, ask: ComposeAsk, deps: DepsDep, scope: OrgScope = needs("dashboards.manage")
) -> ProposalWire:
    """Offers widgets; they become part of the dashboard only when somebody keeps them, within 24 hours."""
    return proposal_wire(await compose.compose_widgets(scope, dashboard_id, ask.title, ask.note, ask.widgets, deps))


@router.get("/dashboards/{dashboard_id}/proposals")
async def list_proposals(
    dashboard_id: str, deps: DepsDep, scope: OrgScope = needs("dashboards.read")
) -> Listing[ProposalWire]:
    """What waits for an answer, the newest first."""
    return whole_listing([proposal_wire(each) for each in await compose.open_proposals(scope, dashboard_id, deps)])


@router.post("/dashboards/{dashboard_id}/proposals/{proposal_id}/keep", response_model_exclude_none=True)
async def keep_proposal(
    dashboard_id: str, proposal_id: str, deps: DepsDep, scope: OrgScope = needs("dashboards.manage")
) -> PatchOutcomeWire:
    return outcome_wire(await compose.keep_proposal(scope, dashboard_id, proposal_id, deps))


@router.post("/dashboards/{dashboard_id}/proposals/{proposal_id}/discard", status_code=204)
async def discard_proposal(
    dashboard_id: str, proposal_id: str, deps: DepsDep, scope: OrgScope = needs("dashboards.manage")
) -> None:
    await compose.discard_proposal(scope, dashboard_id, proposal_id, deps)


@router.get("/widget-types")
async def list_widget_types(scope: OrgScope = needs("dashboards.read")) -> Listing[WidgetTypeWire]:
    """What can stand on a dashboard, each with the JSON schema of its options."""
    return whole_listing([widget_type_wire(each) for each in widget_types()])
