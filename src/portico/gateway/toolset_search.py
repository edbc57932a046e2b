"""Two tools in the place of a long list: one that finds tools by what they are for, one that calls what was found.

Ranked by BM25 over names, titles, descriptions and parameters; the words of a definition are read once, as long as it is in use.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING, Any, Final

import orjson

from portico.domains.tools.model import ToolEntry

if TYPE_CHECKING:
    from portico.gateway.toolset_offers import Offer

SEARCH, CALL = "search_tools", "call_tool"
MOST_FOUND, USUALLY_FOUND = 50, 8
MOST_QUERY: Final = 1000
MOST_WORDS, MOST_READ, MOST_KEPT = 300, 4000, 10_000
_SATURATION, _LENGTH = 1.2, 0.75
# A name says more about a tool than a word somewhere in its description, and a word's beginning less than the word.
_NAME_WEIGHT, _PREFIX_WEIGHT = 3, 0.5
_PREFIX_CHARS: Final = 3
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_ARGUMENTS: Final = {"type": "object", "description": "Its arguments, as its inputSchema says."}

DEFINITIONS: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": CALL,
        "title": "Call a tool",
        "description": f"Calls a tool that {SEARCH} found, by its name and with arguments that fit its inputSchema.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": f"The tool's name, as {SEARCH} gave it."},
                "arguments": _ARGUMENTS,
            },
            "required": ["name"],
        },
    },
    {
        "name": SEARCH,
        "title": "Search for tools",
        "description": f"Finds tools by what they are for. Call the one that fits with {CALL}.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "What the tool is to do, in a few words."},
                "limit": {"type": "integer", "minimum": 1, "maximum": MOST_FOUND, "default": USUALLY_FOUND},
            },
            "required": ["query"],
        },
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    },
)


class SearchBook:
    """The words of definitions by their pin, the one longest unused forgotten first."""

    def __init__(self) -> None:
        self._words: OrderedDict[tuple[str, str], Counter[str]] = OrderedDict()

    def ranked(self, query: str, offers: "Sequence[Offer]") -> "list[Offer]":
        """Those that have anything of the query, the best first; equals in the order of their names."""
        asked = set(words_of(query))
        read = [self._words_of(offer) for offer in offers]
        usual = sum(map(Counter.total, read)) / len(read) if read else 1.0
        scores = [0.0] * len(read)
        for word in asked:
            counts = [_count(word, words) for words in read]
            having = sum(count > 0 for count in counts)
            weight = log(1 + (len(read) - having + 0.5) / (having + 0.5))
            for place, count in enumerate(counts):
                if count:
                    length = 1 - _LENGTH + _LENGTH * read[place].total() / usual
                    scores[place] += weight * count * (_SATURATION + 1) / (count + _SATURATION * length)
        best = sorted(range(len(read)), key=lambda place: -scores[place])
        return [offers[place] for place in best if scores[place] > 0]

    def _words_of(self, offer: "Offer") -> Counter[str]:
        key = (offer.name, offer.tool.pin or "")
        found = self._words.get(key)
        if found is None:
            found = self._words[key] = _read(offer.name, offer.tool)
            if len(self._words) > MOST_KEPT:
                self._words.popitem(last=False)
        else:
            self._words.move_to_end(key)
        return found


def words_of(text: str) -> list[str]:
    """Also those that an identifier is made of."""
    return [word.lower() for word in _WORD.findall(text[:MOST_READ])][:MOST_WORDS]


def _read(name: str, tool: ToolEntry) -> Counter[str]:
    more = orjson.loads(tool.more) if tool.more else {}
    schema = orjson.loads(tool.schema) if tool.schema else {}
    parts = schema.get("properties") if isinstance(schema, dict) else None
    told = [more.get("title"), more.get("description"), *(parts if isinstance(parts, dict) else ())]
    words = Counter(words_of(" ".join(each for each in told if isinstance(each, str))))
    for word in words_of(name):
        words[word] += _NAME_WEIGHT
    return words


def _count(word: str, words: Counter[str]) -> float:
    count = words.get(word)
    if count or len(word) < _PREFIX_CHARS:
        return count or 0
    return _PREFIX_WEIGHT if any(each.startswith(word) or _begins(word, each) for each in words) else 0


def _begins(word: str, other: str) -> bool:
    """`times` asks for `time`, too; very short words begin too many others."""
    return len(other) > _PREFIX_CHARS and word.startswith(other)
