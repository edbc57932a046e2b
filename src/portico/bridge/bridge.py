"""All local servers of the installation, and what comes in over the socket: clients' exchanges, and control's orders."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import orjson
import structlog

from portico.bridge.exchange import Client, Exchange
from portico.bridge.http import Answer, Request
from portico.bridge.server import LEAVING, STOPPED, Place, Server
from portico.domains.routing.model import LocalServerReport, ServiceEntry, Snapshot
from portico.platform.settings import Settings

log = structlog.get_logger("portico.bridge")

MCP_PATH, ORDERS_PATH = "/mcp", "/servers/"
WITH_SESSIONS = frozenset({"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})
MOST_LOG_LINES = 500
# Until the first snapshot is here nobody knows which servers there are.
FIRST_SNAPSHOT_S = 5.0


class Bridge:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._place = Place(
            settings, settings.data_dir.absolute() / "tools", asyncio.Semaphore(settings.tools.starts_at_once)
        )
        self._servers: dict[str, Server] = {}
        self._entries: dict[str, ServiceEntry] = {}
        self._adopted = asyncio.Event()
        self._changing: set[asyncio.Task[None]] = set()

    # -- the snapshot --------------------------------------------------------------------------------------------------------------

    def adopt(self, snapshot: Snapshot) -> None:
        entries = {entry.id: entry for entry in snapshot.services if entry.local is not None}
        for service_id in [each for each in self._servers if each not in entries]:
            self._begin(self._servers.pop(service_id).remove())
        for service_id, entry in entries.items():
            local = entry.local
            assert local is not None  # noqa: S101
            known = self._servers.get(service_id)
            if known is None:
                self._servers[service_id] = Server(service_id, entry.org_id, entry.name, local, self._place)
            elif (known.entry, known.name) != (local, entry.name):
                self._begin(known.redefine(entry.name, local))
        self._entries = entries
        self._adopted.set()

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)

    def reports(self) -> tuple[LocalServerReport, ...]:
        return tuple(server.report() for server in self._servers.values() if server.touched)

    def look(self) -> None:
        now = time.monotonic()
        for server in tuple(self._servers.values()):
            server.look(now)

    async def close(self) -> None:
        await asyncio.gather(*(server.stop(LEAVING) for server in self._servers.values()))

    # -- what comes in -------------------------------------------------------------------------------------------------------------

    async def handle(self, request: Request, answer: Answer) -> None:
        if not self._adopted.is_set():
            try:
                async with asyncio.timeout(FIRST_SNAPSHOT_S):
                    await self._adopted.wait()
            except TimeoutError:
                answer.whole(503, b"")
                return
        if request.path == MCP_PATH:
            await self._exchange(request, answer)
        elif request.path.startswith(ORDERS_PATH):
            await self._order(request, answer)
        else:
            answer.whole(404, b"")

    async def _exchange(self, request: Request, answer: Answer) -> None:
        service_id = request.header(b"x-portico-service") or ""
        server, entry = self._servers.get(service_id), self._entries.get(service_id)
        principal = request.header(b"x-portico-principal")
        if server is None or entry is None or principal is None or request.header(b"x-portico-org") != server.org_id:
            answer.whole(404, b"")
            return
        version = request.header(b"mcp-protocol-version")
        single = version is not None and version not in WITH_SESSIONS
        timeout_s = entry.timeout_s or self.settings.gateway.request_timeout_s
        await Exchange(server, Client(principal, single, timeout_s), request, answer).run()

    async def _order(self, request: Request, answer: Answer) -> None:
        """`/servers/{id}/{verb}`, from control alone: the gateway sends nothing but MCP_PATH."""
        service_id, _, verb = request.path.removeprefix(ORDERS_PATH).partition("/")
        server = self._servers.get(service_id)
        orders: dict[str, Callable[[Server], Awaitable[None]]] = {"start": _start, "stop": _stop, "restart": _restart}
        if server is None:
            answer.whole(404, b"")
        elif request.method == "POST" and verb in orders:
            await orders[verb](server)
            answer.whole(200, _state(server))
        elif request.method == "GET" and verb == "logs":
            lines = [{"at": at, "text": text} for at, text in server.log.last(MOST_LOG_LINES)]
            answer.whole(200, orjson.dumps({"lines": lines}))
        elif request.method == "GET" and verb == "state":
            answer.whole(200, _state(server))
        else:
            answer.whole(404, b"")


async def _start(server: Server) -> None:
    server.forgive()
    if server.allowed:
        server.start()


async def _stop(server: Server) -> None:
    await server.stop(STOPPED)


async def _restart(server: Server) -> None:
    await server.stop(STOPPED)
    await _start(server)


def _state(server: Server) -> bytes:
    return orjson.dumps({"state": server.state, "error": server.error})
