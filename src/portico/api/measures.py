"""Request counts and durations, and GET /metrics."""

import hmac
import time

from fastapi import APIRouter, Request
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portico.kernel.errors import BadKey, MissingCredentials
from portico.platform.settings import Settings
from portico.platform.spans import Span, SpanSink
from portico.platform.telemetry import Metrics, logger
from portico.platform.web import DepsDep

router = APIRouter(include_in_schema=False)
_log = logger("portico.api")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measure:
    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note_status)
        finally:
            # The route's template, never the path itself: ids would make a series each.
            path = scope["app"].state.paths.of(scope.get("route")) or "unmatched"
            took_s = time.perf_counter() - began
            self.metrics.requests.labels(_method(scope), path, str(status)).inc()
            self.metrics.durations.labels(_method(scope), path).observe(took_s)
            if path.startswith("/api/"):
                _log.info("request", method=scope["method"], path=path, status=status, took_ms=round(took_s * 1000, 2))
                _offer_span(scope, path, status, took_s)


def _offer_span(scope: Scope, path: str, status: int, took_s: float) -> None:
    spans: SpanSink | None = scope["app"].state.spans
    state = scope["state"]
    if spans is None or not spans.samples(state["trace_id"]):
        return
    span = Span(
        name=f"{_method(scope)} {path}",
        trace_id=state["trace_id"],
        span_id=state["span_id"],
        parent_span_id=state["parent_span_id"],
        began_us=int((time.time() - took_s) * 1_000_000),
        took_us=int(took_s * 1_000_000),
        attributes={
            "http.request.method": _method(scope),
            "http.route": path,
            "http.response.status_code": status,
            "portico.correlation_id": state["correlation_id"],
        },
        error=f"status {status}" if status >= 500 else None,
    )
    spans.offer(lambda: span)


def _method(scope: Scope) -> str:
    """Clients may invent methods; series may not be made that way."""
    method: str = scope["method"]
    return method if method in _METHODS else "other"


@router.get("/metrics")
async def read_metrics(request: Request, deps: DepsDep) -> Response:
    _check_key(request.headers.get("authorization", ""), deps.settings)
    metrics: Metrics = request.app.state.metrics
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _check_key(header: str, settings: Settings) -> None:
    """The current key or the one before; open only in development and only while no key is set."""
    accepted = [key.reveal() for key in (settings.metrics.key, settings.metrics.previous_key) if key]
    if not accepted and settings.environment == "development":
        return
    kind, _, given = header.partition(" ")
    if kind.lower() != "bearer" or not given:
        raise MissingCredentials
    # Every key is compared, so that the time taken does not tell which one was nearly right.
    if not any([hmac.compare_digest(given.strip().encode(), key.encode()) for key in accepted]):  # noqa: C419
        raise BadKey
