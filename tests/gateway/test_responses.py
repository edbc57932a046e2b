"""The stock OpenAI client at `/v1/responses`, which the services behind do not know."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

from tests.gateway.builder import Builder
from tests.gateway.house import SECRET, House, Upstream, answer, budget, key, model
from tests.gateway.test_messages import CALLS, DONE, USED, chat, chunk, events, sent
from tests.gateway.test_openai_client import CHAT, TEXT, model_server

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a town.",
    "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
    "strict": False,
}


@asynccontextmanager
async def client_to(house: House, **changes: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    options = {"api_key": SECRET, "base_url": f"http://127.0.0.1:{house.port}/v1", "max_retries": 0, **changes}
    async with openai.AsyncOpenAI(**options) as client:
        yield client


@asynccontextmanager
async def asking(build: Builder, *answers: bytes, **first: Any) -> AsyncIterator[tuple[Any, House, Upstream]]:
    async with Upstream(*answers).running() as upstream:
        house = await build.house(model(upstream.url), snapshot=first)
        async with client_to(house) as client:
            yield client, house, upstream


@pytest.mark.req("N9")
async def test_an_answer_is_the_same_whole_streamed_and_in_either_dialect(build: Builder) -> None:
    async with model_server() as url:
        house = await build.house(model(url, models=(CHAT,)), snapshot={"budgets": (budget(1_000_000),)})
        async with client_to(house) as client:
            whole = await client.responses.create(model=CHAT, input=TEXT, max_output_tokens=50)
            words = []
            async with client.responses.stream(model=CHAT, input=TEXT, max_output_tokens=50) as stream:
                async for event in stream:
                    if event.type == "response.output_text.delta":
                        words.append(event.delta)
                streamed = await stream.get_final_response()
        plain = await house.chat(model=CHAT, messages=[{"role": "user", "content": TEXT}], max_tokens=50)
        assert whole.output_text == plain.json["choices"][0]["message"]["content"]
        assert whole.output_text == "".join(words) == streamed.output_text
        assert whole.status == "completed"
        assert streamed.usage == whole.usage

        calls = await house.calls_ended(3)
        assert [call.dialect for call in calls] == ["responses", "responses", "openai"]
        assert [call.streamed for call in calls] == [False, True, False]
        assert len({(call.tokens_in, call.tokens_out, call.cost_microusd) for call in calls}) == 1


@pytest.mark.req("N9")
async def test_a_question_is_carried_in_full(build: Builder) -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    question: dict[str, Any] = {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "developer", "content": "In English."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look."},
                    {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "low"},
                ],
            },
            {"type": "function_call", "call_id": "a", "name": "weather", "arguments": "{}"},
            {"type": "function_call", "call_id": "b", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "dry"},
            {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "wet"}]},
        ],
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 50,
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "nothing", "schema": schema, "strict": True}},
        "store": False,
        "metadata": {"ticket": "7"},
        "include": ["reasoning.encrypted_content"],
    }
    function = {key: value for key, value in WEATHER.items() if key != "type"}
    async with asking(build, chat({"content": "{}"})) as (client, _, upstream):
        response = await client.responses.create(**question)
        assert response.metadata == {"ticket": "7"}
        image = {"url": "data:image/png;base64,iVBORw==", "detail": "low"}
        called = {"name": "weather", "arguments": "{}"}
        assert sent(upstream) == {
            "model": "m",
            "max_tokens": 50,
            "temperature": 0.5,
            "top_p": 0.9,
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            "parallel_tool_calls": False,
            "reasoning_effort": "low",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "nothing", "schema": schema, "strict": True},
            },
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "system", "content": "In English."},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": image}],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "a", "type": "function", "function": called},
                        {"id": "b", "type": "function", "function": called},
                    ],
                },
                {"role": "tool", "tool_call_id": "a", "content": "dry"},
                {"role": "tool", "tool_call_id": "b", "content": "wet"},
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
        whole = await client.responses.create(model="m", input="hi", tools=[WEATHER])
        assert [item.type for item in whole.output] == ["message", "function_call", "function_call"]
        assert whole.output[1].arguments == '{"town":"Ulm"}'
        assert whole.usage.input_tokens_details.cached_tokens == 4

        heard = []
        async with client.responses.stream(model="m", input="hi", tools=[WEATHER]) as stream:
            async for event in stream:
                heard.append(event)
            streamed = await stream.get_final_response()
        assert [event.type for event in heard] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
        assert [event.sequence_number for event in heard] == list(range(len(heard)))
        assert [plain(item) for item in streamed.output] == [plain(item) for item in whole.output]

        # What the client's own objects say goes back as it came.
        results = [
            {"type": "function_call_output", "call_id": item.call_id, "output": "dry"} for item in whole.output[1:]
        ]
        turns = [{"role": "user", "content": "hi"}, *whole.output, *results]
        await (await client.responses.create(model="m", input=turns, stream=True)).close()
        messages = sent(upstream, 2)["messages"]
        assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool"]
        assert [call["id"] for call in messages[1]["tool_calls"]] == ["call_a", "call_b"]
        assert len(await house.calls_ended(3)) == 3


def plain(item: Any) -> dict[str, Any]:
    """Without the number of the call that made it, and what only the client adds."""
    kept: dict[str, Any] = item.model_dump(exclude={"id", "parsed_arguments"}, exclude_none=True)
    for part in kept.get("content", ()):
        part.pop("parsed", None)
    return kept


async def test_an_answer_that_was_cut_is_incomplete(build: Builder) -> None:
    cut = [chunk({"content": "one "}), chunk({}, "length"), USED, DONE]
    async with asking(build, chat({"content": "one "}, "length"), events(*cut)) as (client, _, _upstream):
        whole = await client.responses.create(model="m", input="hi", max_output_tokens=1)
        assert (whole.status, whole.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        last = None
        async for event in await client.responses.create(model="m", input="hi", max_output_tokens=1, stream=True):
            last = event
        assert last is not None
        assert last.type == "response.incomplete"
        assert last.response.output[0].status == "incomplete"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"include": ["file_search_call.results"]}, "include[0]"),
        ({"truncation": "auto"}, "truncation"),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": "x", "mood": "fair"}]}, "input[0].mood"),
        ({"input": [{"type": "function_call", "name": "x", "arguments": ""}]}, "input[0].call_id"),
        ({"input": []}, "input"),
        ({"top_logprobs": 3}, "top_logprobs"),
    ],
)
@pytest.mark.req("N9")
async def test_what_cannot_be_carried_is_refused_by_name(build: Builder, fields: dict[str, Any], named: str) -> None:
    async with asking(build, chat({"content": "hello"})) as (client, house, upstream):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.create(model="m", input="hi", extra_body=fields)
        assert refused.value.type == "invalid_request_error"
        assert refused.value.param is not None
        assert refused.value.param.startswith(named)
        assert named in refused.value.message
        assert not upstream.requests
        [call] = await house.calls_ended()
        assert (call.dialect, call.status, call.verdict) == ("responses", 400, "refused")


async def test_refusals_and_errors_are_the_clients_own(build: Builder) -> None:
    theirs = answer(b'{"error":{"message":"context too long"}}', "400 Bad Request", "Content-Type: application/json")
    limited_key = (key(rate_limit_per_minute=2),)
    async with asking(build, theirs, chat({"content": "hello"}), keys=limited_key) as (client, _, _upstream):
        with pytest.raises(openai.NotFoundError) as missing:
            await client.responses.create(model="none", input="hi")
        assert missing.value.code == "E9001"
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="pk_00000000_x").responses.create(model="m", input="hi")
        with pytest.raises(openai.NotFoundError) as kept:
            await client.responses.retrieve("resp_1")
        assert isinstance(kept.value.body, dict)
        assert kept.value.body["name"] == "ROUTE_NOT_FOUND"
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.create(model="m", input="hi")
        assert refused.value.body["message"] == "context too long"  # type: ignore[index]
        assert refused.value.body["origin"] == "upstream"  # type: ignore[index]
        await client.responses.create(model="m", input="hi")
        with pytest.raises(openai.RateLimitError) as limited:
            await client.responses.create(model="m", input="hi")
        assert limited.value.type == "rate_limit_error"


@pytest.mark.parametrize(
    "frames",
    [
        [chunk({"content": "one "}), b"data: {torn\n\n", DONE],
        [chunk({"content": "one "}), b'data: {"error":{"message":"overloaded"}}\n\n'],
        [chunk({"content": "one "})],
    ],
    ids=["malformed", "error", "too short"],
)
@pytest.mark.req("N9")
async def test_a_stream_that_breaks_ends_with_an_error_of_the_dialect(build: Builder, frames: list[bytes]) -> None:
    async with asking(build, events(*frames)) as (client, house, _):
        heard = [event async for event in await client.responses.create(model="m", input="hi", stream=True)]
        assert heard[-1].type == "error"
        assert heard[-1].sequence_number == len(heard) - 1
        assert heard[-1].model_extra["name"] == "UPSTREAM_BROKEN"
        assert "response.completed" not in {event.type for event in heard}
        [call] = await house.calls_ended()
        assert (call.verdict, call.reason) == ("failed", "UPSTREAM_BROKEN")


async def test_a_budget_bounds_the_answer_when_the_client_does_not(build: Builder) -> None:
    async with asking(build, chat({"content": "hello"}), budgets=(budget(1_000_000),)) as (client, house, upstream):
        await client.responses.create(model="m", input="hi")
        assert sent(upstream)["max_tokens"] == 100
        [call] = await house.calls_ended()
        assert call.cost_microusd == 10 + 2 * 20


async def test_without_usage_the_answer_shows_what_is_charged(build: Builder) -> None:
    async with asking(build, chat({"content": "hello"}, usage=None)) as (client, house, _):
        response = await client.responses.create(model="m", input="hi")
        [call] = await house.calls_ended()
        assert call.tokens_estimated
        assert (response.usage.input_tokens, response.usage.output_tokens) == (call.tokens_in, call.tokens_out)
