from fastapi import APIRouter

from portico.domains.tenancy.routes.caller import Caller
from portico.domains.tenancy.service import superadmins as verbs
from portico.domains.tenancy.wire import IdText, PersonWire
from portico.kernel.ids import PersonId
from portico.platform.web import DepsDep, Listing, whole_listing

router = APIRouter(prefix="/superadmins", tags=["superadmins"])


@router.get("")
async def list_superadmins(caller: Caller, deps: DepsDep) -> Listing[PersonWire]:
    """For superadmins only."""
    return whole_listing([PersonWire.model_validate(each) for each in await verbs.list_superadmins(caller, deps)])


@router.post("/{person_id}")
async def make_superadmin(person_id: IdText, caller: Caller, deps: DepsDep) -> PersonWire:
    """Somebody who has an account already; new people are invited to an org first."""
    return PersonWire.model_validate(await verbs.set_superadmin(caller, PersonId(person_id), wanted=True, deps=deps))


@router.delete("/{person_id}", status_code=204)
async def unmake_superadmin(person_id: IdText, caller: Caller, deps: DepsDep) -> None:
    """The last one stays."""
    await verbs.set_superadmin(caller, PersonId(person_id), wanted=False, deps=deps)
