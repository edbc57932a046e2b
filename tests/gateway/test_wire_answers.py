"""What a service may answer, how it arrives, and what becomes of a call when the service fails."""

import asyncio

import pytest

from portico.domains.routing.model import ServiceEntry
from tests.gateway.builder import Builder
from tests.gateway.house import SECRET, House, answer, read_request, service

AUTH = f"Host: portico\r\nAuthorization: Bearer {SECRET}\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def get(path: str = "/x", method: str = "GET") -> bytes:
    return f"{method} /svc/echo{path} HTTP/1.1\r\n{AUTH}\r\n".encode()


def quick(url: str, **changes: object) -> ServiceEntry:
    return service("echo", url, **{"timeout_s": 0.3, **changes})


async def raw_answer(build: Builder, answered: bytes | None, *, close: bool = False, path: str = "/x") -> bytes:
    upstream = await build.upstream(answered, close_after=close)
    house = await build.in_front_of(upstream, timeout_s=0.3)
    return await house.raw(f"GET /svc/echo{path} HTTP/1.1\r\n{AUTH}Connection: close\r\n\r\n".encode())


async def test_a_chunked_answer_stays_chunked_with_its_trailers(build: Builder) -> None:
    got = await raw_answer(build, CHUNKED + b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    assert body == b"2\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 1\r\n\r\n"


async def test_interim_answers_of_the_service_end_here(build: Builder) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    got = await raw_answer(build, interim + answer(b"final"))
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.endswith(b"\r\n\r\nfinal")
    assert got.count(b"HTTP/1.1") == 1
    assert b"link" not in got.lower()


async def test_endless_interim_answers_are_cut(build: Builder) -> None:
    got = await raw_answer(build, b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)
    assert got.startswith(b"HTTP/1.1 502")


async def test_a_head_request_gets_the_length_and_no_body(build: Builder) -> None:
    upstream = await build.upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", answer(b"after"))
    house = await build.in_front_of(upstream)
    async with house.client() as client:
        client.send(get(method="HEAD"))
        got = await client.answer(bodiless=True)
        assert (got.status, got.headers["content-length"], got.body) == (200, "1234", b"")
        client.send(get())
        assert (await client.answer()).body == b"after"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_answers_that_never_have_a_body(build: Builder, status: str) -> None:
    upstream = await build.upstream(
        f"HTTP/1.1 {status}\r\nETag: x\r\nContent-Length: {0 if status[0] == '2' else 77}\r\n\r\n".encode(),
        answer(b"after"),
    )
    house = await build.in_front_of(upstream)
    async with house.client() as client:
        client.send(get())
        got = await client.answer(bodiless=True)
        assert got.status == int(status[:3])
        assert ("content-length" in got.headers) == (status[0] == "3")
        client.send(get())
        assert (await client.answer()).body == b"after"
    assert upstream.connections == 1


async def test_an_answer_without_length_ends_with_the_services_connection(build: Builder) -> None:
    upstream = await build.upstream(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", close_after=True)
    house = await build.in_front_of(upstream)
    async with house.client() as client:
        for _ in range(2):
            client.send(get())
            assert (await client.answer()).body == b"until the end"


async def test_an_http_1_0_service_is_understood(build: Builder) -> None:
    got = await raw_answer(build, b"HTTP/1.0 200 OK\r\n\r\nold", close=True)
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"3\r\nold\r\n0\r\n\r\n" in got


@pytest.mark.parametrize(
    ("answered", "code"),
    [
        (None, "E9805"),
        (b"HTTP/1.1 200", "E9805"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "E9805"),
        (b"rubbish\r\n\r\n", "E9805"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "E9805"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "E9805"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "E9805"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc", "E9805"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "E9805"),
        (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n", "E9805"),
        (b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n", "E9805"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw", "E9805"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 400_000 + b"\r\nContent-Length: 0\r\n\r\n", "E9805"),
    ],
)
async def test_an_answer_that_is_none_is_said_to_be_broken(build: Builder, answered: bytes | None, code: str) -> None:
    upstream = await build.upstream(answered, close_after=True)
    house = await build.in_front_of(upstream)
    got = await house.ask("GET", "/svc/echo/x")
    assert (got.status, got.json["error"]["code"], got.headers["x-portico-origin"]) == (502, code, "portico")
    [call] = await house.calls_ended()
    assert (call.verdict, call.reason) == ("failed", "UPSTREAM_BROKEN")


@pytest.mark.parametrize(
    "answered",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        CHUNKED + b"5\r\nab",
        CHUNKED + b"2\r\nab\r\n",
        CHUNKED + b"2\r\nab\r\nnot hex\r\n",
        CHUNKED + b"ffffffffffffffffff\r\nab",
    ],
)
async def test_an_answer_that_breaks_off_is_not_passed_as_whole(build: Builder, answered: bytes) -> None:
    upstream = await build.upstream(answered, close_after=True)
    house = await build.in_front_of(upstream)
    try:
        got = await house.raw(get())
    except ConnectionResetError:
        got = b""
    assert not got.endswith(b"0\r\n\r\n")
    [call] = await house.calls_ended()
    assert call.verdict == "failed"


async def test_a_service_that_never_answers_is_given_up(build: Builder) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read(-1)

    house = await build.house(quick((await build.scripted(silent)).url))
    got = await house.ask("GET", "/svc/echo/x")
    assert (got.status, got.json["error"]["code"], got.json["error"]["retryable"]) == (504, "E9803", True)


async def test_a_service_that_falls_silent_in_its_answer_is_given_up(build: Builder) -> None:
    async def stalling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await reader.read(-1)

    url = (await build.scripted(stalling)).url
    house = await build.house(service("echo", url), stream_idle_timeout_s=0.3)
    async with house.client() as client:
        client.send(get())
        assert (await client.head()).startswith(b"HTTP/1.1 200")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(5):
                await client.reader.readexactly(10)
    [call] = await house.calls_ended()
    assert (call.verdict, call.reason) == ("failed", "UPSTREAM_TIMEOUT")


async def test_nobody_listens_there(build: Builder) -> None:
    house = await build.house(quick("http://127.0.0.1:9"))
    got = await house.ask("GET", "/svc/echo/x")
    assert (got.status, got.json["error"]["code"]) == (502, "E9802")


async def test_a_service_may_answer_before_the_request_is_complete(build: Builder) -> None:
    """The answer arrives, the rest of the body does not matter, and neither connection is used again."""

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"no thanks", "413 Content Too Large"))
        await reader.read(-1)

    upstream = await build.scripted(hasty)
    house = await build.in_front_of(upstream)
    for _ in range(2):
        async with house.client() as client:
            client.send(f"POST /svc/echo/x HTTP/1.1\r\n{AUTH}Content-Length: 1000000\r\n\r\n".encode() + b"x" * 5000)
            got = await client.answer()
            assert (got.status, got.body, got.headers["x-portico-origin"]) == (413, b"no thanks", "upstream")
            client.send(b"x" * 100_000)
            assert await client.rest() == b""
    assert upstream.connections == 2


@pytest.mark.parametrize(
    "extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"HTTP/1.1 200 OK\r\nConte", b"junk"]
)
async def test_bytes_after_an_answer_never_reach_the_next_call(build: Builder, extra: bytes) -> None:
    upstream = await build.upstream(answer(b"good") + extra, answer(b"fine"))
    house = await build.in_front_of(upstream)
    async with house.client() as client:
        client.send(get() + get())
        assert [(await client.answer()).body for _ in range(2)] == [b"good", b"fine"]
        client.send(get())
        assert (await client.answer()).body == b"fine"
    assert upstream.connections >= 2


async def test_bytes_that_come_while_a_connection_idles_end_it(build: Builder) -> None:
    async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer(b"good"))
            await asyncio.sleep(0.03)
            writer.write(answer(b"evil"))

    upstream = await build.scripted(talkative)
    house = await build.in_front_of(upstream)
    for _ in range(3):
        assert (await house.ask("GET", "/svc/echo/x")).body == b"good"
        await asyncio.sleep(0.06)
    assert upstream.connections == 3


