"""One visit to the connection's thread for each statement, and the answers that the plain driver gives."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from portico.platform import sqlite_driver


class Counted(sqlite_driver.Connection):
    visits = 0

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        Counted.visits += 1
        return await super()._execute(fn, *args, **kwargs)


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncEngine]:
    monkeypatch.setattr(sqlite_driver, "Connection", Counted)
    opened = create_async_engine(
        "sqlite+aiosqlite://", async_creator=sqlite_driver.opener(str(tmp_path / "t.db"), timeout_s=0.05)
    )
    async with opened.begin() as connection:
        await connection.execute(text("CREATE TABLE stock (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"))
    yield opened
    await opened.dispose()


async def test_a_statement_is_one_visit_whether_it_writes_or_reads(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        before = Counted.visits
        added = await connection.execute(
            text("INSERT INTO stock (name) VALUES (:n) RETURNING id, name"), {"n": "hammer"}
        )
        assert added.all() == [(1, "hammer")]
        assert Counted.visits == before + 1
        rows = await connection.execute(text("SELECT name FROM stock WHERE id < 5"))
        assert rows.scalars().all() == ["hammer"]
        assert Counted.visits == before + 2


async def test_it_counts_what_many_rows_at_once_changed(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        many = [{"n": f"nail {number}"} for number in range(40)]
        assert (await connection.execute(text("INSERT INTO stock (name) VALUES (:n)"), many)).rowcount == 40
        assert (await connection.execute(text("DELETE FROM stock WHERE id > 10"))).rowcount == 30
        assert (await connection.execute(text("SELECT count(*) FROM stock"))).scalar_one() == 10


async def test_a_cursor_that_is_read_in_parts_gives_every_row_once(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text("INSERT INTO stock (name) VALUES (:n)"), [{"n": str(each)} for each in range(150)]
        )
        read = [row.id async for row in await connection.stream(text("SELECT id FROM stock ORDER BY id"))]
    assert read == list(range(1, 151))


async def test_what_the_database_refuses_is_raised_as_by_the_plain_driver(engine: AsyncEngine, tmp_path: Path) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("INSERT INTO stock (name) VALUES ('saw')"))
        with pytest.raises(IntegrityError):
            await connection.execute(text("INSERT INTO stock (name) VALUES ('saw')"))
        with pytest.raises(OperationalError, match="no such table"):
            await connection.execute(text("SELECT * FROM nowhere"))
        await connection.rollback()
    other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    async with engine.connect() as connection:
        with pytest.raises(OperationalError, match="locked"):
            await connection.execute(text("SELECT * FROM stock"))
    other.close()


async def driver_of(connection: AsyncConnection) -> sqlite_driver.Connection:
    return (await connection.get_raw_connection()).driver_connection  # type: ignore[return-value]


async def test_a_transaction_is_opened_with_its_first_statement_and_ended_once(engine: AsyncEngine) -> None:
    Counted.visits = 0
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        async with connection.begin():
            driver.open_with("BEGIN IMMEDIATE")
            await connection.execute(text("SELECT 1"))
            assert driver.in_transaction
    # The statement and the commit; what the pool does to be sure costs nothing.
    assert Counted.visits == 2
    assert not driver.in_transaction


async def test_a_transaction_without_statements_costs_nothing(engine: AsyncEngine) -> None:
    Counted.visits = 0
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        async with connection.begin():
            driver.open_with("BEGIN IMMEDIATE")
    assert Counted.visits == 0
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        # What was never begun is not begun by the next.
        assert not (await driver_of(connection)).in_transaction


async def test_what_could_not_be_opened_leaves_the_connection_good(engine: AsyncEngine, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        opened = await connection.begin()
        driver.open_with("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            await connection.execute(text("SELECT 1"))
        await opened.rollback()
        other.close()
        async with connection.begin():
            driver.open_with("BEGIN IMMEDIATE")
            await connection.execute(text("INSERT INTO stock (name) VALUES ('saw')"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT name FROM stock"))).scalars().all() == ["saw"]


async def test_a_statement_that_nobody_waited_for_is_taken_back(engine: AsyncEngine, tmp_path: Path) -> None:
    """Cancelled while it waits for a lock; it gets the lock later, and must not keep it."""
    other = sqlite3.connect(tmp_path / "t.db", isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA busy_timeout = 10000")
    other.execute("BEGIN IMMEDIATE")
    driver = await sqlite_driver.opener(str(tmp_path / "t.db"), timeout_s=10)()
    assert isinstance(driver, sqlite_driver.Connection)
    driver._conn.isolation_level = None
    driver.open_with("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(driver.visit(lambda cursor: cursor.execute("DELETE FROM stock")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    other.execute("COMMIT")
    await driver.rollback()
    assert not driver.in_transaction
    other.execute("BEGIN IMMEDIATE")
    other.execute("COMMIT")
    await driver.close()
    other.close()
