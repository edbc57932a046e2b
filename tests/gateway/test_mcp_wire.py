"""What passes on the way to an MCP server and what does not, byte by byte."""

import asyncio
import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.domains.routing.model import EndpointEntry, GrantEntry, VersionEntry
from portico.gateway.dialects import mcp
from portico.gateway.sessions import Session, SessionBook
from portico.platform.crypto import KeyRing, Sealer
from tests.gateway import house as terms
from tests.gateway.builder import Builder
from tests.gateway.house import SECRET, Answer, CredentialEntry, House, answer, key, read_request

OTHER = "pk_9z8y7x6w_" + "t" * 43
KEYS = (key(), key(OTHER, id="key_2", name="other"))
SINGLE = "MCP-Protocol-Version: 2026-07-28\r\n"
META = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
WORDS = st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "name", "uri", "_meta"])
DONE = b'{"jsonrpc":"2.0","id":1,"result":{}}'
OPENED = answer(DONE, "200 OK", "Content-Type: application/json", "Mcp-Session-Id: ses-1")
FINE = answer(DONE, "200 OK", "Content-Type: application/json")


def message(method: str, rpc_id: Any = 1, **params: Any) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params})


async def post(house: House, body: bytes, headers: str = "", **options: Any) -> Answer:
    return await house.ask("POST", "/mcp/time", body, headers=headers, **options)


async def behind(build: Builder, *answers: bytes | None, **changes: Any) -> Any:
    server = await build.upstream(*answers)
    house = await build.house(
        terms.service("time", f"{server.url}/deep/mcp", kind="tools", **changes), snapshot={"keys": KEYS}
    )
    return house, server


async def test_a_message_and_its_headers_pass_as_they_are(build: Builder) -> None:
    house, server = await behind(build, FINE)
    body = b'{ "jsonrpc":"2.0","id":"a-1","method":"tools/call","params":{"name":"add","arguments":{"a":1e3},"x":[]} }'
    headers = (
        "Accept: application/json, text/event-stream\r\nMcp-Param-Region: eu\r\nContent-Type: application/json\r\n"
    )
    headers += "Cookie: sign-in=1\r\nOrigin: http://portico\r\nMcp_Session_Id: stolen\r\n"
    got = await post(house, body, headers)
    assert (got.status, got.body) == (200, DONE)
    [request] = server.requests
    head, _, sent = request.partition(b"\r\n\r\n")
    assert sent == body
    assert head.startswith(b"POST /deep/mcp HTTP/1.1\r\n")
    assert b"\r\nMcp-Param-Region: eu\r\n" in head
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n".encode() in head
    for kept_back in (b"authorization", SECRET.encode(), b"cookie", b"origin:", b"mcp_session_id"):
        assert kept_back not in head.lower()
    [call] = await house.calls_ended()
    assert (call.method, call.path, call.model) == ("tools/call", "/mcp/time", "add")


@pytest.mark.parametrize(
    ("body", "operation"),
    [
        (b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}', "notifications/cancelled"),
        (b'{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}', "response"),
        (b'{"jsonrpc":"2.0","id":"s-1","error":{"code":-1,"message":"no"}}', "response"),
        (b'{"jsonrpc":"2.0","id":4,"method":"ping","params":null}', "ping"),
    ],
)
async def test_what_clients_say_unasked_or_answer_passes_too(build: Builder, body: bytes, operation: str) -> None:
    house, server = await behind(build, answer(b"", "202 Accepted"))
    assert (await post(house, body)).status == 202
    assert server.requests[0].endswith(b"\r\n\r\n" + body)
    [call] = await house.calls_ended()
    assert (call.method, call.model) == (operation, None)


async def test_a_long_name_is_compared_whole_and_recorded_short(build: Builder) -> None:
    house, _ = await behind(build, FINE)
    uri = "file:///" + "x" * 1000
    assert (await post(house, message("resources/read", uri=uri), f"Mcp-Name: {uri}y\r\n")).status == 400
    assert (await post(house, message("resources/read", uri=uri), f"Mcp-Name: {uri}\r\n")).status == 200
    assert [call.model for call in await house.calls_ended(2)] == [uri[:200]] * 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(), inner, max_size=5),
    max_leaves=12,
)


