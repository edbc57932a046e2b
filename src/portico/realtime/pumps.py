"""One pump per org, scope and topic: pulls by its cursor on nudges and by timer, while somebody listens, and fans out."""

import asyncio
from abc import ABC, abstractmethod

import structlog

from portico.platform.bus import Bus
from portico.realtime import frames
from portico.realtime.frames import Topic
from portico.realtime.seat import Seat
from portico.realtime.sources import RowSource, ValueSource

log = structlog.get_logger("portico.realtime")
SNAPSHOT_ROWS = 50
BATCH_ROWS = 200
# Further behind than this, a client is better served by a fresh snapshot.
MAX_CATCH_UP_ROWS = 1000
TICK_S = 1.0
REST_S = 0.1
BACKOFF_S = 2.0


class Pump(ABC):
    def __init__(self, topic: Topic, wakes_on: tuple[str, ...]) -> None:
        self.topic, self._wakes_on = topic, wakes_on
        self.seats: set[Seat] = set()
        self._joining = 0
        self._lock = asyncio.Lock()

    @property
    def idle(self) -> bool:
        return not self.seats and self._joining == 0

    async def join(self, seat: Seat, since: int | None) -> None:
        """Bring the seat up to the pump's cursor, then let it ride along; nothing is lost or repeated in between."""
        self._joining += 1
        try:
            async with self._lock:
                await self._advance()
                # Registered before the first frame, so that an outbox without room can end the topic again.
                seat.pumps[self.topic] = self
                self.seats.add(seat)
                await self._welcome(seat, since)
        finally:
            self._joining -= 1

    def leave(self, seat: Seat) -> None:
        self.seats.discard(seat)

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
                await self._advance()
        except Exception:
            log.exception("pump_failed", topic=self.topic)
            await asyncio.sleep(BACKOFF_S)

    @abstractmethod
    async def _advance(self) -> None: ...

    @abstractmethod
    async def _welcome(self, seat: Seat, since: int | None) -> None: ...


class RowPump(Pump):
    """Calls and events: every row once, in order."""

    def __init__(self, topic: Topic, wakes_on: tuple[str, ...], source: RowSource) -> None:
        super().__init__(topic, wakes_on)
        self._source = source
        self._cursor: int | None = None

    async def _advance(self) -> None:
        if self._cursor is None:
            self._cursor, _ = await self._source.newest(1)
            return
        for _ in range(MAX_CATCH_UP_ROWS // BATCH_ROWS):
            found = await self._source.after(self._cursor, BATCH_ROWS)
            if found is None:
                break
            if found:
                self._cursor = found[-1].cursor
                text = frames.rows("append", self.topic, self._cursor, [row.json for row in found])
                for seat in tuple(self.seats):
                    seat.send(self.topic, text)
            if len(found) < BATCH_ROWS:
                return
        await self._start_again()

    async def _start_again(self) -> None:
        """Too far behind, or the rows are gone: everyone takes a fresh snapshot."""
        self._cursor, _ = await self._source.newest(1)
        for seat in tuple(self.seats):
            seat.lose(self.topic)

    async def _welcome(self, seat: Seat, since: int | None) -> None:
        cursor = self._cursor or 0
        if since is None:
            _, found = await self._source.newest(SNAPSHOT_ROWS)
            # What came after the cursor follows as an append, to everyone alike.
            items = [row.json for row in found if row.cursor <= cursor]
            seat.send(self.topic, frames.rows("snapshot", self.topic, cursor, items))
            return
        missed = await self._source.after(since, MAX_CATCH_UP_ROWS + 1) if 0 <= since <= cursor else None
        if missed is None or len(missed) > MAX_CATCH_UP_ROWS:
            seat.lose(self.topic)
            return
        items = [row.json for row in missed if row.cursor <= cursor]
        seat.send(self.topic, frames.rows("append", self.topic, cursor, items))


class ValuePump(Pump):
    """Stats and breakers: the newest value, when it changes for the reader."""

    def __init__(self, topic: Topic, wakes_on: tuple[str, ...], source: ValueSource) -> None:
        super().__init__(topic, wakes_on)
        self._source = source
        self._shown: dict[Seat, object] = {}

    def leave(self, seat: Seat) -> None:
        super().leave(seat)
        self._shown.pop(seat, None)

    async def _advance(self) -> None:
        if not self.seats:
            return
        view = await self._source.read()
        texts: dict[object, str] = {}
        for seat in tuple(self.seats):
            key, content = view(seat.identity.scope)
            if self._shown.get(seat) != key:
                self._shown[seat] = key
                seat.outbox.replace(self.topic, texts.setdefault(key, frames.value(self.topic, content)))

    async def _welcome(self, seat: Seat, since: int | None) -> None:
        await self._advance()
