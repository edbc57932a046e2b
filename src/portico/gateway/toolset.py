"""`/mcp`: every tool of every server that a principal may call, under one address, for clients of both eras.

What is not a call of a tool is answered here, at once. A call is led to the server that its name begins with and from there on
is one to that server: its limits, its policies, its record. It leaves in the era of single requests, whatever the client speaks.
"""

from typing import Any

import orjson

from portico.gateway.admit import take_rates
from portico.gateway.call import AdmittedCall, RawCall, RoutedCall
from portico.gateway.dialects import mcp
from portico.gateway.gate import Gate
from portico.gateway.relay import Relay
from portico.gateway.route import route
from portico.gateway.tool_asks import BadArguments, ToolNotFound
from portico.gateway.tools import ToolsCall
from portico.gateway.toolset_answers import META, OURSELVES, ToolAnswer
from portico.gateway.toolset_offers import (
    MOST_JUDGED,
    BadCursor,
    coded,
    definition_of,
    offers,
    page_of,
    param_headers,
    place_of,
)
from portico.gateway.toolset_search import CALL, DEFINITIONS, MOST_FOUND, MOST_QUERY, SEARCH, USUALLY_FOUND
from portico.gateway.toolset_sessions import MOST_INFO_BYTES, ToolsetSession
from portico.gateway.view import Who
from portico.gateway.wire.head import Header
from portico.kernel.errors import FieldError

MODERN = "2026-07-28"
SESSION_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
METHOD_NOT_FOUND, UNSUPPORTED_VERSION, CANCELLED = -32601, -32022, -32800
INSTRUCTIONS = "Tools of all servers of this organization; a tool's name begins with its server's, as in server__tool."
WISH = b"x-portico-tools"
_SAID_ANEW = frozenset(
    {mcp.SESSION, mcp.VERSION, mcp.METHOD, mcp.NAME, mcp.LAST_EVENT, WISH, b"accept", b"content-type"}
)
_PARAM = b"mcp-param-"
_LEVELS = frozenset({"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"})
# By the error's code, what a client of single requests gets as HTTP status.
_STATUS = {METHOD_NOT_FOUND: 404, mcp.INVALID_PARAMS: 400, UNSUPPORTED_VERSION: 400}


