"""Asking a tool server for its tools, in either era of MCP, through the checked way out."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from portico.domains.tools.errors import ListingFailed
from portico.domains.tools.pins import MOST_LISTED_BYTES, MOST_TOOLS, Pinned, pinned
from portico.kernel.errors import Refusal
from portico.platform.link import BRIDGE_URL
from portico.platform.outbound import Answer, Header, Outbound, send_to_own_bridge

MODERN, LEGACY = "2026-07-28", "2025-11-25"
MOST_LIST_BYTES = 4 * 1024 * 1024
MOST_PAGES = 50
TIMEOUT_S = 10.0
# A local server may have to be started first.
START_TIMEOUT_S = 60.0
_CLIENT = {"name": "portico", "version": "1"}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": _CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_BASE: tuple[Header, ...] = (
    ("accept", "application/json, text/event-stream"),
    ("content-type", "application/json"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, with the header that carries its credential."""

    url: str
    headers: tuple[Header, ...] = ()


async def list_tools(outbound: Outbound, address: Address) -> tuple[Pinned, ...]:
    """Every page. Single requests first; a server that does not know them is asked within a session.

    raises   ListingFailed · what Outbound raises
    """
    try:
        return await _Asking(outbound, address).modern()
    except ListingFailed:
        return await _Asking(outbound, address).legacy()


class _Asking:
    def __init__(self, outbound: Outbound, address: Address) -> None:
        self._outbound, self._address = outbound, address
        self._number = 0
        self._session: tuple[Header, ...] = ()

    async def modern(self) -> tuple[Pinned, ...]:
        said = (("mcp-protocol-version", MODERN), ("mcp-method", "tools/list"))
        return await self._pages({"_meta": _META}, said)

    async def legacy(self) -> tuple[Pinned, ...]:
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
        answer = await self._post(self._request("initialize", params), ())
        version = self._result(answer).get("protocolVersion")
        self._session = (("mcp-protocol-version", version if isinstance(version, str) else LEGACY),)
        session_id = answer.header("mcp-session-id")
        if session_id is not None:
            self._session += (("mcp-session-id", session_id),)
        try:
            await self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, self._session)
            return await self._pages({}, self._session)
        finally:
            if session_id is not None:
                # A courtesy: what was listed counts, however the server takes its leave.
                with suppress(Refusal):
                    await self._send("DELETE", b"", self._session)

    async def _pages(self, params: dict[str, Any], said: Sequence[Header]) -> tuple[Pinned, ...]:
        found: dict[str, Pinned] = {}
        cursor: object = None
        for _ in range(MOST_PAGES):
            asked = params if cursor is None else {**params, "cursor": cursor}
            result = self._result(await self._post(self._request("tools/list", asked), said))
            tools = result.get("tools")
            if not isinstance(tools, list):
                raise ListingFailed("The server's answer to tools/list holds no list of tools.")
            for each in map(pinned, tools):
                if each is not None and len(found) < MOST_TOOLS:
                    found[each.name] = each
            if sum(len(each.text) for each in found.values()) > MOST_LISTED_BYTES:
                raise ListingFailed(f"The server's tools are larger than {MOST_LISTED_BYTES:,} bytes.")
            cursor = result.get("nextCursor")
            if cursor is None:
                return tuple(found.values())
        raise ListingFailed(f"The server's list of tools goes on after {MOST_PAGES} pages.")

    def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        return {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}

    async def _post(self, message: dict[str, Any], said: Sequence[Header]) -> Answer:
        return await self._send("POST", orjson.dumps(message), said)

    async def _send(self, method: str, body: bytes, said: Sequence[Header]) -> Answer:
        headers, most = (*_BASE, *said, *self._address.headers), MOST_LIST_BYTES
        if self._address.url == BRIDGE_URL:
            path, settings = urlsplit(BRIDGE_URL).path, self._outbound.settings
            return await send_to_own_bridge(
                settings, method, path, timeout_s=START_TIMEOUT_S, max_bytes=most, headers=headers, body=body
            )
        return await self._outbound.send(
            method, self._address.url, timeout_s=TIMEOUT_S, max_bytes=most, headers=headers, body=body
        )

    def _result(self, answer: Answer) -> dict[str, Any]:
        """Of the request asked last.

        raises   ListingFailed
        """
        for message in _messages(answer):
            if isinstance(message, dict) and message.get("id") == self._number:
                result = message.get("result")
                if isinstance(result, dict):
                    return result
        raise ListingFailed(f"The server answered {answer.status} and no result that could be read.")


def _messages(answer: Answer) -> Iterator[object]:
    kind = answer.header("content-type") or ""
    texts = _events(answer.body) if kind.startswith("text/event-stream") else [answer.body]
    for text in texts:
        try:
            yield orjson.loads(text)
        except orjson.JSONDecodeError:
            continue


def _events(body: bytes) -> Iterator[bytes]:
    """The data of each event of a stream."""
    for event in body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
        lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
        if lines:
            yield b"\n".join(lines)
