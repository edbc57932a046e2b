"""The gateway process: opens the journal, listens, keeps its link to control, drains on SIGTERM."""

import asyncio
import gc
import os
import signal
import socket
import time
from typing import cast

import structlog
import uvloop

from portico.gateway import relay
from portico.gateway.door import GatewayDoor
from portico.gateway.gate import Gate, Identity
from portico.gateway.journal import Journal
from portico.gateway.link import ControlLink
from portico.gateway.wire import exchange
from portico.gateway.wire.server import Connection
from portico.kernel import ids
from portico.platform.crypto import open_key_ring
from portico.platform.settings import Settings

log = structlog.get_logger("portico.gateway")
SWEEP_S = 0.5
BACKLOG = 4096


def run_gateway(settings: Settings, gateway_id: str = "gateway-1") -> int:
    """Blocks until stopped; the exit code of the process."""
    return uvloop.run(_run(settings, gateway_id))


def open_gate(settings: Settings, gateway_id: str) -> Gate:
    now_us = time.time_ns() // 1000
    # Sorts by start time, so a folder's files are read in the order they were written.
    identity = Identity(gateway_id, ids.ulid(), os.getpid(), now_us)
    folder = settings.data_dir / "journal" / gateway_id
    journal = Journal(folder, gateway_id, identity.epoch, settings.record.journal_segment_bytes, now_us)
    exchange.STALL_S = relay.STALL_S = settings.gateway.stream_idle_timeout_s
    return Gate(settings, open_key_ring(settings), journal, identity)


async def _run(settings: Settings, gateway_id: str) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gate = open_gate(settings, gateway_id)
    door = GatewayDoor(gate, str(settings.run_dir / "control.sock"))
    link = ControlLink(gate, settings.run_dir / "link.sock")
    server = await loop.create_server(lambda: _accept(door), sock=_listen(settings))
    _spare_the_collector()
    log.info("gateway.listening", host=settings.server.host, port=settings.server.port, epoch=gate.identity.epoch)
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(link.run()), tasks.create_task(_keep_house(door, gate))]
        await stop.wait()
        await _drain(server, door, gate)
        for task in background:
            task.cancel()
    gate.close()
    door.close()
    gate.journal.close()
    return 0


def _spare_the_collector() -> None:
    """Calls let go of what they made by themselves; looking for what they might have left is rarely worth a search.

    What start-up made stays to the end, so no search goes through it again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _accept(door: GatewayDoor) -> asyncio.Protocol:
    # It has all of a protocol's methods but not its base class, so that it can be compiled whole.
    return cast(asyncio.Protocol, Connection(door))


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.server.host, settings.server.port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


async def _keep_house(door: GatewayDoor, gate: Gate) -> None:
    """What no call may wait for: timeouts, the journal's second chance, the push to the device."""
    turns = 0
    while True:
        await asyncio.sleep(SWEEP_S)
        door.sweep()
        turns += 1
        if turns % 2 == 0:
            gate.journal.retry()
            await gate.journal.sync()


async def _drain(server: asyncio.Server, door: GatewayDoor, gate: Gate) -> None:
    """No new connections, running calls finish within the time given, the rest is cut."""
    gate.draining = True
    server.close()
    for connection in [each for each in gate.connections if each.idle]:
        connection.close()
    deadline = time.monotonic() + gate.settings.server.drain_s
    while gate.connections and time.monotonic() < deadline:
        if gate.open_calls == 0 and all(each.idle or each.tunnel is not None for each in gate.connections):
            break
        await asyncio.sleep(0.05)
    for connection in tuple(gate.connections):
        connection.abort()
    # One turn for the aborted connections to settle their calls.
    await asyncio.sleep(0.05)
    log.info("gateway.drained", left_over=len(gate.connections))
