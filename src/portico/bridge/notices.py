"""Changes that a server tells of unasked, kept for whoever listens: lists that changed, resources that were updated."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from portico.bridge import rpc
from portico.bridge.rpc import Message

# By the name under which clients of single requests ask for them.
LISTS = {
    "toolsListChanged": "notifications/tools/list_changed",
    "promptsListChanged": "notifications/prompts/list_changed",
    "resourcesListChanged": "notifications/resources/list_changed",
}
UPDATED = "notifications/resources/updated"
MOST_LISTENERS, MOST_URIS, MOST_URI_CHARS = 4000, 100, 2000


@dataclass(slots=True, eq=False)
class Listener:
    """What one client wants to hear. A notice only says that something is to be fetched anew, so each is kept once."""

    lists: frozenset[str] = frozenset()
    uris: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    _kept: OrderedDict[str, Message] = field(default_factory=OrderedDict)

    def tell(self, key: str, message: Message) -> None:
        self._kept[key] = message
        self.news.set()

    def take(self) -> list[Message]:
        kept = list(self._kept.values())
        self._kept.clear()
        self.news.clear()
        return kept

    def close(self) -> None:
        self.closed = True
        self.news.set()


class Notices:
    """`wanted` and `unwanted` are told of the first and the last listener of a resource."""

    def __init__(self, wanted: Callable[[str], None], unwanted: Callable[[str], None]) -> None:
        self._wanted, self._unwanted = wanted, unwanted
        self._listeners: set[Listener] = set()

    @property
    def uris(self) -> set[str]:
        return {uri for each in self._listeners for uri in each.uris}

    @property
    def full(self) -> bool:
        return len(self._listeners) >= MOST_LISTENERS

    def join(self, listener: Listener) -> None:
        before = self.uris
        self._listeners.add(listener)
        for uri in listener.uris - before:
            self._wanted(uri)

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        for uri in listener.uris - self.uris:
            self._unwanted(uri)

    def subscribe(self, listener: Listener, uri: str) -> None:
        first = uri not in self.uris
        listener.uris.add(uri)
        if first:
            self._wanted(uri)

    def unsubscribe(self, listener: Listener, uri: str) -> None:
        listener.uris.discard(uri)
        if uri not in self.uris:
            self._unwanted(uri)

    def heard(self, message: Message) -> bool:
        """False when this is not a notice of a change."""
        method = str(message.method)
        if method == UPDATED:
            params = rpc.members(message.params)
            uri = rpc.text_of(params.get("uri")) or ""
            told = Message(method=UPDATED, params=rpc.raw({"uri": uri}))
            for each in self._listeners:
                if uri in each.uris:
                    each.tell(f"{method} {uri}", told)
            return True
        if method not in LISTS.values():
            return False
        self._tell_lists(method)
        return True

    def started_anew(self) -> None:
        """After a restart anything may be different."""
        for method in LISTS.values():
            self._tell_lists(method)

    def _tell_lists(self, method: str) -> None:
        for each in self._listeners:
            if method in each.lists:
                each.tell(method, Message(method=method))

    def close(self) -> None:
        for each in self._listeners:
            each.close()
