"""Model calls: what is read, what is added, what travels untouched, and what the client gets back."""

import asyncio
import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portico.gateway.dialects.openai import StreamMeter, read_ask, with_additions
from tests.gateway import house as terms
from tests.gateway.builder import Builder
from tests.gateway.house import Answer, House, Upstream, answer, ask_body, budget, chat_answer, model, read_request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
USAGE = b'"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}'


def events(ending: bytes, *, usage_in_last: bool = False) -> list[bytes]:
    words = [
        b'data: {"choices":[{"delta":{"content":"%b"}}],"usage":null}' % word
        for word in (b"a", b"b\\n\\n", "ü".encode())
    ]
    if usage_in_last:
        words.append(b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],%b}' % USAGE)
    else:
        words.append(b'data: {"choices":[],%b}' % USAGE)
    return [each + ending for each in (b": a comment", *words, b"data: [DONE]")]


def sent_body(upstream: Upstream) -> bytes:
    return upstream.requests[-1].partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("ending", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("hide", [True, False])
@pytest.mark.parametrize("usage_in_last", [True, False])
def test_the_usage_event_is_found_however_the_stream_is_cut(ending: bytes, hide: bool, usage_in_last: bool) -> None:
    parts = events(ending, usage_in_last=usage_in_last)
    stream = b"".join(parts)
    # An event that also carries words is the client's; one that carries usage alone is ours unless it was asked for.
    expected = stream if usage_in_last or not hide else stream.replace(parts[-2], b"")
    cuts = [(first, second) for first in range(len(stream)) for second in (first + 1, first + 7, len(stream))]
    for first, second in cuts:
        meter = StreamMeter(100, hide_usage=hide)
        pieces = (stream[:first], stream[first:second], stream[second:])
        got = b"".join(meter.feed(piece) for piece in pieces if piece) + meter.finish()
        assert got == expected, (first, second)
        used = meter.usage(complete=True)
        assert (used.tokens_in, used.tokens_out, used.estimated) == (11, 3, False)


def test_a_stream_byte_by_byte_is_the_same_stream() -> None:
    for ending in (b"\n\n", b"\r\n\r\n"):
        stream = b"".join(events(ending))
        meter = StreamMeter(100, hide_usage=True)
        got = b"".join(meter.feed(stream[index : index + 1]) for index in range(len(stream))) + meter.finish()
        assert b"prompt_tokens" not in got
        assert got.count(b"data:") == 4


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    words=st.lists(st.text(max_size=30), max_size=8),
    cuts=st.lists(st.integers(0, 2000), max_size=12),
    ending=st.sampled_from([b"\n\n", b"\r\n\r\n"]),
    hide=st.booleans(),
)
def test_words_are_never_lost_or_changed(words: list[str], cuts: list[int], ending: bytes, hide: bool) -> None:
    stream = b"".join(b"data: " + msgspec.json.encode({"choices": [{"delta": word}]}) + ending for word in words)
    meter = StreamMeter(10, hide_usage=hide)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    got = b"".join(meter.feed(stream[a:b]) for a, b in itertools.pairwise(places)) + meter.finish()
    assert got == stream
    assert meter.usage(complete=False).tokens_out == len(words)


async def stream(house: House, **fields: Any) -> Answer:
    return await house.chat(stream=True, **fields)


async def test_usage_is_always_asked_for_and_shown_only_to_who_asked(build: Builder) -> None:
    parts = events(b"\n\n")
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    upstream = await build.upstream(HEAD + framed + b"0\r\n\r\n")
    house = await build.house(model(upstream.url))
    got = await stream(house)
    assert got.headers["content-type"] == "text/event-stream"
    assert got.body == b"".join(parts).replace(parts[-2], b"")
    assert msgspec.json.decode(sent_body(upstream))["stream_options"] == {"include_usage": True}
    assert (await stream(house, stream_options={"include_usage": True})).body == b"".join(parts)
    assert (await stream(house, stream_options={"include_usage": False, "x": 1})).body == got.body
    assert msgspec.json.decode(sent_body(upstream))["stream_options"] == {"include_usage": True, "x": 1}
    for call in await house.calls_ended(3):
        assert (call.tokens_in, call.tokens_out, call.tokens_estimated, call.streamed) == (11, 3, False, True)
        assert call.cost_microusd == 11 + 2 * 3


async def test_words_arrive_as_they_are_written(build: Builder) -> None:
    """A stream that is collected before it is passed on is no stream."""
    go_on = asyncio.Event()

    async def stepwise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        part = b'data: {"choices":[{"delta":{"content":"first"}}]}\n\n'
        writer.write(HEAD + b"%x\r\n%b\r\n" % (len(part), part))
        await go_on.wait()
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    house = await build.house(model((await build.scripted(stepwise)).url))
    body = ask_body(stream=True)
    async with house.client() as client:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer {terms.SECRET}\r\n"
        client.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        async with asyncio.timeout(2):
            await client.reader.readuntil(b'"first"}}]}\n\n')
        go_on.set()
        async with asyncio.timeout(2):
            await client.reader.readuntil(b"0\r\n\r\n")


BODY = b'{ "model" : "m",\n "messages":[{"role":"user","content":"\\u00e4 \xc3\xa4"}], "unknown": 1e400, "big": 123456789012345678901 }'


@pytest.mark.parametrize("field", [b"", b'"max_tokens": 9,', b'"max_completion_tokens": 9,'])
async def test_without_a_budget_a_body_travels_byte_for_byte(build: Builder, field: bytes) -> None:
    upstream = await build.upstream(chat_answer())
    house = await build.house(model(upstream.url))
    body = BODY.replace(b"{", b"{" + field, 1)
    assert (await house.chat(body)).status == 200
    assert sent_body(upstream) == body
    assert upstream.requests[0].startswith(b"POST /chat/completions HTTP/1.1\r\n")


