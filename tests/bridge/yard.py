"""A gateway and a bridge in this process, with local servers that are real programs, decided by a snapshot that the test wrote."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from mcp import Client

from portico.bridge import process
from portico.bridge.bridge import Bridge
from portico.bridge.http import Shared
from portico.bridge.keeper import descendants
from portico.bridge.server import Server
from portico.domains.routing.model import LocalServerEntry, ServiceEntry, Snapshot
from portico.platform.link import BRIDGE_SOCKET, BRIDGE_URL
from portico.platform.sections import ToolsSettings
from tests.gateway import house as terms
from tests.gateway.house import House
from tests.gateway.mcp_servers import client_of

SCRIPTS = Path(__file__).parent / "servers"
PATIENCE_S = 20.0


def local(command: str, *arguments: str, **changes: Any) -> LocalServerEntry:
    entry = LocalServerEntry(
        command=command,
        arguments=arguments,
        environment=(),
        secrets=(),
        allowed_paths=(),
        program_paths=(),
        memory_bytes=512 << 20,
        processes=32,
        open_files=256,
        cores=None,
        cpu_s=None,
        message_bytes=1 << 20,
        idle_stop_s=0,
        start_timeout_s=20,
        enabled=True,
    )
    return msgspec.structs.replace(entry, **changes)


def script(name: str, *arguments: str, **changes: Any) -> LocalServerEntry:
    """One of the small servers beside this file."""
    made = local(sys.executable, "-I", "-S", str(SCRIPTS / f"{name}.py"), *arguments)
    return msgspec.structs.replace(made, **changes)


def service(name: str, entry: LocalServerEntry, **changes: Any) -> ServiceEntry:
    return terms.service(name, BRIDGE_URL, kind="tools", **{"local": entry, "timeout_s": 10.0, **changes})


class Yard:
    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.house: House = None  # type: ignore[assignment]
        self.bridge: Bridge = None  # type: ignore[assignment]
        self._services: tuple[ServiceEntry, ...] = ()

    async def open(self, *, tools: ToolsSettings | None = None, **servers: LocalServerEntry | ServiceEntry) -> House:
        """A house with these servers behind it, by their names."""
        self._services = tuple(
            service(name, entry) if isinstance(entry, LocalServerEntry) else entry for name, entry in servers.items()
        )
        snapshot = terms.snapshot(*self._services)
        self.house = await self._stack.enter_async_context(terms.open_house(self.folder, snapshot))
        settings = replace(self.house.gate.settings, tools=tools or ToolsSettings())
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        self.bridge = Bridge(settings)
        shared = Shared(self.bridge.handle, settings.gateway.max_body_bytes)
        listening = await process.listen(shared, settings.run_dir / BRIDGE_SOCKET)
        looking = asyncio.create_task(process._look(self.bridge))
        self._stack.push_async_callback(self._close, listening, looking, shared)
        self.bridge.adopt(snapshot)
        return self.house

    async def _close(self, listening: asyncio.AbstractServer, looking: asyncio.Task[None], shared: Shared) -> None:
        listening.close()
        await self.bridge.close()
        for connection in tuple(shared.connections):
            connection.close()
        looking.cancel()
        assert self.family() == []

    def redefine(self, **servers: LocalServerEntry) -> Snapshot:
        services = tuple(service(name, entry) for name, entry in servers.items())
        snapshot = msgspec.structs.replace(terms.snapshot(*services), version=self.house.gate.view.version + 1)
        self.house.gate.adopt(snapshot)
        self.bridge.adopt(snapshot)
        return snapshot

    def server(self, name: str) -> Server:
        return self.bridge._servers[f"svc_{name}"]

    def family(self) -> list[int]:
        """Every process of every server, keepers included."""
        mine = [each for each in descendants(_own_pid()) if _is_keeper(each)]
        return sorted({*mine, *(pid for keeper in mine for pid in descendants(keeper))})

    def client(self, name: str, **options: Any) -> Any:
        return client_of(self.house, name, **options)

    async def until(self, question: Any, what: str) -> Any:
        give_up_at = asyncio.get_running_loop().time() + PATIENCE_S
        while asyncio.get_running_loop().time() < give_up_at:
            if answer := question():
                return answer
            await asyncio.sleep(0.02)
        raise AssertionError(f"waited in vain for {what}")

    async def rpc(self, server: str, method: str, headers: str = "", /, **params: Any) -> tuple[int, dict[str, Any]]:
        """One request of the newer era, by hand."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        body = {"jsonrpc": "2.0", "id": "mine", "method": method, "params": {**params, "_meta": meta}}
        said = f"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{headers}"
        if "name" in params:
            said += f"Mcp-Name: {params['name']}\r\n"
        said += "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        answer = await self.house.ask("POST", f"/mcp/{server}", json.dumps(body).encode(), headers=said)
        return answer.status, _last_message(answer.body)


def _last_message(body: bytes) -> dict[str, Any]:
    lines = [line for line in body.splitlines() if line.startswith(b"data: ")]
    found: dict[str, Any] = json.loads(lines[-1][6:] if lines else body)
    return found


def _own_pid() -> int:
    import os

    return os.getpid()


def _is_keeper(pid: int) -> bool:
    try:
        return b"portico.bridge.keeper" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@asynccontextmanager
async def both(first: Any, second: Any) -> AsyncIterator[tuple[Client, Client]]:
    async with first as one, second as two:
        yield one, two
