"""What a server answers to a call that came through the whole toolset, on its way to a client of either era.

Servers are asked in the era of single requests, whatever the client speaks. A client of the same era gets their answers as they
are; for one with a session they are put into its words.
"""

from typing import Any, ClassVar, Final

import orjson

from portico.gateway.dialects import mcp
from portico.gateway.dialects.translate_call import MOST_ANSWER_BYTES
from portico.gateway.dialects.translate_chat import AnswerUntranslatable
from portico.gateway.mcp_answer import McpAnswer
from portico.gateway.wire.head import Header
from portico.kernel.errors import REGISTRY

META: Final = "io.modelcontextprotocol/"
OURSELVES: Final = {"name": "portico", "version": "1"}
INTERNAL_ERROR: Final = -32603
# What servers of the older era say to a request without a session.
_NO_SESSION: Final = frozenset({mcp.INVALID_REQUEST, -32000, -32001})
_BROKEN: Final = int(REGISTRY["UPSTREAM_BROKEN"].e_code[1:])


class ToolAnswer(McpAnswer):
    what: ClassVar[str] = "answer"

    def __init__(self, server: str, rpc_id: bytes, *, single: bool) -> None:
        super().__init__(MOST_ANSWER_BYTES)
        self._server, self._rpc_id, self._single = server, rpc_id, single
        self._verbatim = False
        self._status: int | None = None

    # -- for the relay -------------------------------------------------------------------------------------------------

    def head(self, status: int, headers: list[Header]) -> list[Header]:
        headers = super().head(status, headers)
        self._verbatim = self._single and status == 200
        self.holds = self.holds and not self._verbatim
        # A session that a server offers is nothing to this client, which has its own with us or none.
        kept = [header for header in headers if header[0].lower() != mcp.SESSION]
        if self.holds:
            kept = [header for header in kept if header[0].lower() not in {b"content-type", b"content-encoding"}]
            kept.append((b"Content-Type", b"application/json"))
        return kept

    def said_status(self, status: int) -> int:
        return self._status or status

    def feed(self, chunk: bytes) -> bytes:
        return chunk if self._verbatim else super().feed(chunk)

    def whole(self, status: int) -> bytes:
        body = self.body()
        try:
            message = self.read(body)
        except AnswerUntranslatable:
            if status == 200:
                raise
            message = None
        if not isinstance(message, dict) or not message.keys() & {"result", "error"}:
            message = None
        error = None if message is None else message.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if status in {400, 404, 405} and (message is None or code in _NO_SESSION):
            said = error.get("message") if isinstance(error, dict) else None
            message, status = self._not_taken(status, said), 200
        elif message is None:
            message = self._error(
                _BROKEN, f"The server {self._server!r} answered {status}, and nothing of MCP with it."
            )
            status = 502 if status < 400 else status
        elif not self._single:
            # An HTTP error would read like the end of the session; the message says what is wrong.
            message, status = self.seen(message), 200
        self._status = status
        return orjson.dumps(message)

    # -- inside --------------------------------------------------------------------------------------------------------

    def seen(self, message: object) -> object:
        """For a client with a session: without what only single requests say."""
        result = message.get("result") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(result, dict):
            return message
        if result.get("resultType") == "input_required":
            return self._error(
                INTERNAL_ERROR,
                f"The server {self._server!r} asks its client something before it answers, in the way of version 2026-07-28. "
                "Connect with a client that speaks that version.",
            )
        kept = {name: value for name, value in result.items() if name not in {"resultType", "_meta"}}
        meta = result.get("_meta")
        told = (
            {name: value for name, value in meta.items() if not name.startswith(META)} if isinstance(meta, dict) else {}
        )
        if told:
            kept["_meta"] = told
        if "structuredContent" in kept and not isinstance(kept["structuredContent"], dict):
            del kept["structuredContent"]
        return {**message, "result": kept}

    def _not_taken(self, status: int, said: object) -> dict[str, Any]:
        why = said[:500] if isinstance(said, str) else f"it answered {status}"
        return self._error(
            _BROKEN,
            f"The server {self._server!r} did not take the call: {why} A server that speaks only versions with sessions "
            f"(2025-11-25 and older) is called at /mcp/{self._server}.",
        )

    def _error(self, code: int, message: str) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": orjson.Fragment(self._rpc_id), "error": {"code": code, "message": message}}
