"""Reserve before, settle after, exactly once, however a call ends: a budget cannot be overshot."""

import asyncio
import random
import resource
from collections import Counter
from typing import Any

import msgspec
import pytest

from portico.domains.limits.ledger import BudgetAccount
from portico.domains.usage.model import CallLine, ReserveLine
from tests.gateway import house as terms
from tests.gateway.builder import Builder
from tests.gateway.house import House, ask_body, budget, chat_answer, model, read_request

AUTH = f"Host: portico\r\nAuthorization: Bearer {terms.SECRET}\r\n"
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(**fields: Any) -> bytes:
    return b"data: " + msgspec.json.encode({"object": "chat.completion.chunk", **fields}) + b"\n\n"


def word(text: str = "word") -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": text}}])


def usage(tokens_in: int, tokens_out: int) -> bytes:
    return event(choices=[], usage={"prompt_tokens": tokens_in, "completion_tokens": tokens_out})


# Written as they are, and then the connection goes on or ends.
GO_ON = {
    "good": chat_answer(5, 10),
    "slow": chat_answer(7, 20),
    "error": terms.answer(b'{"error":{}}', "500 Internal Server Error"),
    "bad request": terms.answer(b'{"error":{}}', "400 Bad Request"),
    "stream": b"".join(
        [SSE_HEAD, chunk(word()) * 9, chunk(usage(5, 9)), chunk(b"data: [DONE]\n\n"), b"0\r\n\r\n"],
    ),
}
DIE = {
    "dies": b"",
    "dies in the head": b"HTTP/1.1 200 OK\r\nContent-",
    "dies in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
    "stream dies": SSE_HEAD + chunk(word()) * 2,
}


