"""Drills: a whole installation under a worst moment. Each test gets its own, on both engines where the database matters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres_server
from tests.installation import Installation, sample

QUICK_DRAIN = {"PORTICO_SERVER_DRAIN_S": "5"}


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """On the embedded database: for drills that are about processes rather than about storage."""
    yield from running(Installation(tmp_path / "data", extra=dict(QUICK_DRAIN)))


@pytest.fixture(params=["sqlite", "postgresql"])
def either_installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """One after the other on both engines: for drills about what is on record afterwards."""
    if request.param not in request.config.getoption("--engines").split(","):
        pytest.skip(f"--engines leaves {request.param} out")
    if request.param == "sqlite":
        yield from running(Installation(tmp_path / "data", extra=dict(QUICK_DRAIN)))
        return
    server = postgres_server.find()
    if not server:
        pytest.skip("PostgreSQL is missing; set PORTICO_TEST_POSTGRES to a server's URL")
    with postgres_server.borrow_database(server) as url:
        yield from running(Installation(tmp_path / "data", database_url=url, extra=dict(QUICK_DRAIN)))


def running(made: Installation) -> Iterator[Installation]:
    try:
        made.prepare().start()
        yield made
    finally:
        if made.process is not None:
            made.kill_everything()


@pytest.fixture(scope="module")
def slow_model() -> Iterator[str]:
    """The sample model server, 50 ms a chunk, so that streams are under way for long enough to be cut."""
    with sample("model_server.py", "--delay-ms", "50") as url:
        yield url


@pytest.fixture(scope="module")
def quick_model() -> Iterator[str]:
    with sample("model_server.py") as url:
        yield url


@pytest.fixture(scope="module")
def inventory() -> Iterator[str]:
    with sample("inventory_service.py") as url:
        yield url
