"""Where the PostgreSQL tests run: the server named by PORTICO_TEST_POSTGRES, or the one on this machine."""

import asyncio
import os
import subprocess

import asyncpg
from sqlalchemy import MetaData
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_LOCAL = "postgresql+asyncpg://portico_test:portico_test@127.0.0.1:5432/postgres"
_MAKE_ROLE = (
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'portico_test') THEN "
    "CREATE ROLE portico_test LOGIN CREATEDB PASSWORD 'portico_test'; END IF; END $$"
)


def find() -> str:
    """The address of a server on which databases can be made, or nothing."""
    named = os.environ.get("PORTICO_TEST_POSTGRES")
    if named:
        return make_url(named).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    if _answers(_LOCAL):
        return _LOCAL
    if os.geteuid() == 0 and _make_local_role() and _answers(_LOCAL):
        return _LOCAL
    return ""


def create_database(server: str, name: str) -> str:
    # A lost commit at a crash does not matter here, and waiting for the disk does.
    _run(server, f'CREATE DATABASE "{name}"', f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(server: str, name: str) -> None:
    _run(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def create_tables(url: str, metadata: MetaData) -> None:
    async def create() -> None:
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()

    asyncio.run(create())


def _run(server: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(make_url(server).set(drivername="postgresql").render_as_string(False))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def _answers(server: str) -> bool:
    try:
        _run(server, "SELECT 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return True


def _make_local_role() -> bool:
    command = ["su", "postgres", "-c", f'psql -qc "{_MAKE_ROLE.replace("$", chr(92) + "$")}"']
    try:
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
