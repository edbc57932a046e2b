"""A name that stands for several models: which one a call goes to, what it becomes when that one fails, and what is recorded."""

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import Any

import anthropic
import msgspec
import openai
import pytest

from portico.domains.models.model import ModelEntry, ModelPrice, RouteEntry, Rule
from portico.domains.routing.model import PriceEntry, ServiceEntry, Snapshot
from portico.domains.usage.model import ReserveLine
from tests.gateway import house as terms
from tests.gateway.builder import Builder
from tests.gateway.house import (
    ORG,
    SECRET,
    House,
    Upstream,
    answer,
    ask_body,
    budget,
    chat_answer,
    key,
    model,
    read_request,
    snapshot,
)
from tests.gateway.test_openai_client import CHAT, EMBEDDER, MESSAGES, model_server

DAY_US = 86_400_000_000
BUSY = answer(b'{"error": {"message": "overloaded"}}', "503 Service Unavailable")


def rule(*targets: str, name: str = "all", **more: Any) -> Rule:
    return Rule(name, targets, **more)


def auto(*rules: Rule, **changes: Any) -> RouteEntry:
    return msgspec.structs.replace(RouteEntry("mrt_1", ORG, None, "auto", "order", rules), **changes)


def facts(name: str, of: str, **more: Any) -> ModelEntry:
    return ModelEntry(ORG, f"svc_{of}", name, **more)


def offering(
    *services: ServiceEntry,
    routes: tuple[RouteEntry, ...] = (),
    known: tuple[ModelEntry, ...] = (),
    **more: Any,
) -> Snapshot:
    return msgspec.structs.replace(snapshot(*services, **more), model_routes=routes, model_facts=known)


async def two_models(
    build: Builder, *answers: bytes | None, route: RouteEntry, **more: Any
) -> tuple[House, Upstream, Upstream]:
    """`big` at one service answers as scripted; `small` at another answers well."""
    big, small = await build.upstream(*(answers or (chat_answer(),))), await build.upstream(chat_answer(5, 5))
    house = await build.house()
    house.gate.adopt(
        offering(
            model(big.url, "first", models=("big",), price=PriceEntry(10_000_000, 20_000_000)),
            model(small.url, "second", models=("small",)),
            routes=(route,),
            version=2,
            **more,
        )
    )
    return house, big, small


def asked_model(upstream: Upstream, place: int = -1) -> str:
    return str(msgspec.json.decode(upstream.requests[place].partition(b"\r\n\r\n")[2])["model"])


async def chat(house: House, headers: str = "", **fields: Any) -> terms.Answer:
    return await house.ask("POST", "/v1/chat/completions", ask_body(**{"model": "auto", **fields}), headers=headers)


@pytest.mark.req("HY27")
async def test_a_routes_name_is_answered_by_the_model_its_rule_chooses(build: Builder) -> None:
    house, big, _ = await two_models(build, route=auto(rule("big", "small")))
    body = b'{"model":"auto", "seed": 12345678901234567890, "messages":[{"role":"user","content":"\\u00e9"}]}'
    got = await house.ask("POST", "/v1/chat/completions", body)
    assert (got.status, got.headers["x-portico-model"]) == (200, "big")
    sent = big.requests[0].partition(b"\r\n\r\n")[2]
    # Only the name changed: numbers and escapes stay as the client wrote them.
    assert msgspec.json.decode(sent)["model"] == "big"
    assert b"12345678901234567890" in sent
    assert b"\\u00e9" in sent
    [call] = await house.calls_ended()
    assert (call.model, call.service, call.cost_microusd) == ("big", "first", 10 * 10 + 20 * 20)
    [note] = [stage.note for stage in call.stages if stage.name == "route"]
    assert note == "auto → big: rule 'all', in the given order"
    assert [stage.name for stage in call.stages] == ["identify", "admit", "route", "forward", "relay", "settle"]


