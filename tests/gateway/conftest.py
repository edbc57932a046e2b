import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop

from portico.gateway import gate
from tests.gateway.builder import Builder


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The gateway runs on uvloop, and transports differ between loops: so it is tested on that one."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def client_tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture(autouse=True)
def shared_client_tls(client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading all certificate authorities anew takes longer than most of these tests, and few of them speak TLS."""
    own = gate._client_tls
    monkeypatch.setattr(gate, "_client_tls", lambda given: own(given) if given.upstream.ca_file else client_tls)


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Builder]:
    async with AsyncExitStack() as stack:
        yield Builder(tmp_path, stack)