async def test_a_kept_connection_closed_by_the_service_is_replaced_without_the_client_noticing(build: Builder) -> None:
    """The race that every pool has: the service closes just as the next request is written."""
    requests: list[bytes] = []

    async def one_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(answer(b"ok"))
        # Takes the next one without answering, as a server does that decided to close.
        await read_request(reader)

    upstream = await build.scripted(one_each)
    house = await build.in_front_of(upstream, max_retries=0)
    for _ in range(3):
        assert (await house.ask("GET", "/svc/echo/x")).status == 200
    posted = await house.ask("POST", "/svc/echo/x", b"pay")
    assert (posted.status, posted.json["code"]) == (502, "UPSTREAM_BROKEN")
    assert [request.split()[0] for request in requests] == [b"GET"] * 3


async def test_an_endpoint_takes_no_more_calls_than_it_may(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"), pause_s=0.15)
    house = await build.house(service("echo", upstream.url), max_waiting_per_endpoint=2)
    got = await asyncio.gather(*(house.ask("GET", "/svc/echo/x") for _ in range(5)))
    assert sorted(each.status for each in got) == [200, 200, 503, 503, 503]
    refused = next(each for each in got if each.status == 503)
    assert refused.json["error"]["code"] == "E9804"
    assert upstream.connections == 2


def names_of(message: bytes) -> set[str]:
    return {line.partition(b":")[0].decode().lower() for line in message.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]}


