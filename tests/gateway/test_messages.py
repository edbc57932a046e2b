"""Anthropic's own client against the gateway: it speaks its dialect, the services behind speak chat completions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import msgspec
import pytest

from tests.gateway.builder import Builder
from tests.gateway.house import SECRET, House, Scripted, Upstream, answer, budget, key, model, read_request
from tests.gateway.test_openai_client import CHAT, TEXT, model_server

MESSAGES: list[Any] = [{"role": "user", "content": TEXT}]
WEATHER: Any = {
    "name": "weather",
    "description": "The weather of a town.",
    "input_schema": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
}


@asynccontextmanager
async def client_to(house: House, **changes: Any) -> AsyncIterator[anthropic.AsyncAnthropic]:
    options = {"api_key": SECRET, "base_url": f"http://127.0.0.1:{house.port}", "max_retries": 0, **changes}
    async with anthropic.AsyncAnthropic(**options) as client:
        yield client


@asynccontextmanager
async def asking(build: Builder, *answers: bytes, **first: Any) -> AsyncIterator[tuple[Any, House, Upstream]]:
    """The client, and a service that gives these answers."""
    async with Upstream(*answers).running() as upstream:
        house = await build.house(model(upstream.url), snapshot=first)
        async with client_to(house) as client:
            yield client, house, upstream


def ask(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 50, "messages": MESSAGES, **fields}


def chat(message: dict[str, Any], finish_reason: str = "stop", **fields: Any) -> bytes:
    said = {"role": "assistant", "content": None, **message}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m-2026",
        "choices": [{"index": 0, "message": said, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 4}},
        **fields,
    }
    return answer(msgspec.json.encode(body), "200 OK", "Content-Type: application/json")


def chunk(delta: dict[str, Any] | None = None, finish_reason: str | None = None, **fields: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return b"data: " + msgspec.json.encode({"model": "m-2026", "choices": choices, **fields}) + b"\n\n"


def events(*frames: bytes) -> bytes:
    return answer(b"".join(frames), "200 OK", "Content-Type: text/event-stream")


USED = chunk(usage={"prompt_tokens": 10, "completion_tokens": 20})
DONE = b"data: [DONE]\n\n"
CALLS = [
    {"index": 0, "id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"town":"Ulm"}'}},
    {"index": 1, "id": "call_b", "type": "function", "function": {"name": "weather", "arguments": '{"town":"Bonn"}'}},
]


def sent(upstream: Upstream, number: int = 0) -> dict[str, Any]:
    """What the service was asked."""
    found: dict[str, Any] = msgspec.json.decode(upstream.requests[number].partition(b"\r\n\r\n")[2])
    return found


@pytest.mark.req("N9")
async def test_an_answer_is_the_same_whole_streamed_and_in_either_dialect(build: Builder) -> None:
    async with model_server() as url:
        house = await build.house(model(url, models=(CHAT,)), snapshot={"budgets": (budget(1_000_000),)})
        async with client_to(house) as client:
            whole = await client.messages.create(**ask(model=CHAT))
            assert whole.content[0].type == "text"
            async with client.messages.stream(**ask(model=CHAT)) as stream:
                words = [text async for text in stream.text_stream]
                streamed = await stream.get_final_message()
        plain = await house.chat(model=CHAT, messages=MESSAGES, max_tokens=50)
        assert whole.content[0].text == plain.json["choices"][0]["message"]["content"]
        assert "".join(words) == whole.content[0].text
        assert streamed.content[0].model_dump() == whole.content[0].model_dump()
        assert (streamed.usage, streamed.stop_reason) == (whole.usage, "end_turn")
        assert whole.model == CHAT

        calls = await house.calls_ended(3)
        assert [call.dialect for call in calls] == ["anthropic", "anthropic", "openai"]
        assert [call.streamed for call in calls] == [False, True, False]
        assert [call.path for call in calls[:2]] == ["/v1/messages"] * 2
        assert len({(call.tokens_in, call.tokens_out, call.cost_microusd) for call in calls}) == 1
        assert [call.tokens_estimated for call in calls] == [False] * 3
        assert whole.id.removeprefix("msg_") == calls[0].id.removeprefix("call_")


async def test_the_key_may_come_in_either_header(build: Builder) -> None:
    async with asking(build, chat({"content": "hello"})) as (client, house, upstream):
        await client.messages.create(**ask())
        async with client_to(house, api_key=None, auth_token=SECRET) as bearer:
            await bearer.messages.create(**ask())
        assert len(await house.calls_ended(2)) == 2
        assert SECRET.encode() not in b"".join(upstream.requests)


@pytest.mark.req("N9")
async def test_a_question_is_carried_in_full(build: Builder) -> None:
    question = ask(
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look."},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
                    {"type": "image", "source": {"type": "url", "url": "https://pictures.test/a.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "call_a", "name": "weather", "input": {"town": "Ulm"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_a", "content": "no such town", "is_error": True},
                    {"type": "text", "text": "Go on."},
                ],
            },
        ],
        tools=[WEATHER],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        stop_sequences=["END"],
        extra_body={"temperature": 0.5, "top_p": 0.9},
    )
    async with asking(build, chat({"content": "hello"})) as (client, _, upstream):
        await client.messages.create(**question)
        function = {"name": "weather", "description": WEATHER["description"], "parameters": WEATHER["input_schema"]}
        assert sent(upstream) == {
            "model": "m",
            "max_tokens": 50,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["END"],
            "tools": [{"type": "function", "function": function}],
            "tool_choice": "required",
            "parallel_tool_calls": False,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Look."},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                        {"type": "image_url", "image_url": {"url": "https://pictures.test/a.png"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": "Let me see.",
                    "tool_calls": [
                        {
                            "id": "call_a",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"town":"Ulm"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "call_a", "content": "Error: no such town"},
                {"role": "user", "content": "Go on."},
            ],
        }


@pytest.mark.req("N9")
async def test_tools_are_used_whole_and_streamed_and_their_use_can_be_sent_back(build: Builder) -> None:
    pieces = [
        chunk({"role": "assistant", "content": "Two "}),
        chunk({"content": "towns."}),
        chunk({"tool_calls": [{**CALLS[0], "function": {"name": "weather", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"town":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Ulm"}'}}]}),
        chunk({"tool_calls": [CALLS[1]]}),
        chunk({}, "tool_calls"),
    ]
    whole_answer = chat({"content": "Two towns.", "tool_calls": CALLS}, "tool_calls")
    async with asking(build, whole_answer, events(*pieces, USED, DONE)) as (client, house, upstream):
        whole = await client.messages.create(**ask(tools=[WEATHER]))
        assert whole.stop_reason == "tool_use"
        assert [block.type for block in whole.content] == ["text", "tool_use", "tool_use"]
        assert whole.content[1].input == {"town": "Ulm"}
        assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.usage.output_tokens) == (6, 4, 20)

        kinds = []
        async with client.messages.stream(**ask(tools=[WEATHER])) as stream:
            async for event in stream:
                kinds.append(event.type)
            streamed = await stream.get_final_message()
        assert [block.model_dump() for block in streamed.content] == [block.model_dump() for block in whole.content]
        assert streamed.stop_reason == "tool_use"
        assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
        assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 3
        assert sent(upstream, 1)["stream_options"] == {"include_usage": True}

        # What the client's own objects say goes back as it came.
        results = [{"type": "tool_result", "tool_use_id": block.id, "content": "dry"} for block in whole.content[1:]]
        turns = [*MESSAGES, {"role": "assistant", "content": whole.content}, {"role": "user", "content": results}]
        await (await client.messages.create(**ask(messages=turns, stream=True))).close()
        assert [message["role"] for message in sent(upstream, 2)["messages"]] == ["user", "assistant", "tool", "tool"]
        assert len(await house.calls_ended(3)) == 3


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"top_k": 5}, "top_k"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.type"),
        ({"mcp_servers": []}, "mcp_servers"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [{**WEATHER, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": [{**WEATHER, "input_schema": []}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages[0].role"),
        ({"messages": []}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]}
                ]
            },
            "messages[0].content[0].type",
        ),
    ],
)
async def test_what_cannot_be_carried_is_refused_by_name(build: Builder, fields: dict[str, Any], named: str) -> None:
    async with asking(build, chat({"content": "hello"})) as (client, house, upstream):
        with pytest.raises(anthropic.BadRequestError) as refused:
            await client.messages.create(**ask(extra_body=fields))
        error = refused.value.body["error"]  # type: ignore[index]
        assert error["type"] == "invalid_request_error"
        assert error["fields"][0]["field"].startswith(named)
        assert named in error["message"]
        assert not upstream.requests
        [call] = await house.calls_ended()
        assert (call.dialect, call.status, call.verdict) == ("anthropic", 400, "refused")


@pytest.mark.req("N9")
async def test_refusals_are_the_clients_own_errors(build: Builder) -> None:
    limited_key = (key(rate_limit_per_minute=2),)
    async with asking(build, chat({"content": "hello"}), keys=limited_key) as (client, house, _):
        with pytest.raises(anthropic.NotFoundError) as missing:
            await client.messages.create(**ask(model="none"))
        assert missing.value.body["type"] == "error"  # type: ignore[index]
        assert missing.value.body["error"]["code"] == "E9001"  # type: ignore[index]
        with pytest.raises(anthropic.AuthenticationError) as stranger:
            await client.with_options(api_key="pk_00000000_x").messages.create(**ask())
        assert stranger.value.body["error"]["type"] == "authentication_error"  # type: ignore[index]
        with pytest.raises(anthropic.NotFoundError) as path:
            await client.messages.count_tokens(model="m", messages=MESSAGES)
        assert path.value.body["error"]["name"] == "ROUTE_NOT_FOUND"  # type: ignore[index]
        assert (await house.ask("GET", "/v1/messages")).json["error"]["name"] == "METHOD_NOT_ALLOWED"

        async def call_three_times() -> None:
            for _ in range(3):
                await client.messages.create(**ask())

        with pytest.raises(anthropic.RateLimitError) as limited:
            await call_three_times()
        assert limited.value.body["error"]["type"] == "rate_limit_error"  # type: ignore[index]
        assert limited.value.body["error"]["origin"] == "portico"  # type: ignore[index]
        assert int(limited.value.response.headers["retry-after"]) <= 31


async def test_a_budget_holds_for_this_dialect_as_well(build: Builder) -> None:
    async with asking(build, chat({"content": "hello"}), budgets=(budget(200),)) as (client, house, upstream):
        with pytest.raises(anthropic.RateLimitError) as refused:
            await client.messages.create(**ask(max_tokens=5000))
        assert refused.value.body["error"]["name"] == "BUDGET_EXHAUSTED"  # type: ignore[index]
        assert not upstream.requests
        await client.messages.create(**ask(max_tokens=5, messages=[{"role": "user", "content": "hi"}]))
        refusal, call = await house.calls_ended(2)
        assert (refusal.cost_microusd, call.cost_microusd) == (0, 10 + 2 * 20)


async def test_an_error_of_the_service_keeps_its_status_and_is_marked(build: Builder) -> None:
    theirs = answer(b'{"error":{"message":"context too long"}}', "400 Bad Request", "Content-Type: application/json")
    odd = answer(b"out of memory", "500 Internal Server Error", "Content-Type: text/plain")
    async with asking(build, theirs, odd) as (client, house, _):
        with pytest.raises(anthropic.BadRequestError) as refused:
            await client.messages.create(**ask(stream=True))
        error = refused.value.body["error"]  # type: ignore[index]
        assert error == {"type": "invalid_request_error", "message": "context too long", "origin": "upstream"}
        assert refused.value.response.headers["x-portico-origin"] == "upstream"
        with pytest.raises(anthropic.InternalServerError) as broken:
            await client.messages.create(**ask())
        assert broken.value.body["error"]["message"] == "out of memory"  # type: ignore[index]
        assert [(call.status, call.cost_microusd) for call in await house.calls_ended(2)] == [(400, 0), (500, 0)]


@pytest.mark.parametrize(
    "given",
    [
        answer(b"{", "200 OK", "Content-Type: application/json"),
        answer(b'{"choices":[]}', "200 OK", "Content-Type: application/json"),
        chat({"tool_calls": [{"id": "a", "function": {"name": "weather", "arguments": "{town"}}]}),
        chat({"tool_calls": [{"id": "a", "function": {"name": "weather", "arguments": "[]"}}]}),
        events(chunk({"content": "hello"}, "stop"), DONE),
    ],
    ids=["torn", "empty", "arguments", "no object", "unasked stream"],
)
async def test_an_answer_that_cannot_be_read_is_a_bad_gateway(build: Builder, given: bytes) -> None:
    async with asking(build, given, budgets=(budget(1_000_000),)) as (client, house, _):
        with pytest.raises(anthropic.InternalServerError) as broken:
            await client.messages.create(**ask())
        assert broken.value.status_code == 502
        assert broken.value.body["error"]["name"] == "UPSTREAM_BROKEN"  # type: ignore[index]
        [call] = await house.calls_ended()
        assert (call.verdict, call.status, call.reason, call.cost_microusd) == ("failed", 502, "UPSTREAM_BROKEN", 0)


@pytest.mark.parametrize(
    "frames",
    [
        [chunk({"content": "one "}), b"data: {torn\n\n", DONE],
        [chunk({"content": "one "}), b'data: {"error":{"message":"overloaded"}}\n\n'],
        [chunk({"content": "one "})],
        [chunk({"content": "one "}), chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}), DONE],
        [chunk({"content": "one "}), b"data: " + b"x" * 300_000 + b"\n\n", DONE],
    ],
    ids=["malformed", "error", "too short", "unbegun call", "too large"],
)
@pytest.mark.req("N9")
async def test_a_stream_that_breaks_ends_with_an_error_of_the_dialect(build: Builder, frames: list[bytes]) -> None:
    async with asking(build, events(*frames)) as (client, house, _):
        words = []

        async def listen() -> None:
            async for event in await client.messages.create(**ask(stream=True)):
                if event.type == "content_block_delta":
                    words.append(event.delta.text)

        with pytest.raises(anthropic.APIStatusError) as broken:
            await listen()
        assert words == ["one "]
        error = broken.value.body["error"]  # type: ignore[index]
        assert (error["type"], error["name"]) == ("api_error", "UPSTREAM_BROKEN")
        [call] = await house.calls_ended()
        assert (call.verdict, call.reason) == ("failed", "UPSTREAM_BROKEN")
        assert call.tokens_out > 0


@pytest.mark.req("N9")
async def test_a_client_that_leaves_stops_the_service_and_pays_for_what_came(build: Builder) -> None:
    stopped = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(2000):
                frame = chunk({"content": "word "})
                writer.write(b"%x\r\n%b\r\n" % (len(frame), frame))
                await writer.drain()
                await asyncio.sleep(0.005)
        except ConnectionError:
            stopped.set()

    async with Scripted(talk).running() as service:
        house = await build.house(model(service.url), snapshot={"budgets": (budget(1_000_000),)})
        async with client_to(house) as client:
            stream = await client.messages.create(**ask(stream=True))
            async for event in stream:
                if event.type == "content_block_delta":
                    break
            await stream.close()
        async with asyncio.timeout(5):
            await stopped.wait()
        [call] = await house.calls_ended()
        assert (call.verdict, call.dialect) == ("cancelled", "anthropic")
        assert 0 < call.cost_microusd < 1_000_000


async def test_the_cache_keeps_the_dialects_apart(build: Builder) -> None:
    async with Upstream(chat({"content": "hello"})).running() as upstream:
        house = await build.house(model(upstream.url, cache_ttl_s=60))
        async with client_to(house) as client:
            first = await client.messages.create(**ask())
            again = await client.messages.with_raw_response.create(**ask())
        assert again.headers["x-portico-cache"] == "hit"
        assert (await again.parse()).content == first.content
        body = msgspec.json.encode(sent(upstream))
        plain = await house.chat(body)
        assert plain.json["object"] == "chat.completion"
        assert len(upstream.requests) == 2


async def test_numbers_of_any_size_arrive_as_they_left(build: Builder) -> None:
    large = 2**70 + 1
    used = {"name": "weather", "arguments": f'{{"town":{large}}}'}
    async with asking(build, chat({"tool_calls": [{"id": "a", "function": used}]})) as (client, house, upstream):
        schema = {"type": "object", "properties": {"town": {"const": large}}}
        whole = await client.messages.create(**ask(tools=[{"name": "weather", "input_schema": schema}]))
        assert whole.content[0].input == {"town": large}
        assert str(large).encode() in upstream.requests[0]
        await house.calls_ended()


async def test_a_repeated_call_gets_its_first_answer_in_its_own_dialect(build: Builder) -> None:
    async with asking(build, chat({"content": "first"}), chat({"content": "second"})) as (client, house, upstream):
        once = {"extra_headers": {"Idempotency-Key": "7d2f"}}
        first = await client.messages.create(**ask(), **once)
        again = await client.messages.with_raw_response.create(**ask(), **once)
        assert again.headers["x-portico-replayed"] == "hit"
        assert (await again.parse()).content == first.content
        assert len(upstream.requests) == 1
        await house.calls_ended(2)


async def test_a_service_that_stays_silent_is_a_timeout_of_the_dialect(build: Builder) -> None:
    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()

    async with Scripted(stay_silent).running() as service:
        house = await build.house(model(service.url, timeout_s=0.1))
        async with client_to(house) as client:
            with pytest.raises(anthropic.APIStatusError) as late:
                await client.messages.create(**ask())
        assert late.value.status_code == 504
        assert late.value.body["error"]["type"] == "timeout_error"  # type: ignore[index]


async def test_an_answer_too_large_to_hold_is_refused_and_not_collected(build: Builder) -> None:
    async def go_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(40):
            writer.write(b"%x\r\n%b\r\n" % (1 << 20, b" " * (1 << 20)))
            await writer.drain()

    async with Scripted(go_on).running() as service:
        house = await build.house(model(service.url))
        async with client_to(house) as client:
            with pytest.raises(anthropic.InternalServerError) as large:
                await client.messages.create(**ask())
        assert "16777216 bytes" in large.value.body["error"]["message"]  # type: ignore[index]
        [call] = await house.calls_ended()
        assert (call.verdict, call.status) == ("failed", 502)
