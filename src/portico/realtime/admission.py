"""Who may open a socket: whose pages may (Origin), with which ticket, and how many at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.websockets import WebSocket

from portico.domains.tenancy.model import Identity
from portico.platform.settings import Settings
from portico.realtime.frames import SUBPROTOCOL, TICKET_PREFIX


@dataclass(frozen=True, slots=True)
class SocketTerms:
    """Bounds of sockets; times in seconds."""

    per_node: int = 1000
    per_scope: int = 500
    per_principal: int = 20
    heartbeat_s: float = 25.0
    silence_s: float = 60.0
    recheck_s: float = 30.0
    recheck_least_s: float = 1.0
    auth_wait_s: float = 10.0
    messages_per_minute: int = 100
    # Beyond this many in a minute, refused ones and pongs included, it is abuse and the socket closes.
    abuse_per_minute: int = 300
    topics_per_socket: int = 50
    outbox_frames: int = 256
    outbox_bytes: int = 1024 * 1024


def origin_allowed(websocket: WebSocket, settings: Settings) -> bool:
    """A browser always says where the page came from; a program says nothing and has no cookie to abuse."""
    # Not websocket.headers, which would keep them for the life of the socket.
    headers = Headers(scope=websocket.scope)
    origin = headers.get("origin")
    if origin is None:
        return True
    if origin in settings.server.allowed_origins or origin == settings.base_url:
        return True
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc != "" and parts.netloc == headers.get("host")


def offered_ticket(websocket: WebSocket) -> tuple[str | None, str | None]:
    """(subprotocol to answer with, ticket) as offered in the handshake; the ticket is never echoed."""
    offered = websocket.scope.get("subprotocols", [])
    ticket = next((each.removeprefix(TICKET_PREFIX) for each in offered if each.startswith(TICKET_PREFIX)), None)
    return (SUBPROTOCOL if SUBPROTOCOL in offered else None), ticket


class Places:
    """Counts open sockets by node, scope and principal; a place is given back however the socket ends."""

    def __init__(self, terms: SocketTerms) -> None:
        self._terms = terms
        self._taken: Counter[tuple[str, ...]] = Counter()

    def taken(self, *whose: str) -> int:
        return self._taken[whose]

    @contextmanager
    def on_node(self) -> Iterator[bool]:
        """True inside when there was a place."""
        with self._take([((), self._terms.per_node)]) as got:
            yield got

    @contextmanager
    def within(self, identity: Identity) -> Iterator[bool]:
        scope = identity.scope
        wanted = [
            (("scope", scope.org_id, scope.scope), self._terms.per_scope),
            (("principal", scope.actor.id), self._terms.per_principal),
        ]
        with self._take(wanted) as got:
            yield got

    @contextmanager
    def _take(self, wanted: list[tuple[tuple[str, ...], int]]) -> Iterator[bool]:
        if any(self._taken[whose] >= most for whose, most in wanted):
            yield False
            return
        self._taken.update(whose for whose, _ in wanted)
        try:
            yield True
        finally:
            for whose, _ in wanted:
                self._taken[whose] -= 1
                if not self._taken[whose]:
                    del self._taken[whose]
