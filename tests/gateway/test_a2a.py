"""The official A2A client in both versions and bindings, through the gateway, to an agent written with the official SDK."""

import asyncio
from collections.abc import Iterator

import pytest
from a2a.types.a2a_pb2 import CancelTaskRequest, GetTaskRequest, SubscribeToTaskRequest, TaskState
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError

from tests.gateway import a2a_agents
from tests.gateway import house as terms
from tests.gateway.a2a_agents import agent, client_of, saying, speaking
from tests.gateway.builder import Builder
from tests.gateway.house import House

WAYS = [(binding, version) for binding in ("JSONRPC", "HTTP+JSON") for version in ("1.0", "0.3")]
CLIENTS = pytest.mark.parametrize(("binding", "version"), WAYS)
AGENTS = pytest.mark.parametrize("spoken", WAYS, ids=lambda way: f"agent-{way[0]}-{way[1]}")
# Each with the one it has least in common with.
PAIRS = pytest.mark.parametrize(
    ("binding", "version", "spoken"), [(*way, other) for way, other in zip(WAYS, reversed(WAYS), strict=True)]
)


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with a2a_agents.echo_agent() as url:
        yield url


async def behind(build: Builder, echo: str, *spoken: tuple[str, str]) -> House:
    return await build.house(agent(echo, interfaces=speaking(*spoken) if spoken else a2a_agents.BOTH))


@CLIENTS
@AGENTS
@pytest.mark.req("N9", "HY1")
async def test_every_client_completes_a_task_with_every_agent(
    build: Builder, echo: str, binding: str, version: str, spoken: tuple[str, str]
) -> None:
    house = await behind(build, echo, spoken)
    async with client_of(house, binding=binding, version=version) as client:
        [answer] = [event async for event in client.send_message(saying("hi"))]
        assert answer.task.status.state == TaskState.TASK_STATE_COMPLETED
        assert [part.text for part in answer.task.artifacts[0].parts] == ["echo: hi", " more"]
        assert answer.task.history[0].parts[0].text == "hi"
        found = await client.get_task(GetTaskRequest(id=answer.task.id))
        assert found.status.state == TaskState.TASK_STATE_COMPLETED
        assert [part.text for part in found.artifacts[0].parts] == ["echo: hi", " more"]
        [said] = [event async for event in client.send_message(saying("msg"))]
        assert said.message.parts[0].text == "hello"
    calls = await house.calls_ended(3)
    assert [call.method for call in calls] == ["SendMessage", "GetTask", "SendMessage"]
    assert {(call.service_kind, call.dialect, call.verdict) for call in calls} == {("agent", "a2a", "allowed")}


@CLIENTS
@AGENTS
@pytest.mark.req("N9")
async def test_every_client_follows_the_stream_of_every_agent(
    build: Builder, echo: str, binding: str, version: str, spoken: tuple[str, str]
) -> None:
    house = await behind(build, echo, spoken)
    async with client_of(house, binding=binding, version=version, streaming=True) as client:
        events = [event async for event in client.send_message(saying("hi"))]
        kinds = [event.WhichOneof("payload") for event in events]
        assert kinds == ["task", "status_update", "artifact_update", "artifact_update", "status_update"]
        assert events[3].artifact_update.append
        assert events[3].artifact_update.last_chunk
        assert events[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
        asked = [event async for event in client.send_message(saying("need"))]
        assert asked[-1].status_update.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
        assert asked[-1].status_update.status.message.parts[0].text == "which?"
        task = asked[0].task
        again = saying("this", task_id=task.id, context_id=task.context_id)
        answered = [event async for event in client.send_message(again)]
        assert answered[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    calls = await house.calls_ended(3)
    assert all(call.streamed for call in calls)


@PAIRS
async def test_files_and_data_arrive_as_they_were_sent(
    build: Builder, echo: str, binding: str, version: str, spoken: tuple[str, str]
) -> None:
    house = await behind(build, echo, spoken)
    async with client_of(house, binding=binding, version=version) as client:
        [answer] = [event async for event in client.send_message(saying("file"))]
        picture, link = answer.task.artifacts[0].parts
        assert (picture.raw, picture.media_type, picture.filename) == (b"\x00\x01\x02", "image/png", "dot.png")
        assert link.url == "http://files.example/a"
        [answer] = [event async for event in client.send_message(saying("data"))]
        table, number = answer.task.artifacts[0].parts
        assert table.data.struct_value["title"] == "Größe"
        assert list(table.data.struct_value["rows"]) == [1, 2]
        assert number.data.number_value == 7


@PAIRS
@pytest.mark.req("N9")
async def test_a_running_task_is_left_taken_up_again_and_cancelled(
    build: Builder, echo: str, binding: str, version: str, spoken: tuple[str, str]
) -> None:
    house = await behind(build, echo, spoken)
    async with client_of(house, binding=binding, version=version, streaming=True) as client:
        stream = client.send_message(saying("long"))
        task = (await anext(stream)).task
        await stream.aclose()
        running = client.subscribe(SubscribeToTaskRequest(id=task.id))
        async with asyncio.timeout(5):
            first = await anext(running)
            assert first.task.id == task.id
            ended = await client.cancel_task(CancelTaskRequest(id=task.id))
            assert ended.status.state == TaskState.TASK_STATE_CANCELED
            rest = [event async for event in running]
        assert rest[-1].status_update.status.state == TaskState.TASK_STATE_CANCELED
        if binding == "JSONRPC" or version == "1.0":
            with pytest.raises(TaskNotCancelableError):
                await client.cancel_task(CancelTaskRequest(id=task.id))


OTHER = "pk_9f8e7d6c_" + "o" * 43


@CLIENTS
@pytest.mark.req("N9")
async def test_a_task_is_not_found_with_another_key(build: Builder, echo: str, binding: str, version: str) -> None:
    keys = (terms.key(), terms.key(OTHER, id="key_2", name="other"))
    house = await build.house(agent(echo), snapshot={"keys": keys})
    async with client_of(house, binding=binding, version=version) as mine:
        [made] = [event async for event in mine.send_message(saying("need"))]
        task = made.task
        async with client_of(house, binding="JSONRPC", version="1.0", secret=OTHER) as theirs:
            with pytest.raises(TaskNotFoundError):
                await theirs.get_task(GetTaskRequest(id=task.id))
            with pytest.raises(TaskNotFoundError):
                await theirs.cancel_task(CancelTaskRequest(id=task.id))
            with pytest.raises(TaskNotFoundError):
                [event async for event in theirs.send_message(saying("this", task_id=task.id))]
        found = await mine.get_task(GetTaskRequest(id=task.id))
        assert found.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
    refused = [call for call in await house.calls_ended(5) if call.verdict == "refused"]
    assert [(call.method, call.principal_id) for call in refused] == [
        ("GetTask", "key_2"),
        ("CancelTask", "key_2"),
        ("SendMessage", "key_2"),
    ]
