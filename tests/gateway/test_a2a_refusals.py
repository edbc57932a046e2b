"""What goes wrong between clients and agents, told in the protocol's own words, with the names that people look for."""

import asyncio
import json
from typing import Any

import pytest

from portico.domains.agents.model import InterfaceEntry
from portico.domains.routing.model import LimitEntry
from tests.gateway import house as terms
from tests.gateway.a2a_agents import agent, speaking
from tests.gateway.builder import Builder
from tests.gateway.house import Answer, House, answer, service

NEWER = "A2A-Version: 1.0\r\n"
MESSAGE = {"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
OLD_MESSAGE = {"kind": "message", "messageId": "m1", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}
OTHER = "pk_9f8e7d6c_" + "o" * 43


def rpc(method: str, params: Any, rpc_id: Any = "r1") -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params}).encode()


def result(value: Any) -> bytes:
    return answer(
        json.dumps({"jsonrpc": "2.0", "id": "r1", "result": value}).encode(), "200 OK", "Content-Type: application/json"
    )


TASK = {"id": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_INPUT_REQUIRED"}}


async def say(house: House, body: bytes, headers: str = NEWER, **how: Any) -> Answer:
    return await house.ask("POST", "/a2a/echo", body, headers=headers, **how)


@pytest.mark.req("HY4")
async def test_an_agent_that_nobody_registered_is_named(build: Builder) -> None:
    house = await build.house()
    told = await say(house, rpc("SendMessage", {"message": MESSAGE}))
    assert told.status == 404
    error = told.json["error"]
    assert error["message"] == "Agent not registered: there is no agent 'echo' here."
    assert error["data"][0]["reason"] == "AGENT_NOT_REGISTERED"
    assert "portico agents list" in error["data"][0]["metadata"]["next_step"]
    assert error["data"][1]["value"]["code"] == "AGENT_NOT_REGISTERED"
    card = await house.ask("GET", "/a2a/echo/.well-known/agent-card.json")
    assert (card.status, card.json["code"]) == (404, "AGENT_NOT_REGISTERED")


@pytest.mark.req("HY4")
async def test_an_agent_that_does_not_respond_is_named(build: Builder) -> None:
    silent = await build.upstream(b"", pause_s=30)
    house = await build.house(agent(silent.url, timeout_s=0.2), agent("http://127.0.0.1:9", name="gone"))
    late = await say(house, rpc("SendMessage", {"message": MESSAGE}))
    assert late.status == 504
    assert late.json["error"]["message"].startswith("Agent not responding: 'echo'.")
    assert late.json["id"] == "r1"
    gone = await house.ask("POST", "/a2a/gone", rpc("message/send", {"message": OLD_MESSAGE}))
    assert gone.status == 504
    assert gone.json["error"]["data"]["code"] == "AGENT_NOT_RESPONDING"
    calls = await house.calls_ended(2)
    assert {(call.reason, call.verdict) for call in calls} == {("AGENT_NOT_RESPONDING", "failed")}


@pytest.mark.req("HY1")
@pytest.mark.parametrize("method", ["SendMessage", "SendStreamingMessage"])
async def test_a_caller_that_allows_it_gets_an_answer_in_place_of_a_silent_agents(build: Builder, method: str) -> None:
    silent = await build.upstream(b"", pause_s=30)
    house = await build.house(agent(silent.url, timeout_s=60.0))
    told = await say(house, rpc(method, {"message": MESSAGE}), NEWER + "X-Portico-Fallback-S: 0.1\r\n")
    assert told.status == 200
    assert told.headers["x-portico-fallback"] == "used"
    text = told.body.decode().removeprefix("data: ").strip()
    message = json.loads(text)["result"]["message"]
    assert message["role"] == "ROLE_AGENT"
    assert message["metadata"]["portico"]["fallback"] is True
    [call] = await house.calls_ended(1)
    assert (call.verdict, call.reason) == ("failed", "AGENT_NOT_RESPONDING")


@pytest.mark.parametrize(
    ("method", "headers", "code"),
    [
        ("SendMessage", "", -32009),
        ("SendMessage", "A2A-Version: 2.0\r\n", -32009),
        ("message/send", NEWER, -32601),
        ("tasks/explode", "", -32601),
    ],
)
@pytest.mark.req("N9")
async def test_methods_and_versions_that_do_not_fit(build: Builder, method: str, headers: str, code: int) -> None:
    house = await build.house(agent("http://127.0.0.1:9"))
    told = await say(house, rpc(method, {"message": MESSAGE}, 7), headers)
    assert told.status == 200
    assert (told.json["id"], told.json["error"]["code"]) == (7, code)


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"mine","id":"theirs"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":NaN}}',
        b"[" * 50_000,
        b"\xff\xfe",
        b"",
    ],
)
async def test_a_body_that_two_readers_could_take_for_two_calls_is_refused(build: Builder, body: bytes) -> None:
    house = await build.house(agent("http://127.0.0.1:9"))
    told = await say(house, body)
    assert told.json["error"]["code"] == -32700
    assert all(call.verdict == "refused" for call in await house.calls_ended(1))


