"""WebSockets through the gateway, with a real client and a real server on the two ends."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Request, Response, ServerConnection, serve

from tests.gateway.builder import Builder
from tests.gateway.house import SECRET, House, answer, dechunk, service

OPENING = (
    "GET /svc/echo/ws HTTP/1.1\r\nHost: p\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n"
)


class Server:
    """A WebSocket service that echoes, and remembers how it was called."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.closed: list[int | None] = []
        self.url = ""

    async def serve(self, connection: ServerConnection) -> None:
        try:
            async for message in connection:
                if message == "close me":
                    await connection.close(4001, "as asked")
                else:
                    await connection.send(message)
        except websockets.ConnectionClosedError:
            pass
        self.closed.append(connection.close_code)

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if request.path.endswith("/forbidden"):
            return connection.respond(HTTPStatus.FORBIDDEN, "not for you\n")
        return None


@asynccontextmanager
async def running() -> AsyncIterator[Server]:
    server = Server()
    async with serve(
        server.serve,
        "127.0.0.1",
        0,
        process_request=server.check,
        max_size=None,
        subprotocols=["chat"],  # type: ignore[list-item]
    ) as listening:
        server.url = f"http://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}"
        yield server


def dial(house: House, path: str = "/svc/echo/ws", secret: str = SECRET) -> connect:
    return connect(
        f"ws://127.0.0.1:{house.port}{path}",
        additional_headers={"Authorization": f"Bearer {secret}"},
        subprotocols=["chat"],  # type: ignore[list-item]
        max_size=None,
        proxy=None,
    )


async def test_messages_of_every_size_go_both_ways(build: Builder) -> None:
    async with running() as server:
        house = await build.house(service("echo", server.url))
        client: ClientConnection
        async with dial(house) as client:
            assert client.subprotocol == "chat"
            for message in ("hello", "", b"\x00\xff", "ä" * 100_000, os.urandom(5_000_000)):
                await client.send(message)
                assert await client.recv() == message
            await client.ping()
        assert client.close_code == 1000
        [call] = await house.calls_ended()
    assert (call.verdict, call.status) == ("allowed", 101)
    assert call.bytes_in > 5_000_000
    assert call.bytes_out > 5_000_000
    assert server.closed == [1000]
    [request] = server.requests
    assert "Authorization" not in request.headers


async def test_a_close_of_the_service_reaches_the_client(build: Builder) -> None:
    async with running() as server:
        house = await build.house(service("echo", server.url))
        async with dial(house) as client:
            await client.send("close me")
            with pytest.raises(websockets.ConnectionClosedError):
                await client.recv()
            assert (client.close_code, client.close_reason) == (4001, "as asked")
        await house.calls_ended()


async def test_an_upgrade_the_service_refuses_is_an_ordinary_answer(build: Builder) -> None:
    async with running() as server:
        house = await build.house(service("echo", server.url))
        with pytest.raises(websockets.InvalidStatus) as refused:
            await dial(house, "/svc/echo/forbidden")
        assert refused.value.response.status_code == 403
        assert refused.value.response.body == b"not for you\n"
        assert refused.value.response.headers["Connection"] == "close"
        [call] = await house.calls_ended()
        assert (call.verdict, call.status) == ("allowed", 403)


async def test_a_stranger_gets_no_socket(build: Builder) -> None:
    async with running() as server:
        house = await build.house(service("echo", server.url))
        with pytest.raises(websockets.InvalidStatus) as refused:
            await dial(house, secret="pk_00000000_" + "x" * 43)
        assert refused.value.response.status_code == 401
    assert server.requests == []


async def test_data_sent_before_the_service_agreed_arrives_first(build: Builder) -> None:
    """In the same read as the request, and in a later one while the service still thinks."""
    got = bytearray()

    async def slow_switch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst words"
        )
        while block := await reader.read(100):
            got.extend(block)
            if got.endswith(b"last"):
                writer.write(b"bye")
                return

    house = await build.house(service("echo", (await build.scripted(slow_switch)).url))
    async with house.client() as client:
        client.send((OPENING + f"Authorization: Bearer {SECRET}\r\n\r\n").encode() + b"one ")
        await asyncio.sleep(0.03)
        client.send(b"two ")
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 101")
        assert b"X-Portico-Call" in head
        client.send(b"last")
        assert await client.rest() == b"first wordsbye"
    assert bytes(got) == b"one two last"


async def test_too_much_data_before_the_switch_ends_the_connection(build: Builder) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    house = await build.house(service("echo", (await build.scripted(never)).url))
    async with house.client() as client:
        client.send((OPENING + f"Authorization: Bearer {SECRET}\r\n\r\n").encode())
        client.send(bytes(300_000))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client.head()
    [call] = await house.calls_ended()
    assert call.verdict == "cancelled"


async def test_a_client_that_vanishes_ends_the_services_socket(build: Builder) -> None:
    async with running() as server:
        house = await build.house(service("echo", server.url))
        client = await dial(house)
        await client.send("hello")
        assert await client.recv() == "hello"
        client.transport.abort()
        await house.calls_ended()
        async with asyncio.timeout(2):
            while not server.closed:
                await asyncio.sleep(0.01)
        assert server.closed == [1006]


@pytest.mark.parametrize(
    "framing", ["Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_an_upgrade_nobody_follows_is_a_plain_request(build: Builder, framing: str, at_once: bool) -> None:
    """Some clients offer HTTP/2 with every first request, whatever its method and body."""
    upstream = await build.upstream(answer(b"plain"))
    house = await build.house(service("echo", upstream.url))
    head = f"Host: p\r\nAuthorization: Bearer {SECRET}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    request = f"POST /svc/echo/x HTTP/1.1\r\n{head}HTTP2-Settings: AA\r\n{framing}".encode()
    async with house.client() as client:
        if at_once:
            client.send(request + b"GET /svc/echo/never HTTP/1.1\r\n\r\n")
        else:
            for byte in request:
                client.send(bytes([byte]))
                await asyncio.sleep(0)
        got = await client.answer()
        assert (got.status, got.body, got.headers["connection"]) == (200, b"plain", "close")
        assert await client.rest() == b""
    [passed] = upstream.requests
    assert b"h2c" not in passed
    body = passed.partition(b"\r\n\r\n")[2]
    assert (dechunk(body) if "chunked" in framing else body) == b"body"


async def test_an_upgrade_behind_a_pipelined_request_waits_for_its_turn(build: Builder) -> None:
    async with running() as server:
        slow = await build.upstream(answer(b"slow"), pause_s=0.1)
        house = await build.house(service("echo", server.url), service("slow", slow.url))
        auth = f"Authorization: Bearer {SECRET}\r\n\r\n"
        async with house.client() as client:
            client.send((f"GET /svc/slow/ HTTP/1.1\r\nHost: p\r\n{auth}" + OPENING + auth).encode())
            assert (await client.answer()).body == b"slow"
            switched = await client.head()
            assert switched.startswith(b"HTTP/1.1 101"), await client.rest()
            # A masked text frame "hi".
            client.send(b"\x81\x82\x00\x00\x00\x00hi")
            async with asyncio.timeout(2):
                assert await client.reader.readexactly(4) == b"\x81\x02hi"
