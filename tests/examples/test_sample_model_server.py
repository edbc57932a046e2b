"""The model sample speaks OpenAI's dialect well enough for OpenAI's own client."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import httpx2
import openai
import pytest

from tests.examples.conftest import running

STORY = (
    "The harbour opened early. Boats loaded salt at the harbour and left the harbour before noon. "
    "A cat slept. The harbour master counted boats and salt, then counted boats again. Nobody complained. It rained."
)
CHAT = {"model": "extractive-summariser", "messages": [{"role": "user", "content": STORY}]}


@pytest.fixture
def client(model_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{model_url}/v1", api_key="unused", max_retries=0, timeout=10)


def test_the_answer_is_made_of_sentences_of_the_question(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(**CHAT)  # type: ignore[call-overload]
    again = client.chat.completions.create(**CHAT)  # type: ignore[call-overload]
    text = first.choices[0].message.content
    assert text == again.choices[0].message.content
    assert "Boats loaded salt at the harbour" in text
    assert "cat" not in text
    assert text in STORY or all(sentence in STORY for sentence in text.split(". "))
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens


def test_a_stream_says_the_same_as_the_whole_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**CHAT)  # type: ignore[call-overload]
    chunks = list(client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}))  # type: ignore[call-overload]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_bytes_of_a_stream_are_what_openai_sends(model: httpx2.Client) -> None:
    body = {**CHAT, "stream": True, "max_tokens": 2}
    answer = model.post("/v1/chat/completions", json=body)
    frames = answer.text.split("\n\n")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert frames[-2:] == ["data: [DONE]", ""]
    first = json.loads(frames[0].removeprefix("data: "))
    assert first["object"] == "chat.completion.chunk"
    assert "usage" not in first
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    ]
    assert json.loads(frames[-3].removeprefix("data: "))["choices"][0]["finish_reason"] == "length"


def test_max_tokens_and_stop_cut_the_answer(client: openai.OpenAI) -> None:
    short = client.chat.completions.create(**CHAT, max_completion_tokens=3)  # type: ignore[call-overload]
    assert short.choices[0].finish_reason == "length"
    assert short.usage.completion_tokens == 3
    stopped = client.chat.completions.create(**CHAT, stop=[" salt"])  # type: ignore[call-overload]
    assert stopped.choices[0].message.content.endswith("Boats loaded")


def test_parts_and_other_roles_are_understood(model: httpx2.Client) -> None:
    messages = [
        {"role": "system", "content": "One two three."},
        {"role": "user", "content": [{"type": "text", "text": "Ships sail."}]},
        {"role": "assistant", "content": None},
    ]
    answer = model.post("/v1/chat/completions", json={**CHAT, "messages": messages}).json()
    assert answer["choices"][0]["message"]["content"] == "Ships sail."
    assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"n": 2}, 400, "n"),
        ({"model": "gpt-9"}, 404, "model"),
        ({"model": "hashing-embedder"}, 400, "model"),
        ({"model": None}, 400, "model"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, 400, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "messages[0].content"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"stream_options": {"include_usage": True}}, 400, "stream_options"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format"),
        ({"tool_choice": "required"}, 400, "tool_choice"),
        ({"logprobs": True}, 400, "logprobs"),
        ({"stop": [""]}, 400, "stop"),
    ],
)
def test_what_it_cannot_do_is_an_openai_error(
    model: httpx2.Client, change: dict[str, Any], status: int, param: str
) -> None:
    answer = model.post("/v1/chat/completions", json={**CHAT, **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (status, "invalid_request_error", param)
    assert set(error) == {"message", "type", "param", "code"}


def test_the_client_raises_its_own_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.chat.completions.create(**{**CHAT, "model": "gpt-9"})  # type: ignore[call-overload]
    with pytest.raises(openai.BadRequestError, match="n=1"):
        client.chat.completions.create(**CHAT, n=2)  # type: ignore[call-overload]


def test_like_texts_lie_closer_than_unlike_ones(client: openai.OpenAI) -> None:
    texts = ["salt boats in the harbour", "boats with salt at the harbour", "quarterly tax report"]
    answer = client.embeddings.create(model="hashing-embedder", input=texts)
    vectors = [one.embedding for one in answer.data]
    assert [len(vector) for vector in vectors] == [256] * 3
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-5) for vector in vectors)
    assert similarity(vectors[0], vectors[1]) > 0.5 > similarity(vectors[0], vectors[2])
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 14


def test_both_encodings_carry_the_same_vector(client: openai.OpenAI) -> None:
    ask: dict[str, Any] = {"model": "hashing-embedder", "input": "salt", "dimensions": 8}
    packed = client.embeddings.create(**ask).data[0].embedding  # the client asks for base64 by itself
    plain = client.embeddings.create(**ask, encoding_format="float").data[0].embedding
    assert packed == pytest.approx(plain)
    assert len(plain) == 8


@pytest.mark.parametrize("numbers", [[1, 2, 3], [[1, 2, 3], [4]]])
def test_token_numbers_are_taken_as_input(model: httpx2.Client, numbers: list[Any]) -> None:
    answer = model.post("/v1/embeddings", json={"model": "hashing-embedder", "input": numbers}).json()
    assert len(answer["data"]) == (2 if isinstance(numbers[0], list) else 1)


@pytest.mark.parametrize(
    "change",
    [
        {"input": ""},
        {"input": []},
        {"input": ["a", " "]},
        {"input": [1, "a"]},
        {"input": {"text": "a"}},
        {"dimensions": 0},
        {"dimensions": 5000},
        {"encoding_format": "hex"},
        {"model": "extractive-summariser"},
    ],
)
def test_embeddings_of_nothing_are_refused(model: httpx2.Client, change: dict[str, Any]) -> None:
    answer = model.post("/v1/embeddings", json={"model": "hashing-embedder", "input": "a", **change})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["extractive-summariser", "hashing-embedder"]
    assert client.models.retrieve("hashing-embedder").owned_by == "portico-examples"


def test_a_key_is_asked_for_when_one_is_set(guarded_model_url: str) -> None:
    assert httpx2.get(f"{guarded_model_url}/health").status_code == 200
    assert httpx2.get(f"{guarded_model_url}/v1/models").status_code == 401
    wrong = openai.OpenAI(base_url=f"{guarded_model_url}/v1", api_key="open", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        wrong.models.list()
    right = openai.OpenAI(base_url=f"{guarded_model_url}/v1", api_key="sesame", max_retries=0)
    assert len(list(right.models.list())) == 2


def test_the_key_may_come_from_the_environment() -> None:
    with running("model_server.py", MODEL_SERVER_API_KEY="sesame") as url:
        assert httpx2.get(f"{url}/v1/models").status_code == 401
        assert httpx2.get(f"{url}/v1/models", headers={"authorization": "Bearer sesame"}).status_code == 200


def test_the_delay_lies_between_the_streamed_tokens(guarded_model_url: str) -> None:
    client = openai.OpenAI(base_url=f"{guarded_model_url}/v1", api_key="sesame", max_retries=0)
    begun = time.monotonic()
    times = [time.monotonic() - begun for _ in client.chat.completions.create(**CHAT, stream=True, max_tokens=10)]  # type: ignore[call-overload]
    assert times[0] < times[-1] - 0.15


def similarity(one: list[float], other: list[float]) -> float:
    return sum(left * right for left, right in zip(one, other, strict=True))
