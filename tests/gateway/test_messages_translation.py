"""What the translation between Anthropic's dialect and chat completions must keep, whatever is said."""

import string
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from portico.gateway.dialects.anthropic import MessagesTranslation
from portico.gateway.dialects.openai import AnswerMeter, StreamMeter
from portico.gateway.dialects.translate_chat import AnswerUntranslatable
from portico.gateway.dialects.translate_stream import MOST_EVENT_BYTES, EventLines

decode = msgspec.json.decode
encode = msgspec.json.encode
words = some.text(min_size=1, max_size=30)
names = some.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
leaves = some.none() | some.booleans() | some.integers(-(10**40), 10**40) | some.text(max_size=10)
objects = some.dictionaries(some.text(max_size=8), leaves | some.lists(leaves, max_size=3), max_size=4)
texts = some.builds(lambda text: {"type": "text", "text": text}, words)
uses = some.builds(
    lambda id, name, given: {"type": "tool_use", "id": id, "name": name, "input": given}, names, names, objects
)
results = some.builds(lambda id, text: {"type": "tool_result", "tool_use_id": id, "content": text}, names, words)
from_users = some.builds(
    lambda first, then: {"role": "user", "content": [*first, *then]},
    some.lists(results, max_size=2),
    some.lists(texts, min_size=1, max_size=3),
)
from_assistants = some.builds(
    lambda said, used: {"role": "assistant", "content": [*said, *used]},
    some.lists(texts, min_size=1, max_size=2),
    some.lists(uses, max_size=3),
)
conversations = some.lists(from_users | from_assistants, min_size=1, max_size=6)


def translation() -> MessagesTranslation:
    return MessagesTranslation("call_01TEST", "req-1")


def asked(body: dict[str, Any]) -> Any:
    return decode(translation().read_ask(encode({"model": "m", "max_tokens": 9, **body})))


def texts_of(content: Any) -> list[dict[str, Any]]:
    if content is None:
        return []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def back(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The way back, written for this test alone: what was carried is what can be read again."""
    turns: list[dict[str, Any]] = []
    held: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            held.append({"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]})
        elif message["role"] == "user":
            turns.append({"role": "user", "content": [*held, *texts_of(message["content"])]})
            held = []
        else:
            used = [
                {
                    "type": "tool_use",
                    "id": call["id"],
                    "name": call["function"]["name"],
                    "input": decode(call["function"]["arguments"]),
                }
                for call in message.get("tool_calls", ())
            ]
            turns.append({"role": "assistant", "content": [*texts_of(message["content"]), *used]})
    assert not held
    return turns


@given(conversations)
def test_no_word_of_a_conversation_is_lost_or_moved(conversation: list[dict[str, Any]]) -> None:
    assert back(asked({"messages": conversation})["messages"]) == conversation


@given(some.lists(words, min_size=1, max_size=3))
def test_a_system_prompt_comes_first_and_whole(system: list[str]) -> None:
    blocks = [{"type": "text", "text": each} for each in system]
    first, *_ = asked({"messages": [{"role": "user", "content": "hi"}], "system": blocks})["messages"]
    assert first["role"] == "system"
    assert texts_of(first["content"]) == blocks


calls = some.lists(some.tuples(names, objects), max_size=3)
reasons = some.sampled_from(["stop", "length", "tool_calls", "content_filter"])


def chat_chunks(pieces: list[str], tools: list[tuple[str, dict[str, Any]]], reason: str, usage: Any) -> bytes:
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in pieces]
    for index, (name, given_) in enumerate(tools):
        arguments = encode(given_).decode()
        half = len(arguments) // 2
        function = {"name": name, "arguments": arguments[:half]}
        deltas.append({"tool_calls": [{"index": index, "id": f"id_{index}", "function": function}]})
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]})
    chunks: list[dict[str, Any]] = [{"model": "m2", "choices": [{"delta": delta}]} for delta in deltas]
    chunks.append({"model": "m2", "choices": [{"delta": {}, "finish_reason": reason}]})
    chunks.append({"model": "m2", "choices": [], "usage": usage})
    return b"".join(b"data: " + encode(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def translated_stream(stream: bytes, cuts: list[int]) -> bytes:
    one = translation()
    one.read_ask(
        encode({"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "x"}]})
    )
    one.head(200, [(b"Content-Type", b"text/event-stream")])
    meter = one.meter(StreamMeter(9, hide_usage=False))
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    out = b"".join(meter.feed(stream[start:end]) for start, end in pairwise(places))
    return out + meter.finish()


def collected(events: bytes) -> dict[str, Any]:
    """What a client ends up with; every event must come where the dialect allows it."""
    message: dict[str, Any] = {}
    parts: list[dict[str, Any]] = []
    arguments = ""
    open_ = False
    for event in [decode(frame.split(b"\ndata: ")[1]) for frame in events.split(b"\n\n") if frame]:
        match event["type"]:
            case "message_start":
                assert not message
                message = event["message"]
            case "content_block_start":
                assert not open_
                open_, arguments = True, ""
                parts.append(event["content_block"])
                assert event["index"] == len(parts) - 1
            case "content_block_delta":
                assert open_
                assert event["index"] == len(parts) - 1
                if event["delta"]["type"] == "text_delta":
                    parts[-1]["text"] += event["delta"]["text"]
                arguments += event["delta"].get("partial_json", "")
            case "content_block_stop":
                open_ = False
                if parts[-1]["type"] == "tool_use":
                    parts[-1]["input"] = decode(arguments or "{}")
            case "message_delta":
                assert not open_
                message |= {**event["delta"], "usage": event["usage"], "content": parts}
            case "message_stop":
                message["stopped"] = True
    assert message.pop("stopped")
    return message


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
        "content": "".join(pieces) or None,
        "tool_calls": [
            {"id": f"id_{index}", "function": {"name": name, "arguments": encode(given_).decode()}}
            for index, (name, given_) in enumerate(tools)
        ],
    }
    answer = {"model": "m2", "choices": [{"message": said, "finish_reason": reason}], "usage": usage}
    one = translation()
    one.head(200, [])
    meter = one.meter(AnswerMeter(9))
    assert meter.feed(encode(answer)) == b""
    whole = decode(one.whole(200))
    stream = translated_stream(chat_chunks(pieces, tools, reason, usage), cuts)
    assert collected(stream) == whole
    assert whole["usage"]["input_tokens"] == tokens


@given(some.binary(max_size=400), some.lists(some.integers(0, 400), max_size=4))
def test_nothing_a_service_says_makes_anything_but_events_or_one_refusal(noise: bytes, cuts: list[int]) -> None:
    try:
        out = translated_stream(b"data: " + noise + b"\n\n" + chat_chunks(["x"], [], "stop", None), cuts)
    except AnswerUntranslatable as broke:
        out = broke.written
    assert all(frame.startswith(b"event: ") for frame in out.split(b"\n\n") if frame)


def test_a_stream_without_line_ends_is_not_collected_for_ever() -> None:
    lines = EventLines()
    size = 0
    try:
        while size < 4 * MOST_EVENT_BYTES:
            list(lines.feed(b"data: " + b"x" * 10_000))
            size += 10_006
    except AnswerUntranslatable:
        pass
    assert size <= MOST_EVENT_BYTES
