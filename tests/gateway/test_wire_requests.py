"""What a client may send, in which order it is answered, and what ends a connection."""

import asyncio

import pytest

from tests.gateway.builder import Builder
from tests.gateway.house import SECRET, Upstream, answer, read_request, service

AUTH = f"Host: portico\r\nAuthorization: Bearer {SECRET}\r\n"


def get(path: str, extra: str = "") -> bytes:
    return f"GET /svc/echo{path} HTTP/1.1\r\n{AUTH}{extra}\r\n".encode()


def post(path: str, body: bytes, extra: str = "") -> bytes:
    return f"POST /svc/echo{path} HTTP/1.1\r\n{AUTH}Content-Length: {len(body)}\r\n{extra}\r\n".encode() + body


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each request with its request line and body."""
    while True:
        request = await read_request(reader)
        head, _, body = request.partition(b"\r\n\r\n")
        writer.write(answer(head.split(b" HTTP/")[0] + b"|" + body))


async def test_a_kept_connection_carries_one_call_after_another(build: Builder) -> None:
    upstream = await build.upstream(answer(b"one"), answer(b"two"))
    house = await build.in_front_of(upstream)
    async with house.client() as client:
        for expected in (b"one", b"two"):
            client.send(get("/x"))
            got = await client.answer()
            assert (got.status, got.body) == (200, expected)
    assert upstream.connections == 1


async def test_pipelined_requests_are_answered_in_order(build: Builder) -> None:
    async def slow_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            path = (await read_request(reader)).split()[1]
            if path == b"/0":
                await asyncio.sleep(0.1)
            writer.write(answer(path))

    house = await build.in_front_of(await build.scripted(slow_first))
    async with house.client() as client:
        client.send(b"".join(get(f"/{index}") for index in range(20)))
        assert [(await client.answer()).body for _ in range(20)] == [b"/%d" % index for index in range(20)]


async def test_a_refusal_in_the_middle_of_a_pipeline_keeps_its_place(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    stranger = b"GET /svc/echo/b HTTP/1.1\r\nHost: portico\r\n\r\n"
    async with house.client() as client:
        client.send(get("/a") + stranger + get("/c"))
        answers = [await client.answer() for _ in range(3)]
    assert [each.status for each in answers] == [200, 401, 200]
    assert answers[2].body == b"GET /c|"


async def test_a_malformed_request_behind_good_ones_is_answered_last_and_ends_the_connection(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    async with house.client() as client:
        client.send(get("/a") + get("/b") + b"GET /svc/echo/c HTTP/1.1\r\nHost : portico\r\n\r\n" + get("/d"))
        answers = [await client.answer() for _ in range(3)]
        assert await client.rest() == b""
    assert [each.status for each in answers] == [200, 200, 400]
    assert answers[2].json["error"]["code"] == "E9306"


async def test_pipelined_bodies_reach_the_service_whole_and_in_order(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    bodies = [bytes([65 + index]) * size for index, size in enumerate((0, 10, 300_000, 3))]
    async with house.client() as client:
        client.send(b"".join(post(f"/{index}", body) for index, body in enumerate(bodies)))
        for index, body in enumerate(bodies):
            assert (await client.answer()).body == b"POST /%d|" % index + body


async def test_a_pipelined_body_that_comes_later_is_read_when_its_turn_comes(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    body = b"z" * 500_000
    whole = post("/late", body)
    async with house.client() as client:
        client.send(get("/first") + whole[:200])
        assert (await client.answer()).body == b"GET /first|"
        client.send(whole[200:])
        assert (await client.answer()).body == b"POST /late|" + body


async def test_hundreds_of_refused_requests_in_one_read_do_not_exhaust_the_stack(build: Builder) -> None:
    """Behind a slow call wait requests that are answered without waiting, each from within the end of the one before."""
    upstream = await build.upstream(answer(b"ok"), pause_s=0.1)
    house = await build.in_front_of(upstream)
    stranger = b"GET /svc/echo/x HTTP/1.1\r\nHost: p\r\n\r\n"
    async with house.client() as client:
        client.send(get("/slow") + stranger * 2000)
        answers = (await client.rest()).count(b"HTTP/1.1 ")
    # As many as may wait are answered; the connection ends before the rest, which the client may send again.
    assert 2 <= answers <= 65


async def test_a_body_that_comes_after_its_head_is_read_although_the_connection_is_to_close(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    request = post("/x", b"late body", "Connection: close\r\n")
    async with house.client() as client:
        client.send(request[:-9])
        await asyncio.sleep(0.02)
        client.send(request[-9:])
        assert (await client.answer()).body == b"POST /x|late body"
        assert await client.rest() == b""


async def test_a_head_may_arrive_byte_by_byte(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    async with house.client() as client:
        for byte in get("/drip"):
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.answer()).body == b"GET /drip|"


async def test_a_large_head_in_several_reads_is_counted_once(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo), timeout_s=5.0)
    request = get("/x", "".join(f"X-Pad-{index}: {'p' * 500}\r\n" for index in range(24)))
    assert 12_000 < len(request) < 16_000
    async with house.client() as client:
        for start in range(0, len(request), 4000):
            client.send(request[start : start + 4000])
            await asyncio.sleep(0.02)
        assert (await client.answer()).status == 200


async def test_a_chunked_request_is_passed_on_chunk_by_chunk_with_its_trailers(build: Builder) -> None:
    seen: list[bytes] = []

    async def service_(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        body = b""
        while not body.endswith(b"\r\n\r\n"):
            body += await reader.readuntil(b"\r\n")
        seen.append(body)
        writer.write(answer(b"done"))

    house = await build.in_front_of(await build.scripted(service_))
    async with house.client() as client:
        client.send(f"POST /svc/echo/x HTTP/1.1\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n".encode())
        client.send(b"5;ext=1\r\nhello\r\n")
        await asyncio.sleep(0.02)
        client.send(b"1\r\n!\r\n0\r\nX-Sum: 42\r\nHost: evil\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n")
        assert (await client.answer()).body == b"done"
    head, body = seen
    assert b"transfer-encoding: chunked" in head.lower()
    assert b"content-length" not in head.lower()
    assert body == b"5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 42\r\n\r\n"


async def test_trailers_are_bounded(build: Builder) -> None:
    seen: list[bytes] = []

    async def service_(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(b"done"))

    house = await build.in_front_of(await build.scripted(service_))
    async with house.client() as client:
        client.send(f"POST /svc/echo/x HTTP/1.1\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n".encode())
        client.send(b"".join(b"X-T%d: %b\r\n" % (index, b"v" * 100) for index in range(500)) + b"\r\n")
        assert (await client.answer()).status == 200
    assert seen[0].count(b"X-T") < 100


async def test_a_trailer_without_an_end_is_cut(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    async with house.client() as client:
        client.send(f"POST /svc/echo/x HTTP/1.1\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ".encode())
        for _ in range(200):
            client.send(b"v" * 8192)
            await asyncio.sleep(0)
        got = await client.answer()
        assert (got.status, got.json["code"]) == (400, "BAD_REQUEST")


async def test_a_body_is_invited_only_after_its_call_was_admitted(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    async with house.client() as client:
        client.send(post("/x", b"body", "Expect: 100-continue\r\n")[:-4])
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"body")
        assert (await client.answer()).body == b"POST /x|body"
    async with house.client() as client:
        client.send(b"POST /svc/echo/x HTTP/1.1\r\nHost: p\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        got = await client.answer()
        assert (got.status, got.headers["connection"]) == (401, "close")


async def test_an_expectation_is_not_passed_on_and_none_but_one_is_known(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.in_front_of(upstream)
    assert (await house.ask("POST", "/svc/echo/x", b"b", headers="Expect: 100-continue\r\n")).status in {100, 200}
    assert b"expect" not in upstream.requests[0].lower()
    assert (await house.ask("POST", "/svc/echo/x", b"b", headers="Expect: 200-ok\r\n")).status == 400


async def test_a_half_closed_client_still_gets_every_answer(build: Builder) -> None:
    upstream = await build.upstream(answer(b"late"), pause_s=0.1)
    house = await build.in_front_of(upstream)
    got = await house.raw(get("/a") + get("/b"), eof=True)
    assert got.count(b"HTTP/1.1 200") == 2
    assert got.endswith(b"late")


async def test_an_end_in_the_middle_of_a_body_ends_the_call_and_the_service_is_not_told_it_was_complete(
    build: Builder,
) -> None:
    whole: list[bytes] = []

    async def service_(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole.append(await read_request(reader))

    house = await build.in_front_of(await build.scripted(service_))
    assert await house.raw(post("/x", b"0123456789")[:-4], eof=True) == b""
    [call] = await house.calls_ended()
    assert (call.verdict, call.status) == ("cancelled", 499)
    assert whole == []


async def test_an_end_in_the_middle_of_a_head_is_silence(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    assert await house.raw(get("/x")[:40], eof=True) == b""


async def test_http_1_0_closes_unless_asked_to_stay(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    line = f"GET /svc/echo/old HTTP/1.0\r\nAuthorization: Bearer {SECRET}\r\n".encode()
    got = await house.raw(line + b"\r\n")
    assert got.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in got.lower()
    async with house.client() as client:
        for _ in range(2):
            client.send(line + b"Connection: keep-alive\r\n\r\n")
            got_again = await client.answer()
            assert (got_again.headers["connection"], got_again.body) == ("keep-alive", b"GET /old|")


async def test_http_1_0_gets_an_answer_of_unknown_length_unframed(build: Builder) -> None:
    upstream = await build.upstream(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    house = await build.in_front_of(upstream)
    line = f"GET /svc/echo/old HTTP/1.0\r\nAuthorization: Bearer {SECRET}\r\nConnection: keep-alive\r\n\r\n"
    head, _, body = (await house.raw(line.encode())).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body == b"abc"


@pytest.mark.parametrize("refused", ["/svc/none/x", "/svc/echo/../x", "/v1/unknown"])
async def test_a_refusal_keeps_the_connection(build: Builder, refused: str) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    async with house.client() as client:
        client.send(f"GET {refused} HTTP/1.1\r\n{AUTH}\r\n".encode())
        got = await client.answer()
        assert got.status == 404
        assert "connection" not in got.headers
        client.send(get("/after"))
        assert (await client.answer()).body == b"GET /after|"


async def test_a_head_that_takes_too_long_is_refused(build: Builder) -> None:
    house = await build.house(service("echo", "http://127.0.0.1:9"), header_timeout_s=0.2)
    async with house.client() as client:
        # A byte now and then does not buy more time.
        for byte in b"GET /svc/echo/x HT":
            client.send(bytes([byte]))
            await asyncio.sleep(0.03)
        got = await client.answer()
        assert (got.status, got.json["message"]) == (400, "The request head did not arrive in time.")
        assert await client.rest() == b""


async def test_a_silent_connection_is_closed(build: Builder) -> None:
    house = await build.house(service("echo", "http://127.0.0.1:9"), header_timeout_s=0.1)
    assert await house.raw(b"") == b""


async def test_an_idle_connection_is_closed_after_its_time(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", upstream.url), idle_timeout_s=0.2)
    async with house.client() as client:
        client.send(get("/x"))
        assert (await client.answer()).status == 200
        assert await client.rest() == b""


async def test_a_slow_head_on_a_kept_connection_gets_the_header_time_not_the_idle_time(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", upstream.url), idle_timeout_s=60, header_timeout_s=0.2)
    async with house.client() as client:
        client.send(get("/x"))
        assert (await client.answer()).status == 200
        client.send(b"GET /svc")
        assert (await client.answer()).status == 400


async def test_a_body_that_stalls_is_refused(build: Builder) -> None:
    house = await build.house(service("echo", (await build.scripted(echo)).url), stream_idle_timeout_s=0.2)
    async with house.client() as client:
        client.send(post("/x", b"0123456789")[:-5])
        got = await client.answer()
        assert (got.status, got.json["message"]) == (400, "The body did not arrive in time.")
    [call] = await house.calls_ended()
    assert call.verdict == "failed"


async def test_bounds_on_what_a_head_may_hold(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.in_front_of(upstream)
    many = "".join(f"X-{index}: 1\r\n" for index in range(101))
    for path, headers, status, code in (
        ("/svc/echo/x", many, 431, "HEADERS_TOO_LARGE"),
        ("/svc/echo/x", f"X-Big: {'b' * 17_000}\r\n", 431, "HEADERS_TOO_LARGE"),
        ("/svc/echo/x?" + "q" * 5000, "", 414, "QUERY_TOO_LONG"),
        ("/svc/echo/" + "p" * 17_000, "", 414, "QUERY_TOO_LONG"),
        ("/svc/echo/x", f"X-Huge: {'b' * 400_000}\r\n", 431, "HEADERS_TOO_LARGE"),
    ):
        got = await house.ask("GET", path, headers=headers)
        assert (got.status, got.json["code"]) == (status, code)
    assert upstream.requests == []


async def test_a_body_larger_than_allowed_is_refused_and_the_refusal_arrives(build: Builder) -> None:
    """The client is still sending: closing at once would reset the connection and lose the answer."""
    upstream = Upstream(answer(b"ok"))
    async with upstream.running():
        house = await build.house(service("echo", upstream.url), max_streamed_body_bytes=100_000)
        for framing, body in (
            ("Content-Length: 3000000", b"x" * 3_000_000),
            ("Transfer-Encoding: chunked", b"ffff\r\n%b\r\n" % (b"x" * 65535) * 45),
        ):
            async with house.client() as client:
                client.send(f"POST /svc/echo/x HTTP/1.1\r\n{AUTH}{framing}\r\n\r\n".encode() + body)
                got = await client.answer()
                assert (got.status, got.json["code"]) == (413, "TOO_LARGE")
        declared, streamed = await house.calls_ended(2)
    assert (declared.verdict, streamed.verdict) == ("failed", "failed")


async def test_a_malformed_body_is_refused_although_its_call_is_under_way(build: Builder) -> None:
    house = await build.in_front_of(await build.scripted(echo))
    chunked = f"POST /svc/echo/x HTTP/1.1\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n".encode()
    async with house.client() as client:
        client.send(chunked + b"5\r\nhello\r\nNOT HEX\r\n")
        assert (await client.answer()).status == 400
        assert await client.rest() == b""


async def test_a_malformed_body_in_a_pipeline_does_not_take_the_answer_before_it(build: Builder) -> None:
    upstream = await build.upstream(answer(b"first"), pause_s=0.05)
    house = await build.in_front_of(upstream)
    chunked = f"POST /svc/echo/x HTTP/1.1\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n".encode()
    async with house.client() as client:
        client.send(get("/a") + chunked + b"5\r\nhello\r\nNOT HEX\r\n")
        assert (await client.answer()).body == b"first"
        assert (await client.answer()).status == 400
    assert len(upstream.requests) == 1


async def test_a_connection_beyond_the_limit_is_dropped(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.house(service("echo", upstream.url), max_connections=2)
    async with house.client() as one, house.client() as two:
        for client in (one, two):
            client.send(get("/x"))
            assert (await client.answer()).status == 200
        async with house.client() as three:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await three.head()


async def test_a_fault_of_ours_is_said_and_settled(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*_: object) -> None:
        raise RuntimeError("a bug")

    upstream = await build.upstream(answer(b"ok"))
    # Two endpoints, so that there is something to choose and the choice can fail.
    house = await build.house(service("echo", upstream.url, upstream.url))
    monkeypatch.setattr("portico.gateway.route.random.random", faulty)
    got = await house.ask("GET", "/svc/echo/x")
    assert (got.status, got.json["error"]["code"]) == (500, "E9901")
    assert b"a bug" not in got.body
    await house.calls_ended(1)


async def test_nothing_is_done_for_what_follows_a_refused_body_in_the_same_read(build: Builder) -> None:
    upstream = await build.upstream(answer(b"ok"))
    house = await build.in_front_of(upstream)
    refused = b"POST /svc/echo/x HTTP/1.1\r\nHost: p\r\nContent-Length: 5\r\n\r\nhello"
    got = await house.raw(refused + get("/never"))
    assert got.count(b"HTTP/1.1 ") == 1
    assert upstream.requests == []
