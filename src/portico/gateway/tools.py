"""A call to a service of kind `tools`: one HTTP exchange of MCP, governed like any other call.

A POST carries one JSON-RPC message, a GET opens the stream on which a server speaks first, a DELETE ends a session.
"""

import time
from typing import Any

import orjson

from portico.gateway.admit import admit, reserve_line
from portico.gateway.call import AdmittedCall, RawCall, RoutedCall
from portico.gateway.dialects import mcp
from portico.gateway.forward import Forward
from portico.gateway.gate import Gate
from portico.gateway.pipeline import GovernedCall
from portico.gateway.refusals import UpstreamTimeout
from portico.gateway.relay import Relay
from portico.gateway.route import route
from portico.gateway.sessions import Session
from portico.gateway.settle import settle_refused
from portico.gateway.tool_asks import AskedTool, ToolRefused, read_once
from portico.gateway.tool_list import ToolList
from portico.gateway.tool_results import MOST_LIST_TTL_S, kept_answer, list_key, result_of
from portico.gateway.wire.exchange import Exchange
from portico.gateway.wire.head import Header
from portico.kernel.errors import Refusal


class ToolsCall(GovernedCall):
    __slots__ = ("_keep_ttl_s", "_list", "_message", "_params", "_session_id", "_single")

    def __init__(self, gate: Gate, raw: RawCall) -> None:
        super().__init__(gate, raw, collects=True)
        raw.body = b""
        self._message: mcp.Message | None = None
        self._single = mcp.is_single(raw.head)
        self._params: dict[str, Any] = {}
        self._session_id: bytes | None = None
        self._list: ToolList | None = None
        self._keep_ttl_s = 0

    def begin(self, exchange: Exchange) -> None:
        # Closing a stream is how a client of the newer era cancels, and a quiet stream would not notice for long.
        exchange.ends_with_client = True
        super().begin(exchange)

    def _read(self, body: bytes) -> None:
        raw = self.raw
        if raw.head.method == b"POST":
            self._message = message = mcp.read_message(body)
            params = read_once(body, message.rpc_id).get("params")
            self._params = params if isinstance(params, dict) else {}
            raw.operation, raw.model = message.operation, message.asked_for
        mcp.check_headers(raw.head, self._message)
        raw.head.headers = mcp.headers_to_send(raw.head.headers)

    def _go(self) -> None:
        """As every call goes, with the guard before anything is answered, so that nothing kept goes past it."""
        gate, known, marks = self._gate, self._known, self._marks
        assert known is not None  # noqa: S101
        self._admitted = admitted = admit(gate, known)
        marks.admitted = time.monotonic_ns()
        self._guard(admitted)
        if self._answer_repeated(admitted) or self._answer_cached(admitted):
            return
        routed = self._route(admitted)
        marks.routed = time.monotonic_ns()
        relay = Relay(self, self.exchange)
        self._watch(admitted, relay)
        if self._cache_key is not None or self._idempotency is not None:
            relay.keep_whole_body()
        self._forward = relay.sender = Forward(gate, routed, relay)
        self._relay = relay
        if admitted.holds:
            gate.journal.write_then(reserve_line(admitted, gate.view.version), self._recorded)
            admitted.journaled = True
        else:
            self._forward.start()

    def _guard(self, admitted: AdmittedCall) -> None:
        """A notification is judged like a request: a server might act on it all the same."""
        message, raw = self._message, self.raw
        if message is None or message.method != "tools/call" or message.name is None:
            return
        key = raw.head.get(b"idempotency-key")
        asked = AskedTool(message.name, self._params, "" if key is None else key.decode("latin-1"))
        who, entry = admitted.known.who, admitted.service.entry
        raw.guarded = self._gate.tools.judge_call(entry, who, self._request(), asked)

    def _watch(self, admitted: AdmittedCall, relay: Relay) -> None:
        """Lists of tools are looked through, also where one may come again on a stream of its own."""
        message, raw, entry = self._message, self.raw, admitted.service.entry
        asked = message is not None and message.method == "tools/list"
        if not (asked or raw.head.method == b"GET") or not self._gate.tools.watches(entry):
            if self._cache_key is not None:
                self._ask_in_the_clear()
            return
        self._ask_in_the_clear()
        cursor = self._params.get("cursor") is not None
        self._list = seen = ToolList(
            self._gate.tools, entry, admitted.known.who, self._request(), asked=asked, cursor=cursor
        )
        relay.translate_with(seen, seen.meter_of_messages())
        relay.bytes_in = len(raw.body or b"")

    def _ask_in_the_clear(self) -> None:
        head = self.raw.head
        kept = [header for header in head.headers if header[0].lower() != b"accept-encoding"]
        head.headers = [*kept, (b"Accept-Encoding", b"identity")]

    def _request(self) -> dict[str, str]:
        """What policies see of the request itself."""
        version = self.raw.head.get(mcp.VERSION)
        era = "2025-11-25" if version is None else version.strip().decode("latin-1")
        return {"era": era, "address": self.raw.address}

    def _route(self, admitted: AdmittedCall) -> RoutedCall:
        """A session lives at one endpoint, and for the credential that opened it."""
        head = self.raw.head
        if admitted.service.entry.local is not None:
            head.headers = [*head.headers, *mcp.headers_for_the_bridge(admitted.known.who.id, self.raw.id)]
        session_id = head.get(mcp.SESSION)
        if session_id is not None and self._single:
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
        """A result that the org lets be kept, or a list that its server does."""
        message, guarded, gate = self._message, self.raw.guarded, self._gate
        if message is None or not message.is_request:
            return False
        if guarded is not None and guarded.cache_key is not None:
            # A result kept from one era lacks what clients of the other need in it.
            self._cache_key = (b"single:" if self._single else b"session:") + guarded.cache_key
            self._keep_ttl_s = guarded.cache_ttl_s
        elif message.method == "tools/list" and self._single:
            self._cache_key = list_key(
                admitted, f"{gate.view.version}.{gate.tools.generation}", self._params, self._request()
            )
        if self._cache_key is None:
            return False
        kept = gate.cache.get(self._cache_key)
        if kept is None:
            return False
        gate.tools.cached += 1
        self._answer_kept(kept_answer(kept, message), b"X-Portico-Cache", admitted)
        return True

    def _keep_answer(self, relay: Relay) -> None:
        key, message, seen = self._cache_key, self._message, self._list
        self._cache_key = None
        super()._keep_answer(relay)
        if key is None or message is None or relay.status != 200:
            return
        if seen is not None:
            result = None if seen.result is None else orjson.dumps(seen.result)
            ttl_s = min(seen.ttl_ms // 1000, MOST_LIST_TTL_S)
        else:
            result, ttl_s = result_of(relay, message), self._keep_ttl_s
        if result is not None and ttl_s > 0:
            self._gate.cache.put(key, ttl_s, 200, [], result)

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

    def _refuse(self, refusal: Refusal) -> None:
        """Of one request: as an HTTP error it would read like the end of the session, or of the server."""
        if not isinstance(refusal, ToolRefused) or self._done or self._forward is not None:
            super()._refuse(refusal)
            return
        self._finish()
        settle_refused(self._gate, self.raw, self._known, refusal, self._marks, self._admitted)
        if self.exchange.connection.transport.is_closing():
            return
        headers: list[Header] = [
            (b"Content-Type", b"application/json"),
            *self._our_headers(),
            (b"X-Portico-Origin", b"portico"),
        ]
        single = mcp.is_single(self.raw.head)
        status = 400 if single and refusal.rpc_code == mcp.INVALID_PARAMS else 200
        self.exchange.answer(status, headers, self._refusal_body(refusal))

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
