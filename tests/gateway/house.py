"""A gateway in this process on a real port, decided by a snapshot that the test wrote, with real sockets on both sides."""

import asyncio
import base64
import hashlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from portico.domains.routing.model import (
    BudgetEntry,
    CredentialEntry,
    EndpointEntry,
    GrantEntry,
    KeyEntry,
    LimitEntry,
    MemberEntry,
    OrgEntry,
    PriceEntry,
    ServiceEntry,
    Snapshot,
    VersionEntry,
)
from portico.domains.usage.model import CallLine, JournalLine
from portico.domains.usage.reader import read_line
from portico.gateway.door import GatewayDoor
from portico.gateway.gate import Gate
from portico.gateway.process import open_gate
from portico.gateway.wire.server import Connection
from portico.platform.sections import GatewaySettings, Sealed
from portico.platform.settings import Settings

ORG, SCOPE = "org_DEMO", "ENTERPRISE"
SECRET = "pk_0a1b2c3d_" + "s" * 43
MASTER_KEY = base64.b64encode(b"k" * 32).decode()
ALL_PERMISSIONS = ("services.read", "services.call")


def key(secret: str = SECRET, **changes: Any) -> KeyEntry:
    entry = KeyEntry(
        id="key_1",
        org_id=ORG,
        scope=SCOPE,
        name="demo",
        prefix=secret[:11],
        digest=hashlib.sha256(secret.encode()).digest(),
        permissions=ALL_PERMISSIONS,
        services=None,
        expires_at_us=None,
        rate_limit_per_minute=None,
    )
    return msgspec.structs.replace(entry, **changes)


def service(name: str, *urls: str, **changes: Any) -> ServiceEntry:
    endpoints = tuple(EndpointEntry(f"end_{name}_{index}", url, 1, True) for index, url in enumerate(urls))
    entry = ServiceEntry(
        id=f"svc_{name}",
        org_id=ORG,
        scope=None,
        name=name,
        kind="http",
        restricted=False,
        versions=(VersionEntry("v1", 100, endpoints),),
        timeout_s=5.0,
        max_retries=0,
        cache_ttl_s=0,
        price=None,
        models=(),
        max_output_tokens=None,
        credential=None,
    )
    return msgspec.structs.replace(entry, **changes)


def model(url: str, name_: str = "llm", **changes: Any) -> ServiceEntry:
    """A model service: 1 µUSD for a token in, 2 µUSD for a token out."""
    terms = {"kind": "model", "models": ("m",), "price": PriceEntry(1_000_000, 2_000_000, 0), "max_output_tokens": 100}
    return service(name_, url, **{**terms, **changes})


def ask_body(**fields: Any) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})


def budget(limit: int, measure: str = "money", **changes: Any) -> BudgetEntry:
    entry = BudgetEntry("bud_1", ORG, "pocket", "org", None, "the org", measure, "day", limit, 0, 0)  # type: ignore[arg-type]
    return msgspec.structs.replace(entry, **changes)


def snapshot(
    *services: ServiceEntry,
    keys: tuple[KeyEntry, ...] = (key(),),
    limits: tuple[LimitEntry, ...] = (),
    budgets: tuple[BudgetEntry, ...] = (),
    members: tuple[MemberEntry, ...] = (),
    grants: tuple[GrantEntry, ...] = (),
    version: int = 1,
    active: bool = True,
) -> Snapshot:
    return Snapshot(version, 0, (OrgEntry(ORG, "Demo", active),), keys, members, grants, (), services, limits, budgets)


@dataclass
class House:
    gate: Gate
    door: GatewayDoor
    port: int
    data_dir: Path
    lines: list[JournalLine] = field(default_factory=list)
    # Whether news from control keep coming.
    hears: bool = True

    def journal(self) -> list[JournalLine]:
        """What is in the journal's files, as a folder would read it."""
        self.gate.journal.flush()
        files = sorted((self.data_dir / "journal" / "gateway-1").iterdir())
        return [read_line(line) for file in files for line in file.read_bytes().splitlines() if line]

    def calls(self) -> list[CallLine]:
        return [line for line in self.journal() if isinstance(line, CallLine)]

    async def raw(self, data: bytes, *, eof: bool = False, timeout_s: float = 5) -> bytes:
        """Send bytes on a new connection and read until the gateway closes or says nothing for a moment."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            if eof:
                writer.write_eof()
            async with asyncio.timeout(timeout_s):
                return await reader.read(-1)
        finally:
            writer.close()

    @asynccontextmanager
    async def client(self) -> AsyncIterator["Client"]:
        """A connection that stays open, to talk on in steps."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()

    async def chat(self, body: bytes | None = None, **fields: Any) -> "Answer":
        return await self.ask("POST", "/v1/chat/completions", ask_body(**fields) if body is None else body)

    async def calls_ended(self, count: int = 1) -> list[CallLine]:
        """The journal's calls, once there are this many and none is open."""
        async with asyncio.timeout(5):
            while len(self.calls()) < count or self.gate.open_calls:
                await asyncio.sleep(0.01)
        return self.calls()

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, secret: str | None = SECRET, headers: str = ""
    ) -> "Answer":
        head = f"{method} {path} HTTP/1.1\r\nHost: portico\r\nConnection: close\r\n{headers}"
        if secret is not None:
            head += f"Authorization: Bearer {secret}\r\n"
        if body or method in {"POST", "PUT", "PATCH"}:
            head += f"Content-Length: {len(body)}\r\n"
        return Answer.parse(await self.raw(head.encode() + b"\r\n" + body))


