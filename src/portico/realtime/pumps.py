"""One pump per org, scope and topic: pulls by its cursor on nudges and by timer, while somebody listens, and fans out."""

import asyncio
from abc import ABC, abstractmethod

import structlog

from portico.platform.bus import Bus
from portico.realtime import frames
from portico.realtime.frames import Patch
from portico.realtime.packet import Packet
from portico.realtime.seat import Seat
from portico.realtime.sources import BATCH_ROWS, RowSource, ValueSource

log = structlog.get_logger("portico.realtime")
SNAPSHOT_ROWS = 50
# Further behind than this, a client is better served by a fresh snapshot.
MAX_CATCH_UP_ROWS = 1000
# A source that picks some rows among many may have to look through this many batches for those.
MAX_CATCH_UP_BATCHES = 25
TICK_S = 1.0
# Long enough to gather a burst into one frame, short enough not to be felt.
REST_S = 0.04
BACKOFF_S = 2.0


class Pump(ABC):
    def __init__(self, topic: str, wakes_on: tuple[str, ...]) -> None:
        self.topic, self._wakes_on = topic, wakes_on
        self.seats: set[Seat] = set()
        self._joining = 0
        self._lock = asyncio.Lock()

    @property
    def idle(self) -> bool:
        return not self.seats and self._joining == 0

    async def join(self, seat: Seat, since: int | None) -> None:
        """Bring the seat up to the pump's cursor, then let it ride along; nothing is lost or repeated in between.

        The seat must list this pump among what it listens to, so that an outbox without room can end the topic again.
        """
        self._joining += 1
        try:
            async with self._lock:
                await self.advance()
                self.seats.add(seat)
                await self.welcome(seat, since)
        finally:
            self._joining -= 1

    def leave(self, seat: Seat) -> None:
        self.seats.discard(seat)

    async def change(self, seat: Seat, ask: Patch) -> None:
        """Serve a patch; only what holds a state can."""
        seat.say(frames.error("INVALID_INPUT", f"{self.topic} takes no patches.", topic=self.topic, ref=ask.ref))

    async def run(self, bus: Bus) -> None:
        """Until nobody listens."""
        nudged = bus.listen(*self._wakes_on)
        try:
            while not self.idle:
                nudged.clear()
                await self._advance_safely()
                await asyncio.sleep(REST_S)
                try:
                    await asyncio.wait_for(nudged.wait(), TICK_S - REST_S)
                except TimeoutError:
                    continue
        finally:
            bus.forget(nudged)

    async def _advance_safely(self) -> None:
        try:
            async with self._lock:
                await self.advance()
        except Exception:
            log.exception("pump_failed", topic=self.topic)
            await asyncio.sleep(BACKOFF_S)

    def fan_out(self, packet: Packet) -> None:
        for seat in tuple(self.seats):
            seat.send(self.topic, packet)

    @abstractmethod
    async def advance(self) -> None:
        """Read what is new and send it to every seat; the caller holds the lock."""

    @abstractmethod
    async def welcome(self, seat: Seat, since: int | None) -> None:
        """Bring one seat from where it stood to the cursor; the caller holds the lock."""


class RowPump(Pump):
    """Calls and events: every row once, in order."""

    def __init__(self, topic: str, wakes_on: tuple[str, ...], source: RowSource) -> None:
        super().__init__(topic, wakes_on)
        self._source = source
        self._cursor: int | None = None

    async def advance(self) -> None:
        if self._cursor is None:
            self._cursor, _ = await self._source.newest(1)
            return
        for _ in range(MAX_CATCH_UP_ROWS // BATCH_ROWS):
            batch = await self._source.after(self._cursor)
            if batch is None:
                break
            self._cursor = batch.cursor
            if batch.rows:
                self.fan_out(frames.rows("append", self.topic, self._cursor, [row.json for row in batch.rows]))
            if not batch.more:
                return
        await self._start_again()

    async def _start_again(self) -> None:
        """Too far behind, or the rows are gone: everyone takes a fresh snapshot."""
        self._cursor, _ = await self._source.newest(1)
        for seat in tuple(self.seats):
            seat.lose(self.topic)

    async def welcome(self, seat: Seat, since: int | None) -> None:
        cursor = self._cursor or 0
        if since is None:
            _, found = await self._source.newest(SNAPSHOT_ROWS)
            # What came after the cursor follows as an append, to everyone alike.
            items = [row.json for row in found if row.cursor <= cursor]
            seat.send(self.topic, frames.rows("snapshot", self.topic, cursor, items))
            return
        missed = await self._missed(since, cursor) if 0 <= since <= cursor else None
        if missed is None:
            seat.lose(self.topic)
        else:
            seat.send(self.topic, frames.rows("append", self.topic, cursor, missed))

    async def _missed(self, since: int, cursor: int) -> list[bytes] | None:
        """What a reader who stood at `since` has not seen; None when it is too much, or no longer all there."""
        items: list[bytes] = []
        for _ in range(MAX_CATCH_UP_BATCHES):
            batch = await self._source.after(since)
            if batch is None:
                return None
            items.extend(row.json for row in batch.rows if row.cursor <= cursor)
            if len(items) > MAX_CATCH_UP_ROWS:
                return None
            if not batch.more or batch.cursor >= cursor:
                return items
            since = batch.cursor
        return None


class ValuePump(Pump):
    """Stats and breakers: the newest value, when it changes for the reader."""

    def __init__(self, topic: str, wakes_on: tuple[str, ...], source: ValueSource) -> None:
        super().__init__(topic, wakes_on)
        self._source = source
        self._shown: dict[Seat, object] = {}

    def leave(self, seat: Seat) -> None:
        super().leave(seat)
        self._shown.pop(seat, None)

    async def advance(self) -> None:
        if not self.seats:
            return
        view = await self._source.read(next(iter(self.seats)).identity.scope)
        packets: dict[object, Packet] = {}
        for seat in tuple(self.seats):
            key, content = view(seat.identity.scope)
            if self._shown.get(seat) != key:
                self._shown[seat] = key
                seat.show(self.topic, packets.setdefault(key, frames.value(self.topic, content)))

    async def welcome(self, seat: Seat, since: int | None) -> None:
        await self.advance()


class ServicePump(RowPump):
    """A service's room: its calls as rows, and its breakers as a value beside them."""

    def __init__(self, topic: str, calls: RowSource, breakers: ValueSource) -> None:
        super().__init__(topic, ("calls", "breakers"), calls)
        self._breakers = ValuePump(topic, (), breakers)
        self._breakers.seats = self.seats

    def leave(self, seat: Seat) -> None:
        super().leave(seat)
        self._breakers.leave(seat)

    async def advance(self) -> None:
        await super().advance()
        await self._breakers.advance()

    async def welcome(self, seat: Seat, since: int | None) -> None:
        await super().welcome(seat, since)
        await self._breakers.advance()