class ToolsetCall(ToolsCall):
    __slots__ = ("_session",)

    def __init__(self, gate: Gate, raw: RawCall) -> None:
        super().__init__(gate, raw)
        raw.upstream_path = b""
        self._session: ToolsetSession | None = None

    def _go(self) -> None:
        message = self._message
        if self._single:
            if message is not None and message.is_request and not self._speaks(message):
                return
        else:
            self._session = self._find_session()
        if message is None:
            self._go_without_message()
        elif not message.is_request:
            self._notified(message)
        elif message.method == "tools/call":
            self._call(message)
        else:
            self._answer(message)

    def _who(self) -> Who:
        assert self._known is not None  # noqa: S101
        return self._known.who

    # -- what is answered here -----------------------------------------------------------------------------------------

    def _speaks(self, message: mcp.Message) -> bool:
        asked = mcp.plain_of(self.raw.head.get(mcp.VERSION) or b"")
        if message.version is None:
            self._tell_error(mcp.INVALID_PARAMS, f"params._meta must hold {META}protocolVersion.")
        elif asked != MODERN:
            told = {"supported": [MODERN], "requested": asked}
            self._tell_error(UNSUPPORTED_VERSION, "This version of the protocol is not spoken here.", told)
        return not self._done

    def _find_session(self) -> ToolsetSession | None:
        """Without an id a request stands for itself; only what was said earlier, and cancelling, needs a session."""
        given = self.raw.head.get(mcp.SESSION)
        if given is None:
            return None
        who = self._who()
        session = self._gate.toolset.find(who.org_id, who.id, given.decode("latin-1"))
        if session is None:
            raise mcp.SessionNotFound
        return session

    def _go_without_message(self) -> None:
        if self.raw.head.method == b"DELETE" and not self._single:
            if self._session is None:
                raise mcp.SessionNotFound
            self._gate.toolset.end(self._who().org_id, self._session)
            self._tell_nothing(200)
        else:
            # Clients of the older era all ask once whether there is a stream; that is no call that was refused.
            self._tell_nothing(405, (b"Allow", b"POST" if self._single else b"POST, DELETE"))

    def _notified(self, message: mcp.Message) -> None:
        if message.method == "notifications/cancelled" and self._session is not None:
            rpc_id = self._params.get("requestId")
            cancel = self._session.running.get(orjson.dumps(rpc_id)) if isinstance(rpc_id, str | int) else None
            if cancel is not None:
                cancel()
        self._tell_nothing(202)

    def _answer(self, message: mcp.Message) -> None:
        method = message.method
        if method == "tools/list":
            self._tell_list()
        elif self._single and method == "server/discover":
            told: dict[str, Any] = {
                "supportedVersions": [MODERN],
                "capabilities": {"tools": {}},
                "instructions": INSTRUCTIONS,
            }
            self._tell({**told, "ttlMs": 0, "cacheScope": "private"})
        elif not self._single and method == "initialize":
            self._initialize()
        elif not self._single and method == "ping":
            self._tell({})
        elif not self._single and method == "logging/setLevel":
            self._set_level()
        else:
            self._tell_error(METHOD_NOT_FOUND, f"{method[:200]} is not served for the whole toolset.")

    def _initialize(self) -> None:
        asked, info, who = self._params.get("protocolVersion"), self._params.get("clientInfo"), self._who()
        kept = info if isinstance(info, dict) and len(orjson.dumps(info)) <= MOST_INFO_BYTES else None
        session = self._gate.toolset.open(who.org_id, who.id, kept)
        told: dict[str, Any] = {
            "protocolVersion": asked if asked in SESSION_VERSIONS else SESSION_VERSIONS[-1],
            "capabilities": {"tools": {}, "logging": {}},
            "serverInfo": OURSELVES,
            "instructions": INSTRUCTIONS,
        }
        self._tell(told, (b"Mcp-Session-Id", session.id.encode()))

    def _set_level(self) -> None:
        level = self._params.get("level")
        if level not in _LEVELS:
            self._tell_error(mcp.INVALID_PARAMS, "level must be one of those that the protocol names.")
            return
        if self._session is not None:
            self._session.log_level = str(level)
        self._tell({})

    def _tell_list(self) -> None:
        gate, who = self._gate, self._who()
        take_rates(gate, who, self.raw.address)
        if self._searches():
            told: dict[str, Any] = {"tools": DEFINITIONS}
        else:
            cursor, every = self._params.get("cursor"), offers(gate, who)
            try:
                page = page_of(gate, who, self._request(), cursor, single=self._single, all_of_them=every)
            except BadCursor:
                self._tell_error(mcp.INVALID_PARAMS, "cursor must be one that an earlier page ended with.")
                return
            told = {"tools": page.tools} if page.cursor is None else {"tools": page.tools, "nextCursor": page.cursor}
        if self._single:
            told |= {"ttlMs": 0, "cacheScope": "private"}
        self._tell(told)

    def _searches(self) -> bool:
        head = self.raw.head
        return head.get(WISH) == b"search" or b"tools=search" in head.query.split(b"&")

    def _search(self) -> None:
        asked = self._params.get("arguments")
        args: dict[str, Any] = asked if isinstance(asked, dict) else {}
        query, most = args.get("query"), args.get("limit", USUALLY_FOUND)
        if not isinstance(query, str) or not query.strip() or len(query) > MOST_QUERY:
            problem = FieldError("query", f"must be a text of 1 to {MOST_QUERY} characters")
            raise BadArguments(f"query must be a text of 1 to {MOST_QUERY} characters.", (problem,))
        if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MOST_FOUND:
            problem = FieldError("limit", f"must be 1 to {MOST_FOUND}")
            raise BadArguments(f"limit must be 1 to {MOST_FOUND}.", (problem,))
        gate, who = self._gate, self._who()
        take_rates(gate, who, self.raw.address)
        found: list[dict[str, Any]] = []
        for offer in gate.searches.ranked(query, offers(gate, who))[:MOST_JUDGED]:
            if gate.tools.shows(offer.server, who, self._request(), offer.tool):
                found.append(definition_of(offer, single=self._single))
                if len(found) == most:
                    break
        result = orjson.dumps({"tools": found}).decode()
        content = [{"type": "text", "text": result}]
        self._tell({"content": content, "structuredContent": orjson.Fragment(result), "isError": False})

    # -- a call --------------------------------------------------------------------------------------------------------

    def _call(self, message: mcp.Message) -> None:
        name, params = message.name or "", self._params
        if name == SEARCH:
            self._search()
            return
        if name == CALL:
            name, params = _called_through(params)
        place = place_of(self._gate, self._who(), name)
        if place is None:
            raise ToolNotFound(name)
        raw, (entry, tool) = self.raw, place
        through = message.name == CALL
        raw.name, raw.model = entry.name, tool[: mcp.MOST_RECORDED]
        self._message = mcp.Message(message.rpc_id, message.method, is_request=True, name=tool, version=MODERN)
        self._params = params = {**self._modern(params), "name": tool}
        raw.body = orjson.dumps(
            {"jsonrpc": "2.0", "id": orjson.Fragment(message.rpc_id), "method": "tools/call", "params": params}
        )
        args = params.get("arguments")
        known = self._gate.tools.tool(entry, tool) if through or not self._single else None
        said = param_headers(known, args if isinstance(args, dict) else {})
        raw.head.headers = self._headers(tool, said, own=through or not self._single)
        if self._session is not None:
            self._session.running[message.rpc_id] = self.cancel
        super()._go()

    def _modern(self, params: dict[str, Any]) -> dict[str, Any]:
        """As a single request says it."""
        if self._single:
            return params
        session, given = self._session, params.get("_meta")
        # What only the newer era says, a client of the older one cannot have meant.
        meta = (
            {name: value for name, value in given.items() if not name.startswith(META)}
            if isinstance(given, dict)
            else {}
        )
        meta[META + "protocolVersion"] = MODERN
        # Nothing can be asked back on this way, so nothing is offered to be asked.
        meta[META + "clientCapabilities"] = {}
        info = None if session is None else session.client_info
        meta[META + "clientInfo"] = info or {"name": "unknown", "version": "0"}
        if session is not None and session.log_level is not None:
            meta[META + "logLevel"] = session.log_level
        return {"name": params.get("name"), "arguments": params.get("arguments") or {}, "_meta": meta}

    def _headers(self, tool: str, said: list[Header], *, own: bool) -> list[Header]:
        """`own`: the client could not say the tool's arguments in headers, so we do."""
        kept = [
            header
            for header in self.raw.head.headers
            if (low := header[0].lower()) not in _SAID_ANEW and not (own and low.startswith(_PARAM))
        ]
        return [
            *kept,
            *said,
            (b"Content-Type", b"application/json"),
            (b"Accept", b"application/json, text/event-stream"),
            (b"MCP-Protocol-Version", MODERN.encode()),
            (b"Mcp-Method", b"tools/call"),
            (b"Mcp-Name", coded(tool)),
        ]

    def _route(self, admitted: AdmittedCall) -> RoutedCall:
        if admitted.service.entry.local is not None:
            head = self.raw.head
            head.headers = [*head.headers, *mcp.headers_for_the_bridge(admitted.known.who.id, self.raw.id)]
        return route(self._gate, admitted)

    def _watch(self, admitted: AdmittedCall, relay: Relay) -> None:
        message = self._message
        assert message is not None  # noqa: S101
        self._ask_in_the_clear()
        answer = ToolAnswer(admitted.service.entry.name, message.rpc_id, single=self._single)
        relay.translate_with(answer, answer.meter_of_messages())
        relay.bytes_in = len(self.raw.body or b"")

    def _follow_session(self, status: int) -> None:
        """Sessions here are our own, whatever a server says."""

    def cancel(self) -> None:
        """As a client of the older era asks for; whoever waits is told, although none should."""
        if self._done:
            return
        message, started = self._message, self.exchange.answer_started
        self._end("cancelled", None)
        if started:
            self.exchange.head.keep_alive = False
            self.exchange.end_answer([])
        elif message is not None:
            self._send(self._error_of(message, CANCELLED, "The call was cancelled.", None), 200)

    def _finish(self) -> None:
        super()._finish()
        session, message = self._session, self._message
        if session is not None and message is not None and session.running.get(message.rpc_id) == self.cancel:
            del session.running[message.rpc_id]

    # -- answers -------------------------------------------------------------------------------------------------------

    def _tell(self, result: dict[str, Any], *headers: Header) -> None:
        message = self._message
        assert message is not None  # noqa: S101
        if self._single:
            result = {**result, "resultType": "complete", "_meta": {META + "serverInfo": OURSELVES}}
        body = orjson.dumps({"jsonrpc": "2.0", "id": orjson.Fragment(message.rpc_id), "result": result})
        self._finish()
        self._send(body, 200, *headers)

    def _tell_error(self, code: int, text: str, data: dict[str, Any] | None = None) -> None:
        message = self._message
        assert message is not None  # noqa: S101
        body = self._error_of(message, code, text, data)
        self._finish()
        self._send(body, _STATUS.get(code, 200) if self._single else 200)

    def _error_of(self, message: mcp.Message, code: int, text: str, data: dict[str, Any] | None) -> bytes:
        error = {"code": code, "message": text} if data is None else {"code": code, "message": text, "data": data}
        return orjson.dumps({"jsonrpc": "2.0", "id": orjson.Fragment(message.rpc_id), "error": error})

    def _tell_nothing(self, status: int, *headers: Header) -> None:
        self._finish()
        self.exchange.answer(status, [*headers, *self._our_headers()], b"")

    def _send(self, body: bytes, status: int, *headers: Header) -> None:
        told = [
            (b"Content-Type", b"application/json"),
            *headers,
            *self._our_headers(),
            (b"X-Portico-Origin", b"portico"),
        ]
        self.exchange.answer(status, told, body)


def _called_through(params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What call_tool is to call; everything else that the request says is said to that tool."""
    asked = params.get("arguments")
    name = asked.get("name") if isinstance(asked, dict) else None
    if not isinstance(asked, dict) or not isinstance(name, str) or len(name) > mcp.MOST_NAME:
        raise BadArguments("name must be that of a tool.", (FieldError("name", "must be the name of a tool"),))
    inner = asked.get("arguments")
    if inner is not None and not isinstance(inner, dict):
        raise BadArguments("arguments must be an object.", (FieldError("arguments", "must be an object"),))
    return name, {**params, "arguments": inner or {}}