@dataclass
class Client:
    """One connection of a client; `answer` reads exactly one framed answer and leaves the rest."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self, *, bodiless: bool = False) -> "Answer":
        head = await self.head()
        async with asyncio.timeout(5):
            return Answer.parse(head + (b"" if bodiless else await self._body(head.lower())))

    async def _body(self, head: bytes) -> bytes:
        if b"content-length:" in head:
            return await self.reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        if b"transfer-encoding: chunked" in head:
            body = b""
            while not body.endswith(b"\r\n0\r\n\r\n") and body != b"0\r\n\r\n":
                body += await self.reader.readuntil(b"\r\n")
            return body
        return b"" if head.split()[1] in {b"204", b"304"} else await self.reader.read(-1)

    async def rest(self, timeout_s: float = 5) -> bytes:
        """What comes until the gateway closes."""
        async with asyncio.timeout(timeout_s):
            return await self.reader.read(-1)

    def reset(self) -> None:
        """Leave without a goodbye, as a killed program does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Answer":
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if headers.get("transfer-encoding") == "chunked":
            body = dechunk(body)
        return cls(int(first.split()[1]), headers, body)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def dechunk(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            break
        body, data = body + data[:length], data[length + 2 :]
    return body


@asynccontextmanager
async def open_house(
    data_dir: Path, first: Snapshot, *, base: Settings | None = None, **gateway: Any
) -> AsyncIterator[House]:
    """`base` are other settings to start from; `gateway` are changes to the gateway's own."""
    settings = replace(base or Settings(), data_dir=data_dir, gateway=replace(GatewaySettings(), **gateway))
    settings = replace(settings, security=replace(settings.security, master_key=Sealed(MASTER_KEY)))
    gate = open_gate(settings, "gateway-1")
    gate.adopt(first)
    door = GatewayDoor(gate, str(data_dir / "control.sock"))
    server = await asyncio.get_running_loop().create_server(lambda: Connection(door), "127.0.0.1", 0)
    house = House(gate, door, server.sockets[0].getsockname()[1], data_dir)
    sweeper = asyncio.create_task(_sweep(house))
    try:
        yield house
    finally:
        sweeper.cancel()
        server.close()
        for connection in tuple(gate.connections):
            connection.abort()
        gate.close()
        door.close()
        await asyncio.sleep(0.02)
        gate.journal.close()
        # Every call that began has ended: a count that does not return to zero is a settlement forgotten or done twice.
        assert gate.open_calls == 0, gate.open_calls


async def _sweep(house: House) -> None:
    while True:
        await asyncio.sleep(0.05)
        if house.hears:
            house.gate.still_current()
        house.door.sweep()


class Upstream:
    """A service written by the test: `answers` are the raw bytes given to each request in turn; the last one repeats.

    An answer of None closes the connection without a word.
    """

    def __init__(self, *answers: bytes | None, close_after: bool = False, pause_s: float = 0.0) -> None:
        self.answers, self.close_after, self.pause_s = list(answers), close_after, pause_s
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Upstream"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await read_request(reader))
                answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
                if self.pause_s:
                    await asyncio.sleep(self.pause_s)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if self.close_after:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Scripted:
    """A service whose every connection is played by a coroutine of the test."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.port = self.connections = 0
        self.failures: list[Exception] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Scripted"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
        assert not self.failures, self.failures

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:
            self.failures.append(error)
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    low = head.lower()
    if b"content-length:" in low:
        length = int(low.split(b"content-length:")[1].split(b"\r\n")[0])
        return head + await reader.readexactly(length)
    if b"transfer-encoding: chunked" in low:
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            body += await reader.readuntil(b"\r\n")
        return head + body
    return head


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def chat_answer(tokens_in: int = 10, tokens_out: int = 20) -> bytes:
    body = msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": tokens_in,
                "completion_tokens": tokens_out,
                "total_tokens": tokens_in + tokens_out,
            },
        }
    )
    return answer(body, "200 OK", "Content-Type: application/json")


__all__ = ["CredentialEntry", "GrantEntry", "LimitEntry", "MemberEntry", "PriceEntry", "time"]
