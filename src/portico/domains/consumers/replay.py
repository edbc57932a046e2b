"""Events given once more to one consumer, and projections made anew from the log."""

from dataclasses import dataclass
from typing import Any

from portico.domains.audit import public as audit
from portico.domains.consumers import letter_store, store
from portico.domains.consumers.model import MAX_REPLAYED, MAX_REPLAYS_WAITING, Cursor, Following, Hit, Parked, Replay
from portico.domains.consumers.projections import Projection
from portico.domains.events import public as events
from portico.domains.events.model import Consumer, Event, EventFilter
from portico.kernel.errors import InvalidInput
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

_PAGE = 500


@dataclass(frozen=True, slots=True)
class ReplayAsk:
    """Either a consumer with what it shall see again, or a projection; a dry run may ask for every consumer at once.

    after, through   where the request before this one ended, and what it answered as the end of it all
    """

    wanted: EventFilter
    consumer: str | None = None
    projection: str | None = None
    dry_run: bool = True
    after: int = 0
    through: int | None = None


async def replay_events(scope: OrgScope, ask: ReplayAsk, following: Following, deps: Deps) -> Replay:
    """As much of a replay as one request does. It is parked, and on record in the audit trail, in one transaction; from there it
    goes on through any restart, and who has lost the thread may begin again: what waits already is not parked twice."""
    if ask.projection is not None:
        return await _rebuild(scope, ask, following, deps)
    hit = _consumers(ask, following)
    # Looked up before anything is held: the log only grows, and what is recorded meanwhile comes to the consumer anyway.
    async with deps.read() as tx:
        end = await _end_of(tx, scope, hit)
        through = end if ask.through is None else min(ask.through, end)
        found, next_after = await _found(tx, scope, ask, through)
    hits = tuple(Hit(each.name, len(_wanted(each, found))) for each in hit)
    if ask.dry_run:
        return Replay(True, len(found), hits, 0, None, next_after, through)
    (consumer,) = hit
    wanted = _wanted(consumer, found)
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        await _locked(tx, scope, consumer, deps)
        room = await _room(tx, scope, consumer)
        if room < len(wanted):
            next_after = wanted[room - 1].seq if room else ask.after
        replayed = await _parked(tx, scope, consumer, wanted[:room], deps)
        if replayed or next_after is None:
            target = audit.Target("consumer", consumer.name, consumer.name)
            detail = _told(ask) | {"replayed": replayed, "after": ask.after, "through": through}
            await audit.record(tx, scope, action="event.replay", target=target, detail=detail)
    return Replay(False, len(found), hits, replayed, None, next_after, through)


async def _end_of(tx: Tx, scope: OrgScope, hit: list[Consumer]) -> int:
    """What lies before the cursor comes again; what lies behind it is still to come anyway."""
    cursors = await store.cursors_of(tx, scope)
    return max((cursors[each.name].seq for each in hit if each.name in cursors), default=0)


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


async def _found(tx: Tx, scope: OrgScope, ask: ReplayAsk, through: int) -> tuple[list[Event], int | None]:
    """What one request looks at, and where the next one goes on."""
    found, after = list[Event](), ask.after
    while True:
        page = await events.find_events(tx, scope, ask.wanted, after, _PAGE)
        found += [event for event in page if event.seq <= through]
        if len(page) < _PAGE or page[-1].seq >= through:
            break
        after = page[-1].seq
        if len(found) > MAX_REPLAYED:
            break
    if len(found) <= MAX_REPLAYED:
        return found, None
    return found[:MAX_REPLAYED], found[MAX_REPLAYED - 1].seq


def _wanted(consumer: Consumer, found: list[Event]) -> list[Event]:
    return [event for event in found if consumer.wants(event)]


async def _room(tx: Tx, scope: OrgScope, consumer: Consumer) -> int:
    waiting = await store.count_parked(tx, scope, consumer.name, scope.org_id)
    return max(0, MAX_REPLAYS_WAITING - waiting)


async def _parked(tx: Tx, scope: OrgScope, consumer: Consumer, again: list[Event], deps: Deps) -> int:
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
