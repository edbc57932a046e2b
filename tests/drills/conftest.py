"""Drills: a whole installation under a worst moment. Each test gets its own, on both engines where the database matters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation, sample


@pytest.fixture
def installation(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    made = Installation(tmp_path / "data", extra={"PORTICO_SERVER_DRAIN_S": "5"}).prepare().start()
    yield made
    if made.process is not None:
        made.kill_everything()


@pytest.fixture(scope="module")
def slow_model() -> Iterator[str]:
    """The sample model server, 50 ms a chunk, so that streams are under way for long enough to be cut."""
    with sample("model_server.py", "--delay-ms", "50") as url:
        yield url


@pytest.fixture(scope="module")
def inventory() -> Iterator[str]:
    with sample("inventory_service.py") as url:
        yield url
