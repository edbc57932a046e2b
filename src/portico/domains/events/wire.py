"""How an event looks to clients."""

from typing import Any, Literal

from portico.domains.events.model import Event
from portico.platform.web import Moment, Wire


class ActorWire(Wire):
    kind: Literal["person", "key", "system"]
    id: str
    name: str


class EventWire(Wire):
    seq: int
    id: str
    kind: str
    at: Moment
    actor: ActorWire
    payload: dict[str, Any]


def event_wire(event: Event) -> EventWire:
    return EventWire.model_validate(event)
