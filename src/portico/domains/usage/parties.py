"""Whom many calls share: org and scope, who called, and what; compiled where it can be, since every row holds one."""

from collections.abc import Sequence
from typing import Any, TypeAlias

Row: TypeAlias = tuple[Any, ...]


class Parties:
    """One for all rows of a batch that say the same.

    numbers   what the tables call its place and itself, once it has been looked up
    """

    __slots__ = ("numbers", "values")

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values
        self.numbers: tuple[Any, ...] = ()


def numbered(rows: Sequence[Row]) -> list[Row]:
    """The rows as the table of calls has them: with place and party as numbers."""
    found: list[Row] = []
    for row in rows:
        parties: Parties = row[-1]
        found.append(row[:-1] + parties.numbers)
    return found
