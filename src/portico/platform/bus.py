"""Nudges: 'look again', without data. Losing one costs latency, never truth."""

import asyncio
from collections import defaultdict
from typing import Protocol


class Bus(Protocol):
    def nudge(self, topic: str) -> None: ...

    def listen(self, *topics: str) -> asyncio.Event:
        """An event that is set at each nudge of these topics; the listener clears it before it looks."""
        ...

    def forget(self, event: asyncio.Event) -> None: ...


class LocalBus:
    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def nudge(self, topic: str) -> None:
        for event in self._listeners.get(topic, ()):
            event.set()

    def listen(self, *topics: str) -> asyncio.Event:
        event = asyncio.Event()
        for topic in topics:
            self._listeners[topic].add(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        for listeners in self._listeners.values():
            listeners.discard(event)
