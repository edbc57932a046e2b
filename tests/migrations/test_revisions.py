import asyncio
from dataclasses import replace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from portico.platform import migrate
from portico.platform.bus import LocalBus
from portico.platform.db import metadata, open_database
from portico.platform.sections import Sealed
from portico.platform.settings import Settings
from tests.conftest import load_every_table


@pytest.fixture
async def empty(engine_url: str, settings: Settings) -> Settings:
    """Settings that point at a database without any table."""
    load_every_table()
    pointed = replace(settings, database=replace(settings.database, url=Sealed(engine_url)))
    await look(pointed, metadata.drop_all)
    await look(pointed, drop_history)
    return pointed


@pytest.fixture
def engine_url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_spare"))
    return f"sqlite+aiosqlite:///{tmp_path}/portico.db"


async def look(settings: Settings, read: Any) -> Any:
    database = open_database(settings, LocalBus())
    try:
        async with database.sqlalchemy.begin() as connection:
            return await connection.run_sync(read)
    finally:
        await database.close()


def drop_history(connection: Connection) -> None:
    connection.execute(text("DROP TABLE IF EXISTS alembic_version"))


def names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, metadata))


def guards(connection: Connection) -> set[str]:
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.dialect.name == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    return set(connection.execute(text(query)).scalars())


@pytest.mark.req("SP21")
async def test_up_down_and_up_again(empty: Settings) -> None:
    assert await migrate.current_revision(empty) is None
    await migrate.upgrade_database(empty)
    assert await migrate.current_revision(empty) == migrate.newest()
    assert await look(empty, names) == set(metadata.tables)
    await migrate.downgrade_database(empty, "base")
    assert await look(empty, names) == set()
    assert await look(empty, guards) == set()
    await migrate.upgrade_database(empty)
    await migrate.upgrade_database(empty)
    assert await look(empty, names) == set(metadata.tables)


async def test_the_migrated_schema_is_the_declared_one(empty: Settings) -> None:
    await migrate.upgrade_database(empty)
    assert await look(empty, differences) == []


async def test_history_is_guarded_the_same_way_however_the_schema_came(empty: Settings) -> None:
    await migrate.upgrade_database(empty)
    migrated = await look(empty, guards)
    await migrate.downgrade_database(empty, "base")
    await look(empty, metadata.create_all)
    assert await look(empty, guards) == migrated
    assert migrated


async def test_processes_that_start_at_once_migrate_one_after_the_other(empty: Settings) -> None:
    await asyncio.gather(*(migrate.upgrade_database(empty) for _ in range(3)))
    assert await look(empty, names) == set(metadata.tables)


def test_there_is_one_line_of_revisions() -> None:
    assert migrate.newest() is not None