@pytest.mark.parametrize(
    "message",
    [{**MESSAGE, "task_id": "t1"}, {**MESSAGE, "reference_task_ids": ["t1"]}, {**MESSAGE, "context_id": "c1"}],
)
async def test_names_in_another_spelling_do_not_get_past_the_check_of_whose_a_task_is(
    build: Builder, message: dict[str, Any]
) -> None:
    upstream = await build.upstream(result({"task": TASK}))
    house = await build.house(agent(upstream.url))
    told = await say(house, rpc("SendMessage", {"message": message}))
    assert told.json["error"]["code"] == -32602
    assert upstream.requests == []


@pytest.mark.parametrize(
    "message",
    [{**MESSAGE, "taskId": "t1"}, {**MESSAGE, "referenceTaskIds": ["t1"]}, {**MESSAGE, "contextId": "c1"}],
)
@pytest.mark.req("N9")
async def test_nobody_speaks_into_the_task_or_the_context_of_another(build: Builder, message: dict[str, Any]) -> None:
    upstream = await build.upstream(result({"task": TASK}))
    keys = (terms.key(), terms.key(OTHER, id="key_2", name="other"))
    house = await build.house(agent(upstream.url), snapshot={"keys": keys})
    made = await say(house, rpc("SendMessage", {"message": MESSAGE}))
    assert made.json["result"]["task"]["id"] == "t1"
    theirs = await say(house, rpc("SendMessage", {"message": message}), secret=OTHER)
    assert theirs.json["error"]["code"] in {-32001, -32602}
    mine = await say(house, rpc("SendMessage", {"message": message}))
    assert "result" in mine.json
    assert len(upstream.requests) == 2


async def test_an_agent_that_hands_out_the_task_of_another_is_not_believed(build: Builder) -> None:
    upstream = await build.upstream(result({"task": TASK}))
    keys = (terms.key(), terms.key(OTHER, id="key_2", name="other"))
    house = await build.house(agent(upstream.url), snapshot={"keys": keys})
    await say(house, rpc("SendMessage", {"message": MESSAGE}))
    theirs = await say(house, rpc("SendMessage", {"message": MESSAGE}), secret=OTHER)
    assert theirs.status == 502
    assert "belongs to somebody else" in theirs.json["error"]["message"]


async def test_credentials_end_at_the_door_and_extensions_pass(build: Builder) -> None:
    upstream = await build.upstream(
        result({"kind": "task", "id": "t1", "contextId": "c1", "status": {"state": "working"}})
    )
    house = await build.house(agent(upstream.url, interfaces=speaking(("JSONRPC", "0.3"))))
    headers = f"{NEWER}A2A-Extensions: https://ext.example/a\r\nCookie: a=b\r\nX-Api-Key: mine\r\n"
    told = await say(house, rpc("SendMessage", {"message": MESSAGE}), headers)
    assert told.json["result"]["task"]["status"]["state"] == "TASK_STATE_WORKING"
    head = upstream.requests[0].lower()
    assert b"pk_" not in head
    assert b"cookie" not in head
    assert b"a2a-version" not in head
    assert b"x-a2a-extensions: https://ext.example/a" in head
    assert b'"method":"message/send"' in upstream.requests[0]


async def test_what_both_speak_passes_as_it_is(build: Builder) -> None:
    big = '{"task":{"id":"t1","contextId":"c1","status":{"state":"TASK_STATE_WORKING"},"metadata":{"n":12345678901234567890.0,"x":1.50}}}'
    body = f'{{"jsonrpc":"2.0", "id":"r1", "result":{big}}}'.encode()
    upstream = await build.upstream(answer(body, "200 OK", "Content-Type: application/json"))
    house = await build.house(agent(upstream.url))
    sent = b'{"params": {"message": {"messageId":"m","role":"ROLE_USER","parts":[{"data":{"a":1.0}}],"unknown":[]}}, "method":"SendMessage","id":"r1","jsonrpc":"2.0"}'
    told = await say(house, sent)
    assert upstream.requests[0].endswith(b"\r\n\r\n" + sent)
    assert told.body == body


async def test_a_rate_limit_is_told_with_its_status_and_the_envelope(build: Builder) -> None:
    limit = LimitEntry("lim_1", terms.ORG, "few", "org", None, "the org", 1, 3600, None)
    upstream = await build.upstream(result({"task": TASK}))
    house = await build.house(agent(upstream.url), snapshot={"limits": (limit,)})
    await say(house, rpc("SendMessage", {"message": MESSAGE}))
    told = await say(house, rpc("SendMessage", {"message": MESSAGE}))
    assert (told.status, told.json["error"]["code"]) == (429, 9401)
    rest = await house.ask("POST", "/a2a/echo/message:send", json.dumps({"message": MESSAGE}).encode(), headers=NEWER)
    assert rest.status == 429
    assert rest.json["error"]["status"] == "RESOURCE_EXHAUSTED"


