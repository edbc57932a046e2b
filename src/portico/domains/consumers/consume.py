"""The way of events to their consumers: fair between orgs, and free where nobody has anything to do."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby

from portico.domains.consumers import share as shares
from portico.domains.consumers import store
from portico.domains.consumers.faces import Batching, Choosy
from portico.domains.consumers.model import ConnectionHung, ConsumeStatus, Following, Place
from portico.domains.consumers.share import Ahead, Attempt, AttemptMany, Share, Tally
from portico.domains.events import public as events
from portico.domains.events.model import Consumer, Event
from portico.domains.tenancy import public as tenancy
from portico.kernel.ids import EventId, OrgId
from portico.platform.deps import Deps
from portico.platform.telemetry import logger

ROUNDS = 20
ORGS_AT_ONCE = 50
# How long a consumer that hung or broke in an org is left alone there, so that it holds up no other.
REST = timedelta(minutes=1)
# So many broken shares are the database's fault rather than theirs.
MOST_BROKEN = 10
_TRIES_OF_A_HUNG_SHARE = 3
_log = logger("portico.consumers")

Wants = Callable[[Consumer, Event], bool]
Choose = Callable[[Consumer, Choosy, Sequence[Event], Deps], Awaitable[Collection[EventId]]]
Guard = Callable[[Place, Awaitable[bool]], Awaitable[bool | Exception]]


@dataclass(frozen=True, slots=True)
class Hands:
    """How a consumer is asked; the driver knows what to do when one breaks.

    guard   answers with the error of a share that broke; without it, the first to break ends the run
    """

    wants: Wants
    attempt: Attempt
    attempt_many: AttemptMany | None = None
    choose: Choose | None = None
    guard: Guard | None = None


async def consume(following: Following, hands: Hands, deps: Deps) -> ConsumeStatus:
    """Bring every consumer on in every org, one share of each at a time; idempotent, safe in several processes at once."""
    await _give_birth(following, deps)
    run = _Run(following, hands, deps)
    await run.run()
    tally = run.tally
    return ConsumeStatus(tally.consumed, tally.parked, tally.died, len(following.resting))


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


@dataclass(slots=True)
class _Run:
    """
    stuck     the places where nothing can be done before the next run
    extent    of all logs, when it was last looked who is behind
    unread    who was behind then, and what they have to reach
    read_to   how far those came since
    """

    following: Following
    hands: Hands
    deps: Deps
    tally: Tally = field(default_factory=Tally)
    stuck: set[tuple[str, OrgId]] = field(default_factory=set)
    broken: int = 0
    extent: tuple[int, int] = (0, 0)
    unread: dict[tuple[str, OrgId], int] = field(default_factory=dict)
    read_to: dict[tuple[str, OrgId], int] = field(default_factory=dict)

    async def run(self) -> None:
        now = self.deps.clock.now()
        self.following.resting = {pair: until for pair, until in self.following.resting.items() if until > now}
        for _ in range(ROUNDS):
            by_org = [list(places) for _, places in groupby(await self._behind(), key=lambda place: place.org_id)]
            if not by_org:
                return
            for start in range(0, len(by_org), ORGS_AT_ONCE):
                await self._bring_on([place for places in by_org[start : start + ORGS_AT_ONCE] for place in places])
            self._note_what_is_read()
        self.deps.bus.nudge("events")

    def _note_what_is_read(self) -> None:
        """When every consumer came to where the logs ended, the next look need not ask for each of them again."""
        if all(self.read_to.get(pair, 0) >= newest for pair, newest in self.unread.items()):
            self.following.caught_up |= {org_id: newest for (_, org_id), newest in self.unread.items()}
            self.following.quiet_at = self.extent

    # --- who has something to do ------------------------------------------------------------------------------------

    async def _behind(self) -> list[Place]:
        """Org by org, so that no org's consumers wait for all of another's. Orgs without news cost nothing each."""
        platform, following = tenancy.platform_scope(), self.following
        async with self.deps.read() as tx:
            due = {pair for pair in await store.due_orgs(tx, platform, self.deps.clock.now()) if self._is_free(pair)}
            self.extent = await events.log_extent(tx, platform)
            if self.extent == following.quiet_at and not due:
                return []
            with_due = {org_id for _, org_id in due}
            positions = {
                org_id: position
                for org_id, position in (await events.log_positions(tx, platform)).items()
                if org_id in with_due or following.caught_up.get(org_id) != position[0]
            }
            cursors = await store.cursors_in(tx, platform, list(positions))
        places, born = list[Place](), dict[str, list[OrgId]]()
        self.unread, self.read_to = {}, {}
        for org_id, (newest, floor) in positions.items():
            behind = False
            for consumer in following.consumers:
                pair = consumer.name, org_id
                seq = cursors.get(pair)
                if seq is None:
                    born.setdefault(consumer.name, []).append(org_id)
                    seq = 0
                if seq < newest:
                    behind = True
                    self.unread[pair] = newest
                if (seq < newest or pair in due) and self._is_free(pair):
                    places.append(Place(consumer, org_id, seq, newest, floor, pair in due))
            if not behind:
                following.caught_up[org_id] = newest
        if not self.unread:
            following.quiet_at = self.extent
        await self._begin(born)
        return places

    def _is_free(self, pair: tuple[str, OrgId]) -> bool:
        return (
            pair not in self.stuck and pair not in self.following.resting and self.following.named(pair[0]) is not None
        )

    async def _begin(self, born: dict[str, list[OrgId]]) -> None:
        if not born:
            return
        async with self.deps.uow() as tx:
            for name, org_ids in sorted(born.items()):
                at = self.deps.clock.now()
                await store.insert_cursors(tx, tenancy.platform_scope(), name, dict.fromkeys(org_ids, 0), at)

    # --- some orgs ----------------------------------------------------------------------------------------------------

    async def _bring_on(self, places: Sequence[Place]) -> None:
        """Cursors pass over what their consumer does not want all together; the rest is a share each."""
        ahead = await self._look_ahead(places)
        passing: list[tuple[Place, int]] = []
        for place in places:
            mine = ahead[place.pair]
            if not mine.wanted and not place.due:
                # Nothing where there should be something: retention has taken it.
                last = mine.found[-1].seq if mine.found else min(place.newest, place.begin + shares.SHARE)
                passing.append((place, last))
                if place.begin > place.seq:
                    _log.warning("events lost to retention", consumer=place.consumer.name, after=place.seq)
        if passing:
            await self._pass_over(passing)
        for place in places:
            if ahead[place.pair].wanted or place.due:
                await self._work(place, ahead[place.pair])

    async def _look_ahead(self, places: Sequence[Place]) -> dict[tuple[str, OrgId], Ahead]:
        platform = tenancy.platform_scope()
        read: dict[tuple[OrgId, int], list[Event]] = {}
        async with self.deps.read() as tx:
            for org_id, begin in {(place.org_id, place.begin) for place in places}:
                read[org_id, begin] = await events.events_of(tx, platform, org_id, begin, shares.SHARE)
        ahead: dict[tuple[str, OrgId], Ahead] = {}
        for consumer in self.following.consumers:
            mine = [place for place in places if place.consumer is consumer]
            wanted = {
                place.pair: [each for each in read[place.org_id, place.begin] if self.hands.wants(consumer, each)]
                for place in mine
            }
            chosen = await self._chosen(consumer, [each for some in wanted.values() for each in some])
            for place in mine:
                found = read[place.org_id, place.begin]
                seqs = (each.seq for each in wanted[place.pair] if chosen is None or each.id in chosen)
                ahead[place.pair] = Ahead(found, frozenset(seqs))
        return ahead

    async def _chosen(self, consumer: Consumer, found: list[Event]) -> Collection[EventId] | None:
        """None: all of them."""
        if not found or self.hands.choose is None or not isinstance(consumer, Choosy):
            return None
        return await self.hands.choose(consumer, consumer, found, self.deps)

    async def _pass_over(self, passing: Sequence[tuple[Place, int]]) -> None:
        moves = {place.pair: (place.seq, last) for place, last in passing}
        async with self.deps.uow() as tx:
            now_at = await store.pass_over(tx, tenancy.platform_scope(), moves, self.deps.clock.now())
        self.stuck |= moves.keys() - now_at.keys()
        self.read_to |= now_at

    # --- one share ----------------------------------------------------------------------------------------------------

    async def _work(self, place: Place, ahead: Ahead) -> None:
        work = self._share(place, ahead)
        done = await (work if self.hands.guard is None else self.hands.guard(place, work))
        if isinstance(done, Exception):
            self.broken += 1
            if self.broken >= MOST_BROKEN:
                raise done
            self._rest(place)
        elif not done:
            self.stuck.add(place.pair)

    async def _share(self, place: Place, ahead: Ahead) -> bool:
        """A consumer stopped within a statement has lost the transaction: once more, without what it hung on."""
        failed: dict[int, str] = {}
        many = self.hands.attempt_many if isinstance(place.consumer, Batching) else None
        for _ in range(_TRIES_OF_A_HUNG_SHARE - 1):
            share = self._made(place, ahead, many, failed)
            try:
                return await self._worked(share)
            except ConnectionHung as hung:
                many = None
                self._rest(place)
                if hung.seq is not None:
                    failed[hung.seq] = hung.words
        return await self._worked(self._made(place, ahead, many, failed))

    def _made(self, place: Place, ahead: Ahead, many: AttemptMany | None, failed: dict[int, str]) -> Share:
        hands = self.hands
        return Share(place, ahead, hands.wants, hands.attempt, many, self.deps, self.tally, failed)

    async def _worked(self, share: Share) -> bool:
        done = await share.work()
        self.read_to[share.place.pair] = share.read_to
        if share.hung:
            self._rest(share.place)
        return done

    def _rest(self, place: Place) -> None:
        self.following.resting[place.pair] = self.deps.clock.now() + REST
