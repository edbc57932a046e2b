from fastapi import APIRouter

from portico.domains.tenancy.service import members as verbs
from portico.domains.tenancy.service.members import MemberChange
from portico.domains.tenancy.wire import IdText, MemberPatch, MemberWire, SearchText, member_wire
from portico.kernel.ids import PersonId
from portico.kernel.scope import OrgScope, ScopeName
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(prefix="/members", tags=["members"])


@router.get("")
async def list_members(
    deps: DepsDep,
    page: PageDep,
    q: SearchText | None = None,
    scope: OrgScope = needs("members.read"),
) -> Listing[MemberWire]:
    return listing(await verbs.list_members(scope, page, q, deps), member_wire)


@router.patch("/{person_id}")
async def update_member(
    person_id: IdText, ask: MemberPatch, deps: DepsDep, scope: OrgScope = needs("members.manage")
) -> MemberWire:
    change = MemberChange(
        role=ask.role,
        is_owner=ask.is_owner,
        scopes=None if ask.scopes is None else tuple(ScopeName(name) for name in dict.fromkeys(ask.scopes)),
        changes_scopes="scopes" in ask.model_fields_set,
    )
    return member_wire(await verbs.change_member(scope, PersonId(person_id), change, deps))


@router.delete("/{person_id}", status_code=204)
async def remove_member(person_id: IdText, deps: DepsDep, scope: OrgScope = needs("members.manage")) -> None:
    await verbs.remove_member(scope, PersonId(person_id), deps)
