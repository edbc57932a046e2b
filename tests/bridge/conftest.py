import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop

from portico.bridge import server
from tests.bridge.yard import Yard


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """As the bridge runs."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked to end and does not is ended sooner than it would be in earnest."""
    monkeypatch.setattr(server, "STOP_STDIN_S", 0.3)
    monkeypatch.setattr(server, "STOP_TERM_S", 0.3)


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with AsyncExitStack() as stack:
        yield Yard(tmp_path / "data", stack)
