"""`portico serve`: starts control, gateway and bridge, restarts what dies, stops all in the right order. Holds no state of its own."""

import asyncio
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass, field

from portico.platform.settings import EXIT_CONFIG, Settings

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
# A process that lived this long was well; its next death starts with a short pause again.
WELL_S = 30.0


@dataclass(slots=True)
class Role:
    name: str
    process: asyncio.subprocess.Process | None = None
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    deaths: int = 0
    stopping: bool = field(default=False)


def supervise(settings: Settings) -> int:
    try:
        return asyncio.run(_supervise(settings))
    except KeyboardInterrupt:
        return 0


async def _supervise(settings: Settings) -> int:
    occupied = _port_trouble(settings)
    if occupied is not None:
        sys.stderr.write(occupied + "\n")
        return 1
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    control, gateway, bridge = Role("control"), Role("gateway"), Role("bridge")
    failure: list[int] = []
    keepers = [asyncio.create_task(_keep(role, stop, failure)) for role in (control, gateway, bridge)]
    announcer = asyncio.create_task(_announce(settings, stop))
    await stop.wait()
    announcer.cancel()
    # The gateway first: calls under way may still need the others, and control folds what the gateway wrote last.
    for role in (gateway, bridge, control):
        await _stop(role, settings.server.drain_s + 5)
    await asyncio.gather(*keepers, announcer, return_exceptions=True)
    return failure[0] if failure else 0


async def _keep(role: Role, stop: asyncio.Event, failure: list[int]) -> None:
    """Run one role for as long as Portico runs."""
    while not stop.is_set():
        role.started_at = time.monotonic()
        role.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "portico.main", role.name, start_new_session=True, env=os.environ.copy()
        )
        code = await role.process.wait()
        if role.stopping or stop.is_set():
            return
        if code == EXIT_CONFIG:
            failure.append(1)
            stop.set()
            return
        role.deaths += 1
        role.pause_s = (
            FIRST_PAUSE_S if time.monotonic() - role.started_at > WELL_S else min(role.pause_s * 2, LONGEST_PAUSE_S)
        )
        sys.stderr.write(
            f"portico: the {role.name} process ended with {code}; starting it again in {role.pause_s:.1f} s\n"
        )
        await _pause(stop, role.pause_s)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def _stop(role: Role, patience_s: float) -> None:
    role.stopping = True
    process = role.process
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), patience_s)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _announce(settings: Settings, stop: asyncio.Event) -> None:
    """One line when the first request would be answered; scripts wait for it."""
    began = time.monotonic()
    while not stop.is_set():
        if await _ready(settings):
            sys.stdout.write(f"Portico is ready at {settings.base_url} after {time.monotonic() - began:.1f} s\n")
            sys.stdout.flush()
            return
        await _pause(stop, 0.05)


async def _ready(settings: Settings) -> bool:
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(_reachable(settings.server.host), settings.server.port)
            try:
                writer.write(b"GET /health/ready HTTP/1.1\r\nHost: portico\r\nConnection: close\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _port_trouble(settings: Settings) -> str | None:
    """Say it once and clearly, instead of letting a child die again and again."""
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return f"Portico cannot listen on {host}:{port} ({error.strerror}). Stop what uses it, or set PORTICO_PORT."
    return None