@given(
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
    | st.dictionaries(WORDS, JSON | st.sampled_from(["2.0", "tools/call", 1]), max_size=5).map(
        lambda value: json.dumps({"jsonrpc": "2.0", "method": "tools/call", **value}).encode()
    )
)
def test_any_bytes_are_a_message_or_refused(body: bytes) -> None:
    try:
        found = mcp.read_message(body)
    except mcp.BadMessage as refusal:
        told = mcp.error_body(refusal, None, b"{}")
    else:
        told = mcp.error_body(mcp.SessionNotFound(), found, b"{}")
        assert json.loads(body)["jsonrpc"] == "2.0"
    assert json.loads(told)["error"]["code"] in {-32700, -32600, -32602}


async def test_the_server_gets_its_own_credential(build: Builder) -> None:
    sealed = Sealer(KeyRing(base64.b64decode(terms.MASTER_KEY))).seal("upstream-token", "org_DEMO/token")
    credential = CredentialEntry("Authorization", "Bearer {secret}", sealed, "org_DEMO/token")
    house, server = await behind(build, FINE, credential=credential)
    await post(house, message("ping"))
    assert b"\r\nAuthorization: Bearer upstream-token\r\n" in server.requests[0]
    assert SECRET.encode() not in server.requests[0]


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b"[" + message("ping") + b"]", -32600),
        (b'{"jsonrpc":"2.0","id":1', -32700),
        (b"\xff", -32700),
        (b'{"a":' * 5000, -32700),
        (b'"ping"', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % 2**64, -32600),
        (message("ping", "i" * 513), -32600),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', -32600),
        (message("tools/call"), -32602),
        (message("tools/call", name=7), -32602),
        (message("ping", _meta=3), -32602),
    ],
)
async def test_what_is_no_message_is_refused_and_goes_nowhere(build: Builder, body: bytes, number: int) -> None:
    house, server = await behind(build, FINE)
    got = await post(house, body)
    assert (got.status, got.json["error"]["code"]) == (400, number)
    assert got.json["error"]["data"]["code"] == "BAD_REQUEST"
    assert server.requests == []


@pytest.mark.parametrize(
    ("method", "params", "headers"),
    [
        ("tools/call", {"name": "add"}, SINGLE + "Mcp-Method: tools/list\r\nMcp-Name: add\r\n"),
        ("tools/call", {"name": "add"}, SINGLE + "Mcp-Method: tools/call\r\nMcp-Name: drop\r\n"),
        ("tools/call", {"name": "add"}, SINGLE + "Mcp-Method: tools/call\r\n"),
        ("tools/call", {"name": "add"}, SINGLE + "Mcp-Name: add\r\n"),
        ("tools/call", {"name": "add"}, SINGLE + "Mcp-Method: tools/call\r\nMcp-Name: add\r\nMcp-Name: add\r\n"),
        ("tools/call", {"name": "add"}, SINGLE + "Mcp-Method: TOOLS/CALL\r\nMcp-Name: add\r\n"),
        ("tools/list", {}, SINGLE.replace("2026", "2027") + "Mcp-Method: tools/list\r\n"),
        # Also where a header would not have been needed.
        ("tools/call", {"name": "add"}, "Mcp-Name: drop\r\n"),
        ("tools/call", {"name": "=?base64?"}, SINGLE + "Mcp-Method: tools/call\r\nMcp-Name: =?base64?!?=\r\n"),
    ],
)
async def test_a_header_that_contradicts_the_body_is_refused(
    build: Builder, method: str, params: dict[str, Any], headers: str
) -> None:
    house, server = await behind(build, FINE)
    got = await post(house, message(method, 7, **params, **META), headers)
    assert (got.status, got.json["error"]["code"], got.json["id"]) == (400, -32020, 7)
    assert server.requests == []


async def test_a_name_beyond_ascii_is_compared_decoded(build: Builder) -> None:
    house, server = await behind(build, FINE)
    headers = SINGLE + "Mcp-Method: tools/call\r\nMcp-Name: =?base64?w6RkZA==?=\r\n"
    assert (await post(house, message("tools/call", name="ädd", **META), headers)).status == 200
    assert b"Mcp-Name: =?base64?w6RkZA==?=" in server.requests[0]


