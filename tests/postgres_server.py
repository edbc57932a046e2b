"""Where the PostgreSQL tests run: the server named by PORTICO_TEST_POSTGRES, or the one on this machine."""

import asyncio
import fcntl
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
from sqlalchemy import MetaData
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_LOCAL = "postgresql+asyncpg://portico_test:portico_test@127.0.0.1:5432/postgres"
_MOST_DATABASES = 64
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


@contextmanager
def borrow_database(server: str) -> Iterator[str]:
    """The URL of an empty database that is ours until the end; it stays for the next run, for making one takes seconds."""
    for number in range(_MOST_DATABASES):
        with (Path(tempfile.gettempdir()) / f"portico-test-{os.getuid()}-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            url = make_url(server).set(database=f"portico_test_{socket.gethostname()}_{os.getuid()}_{number}")
            _make_empty(server, url)
            yield url.render_as_string(hide_password=False)
            return
    raise RuntimeError(f"all {_MOST_DATABASES} test databases are in use")


def _make_empty(server: str, url: URL) -> None:
    with suppress(asyncpg.DuplicateDatabaseError):
        # A lost commit at a crash does not matter here, and waiting for the disk does.
        _run(
            server, f'CREATE DATABASE "{url.database}"', f'ALTER DATABASE "{url.database}" SET synchronous_commit = off'
        )
    _run(url.render_as_string(hide_password=False), "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


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
