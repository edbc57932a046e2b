"""Two tools in the place of a long list: one that finds tools by what they are for, one that calls what was found.

Ranked by BM25 over names, titles, descriptions and parameters; the words of a definition are read once, as long as it is in use.
"""

import re
from bisect import bisect_left
from collections import Counter
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
MOST_WORDS, MOST_READ, MOST_KEPT = 200, 2000, 10_000
MOST_ASKED, MOST_ALIKE = 20, 50
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


Key = tuple[str, str]


class SearchBook:
    """By word, the definitions that hold it. Read once each, and all anew when there are too many to keep."""

    def __init__(self) -> None:
        self._lengths: dict[Key, int] = {}
        self._holders: dict[str, dict[Key, int]] = {}
        self._vocabulary: list[str] = []

    def ranked(self, query: str, offers: "Sequence[Offer]") -> "list[Offer]":
        """Those that have anything of the query, the best first; equals in the order of their names."""
        self._take_in(offers)
        places = {_key_of(offer): place for place, offer in enumerate(offers)}
        lengths = [self._lengths[key] for key in places]
        usual = sum(lengths) / len(lengths) if lengths else 1.0
        scores: dict[int, float] = {}
        for word in list(dict.fromkeys(words_of(query)))[:MOST_ASKED]:
            counts = self._counts(word, places)
            weight = log(1 + (len(lengths) - len(counts) + 0.5) / (len(counts) + 0.5))
            for place, count in counts.items():
                length = 1 - _LENGTH + _LENGTH * lengths[place] / usual
                scores[place] = scores.get(place, 0) + weight * count * (_SATURATION + 1) / (
                    count + _SATURATION * length
                )
        return [offers[place] for place in sorted(scores, key=lambda place: (-scores[place], place))]

    def _counts(self, word: str, places: "dict[Key, int]") -> dict[int, float]:
        """By place, how often the word is there; less for one that only begins alike."""
        found = {
            place: _PREFIX_WEIGHT
            for other in self._alike(word)
            for key in self._holders[other]
            if (place := places.get(key)) is not None
        }
        for key, count in self._holders.get(word, {}).items():
            place = places.get(key)
            if place is not None:
                found[place] = count
        return found

    def _alike(self, word: str) -> list[str]:
        """`times` asks for `time`, too, and `conv` for `convert`; very short words would begin too many others."""
        if len(word) < _PREFIX_CHARS:
            return []
        begun = bisect_left(self._vocabulary, word)
        longer = [each for each in self._vocabulary[begun : begun + MOST_ALIKE] if each.startswith(word)]
        return longer + [word[:end] for end in range(_PREFIX_CHARS + 1, len(word)) if word[:end] in self._holders]

    def _take_in(self, offers: "Sequence[Offer]") -> None:
        new = [offer for offer in offers if _key_of(offer) not in self._lengths]
        if len(self._lengths) + len(new) > MOST_KEPT:
            self._lengths.clear()
            self._holders.clear()
            new = list(offers)
        for offer in new:
            key, words = _key_of(offer), _read(offer.name, offer.tool)
            self._lengths[key] = words.total()
            for word, count in words.items():
                self._holders.setdefault(word, {})[key] = count
        if new:
            self._vocabulary = sorted(self._holders)


def _key_of(offer: "Offer") -> Key:
    return offer.name, offer.tool.pin or ""


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