async def test_with_a_budget_an_unbounded_call_is_bounded_and_nothing_else_changes(build: Builder) -> None:
    upstream = await build.upstream(chat_answer())
    house = await build.house(model(upstream.url), snapshot={"budgets": (budget(100_000),)})
    assert (await house.chat(BODY)).status == 200
    assert sent_body(upstream) == BODY.replace(b"{", b'{"max_tokens":100,', 1)
    bounded = BODY.replace(b"{", b'{"max_tokens":7,', 1)
    assert (await house.chat(bounded)).status == 200
    assert sent_body(upstream) == bounded


@pytest.mark.req("N3")
@pytest.mark.parametrize(
    "null", [b'"max_tokens": null', b'"max_tok\\u0065ns": null', b'"max_tokens":5,"max_tokens":null']
)
async def test_saying_null_is_no_way_around_the_bound(build: Builder, null: bytes) -> None:
    """Spliced in before a null of the caller, ours would be overridden by services that follow the last of two."""
    upstream = await build.upstream(chat_answer())
    house = await build.house(model(upstream.url), snapshot={"budgets": (budget(100_000),)})
    body = b'{"model":"m","messages":[],%b,"stream_options":null}' % null
    assert (await house.chat(body)).status == 200
    assert sent_body(upstream).count(b"max_tok") == 1
    assert msgspec.json.decode(sent_body(upstream))["max_tokens"] == 100


def test_a_stream_whose_options_are_null_is_asked_for_usage() -> None:
    body = b'{"model":"m","stream":true,"stream_options":null}'
    sent = with_additions(body, read_ask(body), output_bound=None)
    assert sent.count(b"stream_options") == 1
    assert msgspec.json.decode(sent)["stream_options"] == {"include_usage": True}


@pytest.mark.req("SP6")
async def test_an_error_of_the_service_is_passed_on_untouched_and_marked(build: Builder) -> None:
    body = b'{"error":{"message":"too long","type":"invalid_request_error","param":null,"code":"context"}}'
    upstream = await build.upstream(answer(body, "400 Bad Request", "Content-Type: application/json", "X-Theirs: 1"))
    house = await build.house(model(upstream.url))
    got = await house.chat()
    assert (got.status, got.body) == (400, body)
    assert (got.headers["x-portico-origin"], got.headers["x-theirs"]) == ("upstream", "1")
    assert got.headers["x-portico-call"].startswith("call_")


@pytest.mark.req("SP8")
async def test_ids_are_kept_and_handed_on(build: Builder) -> None:
    upstream = await build.upstream(chat_answer())
    house = await build.house(model(upstream.url))
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = f"X-Request-Id: my-request-1\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n"
    got = await house.ask("POST", "/v1/chat/completions", ask_body(), headers=headers)
    assert got.headers["x-request-id"] == "my-request-1"
    for ours in (got.headers["traceparent"].encode(), upstream.requests[0].partition(b"traceparent: ")[2][:55]):
        version, kept, span, flags = ours.split(b"-")
        assert (version, kept, flags) == (b"00", trace.encode(), b"01")
        assert span != b"00f067aa0ba902b7"
    [call] = await house.calls_ended()
    assert (call.correlation_id, call.trace_id) == ("my-request-1", trace)
    told = upstream.requests[0].partition(b"traceparent: ")[2][36:52].decode()
    assert (call.parent_span_id, call.span_id) == ("00f067aa0ba902b7", told)
    assert (await house.ask("GET", "/svc/x/", headers="X-Request-Id: bad id\x01\r\n")).status == 400
    sane = await house.ask("GET", "/svc/x/", headers='X-Request-Id: "quoted"\r\n')
    assert sane.headers["x-request-id"].startswith("req-")


@pytest.mark.req("HY17")
async def test_a_call_that_brings_no_trace_begins_one_that_its_record_names(build: Builder) -> None:
    upstream = await build.upstream(chat_answer())
    house = await build.house(model(upstream.url))
    got = await house.chat()
    [call] = await house.calls_ended()
    told = upstream.requests[0].partition(b"traceparent: ")[2][:55].decode()
    assert got.headers["traceparent"] == told == f"00-{call.trace_id}-{call.span_id}-01"
    assert (call.trace, call.parent_span_id) == ("", None)


async def test_the_models_list_holds_what_the_caller_may_use(build: Builder) -> None:
    open_, hidden = (
        model("http://127.0.0.1:9"),
        model("http://127.0.0.1:9", id="svc_h", name_="h", models=("secret",), restricted=True),
    )
    house = await build.house(open_, hidden)
    async with house.client() as client:
        for _ in range(2):
            client.send(f"GET /v1/models HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer {terms.SECRET}\r\n\r\n".encode())
            got = await client.answer()
            assert [each["id"] for each in got.json["data"]] == ["m"]
    assert (await house.ask("GET", "/v1/models/m")).json["owned_by"] == "llm"
    assert (await house.ask("GET", "/v1/models/secret")).status == 404


async def test_a_compressed_answer_is_not_asked_for(build: Builder) -> None:
    upstream = await build.upstream(chat_answer())
    house = await build.house(model(upstream.url))
    await house.ask("POST", "/v1/chat/completions", ask_body(), headers="Accept-Encoding: gzip, br\r\n")
    assert upstream.requests[0].lower().count(b"accept-encoding") == 1
    assert b"Accept-Encoding: identity\r\n" in upstream.requests[0]
