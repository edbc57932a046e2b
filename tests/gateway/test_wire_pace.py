"""A slow side slows the other one; it never fills our memory."""

import asyncio
import os
from pathlib import Path

import pytest

from portico.gateway.wire.upstream import UpstreamConnection
from tests.gateway.builder import Builder
from tests.gateway.house import SECRET, House, answer, read_request, service

AUTH = f"Host: portico\r\nAuthorization: Bearer {SECRET}\r\n"
TOTAL = 200 * 1024 * 1024
BLOCK = b"\xa5" * (256 * 1024)
# Two sockets' buffers in the kernel on either side, with room to spare; far from the size of what is sent.
MOST_UNDER_WAY = 24 * 1024 * 1024
MOST_HELD = 2 * 1024 * 1024


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held_bytes(house: House) -> int:
    """What the gateway's own transports have taken and not yet passed to the kernel."""
    upstream: list[UpstreamConnection] = [each for pool in house.gate._pools.values() for each in pool.busy]
    return sum(each.transport.get_write_buffer_size() for each in (*house.gate.connections, *upstream))


async def test_a_client_that_reads_slowly_slows_the_service(build: Builder) -> None:
    sent = 0

    async def pouring(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % TOTAL)
        while sent < TOTAL:
            writer.write(BLOCK)
            sent += len(BLOCK)
            await writer.drain()
        await reader.read(1)

    house = await build.in_front_of(await build.scripted(pouring))
    before = resident_bytes()
    async with house.client() as client:
        client.send(f"GET /svc/echo/x HTTP/1.1\r\n{AUTH}\r\n".encode())
        await client.head()
        # The client's own stream stops reading the socket at its limit.
        await asyncio.sleep(0.4)
        assert sent < MOST_UNDER_WAY
        assert held_bytes(house) < MOST_HELD
        assert resident_bytes() - before < MOST_UNDER_WAY
        received = 0
        async with asyncio.timeout(20):
            while received < TOTAL:
                received += len(await client.reader.read(1 << 20))
                assert held_bytes(house) < MOST_HELD
    assert sent == TOTAL
    assert resident_bytes() - before < MOST_UNDER_WAY
    [call] = await house.calls_ended()
    assert (call.verdict, call.bytes_out) == ("allowed", TOTAL)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_service_that_reads_slowly_slows_the_client(build: Builder, chunked: bool) -> None:
    go_on = asyncio.Event()
    received = 0

    async def sipping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        await reader.readuntil(b"\r\n\r\n")
        await go_on.wait()
        tail = b""
        while received < TOTAL and not (chunked and tail.endswith(b"\r\n0\r\n\r\n")):
            block = await reader.read(1 << 20)
            received += block.count(0xA5) if chunked else len(block)
            tail = (tail + block)[-8:]
        writer.write(answer(b"%d" % received))

    house = await build.in_front_of(await build.scripted(sipping))
    before, sent = resident_bytes(), 0
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {TOTAL}"
    block = b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK) if chunked else BLOCK

    async with house.client() as client:

        async def pour() -> None:
            nonlocal sent
            while sent < TOTAL:
                client.send(block)
                sent += len(BLOCK)
                await client.writer.drain()
            if chunked:
                client.send(b"0\r\n\r\n")

        client.send(f"POST /svc/echo/x HTTP/1.1\r\n{AUTH}{framing}\r\n\r\n".encode())
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(pour())
            await asyncio.sleep(0.4)
            assert sent < MOST_UNDER_WAY
            assert held_bytes(house) < MOST_HELD
            assert resident_bytes() - before < MOST_UNDER_WAY
            go_on.set()
        assert (await client.answer()).body == b"%d" % TOTAL
    assert resident_bytes() - before < MOST_UNDER_WAY


async def test_a_body_waits_at_the_client_while_its_service_is_being_reached(
    build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"%d" % (len(await read_request(reader)) > 50_000_000)))

    upstream = await build.scripted(sink)
    house = await build.in_front_of(upstream)
    reached, locate = asyncio.Event(), house.gate.locator.locate

    async def slowly(target: object) -> object:
        await reached.wait()
        return await locate(target)  # type: ignore[arg-type]

    monkeypatch.setattr(house.gate.locator, "locate", slowly)
    body = 50_000_000
    async with house.client() as client:
        client.send(f"POST /svc/echo/x HTTP/1.1\r\n{AUTH}Content-Length: {body}\r\n\r\n".encode() + bytes(body))
        await asyncio.sleep(0.3)
        [connection] = house.gate.connections
        assert connection._exchanges[0]._body_bytes < 1024 * 1024
        reached.set()
        assert (await client.answer()).body == b"1"


async def test_a_stream_larger_than_can_be_repeated_is_not_repeated_in_part(build: Builder) -> None:
    """The first connection dies with the body half sent; what the service then gets is all of it or nothing."""
    bodies: list[int] = []
    first = True

    async def dying_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal first
        if first:
            first = False
            await reader.readexactly(2000)
            return
        bodies.append(len((await read_request(reader)).partition(b"\r\n\r\n")[2]))
        writer.write(answer(b"ok"))

    house = await build.in_front_of(await build.scripted(dying_once), max_retries=2)
    async with house.client() as client:
        client.send(f"PUT /svc/echo/x HTTP/1.1\r\n{AUTH}Content-Length: 300000\r\n\r\n".encode() + bytes(4000))
        await asyncio.sleep(0.02)
        # Arrives while the next attempt is waited for.
        client.send(bytes(296_000))
        assert (await client.answer()).status == 200
    assert bodies == [300_000]


async def test_a_client_that_stops_reading_for_good_is_cut(build: Builder) -> None:
    async def pouring(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(BLOCK)
            await writer.drain()

    upstream = await build.scripted(pouring)
    house = await build.house(service("echo", upstream.url), stream_idle_timeout_s=0.3)
    async with house.client() as client:
        client.send(f"GET /svc/echo/x HTTP/1.1\r\n{AUTH}\r\n".encode())
        await client.head()
        [call] = await house.calls_ended()
    assert call.verdict == "cancelled"
