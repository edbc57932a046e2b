"""GET /events and GET /events/{event_id}."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from portico.domains.events import service
from portico.domains.events.catalogue import is_pattern
from portico.domains.events.model import Category, EventFilter
from portico.domains.events.wire import EventWire, event_wire
from portico.kernel.errors import InvalidInput
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(tags=["events"])


@router.get("/events")
async def list_events(
    deps: DepsDep,
    page: PageDep,
    kind: Annotated[str | None, Query(max_length=80)] = None,
    category: Category | None = None,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    scope: OrgScope = needs("events.read"),
) -> Listing[EventWire]:
    """The org's log, newest first. `kind` is `service.created`, `service.created.v1`, `service.*`, or an alias."""
    if kind is not None and not is_pattern(kind):
        raise InvalidInput(
            "kind", "write service.created, service.created.v1 or service.*; GET /event-types lists them"
        )
    wanted = EventFilter(() if kind is None else (kind,), category, subject, since, until)
    return listing(await service.list_events(scope, wanted, page, deps), event_wire)


@router.get("/events/{event_id}")
async def find_event(event_id: str, deps: DepsDep, scope: OrgScope = needs("events.read")) -> EventWire:
    return event_wire(await service.find_event(scope, event_id, deps))
