"""A call to a service of kind `tools`: one HTTP exchange of MCP, governed like any other call.

A POST carries one JSON-RPC message, a GET opens the stream on which a server speaks first, a DELETE ends a session.
"""

from portico.gateway.call import AdmittedCall, RawCall, RoutedCall
from portico.gateway.dialects import mcp
from portico.gateway.gate import Gate
from portico.gateway.pipeline import GovernedCall
from portico.gateway.refusals import UpstreamTimeout
from portico.gateway.route import route
from portico.gateway.sessions import Session
from portico.gateway.wire.exchange import Exchange
from portico.kernel.errors import Refusal


class ToolsCall(GovernedCall):
    __slots__ = ("_message", "_session_id")

    def __init__(self, gate: Gate, raw: RawCall) -> None:
        super().__init__(gate, raw, collects=True)
        raw.body = b""
        self._message: mcp.Message | None = None
        self._session_id: bytes | None = None

    def begin(self, exchange: Exchange) -> None:
        # Closing a stream is how a client of the newer era cancels, and a quiet stream would not notice for long.
        exchange.ends_with_client = True
        super().begin(exchange)

    def _read(self, body: bytes) -> None:
        raw = self.raw
        if raw.head.method == b"POST":
            self._message = message = mcp.read_message(body)
            raw.operation, raw.model = message.operation, message.asked_for
        mcp.check_headers(raw.head, self._message)
        raw.head.headers = mcp.headers_to_send(raw.head.headers)

    def _route(self, admitted: AdmittedCall) -> RoutedCall:
        """A session lives at one endpoint, and for the credential that opened it."""
        head = self.raw.head
        if admitted.service.entry.local is not None:
            head.headers = [*head.headers, *mcp.headers_for_the_bridge(admitted.known.who.id, self.raw.id)]
        session_id = head.get(mcp.SESSION)
        if session_id is not None and mcp.is_single(head):
            # Requests of that era stand for themselves: what they say of a session means nothing and goes no further.
            head.headers = [header for header in head.headers if header[0].lower() != mcp.SESSION]
            session_id = None
        if session_id is None:
            if head.get(mcp.LAST_EVENT) is not None:
                # Events are kept per session; without one, nobody can say whose are asked for.
                raise mcp.SessionNotFound
            return route(self._gate, admitted)
        entry, who = admitted.service.entry, admitted.known.who
        endpoint_id = self._gate.sessions.endpoint_of(entry.org_id, entry.id, session_id, who.id)
        for version in admitted.service.versions:
            for target in version.targets:
                if target.endpoint_id == endpoint_id:
                    self._session_id = session_id
                    return RoutedCall(admitted, [target])
        raise mcp.SessionNotFound

    def _answer_cached(self, admitted: AdmittedCall) -> bool:
        """Never: what a tool answers is not a matter of its address."""
        return False

    def answer_lines(self, status: int) -> bytes:
        self._follow_session(status)
        return super().answer_lines(status)

    def _follow_session(self, status: int) -> None:
        relay, forward, admitted, message = self._relay, self._forward, self._admitted, self._message
        if relay is None or forward is None or admitted is None:
            return
        entry, sessions = admitted.service.entry, self._gate.sessions
        if self._session_id is not None:
            if status == 404 or (self.raw.head.method == b"DELETE" and 200 <= status < 300):
                sessions.ended(entry.org_id, entry.id, self._session_id)
        # Servers put ids into answers that refuse, too; only this one opens a session.
        elif message is not None and message.method == "initialize" and status == 200:
            session_id = mcp.session_header(relay.headers)
            if session_id is not None:
                session = Session(admitted.known.who.id, forward.target.endpoint_id)
                sessions.opened(entry.org_id, entry.id, session_id, session)

    def _refusal_body(self, refusal: Refusal) -> bytes:
        body = super()._refusal_body(refusal)
        if self._message is None and not isinstance(refusal, mcp.BadMessage):
            return body
        return mcp.error_body(refusal, self._message, body)

    def relay_failed(self, refusal: Refusal, *, started: bool) -> None:
        if started and not self._done and self.raw.head.method == b"GET" and isinstance(refusal, UpstreamTimeout):
            # Nothing came for long, which is how such a stream may be; its client opens the next one when it likes.
            self._end("allowed", None)
            self.exchange.head.keep_alive = False
            self.exchange.end_answer([])
        else:
            super().relay_failed(refusal, started=started)

    def _last_words(self, refusal: Refusal) -> bytes:
        """A stream of a session may be taken up again where it broke, so it just breaks; a single request is lost and told so."""
        if self._message is None or not self._message.is_request or not mcp.is_single(self.raw.head):
            return b""
        return mcp.error_event(self._refusal_body(refusal))
