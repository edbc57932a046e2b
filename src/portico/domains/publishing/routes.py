"""POST /events, and /event-types."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from portico.domains.events import public as events
from portico.domains.publishing import service
from portico.domains.publishing.errors import EventTooLarge
from portico.domains.publishing.model import MAX_EVENT_BYTES
from portico.domains.publishing.wire import (
    CloudEvent,
    EventTypeAsk,
    EventTypeWire,
    PublishedWire,
    envelope_of,
    house_type_wire,
    org_type_wire,
)
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, needs, whole_listing

router = APIRouter(tags=["events"])
TypeName = Annotated[str, Path(max_length=80)]


async def _of_bounded_size(request: Request) -> None:
    if len(await request.body()) > MAX_EVENT_BYTES:
        raise EventTooLarge


@router.post("/events", status_code=201, dependencies=[Depends(_of_bounded_size)])
async def publish_event(
    sent: CloudEvent, deps: DepsDep, response: Response, scope: OrgScope = needs("events.publish")
) -> PublishedWire:
    """Tell the org's log what happened elsewhere. The same `source` and `id` once more answer 200 and record nothing."""
    event, duplicate = await service.publish_event(scope, envelope_of(sent), deps)
    if duplicate:
        response.status_code = 200
    return PublishedWire(event=events.event_wire(event), duplicate=duplicate)


@router.get("/event-types")
async def list_event_types(deps: DepsDep, scope: OrgScope = needs("events.read")) -> Listing[EventTypeWire]:
    """Every type there is: Portico's own, then those that the org has registered."""
    house = [house_type_wire(kind) for kind in events.catalogue().values()]
    return whole_listing([*house, *(org_type_wire(each) for each in await service.list_types(scope, deps))])


@router.put("/event-types/{event_type}")
async def register_event_type(
    event_type: TypeName, ask: EventTypeAsk, deps: DepsDep, scope: OrgScope = needs("events.manage")
) -> EventTypeWire:
    """From now on, what is published under this type must fit the schema."""
    return org_type_wire(await service.register_type(scope, event_type, ask.summary, ask.json_schema, deps))


@router.delete("/event-types/{event_type}", status_code=204)
async def remove_event_type(event_type: TypeName, deps: DepsDep, scope: OrgScope = needs("events.manage")) -> None:
    """The type can still be published, unchecked."""
    await service.remove_type(scope, event_type, deps)
