from typing import Annotated

from fastapi import APIRouter, Path, Response

from portico.domains.tenancy.model import OrgStatus
from portico.domains.tenancy.routes.caller import Caller
from portico.domains.tenancy.service import orgs as verbs
from portico.domains.tenancy.service import scopes as scope_verbs
from portico.domains.tenancy.wire import FoundedWire, IdText, OrgAsk, OrgPatch, OrgWire, ScopeAsk, ScopeWire, org_wire
from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope, ScopeName
from portico.platform.web import DepsDep, Listing, PageDep, Who, listing, needs, whole_listing

router = APIRouter(prefix="/orgs", tags=["orgs"])
scopes = APIRouter(prefix="/scopes", tags=["scopes"])
ScopePath = Annotated[str, Path(min_length=1, max_length=63)]


@router.get("")
async def list_orgs(caller: Caller, deps: DepsDep, page: PageDep, status: OrgStatus | None = None) -> Listing[OrgWire]:
    return listing(await verbs.list_orgs(caller, page, status, deps), org_wire)


@router.post("", status_code=201)
async def create_org(ask: OrgAsk, caller: Caller, response: Response, deps: DepsDep) -> FoundedWire:
    founded = await verbs.create_org(caller, ask.name, ask.slug, ask.owner_email, deps)
    response.headers["Cache-Control"] = "no-store"
    return FoundedWire(**org_wire(founded.org).model_dump(), invitation_token=founded.invitation_token)


@router.get("/{org_id}")
async def find_org(org_id: IdText, caller: Caller, deps: DepsDep) -> OrgWire:
    return org_wire(await verbs.find_org(caller, OrgId(org_id), deps))


@router.patch("/{org_id}")
async def update_org(org_id: IdText, ask: OrgPatch, caller: Caller, deps: DepsDep) -> OrgWire:
    if ask.name is None:
        return await find_org(org_id, caller, deps)
    return org_wire(await verbs.rename_org(caller, OrgId(org_id), ask.name, deps))


@router.delete("/{org_id}", status_code=204)
async def delete_org(org_id: IdText, caller: Caller, deps: DepsDep) -> None:
    await verbs.delete_org(caller, OrgId(org_id), deps)


@router.post("/{org_id}/suspend")
async def suspend_org(org_id: IdText, caller: Caller, deps: DepsDep) -> OrgWire:
    return org_wire(await verbs.suspend_org(caller, OrgId(org_id), deps))


@router.post("/{org_id}/resume")
async def resume_org(org_id: IdText, caller: Caller, deps: DepsDep) -> OrgWire:
    return org_wire(await verbs.resume_org(caller, OrgId(org_id), deps))


@scopes.get("")
async def list_scopes(scope: Who, deps: DepsDep) -> Listing[ScopeWire]:
    return whole_listing([ScopeWire.model_validate(each) for each in await scope_verbs.list_scopes(scope, deps)])


@scopes.post("", status_code=201)
async def create_scope(ask: ScopeAsk, deps: DepsDep, scope: OrgScope = needs("orgs.manage")) -> ScopeWire:
    return ScopeWire.model_validate(await scope_verbs.create_scope(scope, ScopeName(ask.name), ask.description, deps))


@scopes.delete("/{name}", status_code=204)
async def delete_scope(name: ScopePath, deps: DepsDep, scope: OrgScope = needs("orgs.manage")) -> None:
    await scope_verbs.delete_scope(scope, ScopeName(name), deps)
