from fastapi import APIRouter, Response

from portico.domains.tenancy.service import invitations as verbs
from portico.domains.tenancy.wire import IdText, InvitationAsk, InvitationWire, NewInvitationWire, invitation_wire
from portico.kernel.ids import InvitationId
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(prefix="/invitations", tags=["members"])


@router.get("")
async def list_invitations(
    deps: DepsDep, page: PageDep, scope: OrgScope = needs("members.read")
) -> Listing[InvitationWire]:
    found = await verbs.list_invitations(scope, page, deps)
    return listing(found, lambda each: invitation_wire(each, deps.clock.now()))


@router.post("", status_code=201)
async def create_invitation(
    ask: InvitationAsk, response: Response, deps: DepsDep, scope: OrgScope = needs("members.manage")
) -> NewInvitationWire:
    made, token = await verbs.create_invitation(scope, ask.email, ask.role, deps)
    response.headers["Cache-Control"] = "no-store"
    return NewInvitationWire(**invitation_wire(made, deps.clock.now()).model_dump(), token=token)


@router.delete("/{invitation_id}", status_code=204)
async def revoke_invitation(invitation_id: IdText, deps: DepsDep, scope: OrgScope = needs("members.manage")) -> None:
    await verbs.revoke_invitation(scope, InvitationId(invitation_id), deps)
