"""After 101 both sides are raw bytes: two pumps that copy, keep pace and close together."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class End(Protocol):
    """A connection that can become a tunnel's end."""

    transport: asyncio.Transport
    tunnel: asyncio.Protocol | None


class Tunnel(asyncio.Protocol):
    """What arrives at one end goes out at `other`; `ended` is called once, for both."""

    def __init__(self, own: End, other: End, ended: Callable[["Tunnel"], None]) -> None:
        self._own, self._other, self._ended = own, other, ended
        self.copied = 0

    def data_received(self, data: bytes) -> None:
        self.copied += len(data)
        self._other.transport.write(data)

    def eof_received(self) -> bool:
        if self._other.transport.can_write_eof():
            self._other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if not self._other.transport.is_closing():
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._other.transport.is_closing():
            self._other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._other.transport.close()
        self._ended(self)


def join_tunnels(client: End, service: End, ended: Callable[[int, int], None]) -> Tunnel:
    """Connect both ends; `ended(bytes from client, bytes from service)` is called exactly once."""
    told = False

    def tell(_tunnel: Tunnel) -> None:
        nonlocal told
        if not told:
            told = True
            ended(from_client.copied, from_service.copied)

    from_client = Tunnel(client, service, tell)
    from_service = Tunnel(service, client, tell)
    client.tunnel, service.tunnel = from_client, from_service
    return from_client
