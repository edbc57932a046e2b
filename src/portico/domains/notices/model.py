"""A notice, and whom it concerns."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NewType

from portico.kernel.ids import EventId
from portico.kernel.scope import ScopeName

NoticeId = NewType("NoticeId", str)
Severity = Literal["info", "warning", "error"]
KEPT = timedelta(days=90)
MOST_PER_SCOPE = 10_000
MOST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Words:
    """What a notice says, and where in the web client there is more."""

    title: str
    text: str
    link: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A notice before it has its place.

    permission      what one must hold to see it
    restricted_to   whose service it is about, when that is hidden from those without a grant on it
    actor_id        who did it; they know
    """

    id: NoticeId
    scope: ScopeName
    severity: Severity
    words: Words
    kind: str
    subject: str
    permission: str
    restricted_to: str | None
    actor_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """As one person sees it; `number` grows in the order of telling."""

    number: int
    id: NoticeId
    severity: Severity
    title: str
    text: str
    link: str
    kind: str
    subject: str
    at: datetime
    read: bool


def notice_id(event_id: EventId) -> NoticeId:
    """The event's own, so that an event consumed twice makes one notice."""
    return NoticeId(f"ntc_{event_id.partition('_')[2]}")