@pytest.mark.parametrize(
    "failing", [BUSY, None, answer(b"{}", "429 Too Many Requests"), answer(b"{}", "404 Not Found")]
)
async def test_the_next_model_takes_over_before_the_first_byte(build: Builder, failing: bytes | None) -> None:
    house, big, small = await two_models(build, failing, route=auto(rule("big", fallbacks=("small",))))
    got = await chat(house)
    assert (got.status, got.headers["x-portico-model"]) == (200, "small")
    assert (asked_model(big, 0), asked_model(small)) == ("big", "small")
    [call] = await house.calls_ended()
    assert (call.model, call.service, call.attempts) == ("small", "second", 2)
    assert (call.verdict, call.cost_microusd) == ("allowed", 5 + 2 * 5)
    [note] = [stage.note for stage in call.stages if stage.name == "route"]
    assert "passed over big: " in note


async def test_what_the_request_is_to_blame_for_is_not_tried_elsewhere(build: Builder) -> None:
    house, _, small = await two_models(build, answer(b'{"no": 1}', "400 Bad Request"), route=auto(rule("big", "small")))
    got = await chat(house)
    assert (got.status, got.body, got.headers["x-portico-origin"]) == (400, b'{"no": 1}', "upstream")
    assert small.requests == []


async def test_the_last_models_answer_is_the_clients(build: Builder) -> None:
    house, _, _ = await two_models(build, BUSY, route=auto(rule("big")))
    got = await chat(house)
    assert (got.status, got.headers["x-portico-model"]) == (503, "big")
    assert b"overloaded" in got.body


async def test_a_stream_moves_on_until_its_first_byte_and_never_after(build: Builder) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 4000\r\n\r\n"
    big, small = await build.upstream(BUSY, head + event, close_after=True), await build.upstream(chat_answer())
    house = await build.house()
    services = (model(big.url, "first", models=("big", "large")), model(small.url, "second", models=("small",)))
    house.gate.adopt(offering(*services, routes=(auto(rule("big", "large", "small")),), version=2))
    got = await chat(house, stream=True)
    assert (got.status, got.headers["x-portico-model"]) == (200, "large")
    assert got.body.startswith(event)
    assert b"E9804" in got.body or b"broke off" in got.body
    assert small.requests == []
    [call] = await house.calls_ended()
    assert (call.verdict, call.model, call.streamed, call.attempts) == ("failed", "large", True, 2)


async def test_a_model_that_does_not_answer_in_time_is_given_up(build: Builder) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()

    quiet, small = await build.scripted(silent), await build.upstream(chat_answer())
    house = await build.house()
    services = (
        model(quiet.url, "first", models=("big",), timeout_s=0.1),
        model(small.url, "second", models=("small",)),
    )
    house.gate.adopt(offering(*services, routes=(auto(rule("big", "small")),), version=2))
    assert (await chat(house)).headers["x-portico-model"] == "small"
    [call] = await house.calls_ended()
    # The time that the first one took is the services', not ours.
    assert call.duration_us > 100_000
    assert call.added_us < call.duration_us - 90_000


