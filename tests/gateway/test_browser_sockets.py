"""Browser sockets are handed over to control: the gateway keeps nothing of them."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, unix_serve

from portico.gateway import door
from portico.platform.handover import Landing
from tests.gateway.builder import Builder
from tests.gateway.house import Client, House

OPENING = (
    b"GET /ws HTTP/1.1\r\nHost: p\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Portico-Address: 6.6.6.6\r\n\r\n"
)


class Control:
    """What was handed over: the connection, and what the gateway had read of it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._landed: asyncio.Queue[tuple[socket.socket, bytes]] = asyncio.Queue()
        self._landing = Landing(house.data_dir / "sockets.sock", lambda *each: self._landed.put_nowait(each))

    async def next(self) -> tuple[socket.socket, bytes]:
        async with asyncio.timeout(5):
            connection, read = await self._landed.get()
            while self._house.gate.connections:
                await asyncio.sleep(0.01)
        return connection, read

    def close(self) -> None:
        self._landing.close()


@asynccontextmanager
async def control_of(house: House) -> AsyncIterator[Control]:
    control = Control(house)
    try:
        yield control
    finally:
        control.close()


async def say(connection: socket.socket, words: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, words)


@pytest.mark.req("SP16")
async def test_control_gets_the_client_s_own_connection(build: Builder) -> None:
    house = await build.house()
    async with control_of(house) as control, house.client() as client:
        client.send(OPENING)
        connection, head = await control.next()
        with connection:
            lines = head.lower().split(b"\r\n")
            assert lines[0] == b"get /ws http/1.1"
            assert b"sec-websocket-key: dghlihnhbxbszsbub25jzq==" in lines
            # Whose address it is says the gateway, and nobody else.
            assert [line for line in lines if line.startswith(b"x-portico-address")] == [
                b"x-portico-address: 127.0.0.1"
            ]
            assert lines[-4:] == [b"connection: upgrade", b"upgrade: websocket", b"", b""]
            await say(connection, b"spoken by control")
            assert await client.reader.readexactly(17) == b"spoken by control"
            client.send(b"heard by control")
            async with asyncio.timeout(5):
                assert await asyncio.get_running_loop().sock_recv(connection, 100) == b"heard by control"
        async with asyncio.timeout(5):
            assert await client.reader.read(1) == b""


async def test_what_a_client_sends_behind_its_handshake_is_not_lost(build: Builder) -> None:
    house = await build.house()
    async with control_of(house) as control, house.client() as client:
        client.send(OPENING + b"too early")
        connection, read = await control.next()
        with connection:
            assert read.endswith(b"\r\n\r\ntoo early")


async def test_who_leaves_right_after_asking_leaves_nothing_behind(build: Builder) -> None:
    house = await build.house()
    async with control_of(house) as control:
        async with house.client() as client:
            client.send(OPENING)
        async with asyncio.timeout(5):
            while house.gate.connections:
                await asyncio.sleep(0.01)
        # The gateway serves on, and so does control.
        async with house.client() as client:
            client.send(OPENING + b"still there")
            while True:
                connection, read = await control.next()
                connection.close()
                if read.endswith(b"still there"):
                    break


@pytest.mark.req("SP16")
async def test_without_control_the_client_is_told_to_come_back(build: Builder) -> None:
    house = await build.house()
    async with house.client() as client:
        client.send(OPENING)
        told = await client.answer()
        assert told.status == 503
        assert b"control process is starting or restarting" in told.body


async def test_a_socket_asked_for_behind_an_answer_on_its_way_out_does_not_overtake_it(build: Builder) -> None:
    house = await build.house()
    # More than goes out at once to a client that does not read, less than what makes the gateway wait for it.
    long = "x" * 60_000

    def answer_plainly(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(HTTPStatus.OK, long) if request.path == "/long" else None

    async def greet(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.wait_closed()

    control = str(house.data_dir / "control.sock")
    # Nobody takes over here, so what is answered came through the gateway.
    async with unix_serve(greet, control, process_request=answer_plainly), slow_client(house) as client:
        async with asyncio.timeout(5):
            while not house.gate.connections:
                await asyncio.sleep(0.01)
        [connection] = house.gate.connections
        with socket.socket(fileno=os.dup(connection.transport.get_extra_info("socket").fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.send(b"GET /long HTTP/1.1\r\nHost: p\r\n\r\n" + OPENING)
        async with asyncio.timeout(5):
            while connection.tunnel is None:
                await asyncio.sleep(0.01)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert (await client.answer()).body == long.encode()
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")
        async with asyncio.timeout(5):
            assert await client.reader.readexactly(7) == b"\x81\x05hello"


@asynccontextmanager
async def slow_client(house: House) -> AsyncIterator[Client]:
    """One for which the kernel holds little, and which reads nothing until it is told to."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", house.port))
    reader, writer = await asyncio.open_connection(sock=narrow)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@pytest.mark.req("SP16")
async def test_browser_sockets_leave_the_api_its_room(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "CONTROL_CONNECTIONS", 1)
    house = await build.house()

    def answer_plainly(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(HTTPStatus.OK, "here\n") if request.path == "/api/v1/me" else None

    async def hold(connection: ServerConnection) -> None:
        await connection.wait_closed()

    listening = unix_serve(hold, str(house.data_dir / "control.sock"), process_request=answer_plainly)
    async with listening, control_of(house) as control, AsyncExitStack() as stack:
        for _ in range(3):
            client = await stack.enter_async_context(house.client())
            client.send(OPENING)
            stack.enter_context((await control.next())[0])
        asked = b"GET /api/v1/me HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n"
        answered = await house.raw(asked)
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert b"here" in answered