async def test_agents_have_one_way_and_need_a_key(build: Builder) -> None:
    house = await build.house(agent("http://127.0.0.1:9"), service("plain", "http://127.0.0.1:9"))
    assert (await house.ask("GET", "/svc/echo/x")).status == 404
    assert (
        await house.ask("POST", "/a2a/plain", rpc("SendMessage", {"message": MESSAGE}), headers=NEWER)
    ).status == 404
    assert (await house.ask("GET", "/a2a/echo")).status == 405
    assert (await house.ask("GET", "/a2a/echo/.well-known/agent-card.json", secret=None)).status == 401
    assert (await say(house, rpc("SendMessage", {"message": MESSAGE}), secret=None)).status == 401


@pytest.mark.req("HY2", "HY3")
async def test_the_card_is_ours_with_a_tag_of_its_own(build: Builder) -> None:
    house = await build.house(agent("http://127.0.0.1:9"))
    card = await house.ask("GET", "/a2a/echo/.well-known/agent-card.json")
    assert card.json["supportedInterfaces"][0]["url"] == "http://door/a2a/echo"
    again = await house.ask(
        "GET", "/a2a/echo/.well-known/agent-card.json", headers=f"If-None-Match: {card.headers['etag']}\r\n"
    )
    assert (again.status, again.body) == (304, b"")


async def test_an_agent_without_a_card_says_what_to_do(build: Builder) -> None:
    house = await build.house(agent("http://127.0.0.1:9", interfaces=()))
    told = await say(house, rpc("SendMessage", {"message": MESSAGE}))
    assert told.status == 503
    assert told.json["error"]["data"][0]["reason"] == "AGENT_CARD_MISSING"


async def test_a_stream_that_breaks_ends_with_an_error_event_and_the_state_is_kept(build: Builder) -> None:
    event = json.dumps({"jsonrpc": "2.0", "id": "r1", "result": {"task": TASK}}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"data: " + event + b"\n\n"
    broken = head + b"%x\r\n%b\r\n" % (len(chunk), chunk)
    upstream = await build.upstream(broken, close_after=True)
    house = await build.house(agent(upstream.url))
    told = await say(house, rpc("SendStreamingMessage", {"message": MESSAGE}))
    events = [json.loads(line[6:]) for line in told.body.decode().splitlines() if line.startswith("data: ")]
    assert events[0]["result"]["task"]["id"] == "t1"
    assert events[-1]["error"]["data"][0]["reason"] == "UPSTREAM_BROKEN"
    known = house.gate.tasks.find(terms.ORG, "svc_echo", "t1")
    assert known is not None
    assert known.state == "TASK_STATE_INPUT_REQUIRED"
    house.gate.tasks.sweep()
    await asyncio.sleep(0)
    [file] = (house.data_dir / "tasks" / "gateway-1").iterdir()
    notes = [json.loads(line) for line in file.read_bytes().splitlines()[1:]]
    assert {(each[0], each[5], each[7]) for each in notes} == {("task", "t1", "key_1")}
    assert notes[-1][11] == "TASK_STATE_INPUT_REQUIRED"


async def test_what_portico_cannot_know_is_not_made_up(build: Builder) -> None:
    """Without control, nobody can say whose a task is that this gateway has not seen."""
    house = await build.house(agent("http://127.0.0.1:9"))
    asking = asyncio.ensure_future(say(house, rpc("GetTask", {"id": "unseen"})))
    async with asyncio.timeout(5):
        ask = await house.gate.asks.next_ask()
    assert json.loads(ask.body)["tasks"] == ["unseen"]
    house.gate.asks.told(ask.number, None)
    told = await asking
    assert (told.status, told.json["error"]["data"][0]["reason"]) == (503, "NOT_READY")


@pytest.mark.req("N9")
async def test_a_client_does_not_choose_the_tenant_at_the_agent(build: Builder) -> None:
    upstream = await build.upstream(result({"task": TASK}), result(TASK), answer(json.dumps(TASK).encode()))
    own = InterfaceEntry("JSONRPC", "1.0", "/rpc", "ours")
    house = await build.house(agent(upstream.url), agent(upstream.url, interfaces=(own,), name="tenanted"))
    await say(house, rpc("SendMessage", {"message": MESSAGE, "tenant": "theirs"}))
    assert b"theirs" not in upstream.requests[0]
    await house.ask(
        "POST", "/a2a/tenanted", rpc("SendMessage", {"message": MESSAGE, "tenant": "theirs"}), headers=NEWER
    )
    assert b'"tenant":"ours"' in upstream.requests[1]
    await house.ask("GET", "/a2a/echo/tasks/t1?historyLength=2&tenant=theirs&id=t2", headers=NEWER)
    assert b"GET /rest/tasks/t1?historyLength=2 HTTP/1.1" in upstream.requests[2]
