"""What agents of 0.3 really send, as it was recorded from the last of that line of the SDK, to clients of 1.0."""

import json
from typing import Any

import pytest

from tests.gateway.a2a_agents import agent, speaking
from tests.gateway.builder import Builder
from tests.gateway.house import House, answer

IDS = {"contextId": "dcc3", "taskId": "17f6"}
RECORDED = (
    {"contextId": "dcc3", "history": [], "id": "17f6", "kind": "task", "status": {"state": "submitted"}},
    {
        **IDS,
        "final": False,
        "kind": "status-update",
        "status": {"state": "working", "timestamp": "2026-11-20T15:07:04.6+00:00"},
    },
    {
        **IDS,
        "append": False,
        "artifact": {"artifactId": "a1", "name": "out", "parts": [{"kind": "text", "text": "echo: hi"}]},
        "kind": "artifact-update",
        "lastChunk": False,
    },
    {**IDS, "final": True, "kind": "status-update", "status": {"state": "completed"}},
)
MESSAGE = {
    "messageId": "m1",
    "role": "ROLE_USER",
    "parts": [{"text": "hi"}, {"data": 7}, {"raw": "AAEC", "filename": "f"}],
}
STREAM = "200 OK\r\nContent-Type: text/event-stream"


def stream_of(*results: dict[str, Any]) -> bytes:
    events = [{"id": "r1", "jsonrpc": "2.0", "result": result} for result in results]
    return answer(b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events), STREAM)


async def stream(house: House) -> list[dict[str, Any]]:
    body = {"jsonrpc": "2.0", "id": "r1", "method": "SendStreamingMessage", "params": {"message": MESSAGE}}
    told = await house.ask("POST", "/a2a/echo", json.dumps(body).encode(), headers="A2A-Version: 1.0\r\n")
    return [json.loads(line[6:])["result"] for line in told.body.decode().splitlines() if line.startswith("data: ")]


@pytest.mark.req("N9")
async def test_a_recorded_stream_of_the_older_version_is_told_in_the_newer(build: Builder) -> None:
    upstream = await build.upstream(stream_of(*RECORDED))
    house = await build.house(agent(upstream.url, interfaces=speaking(("JSONRPC", "0.3"))))
    events = await stream(house)
    assert events == [
        {"task": {"id": "17f6", "contextId": "dcc3", "status": {"state": "TASK_STATE_SUBMITTED"}}},
        {"statusUpdate": {**IDS, "status": {"state": "TASK_STATE_WORKING", "timestamp": "2026-11-20T15:07:04.6Z"}}},
        {"artifactUpdate": {**IDS, "artifact": {"artifactId": "a1", "parts": [{"text": "echo: hi"}], "name": "out"}}},
        {"statusUpdate": {**IDS, "status": {"state": "TASK_STATE_COMPLETED"}}},
    ]
    sent = json.loads(upstream.requests[0].partition(b"\r\n\r\n")[2])
    assert sent["method"] == "message/stream"
    assert sent["params"]["message"]["parts"] == [
        {"text": "hi", "kind": "text"},
        {"kind": "data", "data": {"value": 7}, "metadata": {"data_part_compat": True}},
        {"kind": "file", "file": {"bytes": "AAEC", "name": "f"}},
    ]
    assert sent["params"]["configuration"]["blocking"] is True


@pytest.mark.req("N9")
async def test_a_stream_that_begins_with_an_update_gets_its_task_first(build: Builder) -> None:
    upstream = await build.upstream(stream_of(*RECORDED[1:]))
    house = await build.house(agent(upstream.url, interfaces=speaking(("JSONRPC", "0.3"))))
    events = await stream(house)
    assert [next(iter(event)) for event in events] == ["task", "statusUpdate", "artifactUpdate", "statusUpdate"]
    assert events[0]["task"]["id"] == "17f6"
