"""Spans reach a collector as they were offered; one that is slow, gone or unwilling costs spans, counted, and nothing else."""

import asyncio
import random
from collections.abc import Iterator
from functools import partial

import pytest
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from prometheus_client import CollectorRegistry, generate_latest

from portico.platform.otel import OtelSettings
from portico.platform.spans import BATCH, MOST_WAITING, Span, SpanExport
from tests.collector import Collector, collecting

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "b7ad6b7169203331"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def export_to(collector: Collector, **changes: object) -> SpanExport:
    settings = OtelSettings(
        enabled=True,
        exporter_endpoint=collector.url,
        exporter_insecure=True,
        **changes,  # type: ignore[arg-type]
    )
    assert settings.problems(production=False) == []
    return SpanExport(settings)


def span(name: str = "chat gpt", **changes: object) -> Span:
    values: dict[str, object] = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": PARENT,
        "began_us": 1_767_268_800_000_000,
        "took_us": 2500,
        "attributes": {"portico.service": "größe", "tokens": 3, "cached": True},
        "events": [("admit done", 1_767_268_800_000_100)],
    }
    return Span(name, **(values | changes))  # type: ignore[arg-type]


@pytest.mark.req("HY17")
async def test_a_span_arrives_with_its_ids_times_attributes_and_events(collector: Collector) -> None:
    export = export_to(collector)
    export.offer(span)
    export.offer(partial(span, "failed", parent_span_id=None, error="over budget"))
    await export.flush()
    arrived, failed = collector.spans
    assert (arrived.trace_id, arrived.span_id, arrived.parent_span_id) == (TRACE, SPAN, PARENT)
    assert (arrived.service, arrived.name, arrived.kind, arrived.failed) == ("agentos", "chat gpt", 2, False)
    assert (arrived.began_ns, arrived.ended_ns) == (1_767_268_800_000_000_000, 1_767_268_800_002_500_000)
    assert arrived.attributes == {"portico.service": "größe", "tokens": 3, "cached": True}
    assert arrived.events == ["admit done"]
    assert (failed.parent_span_id, failed.failed, failed.message) == ("", True, "over budget")


@pytest.mark.req("HY17")
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.5, 1.0])
def test_what_is_sampled_is_what_opentelemetrys_own_sampler_takes(collector: Collector, rate: float) -> None:
    export, theirs, dice = export_to(collector, sampling_rate=rate), TraceIdRatioBased(rate), random.Random(7)
    for trace_id in (dice.getrandbits(128) for _ in range(2000)):
        taken = theirs.should_sample(None, trace_id, "").decision.is_sampled()
        assert export.samples(f"{trace_id:032x}") is taken


@pytest.mark.req("HY17")
async def test_more_than_may_wait_is_dropped_and_counted(collector: Collector) -> None:
    export = export_to(collector)
    for _ in range(MOST_WAITING + 10):
        export.offer(span)
    assert (export.numbers.waiting, export.numbers.dropped["queue_full"]) == (MOST_WAITING, 10)
    await export.flush()
    assert (export.numbers.waiting, export.numbers.exported) == (0, MOST_WAITING)
    assert collector.requests == MOST_WAITING // BATCH


@pytest.mark.req("HY17")
async def test_a_collector_that_refuses_costs_the_batch_and_is_told_of_once(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    export = export_to(collector)
    collector.status = 400
    for _ in range(3):
        export.offer(span)
        await export.flush()
    collector.status = 200
    export.offer(span)
    await export.flush()
    assert (export.numbers.dropped["not_taken"], export.numbers.exported) == (3, 1)
    told = [record.getMessage() for record in caplog.records]
    assert [sum(name in line for line in told) for name in ("spans_not_taken", "spans_exported_again")] == [1, 1]


async def test_a_span_that_cannot_be_made_costs_no_other(collector: Collector) -> None:
    def broken() -> Span:
        raise ValueError("damaged")

    export = export_to(collector)
    export.offer(broken)
    export.offer(span)
    await export.flush()
    assert (len(collector.spans), export.numbers.dropped["not_made"]) == (1, 1)


@pytest.mark.req("HY17")
async def test_what_waits_is_sent_when_the_process_stops(collector: Collector) -> None:
    export = export_to(collector)
    running = asyncio.create_task(export.run())
    # One turn, so that it has begun.
    await asyncio.sleep(0)
    export.offer(span)
    running.cancel()
    await asyncio.wait([running], timeout=20)
    assert (len(collector.spans), export.numbers.waiting) == (1, 0)


async def test_the_numbers_are_there_before_anything_happened(collector: Collector) -> None:
    registry = CollectorRegistry()
    registry.register(export_to(collector).numbers)
    told = generate_latest(registry).decode()
    assert 'portico_spans_dropped_total{reason="queue_full"} 0.0' in told
    assert "portico_spans_exported_total 0.0" in told
