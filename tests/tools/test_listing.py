"""Asking tool servers for their tools, in both eras of MCP; the server is one that others wrote."""

from collections.abc import Iterator

import pytest

from portico.domains.hub import public as hub
from portico.domains.tools import refresh, service
from portico.domains.tools.listing import Address, _Asking
from portico.kernel.clock import ManualClock
from portico.kernel.errors import NotFound, Refusal
from portico.platform.deps import Deps
from portico.platform.outbound import Outbound
from tests.gateway.mcp_servers import published_server
from tests.hub.orgs import ADMIN, STRANGER
from tests.tools.servers import register, states

# The rows are the registry's, which is tested on both.
ENGINES = ("sqlite",)


@pytest.fixture(scope="module")
def published() -> Iterator[str]:
    with published_server() as url:
        yield url


@pytest.mark.req("R-SVC-006", "N9")
async def test_new_servers_are_listed_by_themselves_and_once(deps: Deps, published: str) -> None:
    await hub.create_service(ADMIN, hub.ServiceDraft("time", "tools", published), deps)
    await hub.create_service(ADMIN, hub.ServiceDraft("silent", "tools", "http://127.0.0.1:9/mcp"), deps)
    status = await refresh.list_new_servers(deps)
    assert (status.listed, status.failed) == (1, 1)
    assert await states(deps) == {"convert_time": "approved", "get_current_time": "approved"}
    errors = {each.name: each.server.error for each in await service.meter_servers(ADMIN, deps)}
    assert "could not be reached" in str(errors.pop("silent"))
    assert set(errors.values()) == {None}
    again = await refresh.list_new_servers(deps)
    assert (again.listed, again.failed) == (0, 0)


async def test_a_server_that_did_not_answer_is_asked_again_later(deps: Deps, clock: ManualClock) -> None:
    await register(deps)
    for pause_s, failed in ((0, 1), (5, 0), (10, 1), (10, 0), (10, 1)):
        clock.advance(seconds=pause_s)
        assert (await refresh.list_new_servers(deps)).failed == failed


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_both_eras_are_listed(deps: Deps, published: str, mode: str) -> None:
    found = await getattr(_Asking(Outbound(deps.settings), Address(published)), mode)()
    assert {each.name for each in found} == {"convert_time", "get_current_time"}


async def test_somebody_can_ask_for_a_listing(deps: Deps, published: str) -> None:
    await hub.create_service(ADMIN, hub.ServiceDraft("time", "tools", published), deps)
    assert (await refresh.refresh_server(ADMIN, "time", deps)).approved == 2
    assert (await refresh.refresh_server(ADMIN, "time", deps)).anything is False
    with pytest.raises(NotFound):
        await refresh.refresh_server(STRANGER, "time", deps)
    await register(deps, "silent")
    with pytest.raises(Refusal):
        await refresh.refresh_server(ADMIN, "silent", deps)
