"""Servers of MCP as programs of their own: the sample of this repository, and one that was published by others."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.gateway.house import SECRET, House

SAMPLE = Path(__file__).parents[2] / "examples" / "time_server.py"
# The published server offers stdio on its command line; its SDK serves the same object over streamable HTTP.
PUBLISHED = "from mcp_server_time.server import create_server as c; c('UTC').run('streamable-http', port={port})"


@contextmanager
def sample_server() -> Iterator[str]:
    with _running(str(SAMPLE), "--port", "0") as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().split()[-1]


@contextmanager
def published_server() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _running("-c", PUBLISHED.format(port=port)):
        give_up_at = time.monotonic() + 20
        while time.monotonic() < give_up_at:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"


@contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@asynccontextmanager
async def client_of(
    house: House, service: str, *, mode: Any = "auto", secret: str = SECRET, query: str = "", **options: Any
) -> AsyncIterator[Client]:
    """The official client, which knows nothing of Portico but an address and a key; without a service, of all tools."""
    path = f"/mcp/{service}" if service else f"/mcp{query}"
    async with client_at(f"http://127.0.0.1:{house.port}{path}", secret, mode=mode, **options) as client:
        yield client


@asynccontextmanager
async def client_at(url: str, secret: str = "", *, mode: Any = "auto", **options: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=10) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, **options) as client,
    ):
        yield client
