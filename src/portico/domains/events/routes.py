"""GET /events, and what has left the log: GET /event-archives."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from portico.domains.events import archived, service
from portico.domains.events.catalogue import is_pattern
from portico.domains.events.model import Category, EventFilter
from portico.domains.events.wire import ArchiveWire, EventWire, event_wire
from portico.kernel.errors import InvalidInput
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs

router = APIRouter(tags=["events"])
NDJSON = "application/x-ndjson"
LINES: dict[int | str, dict[str, Any]] = {200: {"content": {NDJSON: {"schema": {"type": "string"}}}}}


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


@router.get("/event-archives")
async def list_event_archives(
    deps: DepsDep, page: PageDep, scope: OrgScope = needs("events.manage")
) -> Listing[ArchiveWire]:
    """Files of events that have left the log, the newest first."""
    return listing(await archived.list_archives(scope, page, deps), ArchiveWire.model_validate)


@router.get("/event-archives/{archive_id}", response_class=StreamingResponse, responses=LINES)
async def download_event_archive(
    archive_id: Annotated[str, Path(max_length=60)], deps: DepsDep, scope: OrgScope = needs("events.manage")
) -> StreamingResponse:
    """The scope's events of one file, oldest first, a line of JSON each."""
    named = {"Content-Disposition": f'attachment; filename="events-{scope.scope}-{archive_id}.jsonl"'}
    lines = await archived.open_archive(scope, archive_id, deps)
    return StreamingResponse(lines, media_type=NDJSON, headers=named)
