"""Bodies and addresses are checked whole before any route sees them: size, NUL characters, JSON that is really JSON."""

import re

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portico.api.failures import BadJson, BadRequest, NulByte, TooLarge

MAX_BODY_BYTES = 1024 * 1024
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class CheckBodies:
    def __init__(self, app: ASGIApp, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.app, self.max_body_bytes = app, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        _check_address(scope)
        headers = Headers(scope=scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        body = await self._read(headers, receive)
        _check(body, headers.get("content-type", ""))
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self.max_body_bytes:
            raise TooLarge(self.max_body_bytes)
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The client left before the body was complete.")
            body += message.get("body", b"")
            if len(body) > self.max_body_bytes:
                raise TooLarge(self.max_body_bytes)
            if not message.get("more_body", False):
                return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _check_address(scope: Scope) -> None:
    if "\x00" in scope["path"] or b"%00" in scope["query_string"] or b"\x00" in scope["query_string"]:
        raise NulByte


def _check(body: bytes, content_type: str) -> None:
    if b"\x00" in body or (b"\\u0000" in body and _ESCAPED_NUL.search(body)):
        raise NulByte
    if body and "json" in content_type.lower():
        try:
            # Stricter than the standard library: no NaN, no lone surrogates, bounded depth.
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BadJson from error
