"""A tool's definition and its pin. Pure: the gateway and the registry must come to the same hash."""

import hashlib
from typing import Any, NamedTuple

import orjson

# What a model or a client acts upon. Icons, `_meta` and what future versions add may change without asking.
PINNED = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
MOST_DEFINITION_BYTES = 64 * 1024
MOST_NAME_CHARS = 200
MOST_TOOLS, MOST_LISTED_BYTES = 1000, 4 * 1024 * 1024
# The stated estimate of the meter: English and JSON come to about four bytes a token with common tokenizers.
BYTES_PER_TOKEN = 4


class Pinned(NamedTuple):
    """One definition: its name, its canonical text, and the hash of that."""

    name: str
    text: bytes
    pin: str

    @property
    def tokens(self) -> int:
        return estimated_tokens(self.text)


def pinned(definition: object) -> Pinned | None:
    """None for what is no definition that could be kept: no object, no name, or too large."""
    if not isinstance(definition, dict):
        return None
    name = definition.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME_CHARS or not name.isprintable():
        return None
    try:
        text = canonical(definition)
    except (orjson.JSONEncodeError, RecursionError):
        return None
    if len(text) > MOST_DEFINITION_BYTES or b"\\u0000" in text:
        return None
    return Pinned(name, text, pin_of(text))


def canonical(definition: dict[str, Any]) -> bytes:
    """Only what is pinned, keys sorted, nothing between them."""
    return orjson.dumps({key: definition[key] for key in PINNED if key in definition}, option=orjson.OPT_SORT_KEYS)


def pin_of(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def estimated_tokens(text: bytes) -> int:
    return -(-len(text) // BYTES_PER_TOKEN)
