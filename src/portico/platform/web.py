"""What every `routes.py` uses: the caller's scope, the permission it needs, a page, and the one list envelope."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
)
from pydantic_core import CoreSchema, core_schema

from portico.kernel.clock import rfc3339
from portico.kernel.errors import MissingCredentials, NotPermitted
from portico.kernel.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page, PageAsk, decode_cursor
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

T = TypeVar("T")
Row = TypeVar("Row")

Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def _in_bounds(moment: datetime) -> datetime:
    return min(max(moment, _EARLIEST), _LATEST)


# An end of a stretch of time. Nothing happened beyond these bounds, and at the ends of the calendar arithmetic fails.
Bound = Annotated[AwareDatetime, AfterValidator(_in_bounds)]


class Wire(BaseModel):
    """Base of every answer; fields are exactly what the contract names."""

    model_config = ConfigDict(from_attributes=True)


class Ask(BaseModel):
    """Base of every request body; an unknown field is an error rather than a silent loss."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def _without_defaults(schema: dict[str, Any]) -> None:
    for described in schema.get("properties", {}).values():
        described.pop("default", None)


class Patch(Ask):
    """Base of partial changes: what is left out stays, so the document must not state a default for it."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


@dataclass(frozen=True, slots=True)
class Shaped:
    """A text's form, with a sentence for who gets it wrong; the document states the pattern."""

    pattern: str
    says: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^{self.pattern}$"}

    def _checked(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(self.says)
        return text


class Cursors(Wire):
    next: str | None


class Pagination(Wire):
    page: int
    page_size: int
    total: int | None
    cursors: Cursors


class Listing(Wire, Generic[T]):
    """`{items, pagination}`, the only shape of a list."""

    items: list[T]
    pagination: Pagination


def listing(page: Page[Row], wire: Callable[[Row], T]) -> Listing[T]:
    return Listing[Any](
        items=[wire(row) for row in page.items],
        pagination=Pagination(
            page=page.page, page_size=page.page_size, total=page.total, cursors=Cursors(next=page.next_cursor)
        ),
    )


def whole_listing(rows: list[T]) -> Listing[T]:
    """For lists that are short by nature and always come whole."""
    pagination = Pagination(page=1, page_size=max(len(rows), 1), total=len(rows), cursors=Cursors(next=None))
    return Listing[Any](items=rows, pagination=pagination)


def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


def _scope(request: Request) -> OrgScope:
    """The scope that the API door's authentication put there; none means nobody is signed in."""
    scope: OrgScope | None = getattr(request.state, "scope", None)
    if scope is None:
        raise MissingCredentials
    return scope


def _page_ask(
    page_size: Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE)] = DEFAULT_PAGE_SIZE,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> PageAsk:
    return PageAsk(page_size, decode_cursor(cursor))


DepsDep = Annotated[Deps, Depends(_deps)]
Who = Annotated[OrgScope, Depends(_scope)]
PageDep = Annotated[PageAsk, Depends(_page_ask)]


def needs(permission: str) -> Any:
    """`scope: OrgScope = needs("services.read")`: signed in and permitted by role; finer checks are the domain's."""

    def permitted(scope: Who) -> OrgScope:
        if not scope.may(permission):
            raise NotPermitted(permission)
        return scope

    permitted.__name__ = f"needs_{permission.replace('.', '_')}"
    return Depends(permitted)
