"""Two definitions of a tool as lines that a person can compare. Pure.

What cannot be seen is written out: a text that hides instructions from a reader does not hide them here.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

import orjson

Change = Literal["same", "added", "removed"]
MOST_LINES = 2000
_SCALAR_FIRST = ("name", "title", "description", "annotations", "inputSchema", "outputSchema")


class DiffLine(NamedTuple):
    change: Change
    text: str


def diff_lines(before: str | None, after: str) -> list[DiffLine]:
    """`before` None: everything is new."""
    old = [] if before is None else list(_lines(orjson.loads(before)))
    new = list(_lines(orjson.loads(after)))
    found: list[DiffLine] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [DiffLine("same", line) for line in old[i1:i2]]
        else:
            found += [DiffLine("removed", line) for line in old[i1:i2]]
            found += [DiffLine("added", line) for line in new[j1:j2]]
    return found[:MOST_LINES]


def _lines(definition: dict[str, Any]) -> Iterator[str]:
    for field in _SCALAR_FIRST:
        if field not in definition:
            continue
        value = definition[field]
        if isinstance(value, str):
            yield from (f"{field}: {visible(line)}" for line in value.split("\n"))
        else:
            text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
            yield from (f"{field}: {visible(line)}" for line in text.split("\n"))


def visible(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)
