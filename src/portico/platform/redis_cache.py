"""The cache's bytes in Redis, shared by all processes, and left alone while Redis does not answer.

Every key expires by itself, so any eviction policy is safe; `volatile-lru` or `allkeys-lru` keeps the most useful. A mark
that Redis loses or evicts is made anew, which makes what was kept under it unusable: losing costs reads, never truth.
"""

import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import TypeVar, cast

import structlog
from redis.asyncio import Redis

from portico.platform.cache import CacheAway, Family, KeptIn, Looked, new_mark
from portico.platform.redis_link import FAILURES

log = structlog.get_logger("portico.cache")
T = TypeVar("T")
FAILURES_TO_REST = 5
REST_S = 10.0
MARK_LIFE_S = 24 * 3600
_MARK_BYTES = 12
# What is written while Redis is away, to be forgotten there when it is back; beyond this, what is stale ends with its TTL.
MOST_OWED = 10_000
_SCAN_ROUNDS, _SCAN_KEYS = 20, 1000


class Breaker:
    """After five failures in a row the store rests for ten seconds; then one read tries whether it is back."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._failures, self._rests_until_s = 0, 0.0

    def admits(self) -> bool:
        if self._failures < FAILURES_TO_REST:
            return True
        if self._now_s() < self._rests_until_s:
            return False
        # Whoever asks next waits for what becomes of this one.
        self._rests_until_s = self._now_s() + REST_S
        return True

    def succeeded(self) -> None:
        if self._failures >= FAILURES_TO_REST:
            log.info("Redis is back: reads are cached again")
        self._failures = 0

    def failed(self, error: BaseException) -> None:
        self._failures += 1
        self._rests_until_s = self._now_s() + REST_S
        if self._failures == FAILURES_TO_REST:
            # Only its kind: an error's own words may hold the address with its password.
            log.warning("Redis is away: reads are not cached", error=type(error).__name__, rest_s=REST_S)


class RedisStore:
    kept_in: KeptIn = "redis"

    def __init__(self, redis: Redis, breaker: Breaker | None = None) -> None:
        self._redis = redis
        self._breaker = breaker or Breaker()
        self._owed: set[str] = set()

    async def look(self, mark_key: str, key: str) -> Looked:
        if self._owed:
            await self._pay()
        mark, value = cast(list[bytes | None], await self._try(lambda: self._redis.mget(mark_key, key)))
        if mark is None:
            return Looked(await self._agree_on_mark(mark_key), None)
        if value is None or value[:_MARK_BYTES] != mark:
            return Looked(mark, None)
        return Looked(mark, value[_MARK_BYTES:])

    async def keep(self, key: str, mark: bytes, value: bytes, ttl_s: float) -> None:
        await self._try(lambda: self._redis.set(key, mark + value, px=max(int(ttl_s * 1000), 1)))

    async def forget(self, mark_keys: Collection[str]) -> None:
        # Noted before it is tried: whoever is cancelled half-way owes it still.
        if len(self._owed) < MOST_OWED:
            self._owed.update(mark_keys)
        await self._pay()

    async def count(self, org_prefix: str, family: Family) -> int | None:
        found, cursor = 0, 0
        pattern = f"{org_prefix}*:{family}:*"
        for _ in range(_SCAN_ROUNDS):
            cursor, keys = await self._try(partial(self._redis.scan, cursor, match=pattern, count=_SCAN_KEYS))
            found += sum(not cast(bytes, key).endswith(b":mark") for key in keys)
            if cursor == 0:
                return found
        return None

    async def close(self) -> None:
        await self._redis.aclose()

    async def _pay(self) -> None:
        paying = set(self._owed)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for mark_key in paying:
                pipeline.set(mark_key, new_mark(), ex=MARK_LIFE_S)
            await self._try(pipeline.execute)
        self._owed -= paying

    async def _agree_on_mark(self, mark_key: str) -> bytes:
        """Several processes may find it missing at once; the first one's mark holds for all."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(mark_key, new_mark(), ex=MARK_LIFE_S, nx=True)
            pipeline.get(mark_key)
            _, mark = await self._try(pipeline.execute)
        if mark is None:
            raise CacheAway(tried=True)
        return cast(bytes, mark)

    async def _try(self, command: Callable[[], Awaitable[T]]) -> T:
        if not self._breaker.admits():
            raise CacheAway(tried=False)
        try:
            answer = await command()
        except FAILURES as error:
            self._breaker.failed(error)
            raise CacheAway(tried=True) from error
        self._breaker.succeeded()
        return answer
