"""Events given once more to one consumer, and projections made anew from the log."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from portico.domains.audit import public as audit
from portico.domains.consumers import letter_store, store
from portico.domains.consumers.model import MAX_PARKED, MAX_REPLAYED, Cursor, Following, Hit, Parked, Replay
from portico.domains.consumers.projections import Projection
from portico.domains.events import public as events
from portico.domains.events.model import Consumer, Event, EventFilter
from portico.kernel.errors import Conflict, InvalidInput
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

_PAGE = 500


@dataclass(frozen=True, slots=True)
class ReplayAsk:
    """Either a consumer with what it shall see again, or a projection; a dry run may ask for every consumer at once."""

    wanted: EventFilter
    consumer: str | None = None
    projection: str | None = None
    dry_run: bool = True


async def replay_events(scope: OrgScope, ask: ReplayAsk, following: Following, deps: Deps) -> Replay:
    """All of it is parked, and on record in the audit trail, in one transaction; from there it goes on through any restart."""
    if ask.projection is not None:
        return await _rebuild(scope, ask, following, deps)
    hit = _consumers(ask, following)
    if ask.dry_run:
        async with deps.read() as tx:
            found = await _found(tx, scope, ask.wanted)
        return Replay(True, len(found), tuple(Hit(each.name, len(_wanted(each, found))) for each in hit), 0)
    (consumer,) = hit
    # Looked up before anything is held: the log only grows, and what is recorded meanwhile comes to the consumer anyway.
    async with deps.read() as tx:
        found = await _found(tx, scope, ask.wanted)
    wanted = _wanted(consumer, found)
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        cursor = await _locked(tx, scope, consumer, deps)
        # What lies before the cursor comes again; what lies behind it is still to come anyway.
        replayed = await _parked(tx, scope, consumer, [each for each in wanted if each.seq <= cursor.seq], deps)
        target = audit.Target("consumer", consumer.name, consumer.name)
        await audit.record(tx, scope, action="event.replay", target=target, detail=_told(ask) | {"replayed": replayed})
    return Replay(False, len(found), (Hit(consumer.name, len(wanted)),), replayed)


def _consumers(ask: ReplayAsk, following: Following) -> list[Consumer]:
    if ask.consumer is None:
        if not ask.dry_run:
            raise InvalidInput("consumer", "say which consumer shall see the events again; a dry run tells who would")
        return [each for each in following.consumers if not isinstance(each, Projection)]
    consumer = following.named(ask.consumer)
    if consumer is None:
        raise InvalidInput("consumer", f"there is no consumer {ask.consumer!r}; GET /event-consumers lists them")
    if isinstance(consumer, Projection):
        raise InvalidInput("consumer", "is a projection and would count twice; give it as projection instead")
    return [consumer]


async def _found(tx: Tx, scope: OrgScope, wanted: EventFilter) -> list[Event]:
    found = [event async for event in _every(tx, scope, wanted)]
    if len(found) > MAX_REPLAYED:
        raise InvalidInput(
            "since", f"these are more than {MAX_REPLAYED:,} events; narrow them by time, kind or subject"
        )
    return found


async def _every(tx: Tx, scope: OrgScope, wanted: EventFilter) -> AsyncIterator[Event]:
    """One more than may be replayed, at the most."""
    after, left = 0, MAX_REPLAYED + 1
    while left > 0:
        page = await events.find_events(tx, scope, wanted, after, min(_PAGE, left))
        for event in page:
            yield event
        if len(page) < _PAGE:
            return
        after, left = page[-1].seq, left - len(page)


def _wanted(consumer: Consumer, found: list[Event]) -> list[Event]:
    return [event for event in found if consumer.wants(event)]


async def _parked(tx: Tx, scope: OrgScope, consumer: Consumer, again: list[Event], deps: Deps) -> int:
    waiting = await store.count_parked(tx, scope, consumer.name, scope.org_id)
    if waiting + len(again) > MAX_PARKED:
        raise Conflict(
            f"{waiting:,} events already wait for {consumer.name}; at most {MAX_PARKED:,} can.",
            details="Replay fewer, or wait until some are through.",
        )
    replayed = await store.park(tx, scope, [Parked.of(consumer.name, event) for event in again])
    await store.release_heads(tx, scope, consumer.name, scope.org_id, deps.clock.now())
    tx.nudge("events")
    return replayed


async def _rebuild(scope: OrgScope, ask: ReplayAsk, following: Following, deps: Deps) -> Replay:
    """A projection is right up to its cursor; what it had parked or given up is counted too, so it is let go."""
    if ask.consumer is not None or ask.wanted != EventFilter():
        raise InvalidInput("projection", "is made anew as a whole; leave out consumer, kinds, subject, since and until")
    projection = following.named(ask.projection or "")
    if projection is None or not isinstance(projection, Projection):
        raise InvalidInput("projection", f"there is no projection {ask.projection!r}; GET /event-consumers lists them")
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        cursor = await _locked(tx, scope, projection, deps)
        total, _ = await events.count_since(tx, scope, 0)
        beyond, _ = await events.count_since(tx, scope, cursor.seq)
        attempt = await tx.connection.begin_nested()
        corrected = await projection.rebuild(tx, scope, cursor.seq)
        hits = (Hit(projection.name, total - beyond),)
        if ask.dry_run:
            await attempt.rollback()
            return Replay(True, total - beyond, hits, 0, corrected)
        await attempt.commit()
        await store.forget_parked(tx, scope, projection.name)
        await letter_store.forget_letters(tx, scope, projection.name)
        target = audit.Target("consumer", projection.name, projection.name)
        detail = {"events": total - beyond, "corrected": corrected}
        await audit.record(tx, scope, action="projection.rebuild", target=target, detail=detail)
    return Replay(False, total - beyond, hits, total - beyond, corrected)


async def _locked(tx: Tx, scope: OrgScope, consumer: Consumer, deps: Deps) -> Cursor:
    """The consumer's cursor, held; nobody moves it meanwhile. A consumer that was never here stands at the beginning."""
    cursor = await store.lock_cursor(tx, scope, consumer.name, scope.org_id, wait=True)
    return cursor or Cursor(consumer.name, scope.org_id, 0, 0, deps.clock.now())


def _told(ask: ReplayAsk) -> dict[str, Any]:
    wanted = ask.wanted
    return {
        "kinds": list(wanted.kinds),
        "subject": wanted.subject,
        "since": None if wanted.since is None else wanted.since.isoformat(),
        "until": None if wanted.until is None else wanted.until.isoformat(),
    }
