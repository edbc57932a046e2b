"""Sends one input to our gateway and to nginx, and notes what a counting service behind each of them saw."""

import asyncio
import re
import shutil
import socket
from collections import defaultdict
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import h11
import httptools
import uvloop

from tests.gateway import house
from tests.gateway.smuggling_corpus import marked

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
_MARK = re.compile(r"^(?:/svc/echo)?/(\d+)/")
_CONFIGURATION = """
daemon off; master_process off; pid {prefix}/nginx.pid; error_log {prefix}/error.log crit;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; client_max_body_size 0;
  fastcgi_temp_path {prefix}/f; uwsgi_temp_path {prefix}/u; scgi_temp_path {prefix}/s; server_tokens off;
  client_header_timeout 2s; client_body_timeout 2s; proxy_next_upstream off; proxy_ignore_client_abort on;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{service}; proxy_http_version 1.1; proxy_set_header Connection close;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Seen:
    """One request as a service understood it."""

    method: str
    target: str
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """`statuses` that the client got, `seen` by the service behind."""

    statuses: tuple[int, ...]
    seen: tuple[Seen, ...]

    @property
    def refused(self) -> bool:
        """Nothing of the input reached the service."""
        return not self.seen


@dataclass(frozen=True)
class Compared:
    ours: Outcome
    nginx: Outcome
    llhttp: tuple[Seen, ...] | None


class CountingService:
    """Reads requests with a parser that is neither ours nor nginx's, and answers each with `ok`."""

    def __init__(self) -> None:
        self.seen: dict[int, list[Seen]] = defaultdict(list)
        self.unreadable: list[str] = []
        self.port = 0

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        try:
            while request := await _next_request(connection, reader):
                self._note(*request)
                writer.write(_ok(connection, with_body=request[0].method != b"HEAD"))
                if connection.our_state is h11.MUST_CLOSE:
                    break
                connection.start_next_cycle()
        except h11.RemoteProtocolError as error:
            # A request that ends early is how a proxy says that its client broke off.
            if not str(error).startswith("peer "):
                self.unreadable.append(str(error))
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _note(self, request: h11.Request, body: bytes) -> None:
        target = request.target.decode("latin-1")
        mark = _MARK.match(target)
        if mark is not None:
            self.seen[int(mark[1])].append(Seen(request.method.decode(), target[mark.end(1) :], body))


async def _next_request(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes] | None:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(1 << 16))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return request, body
        else:
            return None


def _ok(connection: h11.Connection, *, with_body: bool) -> bytes:
    events: list[h11.Event] = [h11.Response(status_code=200, headers=[("Content-Length", "2")])]
    events += [h11.Data(data=b"ok")] if with_body else []
    return b"".join(connection.send(event) or b"" for event in (*events, h11.EndOfMessage()))


class Arena:
    """A loop of its own, with both proxies in it, so that tests that are no coroutines can use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = uvloop.new_event_loop()
        self._stack = AsyncExitStack()
        self._mark = 0
        self.behind_ours, self.behind_nginx = CountingService(), CountingService()

    def __enter__(self) -> Self:
        self._loop.run_until_complete(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run_until_complete(self._stack.aclose())
        self._nginx.terminate()
        self._loop.run_until_complete(self._nginx.wait())
        for server in self._servers:
            server.close()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def compare(self, inputs: Iterable[bytes]) -> list[Compared]:
        return self._loop.run_until_complete(self._compare(list(inputs)))

    async def _open(self) -> None:
        self._servers = [await self.behind_ours.start(), await self.behind_nginx.start()]
        service = house.service("echo", f"http://127.0.0.1:{self.behind_ours.port}")
        self._house = await self._stack.enter_async_context(house.open_house(self._folder, house.snapshot(service)))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._nginx_port = free.getsockname()[1]
        configuration = self._folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(prefix=self._folder, port=self._nginx_port, service=self.behind_nginx.port)
        )
        assert NGINX is not None
        self._nginx = await asyncio.create_subprocess_exec(
            NGINX, "-p", str(self._folder), "-e", str(self._folder / "error.log"), "-c", str(configuration)
        )
        async with asyncio.timeout(5):
            while not await self._listens():
                await asyncio.sleep(0.02)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._nginx_port)
        except ConnectionError:
            return False
        writer.close()
        return True

    async def _compare(self, inputs: list[bytes]) -> list[Compared]:
        marks = range(self._mark, self._mark + len(inputs))
        self._mark = marks.stop
        room = asyncio.Semaphore(24)

        async def both(data: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
            async with room:
                ours, nginx = await asyncio.gather(_send(self._house.port, data), _send(self._nginx_port, data))
            return ours, nginx

        sent = [marked(data, mark) for data, mark in zip(inputs, marks, strict=True)]
        statuses = await asyncio.gather(*(both(data) for data in sent))
        return [
            Compared(
                Outcome(ours, tuple(self.behind_ours.seen[mark])),
                Outcome(nginx, tuple(self.behind_nginx.seen[mark])),
                read_by_llhttp(data),
            )
            for (ours, nginx), mark, data in zip(statuses, marks, sent, strict=True)
        ]


async def _send(port: int, data: bytes) -> tuple[int, ...]:
    """The statuses that came back until the proxy closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(5):
            got = await reader.read(-1)
    except ConnectionError:
        return ()
    finally:
        writer.close()
    return tuple(int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", got))


class _Reader:
    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._url = self._body = b""
        self.parser = httptools.HttpRequestParser(self)

    def on_message_begin(self) -> None:
        self._url = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        target = self._url.decode("latin-1")
        mark = _MARK.match(target)
        if mark is not None:
            self.seen.append(Seen(self.parser.get_method().decode(), target[mark.end(1) :], self._body))


def read_by_llhttp(data: bytes) -> tuple[Seen, ...] | None:
    """The complete requests that llhttp alone finds, up to its first complaint; no opinion on what follows an upgrade."""
    reader = _Reader()
    try:
        reader.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        return None
    except httptools.HttpParserError:
        pass
    return tuple(reader.seen)
