"""GET /events."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from portico.domains.events import service
from portico.domains.events.wire import EventWire, event_wire
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(tags=["events"])


@router.get("/events")
async def list_events(
    deps: DepsDep,
    page: PageDep,
    kind: Annotated[str | None, Query(max_length=80)] = None,
    since: AwareDatetime | None = None,
    scope: OrgScope = needs("events.read"),
) -> Listing[EventWire]:
    """The org's log, newest first."""
    return listing(await service.list_events(scope, kind, since, page, deps), event_wire)
