"""How an event looks to clients."""

from typing import Any, Literal

from pydantic import Field

from portico.domains.events.model import Category, Event
from portico.platform.web import Moment, Wire


class ActorWire(Wire):
    kind: Literal["person", "key", "system"]
    id: str
    name: str


class OriginWire(Wire):
    """Of an event that came from outside: who sent it, its id and its time there, and the attributes that were added to it."""

    source: str
    id: str
    time: str | None
    extensions: dict[str, str | int | bool] = Field(default_factory=dict)


class EventWire(Wire):
    seq: int
    id: str
    kind: str
    at: Moment
    actor: ActorWire
    payload: dict[str, Any]
    subject: str
    category: Category
    origin: OriginWire | None


class ArchiveWire(Wire):
    """`day` is that of its last event; the positions are those of the org's log, of all its scopes."""

    id: str
    day: str
    first_seq: int
    last_seq: int
    bytes: int


def event_wire(event: Event) -> EventWire:
    return EventWire.model_validate(event)