async def test_a_session_is_its_makers_alone(build: Builder) -> None:
    house, server = await behind(build, OPENED, FINE)
    opened = await post(house, message("initialize"))
    assert opened.headers["mcp-session-id"] == "ses-1"
    mine = "Mcp-Session-Id: ses-1\r\n"
    assert (await post(house, message("tools/list"), mine)).status == 200
    for method, body in (("POST", message("tools/list", 9)), ("GET", b""), ("DELETE", b"")):
        foreign = await house.ask(method, "/mcp/time", body, headers=mine, secret=OTHER)
        assert foreign.status == 404
        missing = await house.ask(method, "/mcp/time", body, headers="Mcp-Session-Id: ses-2\r\n", secret=OTHER)
        assert without_ids(foreign) == without_ids(missing)
    assert len(server.requests) == 2


def without_ids(got: Answer) -> object:
    body = got.json
    told = body["error"].get("data", body)
    told.pop("correlation_id")
    for changing in ("timestamp", "trace_id"):
        told["error"].pop(changing)
    return body


async def test_a_session_that_the_server_ended_is_gone(build: Builder) -> None:
    house, server = await behind(build, OPENED, answer(b"", "204 No Content"))
    mine = "Mcp-Session-Id: ses-1\r\n"
    await post(house, message("initialize"))
    assert (await house.ask("DELETE", "/mcp/time", headers=mine)).status == 204
    assert (await post(house, message("tools/list"), mine)).status == 404
    assert len(server.requests) == 2


async def test_only_an_answer_that_opens_a_session_does(build: Builder) -> None:
    refused = answer(DONE, "400 Bad Request", "Mcp-Session-Id: ses-1")
    house, _ = await behind(build, refused, OPENED)
    await post(house, message("initialize"))
    await post(house, message("tools/list"))
    assert (await post(house, message("tools/list"), "Mcp-Session-Id: ses-1\r\n")).status == 404


async def test_a_session_stays_at_the_endpoint_that_opened_it(build: Builder) -> None:
    first, second = await build.upstream(OPENED, FINE), await build.upstream(FINE)
    ends = tuple(EndpointEntry(f"end_{n}", f"{each.url}/mcp", 1, n == 0) for n, each in enumerate((first, second)))
    time = terms.service("time", kind="tools")
    house = await build.house(msgspec.structs.replace(time, versions=(VersionEntry("v1", 100, ends),)))
    await post(house, message("initialize"))
    # The other one would now be chosen for what has no session.
    turned = tuple(msgspec.structs.replace(each, healthy=not each.healthy) for each in ends)
    time = msgspec.structs.replace(time, versions=(VersionEntry("v1", 100, turned),))
    house.gate.adopt(terms.snapshot(time, version=2))
    for _ in range(5):
        await post(house, message("tools/list"), "Mcp-Session-Id: ses-1\r\n")
    await post(house, message("tools/list"))
    assert (len(first.requests), len(second.requests)) == (6, 1)


async def test_a_single_request_carries_no_session(build: Builder) -> None:
    house, server = await behind(build, FINE)
    headers = SINGLE + "Mcp-Method: tools/list\r\nMcp-Session-Id: ses-of-others\r\n"
    assert (await post(house, message("tools/list", **META), headers)).status == 200
    assert b"session" not in server.requests[0].lower()


async def test_events_are_replayed_only_within_a_known_session(build: Builder) -> None:
    house, server = await behind(build, OPENED, FINE)
    assert (await house.ask("GET", "/mcp/time", headers="Last-Event-ID: 4\r\n")).status == 404
    await post(house, message("initialize"))
    got = await house.ask("GET", "/mcp/time", headers="Last-Event-ID: 4\r\nMcp-Session-Id: ses-1\r\n")
    assert got.status == 200
    assert b"\r\nLast-Event-ID: 4\r\n" in server.requests[1]


