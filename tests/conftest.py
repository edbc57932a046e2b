"""The ground of every test: a clock set by hand, settings in a temporary folder, and a fresh database on both engines.

The schema is made once per worker; each test gets a copy of the SQLite file, or the PostgreSQL database emptied.
"""

import base64
import importlib
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine, text

import portico.domains
from portico.kernel.clock import ManualClock
from portico.platform.bus import LocalBus
from portico.platform.cache import ReadCache
from portico.platform.crypto import Sealer, open_key_ring
from portico.platform.db import Database, metadata, open_database
from portico.platform.deps import Deps
from portico.platform.sections import LogSettings, Sealed, SecuritySettings
from portico.platform.settings import Settings
from portico.platform.telemetry import start_logging
from tests import postgres_server

pytest_plugins = ["tests.requirements_record", "tests.redis_server"]

ENGINES = ("sqlite", "postgresql")
MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
_NO_POSTGRES = (
    "PostgreSQL is missing: half of the store tests did not run. Set PORTICO_TEST_POSTGRES to a server's URL."
)
# Folders whose tests start installations, browsers and other programs.
WITH_PROCESSES = frozenset({"bridge", "cli", "drills", "e2e", "examples"})
_postgres_server = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engines", default=",".join(ENGINES), help="database engines to test on, e.g. --engines sqlite")


def pytest_configure(config: pytest.Config) -> None:
    # As in production, so that a secret in a line is masked here too; the lines go to caplog alone.
    start_logging(LogSettings())
    logging.getLogger().handlers.clear()
    logging.getLogger("httpx2").setLevel("WARNING")
    config.stash[_postgres_server] = postgres_server.find() if "postgresql" in config.getoption("--engines") else ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if "postgresql" in config.getoption("--engines") and not config.stash[_postgres_server]:
        terminalreporter.section("PostgreSQL", red=True, bold=True)
        terminalreporter.line(_NO_POSTGRES, red=True, bold=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine_url" in metafunc.fixturenames:
        # A module whose subject is not the database says so with ENGINES = ("sqlite",).
        wanted = getattr(metafunc.module, "ENGINES", ENGINES)
        engines = [name for name in metafunc.config.getoption("--engines").split(",") if name in wanted]
        metafunc.parametrize("engine_url", engines, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs real processes on a busy machine gets one second try; the summary names each that needed it."""
    tests = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(tests) and item.path.relative_to(tests).parts[0] in WITH_PROCESSES:
            item.add_marker(pytest.mark.flaky(reruns=1))


def load_every_table() -> None:
    """Import each domain's tables so that the metadata is whole."""
    root = Path(portico.domains.__path__[0])
    for tables in sorted(root.glob("*/tables.py")):
        importlib.import_module(f"portico.domains.{tables.parent.name}.tables")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", security=SecuritySettings(master_key=Sealed(MASTER_KEY)))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the whole schema and no rows."""
    load_every_table()
    path = tmp_path_factory.mktemp("template") / "portico.db"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    return path


def _borrow_postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    server = request.config.stash[_postgres_server]
    if not server:
        pytest.skip(_NO_POSTGRES)
    with postgres_server.borrow_database(server) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of this worker's own, empty PostgreSQL database."""
    yield from _borrow_postgres(request)


@pytest.fixture(scope="session")
def postgres_spare(request: pytest.FixtureRequest) -> Iterator[str]:
    """Another one, for tests that make and drop the tables themselves."""
    yield from _borrow_postgres(request)


@pytest.fixture(scope="session")
def postgres_template(postgres_database: str) -> str:
    """The same database with the whole schema and no rows."""
    load_every_table()
    postgres_server.create_tables(postgres_database, metadata)
    return postgres_database


@pytest.fixture
def engine_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with the schema; the parameter names the engine."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_template"))
    template = request.getfixturevalue("sqlite_template")
    path = tmp_path / "portico.db"
    shutil.copyfile(template, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def deps(engine_url: str, settings: Settings, clock: ManualClock) -> AsyncIterator[Deps]:
    """What a domain is handed, over a fresh database."""
    settings = replace(settings, database=replace(settings.database, url=Sealed(engine_url), pool_size=4))
    bus, keys = LocalBus(), open_key_ring(settings)
    database = open_database(settings, bus, clock)
    if database.engine_name == "postgresql":
        await _empty_tables(database)
    yield Deps(db=database, bus=bus, clock=clock, keys=keys, sealer=Sealer(keys), settings=settings, cache=ReadCache())
    await database.close()


@pytest.fixture
def app(deps: Deps) -> FastAPI:
    """The whole management door, in this process."""
    # Imported here, so that the tests of one domain run while another does not even import.
    from portico.api.app import create_app
    from portico.domains.consumers.public import Following
    from portico.jobs.plan import consumers

    return create_app(deps, following=Following(tuple(consumers(deps))))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Calls the door as the gateway would, without a network; nobody is signed in."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://portico.test") as opened:
        yield opened


async def _empty_tables(database: Database) -> None:
    """Truncate the tables that hold rows; most hold none, and asking is far cheaper than truncating."""
    async with database.sqlalchemy.begin() as connection:
        asked = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in metadata.tables
        )
        filled = [row[0] for row in await connection.execute(text(asked))]
        if filled:
            await connection.execute(text(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE"))
