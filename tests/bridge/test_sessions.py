"""What goes on between the calls: questions to the client, changes, cancelling, and sessions that are nobody else's."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from mcp import types

from tests.bridge.yard import Yard, script
from tests.gateway.house import SECRET, key


async def test_a_server_may_ask_its_client_something_when_both_speak_of_sessions(yard: Yard) -> None:
    await yard.open(small=script("small"))

    async def fill_in(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async with yard.client("small", mode="legacy", elicitation_callback=fill_in) as client:
        answer = await client.call_tool("ask", {})
        assert json.loads(answer.content[0].text) == {"action": "accept", "content": {"name": "Ada"}}


async def test_a_client_that_cannot_be_asked_is_not(yard: Yard) -> None:
    await yard.open(small=script("small"))
    for mode in ("legacy", "auto"):
        async with yard.client("small", mode=mode) as client:
            answer = await client.call_tool("ask", {})
            assert "cannot be asked for elicitation/create" in json.loads(answer.content[0].text)["message"]


async def test_a_client_of_single_requests_hears_of_changes(yard: Yard) -> None:
    await yard.open(small=script("small"))
    async with yard.client("small", mode="auto") as client:
        wanted = client.listen(tools_list_changed=True, resource_subscriptions=["small://one"])
        async with asyncio.timeout(20), wanted as changes:
            await client.call_tool("touch", {})
            heard = {type(await anext(changes)).__name__ for _ in range(2)}
    assert len(heard) == 2, heard


@pytest.mark.filterwarnings("ignore:resources/subscribe is removed")
async def test_a_client_with_a_session_hears_of_changes(yard: Yard) -> None:
    await yard.open(small=script("small"))
    heard: set[str] = set()
    both = asyncio.Event()

    async def listen(message: Any) -> None:
        heard.add(type(getattr(message, "root", message)).__name__)
        if len(heard) == 2:
            both.set()

    async with yard.client("small", mode="legacy", message_handler=listen) as client:
        await client.subscribe_resource("small://one")
        await yard.until(lambda: _streams(yard), "the client's stream to be open")
        await client.call_tool("touch", {})
        async with asyncio.timeout(20):
            await both.wait()
    assert heard == {"ToolListChangedNotification", "ResourceUpdatedNotification"}


def _streams(yard: Yard) -> bool:
    return any(session.streaming for session in yard.server("small").sessions._open.values())


async def test_a_client_that_leaves_cancels_its_call_in_the_newer_era(yard: Yard) -> None:
    await yard.open(small=script("small"))
    server = yard.server("small")
    asked = asyncio.create_task(yard.rpc("small", "tools/call", name="hang", arguments={}))
    await yard.until(lambda: server.in_flight_of_clients == 1, "the call to be under way")
    asked.cancel()
    await yard.until(lambda: server.in_flight_of_clients == 0, "the call to be cancelled")


@pytest.mark.req("N9")
async def test_a_session_is_its_makers_alone(yard: Yard) -> None:
    house = await yard.open(small=script("small"))
    other = "pk_9z8y7x6w_" + "t" * 43
    snapshot = house.gate.view.snapshot
    keys = (*snapshot.keys, key(other, id="key_2", name="other", prefix=other[:11]))
    house.gate.adopt(msgspec.structs.replace(snapshot, keys=keys, version=2))
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    accept = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
    opened = await house.ask("POST", "/mcp/small", json.dumps(hello).encode(), headers=accept)
    assert opened.status == 200
    session = opened.headers["mcp-session-id"]
    ping = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "ping"}).encode()
    said = accept + f"Mcp-Session-Id: {session}\r\n"
    assert (await house.ask("POST", "/mcp/small", ping, headers=said, secret=SECRET)).status == 200
    assert (await house.ask("POST", "/mcp/small", ping, headers=said, secret=other)).status == 404
    # What only the gateway says to the bridge is not taken from a client.
    forged = said + "X-Portico-Principal: key_1\r\nX-Portico-Service: svc_other\r\n"
    assert (await house.ask("POST", "/mcp/small", ping, headers=forged, secret=other)).status == 404


async def test_a_call_carries_its_trace_to_the_server(yard: Yard) -> None:
    await yard.open(small=script("small"))
    trace = "0af7651916cd43dd8448eb211c80319c"
    said = f"traceparent: 00-{trace}-b7ad6b7169203331-01\r\n"
    status, told = await yard.rpc("small", "tools/call", said, name="trace", arguments={})
    words = told["result"]["content"][0]["text"]
    assert (status, words[3:35]) == (200, trace)
    assert "b7ad6b7169203331" not in words


async def test_line_breaks_in_a_request_do_not_make_two_of_it(yard: Yard) -> None:
    """What stands on a line of its own would be a message of its own to the server, which nobody looked at before."""
    await yard.open(small=script("small"))
    hidden = '{"jsonrpc": "2.0", "id": 99, "method": "tools/call", "params": {"name": "exit", "arguments": {}}}'
    body = (
        '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2, "c":\r\n'
        + hidden
        + '\r\n}, "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}}'
    )
    said = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: add\r\nContent-Type: application/json\r\n"
    answer = await yard.house.ask("POST", "/mcp/small", body.encode(), headers=said)
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["result"]["content"][0]["text"] == "3"
    assert yard.server("small").state == "running"
    status, told = await yard.rpc("small", "tools/call", name="add", arguments={"a": 2, "b": 2})
    assert (status, told["result"]["content"][0]["text"]) == (200, "4")


async def test_versions_and_methods_that_nobody_speaks_are_refused_as_the_protocol_says(yard: Yard) -> None:
    await yard.open(small=script("small"))
    status, told = await yard.rpc("small", "no/such/method")
    assert (status, told["error"]["code"]) == (404, -32601)
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": {"_meta": {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}},
    }
    said = "MCP-Protocol-Version: 2031-01-01\r\nMcp-Method: tools/list\r\nContent-Type: application/json\r\n"
    answer = await yard.house.ask("POST", "/mcp/small", json.dumps(body).encode(), headers=said)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, -32022)
