"""Every way a request can fail becomes the one error body; nothing of the inside is shown."""

import math
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portico.kernel.clock import Clock
from portico.kernel.errors import FieldError, InvalidFields, Refusal
from portico.platform.db import DatabaseUnavailable
from portico.platform.envelope import envelope
from portico.platform.telemetry import logger

_log = logger("portico.api")
Note = Callable[[Refusal, Scope], Awaitable[None]]


class RouteNotFound(Refusal):
    code = "ROUTE_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("Nothing is served at this path.")


class MethodNotAllowed(Refusal):
    code = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str) -> None:
        super().__init__(f"This path does not take {method}.")


class BadJson(Refusal):
    code = "BAD_JSON"

    def __init__(self) -> None:
        super().__init__("The body is not valid JSON.")


class TooLarge(Refusal):
    code = "TOO_LARGE"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"The body is larger than {most_bytes} bytes.")


class NulByte(Refusal):
    code = "NUL_BYTE"

    def __init__(self) -> None:
        super().__init__("The request holds a NUL character.")


class BadRequest(Refusal):
    code = "BAD_REQUEST"


class Internal(Refusal):
    code = "INTERNAL"

    def __init__(self) -> None:
        super().__init__("Something went wrong inside Portico.")


class DatabaseGone(Refusal):
    code = "DATABASE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The database does not answer.")


def refusal_of(error: Exception, method: str) -> Refusal:
    """What the caller may know of an exception."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _http(error, method)
    return DatabaseGone() if _is_database(error) else Internal()


def answer(error: Exception, request: Request, clock: Clock) -> Response:
    refusal = refusal_of(error, request.method)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after_s)))
    if refusal.row.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="portico"'
    body = envelope(
        refusal,
        correlation_id=request.state.correlation_id,
        trace_id=request.state.trace_id,
        path=request.url.path,
        at=clock.now(),
    )
    return Response(body, refusal.row.status, headers, media_type="application/json")


class AnswerFailures:
    """Catches what routes, dependencies and the layers inside raise, and logs what nobody foresaw, once."""

    def __init__(self, app: ASGIApp, *, clock: Clock, note: Note) -> None:
        self.app, self.clock, self.note = app, clock, note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, note_start)
        except Exception as error:
            _log_unforeseen(error, scope)
            if started:
                raise
            await self.note(refusal_of(error, scope["method"]), scope)
            await answer(error, Request(scope, receive), self.clock)(scope, receive, send)


def _log_unforeseen(error: Exception, scope: Scope) -> None:
    if isinstance(error, Refusal | HTTPException | RequestValidationError):
        return
    _log.error("request failed", method=scope["method"], path=scope["path"], exc_info=error)


def _is_database(error: Exception) -> bool:
    """The connection or the server failed, as opposed to a statement that was wrong."""
    if isinstance(error, DatabaseUnavailable | PoolTimeout | InterfaceError | OperationalError | ConnectionError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _invalid(error: RequestValidationError) -> Refusal:
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return BadJson()
    return InvalidFields(tuple(FieldError(_place(each["loc"]), _said(each)) for each in found[:50]))


def _place(location: tuple[Any, ...]) -> str:
    inner = (
        location[1:] if len(location) > 1 and location[0] in {"body", "query", "path", "header", "cookie"} else location
    )
    return ".".join(str(part) for part in inner)


_TIME = "must be a time with its zone, such as 2026-01-31T12:00:00Z"
# Where the library's own words would say nothing to who reads them.
_PLAINLY = {
    "extra_forbidden": "is not a field of this request",
    "missing": "is required",
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_type": _TIME,
    "timezone_aware": _TIME,
}


def _said(each: dict[str, Any]) -> str:
    if (plain := _PLAINLY.get(each["type"])) is not None:
        return plain
    if each["type"] == "too_short" and each.get("ctx", {}).get("field_type") == "Value":
        return "must not be empty"
    text = str(each["msg"]).removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _http(error: HTTPException, method: str) -> Refusal:
    match error.status_code:
        case 404:
            return RouteNotFound()
        case 405:
            return MethodNotAllowed(method)
        case 400:
            return BadJson()
        case 413:
            return BadRequest("The body is larger than this path takes.")
        case _:
            return BadRequest(str(error.detail)) if error.status_code < 500 else Internal()
