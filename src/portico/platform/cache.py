"""A cache of reads: in process, bounded, short-lived, and forgotten at once when something behind it is written.

It fails open: a read that cannot be cached is simply done. Nothing that decides who may do what, or how much is left, is
ever read through it.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from portico.platform.bus import Bus

T = TypeVar("T")
MOST_ENTRIES = 4096


class ReadCache:
    """Entries are keyed by family, org and what was asked; the least recently used goes first.

    forgets_on   the nudge after which nothing kept may be used any more
    """

    def __init__(self, bus: Bus, forgets_on: str = "snapshot", most_entries: int = MOST_ENTRIES) -> None:
        self._written = bus.listen(forgets_on)
        self._most_entries = most_entries
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        # Grows at each forgetting: what was read before a write may not be kept after it.
        self._generation = 0
        self.hits: Counter[str] = Counter()
        self.misses: Counter[str] = Counter()

    async def read(
        self, family: str, org_id: str, asked: Hashable, ttl_s: float, load: Callable[[], Awaitable[T]]
    ) -> T:
        """What was read less than `ttl_s` ago, or what `load` reads now."""
        self._forget_if_written()
        key, now = (family, org_id, asked), time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and kept[0] > now:
            self._kept.move_to_end(key)
            self.hits[family] += 1
            found: T = kept[1]
            return found
        self.misses[family] += 1
        generation = self._generation
        loaded = await load()
        self._forget_if_written()
        if generation == self._generation:
            self._keep(key, now + ttl_s, loaded)
        return loaded

    def forget(self) -> None:
        self._kept.clear()
        self._generation += 1

    def _forget_if_written(self) -> None:
        if self._written.is_set():
            self._written.clear()
            self.forget()

    def _keep(self, key: Hashable, until: float, loaded: object) -> None:
        self._kept[key] = (until, loaded)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most_entries:
            self._kept.popitem(last=False)
