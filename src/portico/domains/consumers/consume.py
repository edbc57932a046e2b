"""The way of events to their consumers: fair between orgs, each share of work in one transaction with its cursor."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from portico.domains.consumers import letter_store, store
from portico.domains.consumers.model import (
    MAX_DEAD_LETTERS,
    MAX_PARKED,
    WARN_DEAD_LETTERS,
    ConsumeStatus,
    Cursor,
    DeadLetter,
    Following,
    Parked,
)
from portico.domains.events import public as events
from portico.domains.events.model import Consumer, Event
from portico.domains.tenancy import public as tenancy
from portico.kernel import ids
from portico.kernel.ids import DeadLetterId, OrgId
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.telemetry import logger

SHARE = 100
ROUNDS = 20
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

# Lets one consumer have one event; what went wrong, in words, or None. A failure leaves nothing of it in the transaction.
Attempt = Callable[[Consumer, Tx, OrgScope, Event], Awaitable[str | None]]
Wants = Callable[[Consumer, Event], bool]


@dataclass(frozen=True, slots=True)
class Hands:
    """How a consumer is asked; the driver knows what to do when one breaks."""

    wants: Wants
    attempt: Attempt


@dataclass(slots=True)
class Tally:
    consumed: int = 0
    parked: int = 0
    died: int = 0


async def consume(following: Following, hands: Hands, deps: Deps) -> ConsumeStatus:
    """Bring every consumer on in every org, one share of each at a time; idempotent, safe in several processes at once."""
    await _give_birth(following, deps)
    tally, stuck = Tally(), set[tuple[str, OrgId]]()
    for _ in range(ROUNDS):
        pairs = [pair for pair in await _behind(following, deps) if (pair[0].name, pair[1]) not in stuck]
        if not pairs:
            break
        for consumer, org_id in pairs:
            if not await _Share(consumer, org_id, hands, deps, tally).work():
                stuck.add((consumer.name, org_id))
    else:
        deps.bus.nudge("events")
    return ConsumeStatus(tally.consumed, tally.parked, tally.died)


async def _give_birth(following: Following, deps: Deps) -> None:
    """A consumer seen for the first time gets a cursor in every org that is there; orgs that come later begin at 0."""
    if following.born:
        return
    platform = tenancy.platform_scope()
    async with deps.uow() as tx:
        known, now = await store.born_consumers(tx, platform), deps.clock.now()
        unborn = [each for each in following.consumers if each.name not in known]
        positions = await events.log_positions(tx, platform) if unborn else {}
        for consumer in unborn:
            begin = {
                org_id: newest if consumer.begins == "newest" else floor
                for org_id, (newest, floor) in positions.items()
            }
            await store.insert_cursors(tx, platform, consumer.name, {**begin, store.NO_ORG: 0}, now)
    following.born = True


async def _behind(following: Following, deps: Deps) -> list[tuple[Consumer, OrgId]]:
    """Who has something to do where; org by org, so that no org's consumers wait for all of another's."""
    platform = tenancy.platform_scope()
    async with deps.read() as tx:
        positions = await events.log_positions(tx, platform)
        cursors = await store.all_cursors(tx, platform)
        due = await store.due_orgs(tx, platform, deps.clock.now())
    pairs = []
    for org_id, (newest, _) in positions.items():
        for consumer in following.consumers:
            cursor = cursors.get((consumer.name, org_id))
            if cursor is None or cursor.seq < newest or (consumer.name, org_id) in due:
                pairs.append((consumer, org_id))
    return pairs


@dataclass(slots=True)
class _Share:
    """One consumer's share of work in one org: first what is due again, then what is new."""

    consumer: Consumer
    org_id: OrgId
    hands: Hands
    deps: Deps
    tally: Tally
    left: int = field(default_factory=lambda: SHARE)

    async def work(self) -> bool:
        """Whether there was anything it could do."""
        platform, now = tenancy.platform_scope(), self.deps.clock.now()
        async with self.deps.uow() as tx:
            cursor = await self._cursor(tx, now)
            if cursor is None:
                return False
            await events.hold_log(tx, tenancy.open_system_scope(self.org_id))
            before = self.left
            if await store.count_parked(tx, platform, self.consumer.name, self.org_id):
                await self._try_again(tx, now)
            moved = await self._go_on(tx, cursor, now)
        return moved or self.left < before

    async def _cursor(self, tx: Tx, now: datetime) -> Cursor | None:
        """Held until the end of the share; None while another process has it."""
        platform, name = tenancy.platform_scope(), self.consumer.name
        cursor = await store.lock_cursor(tx, platform, name, self.org_id)
        if cursor is None:
            await store.insert_cursors(tx, platform, name, {self.org_id: 0}, now)
            cursor = await store.lock_cursor(tx, platform, name, self.org_id)
        return cursor

    # --- what is due again --------------------------------------------------------------------------------------------

    async def _try_again(self, tx: Tx, now: datetime) -> None:
        platform = tenancy.platform_scope()
        heads = await store.due_heads(tx, platform, self.consumer.name, self.org_id, now, self.left)
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
            await store.release_heads(tx, tenancy.platform_scope(), self.consumer.name, self.org_id, now)

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
        found = await events.events_at(tx, tenancy.platform_scope(), self.org_id, asked) if asked else {}
        return {**found, **kept}

    # --- what is new --------------------------------------------------------------------------------------------------

    async def _go_on(self, tx: Tx, cursor: Cursor, now: datetime) -> bool:
        """Read on from the cursor; stops where an event would have to be parked and no room is left for it."""
        platform = tenancy.platform_scope()
        batch = await events.events_of(tx, platform, self.org_id, cursor.seq, max(self.left, 0))
        if not batch:
            return False
        if batch[0].seq > cursor.seq + 1:
            _log.warning("events lost to retention", consumer=self.consumer.name, after=cursor.seq, seq=batch[0].seq)
        waiting = await store.count_parked(tx, platform, self.consumer.name, self.org_id)
        blocked = await store.parked_subjects(tx, platform, self.consumer.name, self.org_id) if waiting else set()
        room, seq = MAX_PARKED - waiting, cursor.seq
        for event in batch:
            parked = await self._taken(tx, event, event.subject in blocked, now)
            if parked is not None:
                if room <= 0:
                    break
                room -= 1
                blocked |= {event.subject} - {""}
                await store.park(tx, platform, [parked])
            seq = event.seq
            self.left -= 1
        if seq > cursor.seq:
            await store.move_cursor(tx, platform, cursor, seq, now)
        return seq > cursor.seq

    async def _taken(self, tx: Tx, event: Event, waits: bool, now: datetime) -> Parked | None:
        """None when the event is done with; else what is to be parked."""
        if not self.hands.wants(self.consumer, event):
            return None
        parked = Parked.of(self.consumer.name, event)
        if waits:
            return parked
        error = await self._attempt(tx, event)
        if error is None:
            return None
        self.tally.parked += 1
        return parked.failed(error, now)

    async def _attempt(self, tx: Tx, event: Event) -> str | None:
        scope = tenancy.open_system_scope(self.org_id, event.scope)
        error = await self.hands.attempt(self.consumer, tx, scope, event)
        self.tally.consumed += error is None
        return error

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
        dead = await letter_store.count_letters(tx, platform, self.org_id)
        if dead > MAX_DEAD_LETTERS:
            for consumer in await letter_store.drop_oldest(tx, platform, self.org_id, dead - MAX_DEAD_LETTERS):
                await store.count_dropped(tx, platform, consumer, self.org_id, 1)
            _log.warning("dead letters dropped", org_id=self.org_id, most=MAX_DEAD_LETTERS)
        if dead in {WARN_DEAD_LETTERS, MAX_DEAD_LETTERS}:
            kind = FILLING if dead == WARN_DEAD_LETTERS else FULL
            payload = {"consumer": failed.consumer, "dead_letters": dead, "most": MAX_DEAD_LETTERS}
            await events.record(tx, tenancy.open_system_scope(self.org_id, event.scope), kind=kind, payload=payload)
