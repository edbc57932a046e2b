"""The whole toolset under one address: clients of both eras, servers that are called through it, and the two meta-tools."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from portico.domains.routing.model import LimitEntry, ServiceEntry
from portico.domains.tools.model import PolicyEntry, Tool, ToolEntry, ToolsEntry
from portico.domains.tools.snapshot_store import entry_of
from portico.gateway import toolset_offers
from portico.kernel.ids import OrgId, ServiceId, ToolId
from tests.gateway import house as terms
from tests.gateway.builder import Builder
from tests.gateway.house import Answer, House, Upstream, answer, key
from tests.gateway.mcp_servers import client_at, client_of, published_server, sample_server
from tests.gateway.test_guard import OTHER, pin, policy, rpc

ERAS = pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
SINGLE = "MCP-Protocol-Version: 2026-07-28\r\n"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
READ = {
    "name": "read_file",
    "title": "Read a file",
    "description": "Reads a file of the shared folder.",
    "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    "outputSchema": {"type": "array"},
    "annotations": {"readOnlyHint": True},
}
DROP = {"name": "drop_table", "description": "Deletes a table.", "inputSchema": {"type": "object"}}
JSON = "Content-Type: application/json"
DONE = answer(rpc({"content": [{"type": "text", "text": "done"}], "resultType": "complete"}), "200 OK", JSON)


@pytest.fixture(scope="module")
def sample() -> Iterator[str]:
    with sample_server() as url:
        yield url


@pytest.fixture(scope="module")
def published() -> Iterator[str]:
    with published_server() as url:
        yield url


def entry(definition: dict[str, Any]) -> ToolEntry:
    """As the registry hands it to gateways."""
    name, text, approved = pin(definition)
    ids = (ToolId("tool_1"), OrgId(terms.ORG), ServiceId("svc_1"))
    tool = Tool(*ids, name, "", approved, 0, datetime.now(UTC), datetime.now(UTC), approved_pin=approved)
    return entry_of(tool, text.decode())


def server(name: str, url: str, *definitions: dict[str, Any], **more: Any) -> ServiceEntry:
    registry = ToolsEntry(False, (), tuple(map(entry, definitions)))
    return terms.service(name, url, kind="tools", tools=registry, **more)


async def registered(name: str, url: str) -> ServiceEntry:
    """A running server, with all that it lists approved."""
    async with client_at(url) as client:
        shown = (await client.list_tools()).tools
    told = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in shown]
    return server(name, url, *told)


async def both(build: Builder, sample: str, published: str, **first: Any) -> House:
    return await build.house(await registered("sample", sample), await registered("clock", published), snapshot=first)


def toolset(house: House, **options: Any) -> AbstractAsyncContextManager[Client]:
    return client_of(house, "", **options)


async def scripted(build: Builder, *answers: bytes, policies: tuple[PolicyEntry, ...] = ()) -> tuple[House, Upstream]:
    upstream = await build.upstream(*answers)
    house = await build.house()
    files = server("files", f"{upstream.url}/mcp", READ, DROP)
    told = terms.snapshot(files, keys=(key(), key(OTHER, id="key_2", name="other")), version=2)
    house.gate.adopt(msgspec.structs.replace(told, policies=policies))
    return house, upstream


async def ask(
    house: House, method: str, params: dict[str, Any] | None = None, *, single: bool = False, **options: Any
) -> Answer:
    asked, path = dict(params or {}), options.pop("path", "/mcp")
    headers = options.pop("headers", "")
    if single:
        asked["_meta"] = META
        headers += SINGLE + f"Mcp-Method: {method}\r\n"
        headers += f"Mcp-Name: {asked['name']}\r\n" if "name" in asked else ""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": asked}).encode()
    return await house.ask("POST", path, body, headers=headers, **options)


def names(got: Answer) -> list[str]:
    return [tool["name"] for tool in got.json["result"]["tools"]]


def error(got: Answer) -> tuple[int, int]:
    return got.status, got.json["error"]["code"]


# --- with the official client and real servers ------------------------------------------------------------------------


@ERAS
@pytest.mark.req("N9")
async def test_tools_of_several_servers_are_listed_and_called_at_one_address(
    build: Builder, sample: str, published: str, mode: str, version: str
) -> None:
    house = await both(build, sample, published)
    told: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async with toolset(house, mode=mode) as client:
        assert client.protocol_version == version
        listed = [tool.name for tool in (await client.list_tools()).tools]
        assert listed == sorted(listed)
        assert {"clock__convert_time", "clock__get_current_time", "sample__calculate"} <= set(listed)
        asked = {"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Kathmandu"}
        time = await client.call_tool("clock__convert_time", asked)
        assert time.structured_content is not None
        assert time.structured_content["target"]["timezone"] == "Asia/Kathmandu"
        value = await client.call_tool("sample__calculate", {"expression": "(0.1 + 0.2) * 3"})
        assert value.structured_content == {"value": "0.9"}
        done = await client.call_tool("sample__countdown", {"steps": 2, "pause_s": 0.01}, progress_callback=progress)
        assert done.content[0].text == "lift-off"
        with pytest.raises(MCPError) as refused:
            await client.call_tool("nobody__calculate", {})
        assert refused.value.error.code == -32602
    assert told == [1, 2]
    calls = [call for call in await house.calls_ended(4) if call.verdict == "allowed"]
    assert {(call.service, call.method, call.model) for call in calls} == {
        ("clock", "tools/call", "convert_time"),
        ("sample", "tools/call", "calculate"),
        ("sample", "tools/call", "countdown"),
    }


@ERAS
@pytest.mark.req("N9")
async def test_a_call_that_is_cancelled_ends_at_its_server(
    build: Builder, sample: str, published: str, mode: str, version: str
) -> None:
    house = await both(build, sample, published)
    begun = asyncio.Event()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        begun.set()

    async with toolset(house, mode=mode) as client:
        asked = {"steps": 600, "pause_s": 0.05}
        running = asyncio.ensure_future(client.call_tool("sample__countdown", asked, progress_callback=progress))
        async with asyncio.timeout(5):
            await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        [ended] = await house.calls_ended(1)
        assert not house.gate.open_calls
        assert (ended.model, ended.verdict) == ("countdown", "cancelled")
        assert (await client.call_tool("sample__calculate", {"expression": "1"})).structured_content == {"value": "1"}


@ERAS
@pytest.mark.req("N10")
async def test_two_tools_stand_for_a_long_list(
    build: Builder, sample: str, published: str, mode: str, version: str
) -> None:
    house = await both(build, sample, published)
    async with toolset(house, mode=mode, query="?tools=search") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["call_tool", "search_tools"]
        found = await client.call_tool("search_tools", {"query": "convert a time between zones", "limit": 3})
        assert found.structured_content is not None
        best = found.structured_content["tools"][0]
        assert best["name"] == "clock__convert_time"
        assert set(best["inputSchema"]["required"]) == {"source_timezone", "time", "target_timezone"}
        value = await client.call_tool(
            "call_tool", {"name": "sample__calculate", "arguments": {"expression": "2 * 21"}}
        )
        assert value.structured_content == {"value": "42"}
        with pytest.raises(MCPError) as refused:
            await client.call_tool("call_tool", {"name": "sample__calculate", "arguments": {"expression": 7}})
        assert refused.value.error.data["code"] == "INVALID_INPUT"
    calls = await house.calls_ended(2)
    assert [(call.service, call.model, call.verdict) for call in calls] == [
        ("sample", "calculate", "allowed"),
        ("sample", "calculate", "refused"),
    ]


# --- byte by byte -----------------------------------------------------------------------------------------------------


async def test_a_list_holds_the_approved_definitions_and_asks_no_server(build: Builder) -> None:
    house, upstream = await scripted(build, DONE)
    got = await ask(house, "tools/list", single=True)
    result = got.json["result"]
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 0, "private")
    assert result["tools"] == [{**DROP, "name": "files__drop_table"}, {**READ, "name": "files__read_file"}]
    older = (await ask(house, "tools/list")).json["result"]
    # Clients of the older era take a result that is no object for broken.
    assert older["tools"][1] == {
        each: READ[each] for each in ("title", "description", "inputSchema", "annotations")
    } | {"name": "files__read_file"}
    assert older.keys() == {"tools"}
    assert upstream.requests == []
    assert house.calls() == []


@pytest.mark.parametrize("single", [True, False])
async def test_a_call_leaves_as_one_to_its_server_alone(build: Builder, single: bool) -> None:
    house, upstream = await scripted(build, DONE)
    asked = {"name": "files__read_file", "arguments": {"path": "/a"}}
    got = await ask(house, "tools/call", asked, single=single, headers="Cookie: a=b\r\nX-Portico-Tools: all\r\n")
    assert got.json["result"]["content"][0]["text"] == "done"
    assert ("resultType" in got.json["result"]) == single
    head, _, body = upstream.requests[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /mcp http/1.1"
    assert lines.count(b"mcp-name: read_file") == lines.count(b"mcp-method: tools/call") == 1
    assert lines.count(b"mcp-protocol-version: 2026-07-28") == 1
    assert not [line for line in lines if line.startswith((b"cookie", b"x-portico-tools", b"mcp-session-id"))]
    sent = json.loads(body)
    assert (sent["params"]["name"], sent["params"]["arguments"]) == ("read_file", {"path": "/a"})
    assert sent["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    [call] = await house.calls_ended(1)
    assert (call.service, call.model, call.path, call.verdict) == ("files", "read_file", "/mcp", "allowed")


async def test_headers_must_say_what_the_body_says(build: Builder) -> None:
    house, upstream = await scripted(build, DONE)
    body = {"name": "files__drop_table", "arguments": {}, "_meta": META}
    lie = SINGLE + "Mcp-Method: tools/call\r\nMcp-Name: files__read_file\r\n"
    assert error(await ask(house, "tools/call", body, headers=lie)) == (400, -32020)
    assert error(await ask(house, "tools/call", body, headers=SINGLE)) == (400, -32020)
    assert upstream.requests == []


async def test_what_a_policy_hides_is_neither_listed_nor_found_nor_called(build: Builder) -> None:
    hiding = policy("hide", 'tool.name.startsWith("drop_") && principal.name == "other"', "hidden")
    house, upstream = await scripted(build, DONE, policies=(hiding,))
    assert names(await ask(house, "tools/list")) == ["files__drop_table", "files__read_file"]
    assert names(await ask(house, "tools/list", secret=OTHER)) == ["files__read_file"]
    asked = {"name": "search_tools", "arguments": {"query": "delete a table or read a file"}}
    for secret, found in ((terms.SECRET, {"files__drop_table", "files__read_file"}), (OTHER, {"files__read_file"})):
        got = (await ask(house, "tools/call", asked, secret=secret)).json["result"]["structuredContent"]
        assert {tool["name"] for tool in got["tools"]} == found
    hidden = {"name": "files__drop_table", "arguments": {}}
    for params in (hidden, {"name": "call_tool", "arguments": hidden}):
        assert error(await ask(house, "tools/call", params, secret=OTHER)) == (200, -32602)
        assert error(await ask(house, "tools/call", params, secret=OTHER, single=True)) == (400, -32602)
    assert upstream.requests == []


async def test_servers_that_a_caller_may_not_call_are_not_there(build: Builder) -> None:
    upstream = await build.upstream(DONE)
    services = [server(name, f"{upstream.url}/mcp", DROP) for name in ("files", "vault", "secret")]
    services[2] = msgspec.structs.replace(services[2], restricted=True)
    house = await build.house(*services, snapshot={"keys": (key(services=("files", "secret")),)})
    assert names(await ask(house, "tools/list")) == ["files__drop_table"]
    told = [
        await ask(house, "tools/call", {"name": f"{name}__drop_table", "arguments": {}})
        for name in ("vault", "secret", "nobody")
    ]
    assert {error(each) for each in told} == {(200, -32602)}
    assert upstream.requests == []


async def test_a_limit_refuses_without_ending_the_session(build: Builder) -> None:
    limit = LimitEntry("lim_1", terms.ORG, "few", "org", None, "the org", 1, 3600, None)
    upstream = await build.upstream(DONE)
    house = await build.house(server("files", f"{upstream.url}/mcp", DROP), snapshot={"limits": (limit,)})
    asked = {"name": "files__drop_table", "arguments": {}}
    assert (await ask(house, "tools/call", asked)).status == 200
    assert error(await ask(house, "tools/call", asked)) == (429, 9401)
    # What a client begins with is never refused for it: it would take a server of the older era to be here.
    assert (await ask(house, "server/discover", single=True)).status == 200


async def test_a_session_belongs_to_the_key_that_opened_it(build: Builder) -> None:
    house, _ = await scripted(build, DONE)
    opened = await ask(house, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}})
    assert opened.json["result"]["protocolVersion"] == "2025-06-18"
    session = f"Mcp-Session-Id: {opened.headers['mcp-session-id']}\r\n"
    assert (await ask(house, "ping", headers=session)).json["result"] == {}
    assert error(await ask(house, "ping", headers=session, secret=OTHER)) == (404, -32600)
    assert (await house.ask("GET", "/mcp", headers=session)).status == 405
    assert (await house.ask("DELETE", "/mcp", headers=session)).status == 200
    assert error(await ask(house, "ping", headers=session)) == (404, -32600)


async def test_a_log_level_goes_with_each_later_call(build: Builder) -> None:
    house, upstream = await scripted(build, DONE)
    opened = await ask(house, "initialize", {"clientInfo": {"name": "cli", "version": "7"}})
    session = f"Mcp-Session-Id: {opened.headers['mcp-session-id']}\r\n"
    assert error(await ask(house, "logging/setLevel", {"level": "loud"}, headers=session)) == (200, -32602)
    assert (await ask(house, "logging/setLevel", {"level": "warning"}, headers=session)).json["result"] == {}
    await ask(house, "tools/call", {"name": "files__drop_table"}, headers=session)
    meta = json.loads(upstream.requests[0].partition(b"\r\n\r\n")[2])["params"]["_meta"]
    assert meta["io.modelcontextprotocol/logLevel"] == "warning"
    assert meta["io.modelcontextprotocol/clientInfo"] == {"name": "cli", "version": "7"}
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}


async def test_a_server_of_the_older_era_is_named_with_the_way_to_it(build: Builder) -> None:
    older = b'{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: Missing session ID"}}'
    house, _ = await scripted(build, answer(older, "400 Bad Request", JSON, "Mcp-Session-Id: abc"))
    for single in (True, False):
        got = await ask(house, "tools/call", {"name": "files__drop_table"}, single=single)
        assert error(got) == (200, 9805)
        assert got.json["id"] == 1
        assert "Missing session ID" in got.json["error"]["message"]
        assert "/mcp/files" in got.json["error"]["message"]
        assert "mcp-session-id" not in got.headers


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        ("404 Not Found", b"<html>", (200, 9805)),
        ("503 Service Unavailable", b"busy", (503, 9805)),
        (
            "400 Bad Request",
            b'{"jsonrpc":"2.0","id":1,"error":{"code":-32021,"message":"needs elicitation"}}',
            (200, -32021),
        ),
        ("200 OK", rpc({"resultType": "input_required", "inputRequests": {}}), (200, -32603)),
    ],
)
async def test_what_cannot_be_told_to_an_older_client_ends_no_session(
    build: Builder, status: str, body: bytes, told: tuple[int, int]
) -> None:
    house, _ = await scripted(build, answer(body, status, JSON))
    assert error(await ask(house, "tools/call", {"name": "files__drop_table"})) == told


async def test_a_version_that_is_not_spoken_is_answered_with_the_one_that_is(build: Builder) -> None:
    house, _ = await scripted(build, DONE)
    meta = {**META, "io.modelcontextprotocol/protocolVersion": "2030-01-01"}
    headers = "MCP-Protocol-Version: 2030-01-01\r\nMcp-Method: tools/list\r\n"
    got = await ask(house, "tools/list", {"_meta": meta}, headers=headers)
    assert error(got) == (400, -32022)
    assert got.json["error"]["data"] == {"supported": ["2026-07-28"], "requested": "2030-01-01"}
    bare = await ask(house, "tools/list", {}, headers=SINGLE + "Mcp-Method: tools/list\r\n")
    assert error(bare) == (400, -32602)
    assert error(await ask(house, "resources/list", single=True)) == (404, -32601)
    assert error(await ask(house, "resources/list")) == (200, -32601)


async def test_pages_join_to_the_whole_list(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolset_offers, "MOST_LISTED", 2)
    tools = [{**DROP, "name": f"t{number}"} for number in range(5)]
    house = await build.house(server("a", "http://127.0.0.1:9/mcp", *tools))
    found: list[str] = []
    cursor: dict[str, Any] = {}
    for _ in range(3):
        got = await ask(house, "tools/list", cursor)
        found += names(got)
        cursor = {"cursor": got.json["result"].get("nextCursor")}
    assert found == [f"a__t{number}" for number in range(5)]
    assert cursor == {"cursor": None}
    for bad in (7, "%%", "/w==", "x" * 2000):
        assert error(await ask(house, "tools/list", {"cursor": bad})) == (200, -32602)


async def test_arguments_that_a_schema_wants_in_headers_are_said_there(build: Builder) -> None:
    schema = {
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}, "n": {"type": "integer"}},
    }
    upstream = await build.upstream(DONE)
    house = await build.house(server("db", f"{upstream.url}/mcp", {"name": "query", "inputSchema": schema}))
    asked = {"name": "db__query", "arguments": {"region": "Zürich", "n": 3}}
    await ask(house, "tools/call", asked, headers="Mcp-Param-Region: elsewhere\r\n")
    await ask(house, "tools/call", {"name": "call_tool", "arguments": asked}, single=True)
    for request in upstream.requests:
        said = [line for line in request.split(b"\r\n") if line.lower().startswith(b"mcp-param")]
        assert said == [b"Mcp-Param-Region: =?base64?WsO8cmljaA==?="]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search_tools", {}),
        ("search_tools", {"query": " "}),
        ("search_tools", {"query": "a", "limit": 0}),
        ("search_tools", {"query": "a", "limit": True}),
        ("call_tool", {}),
        ("call_tool", {"name": 7}),
        ("call_tool", {"name": "files__drop_table", "arguments": [1]}),
        ("call_tool", {"name": "call_tool", "arguments": {}}),
    ],
)
async def test_meta_tools_say_what_they_need(build: Builder, tool: str, arguments: dict[str, Any]) -> None:
    house, upstream = await scripted(build, DONE)
    assert error(await ask(house, "tools/call", {"name": tool, "arguments": arguments})) == (200, -32602)
    assert upstream.requests == []


async def test_strangers_learn_nothing(build: Builder) -> None:
    house, _ = await scripted(build, DONE)
    assert (await ask(house, "tools/list", secret=None)).status == 401
    assert (await house.ask("GET", "/mcp", secret=None)).status == 401
    assert (await house.ask("PUT", "/mcp", b"{}")).status == 405