async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A model that ends each call as its `user` field says."""
    while True:
        request = await read_request(reader)
        how = msgspec.json.decode(request.partition(b"\r\n\r\n")[2])["user"]
        if how == "slow":
            await asyncio.sleep(random.random() * 0.05)
        if how in GO_ON:
            writer.write(GO_ON[how])
        elif how in DIE:
            writer.write(DIE[how])
            await asyncio.sleep(0.02)
            return
        elif how == "silent":
            await reader.read(-1)
            return
        else:
            await _stream_without_end(writer)
            return


async def _stream_without_end(writer: asyncio.StreamWriter) -> None:
    writer.write(SSE_HEAD)
    while not writer.is_closing():
        writer.write(chunk(word()))
        await writer.drain()
        await asyncio.sleep(0.01)


def highest_of(house: House) -> int:
    """The most that was used and held at once, from the journal, where every change of the account stands in its order."""
    account = account_of(house)
    held: dict[str, int] = {}
    used = highest = 0
    for line in house.journal():
        if isinstance(line, ReserveLine):
            held[line.id] = sum(charge.held for charge in line.charges)
        elif isinstance(line, CallLine):
            # Charged at most what was held, and released exactly once.
            charged = sum(charge.charged for charge in line.charges)
            assert 0 <= charged <= held.pop(line.id, 0)
            used += charged
        highest = max(highest, used + sum(held.values()))
        assert highest <= account.limit
    assert (used, held) == (account.used, {})
    return highest


def account_of(house: House) -> BudgetAccount:
    [(_, account)] = house.gate._accounts.values()
    return account


async def call(house: House, how: str, *, leave_after_s: float | None = None, **fields: Any) -> bytes:
    """Make one call; a caller that leaves gets nothing."""
    body = ask_body(user=how, stream="stream" in how, **fields)
    async with house.client() as client:
        head = f"POST /v1/chat/completions HTTP/1.1\r\n{AUTH}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        client.send(head.encode() + body)
        try:
            if leave_after_s is None:
                return await client.rest(timeout_s=30)
            await asyncio.sleep(leave_after_s)
            client.reset()
        except ConnectionError:
            pass
        return b""


# Most are good, or the breaker would open and take the rest of the calls from the budget.
ENDINGS = (
    "good",
    "slow",
    "stream",
    "good",
    "slow",
    "stream",
    "good",
    "slow",
    "stream",
    "good",
    "slow",
    "error",
    "bad request",
    "dies",
    "dies in the head",
    "dies in the body",
    "stream",
    "stream dies",
)


@pytest.mark.req("N3")
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_thousand_calls_at_once_cannot_overshoot(build: Builder, seed: int) -> None:
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    chance = random.Random(seed)
    upstream = await build.scripted(play)
    # Room for about 70 of the calls at once, and hardly for what all of them come to.
    limit = 20_000
    house = await build.house(
        model(upstream.url, timeout_s=2.0), snapshot={"budgets": (budget(limit),)}, max_waiting_per_endpoint=5000
    )

    async def one(index: int) -> None:
        await asyncio.sleep(chance.random() * 0.3)
        if index % 6 == 0:
            await call(house, chance.choice(("endless stream", "silent", "slow")), leave_after_s=chance.random() * 0.1)
        else:
            await call(house, chance.choice(ENDINGS))

    async with asyncio.timeout(40):
        await asyncio.gather(*(one(index) for index in range(1200)))
    # Not 1,200: who left before the body was read has not called.
    calls = await house.calls_ended(1000)
    account = account_of(house)
    assert account.held == 0
    assert account.used == sum(charge.charged for line in calls for charge in line.charges) <= limit
    assert account.used > 0
    # The limit was really fought for, and calls were refused for it.
    assert highest_of(house) > limit * 0.9
    assert any(line.reason == "BUDGET_EXHAUSTED" for line in calls)
    assert_settled_once(house)


def assert_settled_once(house: House) -> None:
    """Each call has one record, and each reservation has a record behind it."""
    reserved: set[str] = set()
    ended: Counter[str] = Counter()
    for line in house.journal():
        if isinstance(line, ReserveLine):
            assert line.id not in reserved
            assert line.id not in ended
            reserved.add(line.id)
        elif isinstance(line, CallLine):
            ended[line.id] += 1
            held = sum(charge.held for charge in line.charges)
            assert (held > 0) == (line.id in reserved)
    assert set(ended.values()) == {1}
    assert reserved <= set(ended)


@pytest.mark.req("N3")
@pytest.mark.parametrize(
    ("how", "options", "verdict", "status", "charged"),
    [
        ("good", {}, "allowed", 200, 25),
        ("error", {}, "failed", 500, 0),
        ("bad request", {}, "allowed", 400, 0),
        ("dies", {}, "failed", 502, 0),
        ("dies in the head", {}, "failed", 502, 0),
        ("silent", {}, "failed", 504, 0),
        ("silent", {"leave_after_s": 0.1}, "cancelled", 499, 0),
        ("stream", {}, "allowed", 200, 23),
    ],
)
async def test_each_ending_settles_once(
    build: Builder,
    how: str,
    options: dict[str, Any],
    verdict: str,
    status: int,
    charged: int,
) -> None:
    upstream = await build.scripted(play)
    house = await build.house(model(upstream.url, timeout_s=0.4), snapshot={"budgets": (budget(10_000),)})
    await call(house, how, **options)
    [line] = await house.calls_ended()
    assert (line.verdict, line.status) == (verdict, status)
    [charge] = line.charges
    assert (charge.charged, account_of(house).used, account_of(house).held) == (charged, charged, 0)
    assert charge.held == line.reserved_microusd > 0
    assert highest_of(house) == charge.held
    assert_settled_once(house)


@pytest.mark.req("N3")
async def test_a_stream_left_early_is_charged_for_what_it_got(build: Builder) -> None:
    upstream = await build.scripted(play)
    house = await build.house(model(upstream.url), snapshot={"budgets": (budget(10_000),)})
    body = ask_body(user="endless stream", stream=True)
    async with house.client() as client:
        client.send(f"POST /v1/chat/completions HTTP/1.1\r\n{AUTH}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        for _ in range(5):
            await client.reader.readuntil(b"\n\n")
        client.reset()
    [line] = await house.calls_ended()
    assert (line.verdict, line.tokens_estimated, line.streamed) == ("cancelled", True, True)
    assert 5 <= line.tokens_out <= 12
    assert line.tokens_in == (len(body) + 3) // 4
    assert account_of(house).used == line.cost_microusd == line.tokens_in + 2 * line.tokens_out


@pytest.mark.req("N3")
async def test_a_stream_whose_service_dies_ends_with_an_error_event_and_its_charge(build: Builder) -> None:
    upstream = await build.scripted(play)
    house = await build.house(model(upstream.url), snapshot={"budgets": (budget(10_000),)})
    got = terms.Answer.parse(await call(house, "stream dies"))
    assert got.status == 200
    error = got.body.rpartition(b"data: ")[2]
    assert msgspec.json.decode(error)["error"]["code"] == "E9805"
    [line] = await house.calls_ended()
    assert (line.verdict, line.tokens_out) == ("failed", 2)


@pytest.mark.req("N3")
async def test_a_guess_never_comes_to_more_than_was_held(build: Builder) -> None:
    """Many bytes and no usage: the answer's size says more tokens than the call was allowed."""
    upstream = await build.upstream(terms.answer(b'{"choices":[],"padding":"%b"}' % (b"x" * 50_000)))
    house = await build.house(model(upstream.url), snapshot={"budgets": (budget(10_000),)})
    await house.chat(max_tokens=3)
    [line] = await house.calls_ended()
    assert line.cost_microusd == line.reserved_microusd == account_of(house).used


