"""A list of tools on its way to the client: what is not approved, or hidden from this caller, is left out of it."""

from typing import Any, ClassVar, Final

from portico.domains.routing.model import ServiceEntry
from portico.domains.tools.pins import pinned
from portico.gateway.dialects.translate_call import MOST_ANSWER_BYTES
from portico.gateway.guard import ToolBook
from portico.gateway.mcp_answer import McpAnswer
from portico.gateway.view import Who

MOST_LIST_BYTES: Final = 4 * 1024 * 1024


class ToolList(McpAnswer):
    """
    asked    whether the client asked for a list; else this is a stream on which one may come again
    cursor   whether it asked for a later page
    """

    what: ClassVar[str] = "list of tools"

    def __init__(
        self, book: ToolBook, entry: ServiceEntry, who: Who, request: dict[str, str], *, asked: bool, cursor: bool
    ) -> None:
        # A stream of its own may bring what was asked for before it broke, and that need be no list.
        super().__init__(MOST_LIST_BYTES if asked else MOST_ANSWER_BYTES)
        self._book, self._entry, self._who, self._request = book, entry, who, request
        self._asked, self._cursor = asked, cursor
        # The list as the client got it, for as long as its server says it may be kept; 0 for not at all.
        self.result: dict[str, Any] | None = None
        self.ttl_ms = 0

    def concerns(self, message: object) -> bool:
        return self._asked or _holds_tools(message)

    def seen(self, message: object) -> object:
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


def _holds_tools(message: object) -> bool:
    result = message.get("result") if isinstance(message, dict) else None
    return isinstance(result, dict) and isinstance(result.get("tools"), list)
