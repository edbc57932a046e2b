"""One real call, as the client will make it: the tools of an MCP server in either era of the protocol, or an answer of a model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portico import __version__
from portico.cli.failures import CommandFailed, NotReachable

if TYPE_CHECKING:
    import httpx2

_WITH_SESSIONS, _SINGLE = "2025-11-25", "2026-07-28"
_US = {"name": "portico-connect", "version": __version__}
_PATIENCE_S = 20.0
# A list of tools may be long; an answer that is longer still is not looked at.
_LONGEST_ANSWER = 8 * 1024 * 1024
_ASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": ("/v1/messages", {"max_tokens": 16, "messages": [{"role": "user", "content": "Say hello."}]}),
    "responses": ("/v1/responses", {"max_output_tokens": 16, "input": "Say hello.", "store": False}),
}


@dataclass(frozen=True)
class Tools:
    """What a server said of itself. `more` when it has further pages of tools."""

    server: str
    names: tuple[str, ...]
    more: bool


class Unproven(CommandFailed):
    def __init__(self, url: str, what: str) -> None:
        super().__init__(
            f"The call to {url} did not work: {what}", next_step="portico calls list shows what became of it"
        )


def list_tools(url: str, headers: Mapping[str, str]) -> Tools:
    """raises Unproven · NotReachable"""
    import httpx2

    with httpx2.Client(headers=dict(headers), timeout=_PATIENCE_S, trust_env=not _is_local(url)) as http:
        try:
            return _Conversation(http, url).tools()
        except httpx2.TransportError as error:
            raise NotReachable(url, str(error) or type(error).__name__) from error


class _Conversation:
    def __init__(self, http: "httpx2.Client", url: str) -> None:
        self._http, self._url = http, url
        self._numbers = 0

    def tools(self) -> Tools:
        answer = self._ask("initialize", {"protocolVersion": _WITH_SESSIONS, "capabilities": {}, "clientInfo": _US}, {})
        if "result" not in answer:
            return self._without_session(answer)
        server = answer["result"].get("serverInfo") or {}
        headers = {"MCP-Protocol-Version": str(answer["result"].get("protocolVersion") or _WITH_SESSIONS)}
        session = answer.get("session")
        headers |= {"Mcp-Session-Id": session} if session else {}
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"}, headers)
        try:
            return self._read(self._ask("tools/list", {}, headers), server)
        finally:
            if session:
                self._http.delete(self._url, headers=headers)

    def _without_session(self, refused: dict[str, Any]) -> Tools:
        """A server of the newer era alone knows no `initialize`; if it is not one, what it said first is what counts."""
        meta = {f"io.modelcontextprotocol/{name}": value for name, value in _SAID_EACH_TIME.items()}
        headers = {"MCP-Protocol-Version": _SINGLE, "Mcp-Method": "tools/list"}
        answer = self._ask("tools/list", {"_meta": meta}, headers)
        if "result" not in answer:
            raise Unproven(self._url, _told(refused))
        found = answer["result"].get("_meta") or {}
        return self._read(answer, found.get("io.modelcontextprotocol/serverInfo") or {})

    def _read(self, answer: dict[str, Any], server: Mapping[str, Any]) -> Tools:
        if "result" not in answer:
            raise Unproven(self._url, _told(answer))
        names = tuple(str(tool.get("name")) for tool in answer["result"].get("tools") or ())
        named = f"{server.get('title') or server.get('name') or 'a server'} {server.get('version') or ''}".strip()
        return Tools(named, names, bool(answer["result"].get("nextCursor")))

    def _ask(self, method: str, params: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        self._numbers += 1
        message = {"jsonrpc": "2.0", "id": self._numbers, "method": method, "params": params}
        return self._send(message, headers)

    def _send(self, message: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        """The answer to it, with the session that it opened; without one, the error in the same form."""
        accept = {"Accept": "application/json, text/event-stream"}
        with self._http.stream("POST", self._url, json=message, headers=accept | dict(headers)) as response:
            kind = response.headers.get("content-type", "")
            if kind.startswith("text/event-stream"):
                answer = _event_for(message.get("id"), response)
            else:
                answer = _object(_whole(response))
            if response.is_success and "session" not in answer:
                answer["session"] = response.headers.get("mcp-session-id")
            elif "error" not in answer or "code" in answer:
                answer = {"error": {"message": answer.get("message") or f"status {response.status_code}"}}
            return answer


_SAID_EACH_TIME = {"protocolVersion": _SINGLE, "clientInfo": _US, "clientCapabilities": {}}


def _whole(response: "httpx2.Response") -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _LONGEST_ANSWER:
            raise Unproven(str(response.url), "its answer is too long")
    return bytes(body)


def _event_for(number: Any, response: "httpx2.Response") -> dict[str, Any]:
    """The stream stays open as long as the server likes, so the answer is taken as soon as it is there."""
    seen = 0
    for line in response.iter_lines():
        seen += len(line)
        if seen > _LONGEST_ANSWER:
            break
        if line.startswith("data:"):
            message = _object(line.removeprefix("data:").encode())
            if message.get("id") == number:
                return message
    return {}


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _told(answer: Mapping[str, Any]) -> str:
    error = answer.get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or "it answered nothing that MCP knows")[:500]


def ask_model(base_url: str, key: str, dialect: str, model: str) -> str:
    """What the model answered, in the client's dialect. raises Unproven · NotReachable"""
    import httpx2

    path, ask = _ASKS[dialect]
    url = base_url + path
    with httpx2.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60.0, trust_env=not _is_local(url)) as http:
        try:
            response = http.post(url, json={"model": model, **ask})
        except httpx2.TransportError as error:
            raise NotReachable(url, str(error) or type(error).__name__) from error
    answer = _object(response.content)
    if not response.is_success:
        raise Unproven(url, f"{_told(answer)} ({response.status_code})")
    return _text_of(answer)


def _text_of(answer: Mapping[str, Any]) -> str:
    parts = answer.get("content") or [
        part for item in answer.get("output") or () for part in item.get("content") or () if isinstance(part, dict)
    ]
    return " ".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))[:200]


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.", "http://localhost", "http://[::1]"))
