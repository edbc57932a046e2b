"""GET /audit, POST /audit/verify."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime

from portico.domains.audit import service
from portico.domains.audit.model import Outcome, Search
from portico.domains.audit.wire import AuditEntryWire, AuditProofWire, entry_wire, proof_wire
from portico.kernel.errors import NotPermitted
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(tags=["audit"])

Chain = Annotated[
    Literal["org", "platform"], Query(description="platform: what belongs to no org, for superadmins only")
]


def _reader_of(chain: str, scope: OrgScope, request: Request) -> OrgScope | PlatformScope:
    if chain == "org":
        return scope
    if not request.state.identity.is_superadmin:
        raise NotPermitted("superadmin")
    return PlatformScope(scope.actor)


@router.get("/audit")
async def search_audit(
    request: Request,
    deps: DepsDep,
    page: PageDep,
    actor_id: Annotated[str | None, Query(max_length=80)] = None,
    action: Annotated[str | None, Query(max_length=80)] = None,
    outcome: Outcome | None = None,
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    chain: Chain = "org",
    scope: OrgScope = needs("audit.read"),
) -> Listing[AuditEntryWire]:
    """Who did what, newest first."""
    search = Search(actor_id, action, outcome, since, until)
    return listing(await service.search_audit(_reader_of(chain, scope, request), search, page, deps), entry_wire)


@router.post("/audit/verify")
async def verify_audit(
    request: Request, deps: DepsDep, chain: Chain = "org", scope: OrgScope = needs("audit.read")
) -> AuditProofWire:
    """Check the whole chain, from its first kept entry to its head."""
    return proof_wire(await service.verify_audit(_reader_of(chain, scope, request), deps))
