"""Bring the database to a revision, on both engines; two processes that start at once do it one after the other."""

import asyncio
from collections.abc import Callable
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from portico.platform.bus import LocalBus
from portico.platform.db import open_database
from portico.platform.schema import script_folder
from portico.platform.settings import Settings

# Any number will do as long as nothing else in the database locks with it.
_ADVISORY_LOCK = 720_809_001


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Apply what is missing up to `revision`; nothing happens when the database is already there."""
    asyncio.run(upgrade_database(settings, revision))


def downgrade(settings: Settings, revision: str) -> None:
    """Take revisions back down to `revision` (`base` for all); what newer tables held is lost."""
    asyncio.run(downgrade_database(settings, revision))


def current(settings: Settings) -> str | None:
    """The revision the database is at; None when it is empty."""
    return asyncio.run(current_revision(settings))


def newest() -> str | None:
    """The revision this version of Portico needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def upgrade_database(settings: Settings, revision: str = "head") -> None:
    """`upgrade` for those who already run in a loop."""
    await _on_database(settings, lambda config: command.upgrade(config, revision))


async def downgrade_database(settings: Settings, revision: str) -> None:
    await _on_database(settings, lambda config: command.downgrade(config, revision))


async def current_revision(settings: Settings) -> str | None:
    found: list[str | None] = []
    await _with_connection(
        settings, lambda connection: found.append(MigrationContext.configure(connection).get_current_revision())
    )
    return found[0]


async def _on_database(settings: Settings, run: Callable[[Config], Any]) -> None:
    def locked(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            # Waiting behind a long transaction would stop everyone else: better to give up and be run again. The work
            # itself may take longer than a request ever should.
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        run(_config(connection))

    await _with_connection(settings, locked)


async def _with_connection(settings: Settings, run: Callable[[Connection], Any]) -> None:
    database = open_database(settings, LocalBus())
    try:
        async with database.sqlalchemy.connect() as connection:
            # On SQLite the write lock from the start keeps a second process waiting and makes the whole step one transaction.
            await connection.execution_options(portico_begin="BEGIN IMMEDIATE")
            async with connection.begin():
                # The lock comes with the first statement, and Alembic, which keeps its state for the whole process, comes after.
                await connection.execute(text("SELECT 1"))
                await connection.run_sync(run)
    finally:
        await database.close()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(script_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
