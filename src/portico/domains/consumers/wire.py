"""How consumers, dead letters, replays and counts look to clients."""

from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from portico.domains.consumers.model import DeadLetter
from portico.domains.events.public import EventWire, event_wire
from portico.platform.web import Ask, Moment, Wire

ConsumerName = Annotated[str, Field(min_length=1, max_length=80)]
KindPattern = Annotated[str, Field(min_length=1, max_length=80)]


class ConsumerWire(Wire):
    name: str
    projection: bool
    lag: int
    lag_s: float
    waiting: int
    dead: int
    dead_warning: bool
    dropped: int
    updated_at: Moment | None


class DeadLetterWire(Wire):
    """`payload` is what the consumer sees at the next try; `event` stays as it was recorded."""

    id: str
    consumer: str
    event: EventWire
    payload: dict[str, Any]
    edited: bool
    error: str
    attempts: int
    first_failed_at: Moment
    died_at: Moment


class DeadLetterPatch(Ask):
    payload: dict[str, Any]


class RetryAsk(Ask):
    """Without either, everything is retried."""

    consumer: ConsumerName | None = None
    kind: KindPattern | None = None


class RetriedWire(Wire):
    retried: int


class EventReplayAsk(Ask):
    consumer: ConsumerName | None = None
    projection: ConsumerName | None = None
    kinds: list[KindPattern] = Field(default_factory=list, max_length=50)
    subject: str | None = Field(default=None, max_length=200)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    dry_run: bool = True
    after: int = Field(default=0, ge=0, le=2**53)
    through: int | None = Field(default=None, ge=0, le=2**53)


class HitWire(Wire):
    consumer: str
    events: int


class EventReplayWire(Wire):
    """`corrected` counts the rows of a rebuilt projection that were not what the log says.

    While `next_after` is not null there is more: send the same again with it as `after`, and with this `through`. When nothing was
    replayed although there is more, too many events wait already; try again a little later.
    """

    dry_run: bool
    events: int
    hits: list[HitWire]
    replayed: int
    corrected: int | None
    next_after: int | None
    through: int | None


class EventCountWire(Wire):
    day: date
    kind: str
    count: int


def dead_letter_wire(letter: DeadLetter) -> DeadLetterWire:
    return DeadLetterWire(
        id=letter.id,
        consumer=letter.consumer,
        event=event_wire(letter.event),
        payload=dict(letter.event.payload if letter.payload is None else letter.payload),
        edited=letter.payload is not None,
        error=letter.error,
        attempts=letter.attempts,
        first_failed_at=letter.first_failed_at,
        died_at=letter.died_at,
    )


def event_count_wire(row: tuple[date, str, int]) -> EventCountWire:
    day, kind, happened = row
    return EventCountWire(day=day, kind=kind, count=happened)
