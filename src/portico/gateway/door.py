"""The listening door: which exchange belongs to which handler, and the ids every request gets."""

import random
import re
import time
from ipaddress import ip_address, ip_network

from portico.gateway.agents import AgentCall
from portico.gateway.call import DialectName, RawCall
from portico.gateway.catalog import CATALOG, CatalogCall
from portico.gateway.dialects import a2a, http, mcp, openai
from portico.gateway.gate import Gate
from portico.gateway.inside import SOCKETS_PATH, InsideCall, SocketCall
from portico.gateway.models import ModelsCall
from portico.gateway.pipeline import GovernedCall
from portico.gateway.refusals import Coded, MalformedRequest, RouteNotFound, envelope
from portico.gateway.tools import ToolsCall
from portico.gateway.toolset import ToolsetCall
from portico.gateway.translated import TranslatedCall, is_translated
from portico.gateway.wire.behind import WireLimits
from portico.gateway.wire.exchange import Exchange, Handler
from portico.gateway.wire.head import Head, status_line
from portico.gateway.wire.server import Connection
from portico.gateway.wire.turn import Turn
from portico.gateway.wire.upstream import Pool
from portico.kernel import ids
from portico.kernel.errors import Refusal

_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
CONTROL_CONNECTIONS = 2048
# More than control admits, so that those it turns away are told why.
SPARE_SOCKETS = 256


