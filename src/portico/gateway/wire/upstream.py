"""The side towards services: pooled HTTP/1.1 connections, one call on each at a time."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Protocol

import httptools
import structlog

from portico.gateway.wire.head import FORBIDDEN_TRAILERS, Header

log = structlog.get_logger("portico.gateway")

MAX_HEAD_BYTES = 64 * 1024
MAX_TRAILERS = 100
MAX_INFORMATIONAL = 16


class UpstreamBroken(Exception):
    """The service's connection ended or spoke nonsense; `any_bytes` says whether an answer had begun."""

    def __init__(self, message: str, *, any_bytes: bool) -> None:
        super().__init__(message)
        self.any_bytes = any_bytes


class Listener(Protocol):
    """Who hears what one upstream connection says about one call."""

    def answer_head(self, status: int, headers: list[Header], length: int | None, *, bodiless: bool) -> None: ...

    def answer_body(self, chunk: bytes) -> None: ...

    def answer_end(self, trailers: list[Header]) -> None: ...

    def answer_broken(self, error: UpstreamBroken) -> None: ...

    def answer_paused(self) -> None:
        """Everything that one read brought has been told."""
        ...

    def upgraded(self, headers: list[Header], rest: bytes) -> None: ...

    def service_is_slow(self) -> None: ...

    def service_is_ready(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect: a pinned IP and port, or a local socket path; `server_name` for TLS."""

    host: str
    port: int
    server_name: str | None = None
    path: str | None = None


class UpstreamConnection:
    """Idle in the pool, or carrying exactly one call for its `listener`."""

    __slots__ = (
        "_bodiless",
        "_chunked",
        "_complete",
        "_head_bytes",
        "_headers",
        "_in_head",
        "_informational",
        "_length",
        "_parser",
        "_pool",
        "_request_done",
        "_request_is_head",
        "_reusable",
        "_saw_bytes",
        "_slow",
        "_trailers",
        "_until_close",
        "deadline",
        "idle_since",
        "listener",
        "received_ns",
        "reused",
        "transport",
        "tunnel",
    )

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self.listener: Listener | None = None
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.tunnel: asyncio.Protocol | None = None
        self.reused = False
        self.idle_since = self.deadline = 0.0
        self.received_ns = 0
        self._headers: list[Header] = []
        self._trailers: list[Header] = []
        self._slow = False
        self._reset(head_request=False)

    def _reset(self, *, head_request: bool) -> None:
        self._in_head = self._saw_bytes = self._reusable = self._until_close = self._request_done = False
        self._bodiless = self._chunked = self._complete = False
        self._request_is_head = head_request
        self._length: int | None = None
        self._head_bytes = self._informational = 0

    # -- for the forwarder -----------------------------------------------------------------------------------------------------

    def take(self, listener: Listener, *, head_request: bool, deadline: float = 0.0) -> None:
        self.listener = listener
        self._reset(head_request=head_request)
        self.deadline = deadline
        self._pool.busy.add(self)

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def request_done(self) -> None:
        self._request_done = True

    def pause_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def drop(self) -> None:
        """Stop caring about this call; the connection cannot be used again."""
        self.listener = None
        self._pool.busy.discard(self)
        self.transport.abort()

    def expire(self) -> None:
        listener = self.listener
        self.drop()
        if listener is not None:
            listener.answer_broken(UpstreamTimedOut(any_bytes=self._saw_bytes))

    # -- the socket ----------------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.data_received(data)
            return
        if self.listener is None:
            # Bytes nobody asked for: the connection is out of step and must not serve the next call.
            self._pool.forget(self)
            self.transport.abort()
            return
        self.received_ns = time.monotonic_ns()
        self._saw_bytes = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switched(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError:
            log.exception("gateway.fault")
            self._broken("Something went wrong inside Portico while reading it.")
        except httptools.HttpParserError:
            self._broken("The service's answer is not valid HTTP.")
        else:
            if self._complete:
                # Only now: a call begun from within the answer's end must not be given what follows it in the same read.
                self._pool.give_back(self, reusable=self._reusable and self._request_done and not self._slow)
            elif self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > MAX_HEAD_BYTES:
                    self._broken("The service's answer head is too large.")
            elif self.listener is not None:
                self.listener.answer_paused()

    def eof_received(self) -> bool:
        if self.tunnel is not None:
            self.tunnel.eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        if self.tunnel is not None:
            self.tunnel.connection_lost(exc)
            return
        listener = self.listener
        if listener is None:
            return
        if self._until_close and exc is None and not self._in_head:
            self.listener = None
            listener.answer_end([])
        else:
            self._broken("The service closed the connection before its answer was complete.")

    def pause_writing(self) -> None:
        self._slow = True
        if self.tunnel is not None:
            self.tunnel.pause_writing()
        elif self.listener is not None:
            self.listener.service_is_slow()

    def resume_writing(self) -> None:
        self._slow = False
        if self.tunnel is not None:
            self.tunnel.resume_writing()
        elif self.listener is not None:
            self.listener.service_is_ready()

    # -- llhttp's callbacks: they must not raise ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._in_head, self._headers, self._trailers = True, [], []
        self._length, self._chunked = None, False
        if self._complete:
            # A second answer to one request: the connection is out of step.
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._headers.append((name, value))
            low = name.lower()
            if low == b"content-length":
                self._length = int(value) if value.isdigit() else None
            elif low == b"transfer-encoding":
                self._chunked = True
                if value.strip().lower() != b"chunked":
                    self._broken("The service's answer has a transfer coding that was not asked for.")
        elif len(self._trailers) < MAX_TRAILERS and name.lower() not in FORBIDDEN_TRAILERS:
            self._trailers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        listener, status = self.listener, self._parser.get_status_code()
        if listener is None or status < 200:
            return
        self._bodiless = self._request_is_head or status in {204, 304}
        if status == 204:
            self._length = None
        self._until_close = not (self._bodiless or self._chunked or self._length is not None)
        # llhttp does not know that a HEAD was asked and waits for a body that never comes, so such a connection is spent.
        self._reusable = self._parser.should_keep_alive() and not self._until_close and not self._request_is_head
        listener.answer_head(status, self._headers, None if self._chunked else self._length, bodiless=self._bodiless)
        if self._request_is_head and self.listener is not None:
            self._ended()

    def on_body(self, body: bytes) -> None:
        if self.listener is not None and not self._bodiless:
            self.listener.answer_body(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL:
                self._broken("The service sent too many interim answers.")
        elif self.listener is not None:
            self._ended()

    # -- inside ------------------------------------------------------------------------------------------------------------------------------

    def _ended(self) -> None:
        listener, trailers = self.listener, self._trailers
        self.listener = None
        self.deadline = 0.0
        # `data_received` gives it back. A request still being sent when the answer is complete leaves it out of step.
        self._complete = True
        if listener is not None:
            listener.answer_end(trailers)

    def _broken(self, message: str) -> None:
        listener = self.listener
        saw_bytes = self._saw_bytes
        self.drop()
        if listener is not None:
            listener.answer_broken(UpstreamBroken(message, any_bytes=saw_bytes))

    def _switched(self, rest: bytes) -> None:
        listener = self.listener
        if listener is None:
            self.drop()
            return
        # It stays among the busy ones: a tunnel takes a place at the endpoint as long as it lives.
        self.deadline = 0.0
        listener.upgraded(self._headers, rest)


class UpstreamTimedOut(UpstreamBroken):
    def __init__(self, *, any_bytes: bool) -> None:
        super().__init__("The service did not answer in time.", any_bytes=any_bytes)


class UpstreamUnreachable(UpstreamBroken):
    def __init__(self, message: str) -> None:
        super().__init__(message, any_bytes=False)


class EgressBlocked(UpstreamBroken):
    """The endpoint's address is one Portico may not call."""

    def __init__(self, message: str) -> None:
        super().__init__(message, any_bytes=False)


Ready = Callable[[UpstreamConnection], None]
Failed = Callable[[UpstreamBroken], None]
Locate = Callable[[], Awaitable[Address]]

# Shorter than the 5 s after which common servers close an idle connection, so that we seldom write into a closing one.
IDLE_S = 4.0


class Pool:
    """Connections to one endpoint. `most_idle` are kept; `most_open` bounds calls at once."""

    def __init__(self, url: str, ssl: SSLContext | None, most_idle: int, most_open: int) -> None:
        self.url, self._ssl = url, ssl
        self._most_idle, self._most_open = most_idle, most_open
        self.idle: deque[UpstreamConnection] = deque()
        self.busy: set[UpstreamConnection] = set()
        self.connecting = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        return len(self.busy) + self.connecting >= self._most_open

    def take_idle(self, now: float) -> UpstreamConnection | None:
        """The most recently used idle connection that is surely still open."""
        while self.idle:
            connection = self.idle.pop()
            if connection.transport.is_closing() or now - connection.idle_since > IDLE_S:
                connection.transport.abort()
                continue
            connection.reused = True
            return connection
        return None

    def connect(self, locate: Locate, timeout_s: float, ready: Ready, failed: Failed) -> None:
        """Open a connection; exactly one of `ready` and `failed` is called, later."""
        self.connecting += 1
        task = asyncio.get_running_loop().create_task(self._connect(locate, timeout_s, ready, failed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, locate: Locate, timeout_s: float, ready: Ready, failed: Failed) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._open(await locate())
        except TimeoutError:
            self.connecting -= 1
            failed(UpstreamUnreachable(f"No connection within {timeout_s:g} s."))
        except OSError as error:
            self.connecting -= 1
            failed(UpstreamUnreachable(f"The connection failed: {error.strerror or type(error).__name__}."))
        except UpstreamBroken as error:
            self.connecting -= 1
            failed(error)
        else:
            self.connecting -= 1
            ready(connection)

    async def _open(self, address: Address) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        if address.path is not None:
            _, connection = await loop.create_unix_connection(lambda: UpstreamConnection(self), address.path)  # type: ignore[type-var]
        else:
            _, connection = await loop.create_connection(  # type: ignore[type-var]
                lambda: UpstreamConnection(self),
                address.host,
                address.port,
                ssl=self._ssl,
                server_hostname=address.server_name if self._ssl else None,
            )
        return connection

    def give_back(self, connection: UpstreamConnection, *, reusable: bool) -> None:
        self.busy.discard(connection)
        if reusable and len(self.idle) < self._most_idle and not connection.transport.is_closing():
            connection.idle_since = connection.received_ns * 1e-9
            connection.resume_reading()
            self.idle.append(connection)
        else:
            connection.transport.close()

    def forget(self, connection: UpstreamConnection) -> None:
        self.busy.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)

    def sweep(self, now: float) -> None:
        """Close what idles too long and expire what answers too slowly."""
        while self.idle and now - self.idle[0].idle_since > IDLE_S:
            self.idle.popleft().transport.close()
        for connection in [each for each in self.busy if 0 < each.deadline < now]:
            connection.expire()

    def retire(self) -> None:
        """The endpoint is gone from the configuration: running calls finish, nothing is kept."""
        self._most_idle = 0
        while self.idle:
            self.idle.pop().transport.close()

    def close(self) -> None:
        for connection in (*self.idle, *self.busy):
            connection.transport.abort()
        for task in self._tasks:
            task.cancel()
