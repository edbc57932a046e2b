"""The bridge process: listens on its socket, keeps its link to control, and leaves no server behind when it ends."""

import asyncio
import gc
import os
import signal
from pathlib import Path

import structlog
import uvloop

from portico.bridge.bridge import Bridge
from portico.bridge.http import Connection, Shared
from portico.bridge.link import LOOK_S, BridgeLink
from portico.platform.link import BRIDGE_SOCKET
from portico.platform.settings import Settings

log = structlog.get_logger("portico.bridge")


def run_bridge(settings: Settings) -> int:
    """Blocks until stopped; the exit code of the process."""
    settings.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return uvloop.run(_run(settings))


async def _run(settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bridge = Bridge(settings)
    shared = Shared(bridge.handle, settings.gateway.max_body_bytes)
    path = settings.run_dir / BRIDGE_SOCKET
    server = await listen(shared, path)
    link = BridgeLink(bridge, settings.run_dir / "link.sock")
    gc.collect()
    gc.freeze()
    log.info("bridge.listening", socket=str(path), pid=os.getpid())
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(link.run()), tasks.create_task(_look(bridge))]
        await stop.wait()
        server.close()
        await bridge.close()
        for connection in tuple(shared.connections):
            connection.close()
        for task in background:
            task.cancel()
    return 0


async def listen(shared: Shared, path: Path) -> asyncio.AbstractServer:
    path.unlink(missing_ok=True)
    server = await asyncio.get_running_loop().create_unix_server(lambda: Connection(shared), str(path))
    path.chmod(0o600)
    return server


async def _look(bridge: Bridge) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        bridge.look()