class GatewayDoor:
    """Implements the wire's Door."""

    def __init__(self, gate: Gate, control_socket: str) -> None:
        self.gate = gate
        self._most_connections = gate.limits.max_connections
        self.connections = gate.connections
        self.turn = Turn()
        self._control = Pool(control_socket, None, 64, CONTROL_CONNECTIONS)
        # Browser sockets stay for hours: however many there are, the API keeps its own room.
        self._sockets = Pool(control_socket, None, 0, gate.settings.realtime.max_sockets + SPARE_SOCKETS)
        self._proxies = tuple(ip_network(text) for text in gate.settings.server.trusted_proxies)

    @property
    def limits(self) -> WireLimits:
        return self.gate.limits

    @property
    def draining(self) -> bool:
        return self.gate.draining

    @property
    def full(self) -> bool:
        return len(self.connections) >= self._most_connections

    def open_exchange(self, connection: Connection, head: Head) -> Exchange:
        return Exchange(connection, head, self._handler(connection, head))

    def refuse_head(self, connection: Connection, code: str, message: str) -> bytes:
        correlation_id = "req-" + ids.ulid()
        refusal = Coded(code, message)
        body = envelope(refusal, correlation_id, "", new_trace_id())
        return (
            b"%bContent-Type: application/json\r\nX-Request-Id: %b\r\nX-Portico-Origin: portico\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
            % (
                status_line(refusal.row.status),
                correlation_id.encode(),
                len(body),
                body,
            )
        )

    def sweep(self) -> None:
        self.gate.sweep()
        now = time.monotonic()
        self._control.sweep(now)
        self._sockets.sweep(now)

    def close(self) -> None:
        self._control.close()
        self._sockets.close()

    # -- inside ----------------------------------------------------------------------------------------------------------------------------

    def _handler(self, connection: Connection, head: Head) -> Handler:
        path = head.path
        address = self._client_address(connection, head)
        if path == CATALOG:
            return CatalogCall(self.gate, self._raw(head, address, "http"))
        if not path.startswith((b"/v1/", b"/svc/", mcp.PREFIX, a2a.PREFIX)):
            return self._inside(head, address)
        raw = self._raw(head, address, _dialect_of(path))
        try:
            if raw.dialect == "mcp":
                return self._tools_call(raw)
            if raw.dialect == "a2a":
                return self._agent_call(raw)
            if raw.dialect == "http":
                raw.name, raw.upstream_path = http.split_target(path, head.target)
                return GovernedCall(self.gate, raw, collects=b"idempotency-key" in head.lowered)
            return self._model_call(raw)
        except Refusal as refusal:
            return RefusedCall(self.gate, raw, refusal)

    def _inside(self, head: Head, address: str) -> Handler:
        """What does not lead to one service."""
        path = head.path
        if path == mcp.TOOLSET:
            return self._toolset_call(self._raw(head, address, "mcp"))
        ulid, digits = ids.ulid_and_hex(time.time_ns() // 1_000_000)
        correlation_id = brought_correlation(head) or "req-" + ulid
        # What happens inside is no call of ours: its span is control's, below the client's own.
        trace = brought_traceparent(head) or begun_trace(digits)
        if head.upgrade and path == SOCKETS_PATH:
            return SocketCall(self.gate, self._sockets, address, correlation_id, trace)
        pool = self._sockets if head.upgrade else self._control
        return InsideCall(self.gate, pool, address, correlation_id, trace)

    def _tools_call(self, raw: RawCall) -> Handler:
        raw.name, raw.upstream_path = mcp.split_target(raw.head.path, raw.head.target)
        _refuse_unless_mcp(raw.head)
        return ToolsCall(self.gate, raw)

    def _toolset_call(self, raw: RawCall) -> Handler:
        try:
            _refuse_unless_mcp(raw.head)
        except Refusal as refusal:
            return RefusedCall(self.gate, raw, refusal)
        return ToolsetCall(self.gate, raw)

    def _agent_call(self, raw: RawCall) -> Handler:
        raw.name, rest = a2a.split_target(raw.head.path)
        if raw.head.upgrade:
            raise MalformedRequest("A2A is not served over WebSocket.")
        if a2a.is_rpc(rest) and raw.head.method != b"POST":
            raise Coded(
                "METHOD_NOT_ALLOWED", "This path takes POST; the card is at .well-known/agent-card.json below it."
            )
        return AgentCall(self.gate, raw, rest)

    def _model_call(self, raw: RawCall) -> Handler:
        head = raw.head
        if head.path.startswith(openai.MODELS) and head.method == b"GET":
            return ModelsCall(self.gate, raw)
        if head.path not in {openai.CHAT, openai.EMBEDDINGS}:
            if is_translated(head.path):
                return TranslatedCall(self.gate, raw)
            raise RouteNotFound("This path of the OpenAI dialect is not served; see /docs for those that are.")
        if head.method != b"POST":
            raise Coded("METHOD_NOT_ALLOWED", "This path takes POST.")
        raw.upstream_path = head.target[len(b"/v1") :]
        raw.body = b""
        return GovernedCall(self.gate, raw, collects=True)

    def _raw(self, head: Head, address: str, dialect: DialectName) -> RawCall:
        now_us = time.time_ns() // 1000
        # The call's own id is its span's too, and its trace's when the client brought none: neither has to be recorded.
        ulid, digits = ids.ulid_and_hex(now_us // 1000)
        given = brought_traceparent(head)
        if given is None:
            trace, traceparent = "", begun_trace(digits)
        else:
            trace, traceparent = given[3:52].decode(), b"%b%b%b" % (given[:36], digits[16:].encode(), given[52:])
        return RawCall("call_" + ulid, dialect, head, address, brought_correlation(head), trace, traceparent, now_us)

    def _client_address(self, connection: Connection, head: Head) -> str:
        """X-Forwarded-For is believed only from a proxy the operator named, and only its last word."""
        if not self._proxies:
            return connection.address
        forwarded = head.get(b"x-forwarded-for")
        if forwarded is None or not connection.address:
            return connection.address
        peer = ip_address(connection.address)
        if not any(peer in network for network in self._proxies):
            return connection.address
        last = forwarded.rpartition(b",")[2].strip().decode("latin-1")
        try:
            return str(ip_address(last))
        except ValueError:
            return connection.address


class RefusedCall(GovernedCall):
    """A call whose path already says no; who asks is still found out first, so that strangers learn nothing."""

    __slots__ = ("_refusal",)

    def __init__(self, gate: Gate, raw: RawCall, refusal: Refusal) -> None:
        super().__init__(gate, raw, collects=False)
        self._refusal = refusal

    def _go(self) -> None:
        raise self._refusal

    def _must_collect(self) -> bool:
        return False


def _refuse_unless_mcp(head: Head) -> None:
    if head.upgrade:
        raise MalformedRequest("MCP is not served over WebSocket here; use streamable HTTP.")
    if head.method not in mcp.HTTP_METHODS:
        raise Coded("METHOD_NOT_ALLOWED", "This path takes POST, GET and DELETE.")


def _dialect_of(path: bytes) -> DialectName:
    if path.startswith(http.PREFIX):
        return "http"
    return "mcp" if path.startswith(mcp.PREFIX) else "a2a" if path.startswith(a2a.PREFIX) else "openai"


def brought_correlation(head: Head) -> str:
    """The client's own id when it is sane, else nothing."""
    given = head.get(b"x-request-id")
    return given.decode() if given is not None and _SANE_ID.fullmatch(given) else ""


def begun_trace(digits: str) -> bytes:
    """A trace that begins here: the id of its first span is the end of its own."""
    return f"00-{digits}-{digits[16:]}-01".encode()


def brought_traceparent(head: Head) -> bytes | None:
    given = head.get(b"traceparent")
    return given if given is not None and _TRACEPARENT.fullmatch(given) else None


def new_trace_id() -> str:
    return random.randbytes(16).hex()
