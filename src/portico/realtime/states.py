"""Rooms that hold a state: it is sent whole once, then as patches, to every seat but the tab that made them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from portico.kernel.errors import NotFound, Refusal
from portico.kernel.scope import Actor, OrgScope
from portico.realtime import frames
from portico.realtime.frames import Patch
from portico.realtime.packet import Packet
from portico.realtime.pumps import Pump
from portico.realtime.seat import Seat

KEPT_S = 60.0


@dataclass(frozen=True, slots=True)
class Whole:
    version: int
    state: Mapping[str, object]
    checksum: str


@dataclass(frozen=True, slots=True)
class Step:
    """One stored change; `version` is the state's after it."""

    version: int
    patch: Sequence[object]
    tab: str | None
    actor: Actor


@dataclass(frozen=True, slots=True)
class Since:
    """The changes after a version, oldest first, None when they are no longer all there; and who, of the same org and scope,
    may see the state now: None for all of them."""

    steps: Sequence[Step] | None
    may_see: Callable[[OrgScope], bool] | None


@dataclass(frozen=True, slots=True)
class Applied:
    """`made` is this one change, as those who stand just before it are to hear of it."""

    version: int
    checksum: str
    made: Since


class StateSource(Protocol):
    """A stored state; each call raises NotFound when it is gone or this reader may not see it."""

    async def load(self, reader: OrgScope) -> Whole: ...

    async def since(self, reader: OrgScope, version: int) -> Since: ...

    async def apply(self, writer: OrgScope, ask: Patch) -> Applied | Whole:
        """Store the patch, or answer with the state as it is when somebody else was quicker."""
        ...


@dataclass(slots=True)
class _Kept:
    """A whole state as it was sent, for the next who want the same."""

    version: int
    checksum: str
    packet: Packet
    loaded_at: float

    @property
    def is_old(self) -> bool:
        """Looking at a dashboard keeps it from expiring, so now and then it is really looked at."""
        return time.monotonic() - self.loaded_at > KEPT_S


class StatePump(Pump):
    """Versions only grow for a seat, and a frame with one that it knows already is to be passed over by the client.

    A patch is stored and answered under the pump's lock, so that its maker never hears of a later version before the answer;
    nor of an earlier one after it, since it was made on top of the newest.
    """

    def __init__(self, topic: str, wakes_on: tuple[str, ...], source: StateSource) -> None:
        super().__init__(topic, wakes_on)
        self._source = source
        # Every seat was told of everything up to this version; None while there are no seats.
        self._version: int | None = None
        self._last_whole: _Kept | None = None

    async def advance(self) -> None:
        refused: list[Seat] = []
        while self.seats:
            seat = next(iter(self.seats))
            try:
                await self._advance_for(seat.identity.scope)
                break
            except NotFound:
                # Gone, or no longer this reader's to see; whoever is left asks for themselves.
                seat.leave(self.topic)
                refused.append(seat)
        else:
            self._version = self._last_whole = None
        for seat in refused:
            seat.say(frames.left(self.topic, "forbidden" if self.seats else "gone"))

    async def _advance_for(self, reader: OrgScope) -> None:
        found = await self._source.since(reader, self._version or 0)
        self._turn_out_strangers(found)
        if self._version is None or found.steps is None:
            kept = await self._load(reader)
            self._version = kept.version
            self.fan_out(kept.packet)
        else:
            self._tell(found.steps)

    def _turn_out_strangers(self, found: Since) -> None:
        may_see = found.may_see
        if may_see is not None:
            for seat in [seat for seat in self.seats if not may_see(seat.identity.scope)]:
                seat.turn_out(self.topic, "forbidden")

    def _tell(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._version = step.version
            packet = _patch(self.topic, step)
            for seat in tuple(self.seats):
                if step.tab is None or not self._made_by(seat, step):
                    seat.send(self.topic, packet)

    async def welcome(self, seat: Seat, since: int | None) -> None:
        reader = seat.identity.scope
        try:
            # All that was missed, one's own included: a tab may not know whether its last patch arrived.
            steps = None if since is None else (await self._source.since(reader, since)).steps
            if since is None or steps is None:
                kept = await self._whole_for(reader)
                version = kept.version
                seat.send(self.topic, kept.packet)
            else:
                version = steps[-1].version if steps else since
                self._catch_up(seat, since, steps)
        except NotFound:
            seat.turn_out(self.topic, "gone")
        else:
            self._version = version if self._version is None else self._version

    def _catch_up(self, seat: Seat, since: int, steps: Sequence[Step]) -> None:
        """An empty patch says that nothing was missed."""
        for step in steps:
            seat.send(self.topic, _patch(self.topic, step))
        if not steps:
            seat.send(self.topic, frames.patch(self.topic, since, [], None, None))

    async def change(self, seat: Seat, ask: Patch) -> None:
        async with self._lock:
            made = await self._apply(seat, ask)
            # At once: the nudge of this very change then finds nothing left to do.
            if made is not None and self._version == ask.version:
                self._turn_out_strangers(made)
                self._tell(made.steps or ())
            else:
                await self.advance()

    async def _apply(self, seat: Seat, ask: Patch) -> Since | None:
        """None when nothing was changed."""
        try:
            outcome = await self._source.apply(seat.identity.scope, ask)
        except Refusal as refusal:
            seat.say(_refused(refusal, self.topic, ask.ref))
            return None
        if isinstance(outcome, Applied):
            seat.say(frames.patched(self.topic, ask.ref, outcome.version, outcome.checksum))
            return outcome.made
        seat.send(self.topic, _conflict(self.topic, ask.ref, outcome))
        return None

    async def _whole_for(self, reader: OrgScope) -> _Kept:
        """As it was sent last, when this reader may see it and it is still the newest."""
        kept = self._last_whole
        if kept is None or kept.is_old or kept.version != self._version:
            return await self._load(reader)
        steps = (await self._source.since(reader, kept.version)).steps
        return await self._load(reader) if steps is None or len(steps) else kept

    async def _load(self, reader: OrgScope) -> _Kept:
        """The state as one frame, made once for all who get the same."""
        found, kept = await self._source.load(reader), self._last_whole
        if kept is not None and (kept.version, kept.checksum) == (found.version, found.checksum):
            kept.loaded_at = time.monotonic()
        else:
            packet = frames.state(self.topic, found.version, found.state, found.checksum)
            kept = self._last_whole = _Kept(found.version, found.checksum, packet, time.monotonic())
        return kept

    def _made_by(self, seat: Seat, step: Step) -> bool:
        """By this very tab: the tab's id alone would let one person keep changes from another."""
        return step.tab == seat.listening[self.topic].tab and seat.identity.scope.actor.id == step.actor.id


def _patch(topic: str, step: Step) -> Packet:
    actor = step.actor
    return frames.patch(
        topic, step.version, step.patch, step.tab, {"kind": actor.kind, "id": actor.id, "name": actor.name}
    )


def _conflict(topic: str, ref: int, found: Whole) -> Packet:
    return frames.conflict(topic, ref, found.version, found.state, found.checksum)


def _refused(refusal: Refusal, topic: str, ref: int) -> Packet:
    wait_s = refusal.retry_after_s
    wait_ms = None if wait_s is None else max(1, round(wait_s * 1000))
    return frames.error(refusal.code, refusal.message, topic=topic, ref=ref, retry_after_ms=wait_ms)
