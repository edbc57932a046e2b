"""Local servers in a whole running installation: defined over the API, called through the gateway, gone with the bridge."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.installation import Installation, Owner, children_of

SMALL = Path(__file__).parent / "servers" / "small.py"
HEADERS = {"MCP-Protocol-Version": "2026-07-28", "Accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("bridge")
    declared = folder / "mcp.yaml"
    declared.write_text(
        f"mcp_servers:\n  declared:\n    command: {sys.executable}\n    args: ['-I', '-S', {SMALL}]\n"
        "    env: {TOKEN: '${OUTSIDE}'}\n"
    )
    running = Installation(folder / "data").prepare()
    running.extra |= {
        "PORTICO_MCP_FILE": str(declared),
        "PORTICO_TOOLS_ENVIRONMENT": "OUTSIDE",
        "OUTSIDE": "s3cr3t-from-outside",
    }
    running.start()
    yield running
    running.stop()


@pytest.fixture
def owner(installation: Installation) -> Iterator[Owner]:
    with installation.signed_in() as owner:
        yield owner


def call(installation: Installation, key: str, server: str, tool: str, **asked: Any) -> httpx2.Response:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": asked, "_meta": META},
    }
    headers = HEADERS | {"Mcp-Method": "tools/call", "Mcp-Name": tool, "Authorization": f"Bearer {key}"}
    return httpx2.post(f"{installation.url}/mcp/{server}", json=body, headers=headers, timeout=30)


def told(answer: httpx2.Response) -> str:
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    message = json.loads(lines[-1][6:] if lines else answer.text)
    text: str = message["error"]["message"] if "error" in message else message["result"]["content"][0]["text"]
    return text


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def below(pid: int) -> list[int]:
    found = children_of(pid)
    return [*found, *(each for child in found for each in below(child))]


@pytest.mark.req("HY19", "R-SVC-006", "R-SVC-007")
def test_a_server_is_defined_called_watched_and_stopped(installation: Installation, owner: Owner) -> None:
    key = owner.make_key("local")
    made = owner.make("/tools/servers", name="small", command=sys.executable, args=["-I", "-S", str(SMALL)])
    assert made["state"] == "stopped"
    owner.wait_for(lambda: call(installation, key, "small", "add", a=20, b=22).status_code == 200, "the new service")
    assert told(call(installation, key, "small", "add", a=20, b=22)) == "42"
    running = owner.wait_for(
        lambda: (found := owner.get("/tools/servers/small"))["state"] == "running" and found, "the bridge's report"
    )
    assert (running["jailed"], running["protocol_version"]) == (True, "2025-06-18")
    assert alive(running["pid"])
    refreshed = owner.make("/tools/servers/small/refresh")
    tools = owner.get("/tools", server="small", page_size=100)["items"]
    assert "add" in {each["name"] for each in tools}, refreshed
    ended = call(installation, key, "small", "exit")
    assert "exit code 3" in told(ended)
    failed = owner.wait_for(
        lambda: (found := owner.get("/tools/servers/small"))["restarts"] > 0 and found, "the report of its end"
    )
    assert failed["state"] in {"failed", "starting", "running"}
    lines = [line["text"] for line in owner.get("/tools/servers/small/logs")["lines"]]
    assert any("giving up" in line for line in lines)
    assert owner.make("/tools/servers/small/restart")["state"] in {"starting", "running"}
    assert owner.make("/tools/servers/small/stop")["state"] == "stopped"
    calls = owner.wait_for(lambda: owner.get("/calls", service="small")["items"], "the calls' records")
    assert {each["method"] for each in calls} == {"tools/call"}


@pytest.mark.req("N9", "N10")
def test_local_servers_are_part_of_the_whole_toolset(installation: Installation, owner: Owner) -> None:
    """One speaks sessions alone, the other was published by others and speaks both eras."""
    key = owner.make_key("toolset")
    owner.make("/tools/servers", name="older", command=sys.executable, args=["-I", "-S", str(SMALL)])
    owner.make("/tools/servers", name="clock", command=str(Path(sys.executable).parent / "mcp-server-time"))
    for server in ("older", "clock"):
        owner.wait_for(partial(refreshed, owner, server), "the bridge to know it")
    wanted = {"older__add", "clock__convert_time"}
    owner.wait_for(lambda: wanted <= asyncio.run(listed(installation, key)), "the new tools")
    for mode, version in (("auto", "2026-07-28"), ("legacy", "2025-11-25")):
        assert asyncio.run(used(installation, key, mode)) == (version, "42", "Asia/Kathmandu")
    for name, tool in (("older", "add"), ("clock", "convert_time")):
        recorded = owner.wait_for(partial(recorded_calls, owner, name), "the calls' records")
        assert recorded == [("tools/call", "/mcp", tool)] * 2


def refreshed(owner: Owner, server: str) -> bool:
    return owner.client.post(f"/tools/servers/{server}/refresh").is_success


def recorded_calls(owner: Owner, service: str) -> list[tuple[str, str, str]] | None:
    """Of the clients in both eras, once both are there."""
    calls = owner.get("/calls", service=service)["items"]
    return [(each["method"], each["path"], each["model"]) for each in calls] if len(calls) >= 2 else None


async def used(installation: Installation, key: str, mode: Any) -> tuple[str, str, str]:
    async with toolset(installation, key, mode) as client:
        total = await client.call_tool("older__add", {"a": 20, "b": 22})
        asked = {"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Kathmandu"}
        time = await client.call_tool("call_tool", {"name": "clock__convert_time", "arguments": asked})
        assert time.structured_content is not None, time
        return client.protocol_version, total.content[0].text, time.structured_content["target"]["timezone"]


@asynccontextmanager
async def toolset(installation: Installation, key: str, mode: Any) -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        transport = streamable_http_client(f"{installation.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


async def listed(installation: Installation, key: str) -> set[str]:
    async with toolset(installation, key, "auto") as client:
        return {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.req("HY19")
def test_the_file_named_at_the_start_was_applied(installation: Installation, owner: Owner) -> None:
    declared = owner.wait_for(
        lambda: [each for each in owner.get("/tools/servers")["items"] if each["name"] == "declared"], "mcp.yaml"
    )
    assert declared[0]["env"] == {"TOKEN": "${OUTSIDE}"}
    key = owner.make_key("declared")
    owner.wait_for(lambda: call(installation, key, "declared", "add", a=1, b=2).status_code == 200, "the service")
    environment = json.loads(told(call(installation, key, "declared", "whoami")))["environment"]
    assert environment["TOKEN"] == "s3cr3t-from-outside"
    assert not [name for name in environment if name.startswith("PORTICO")]


def test_kill_minus_nine_of_the_bridge_leaves_no_orphan_and_servers_come_back(
    installation: Installation, owner: Owner
) -> None:
    key = owner.make_key("killed")
    owner.make("/tools/servers", name="hard", command=sys.executable, args=["-I", "-S", str(SMALL), "--ignore-sigterm"])
    owner.wait_for(lambda: call(installation, key, "hard", "fork").status_code == 200, "the new service")
    bridge = installation.pid_of("bridge")
    family = below(bridge)
    assert len(family) >= 3
    os.kill(bridge, signal.SIGKILL)
    owner.wait_for(lambda: not [pid for pid in family if alive(pid)], "every process of every server to end")
    owner.wait_for(
        lambda: call(installation, key, "hard", "add", a=1, b=1).status_code == 200, "the next bridge", timeout_s=30
    )
    assert told(call(installation, key, "hard", "add", a=1, b=1)) == "2"
