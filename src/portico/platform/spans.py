"""Spans on their way to an OTLP collector: sampled, queued within a bound, sent by the official exporter in a thread.

Whoever offers a span never waits. A collector that is slow or gone costs spans, which are counted, and nothing else.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portico import __version__
from portico.platform.otel import OtelSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

log = structlog.get_logger("portico.spans")
MOST_WAITING = 4096
BATCH = 512
EVERY_S = 1.0
# Of one export with its retries; at the end, of all that is left.
EXPORT_S = 5.0
Attribute = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work that is over. Ids are hexadecimal, times µs; `error` says in words why it failed."""

    name: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    began_us: int
    took_us: int
    attributes: Mapping[str, Attribute]
    events: Sequence[tuple[str, int]] = ()
    error: str | None = None


MakeSpan = Callable[[], Span]


class SpanSink(Protocol):
    def samples(self, trace_id: str) -> bool: ...
    def offer(self, make: MakeSpan) -> None:
        """`make` is called later, in another thread, if there is room for what it makes."""
        ...


# Compared as itself: a registry keeps its collectors in a set.
@dataclass(slots=True, eq=False)
class SpanNumbers(Collector):
    exported: int = 0
    waiting: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def collect(self) -> Iterator[Metric]:
        exported = CounterMetricFamily("portico_spans_exported", "Spans that the collector took.")
        exported.add_metric((), self.exported)
        dropped = CounterMetricFamily("portico_spans_dropped", "Spans that were lost, by reason.", labels=("reason",))
        for reason in ("queue_full", "not_made", "not_taken"):
            dropped.add_metric((reason,), self.dropped[reason])
        yield from (exported, dropped)
        yield GaugeMetricFamily("portico_spans_waiting", "Spans that wait to be exported.", value=self.waiting)


class SpanExport:
    """One per process; `run` in a task of its own. What is offered is sent at the latest EVERY_S later."""

    def __init__(self, settings: OtelSettings, exporter: "SpanExporter | None" = None) -> None:
        self.numbers = SpanNumbers()
        self._settings, self._bound = settings, settings.sampling_bound
        self._exporter = _exporter(settings) if exporter is None else exporter
        self._dress = _Dress(settings.service_name)
        self._waiting: deque[MakeSpan] = deque()
        self._enough = asyncio.Event()
        self._works = True

    def samples(self, trace_id: str) -> bool:
        return int(trace_id[16:], 16) < self._bound

    def offer(self, make: MakeSpan) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.numbers.dropped["queue_full"] += 1
            return
        self._waiting.append(make)
        self.numbers.waiting = len(self._waiting)
        if len(self._waiting) >= BATCH:
            self._enough.set()

    async def run(self) -> None:
        """Until cancelled; then what waits goes out, for as long as one export may take."""
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._enough.wait(), EVERY_S)
                self._enough.clear()
                await self.flush()
        finally:
            await self._close()

    async def flush(self) -> None:
        """Send what waits now, a batch at a time."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            made, taken = await asyncio.to_thread(self._send, batch)
            self.numbers.dropped["not_made"] += len(batch) - made
            self._count(made, taken=taken)

    async def _close(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.flush(), EXPORT_S)
        # Ends the wait of a retry too, so that its thread does not hold up the end of the process.
        self._exporter.shutdown()

    def _send(self, batch: list[MakeSpan]) -> tuple[int, bool]:
        """How many could be made, and whether they were taken. In a thread: making is work, sending is waiting."""
        made = []
        for make in batch:
            # What a span is made of was written by any gateway; one that is damaged must not cost its batch.
            with suppress(ValueError, TypeError, KeyError):
                made.append(self._dress.readable(make()))
        return len(made), self._exporter.export(made).name == "SUCCESS"

    def _count(self, size: int, *, taken: bool) -> None:
        self.numbers.waiting = len(self._waiting)
        if taken:
            self.numbers.exported += size
        else:
            self.numbers.dropped["not_taken"] += size
        if taken != self._works:
            self._works = taken
            if taken:
                log.info("spans_exported_again", to=self._settings.traces_url)
            else:
                log.warning("spans_not_taken", to=self._settings.traces_url, lost=size)


class _Dress:
    """Our spans as the SDK wants them."""

    def __init__(self, service_name: str) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        # With what OTEL_RESOURCE_ATTRIBUTES adds.
        self._resource = Resource.create({"service.name": service_name, "service.version": __version__})
        self._scope = InstrumentationScope("portico", __version__)

    def readable(self, span: Span) -> "ReadableSpan":
        from opentelemetry.sdk.trace import Event, ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        def context(span_id: str, *, remote: bool) -> SpanContext:
            return SpanContext(int(span.trace_id, 16), int(span_id, 16), remote, TraceFlags(TraceFlags.SAMPLED))

        return ReadableSpan(
            span.name,
            context=context(span.span_id, remote=False),
            parent=None if span.parent_span_id is None else context(span.parent_span_id, remote=True),
            resource=self._resource,
            attributes=dict(span.attributes),
            events=[Event(name, timestamp=at_us * 1000) for name, at_us in span.events],
            kind=SpanKind.SERVER,
            status=Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, span.error),
            start_time=span.began_us * 1000,
            end_time=(span.began_us + span.took_us) * 1000,
            instrumentation_scope=self._scope,
        )


def _exporter(settings: OtelSettings) -> "SpanExporter":
    """Loaded here, so that whoever exports nothing pays nothing. Headers and certificates: its own OTEL_EXPORTER_OTLP_*."""
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # It reports every try; we say once that spans are lost, and count them.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    return OTLPSpanExporter(endpoint=settings.traces_url, timeout=EXPORT_S, compression=Compression.Gzip)