async def test_a_client_that_leaves_ends_the_call_of_whoever_has_it(build: Builder) -> None:
    arrived = asyncio.Event()

    async def waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()

    big, slow = await build.upstream(BUSY), await build.scripted(waiting)
    house = await build.house()
    services = (model(big.url, "first", models=("big",)), model(slow.url, "second", models=("small",)))
    house.gate.adopt(offering(*services, routes=(auto(rule("big", "small")),), budgets=(budget(10**6),), version=2))
    body = ask_body(model="auto")
    async with house.client() as client:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer {SECRET}\r\n"
        client.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        async with asyncio.timeout(5):
            await arrived.wait()
        client.reset()
    [call] = await house.calls_ended()
    assert (call.verdict, call.model, call.attempts) == ("cancelled", "small", 2)
    assert all(account.held == 0 for _, account in house.gate._accounts.values())


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
async def test_translated_calls_fall_back_as_well(build: Builder, path: str) -> None:
    house, _, small = await two_models(build, BUSY, route=auto(rule("big", "small")))
    fields = {"max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]} if "mess" in path else {"input": "hi"}
    got = await house.ask("POST", path, msgspec.json.encode({"model": "auto", **fields}))
    assert (got.status, got.headers["x-portico-model"], asked_model(small)) == (200, "small", "small")
    assert got.json["model"] == "m"


async def test_a_model_that_nobody_reaches_leaves_the_refusal_of_the_last(build: Builder) -> None:
    house = await build.house()
    dead = [model("http://127.0.0.1:9", name, models=(f"m-{name}",)) for name in ("one", "two")]
    house.gate.adopt(offering(*dead, routes=(auto(rule("m-one", "m-two")),), version=2, budgets=(budget(10**6),)))
    got = await chat(house)
    assert (got.status, got.json["error"]["code"]) == (502, "E9802")
    assert "'two'" in got.json["message"]
    [call] = await house.calls_ended()
    assert (call.verdict, call.model, call.attempts) == ("failed", "m-two", 2)
    # Nothing was used, so nothing is charged, and nothing stays held.
    [charge] = call.charges
    assert charge.charged == 0
    assert all(account.held == 0 for _, account in house.gate._accounts.values())


@pytest.mark.req("N3")
async def test_the_budget_covers_the_dearest_model_that_may_be_tried(build: Builder) -> None:
    route = auto(rule("small", fallbacks=("big",)))
    house, _, small = await two_models(build, route=route, budgets=(budget(1500),))
    # The cheap one would fit; the dear one, should it come to that, would not.
    got = await chat(house, max_tokens=50)
    assert got.status == 429
    assert small.requests == []
    house.gate.adopt(offering(*(each.entry for each in house.gate._services.values()), routes=(route,), version=3))
    assert (await chat(house, max_tokens=50)).status == 200


async def test_what_was_reserved_is_the_price_of_the_dearest(build: Builder) -> None:
    route = auto(rule("small", fallbacks=("big",)))
    house, _, _ = await two_models(build, route=route, budgets=(budget(10**9),))
    body = ask_body(model="auto", max_tokens=50)
    assert (await house.ask("POST", "/v1/chat/completions", body)).status == 200
    [reserved] = [line for line in house.journal() if isinstance(line, ReserveLine)]
    assert reserved.reserved_microusd == len(body) * 10 + 50 * 20
    [call] = await house.calls_ended()
    assert call.cost_microusd == 5 + 2 * 5


@pytest.mark.parametrize(
    ("headers", "fields", "expected"),
    [
        ("X-Portico-Task: code\r\n", {}, "big"),
        ("", {"metadata": {"task": "code"}}, "big"),
        ("", {}, "small"),
        ("X-Portico-Task: chat\r\n", {"metadata": {"task": "code"}}, "small"),
    ],
)
async def test_a_rule_is_for_its_tasks(build: Builder, headers: str, fields: dict[str, Any], expected: str) -> None:
    route = auto(rule("big", name="code", tasks=("code",)), rule("small"))
    house, big, small = await two_models(build, route=route)
    got = await chat(house, headers, **fields)
    assert got.headers["x-portico-model"] == expected
    # What is said to Portico alone goes no further.
    assert not any(b"x-portico-task" in request.lower() for request in big.requests + small.requests)


async def test_large_requests_go_where_they_fit(build: Builder) -> None:
    route = auto(rule("small", name="short", max_tokens=200), rule("big", name="long"))
    house, _, _ = await two_models(build, route=route)
    assert (await chat(house)).headers["x-portico-model"] == "small"
    long = [{"role": "user", "content": "word " * 500}]
    assert (await chat(house, messages=long)).headers["x-portico-model"] == "big"


@pytest.mark.parametrize(
    ("switch", "expected"), [("quality", "big"), ("cost", "small"), ("speed", "small"), ("", "big")]
)
async def test_the_caller_may_switch_what_is_preferred(build: Builder, switch: str, expected: str) -> None:
    known = (facts("big", "first", quality=5, speed=1), facts("small", "second", quality=2, speed=5))
    house, _, _ = await two_models(build, route=auto(rule("small", "big"), prefer="quality"))
    entries = [each.entry for each in house.gate._services.values()]
    house.gate.adopt(offering(*entries, routes=(auto(rule("small", "big"), prefer="quality"),), known=known, version=3))
    got = await chat(house, f"X-Portico-Prefer: {switch}\r\n" if switch else "")
    assert got.headers["x-portico-model"] == expected


async def test_the_fastest_is_the_one_that_was_measured_to_be(build: Builder) -> None:
    house, _, _ = await two_models(build, route=auto(rule("big", "small"), prefer="speed"))
    assert (await chat(house)).headers["x-portico-model"] == "big"
    measured = house.gate.paces["svc_first", "big", False]
    assert measured.ms > 0
    [reported] = [ms for name, ms in house.gate.status().counters.items() if name.startswith("model_first_byte_ms")]
    assert reported == round(measured.ms, 3)
    measured.ms = 9000.0
    assert (await chat(house)).headers["x-portico-model"] == "small"
    # What was measured long ago says nothing any more.
    measured.at -= 601
    measured.ms = 0.0
    house.gate.paces["svc_second", "small", False].ms = 1600.0
    assert (await chat(house)).headers["x-portico-model"] == "big"


async def test_a_model_whose_breaker_is_open_is_passed_over(build: Builder) -> None:
    house, big, _ = await two_models(build, route=auto(rule("big", "small")))
    target = house.gate.view.models[ORG, None, "big"].versions[0].targets[0]
    breaker = house.gate.breaker_of(target)
    breaker.state, breaker.since = "open", time.monotonic()
    assert (await chat(house)).headers["x-portico-model"] == "small"
    assert big.requests == []


async def test_a_request_with_tools_needs_a_model_that_takes_them(build: Builder) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    route = auto(rule("small", "big"))
    house, _, _ = await two_models(build, route=route)
    entries = [each.entry for each in house.gate._services.values()]
    known = (facts("small", "second", capabilities=("chat",)), facts("big", "first", capabilities=("chat", "tools")))
    house.gate.adopt(offering(*entries, routes=(route,), known=known, version=3))
    assert (await chat(house, tools=tools)).headers["x-portico-model"] == "big"
    assert (await chat(house)).headers["x-portico-model"] == "small"
    images = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    refused = await chat(house, messages=images)
    assert (refused.status, refused.json["error"]["code"]) == (503, "E9807")
    assert "small (it is not known to do vision)" in refused.json["message"]


async def test_a_key_goes_only_where_it_may_call(build: Builder) -> None:
    route = auto(rule("big", "small"))
    narrow = key(services=("second",))
    house, _, _ = await two_models(build, route=route, keys=(narrow,))
    assert (await chat(house)).headers["x-portico-model"] == "small"
    listed = await house.ask("GET", "/v1/models")
    assert [each["id"] for each in listed.json["data"]] == ["auto", "small"]


async def test_a_hidden_models_name_is_no_ones_news(build: Builder) -> None:
    hidden = await build.upstream(chat_answer())
    house = await build.house()
    entry = model(hidden.url, "first", models=("big",), restricted=True)
    house.gate.adopt(offering(entry, routes=(auto(rule("big", "none")),), version=2))
    got = await chat(house)
    assert got.status == 503
    assert "big (no service offers it), none (no service offers it)" in got.json["message"]


async def test_a_models_own_name_wins_over_a_routes(build: Builder) -> None:
    house, big, _ = await two_models(build, route=auto(rule("small"), name="big"))
    got = await chat(house, model="big")
    assert got.status == 200
    assert "x-portico-model" not in got.headers
    assert len(big.requests) == 1


async def test_routes_of_a_scope_are_of_that_scope(build: Builder) -> None:
    house, _, _ = await two_models(build, route=auto(rule("big"), scope="LOCAL-SANDBOX"))
    assert (await chat(house)).status == 404


async def test_the_cache_keeps_what_was_answered_under_the_model_that_answered(build: Builder) -> None:
    first = await build.upstream(chat_answer(), BUSY)
    second = await build.upstream(chat_answer(7, 7))
    house = await build.house()
    services = (
        model(first.url, "first", models=("big", "large"), cache_ttl_s=60),
        model(second.url, "second", models=("small",)),
    )
    house.gate.adopt(offering(*services, routes=(auto(rule("big", "small")),), version=2))
    assert (await chat(house)).headers["x-portico-model"] == "big"
    kept = await chat(house)
    assert (kept.headers["x-portico-cache"], kept.headers["x-portico-model"]) == ("hit", "big")
    house.gate.adopt(offering(*services, routes=(auto(rule("large", "small")),), version=3))
    fallen = await chat(house)
    assert (fallen.headers["x-portico-model"], "x-portico-cache" in fallen.headers) == ("small", False)
    # The answer of the model that took over was not kept for the one that did not answer.
    assert (await chat(house)).headers["x-portico-model"] == "small"
    assert len(second.requests) == 2


async def test_a_repetition_is_answered_as_before_whatever_would_be_chosen_now(build: Builder) -> None:
    house, big, small = await two_models(build, BUSY, route=auto(rule("big", "small")))
    body, once = ask_body(model="auto"), "Idempotency-Key: 6f1c0a1e-8f0a-4b52-9a53-0f6b8f1f5a10\r\n"
    first = await house.ask("POST", "/v1/chat/completions", body, headers=once)
    assert (first.status, first.headers["x-portico-model"]) == (200, "small")
    again = await house.ask("POST", "/v1/chat/completions", body, headers=once)
    assert (again.headers["x-portico-replayed"], again.body) == ("hit", first.body)
    # This time big would have been asked first; that it answered would be a lie.
    assert "x-portico-model" not in again.headers
    assert (len(big.requests), len(small.requests)) == (1, 1)


async def test_a_plain_call_says_nothing_of_models(build: Builder) -> None:
    house, big, _ = await two_models(build, route=auto(rule("small")))
    got = await chat(house, model="big")
    assert "x-portico-model" not in got.headers
    assert big.requests[0].endswith(ask_body(model="big"))
    [call] = await house.calls_ended()
    assert all(stage.note == "" for stage in call.stages)


# -- models near their end ---------------------------------------------------------------------------------------------------------


async def one_model(build: Builder, **said: Any) -> tuple[House, Upstream]:
    upstream = await build.upstream(chat_answer())
    house = await build.house()
    known = (facts("old", "llm", **said),)
    house.gate.adopt(offering(model(upstream.url, models=("old", "new")), known=known, version=2))
    return house, upstream


async def test_a_deprecated_model_says_so_and_names_its_successor(build: Builder) -> None:
    now_us = time.time_ns() // 1000
    house, upstream = await one_model(
        build, deprecated_at_us=now_us - DAY_US, retires_at_us=now_us + DAY_US, successor="new"
    )
    got = await chat(house, model="old")
    assert (got.status, asked_model(upstream)) == (200, "old")
    assert got.headers["deprecation"] == f"@{(now_us - DAY_US) // 1_000_000}"
    sunset = parsedate_to_datetime(got.headers["sunset"]).timestamp()
    assert sunset == pytest.approx((now_us + DAY_US) / 1e6, abs=1)
    assert got.headers["link"] == '</v1/models/new>; rel="successor-version"'
    assert house.gate.stats.report()[f'deprecated_model_calls_total{{org="{ORG}",model="old"}}'] == 1


async def test_a_retired_model_is_refused_by_its_successors_name(build: Builder) -> None:
    house, upstream = await one_model(build, retires_at_us=1, successor="new")
    got = await chat(house, model="old")
    assert (got.status, got.json["error"]["code"]) == (410, "E9005")
    assert got.json["message"].startswith("The model 'old' is retired. Ask for 'new' instead.")
    assert upstream.requests == []
    [call] = await house.calls_ended()
    assert (call.verdict, call.reason, call.model) == ("refused", "MODEL_RETIRED", "old")


async def test_a_retired_model_goes_to_its_successor_when_it_says_so(build: Builder) -> None:
    house, upstream = await one_model(build, retires_at_us=1, successor="new", when_retired="successor")
    got = await chat(house, model="old")
    assert (got.status, got.headers["x-portico-model"], asked_model(upstream)) == (200, "new", "new")


async def test_successors_that_lead_in_a_circle_lead_nowhere(build: Builder) -> None:
    house, _ = await one_model(build, retires_at_us=1, successor="old", when_retired="successor")
    assert (await chat(house, model="old")).status == 410


@pytest.mark.req("R-LLM-004")
async def test_a_model_may_be_known_to_its_service_by_another_name(build: Builder) -> None:
    house, upstream = await one_model(build, sends="old-2026-01-01")
    assert (await chat(house, model="old")).status == 200
    assert asked_model(upstream) == "old-2026-01-01"
    [call] = await house.calls_ended()
    assert call.model == "old"


async def test_a_model_has_the_price_and_the_bound_that_were_set_for_it(build: Builder) -> None:
    price = ModelPrice(100_000_000, 200_000_000, 7)
    house, upstream = await one_model(build, price=price, max_output_tokens=9)
    entries = [each.entry for each in house.gate._services.values()]
    known = (facts("old", "llm", price=price, max_output_tokens=9),)
    house.gate.adopt(offering(*entries, known=known, budgets=(budget(10**9),), version=3))
    got = await chat(house, model="old")
    # It goes out as any plain call, only at its own price.
    assert "x-portico-model" not in got.headers
    assert msgspec.json.decode(upstream.requests[0].partition(b"\r\n\r\n")[2])["max_tokens"] == 9
    [call] = await house.calls_ended()
    assert call.cost_microusd == 7 + 10 * 100 + 20 * 200


# -- the stock clients, against the sample model server --------------------------------------------------------------------------------


@pytest.mark.req("HY27")
async def test_stock_clients_of_every_dialect_use_a_route(build: Builder) -> None:
    async with model_server() as url:
        house = await build.house()
        dead = model("http://127.0.0.1:9", "dead", models=("gone",))
        routes = (
            auto(rule("gone", CHAT, name="chat", tasks=("summary",)), rule("gone", EMBEDDER, name="vectors")),
            auto(rule(CHAT), id="mrt_2", name="best"),
        )
        house.gate.adopt(offering(dead, model(url, models=(CHAT, EMBEDDER)), routes=routes, version=2))
        base = f"http://127.0.0.1:{house.port}"
        task = {"X-Portico-Task": "summary"}
        async with openai.AsyncOpenAI(api_key=SECRET, base_url=f"{base}/v1", max_retries=0) as client:
            raw = await client.chat.completions.with_raw_response.create(
                model="auto", messages=MESSAGES, extra_headers=task
            )
            assert raw.headers["x-portico-model"] == CHAT
            whole = raw.parse().choices[0].message.content
            stream = await client.chat.completions.create(
                model="auto", messages=MESSAGES, stream=True, extra_headers=task
            )
            assert "".join([each.choices[0].delta.content or "" async for each in stream]) == whole
            vectors = await client.embeddings.create(model="auto", input=["one text"])
            assert len(vectors.data) == 1
            said = await client.responses.create(model="best", input="Portico meters calls. Cats sleep.")
            assert said.output_text
            tasked = await client.responses.create(
                model="auto", input="Portico meters calls. Cats sleep.", metadata={"task": "summary"}
            )
            assert tasked.output_text == said.output_text
            assert [each.id async for each in client.models.list()] == ["auto", "best", CHAT, "gone", EMBEDDER]
            assert (await client.models.retrieve("auto")).owned_by == "portico"
        async with anthropic.AsyncAnthropic(api_key=SECRET, base_url=base, max_retries=0) as claude:
            message = await claude.messages.create(
                model="auto",
                max_tokens=100,
                messages=[{"role": "user", "content": "Portico meters calls. Cats sleep."}],
                extra_headers=task,
            )
            assert message.content[0].type == "text"
            async with claude.messages.stream(
                model="best", max_tokens=100, messages=[{"role": "user", "content": "Cats sleep."}]
            ) as written:
                assert await written.get_final_text()
        calls = await house.calls_ended(7)
        assert {call.model for call in calls} == {CHAT, EMBEDDER}
        assert {call.dialect for call in calls} == {"openai", "responses", "anthropic"}
        assert [call.verdict for call in calls] == ["allowed"] * 7
        counted = house.gate.stats.report()
        assert counted[f'model_route_choices_total{{org="{ORG}",route="auto",model="{CHAT}"}}'] == 4
