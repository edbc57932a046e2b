"""A list of tools on its way to the client: what is not approved, or hidden from this caller, is left out of it.

A list comes whole or as an event of a stream; either is held until it is complete, and written anew, so that what the client
reads is what was judged.
"""

import re
from typing import Any, Final

import orjson

from portico.domains.routing.model import ServiceEntry
from portico.domains.tools.pins import pinned
from portico.gateway.call import Usage
from portico.gateway.dialects.translate_call import MOST_ANSWER_BYTES, Translation
from portico.gateway.dialects.translate_chat import AnswerUntranslatable
from portico.gateway.guard import ToolBook
from portico.gateway.view import Who
from portico.gateway.wire.head import Header

MOST_LIST_BYTES: Final = 4 * 1024 * 1024
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_NOTHING_USED = Usage()


class ToolList(Translation):
    """
    asked    whether the client asked for a list; else this is a stream on which one may come again
    cursor   whether it asked for a later page
    """

    def __init__(
        self, book: ToolBook, entry: ServiceEntry, who: Who, request: dict[str, str], *, asked: bool, cursor: bool
    ) -> None:
        super().__init__("")
        self._book, self._entry, self._who, self._request = book, entry, who, request
        self._asked, self._cursor = asked, cursor
        self._coded = False
        self._rest = bytearray()
        # A stream of its own may bring what was asked for before it broke, and that need be no list.
        self._most_bytes = MOST_LIST_BYTES if asked else MOST_ANSWER_BYTES
        # The list as the client got it, for as long as its server says it may be kept; 0 for not at all.
        self.result: dict[str, Any] | None = None
        self.ttl_ms = 0

    # -- for the relay -------------------------------------------------------------------------------------------------

    def head(self, status: int, headers: list[Header]) -> list[Header]:
        kind = b""
        for name, value in headers:
            low = name.lower()
            if low == b"content-type":
                kind = value
            elif low == b"content-encoding" and value.strip().lower() != b"identity":
                self._coded = True
        self.streams = kind.startswith(b"text/event-stream")
        self.holds = not self.streams
        return headers

    def said_status(self, status: int) -> int:
        return status

    def whole(self, status: int) -> bytes:
        """raises AnswerUntranslatable"""
        body = b"".join(self._pieces)
        self._pieces.clear()
        if not body or (status != 200 and not self._coded and not _is_json(body)):
            return body
        return orjson.dumps(self._checked(self._read(body)))

    def hold(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._bound(self._size)
        self._pieces.append(chunk)

    def feed(self, chunk: bytes) -> bytes:
        """Of a stream: the events that are complete. raises AnswerUntranslatable"""
        # What was looked through before holds no end, but for one that its last bytes may have begun.
        begun, looked_through = 0, max(len(self._rest) - 3, 0)
        self._rest += chunk
        out: list[bytes] = []
        while (end := _EVENT_END.search(self._rest, looked_through)) is not None:
            out.append(self._event(bytes(self._rest[begun : end.end()])))
            begun = looked_through = end.end()
        del self._rest[:begun]
        self._bound(len(self._rest))
        return b"".join(out)

    def finish(self) -> bytes:
        """What came without its empty line is no event to a client, but some read it as one."""
        rest = bytes(self._rest)
        self._rest.clear()
        return self._event(rest) if rest else b""

    def list_meter(self) -> "ListMeter":
        return ListMeter(self)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _event(self, event: bytes) -> bytes:
        lines = _LINE_END.split(event)
        data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        text = b"\n".join(data)
        # A first event without data opens a stream that can be resumed.
        if not text.strip():
            return event
        message = self._read(text)
        if not self._asked and not _holds_tools(message):
            return event
        other = [line for line in lines if line and not line.startswith(b"data:") and line != b"data"]
        return b"\n".join([*other, b"data: " + orjson.dumps(self._checked(message))]) + b"\n\n"

    def _read(self, text: bytes) -> object:
        if self._coded:
            raise AnswerUntranslatable("The server's list of tools came compressed, although that was not asked for.")
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise AnswerUntranslatable("The server's answer to tools/list is no JSON.") from error

    def _checked(self, message: object) -> object:
        """`message`, with the tools in it that this caller may have."""
        if not isinstance(message, dict) or not _holds_tools(message):
            return message
        result: dict[str, Any] = message["result"]
        shown = [(each, pinned(each)) for each in result["tools"]]
        listed = self._book.pick(self._entry, self._who, self._request, shown)
        complete = self._asked and not self._cursor and result.get("nextCursor") is None
        self._book.sight(self._entry, [each for _, each in shown if each is not None], complete=complete)
        result["tools"] = listed.tools
        if "cacheScope" in result and (listed.left_out or self._book.hides(self._entry.org_id)):
            result["cacheScope"] = "private"
        ttl_ms = result.get("ttlMs")
        if self._asked and isinstance(ttl_ms, int) and ttl_ms > 0:
            self.result, self.ttl_ms = result, ttl_ms
        return message

    def _bound(self, size: int) -> None:
        if size > self._most_bytes:
            self._pieces.clear()
            raise AnswerUntranslatable(f"The server's list of tools is larger than {self._most_bytes:,} bytes.")


class ListMeter:
    """What the relay feeds; a list costs no tokens."""

    def __init__(self, tool_list: ToolList) -> None:
        self._list = tool_list

    def feed(self, chunk: bytes) -> bytes:
        if self._list.holds:
            self._list.hold(chunk)
            return b""
        return self._list.feed(chunk)

    def finish(self) -> bytes:
        return b"" if self._list.holds else self._list.finish()

    def usage(self, *, complete: bool) -> Usage:
        return _NOTHING_USED


def _holds_tools(message: object) -> bool:
    result = message.get("result") if isinstance(message, dict) else None
    return isinstance(result, dict) and isinstance(result.get("tools"), list)


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
