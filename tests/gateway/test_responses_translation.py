"""What the translation between `/v1/responses` and chat completions must keep, whatever is said."""

import string
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from portico.gateway.dialects.openai import AnswerMeter, StreamMeter
from portico.gateway.dialects.responses import ResponsesTranslation
from tests.gateway.test_messages_translation import calls, chat_chunks, decode, encode, names, reasons, texts_of, words

said_by_users = some.builds(
    lambda said: {"role": "user", "content": [{"type": "input_text", "text": each} for each in said]},
    some.lists(words, min_size=1, max_size=3),
)
said_by_models = some.builds(
    lambda said: {"role": "assistant", "content": [{"type": "output_text", "text": each} for each in said]},
    some.lists(words, min_size=1, max_size=2),
)
called = some.builds(
    lambda id, name, given: {"type": "function_call", "call_id": id, "name": name, "arguments": given},
    names,
    names,
    some.text(string.printable, max_size=20),
)
came_of_it = some.builds(lambda id, text: {"type": "function_call_output", "call_id": id, "output": text}, names, words)
items = some.lists(said_by_users | said_by_models | called | came_of_it, min_size=1, max_size=8)


def translation(**fields: Any) -> tuple[ResponsesTranslation, Any]:
    one = ResponsesTranslation("call_01TEST")
    return one, decode(one.read_ask(encode({"model": "m", "input": "hi", **fields})))


def back(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The way back, written for this test alone."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            found.append(
                {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}
            )
            continue
        kind = "input_text" if message["role"] == "user" else "output_text"
        content = [{"type": kind, "text": part["text"]} for part in texts_of(message["content"])]
        if content:
            found.append({"role": message["role"], "content": content})
        for call in message.get("tool_calls", ()):
            function = call["function"]
            found.append({"type": "function_call", "call_id": call["id"], **function})
    return found


@given(items)
def test_no_item_is_lost_or_moved(given_items: list[dict[str, Any]]) -> None:
    _, chat = translation(input=given_items)
    assert back(chat["messages"]) == given_items


@given(
    some.lists(words, max_size=4),
    calls,
    reasons,
    some.integers(0, 9999),
    some.lists(some.integers(0, 10_000), max_size=8),
)
def test_a_stream_comes_to_the_same_as_the_whole_answer_wherever_it_is_cut(
    pieces: list[str], tools: list[tuple[str, dict[str, Any]]], reason: str, tokens: int, cuts: list[int]
) -> None:
    usage = {"prompt_tokens": tokens, "completion_tokens": 7}
    said = {
        "content": "".join(pieces),
        "tool_calls": [
            {"id": f"id_{index}", "function": {"name": name, "arguments": encode(given_).decode()}}
            for index, (name, given_) in enumerate(tools)
        ],
    }
    one, _ = translation()
    one.head(200, [])
    one.meter(AnswerMeter(9)).feed(
        encode({"model": "m2", "choices": [{"message": said, "finish_reason": reason}], "usage": usage})
    )
    whole = decode(one.whole(200))
    heard = [decode(frame.split(b"\ndata: ")[1]) for frame in streamed(chat_chunks(pieces, tools, reason, usage), cuts)]
    assert [event["sequence_number"] for event in heard] == list(range(len(heard)))
    last = heard[-1]["response"]
    assert {**last, "created_at": 0} == {**whole, "created_at": 0}
    assert collected(heard) == whole["output"]


def streamed(stream: bytes, cuts: list[int]) -> list[bytes]:
    one, _ = translation(stream=True)
    one.head(200, [(b"Content-Type", b"text/event-stream")])
    meter = one.meter(StreamMeter(9, hide_usage=False))
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    out = b"".join(meter.feed(stream[start:end]) for start, end in pairwise(places)) + meter.finish()
    return [frame for frame in out.split(b"\n\n") if frame]


def collected(heard: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items as the deltas alone tell them; each is checked against what the event of its end says."""
    found: list[dict[str, Any]] = []
    text = ""
    for event in heard:
        match event["type"]:
            case "response.output_item.added":
                assert event["output_index"] == len(found)
                text = ""
            case "response.output_text.delta" | "response.function_call_arguments.delta":
                assert event["output_index"] == len(found)
                text += event["delta"]
            case "response.output_item.done":
                item = event["item"]
                assert text == (item["content"][0]["text"] if item["type"] == "message" else item["arguments"])
                found.append(item)
    return found


def test_what_is_asked_is_said_back() -> None:
    one, _ = translation(instructions="Be brief.", temperature=0.5, metadata={"a": "b"}, tool_choice="none")
    one.head(200, [])
    one.meter(AnswerMeter(9)).feed(msgspec.json.encode({"choices": [{"message": {"content": "x"}}]}))
    answer = decode(one.whole(200))
    assert (answer["instructions"], answer["temperature"], answer["metadata"]) == ("Be brief.", 0.5, {"a": "b"})
    assert (answer["model"], answer["tool_choice"], answer["store"]) == ("m", "none", False)
