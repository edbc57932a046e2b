"""Cursors, parked events, dead letters, and the rules of trying again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from portico.domains.events.model import Consumer, Event
from portico.kernel.ids import DeadLetterId, EventId, OrgId
from portico.kernel.scope import Actor

# How long after the first, second and third failure an event is tried again; the next failure is its last.
LADDER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
MAX_PARKED = 10_000
MAX_DEAD_LETTERS = 10_000
WARN_DEAD_LETTERS = 8_000
KEEP_DEAD_LETTERS = timedelta(days=90)
# Of one request, and of all that wait: what is new needs room to wait in, too.
MAX_REPLAYED = 2_000
MAX_REPLAYS_WAITING = 5_000
MAX_PAYLOAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Cursor:
    """`seq` is the last position that the consumer has behind it."""

    consumer: str
    org_id: OrgId
    seq: int
    dropped: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where one consumer stands in one org.

    seq      its cursor
    newest   the last position of the org's log
    floor    the newest position that retention removed
    due      whether something parked may be tried again
    """

    consumer: Consumer
    org_id: OrgId
    seq: int
    newest: int
    floor: int
    due: bool

    @property
    def pair(self) -> tuple[str, OrgId]:
        return self.consumer.name, self.org_id

    @property
    def begin(self) -> int:
        """What comes after this is in the log."""
        return max(self.seq, self.floor)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an event was not consumed. `hung` says that the consumer was stopped because it took too long."""

    words: str
    hung: bool = False


class ConnectionHung(Exception):
    """A consumer was stopped in the middle of a statement, and its transaction is lost; `seq` is None for several events."""

    def __init__(self, seq: int | None, words: str) -> None:
        super().__init__(words)
        self.seq, self.words = seq, words


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that waits for one consumer.

    next_at          when it may be tried; None: once those of its subject before it are through
    event            the event itself where the log may no longer have it; None: read it from the log
    payload          what the consumer shall see instead of the recorded payload
    dead_letter_id   the letter it was before somebody retried it
    """

    consumer: str
    org_id: OrgId
    seq: int
    scope: str
    kind: str
    subject: str
    attempts: int = 0
    next_at: datetime | None = None
    error: str = ""
    first_failed_at: datetime | None = None
    event: Event | None = None
    payload: Mapping[str, object] | None = None
    dead_letter_id: DeadLetterId | None = None

    @classmethod
    def of(cls, consumer: str, event: Event) -> "Parked":
        return cls(consumer, event.org_id, event.seq, event.scope, event.kind, event.subject)

    def failed(self, error: str, now: datetime) -> "Parked":
        """After one more failure; `next_at` None says that there is no further try."""
        attempts = self.attempts + 1
        next_at = now + LADDER[attempts - 1] if attempts <= len(LADDER) else None
        first_failed_at = self.first_failed_at or now
        return replace(self, attempts=attempts, next_at=next_at, error=error, first_failed_at=first_failed_at)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`payload` is None until somebody edits it."""

    id: DeadLetterId
    consumer: str
    event: Event
    payload: Mapping[str, object] | None
    error: str
    attempts: int
    first_failed_at: datetime
    died_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How one consumer stands in one org and scope."""

    name: str
    projection: bool
    lag: int
    lag_s: float
    waiting: int
    dead: int
    dead_warning: bool
    dropped: int
    updated_at: datetime | None


class Reading(NamedTuple):
    """How one consumer stands over all orgs, for the metrics."""

    lag: int = 0
    lag_s: float = 0.0
    waiting: int = 0
    dead: int = 0


@dataclass(slots=True)
class Following:
    """The consumers of this process, and how they stood when it last looked.

    caught_up   how far the log of each org went when every consumer had read it; cursors never move back
    quiet_at    the extent of all logs when every consumer had read all of them: while it is the same, there is nothing to do
    resting     consumers that hung or broke in an org, and until when they are left alone there
    """

    consumers: tuple[Consumer, ...] = ()
    readings: dict[str, Reading] = field(default_factory=dict)
    born: bool = False
    read_at: datetime | None = None
    caught_up: dict[OrgId, int] = field(default_factory=dict)
    quiet_at: tuple[int, int] | None = None
    resting: dict[tuple[str, OrgId], datetime] = field(default_factory=dict)

    def named(self, name: str) -> Consumer | None:
        return next((each for each in self.consumers if each.name == name), None)


class ConsumeStatus(NamedTuple):
    """`resting` counts the places in which a consumer hung or broke and is left alone for a while."""

    consumed: int
    parked: int
    died: int
    resting: int = 0

    def __str__(self) -> str:
        told = f"{self.consumed} consumed, {self.parked} parked, {self.died} died"
        return f"{told}, {self.resting} resting" if self.resting else told


class Hit(NamedTuple):
    consumer: str
    events: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What one request of a replay did, or would do.

    corrected   counts the rows of a projection that were not what the log says
    next_after  the position after which it is to be continued; None when it is through
    through     the position at which all of it ends: what came later comes to the consumer anyway
    """

    dry_run: bool
    events: int
    hits: tuple[Hit, ...]
    replayed: int
    corrected: int | None = None
    next_after: int | None = None
    through: int | None = None


def packed(event: Event) -> dict[str, Any]:
    """The whole event as JSON, for a row that may outlive it."""
    return {
        "org_id": event.org_id,
        "seq": event.seq,
        "id": event.id,
        "kind": event.kind,
        "scope": event.scope,
        "actor": [event.actor.kind, event.actor.id, event.actor.name],
        "payload": dict(event.payload),
        "at": event.at.isoformat(),
        "subject": event.subject,
        "category": event.category,
        "origin": None if event.origin is None else dict(event.origin),
    }


def unpacked(row: Mapping[str, Any]) -> Event:
    kind, actor_id, name = row["actor"]
    return Event(
        org_id=OrgId(row["org_id"]),
        seq=row["seq"],
        id=EventId(row["id"]),
        kind=row["kind"],
        scope=row["scope"],
        actor=Actor(kind, actor_id, name),
        payload=row["payload"],
        at=datetime.fromisoformat(row["at"]),
        subject=row["subject"],
        category=row["category"],
        origin=row["origin"],
    )
