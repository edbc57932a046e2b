"""What waits to be sent on one socket: bounded in frames and bytes, with the newest value of each value topic."""

import asyncio
from collections import deque
from dataclasses import dataclass

from portico.realtime.frames import Topic


@dataclass(slots=True)
class _Waiting:
    """`replaces`: a newer value of the same topic takes this one's place."""

    topic: Topic | None
    text: str
    replaces: bool


class Outbox:
    def __init__(self, max_frames: int, max_bytes: int) -> None:
        self._max_frames, self._max_bytes = max_frames, max_bytes
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, topic: Topic, text: str) -> bool:
        """False when there is no room: the client is too slow for this topic. One frame fits always, however large it is."""
        full = len(self._waiting) >= self._max_frames or self._bytes + len(text) > self._max_bytes
        if full and self._waiting:
            return False
        self._put(_Waiting(topic, text, False))
        return True

    def replace(self, topic: Topic, text: str) -> None:
        """A value, of which only the newest matters."""
        for each in self._waiting:
            if each.topic == topic and each.replaces:
                self._bytes += len(text) - len(each.text)
                each.text = text
                return
        self._put(_Waiting(topic, text, True))

    def say(self, text: str) -> None:
        """A word about the socket itself; few by nature, since each answers something counted or timed."""
        self._put(_Waiting(None, text, False))

    def drop(self, topic: Topic) -> None:
        self._waiting = deque(each for each in self._waiting if each.topic != topic)
        self._bytes = sum(len(each.text) for each in self._waiting)

    async def take(self) -> str:
        while not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        each = self._waiting.popleft()
        self._bytes -= len(each.text)
        return each.text

    def _put(self, each: _Waiting) -> None:
        self._waiting.append(each)
        self._bytes += len(each.text)
        self._wake.set()
