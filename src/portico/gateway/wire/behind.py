"""What the wire asks of the gateway behind it, and within which bounds it listens."""

from typing import TYPE_CHECKING, Protocol

from portico.gateway.wire.head import Head
from portico.gateway.wire.turn import Turn

if TYPE_CHECKING:
    from portico.gateway.wire.exchange import Exchange
    from portico.gateway.wire.server import Connection


class WireLimits(Protocol):
    """Bounds of what a client may send and how slowly; seconds and bytes."""

    @property
    def header_timeout_s(self) -> float: ...
    @property
    def idle_timeout_s(self) -> float: ...
    @property
    def max_header_bytes(self) -> int: ...
    @property
    def max_header_count(self) -> int: ...
    @property
    def max_query_bytes(self) -> int: ...


class Door(Protocol):
    """What the wire needs from the gateway behind it."""

    connections: "set[Connection]"
    turn: Turn

    @property
    def limits(self) -> WireLimits: ...
    @property
    def draining(self) -> bool: ...
    @property
    def full(self) -> bool: ...

    def open_exchange(self, connection: "Connection", head: Head) -> "Exchange": ...

    def refuse_head(self, connection: "Connection", code: str, message: str) -> bytes: ...
