"""One consumer's share of work in one org: one transaction with its cursor."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from portico.domains.consumers import letter_store, store
from portico.domains.consumers.faces import Batching, Recording
from portico.domains.consumers.model import (
    MAX_DEAD_LETTERS,
    MAX_PARKED,
    WARN_DEAD_LETTERS,
    Cursor,
    DeadLetter,
    Failure,
    Parked,
    Place,
)
from portico.domains.events import public as events
from portico.domains.events.model import Consumer, Event
from portico.domains.tenancy import public as tenancy
from portico.kernel import ids
from portico.kernel.ids import DeadLetterId
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.telemetry import logger

SHARE = 100
_log = logger("portico.consumers")
_FIELDS = {"consumer": str, "dead_letters": int, "most": int}
FILLING = events.declare(
    "consumer.dead_letters_filling.v1",
    "The org's dead letters near the number that is kept.",
    about="consumer",
    category="system",
    fields=_FIELDS,
)
FULL = events.declare(
    "consumer.dead_letters_full.v1",
    "No more dead letters fit; from now on the oldest leaves for each new one.",
    about="consumer",
    category="system",
    fields=_FIELDS,
)

Groups = Sequence[tuple[OrgScope, Sequence[Event]]]
# What these let a consumer do leaves nothing in the transaction when it fails.
Attempt = Callable[[Consumer, Tx, OrgScope, Event], Awaitable[Failure | None]]
AttemptMany = Callable[[Consumer, Batching, Tx, Groups], Awaitable[Failure | None]]


@dataclass(slots=True)
class Tally:
    consumed: int = 0
    parked: int = 0
    died: int = 0


@dataclass(frozen=True, slots=True)
class Ahead:
    """What lies after a place, as it was read before the share began, and what of it the consumer wants."""

    found: Sequence[Event]
    wanted: frozenset[int]


@dataclass(slots=True)
class Share:
    """First what is due again, then what is new.

    failed   what is known to hang, by position, and in which words; it is not tried again now
    hung     set when the consumer took too long; the rest of the share waits for another time
    read_to  where the cursor stands after it
    """

    place: Place
    ahead: Ahead
    wants: Callable[[Consumer, Event], bool]
    attempt: Attempt
    attempt_many: AttemptMany | None
    deps: Deps
    tally: Tally
    failed: Mapping[int, str] = field(default_factory=dict)
    hung: bool = False
    read_to: int = 0
    left: int = field(default_factory=lambda: SHARE)

    @property
    def consumer(self) -> Consumer:
        return self.place.consumer

    async def work(self) -> bool:
        """Whether there was anything it could do."""
        platform, now, place = tenancy.platform_scope(), self.deps.clock.now(), self.place
        async with self.deps.uow() as tx:
            # The log's lock stops everyone in the org who records something, so it is taken only by shares that may record
            # themselves: those of such consumers, and those in which an event may die. It comes before all other locks.
            if place.due or isinstance(self.consumer, Recording):
                await events.hold_log(tx, tenancy.open_system_scope(place.org_id))
            cursor = await store.lock_cursor(tx, platform, self.consumer.name, place.org_id)
            if cursor is None:
                # Another process has it.
                return False
            before = self.left
            if place.due:
                await self._try_again(tx, now)
            moved = await self._go_on(tx, cursor, now)
        return moved or self.left < before

    # --- what is due again --------------------------------------------------------------------------------------------

    async def _try_again(self, tx: Tx, now: datetime) -> None:
        platform = tenancy.platform_scope()
        heads = await store.due_heads(tx, platform, self.consumer.name, self.place.org_id, now, self.left)
        recorded = await self._recorded(tx, heads)
        for head in heads:
            if self.left <= 0:
                return
            if not await self._settled(tx, head, recorded.get(head.seq), now) or not head.subject:
                continue
            await self._follow_up(tx, head, now)

    async def _follow_up(self, tx: Tx, head: Parked, now: datetime) -> None:
        """The head is through: those behind it go one after the other, until one fails."""
        behind = await store.those_behind(tx, tenancy.platform_scope(), head, self.left + 1)
        recorded = await self._recorded(tx, behind)
        for parked in behind:
            if self.left <= 0:
                break
            if parked.next_at is not None and parked.next_at > now:
                return
            if not await self._settled(tx, parked, recorded.get(parked.seq), now):
                return
        if behind:
            await store.release_heads(tx, tenancy.platform_scope(), self.consumer.name, self.place.org_id, now)

    async def _settled(self, tx: Tx, parked: Parked, event: Event | None, now: datetime) -> bool:
        """Whether it no longer holds up its subject: consumed, dead, or gone from the log."""
        self.left -= 1
        platform = tenancy.platform_scope()
        if event is None:
            _log.warning("parked event lost to retention", consumer=parked.consumer, seq=parked.seq)
            await store.unpark(tx, platform, parked)
            return True
        error = await self._attempt(tx, event if parked.payload is None else replace(event, payload=parked.payload))
        if error is None:
            await store.unpark(tx, platform, parked)
            return True
        failed = parked.failed(error, now)
        if failed.next_at is not None:
            await store.repark(tx, platform, failed)
            return False
        await store.unpark(tx, platform, parked)
        await self._bury(tx, failed, event, now)
        return True

    async def _recorded(self, tx: Tx, parked: list[Parked]) -> dict[int, Event]:
        kept = {each.seq: each.event for each in parked if each.event is not None}
        asked = [each.seq for each in parked if each.event is None]
        found = await events.events_at(tx, tenancy.platform_scope(), self.place.org_id, asked) if asked else {}
        return {**found, **kept}

    # --- what is new --------------------------------------------------------------------------------------------------

    async def _go_on(self, tx: Tx, cursor: Cursor, now: datetime) -> bool:
        """Read on from the cursor; stops where an event would have to be parked and no room is left for it."""
        platform = tenancy.platform_scope()
        ahead = await self._read_on(tx, cursor)
        if not ahead.found:
            return False
        if ahead.found[0].seq > cursor.seq + 1:
            _log.warning("events lost to retention", consumer=cursor.consumer, after=cursor.seq, seq=ahead.found[0].seq)
        waiting = await store.parked_by_subject(tx, platform, self.consumer.name, self.place.org_id)
        room, blocked, seq = MAX_PARKED - sum(waiting.values()), waiting.keys() - {""}, cursor.seq
        done = await self._taken_together(tx, ahead, blocked) if room >= len(ahead.found) else frozenset()
        for event in ahead.found:
            parked = None
            if event.seq in ahead.wanted and event.seq not in done:
                parked = await self._taken(tx, event, event.subject in blocked, now)
            if parked is not None:
                if room <= 0:
                    break
                room -= 1
                blocked |= {event.subject} - {""}
                await store.park(tx, platform, [parked])
            seq = event.seq
            self.left -= 1
            if self.hung:
                break
        if seq > cursor.seq:
            await store.move_cursor(tx, platform, cursor, seq, now)
        self.read_to = seq
        return seq > cursor.seq

    async def _read_on(self, tx: Tx, cursor: Cursor) -> Ahead:
        """What was read before, unless the cursor has been moved since."""
        left = max(self.left, 0)
        if cursor.seq == self.place.seq:
            return Ahead(self.ahead.found[:left], self.ahead.wanted)
        found = await events.events_of(tx, tenancy.platform_scope(), self.place.org_id, cursor.seq, left)
        return Ahead(found, frozenset(event.seq for event in found if self.wants(self.consumer, event)))

    async def _taken_together(self, tx: Tx, ahead: Ahead, blocked: set[str]) -> frozenset[int]:
        """The positions of all that waits for nothing, when the consumer could take them at once; else none of them."""
        if self.attempt_many is None or not isinstance(self.consumer, Batching):
            return frozenset()
        groups: dict[str, list[Event]] = {}
        for event in ahead.found:
            if event.seq in ahead.wanted and event.subject not in blocked:
                groups.setdefault(event.scope, []).append(event)
        free = frozenset(event.seq for some in groups.values() for event in some)
        if len(free) <= 1:
            return frozenset()
        scoped = [(tenancy.open_system_scope(self.place.org_id, name), some) for name, some in groups.items()]
        if await self.attempt_many(self.consumer, self.consumer, tx, scoped) is not None:
            return frozenset()
        self.tally.consumed += len(free)
        return free

    async def _taken(self, tx: Tx, event: Event, waits: bool, now: datetime) -> Parked | None:
        """None when the event is done with; else what is to be parked."""
        parked = Parked.of(self.consumer.name, event)
        if waits:
            return parked
        error = await self._attempt(tx, event)
        if error is None:
            return None
        self.tally.parked += 1
        return parked.failed(error, now)

    async def _attempt(self, tx: Tx, event: Event) -> str | None:
        """What went wrong, in words."""
        failure: Failure | None
        if event.seq in self.failed:
            failure = Failure(self.failed[event.seq], hung=True)
        else:
            scope = tenancy.open_system_scope(self.place.org_id, event.scope)
            failure = await self.attempt(self.consumer, tx, scope, event)
        if failure is None:
            self.tally.consumed += 1
            return None
        if failure.hung:
            self.hung, self.left = True, 0
        return failure.words

    # --- what died ----------------------------------------------------------------------------------------------------

    async def _bury(self, tx: Tx, failed: Parked, event: Event, now: datetime) -> None:
        platform = tenancy.platform_scope()
        letter_id = failed.dead_letter_id or ids.new(DeadLetterId)
        first = failed.first_failed_at or now
        letter = DeadLetter(
            letter_id, failed.consumer, event, failed.payload, failed.error, failed.attempts, first, now
        )
        await letter_store.insert_letter(tx, platform, letter)
        self.tally.died += 1
        dead = await letter_store.count_letters(tx, platform, self.place.org_id)
        if dead > MAX_DEAD_LETTERS:
            for consumer in await letter_store.drop_oldest(tx, platform, self.place.org_id, dead - MAX_DEAD_LETTERS):
                await store.count_dropped(tx, platform, consumer, self.place.org_id, 1)
            _log.warning("dead letters dropped", org_id=self.place.org_id, most=MAX_DEAD_LETTERS)
        if dead in {WARN_DEAD_LETTERS, MAX_DEAD_LETTERS}:
            kind = FILLING if dead == WARN_DEAD_LETTERS else FULL
            payload = {"consumer": failed.consumer, "dead_letters": dead, "most": MAX_DEAD_LETTERS}
            await events.record(
                tx, tenancy.open_system_scope(self.place.org_id, event.scope), kind=kind, payload=payload
            )