async def test_headers_of_one_connection_are_not_passed_on(build: Builder) -> None:
    answered = answer(
        b"ok",
        "200 OK",
        "X-Before: 1",
        "Connection: X-Before, keep-alive",
        "Connection: x-after",
        "X-After: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Authenticate: Basic",
        "Trailer: X-Sum",
        "X-Stays: 1",
    )
    upstream = await build.upstream(answered)
    house = await build.in_front_of(upstream)
    sent = (
        "Connection: X-Mine, close\r\nConnection: x-other\r\nX-Mine: 1\r\nX-Other: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
        "Proxy-Authorization: Basic eA==\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nX-Kept: 1\r\n"
    )
    got = await house.ask("GET", "/svc/echo/x", headers=sent)
    assert {"x-before", "x-after", "keep-alive", "proxy-authenticate", "trailer"}.isdisjoint(got.headers)
    assert got.headers["x-stays"] == "1"
    passed = names_of(upstream.requests[0])
    hop_by_hop = {
        "x-mine",
        "x-other",
        "keep-alive",
        "te",
        "proxy-authorization",
        "proxy-connection",
        "upgrade",
        "connection",
    }
    assert hop_by_hop.isdisjoint(passed)
    assert "x-kept" in passed


@pytest.mark.parametrize(
    "spelling", ["X-Forwarded-For", "x_forwarded_for", "X_Forwarded-For", "X-Real-IP", "Forwarded"]
)
async def test_nobody_says_for_us_where_a_call_comes_from(build: Builder, spelling: str) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.in_front_of(upstream)
    await house.ask("GET", "/svc/echo/x", headers=f"{spelling}: 10.9.8.7\r\n")
    [request] = upstream.requests
    assert b"10.9.8.7" not in request
    assert b"X-Forwarded-For: 127.0.0.1\r\n" in request


async def leave_early(house: House, wait_for: bytes | None) -> None:
    async with house.client() as client:
        client.send(get())
        if wait_for is None:
            await asyncio.sleep(0.1)
        else:
            await client.reader.readuntil(wait_for)
        client.reset()


@pytest.mark.parametrize("after_head", [False, True])
async def test_a_client_that_leaves_stops_the_service(build: Builder, after_head: bool) -> None:
    noticed = asyncio.Event()

    async def working(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if after_head:
            writer.write(CHUNKED + b"5\r\nfirst\r\n")
        try:
            await reader.read(-1)
        finally:
            noticed.set()

    house = await build.in_front_of(await build.scripted(working))
    await leave_early(house, b"first" if after_head else None)
    async with asyncio.timeout(2):
        await noticed.wait()
    [call] = await house.calls_ended()
    assert (call.verdict, call.status) == ("cancelled", 200 if after_head else 499)


async def test_draining_lets_running_calls_finish_and_takes_no_new_ones(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"), pause_s=0.2)
    house = await build.in_front_of(upstream)
    async with house.client() as running, house.client() as idle:
        running.send(get())
        await asyncio.sleep(0.05)
        house.gate.draining = True
        idle.send(get())
        got = await idle.answer()
        assert (got.status, got.json["error"]["code"]) == (503, "E9902")
        assert await idle.rest() == b""
        assert (await running.answer()).body == b"ok"
        assert await running.rest() == b""
