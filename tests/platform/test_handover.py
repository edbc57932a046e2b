"""A connection handed to another process: it arrives with what was read of it, or stays where it was."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from portico.platform import handover
from portico.platform.handover import Landing, hand_over

Landed = tuple[socket.socket, bytes]


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path, as those of local sockets must be."""
    with TemporaryDirectory() as folder:
        yield Path(folder) / "landing.sock"


@pytest.fixture
async def landed(place: Path) -> AsyncIterator[asyncio.Queue[Landed]]:
    queue: asyncio.Queue[Landed] = asyncio.Queue()
    landing = Landing(place, lambda connection, read: queue.put_nowait((connection, read)))
    yield queue
    landing.close()


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client, and the connection with it that is going to change hands."""
    client, held = socket.socketpair()
    with client, held:
        client.settimeout(10)
        yield client, held


async def next_of(landed: asyncio.Queue[Landed]) -> Landed:
    async with asyncio.timeout(10):
        return await landed.get()


@pytest.mark.parametrize("read", [b"", b"GET /ws", b"x" * 100_000], ids=["nothing", "a little", "much"])
async def test_a_connection_arrives_with_what_was_read_of_it(
    place: Path, landed: asyncio.Queue[Landed], read: bytes
) -> None:
    with pair() as (client, held):
        hand_over(str(place), held.fileno(), read)
        held.close()
        client.sendall(b"and this comes later")
        connection, arrived = await next_of(landed)
        with connection:
            assert arrived == read
            assert connection.recv(100) == b"and this comes later"
            connection.sendall(b"answered by another")
        assert client.recv(100) == b"answered by another"
        assert client.recv(100) == b""


async def test_many_arrive_each_with_its_own(place: Path, landed: asyncio.Queue[Landed]) -> None:
    clients = []
    for number in range(100):
        client, held = socket.socketpair()
        clients.append(client)
        with held:
            hand_over(str(place), held.fileno(), b"%d" % number)
    seen = set()
    for _ in clients:
        connection, read = await next_of(landed)
        with connection:
            connection.sendall(read)
        seen.add(read)
    assert seen == {b"%d" % number for number in range(100)}
    for number, client in enumerate(clients):
        with client:
            assert client.recv(100) == b"%d" % number


async def test_without_anyone_to_take_it_a_connection_stays(place: Path) -> None:
    landing = Landing(place, lambda _connection, _read: None)
    landing.close()
    with pair() as (client, held):
        with pytest.raises(OSError, match="No such file"):
            hand_over(str(place), held.fileno(), b"read")
        held.sendall(b"still here")
        assert client.recv(100) == b"still here"


async def test_what_is_too_large_to_be_sent_at_once_stays(place: Path, landed: asyncio.Queue[Landed]) -> None:
    with pair() as (client, held):
        with pytest.raises(OSError, match="more than can be handed over"):
            hand_over(str(place), held.fileno(), b"x" * 8_000_000)
        held.sendall(b"still here")
        assert client.recv(100) == b"still here"
        # The next one is not disturbed by the half that came first.
        hand_over(str(place), held.fileno(), b"next")
        connection, read = await next_of(landed)
        connection.close()
        assert read == b"next"


@pytest.mark.parametrize("sent", ["nothing", "half"])
async def test_a_sender_that_dies_on_the_way_takes_its_connection_along(
    place: Path, landed: asyncio.Queue[Landed], sent: str
) -> None:
    with pair() as (client, held):
        with socket.socket(socket.AF_UNIX) as way:
            way.connect(str(place))
            if sent == "half":
                socket.send_fds(way, [b"\0\0\0\x10half"], [held.fileno()])
        held.close()
        hand_over(str(place), client.fileno(), b"the next one")
        connection, read = await next_of(landed)
        connection.close()
        assert read == b"the next one"
        client.setblocking(False)
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(client, 100) == b""


async def test_a_sender_that_stops_on_the_way_is_not_waited_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "_ARRIVAL_S", 0.01)
    landing = Landing(place, lambda _connection, _read: None)
    with socket.socket(socket.AF_UNIX) as way:
        way.setblocking(False)
        way.connect(str(place))
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(way, 1) == b""
    landing.close()


async def test_a_landing_that_closes_lets_go_of_what_is_on_its_way(place: Path) -> None:
    landing = Landing(place, lambda _connection, _read: None)
    with pair() as (client, held), socket.socket(socket.AF_UNIX) as way:
        way.connect(str(place))
        socket.send_fds(way, [b"\0\0\0\x10half"], [held.fileno()])
        held.close()
        for _ in range(100):
            await asyncio.sleep(0)
        landing.close()
        assert client.recv(100) == b""
        assert not place.exists()
