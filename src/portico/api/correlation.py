"""Ids that tie a request to its log lines and its trace, taken from the caller when they are sane, made otherwise."""

import os
import re

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portico.kernel.ids import ulid

_SANE_ID = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
_TRACE_PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


class Correlate:
    """Outermost: gives `request.state.correlation_id` and `trace_id`, and sends both back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        correlation_id = _correlation_id(headers.get("x-request-id"))
        trace_id, parent, flags = _trace(headers.get("traceparent"))
        span_id = os.urandom(8).hex()
        trace_parent = f"00-{trace_id}-{span_id}-{flags}"
        state = scope.setdefault("state", {})
        state["correlation_id"], state["trace_id"] = correlation_id, trace_id
        state["span_id"], state["parent_span_id"] = span_id, parent

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["X-Request-Id"], answer["traceparent"] = correlation_id, trace_parent
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id, trace_id=trace_id):
            await self.app(scope, receive, send_with_ids)


def _correlation_id(given: str | None) -> str:
    return given if given is not None and _SANE_ID.fullmatch(given) else f"req-{ulid()}"


def _trace(given: str | None) -> tuple[str, str | None, str]:
    """The trace, the caller's span and the flags."""
    found = None if given is None else _TRACE_PARENT.fullmatch(given.strip())
    if found is None:
        return os.urandom(16).hex(), None, "00"
    # A trace that the gateway began for a client without one: there is no span above ours.
    parent = None if found[2] == found[1][16:] else found[2]
    return found[1], parent, found[3]
