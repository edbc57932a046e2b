"""What is derived from the log alone and can be made again from it: here, how many events of each kind a day had."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Literal, Protocol, runtime_checkable

from portico.domains.consumers import count_store
from portico.domains.events import public as events
from portico.domains.events.model import Event
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx

_EPOCH = date(1970, 1, 1)


@runtime_checkable
class Projection(Protocol):
    """A consumer whose whole effect can be made again; replaying single events to it would count them twice."""

    async def rebuild(self, tx: Tx, scope: OrgScope, through: int) -> int:
        """Make it anew from the events of the scope up to a position; returns how many rows had been different."""
        ...


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Events per kind and day (UTC). Days that retention has taken from the log keep the counts they had."""

    name: str = "event_counts"
    begins: Literal["oldest"] = "oldest"

    def wants(self, event: Event) -> bool:
        return True

    async def consume(self, tx: Tx, scope: OrgScope, event: Event) -> None:
        await self.consume_many(tx, scope, [event])

    async def consume_many(self, tx: Tx, scope: OrgScope, found: Sequence[Event]) -> None:
        await count_store.add(
            tx, scope, Counter((number_of(event.at.astimezone(UTC).date()), event.kind) for event in found)
        )

    async def rebuild(self, tx: Tx, scope: OrgScope, through: int) -> int:
        first_whole_day, counted = await events.counts_by_day(tx, scope, through)
        kept = await count_store.counts_from(tx, scope, first_whole_day)
        wrong = {key for key in kept.keys() | counted.keys() if kept.get(key) != counted.get(key)}
        if wrong:
            await count_store.replace_from(tx, scope, first_whole_day, counted)
        return len(wrong)


async def event_counts(tx: Tx, scope: OrgScope, since: date, until: date) -> Mapping[tuple[date, str], int]:
    """(day, kind) -> events, both days included."""
    found = await count_store.counts_from(tx, scope, number_of(since), number_of(until))
    return {(day_of(number), kind): happened for (number, kind), happened in found.items()}


def number_of(day: date) -> int:
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    return _EPOCH + timedelta(days=number)
