"""The measure of fan-out: the `websockets` library alone; what one client sends is broadcast to all the others."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve, unix_serve
from websockets.exceptions import ConnectionClosed

everyone: set[ServerConnection] = set()


async def take_part(connection: ServerConnection) -> None:
    everyone.add(connection)
    try:
        await connection.send('{"type":"hello"}')
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                broadcast(everyone - {connection}, message)
    finally:
        everyone.discard(connection)


async def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--port", type=int)
    asked.add_argument("--unix")
    where = asked.parse_args()
    terms = {"compression": None, "ping_interval": None, "max_size": None}
    listening = unix_serve if where.unix else serve
    place = (where.unix,) if where.unix else ("127.0.0.1", where.port)
    async with listening(take_part, *place, **terms):  # type: ignore[arg-type]
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main())
