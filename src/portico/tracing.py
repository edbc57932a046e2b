"""Spans of an agent's own code, in the same traces as its calls through Portico.

    from portico.tracing import traced

    @traced
    async def plan(goal: str) -> list[str]: ...

OTEL_ENABLED=true exports them (with `portico[otel]`), by the settings that Portico itself goes by; otherwise they cost next to
nothing. What is given here are OpenTelemetry's own objects, so whatever knows those works with them.
"""

import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Tracer, get_current_span, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from portico.platform.otel import OtelSettings
from portico.platform.settings import SettingsInvalid, load_otel

__all__ = ["TraceRequests", "get_current_span", "get_tracer", "serving", "start_tracing", "trace_headers", "traced"]

Work = TypeVar("Work", bound=Callable[..., Any])
Attributes = Mapping[str, AttributeValue]
Scope = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
_log = logging.getLogger("portico.tracing")
_form = TraceContextTextMapPropagator()
EXPORT_S = 5.0


def start_tracing(service_name: str | None = None) -> bool:
    """Export spans from now on, if OTEL_ENABLED says so; whether they are. Call it at the start, or leave it to the first span.

    raises   SettingsInvalid
    """
    settings = load_otel()
    if not settings.enabled:
        return False
    from opentelemetry.sdk.trace import TracerProvider

    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(_provider(settings, service_name))
    return True


def get_tracer(name: str) -> Tracer:
    """`with get_tracer(__name__).start_as_current_span("fetch") as span: span.set_attribute("url", url)`"""
    _start_once()
    return trace.get_tracer(name)


@overload
def traced(work: Work) -> Work: ...
@overload
def traced(work: str | None = None, *, attributes: Attributes | None = None) -> Callable[[Work], Work]: ...
def traced(work: Any = None, *, attributes: Attributes | None = None) -> Any:
    """A span for each call of a function, of whichever kind: plain, async, or a generator of either.

    `@traced`, `@traced()`, `@traced("name", attributes={"k": 1})`. An exception is recorded, marks the span as failed, and
    goes on. Inside, `get_current_span()` is the span: `add_event`, `set_attribute`. Arguments are not recorded.
    """
    if callable(work):
        return _wrapped(work, None, None)
    return lambda function: _wrapped(function, work, attributes)


@contextmanager
def serving(name: str, headers: Mapping[str, str]) -> Iterator[Span]:
    """The work for one request, below the span of whoever sent it."""
    given = {key.lower(): value for key, value in headers.items()}
    tracer = get_tracer("portico.tracing")
    with tracer.start_as_current_span(name, context=_form.extract(given), kind=SpanKind.SERVER) as span:
        yield span


def trace_headers() -> dict[str, str]:
    """What to send along with a call, so that it hangs below the current span."""
    headers: dict[str, str] = {}
    _form.inject(headers)
    return headers


class TraceRequests:
    """ASGI middleware for an agent's server: each request is a span below its caller's, until its answer has ended."""

    def __init__(self, app: AsgiApp) -> None:
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with serving(f"{scope['method']} {scope['path']}", headers) as span:

            async def send_and_note(message: Any) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self.app(scope, receive, send_and_note)


def _wrapped(work: Callable[..., Any], name: str | None, attributes: Attributes | None) -> Callable[..., Any]:
    begin = _Begin(work.__module__, name or work.__qualname__, dict(attributes or {}))
    if inspect.isasyncgenfunction(work):
        return _async_generator(work, begin)
    if inspect.iscoroutinefunction(work):
        return _coroutine(work, begin)
    if inspect.isgeneratorfunction(work):
        return _generator(work, begin)

    @functools.wraps(work)
    def traced_work(*args: Any, **kwargs: Any) -> Any:
        with use_span(begin.span(), end_on_exit=True):
            return work(*args, **kwargs)

    return traced_work


@dataclass(frozen=True, slots=True)
class _Begin:
    module: str
    name: str
    attributes: Attributes

    def span(self) -> Span:
        return get_tracer(self.module).start_span(self.name, attributes=self.attributes)


def _coroutine(work: Callable[..., Any], begin: _Begin) -> Callable[..., Any]:
    @functools.wraps(work)
    async def traced_work(*args: Any, **kwargs: Any) -> Any:
        with use_span(begin.span(), end_on_exit=True):
            return await work(*args, **kwargs)

    return traced_work


def _generator(work: Callable[..., Any], begin: _Begin) -> Callable[..., Any]:
    @functools.wraps(work)
    def traced_work(*args: Any, **kwargs: Any) -> Iterator[Any]:
        span, each = begin.span(), work(*args, **kwargs)
        try:
            while True:
                # Current only while it works: between its values its caller does, who has a span of his own.
                with use_span(span):
                    try:
                        value = next(each)
                    except StopIteration:
                        return
                yield value
        finally:
            each.close()
            span.end()

    return traced_work


def _async_generator(work: Callable[..., Any], begin: _Begin) -> Callable[..., Any]:
    @functools.wraps(work)
    async def traced_work(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        span, each = begin.span(), work(*args, **kwargs)
        try:
            while True:
                with use_span(span):
                    try:
                        value = await anext(each)
                    except StopAsyncIteration:
                        return
                yield value
        finally:
            await each.aclose()
            span.end()

    return traced_work


@functools.cache
def _start_once() -> None:
    """In the middle of somebody's work: what is wrong with the settings is said, and the work goes on without spans."""
    try:
        start_tracing()
    except SettingsInvalid as invalid:
        _log.warning("No spans are exported: %s", "; ".join(invalid.problems))


def _provider(settings: OtelSettings, service_name: str | None) -> Any:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    # By the trace's id alone, as Portico decides, so that a trace is exported by all that took part in it or by none.
    provider = TracerProvider(
        sampler=TraceIdRatioBased(settings.sampling_rate),
        resource=Resource.create({"service.name": service_name or settings.service_name}),
    )
    exporter = OTLPSpanExporter(endpoint=settings.traces_url, timeout=EXPORT_S, compression=Compression.Gzip)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
