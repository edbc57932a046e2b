"""A cache of reads: bounded, short-lived, and forgotten at once when something behind it is written.

It fails open: a read that cannot be cached is simply done. Nothing that decides who may do what, or how much is left, is
ever read through it. The bytes are kept in process (`MemoryStore`) or, for several processes, in Redis (`redis_cache`).

A key names the installation's environment, the org, the scope, the family and what was asked:
`portico:{env}:{org}:{scope}:{family}:{what}`. Whatever an org has in one family carries the family's mark of that moment;
a write changes the mark, and what was read before the write, or is still being read, can then never be used again.
"""

import hashlib
import os
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast, get_args

import msgspec
import structlog

from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope
from portico.platform.sections import CacheSettings

log = structlog.get_logger("portico.cache")
T = TypeVar("T")
Family = Literal["templates", "session_summaries", "service_summaries", "org_settings", "dashboards"]
KeptIn = Literal["memory", "redis"]
FAMILIES: tuple[Family, ...] = get_args(Family)
# Those that something reads through today; the times of the others are settled before there is something to read.
USED_FAMILIES: frozenset[Family] = frozenset({"service_summaries", "org_settings", "dashboards"})
# A larger answer is not kept: it would push out hundreds of others.
MAX_VALUE_BYTES = 256 * 1024
# Upper bounds of the ages that are told apart, in seconds.
AGES_S = (0.1, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0)
_EVERY_SCOPE = "-"


class CacheAway(Exception):
    """The store cannot be used now; `tried` is false when it was left alone because it failed a moment ago."""

    def __init__(self, *, tried: bool) -> None:
        super().__init__("the cache cannot be reached")
        self.tried = tried


class Looked(NamedTuple):
    """`mark` is the family's mark of now; `kept` is the value only when it carries the same."""

    mark: bytes
    kept: bytes | None


class Store(Protocol):
    """Where the bytes are. Every method may raise CacheAway."""

    @property
    def kept_in(self) -> KeptIn: ...

    async def look(self, mark_key: str, key: str) -> Looked: ...

    async def keep(self, key: str, mark: bytes, value: bytes, ttl_s: float) -> None: ...

    async def forget(self, mark_keys: Collection[str]) -> None:
        """Make all that was kept under these marks unusable; what cannot be done now is done before the next look."""
        ...

    async def count(self, org_prefix: str, family: Family) -> int | None:
        """Entries of the family under the org's prefix; None when counting them would take too long."""
        ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class FamilyNumbers:
    """What became of the reads of one family in this process. `ages` counts hits by AGES_S, the last beyond them all."""

    hits: int = 0
    misses: int = 0
    errors: int = 0
    age_sum_s: float = 0.0
    age_max_s: float = 0.0
    ages: list[int] = field(default_factory=lambda: [0] * (len(AGES_S) + 1))

    def hit(self, age_s: float) -> None:
        self.hits += 1
        self.age_sum_s += age_s
        self.age_max_s = max(self.age_max_s, age_s)
        self.ages[bisect_left(AGES_S, age_s)] += 1


class _Kept(msgspec.Struct, array_like=True):
    at_s: float
    answer: msgspec.Raw