@pytest.mark.req("N3")
async def test_the_reservation_is_on_disk_before_the_service_sees_the_call(build: Builder) -> None:
    found: list[bool] = []

    async def looking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        mark = request.partition(b"X-Request-Id: req-")[2].partition(b"\r\n")[0]
        files = list((house.data_dir / "journal" / "gateway-1").iterdir())
        found.append(
            any(line.startswith(b'["reserve",') and mark in line for line in files[0].read_bytes().split(b"\n"))
        )
        writer.write(chat_answer())

    house = await build.house(model((await build.scripted(looking)).url), snapshot={"budgets": (budget(10_000),)})
    assert (await house.chat()).status == 200
    assert found == [True]


@pytest.mark.req("N3", "SP7")
async def test_an_exhausted_budget_says_whose_it_is_and_when_it_resets(build: Builder) -> None:
    upstream = await build.upstream(chat_answer(10, 20))
    house = await build.house(model(upstream.url), snapshot={"budgets": (budget(300),)})
    assert (await house.chat(max_tokens=50)).status == 200
    assert account_of(house).used == 50
    got = await house.chat(max_tokens=120)
    assert (got.status, got.json["error"]["code"], got.json["error"]["retryable"]) == (429, "E9402", True)
    assert "'pocket' of the org has $0.00025" in got.json["message"]
    account = account_of(house)
    assert int(got.headers["retry-after"]) == pytest.approx((account.ends_us / 1e6) - terms.time.time(), abs=3)
    assert len(upstream.requests) == 1
    assert account.held == 0


@pytest.mark.parametrize(
    ("measure", "limit", "expected"), [("calls", 2, [200, 200, 429]), ("tokens", 240, [200, 200, 429])]
)
@pytest.mark.req("N3")
async def test_budgets_of_calls_and_of_tokens(build: Builder, measure: str, limit: int, expected: list[int]) -> None:
    upstream = await build.upstream(chat_answer(10, 50))
    house = await build.house(model(upstream.url), snapshot={"budgets": (budget(limit, measure),)})
    assert [(await house.chat(max_tokens=100)).status for _ in range(3)] == expected


@pytest.mark.req("N3")
async def test_a_model_cannot_be_used_past_its_tokens_as_a_plain_service(build: Builder) -> None:
    upstream = await build.upstream(chat_answer(10, 50))
    service = model(upstream.url)
    house = await build.house(service, snapshot={"budgets": (budget(1, "tokens"),)})
    got = await house.ask("POST", f"/svc/{service.name}/chat/completions", b'{"model": "m", "messages": []}')
    assert (got.status, got.json["error"]["code"]) == (404, "E9001")
    assert "by name at /v1" in got.json["message"]
    assert upstream.requests == []


@pytest.mark.req("N3")
async def test_all_budgets_that_apply_must_have_room_and_the_first_without_is_named(build: Builder) -> None:
    wide = budget(10_000)
    narrow = budget(
        100, id="bud_2", name="lunch money", subject_kind="principal", subject_id="key_1", subject_name="demo"
    )
    foreign = budget(0, id="bud_3", name="others", subject_kind="principal", subject_id="key_2")
    upstream = await build.upstream(chat_answer())
    house = await build.house(model(upstream.url), snapshot={"budgets": (wide, narrow, foreign)})
    got = await house.chat()
    assert got.status == 429
    assert "'lunch money' of demo" in got.json["message"]
    assert all(account.held == account.used == 0 for _, account in house.gate._accounts.values())


@pytest.mark.req("N3")
async def test_a_call_refused_after_its_reservation_gives_it_back(build: Builder) -> None:
    house = await build.house(model("http://127.0.0.1:9", versions=()), snapshot={"budgets": (budget(10_000),)})
    got = await house.chat()
    assert (got.status, got.json["error"]["code"]) == (503, "E9806")
    assert account_of(house).held == 0
    [line] = await house.calls_ended()
    assert line.verdict == "refused"
    assert_settled_once(house)


@pytest.mark.req("N3")
async def test_what_was_spent_survives_a_new_snapshot(build: Builder) -> None:
    upstream = await build.upstream(chat_answer(10, 20))
    house = await build.house(model(upstream.url), snapshot={"budgets": (budget(10_000),)})
    assert (await house.chat()).status == 200
    changed = terms.snapshot(model(upstream.url), budgets=(budget(60, name="smaller"),), version=2)
    house.gate.adopt(changed)
    assert account_of(house).used == 50
    assert "'smaller'" in (await house.chat()).json["message"]
