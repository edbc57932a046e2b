"""The official MCP client in both eras, through the gateway, to servers written with the official SDK."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from portico.domains.routing.model import LimitEntry
from portico.domains.usage.model import CallLine
from tests.gateway import house as terms
from tests.gateway.builder import Builder
from tests.gateway.house import House, budget, key
from tests.gateway.mcp_servers import client_of, published_server, sample_server

ERAS = pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])


@pytest.fixture(scope="module")
def sample() -> Iterator[str]:
    with sample_server() as url:
        yield url


@pytest.fixture(scope="module")
def published() -> Iterator[str]:
    with published_server() as url:
        yield url


async def behind(build: Builder, url: str, **first: Any) -> House:
    return await build.house(terms.service("time", url, kind="tools"), snapshot=first)


def operations(house: House) -> list[tuple[str, str | None]]:
    return [(call.method, call.model) for call in house.calls()]


@ERAS
@pytest.mark.req("N9")
async def test_a_server_written_by_others_works_in_both_eras(
    build: Builder, published: str, mode: str, version: str
) -> None:
    house = await behind(build, published)
    async with client_of(house, "time", mode=mode) as client:
        assert client.protocol_version == version
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {"get_current_time", "convert_time"}
        asked = {"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Kathmandu"}
        answer = await client.call_tool("convert_time", asked)
        assert answer.structured_content is not None
        assert answer.structured_content["target"]["timezone"] == "Asia/Kathmandu"
        failed = await client.call_tool("get_current_time", {"timezone": "Nowhere/At_All"})
        assert failed.is_error
    assert ("tools/call", "convert_time") in operations(house)
    assert {call.service_kind for call in house.calls()} == {"tools"}
    assert {call.dialect for call in house.calls()} == {"mcp"}


@ERAS
@pytest.mark.req("N9")
async def test_tools_resources_prompts_and_progress(build: Builder, sample: str, mode: str, version: str) -> None:
    house = await behind(build, sample)
    told: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async with client_of(house, "time", mode=mode) as client:
        value = await client.call_tool("calculate", {"expression": "(0.1 + 0.2) * 3"})
        assert value.structured_content == {"value": "0.9"}
        zones = await client.read_resource("time://zones")
        assert "Europe/Berlin" in zones.contents[0].text
        prompt = await client.get_prompt("plan_meeting", {"people": "Ada and Bo", "zone": "UTC"})
        assert "Ada and Bo" in prompt.messages[0].content.text
        assert [str(each.uri) for each in (await client.list_resources()).resources] == ["time://zones"]
        assert [each.name for each in (await client.list_prompts()).prompts] == ["plan_meeting"]
        done = await client.call_tool("countdown", {"steps": 3, "pause_s": 0.01}, progress_callback=progress)
        assert done.content[0].text == "lift-off"
    assert told == [1, 2, 3]
    await house.calls_ended(6)
    assert ("resources/read", "time://zones") in operations(house)
    assert ("prompts/get", "plan_meeting") in operations(house)
    [counted] = [call for call in house.calls() if call.model == "countdown"]
    assert counted.streamed
    assert counted.verdict == "allowed"


@ERAS
async def test_a_cancelled_call_ends_at_the_server(build: Builder, sample: str, mode: str, version: str) -> None:
    house = await behind(build, sample)
    begun = asyncio.Event()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        begun.set()

    async with client_of(house, "time", mode=mode) as client:
        asked = {"steps": 600, "pause_s": 0.05}
        running = asyncio.ensure_future(client.call_tool("countdown", asked, progress_callback=progress))
        async with asyncio.timeout(5):
            await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        ended = await ended_call(house, "countdown")
        # The older era says it in a message of its own, so the stream comes to its end; the newer one closes the stream.
        assert ended.verdict == "cancelled" if mode == "auto" else ended.verdict in {"allowed", "cancelled"}
        assert (await client.call_tool("calculate", {"expression": "1"})).structured_content == {"value": "1"}
    if mode == "legacy":
        assert ("notifications/cancelled", None) in operations(house)


async def calculate_often(client: Client, times: int) -> None:
    for _ in range(times):
        await client.call_tool("calculate", {"expression": "1"})


async def ended_call(house: House, name: str) -> CallLine:
    async with asyncio.timeout(5):
        while not (found := [call for call in house.calls() if call.model == name]):
            await asyncio.sleep(0.01)
    return found[0]


@ERAS
async def test_a_rate_limit_is_told_as_an_error_of_json_rpc(
    build: Builder, sample: str, mode: str, version: str
) -> None:
    limit = LimitEntry("lim_1", terms.ORG, "few", "org", None, "the org", 6, 3600, None)
    house = await behind(build, sample, limits=(limit,))
    async with client_of(house, "time", mode=mode) as client:
        with pytest.raises(MCPError) as told:
            await calculate_often(client, 7)
    assert told.value.error.code == 9401
    assert told.value.error.data["code"] == "RATE_LIMITED"
    refused = [call for call in house.calls() if call.verdict == "refused" and call.model == "calculate"]
    assert [(call.reason, call.status, call.method) for call in refused] == [("RATE_LIMITED", 429, "tools/call")]


async def test_each_message_counts_in_a_budget_of_calls(build: Builder, sample: str) -> None:
    house = await behind(build, sample, budgets=(budget(4, "calls"),))
    async with client_of(house, "time", mode="2026-07-28") as client:
        with pytest.raises(MCPError) as told:
            await calculate_often(client, 5)
    assert told.value.error.data["code"] == "BUDGET_EXHAUSTED"
    calls = await house.calls_ended(5)
    assert [call.verdict for call in calls] == ["allowed"] * 4 + ["refused"]
    # Before the first use of a tool the client reads, by itself, what it answers with.
    assert operations(house)[:3] == [("tools/call", "calculate"), ("tools/list", None), ("tools/call", "calculate")]
    [who] = house.gate.view.callers.values()
    assert (who.accounts[0].used, who.accounts[0].held) == (4, 0)


async def test_without_the_permission_no_tool_is_called(build: Builder, sample: str) -> None:
    house = await behind(build, sample, keys=(key(permissions=("services.read",)),))
    async with client_of(house, "time", mode="2026-07-28") as client:
        with pytest.raises(MCPError) as told:
            await client.call_tool("calculate", {"expression": "1"})
    assert told.value.error.data["code"] == "NOT_AUTHORIZED"
    assert all(call.verdict == "refused" and call.attempts == 0 for call in house.calls())


async def test_changes_are_listened_for_on_a_stream_that_the_client_ends(build: Builder, sample: str) -> None:
    house = await behind(build, sample)
    async with client_of(house, "time", mode="2026-07-28") as client:
        async with client.listen(tools_list_changed=True):
            assert house.gate.open_calls == 1
        listened = await ended_listening(house)
    assert (listened.verdict, listened.streamed) == ("cancelled", True)


async def ended_listening(house: House) -> CallLine:
    async with asyncio.timeout(5):
        while not (found := [call for call in house.calls() if call.method == "subscriptions/listen"]):
            await asyncio.sleep(0.01)
    return found[0]