async def test_there_is_no_other_way_to_a_tool_server(build: Builder) -> None:
    house, server = await behind(build, FINE)
    web = terms.service("web", server.url)
    house.gate.adopt(terms.snapshot(web, terms.service("time", server.url, kind="tools"), version=2))
    assert (await house.ask("POST", "/svc/time/mcp", message("ping"))).status == 404
    assert (await house.ask("POST", "/mcp/web", message("ping"))).status == 404
    for path in ("/mcp/time/", "/mcp/time/more", "/mcp/TIME", "/mcp/%74ime"):
        assert (await house.ask("POST", path, message("ping"))).status == 404
    assert (await house.ask("PUT", "/mcp/time", message("ping"))).status == 405
    assert server.requests == []


async def test_a_stranger_is_told_the_same_of_every_server(build: Builder) -> None:
    house, server = await behind(build, FINE)
    for path in ("/mcp/time", "/mcp/none"):
        got = await house.ask("POST", path, message("ping"), secret=None)
        assert (got.status, got.json["code"]) == (401, "MISSING_CREDENTIALS")
    assert server.requests == []


async def test_a_restricted_server_is_not_found_by_who_has_no_grant(build: Builder) -> None:
    server = await build.upstream(FINE)
    time = terms.service("time", server.url, kind="tools", restricted=True)
    grants = (GrantEntry(terms.ORG, "key_1", time.id, "services.call"),)
    house = await build.house(time, snapshot={"keys": KEYS, "grants": grants})
    assert (await post(house, message("ping"))).status == 200
    hidden = await post(house, message("ping", 3), secret=OTHER)
    assert (hidden.status, hidden.json["id"], hidden.json["error"]["code"]) == (404, 3, 9001)


async def test_a_broken_stream_of_a_single_request_is_told_as_its_error(build: Builder) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def break_off(reader: Any, writer: Any) -> None:
        await read_request(reader)
        writer.write(head + b"7\r\ndata: {\r\n")
        await writer.drain()

    server = await build.scripted(break_off)
    house = await build.house(terms.service("time", server.url, kind="tools"))
    headers = SINGLE + "Mcp-Method: tools/list\r\n"
    got = await post(house, message("tools/list", "q", **META), headers)
    last = got.body.strip().rpartition(b"data: ")[2]
    told = msgspec.json.decode(last)
    assert (told["id"], told["error"]["data"]["code"]) == ("q", "UPSTREAM_BROKEN")
    # In a session the client may ask for the rest, so it sees the break itself.
    broken = await house.raw(
        f"POST /mcp/time HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: 46\r\n\r\n".encode()
        + b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    )
    assert not broken.endswith(b"0\r\n\r\n")


async def test_a_stream_without_news_ends_well_and_says_nothing_against_the_server(build: Builder) -> None:
    async def say_nothing(reader: Any, writer: Any) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        await reader.read(-1)

    server = await build.scripted(say_nothing)
    house = await build.house(terms.service("time", server.url, kind="tools"), stream_idle_timeout_s=0.1)
    opened = [house.ask("GET", "/mcp/time") for _ in range(12)]
    assert [(got.status, got.body) for got in await asyncio.gather(*opened)] == [(200, b"")] * 12
    assert [call.verdict for call in await house.calls_ended(12)] == ["allowed"] * 12
    assert {breaker.state for breaker in house.gate.breakers.values()} == {"closed"}


def test_the_book_of_sessions_is_bounded_for_each_org() -> None:
    book = SessionBook(most_per_org=2)
    book.opened("org_B", "svc", b"theirs", Session("key_9", "end"))
    for number in range(3):
        book.opened("org_A", "svc", b"%d" % number, Session("key_1", "end"))
    assert [book.endpoint_of("org_A", "svc", b"%d" % number, "key_1") for number in range(3)] == [None, "end", "end"]
    assert book.endpoint_of("org_B", "svc", b"theirs", "key_9") == "end"
    assert book.endpoint_of("org_B", "svc", b"1", "key_1") is None
    book.opened("org_A", "svc", b"x" * 513, Session("key_1", "end"))
    assert book.endpoint_of("org_A", "svc", b"x" * 513, "key_1") is None
    book.ended("org_B", "svc", b"theirs")
    assert book.endpoint_of("org_B", "svc", b"theirs", "key_9") is None
