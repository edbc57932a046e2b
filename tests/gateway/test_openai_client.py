"""The stock OpenAI client against the gateway in front of the sample model server: nothing in it knows of Portico."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam

from tests.gateway.builder import Builder
from tests.gateway.house import SECRET, House, budget, key, model

SERVER = Path(__file__).parents[2] / "examples" / "model_server.py"
TEXT = "Portico meters calls. Portico keeps one record of calls. Cats sleep."
MESSAGES = [ChatCompletionUserMessageParam(role="user", content=TEXT)]
CHAT, EMBEDDER = "extractive-summariser", "hashing-embedder"


@asynccontextmanager
async def model_server() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SERVER), "--port", "0", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(10):
            line = (await process.stdout.readline()).decode()
        yield "http://127.0.0.1:" + line.rsplit(":", 1)[1].split()[0].strip("/.") + "/v1"
    finally:
        process.terminate()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


@asynccontextmanager
async def client_of(build: Builder, **first: object) -> AsyncIterator[tuple[openai.AsyncOpenAI, House]]:
    async with model_server() as url:
        house = await build.house(model(url, models=(CHAT, EMBEDDER)), snapshot=first)
        async with openai.AsyncOpenAI(
            api_key=SECRET, base_url=f"http://127.0.0.1:{house.port}/v1", max_retries=0
        ) as client:
            yield client, house


@pytest.mark.req("N3")
async def test_chat_streams_embeddings_and_models(build: Builder) -> None:
    async with client_of(build, budgets=(budget(1_000_000),)) as (client, house):
        whole = await client.chat.completions.create(model=CHAT, messages=MESSAGES)
        assert whole.choices[0].message.content
        assert whole.usage is not None

        words, usages = [], []
        async for chunk in await client.chat.completions.create(model=CHAT, messages=MESSAGES, stream=True):
            words += [choice.delta.content or "" for choice in chunk.choices]
            usages.append(chunk.usage)
            # The event that we asked for on our own account is not shown.
            assert chunk.choices
        assert "".join(words) == whole.choices[0].message.content

        last = None
        async for chunk in await client.chat.completions.create(
            model=CHAT, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        ):
            last = chunk
        assert last is not None
        assert last.usage == whole.usage

        vectors = await client.embeddings.create(model=EMBEDDER, input=["one text", "another"])
        assert len(vectors.data) == 2
        assert [each.id async for each in client.models.list()] == [CHAT, EMBEDDER]
        assert (await client.models.retrieve(CHAT)).owned_by == "llm"

        calls = await house.calls_ended(4)
        assert [call.tokens_estimated for call in calls] == [False] * 4
        assert [call.streamed for call in calls] == [False, True, True, False]
        assert {(call.tokens_in, call.tokens_out) for call in calls[:3]} == {
            (whole.usage.prompt_tokens, whole.usage.completion_tokens)
        }


async def test_a_stream_that_is_closed_early_ends_the_call(build: Builder) -> None:
    async with client_of(build) as (client, house):
        stream = await client.chat.completions.create(model=CHAT, messages=MESSAGES, stream=True)
        async for _ in stream:
            break
        await stream.close()
        [call] = await house.calls_ended()
        assert call.streamed


@pytest.mark.req("SP6")
async def test_refusals_are_the_clients_own_errors(build: Builder) -> None:
    async with client_of(build, keys=(key(rate_limit_per_minute=3),)) as (client, _):
        with pytest.raises(openai.NotFoundError) as missing:
            await client.chat.completions.create(model="none", messages=MESSAGES)
        assert missing.value.status_code == 404
        assert isinstance(missing.value.body, dict)
        assert missing.value.body["code"] == "E9001"
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="pk_00000000_x").models.list()
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model=CHAT, messages=MESSAGES, n=0)
        # An error of the service itself is passed on as it is.
        with pytest.raises(openai.BadRequestError) as theirs:
            await client.embeddings.create(model=CHAT, input="x")
        assert theirs.value.response.headers["x-portico-origin"] == "upstream"

        async def call_three_times() -> None:
            for _ in range(3):
                await client.chat.completions.create(model=CHAT, messages=MESSAGES)

        with pytest.raises(openai.RateLimitError) as limited:
            await call_three_times()
        assert int(limited.value.response.headers["retry-after"]) <= 21
