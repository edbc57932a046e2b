"""Keyset pages: a cursor is the last row's sort values, opaque to the client."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from portico.kernel.errors import InvalidInput

T = TypeVar("T")
SortValues: TypeAlias = tuple[str | int | float | None, ...]
KeyOf: TypeAlias = Callable[[T], SortValues]
DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
_MOST_VALUES = 4
# The last microsecond of the calendar since 1970: no number that a list is sorted by lies beyond it.
_LARGEST = 253_402_300_799_999_999


@dataclass(frozen=True, slots=True)
class Cursor:
    """`after` holds the last row's sort values; `page` counts pages for the envelope."""

    after: SortValues
    page: int

    def encode(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.page, *self.after]).encode()).decode().rstrip("=")


def decode_cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    try:
        page, *after = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, binascii.Error) as error:
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it") from error
    if not (_is_page(page) and 1 <= len(after) <= _MOST_VALUES and all(_sorts(value) for value in after)):
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    return Cursor(tuple(after), page)


def _is_page(page: object) -> bool:
    return isinstance(page, int) and not isinstance(page, bool) and 1 <= page <= _LARGEST


def _sorts(value: object) -> bool:
    """Whether a list could have given this value out, so that no database need be asked what it makes of it."""
    if isinstance(value, str):
        # Neither NUL nor half a character can be stored.
        return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, int | float):
        return not isinstance(value, bool) and 0 <= value <= _LARGEST
    return value is None


@dataclass(frozen=True, slots=True)
class PageAsk:
    page_size: int = DEFAULT_PAGE_SIZE
    cursor: Cursor | None = None

    @property
    def page(self) -> int:
        return 1 if self.cursor is None else self.cursor.page


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    page: int
    page_size: int
    total: int | None
    next_cursor: str | None


def make_page(rows: list[T], ask: PageAsk, key_of: KeyOf[T], total: int | None) -> Page[T]:
    """Cut a result that was fetched with one row more than the page holds."""
    items = rows[: ask.page_size]
    more = len(rows) > ask.page_size
    cursor = Cursor(key_of(items[-1]), ask.page + 1).encode() if more else None
    return Page(items, ask.page, ask.page_size, total, cursor)
