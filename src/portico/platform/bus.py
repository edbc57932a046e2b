"""Nudges: 'look again', without data. Losing one costs latency, never truth."""

import asyncio
from collections import defaultdict
from typing import Protocol


class Bus(Protocol):
    @property
    def connected(self) -> bool:
        """Whether the other processes can be heard; alone, a process hears all there is."""
        ...

    def nudge(self, topic: str) -> None: ...

    def listen(self, *topics: str) -> asyncio.Event:
        """An event that is set at each nudge of these topics; the listener clears it before it looks."""
        ...

    def forget(self, event: asyncio.Event) -> None: ...


class LocalBus:
    """Within one process. `redis_bus` carries the same nudges to the other processes."""

    connected = True

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def nudge(self, topic: str) -> None:
        for event in self._listeners.get(topic, ()):
            event.set()

    def nudge_all(self) -> None:
        """For when nudges may have been missed: everyone looks."""
        for listeners in self._listeners.values():
            for event in listeners:
                event.set()

    def listen(self, *topics: str) -> asyncio.Event:
        event = asyncio.Event()
        for topic in topics:
            self._listeners[topic].add(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        for topic in [topic for topic, listeners in self._listeners.items() if event in listeners]:
            self._listeners[topic].discard(event)
            if not self._listeners[topic]:
                del self._listeners[topic]
