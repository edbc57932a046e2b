"""The official client in both eras, through gateway and bridge, to servers of both eras that nobody here wrote."""

import sys
from pathlib import Path

import pytest

from tests.bridge.yard import Yard, local, script

BIN = Path(sys.executable).parent
ERAS = pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])


@ERAS
@pytest.mark.req("N9", "HY19")
async def test_a_published_server_of_the_newer_era_serves_clients_of_both(yard: Yard, mode: str, version: str) -> None:
    await yard.open(time=local(str(BIN / "mcp-server-time"), "--local-timezone", "UTC"))
    async with yard.client("time", mode=mode) as client:
        assert client.protocol_version == version
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {"get_current_time", "convert_time"}
        asked = {"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Kathmandu"}
        answer = await client.call_tool("convert_time", asked)
        assert answer.structured_content is not None
        assert answer.structured_content["target"]["timezone"] == "Asia/Kathmandu"
        failed = await client.call_tool("get_current_time", {"timezone": "Nowhere/At_All"})
        assert failed.is_error
    server = yard.server("time")
    assert server.manner is not None
    assert server.manner.modern


@ERAS
async def test_a_server_of_the_older_era_serves_clients_of_both(yard: Yard, mode: str, version: str) -> None:
    await yard.open(small=script("small"))
    told: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async with yard.client("small", mode=mode) as client:
        assert client.protocol_version == version
        assert "add" in {tool.name for tool in (await client.list_tools()).tools}
        assert (await client.call_tool("add", {"a": 1, "b": 2})).content[0].text == "3"
        await client.call_tool("steps", {"steps": 3}, progress_callback=progress)
        assert told == [1, 2, 3]
