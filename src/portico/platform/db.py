"""One store layer on SQLite (WAL) and PostgreSQL. `write()` is one transaction; services never commit."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from sqlalchemy import BigInteger, Executable, MetaData, TypeDecorator, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult, Dialect, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import JSON

from portico.kernel.clock import Clock, SystemClock
from portico.kernel.ids import OrgId
from portico.platform import sqlite_driver
from portico.platform.bus import Bus
from portico.platform.cache import Family, ReadCache
from portico.platform.crypto import open_key_ring
from portico.platform.sections import DatabaseSettings
from portico.platform.settings import Settings

Engine = Literal["sqlite", "postgresql"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = JSON().with_variant(postgresql.JSONB(), "postgresql")
# SQLite gives a row id only to a column typed exactly INTEGER.
BigId = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """Whole microseconds since 1970 on both engines: sorts, compares and pages the same way everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


def to_micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def from_micros(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


# Longest wait for another process that writes to the same SQLite file.
_BUSY_S = 30.0


class DatabaseUnavailable(Exception):
    """The database did not answer within the start-up wait; the message holds the command that fixes it."""


class Tx:
    """An open transaction; `nudge` and `forget` tell listeners and the cache after the commit, and only then.

    clock       stamps what is recorded inside the transaction
    audit_key   chains the audit entries written inside it
    """

    def __init__(self, connection: AsyncConnection, engine: Engine, clock: Clock, audit_key: bytes) -> None:
        self.connection, self.engine = connection, engine
        self.clock, self.audit_key = clock, audit_key
        self.nudges: set[str] = set()
        self.forgets: defaultdict[OrgId, set[Family]] = defaultdict(set)
        # Statements under way, and those that are through: whoever watches sees whether the transaction is left idle.
        self.running = self.executed = 0

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        self.running += 1
        try:
            return await self.connection.execute(statement, parameters)
        finally:
            self.running -= 1
            self.executed += 1

    def nudge(self, topic: str) -> None:
        self.nudges.add(topic)

    def forget(self, org_id: OrgId, family: Family) -> None:
        """What the org has cached in the family is changed by this transaction."""
        self.forgets[org_id].add(family)


class Database:
    def __init__(self, settings: DatabaseSettings, data_dir: Path, bus: Bus, clock: Clock, audit_key: bytes) -> None:
        self.url = database_url(settings, data_dir)
        self.engine_name: Engine = "sqlite" if self.url.startswith("sqlite") else "postgresql"
        self._engine = _create_engine(self.url, self.engine_name, settings)
        self._bus, self._clock, self._audit_key = bus, clock, audit_key
        self._cache: ReadCache | None = None
        # SQLite has one writer; queueing here keeps waiting in memory, where it is fair and cheap, instead of in busy loops.
        self._writer = asyncio.Lock() if self.engine_name == "sqlite" else None

    def forgets_in(self, cache: ReadCache) -> None:
        self._cache = cache

    @property
    def sqlalchemy(self) -> AsyncEngine:
        return self._engine

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One transaction: commits on exit, rolls back on error, then makes the cache forget and nudges."""
        if self._writer is None:
            async with self._begin(read_only=False) as tx:
                yield tx
        else:
            async with self._writer, self._begin(read_only=False) as tx:
                yield tx
        if self._cache is not None and tx.forgets:
            await self._cache.forget_all(tx.forgets)
        for topic in tx.nudges:
            self._bus.nudge(topic)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A consistent view for reading; on SQLite it does not wait for the writer."""
        async with self._begin(read_only=True) as tx:
            yield tx

    @asynccontextmanager
    async def _begin(self, *, read_only: bool) -> AsyncIterator[Tx]:
        async with self._engine.connect() as connection:
            if self.engine_name == "sqlite":
                await connection.execution_options(portico_begin="BEGIN" if read_only else "BEGIN IMMEDIATE")
            elif read_only:
                # Several statements of one answer must see the same moment, as they do on SQLite.
                await connection.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin():
                yield Tx(connection, self.engine_name, self._clock, self._audit_key)

    async def ping(self) -> None:
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def wait_until_up(self, wait_s: float) -> None:
        """Retry with growing pauses; raises DatabaseUnavailable with what to do."""
        deadline, pause = asyncio.get_running_loop().time() + wait_s, 0.1
        while True:
            try:
                await asyncio.wait_for(self.ping(), timeout=5)
                return
            except (OSError, DBAPIError, OperationalError, TimeoutError) as error:
                if asyncio.get_running_loop().time() + pause > deadline:
                    shown = self._engine.url.render_as_string(hide_password=True)
                    raise DatabaseUnavailable(
                        f"The database {shown} did not answer for {wait_s:g} s ({type(error).__name__}). Start it, or correct PORTICO_DATABASE_URL, then run: portico doctor"
                    ) from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5)

    async def close(self) -> None:
        await self._engine.dispose()


def database_url(settings: DatabaseSettings, data_dir: Path) -> str:
    """The address with its async driver; sync forms as people write them are accepted."""
    url = settings.url.reveal()
    if not url:
        return f"sqlite+aiosqlite:///{data_dir / 'portico.db'}"
    for plain, driver in (
        ("postgresql://", "postgresql+asyncpg://"),
        ("postgres://", "postgresql+asyncpg://"),
        ("sqlite:///", "sqlite+aiosqlite:///"),
    ):
        if url.startswith(plain):
            return driver + url.removeprefix(plain)
    return url


def open_database(settings: Settings, bus: Bus, clock: Clock | None = None) -> Database:
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    audit_key = open_key_ring(settings).derive("audit")
    return Database(settings.database, settings.data_dir, bus, clock or SystemClock(), audit_key)


def _create_engine(url: str, engine_name: Engine, settings: DatabaseSettings) -> AsyncEngine:
    if engine_name == "postgresql":
        timeout_ms = str(int(settings.statement_timeout_s * 1000))
        return create_async_engine(
            url,
            pool_size=settings.pool_size,
            max_overflow=settings.pool_size,
            pool_pre_ping=True,
            json_deserializer=orjson.loads,
            # What was bound to a statement (digests, addresses) has no place in a log line about its failure.
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "server_settings": {"statement_timeout": timeout_ms, "application_name": "portico"},
            },
        )
    engine = create_async_engine(
        url,
        # Each is a thread, cheap to keep and dear to start: those that a rush needed stay for the next.
        pool_size=16,
        max_overflow=8,
        json_deserializer=orjson.loads,
        hide_parameters=True,
        async_creator=sqlite_driver.opener(make_url(url).database or "", _BUSY_S),
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: we say BEGIN or BEGIN IMMEDIATE below.
    connection.isolation_level = None
    cursor = connection.cursor()
    # FULL: a commit survives power loss, as promised for what was acknowledged.
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_S * 1000:g}",
        "temp_store=MEMORY",
        "mmap_size=268435456",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    driver: sqlite_driver.Connection = connection.connection.driver_connection
    driver.open_with(connection.get_execution_options().get("portico_begin", "BEGIN"))
