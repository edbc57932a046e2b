"""What a domain is handed: the ground it stands on, nothing else."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from portico.kernel.clock import Clock, SystemClock
from portico.platform.bus import Bus, LocalBus
from portico.platform.cache import ReadCache
from portico.platform.crypto import KeyRing, Sealer, open_key_ring
from portico.platform.db import Database, Tx, open_database
from portico.platform.settings import Settings


@dataclass(frozen=True, slots=True)
class Deps:
    db: Database
    bus: Bus
    clock: Clock
    keys: KeyRing
    sealer: Sealer
    settings: Settings
    cache: ReadCache

    def __post_init__(self) -> None:
        # A commit makes the cache forget before it wakes anyone, so that whoever is woken reads what was written.
        self.db.forgets_in(self.cache)

    def uow(self) -> AbstractAsyncContextManager[Tx]:
        """One write transaction."""
        return self.db.write()

    def read(self) -> AbstractAsyncContextManager[Tx]:
        return self.db.read()


@asynccontextmanager
async def open_bus(settings: Settings) -> AsyncIterator[Bus]:
    """In process, or over Redis where one is configured; Redis may be away at any time, also now."""
    if not settings.redis.url:
        yield LocalBus()
        return
    from portico.platform.redis_bus import running_bus

    async with running_bus(settings.redis.url.reveal(), settings.environment) as bus:
        yield bus


@asynccontextmanager
async def open_cache(settings: Settings) -> AsyncIterator[ReadCache]:
    if not settings.redis.url:
        yield ReadCache(None, settings.cache, settings.environment)
        return
    from portico.platform.redis_cache import RedisStore
    from portico.platform.redis_link import open_redis

    store = RedisStore(open_redis(settings.redis.url.reveal()))
    try:
        yield ReadCache(store, settings.cache, settings.environment)
    finally:
        await store.close()


@asynccontextmanager
async def open_deps(settings: Settings) -> AsyncIterator[Deps]:
    """The ground, opened and closed; waits for the database.

    raises   DatabaseUnavailable · MasterKeyInvalid
    """
    keys = open_key_ring(settings)
    async with open_cache(settings) as cache, open_bus(settings) as bus:
        database = open_database(settings, bus)
        try:
            await database.wait_until_up(settings.server.startup_wait_s)
            yield Deps(database, bus, SystemClock(), keys, Sealer(keys), settings, cache)
        finally:
            await database.close()
