"""Browser sockets of a whole installation: through the gateway's port, over its death, and not over control's."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from portico.realtime.client import connect as follow
from tests.drills.conftest import QUICK_DRAIN, running
from tests.installation import Installation, Owner, children_of
from tests.realtime.served import Client

pytestmark = pytest.mark.drill

READERS = 30
CHANGES = ("dashboards.read", "dashboards.manage", "events.read")
LARGE = 50_000


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    extra = {**QUICK_DRAIN, "PORTICO_REALTIME_MAX_SOCKETS_PER_PERSON": "100"}
    yield from running(Installation(tmp_path_factory.mktemp("sockets") / "data", extra=extra))


@pytest.fixture
def owner(installation: Installation) -> Iterator[Owner]:
    with installation.signed_in() as owner:
        yield owner


@pytest.fixture
def board(owner: Owner) -> str:
    made = owner.make("/dashboards", name=f"Board {uuid.uuid4().hex[:8]}", shared="org")
    return f"dashboard:{made['id']}"


class Desk:
    """One tab of a client, which follows a board and changes it."""

    def __init__(self, client: Client, board: str, version: int, tab: str) -> None:
        self.client, self.board, self.version, self.tab = client, board, version, tab

    async def change(self, size: int = 10) -> None:
        value = {"text": f"{self.version:05d} " * (size // 6)}
        patch = [{"op": "add", "path": "/view/text", "value": value}]
        ask = {"topic": self.board, "tab": self.tab, "version": self.version, "ref": self.version, "patch": patch}
        await self.client.send(type="patch", **ask)
        answer = await self.client.receive()
        assert (answer["type"], answer["version"]) == ("patched", self.version + 1), answer
        self.version = answer["version"]

    async def hears_up_to(self, version: int) -> None:
        """Every version in turn."""
        while self.version < version:
            frame = await self.client.receive()
            assert (frame["type"], frame["version"]) == ("patch", self.version + 1)
            self.version += 1


@asynccontextmanager
async def sit_down(
    installation: Installation, owner: Owner, board: str, *, packed: bool = False, narrow: bool = False
) -> AsyncIterator[Desk]:
    key = owner.make_key(f"desk-{uuid.uuid4().hex[:8]}", permissions=list(CHANGES))
    answer = await asyncio.to_thread(
        owner.client.post, "/ws-tickets", headers={"Authorization": f"Bearer {key}"}, json={}
    )
    offered: Any = ["portico.v1", f"ticket.{answer.json()['ticket']}"]
    held = await dialled(installation.port, narrow=narrow)
    async with connect(
        f"ws://127.0.0.1:{installation.port}/ws",
        sock=held,
        subprotocols=offered,
        compression=None,
        ping_interval=None,
        max_size=None,
        close_timeout=1,
    ) as connection:
        client, tab = Client(connection), str(uuid.uuid4())
        assert (await client.receive())["type"] == "hello"
        if packed:
            await client.send(type="accept", encodings=["deflate"])
        state = await client.subscribe(board, tab=tab)
        assert state["type"] == "state", state
        yield Desk(client, board, state["version"], tab)


async def dialled(port: int, *, narrow: bool) -> socket.socket:
    """A connection for which, when it is narrow, the kernel holds little of what is not read."""
    held = socket.socket()
    if narrow:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    held.setblocking(False)
    await asyncio.get_running_loop().sock_connect(held, ("127.0.0.1", port))
    return held


@pytest.mark.req("HY9", "HY10", "SC8")
async def test_every_socket_gets_every_change_in_the_order_they_were_made(
    installation: Installation, owner: Owner, board: str
) -> None:
    """From two writers in turn, small ones and large, packed for those that read it so."""
    async with AsyncExitStack() as stack:
        desks = [
            await stack.enter_async_context(sit_down(installation, owner, board, packed=number % 2 == 0))
            for number in range(READERS)
        ]
        writers = desks[:2]
        for number in range(20):
            writer, other = writers[number % 2], writers[1 - number % 2]
            await writer.change(LARGE if number % 5 == 0 else 10)
            await other.hears_up_to(writer.version)
        for desk in desks[2:]:
            await desk.hears_up_to(writers[0].version)


@pytest.mark.req("HY14", "C11")
async def test_a_client_that_reads_nothing_is_told_to_start_again_and_holds_up_nobody(
    installation: Installation, owner: Owner, board: str
) -> None:
    async with (
        sit_down(installation, owner, board) as writer,
        sit_down(installation, owner, board) as quick,
        sit_down(installation, owner, board, narrow=True) as slow,
    ):
        slow.client.connection.transport.pause_reading()
        # More than an outbox and what lies on the way may hold.
        for _ in range(80):
            await writer.change(LARGE)
            await quick.hears_up_to(writer.version)
        slow.client.connection.transport.resume_reading()
        for _ in range(80):
            frame = await slow.client.receive()
            if frame["type"] == "resync":
                break
            assert (frame["type"], frame["version"]) == ("patch", slow.version + 1)
            slow.version = frame["version"]
        assert frame["type"] == "resync"
        assert slow.version < writer.version
        await slow.client.send(type="subscribe", topic=board, since=slow.version, tab=slow.tab)
        await slow.hears_up_to(writer.version)
        await writer.change()
        await slow.hears_up_to(writer.version)


@pytest.mark.req("SP20", "R-INT-002")
async def test_sockets_outlive_the_gateway_they_came_through(
    installation: Installation, owner: Owner, board: str
) -> None:
    async with sit_down(installation, owner, board) as writer, sit_down(installation, owner, board) as reader:
        await writer.change()
        await reader.hears_up_to(writer.version)
        died = installation.pid_of("gateway")
        installation.kill_role("gateway")
        # While there is none, and after the next has begun.
        await writer.change(LARGE)
        await reader.hears_up_to(writer.version)
        await another(installation, "gateway", than=died)
        await asyncio.to_thread(installation.wait_ready)
        async with sit_down(installation, owner, board) as late:
            assert late.version == writer.version
            await writer.change()
            for desk in (reader, late):
                await desk.hears_up_to(writer.version)


@pytest.mark.req("SP20", "R-INT-002", "SS2")
async def test_sockets_end_with_control_and_go_on_where_they_stood_once_it_is_back(
    installation: Installation, owner: Owner, board: str
) -> None:
    key = owner.make_key("follower", permissions=list(CHANGES))
    async with (
        sit_down(installation, owner, board) as writer,
        follow(installation.url, key=key) as live,
        asyncio.timeout(60),
    ):
        frames = live.follow(board)
        assert (await anext(frames))["version"] == writer.version
        await writer.change()
        assert (await anext(frames))["version"] == writer.version
        died = installation.pid_of("control")
        installation.kill_role("control")
        assert await writer.client.closed() in {None, 1006}
        await another(installation, "control", than=died)
        await asyncio.to_thread(installation.wait_ready)
        async with sit_down(installation, owner, board) as second:
            await second.change()
            async for frame in frames:
                # What was missed: nothing at first, when it was back before the change was.
                if frame["version"] == second.version:
                    break
        await frames.aclose()


async def another(installation: Installation, role: str, *, than: int) -> None:
    """Until the supervisor has begun a new one."""
    assert installation.process is not None
    async with asyncio.timeout(30):
        while True:
            if than not in children_of(installation.process.pid):
                try:
                    installation.pid_of(role)
                    return
                except (AssertionError, FileNotFoundError):
                    pass
            await asyncio.sleep(0.02)
