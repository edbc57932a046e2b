"""One open socket as pumps see it: whose it is, what waits for it, what it listens to."""

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portico.domains.tenancy.model import Identity
from portico.realtime import frames
from portico.realtime.line import Line
from portico.realtime.outbox import Outbox
from portico.realtime.packet import Packet

if TYPE_CHECKING:
    from portico.realtime.pumps import Pump
    from portico.realtime.topics import Topic

# Words about the socket that may wait for a client that reads nothing, beyond what its topics may.
_MOST_WORDS = 64


@dataclass(slots=True)
class Listening:
    """`tab` names the browser tab behind this subscription, whose own patches are not sent back to it."""

    topic: "Topic"
    pump: "Pump"
    tab: str | None


class Seat:
    __slots__ = ("_task", "code", "deflates", "heard_at", "identity", "line", "listening", "outbox")

    def __init__(self, identity: Identity, line: Line, outbox: Outbox) -> None:
        self.identity, self.line, self.outbox = identity, line, outbox
        self.listening: dict[str, Listening] = {}
        self.deflates = False
        self.heard_at = time.monotonic()
        self.code: int | None = None
        self._task: asyncio.Task[object] | None = asyncio.current_task()
        line.on_ready = self._flush

    def send(self, topic: str, packet: Packet) -> None:
        """Rows, none of which may be missing: without room the topic ends and the client is told to start it again."""
        line = self.line
        if line.ready and not self.outbox:
            line.write(packet.frame(deflated=self.deflates))
        elif not self.outbox.offer(topic, packet):
            self.lose(topic)

    def show(self, topic: str, packet: Packet) -> None:
        """A value, of which only the newest matters."""
        if self._passes():
            self.line.write(packet.frame(deflated=self.deflates))
        else:
            self.outbox.replace(topic, packet)

    def say(self, packet: Packet) -> None:
        """A word about the socket itself; a client that lets too many of them wait does not read, and is cut off."""
        if self._passes():
            self.line.write(packet.frame(deflated=self.deflates))
        elif self.outbox.has_room or len(self.outbox) < _MOST_WORDS:
            self.outbox.say(packet)
        else:
            self.line.abort()

    def lose(self, topic: str) -> None:
        """End the topic: nothing of it is sent any more but the word to subscribe again."""
        self.leave(topic)
        self.say(frames.resync(topic))

    def turn_out(self, topic: str, why: frames.Why) -> None:
        """End the topic for good: the reader may not follow it any more, or it is gone."""
        self.leave(topic)
        self.say(frames.left(topic, why))

    def leave(self, topic: str) -> None:
        listening = self.listening.pop(topic, None)
        if listening is not None:
            listening.pump.leave(self)
        self.outbox.drop(topic)

    def leave_all(self) -> None:
        self.line.on_ready = None
        for topic in tuple(self.listening):
            self.leave(topic)
        self._task = None

    def end(self, code: int) -> None:
        """Close the socket with this code; the first word counts."""
        if self.code is None and self._task is not None:
            self.code = code
            self._task.cancel()

    def _passes(self) -> bool:
        return not self.outbox and self.line.ready

    def _flush(self) -> None:
        while self.outbox and self.line.ready:
            self.line.write(self.outbox.take().frame(deflated=self.deflates))
