"""One open socket as pumps see it: whose it is, what waits for it, what it listens to."""

import asyncio
from typing import Protocol

from portico.domains.tenancy.model import Identity
from portico.realtime import frames
from portico.realtime.frames import Topic
from portico.realtime.outbox import Outbox

NEEDS: dict[Topic, str] = {
    "calls": "calls.read",
    "events": "events.read",
    "stats": "calls.read",
    "breakers": "services.read",
}


class Leaving(Protocol):
    def leave(self, seat: "Seat") -> None: ...


class Seat:
    def __init__(self, identity: Identity, outbox: Outbox) -> None:
        self.identity, self.outbox = identity, outbox
        self.pumps: dict[Topic, Leaving] = {}
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def send(self, topic: Topic, text: str) -> None:
        """Rows, none of which may be missing: without room the topic ends and the client is told to start it again."""
        if not self.outbox.offer(topic, text):
            self.lose(topic)

    def lose(self, topic: Topic) -> None:
        """End the topic: nothing of it is sent any more but the word to subscribe again."""
        self.leave(topic)
        self.outbox.say(frames.resync(topic))

    def leave(self, topic: Topic) -> None:
        pump = self.pumps.pop(topic, None)
        if pump is not None:
            pump.leave(self)
        self.outbox.drop(topic)

    def leave_all(self) -> None:
        for topic in tuple(self.pumps):
            self.leave(topic)

    def end(self, code: int) -> None:
        """Close the socket with this code; the first word counts."""
        if not self._ended.done():
            self._ended.set_result(code)

    async def ended(self) -> int:
        return await asyncio.shield(self._ended)