class ReadCache:
    """What domains read through; counts what became of it.

    now_s   the wall clock, for ages that other processes can tell too
    """

    def __init__(
        self,
        store: Store | None = None,
        settings: CacheSettings | None = None,
        environment: str = "development",
        now_s: Callable[[], float] = time.time,
    ) -> None:
        settings = settings or CacheSettings()
        self.store: Store = store or MemoryStore(settings.max_bytes)
        self.ttl_s: dict[Family, float] = {family: getattr(settings, f"{family}_ttl_s") for family in FAMILIES}
        self.numbers: dict[Family, FamilyNumbers] = {}
        self._environment, self._now_s = environment, now_s

    async def read(
        self, family: Family, scope: OrgScope, asked: object, as_type: type[T], load: Callable[[], Awaitable[T]]
    ) -> T:
        """What was read less than the family's TTL ago, or what `load` reads now.

        asked     all that the answer depends on besides org and scope, also of the reader; plain data
        as_type   what `load` returns; must survive msgspec unchanged
        """
        numbers = self.numbers.setdefault(family, FamilyNumbers())
        ttl_s = self.ttl_s[family]
        if ttl_s <= 0:
            return await load()
        key = self._key(scope.org_id, scope.scope, family, _digest(asked))
        try:
            looked = await self.store.look(self._mark_key(scope.org_id, family), key)
        except CacheAway as away:
            numbers.errors += away.tried
            numbers.misses += 1
            return await load()
        found = None if looked.kept is None else self._opened(looked.kept, as_type, numbers)
        if found is not None:
            return found[0]
        numbers.misses += 1
        answer = await load()
        await self._keep(key, looked.mark, answer, ttl_s, numbers)
        return answer

    async def forget(self, org_id: OrgId, *families: Family) -> None:
        """After a write: whatever the org has in these families is read anew, in every process, from now on."""
        await self.forget_all({org_id: families})

    async def forget_all(self, written: Mapping[OrgId, Collection[Family]]) -> None:
        """The same for many orgs in one go."""
        marks = [self._mark_key(org_id, family) for org_id, families in written.items() for family in families]
        try:
            await self.store.forget(marks)
        except CacheAway:
            # The store remembers what it owes; until it can be reached again, nothing is read from it here.
            log.debug("the cache could not be told of a write", marks=len(marks))

    async def count(self, org_id: OrgId, family: Family) -> int | None:
        try:
            return await self.store.count(f"portico:{self._environment}:{org_id}:", family)
        except CacheAway:
            return None

    async def _keep(self, key: str, mark: bytes, answer: object, ttl_s: float, numbers: FamilyNumbers) -> None:
        value = _pack(self._now_s(), answer)
        if len(value) > MAX_VALUE_BYTES:
            return
        try:
            await self.store.keep(key, mark, value, ttl_s)
        except CacheAway as away:
            numbers.errors += away.tried

    def _opened(self, value: bytes, as_type: type[T], numbers: FamilyNumbers) -> tuple[T] | None:
        """In a tuple, because None is an answer too; nothing when an older version of Portico wrote something else."""
        try:
            kept = _unpack_kept.decode(value)
            answer: T = _decoder(cast(Hashable, as_type)).decode(kept.answer)
        except msgspec.DecodeError:
            numbers.errors += 1
            return None
        numbers.hit(max(self._now_s() - kept.at_s, 0.0))
        return (answer,)

    def _key(self, org_id: str, scope: str, family: Family, what: str) -> str:
        return f"portico:{self._environment}:{org_id}:{scope}:{family}:{what}"

    def _mark_key(self, org_id: str, family: Family) -> str:
        return self._key(org_id, _EVERY_SCOPE, family, "mark")


_unpack_kept = msgspec.msgpack.Decoder(_Kept)


def _pack(at_s: float, answer: object) -> bytes:
    return msgspec.msgpack.encode(_Kept(at_s, msgspec.Raw(msgspec.msgpack.encode(answer))))


@lru_cache(maxsize=256)
def _decoder(as_type: Hashable) -> "msgspec.msgpack.Decoder[Any]":
    return msgspec.msgpack.Decoder(cast(type[Any], as_type))


def _digest(asked: object) -> str:
    """The same for the same question in every process, whatever order its sets are in."""
    return hashlib.blake2b(msgspec.json.encode(asked, order="deterministic"), digest_size=16).hexdigest()


class MemoryStore:
    """In this process alone. The least recently used goes first when the memory is full."""

    MOST_MARKS = 100_000
    kept_in: KeptIn = "memory"

    def __init__(self, max_bytes: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes, self._now_s = max_bytes, now_s
        self._kept: OrderedDict[str, tuple[float, bytes, bytes]] = OrderedDict()
        self._bytes = 0
        self._marks: dict[str, bytes] = {}

    async def look(self, mark_key: str, key: str) -> Looked:
        mark = self._marks.get(mark_key) or self._new_mark(mark_key)
        kept = self._kept.get(key)
        if kept is None:
            return Looked(mark, None)
        until, its_mark, value = kept
        if its_mark != mark or until <= self._now_s():
            self._drop(key)
            return Looked(mark, None)
        self._kept.move_to_end(key)
        return Looked(mark, value)

    async def keep(self, key: str, mark: bytes, value: bytes, ttl_s: float) -> None:
        self._drop(key)
        self._kept[key] = (self._now_s() + ttl_s, mark, value)
        self._bytes += _weight(key, value)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    async def forget(self, mark_keys: Collection[str]) -> None:
        for mark_key in mark_keys:
            self._new_mark(mark_key)

    async def count(self, org_prefix: str, family: Family) -> int | None:
        return sum(key.startswith(org_prefix) and key.split(":", 5)[4] == family for key in self._kept)

    async def close(self) -> None:
        self._kept.clear()

    def _new_mark(self, mark_key: str) -> bytes:
        if len(self._marks) >= self.MOST_MARKS:
            # Marks are never used twice, so what was kept under the old ones is simply not found again.
            self._marks.clear()
        mark = self._marks[mark_key] = new_mark()
        return mark

    def _drop(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= _weight(key, kept[2])


def new_mark() -> bytes:
    return os.urandom(12)


def _weight(key: str, value: bytes) -> int:
    """With what the entry itself costs, so that many small ones are bounded too."""
    return len(key) + len(value) + 300
