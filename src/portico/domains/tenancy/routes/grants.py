from fastapi import APIRouter

from portico.domains.tenancy.service import grants as verbs
from portico.domains.tenancy.wire import GrantAsk, GrantWire, IdText, grant_wire
from portico.kernel.ids import GrantId, ServiceId
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(prefix="/grants", tags=["members"])


@router.get("")
async def list_grants(
    deps: DepsDep,
    page: PageDep,
    resource_id: IdText | None = None,
    scope: OrgScope = needs("members.read"),
) -> Listing[GrantWire]:
    found, names = await verbs.list_grants(scope, page, resource_id, deps)
    return listing(found, lambda grant: grant_wire(grant, names.get(grant.principal_id, grant.principal_id)))


@router.post("", status_code=201)
async def create_grant(ask: GrantAsk, deps: DepsDep, scope: OrgScope = needs("members.manage")) -> GrantWire:
    grant, name = await verbs.create_grant(
        scope, ask.principal_kind, ask.principal_id, ServiceId(ask.resource_id), ask.permission, deps
    )
    return grant_wire(grant, name)


@router.delete("/{grant_id}", status_code=204)
async def delete_grant(grant_id: IdText, deps: DepsDep, scope: OrgScope = needs("members.manage")) -> None:
    await verbs.delete_grant(scope, GrantId(grant_id), deps)
