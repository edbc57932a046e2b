"""How answers look: tables for people, JSON for programs, messages on stderr."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portico.kernel.money import dollars

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """`of` is a dotted path into the item, or a function of it; what is longer than `most` characters is cut."""

    title: str
    of: str | Callable[[Item], Any]
    right: bool = False
    most: int | None = None

    def text(self, item: Item) -> str:
        text = shown(dig(item, self.of) if isinstance(self.of, str) else self.of(item))
        return text if self.most is None or len(text) <= self.most else text[: self.most - 1] + "…"


def dig(item: Item, path: str) -> Any:
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def shown(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(each) for each in value)
    return str(value)


def money(path: str) -> Callable[[Item], str]:
    return lambda item: "-" if dig(item, path) is None else dollars(dig(item, path))


def moment(path: str) -> Callable[[Item], str]:
    """Seconds are enough for a table; the JSON output has them all."""
    return lambda item: str(dig(item, path) or "-").replace("T", " ")[:19]


def micros(path: str) -> Callable[[Item], str]:
    return lambda item: "-" if dig(item, path) is None else duration(dig(item, path))


def duration(us: int) -> str:
    if us < 1_000:
        return f"{us} µs"
    return f"{us / 1_000:.1f} ms" if us < 1_000_000 else f"{us / 1_000_000:.1f} s"


def say(text: str) -> None:
    """A message about what happens; never part of the output."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def put(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def put_bytes(raw: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def put_json(value: Any) -> None:
    put(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def put_json_line(value: Any) -> None:
    put(json.dumps(value, ensure_ascii=False, default=str))


def put_table(items: Iterable[Item], columns: Sequence[Column], *, empty: str = "Nothing here yet.") -> None:
    rows = [[column.text(item) for column in columns] for item in items]
    if not rows:
        say(empty)
        return
    if sys.stdout.isatty():
        _put_rich_table(rows, columns)
        return
    widths = [max(len(column.title), *(len(row[i]) for row in rows)) for i, column in enumerate(columns)]
    for row in ([column.title for column in columns], *rows):
        cells = [
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        put("  ".join(cells).rstrip())


def _put_rich_table(rows: list[list[str]], columns: Sequence[Column]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(table)


def put_card(item: Item, fields: Sequence[Column]) -> None:
    """One object, a line per field."""
    width = max(len(field.title) for field in fields)
    for field in fields:
        put(f"{field.title.ljust(width)}  {field.text(item)}")
