"""A real server on a random port, real tickets, and a client that speaks as a browser would."""

import asyncio
import json
import socket
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from portico.domains.routing.model import BreakerReport
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import Identity
from portico.domains.usage import public as usage
from portico.domains.usage.model import CallLine
from portico.kernel.ids import OrgId
from portico.platform.deps import Deps
from portico.realtime.admission import SocketTerms
from portico.realtime.frames import MAX_PATCH_FRAME_BYTES
from portico.realtime.landing import SocketLanding
from portico.realtime.line import DirectLine
from portico.realtime.sockets import Realtime
from portico.realtime.topics import TOPICS, Kind
from tests.usage.journals import append, lines

PASSWORD = "a long enough password"
READS = ("calls.read", "events.read", "services.read")
WAIT_S = 20


class Feed:
    """What gateways report, set by hand."""

    def __init__(self) -> None:
        self.reports: list[BreakerReport] = []

    def breakers(self, org_id: str) -> Sequence[BreakerReport]:
        return [report for report in self.reports if report.org_id == org_id]

    def local_servers(self, org_id: str) -> Mapping[str, object]:
        """No bridge runs here."""
        return {}

    def statuses(self) -> Sequence[object]:
        return ["gateway"]

    async def reset_breaker(self, service_id: str) -> None:
        self.reports = [report for report in self.reports if report.service_id != service_id]


class Client:
    def __init__(self, connection: ClientConnection, identity: Identity | None = None) -> None:
        self.connection, self.identity = connection, identity

    async def send(self, **frame: Any) -> None:
        await self.connection.send(json.dumps(frame))

    async def receive(self) -> dict[str, Any]:
        """The next frame; pings are answered on the way."""
        async with asyncio.timeout(WAIT_S):
            while True:
                frame: dict[str, Any] = json.loads(text_of(await self.connection.recv()))
                if frame["type"] != "ping":
                    return frame
                await self.send(type="pong")

    async def subscribe(self, topic: str, since: int | None = None, tab: str | None = None) -> dict[str, Any]:
        await self.send(type="subscribe", topic=topic, since=since, tab=tab)
        return await self.receive()

    async def change(self, topic: str, tab: str, version: int, **values: Any) -> dict[str, Any]:
        """Replace these; the answer."""
        patch = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()]
        await self.send(type="patch", topic=topic, tab=tab, version=version, ref=7, patch=patch)
        return await self.receive()

    async def rows(self, count: int) -> tuple[int, list[str]]:
        """The ids of the next `count` rows of appends, and the cursor after them."""
        ids: list[str] = []
        cursor = 0
        while len(ids) < count:
            frame = await self.receive()
            assert frame["type"] == "append", frame
            ids.extend(item["id"] for item in frame["items"])
            cursor = frame["cursor"]
        return cursor, ids

    async def is_silent(self, for_s: float = 0.4) -> bool:
        try:
            async with asyncio.timeout(for_s):
                await self.connection.recv()
        except TimeoutError:
            return True
        return False

    async def closed(self) -> int | None:
        """Read to the end; the code it was closed with."""
        async with asyncio.timeout(WAIT_S):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed:
                return self.connection.close_code


def text_of(received: str | bytes) -> str:
    return received if isinstance(received, str) else zlib.decompress(received, wbits=-zlib.MAX_WBITS).decode()


class Served:
    def __init__(self, deps: Deps, realtime: Realtime, port: int, feed: Feed) -> None:
        self.deps, self.realtime, self.port, self.feed = deps, realtime, port, feed

    async def ticket(self, identity: Identity) -> str:
        return (await tenancy.issue_ticket(identity, self.deps)).word

    @asynccontextmanager
    async def connect(self, identity: Identity | None = None, **named: Any) -> AsyncIterator[Client]:
        if identity is not None:
            named["subprotocols"] = ["portico.v1", f"ticket.{await self.ticket(identity)}"]
        async with connect(
            f"ws://127.0.0.1:{self.port}/ws", ping_interval=None, close_timeout=1, max_size=None, **named
        ) as connection:
            yield Client(connection, identity)

    @asynccontextmanager
    async def greeted(self, identity: Identity) -> AsyncIterator[Client]:
        async with self.connect(identity) as client:
            assert (await client.receive())["type"] == "hello"
            yield client

    async def fold(self, *written: CallLine) -> list[str]:
        append(self.deps.settings.data_dir / "journal", lines(*written))
        await usage.fold_journals(self.deps)
        return [line.id for line in written]


async def narrow_socket(port: int) -> socket.socket:
    """A connection whose kernel buffer holds little, so that not reading is felt soon."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", port))
    return narrow


@asynccontextmanager
async def serve(
    deps: Deps,
    terms: SocketTerms | None = None,
    topics: Mapping[str, Kind] = TOPICS,
    app: ASGIApp | None = None,
    landing: Path | None = None,
) -> AsyncIterator[Served]:
    """`landing`: where sockets are taken over, too."""
    feed = Feed()
    realtime = Realtime(deps, feed, terms, topics)
    config = uvicorn.Config(
        realtime.in_front_of(app or Starlette()),
        port=0,
        log_config=None,
        lifespan="off",
        ws=DirectLine,
        ws_max_size=MAX_PATCH_FRAME_BYTES,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(realtime.run())
        serving = group.create_task(server.serve())
        landed = None if landing is None else group.create_task(SocketLanding(landing, server).run())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield Served(deps, realtime, port, feed)
        finally:
            running.cancel()
            server.should_exit = True
            # Before the group hears of a failure: a cancelled server would leave its socket open.
            await serving
            if landed is not None:
                landed.cancel()


class _NoSignals:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def _no_signals() -> Any:
    return _NoSignals()


async def reader_of(deps: Deps, slug: str, permissions: tuple[str, ...] = READS) -> Identity:
    """A key of a fresh org that may read."""
    seeded = await tenancy.seed_owner(deps, slug.title(), slug, f"o@{slug}.example", "Owner", PASSWORD)
    return await key_of(deps, seeded.org_id, permissions)


async def key_of(deps: Deps, org_id: OrgId, permissions: tuple[str, ...]) -> Identity:
    scope = tenancy.open_system_scope(org_id)
    _, secret = await tenancy.create_key(scope, tenancy.KeyDraft("reader", permissions), deps)
    return await tenancy.authenticate(deps, secret, None)
