"""Spans of agents' own code: of every kind of function, below their callers', silent unless they are asked for."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from portico import tracing
from portico.tracing import TraceRequests, get_current_span, get_tracer, serving, trace_headers, traced
from tests.collector import collecting

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Spans:
    def __init__(self) -> None:
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.memory))

    def __call__(self) -> list[ReadableSpan]:
        return list(self.memory.get_finished_spans())

    def names(self) -> list[str]:
        return [span.name.rpartition(".")[2] for span in self()]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """OpenTelemetry's own memory exporter; its provider can be set but once in a process, so it is put in by hand."""
    found = Spans()
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", found.provider)
    return found


@pytest.mark.req("HY17")
async def test_a_function_of_any_kind_is_a_span(spans: Spans) -> None:
    @traced
    def plain(number: int) -> int:
        return number + 1

    @traced()
    async def later(number: int) -> int:
        get_current_span().add_event("half way", {"number": number})
        return plain(number) + 1

    @traced("every", attributes={"step": 2})
    def each(number: int) -> Iterator[int]:
        yield from range(number)

    @traced
    async def stream(number: int) -> AsyncIterator[int]:
        for each in range(number):
            yield await later(each)

    assert (plain(1), await later(1), list(each(3)), [n async for n in stream(2)]) == (2, 3, [0, 1, 2], [2, 3])
    assert spans.names() == ["plain", "plain", "later", "every", "plain", "later", "plain", "later", "stream"]
    inner, outer = spans()[1:3]
    assert inner.parent is not None
    assert inner.parent.span_id == outer.get_span_context().span_id  # type: ignore[union-attr]
    assert [event.name for event in outer.events] == ["half way"]
    assert dict(spans()[3].attributes or {}) == {"step": 2}
    assert plain.__name__ == "plain"


@pytest.mark.req("HY17")
async def test_an_exception_fails_its_span_and_goes_on(spans: Spans) -> None:
    @traced
    async def fails() -> None:
        raise LookupError("no such project")

    @traced
    async def breaks_off() -> AsyncIterator[int]:
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no such project"):
        await fails()
    with pytest.raises(LookupError, match="no more"):
        [each async for each in breaks_off()]
    for span in spans():
        assert not span.status.is_ok
        assert [event.name for event in span.events] == ["exception"]


@pytest.mark.req("HY17")
async def test_between_the_values_of_a_stream_its_reader_is_not_below_its_span(spans: Spans) -> None:
    @traced
    async def stream() -> AsyncIterator[int]:
        yield 1
        yield 2

    reading = stream()
    outside = get_current_span()
    async for _ in reading:
        assert get_current_span() is outside
        break
    await reading.aclose()  # type: ignore[attr-defined]
    assert spans.names() == ["stream"]


@pytest.mark.req("HY17")
def test_a_request_hangs_below_its_caller_and_what_it_sends_below_it(spans: Spans) -> None:
    with (
        serving("answer", {"TraceParent": CALLER["traceparent"]}),
        get_tracer("agent").start_as_current_span("look up"),
    ):
        told = trace_headers()["traceparent"]
    look_up, answer = spans()
    assert answer.parent is not None
    assert f"{answer.parent.span_id:016x}" == PARENT
    assert told == f"00-{TRACE}-{look_up.get_span_context().span_id:016x}-01"  # type: ignore[union-attr]


@pytest.mark.req("HY17")
async def test_the_middleware_serves_every_request_below_its_caller(spans: Spans) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    headers = [(name.encode(), value.encode()) for name, value in CALLER.items()]
    scope = {"type": "http", "method": "POST", "path": "/rpc", "headers": headers}
    await TraceRequests(app)(scope, receive, send)
    await TraceRequests(app)({"type": "lifespan"}, receive, send)
    [span] = spans()
    assert (span.name, dict(span.attributes or {})) == ("POST /rpc", {"http.response.status_code": 204})
    assert f"{span.get_span_context().trace_id:032x}" == TRACE  # type: ignore[union-attr]


PROGRAM = """
from portico.tracing import serving, trace_headers, traced
import json, sys

@traced
def work():
    return trace_headers()

with serving("answer", {"traceparent": sys.argv[1]}):
    print(json.dumps(work()))
"""


def run_program(**environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PORTICO_"))}
    command = [sys.executable, "-c", PROGRAM, CALLER["traceparent"]]
    return subprocess.run(command, env=kept | environ, capture_output=True, text=True, timeout=60, check=True)


@pytest.mark.req("HY17")
def test_a_program_that_exports_nothing_still_passes_its_callers_trace_on() -> None:
    assert json.loads(run_program().stdout) == CALLER


@pytest.mark.req("HY17")
def test_a_program_exports_its_spans_when_the_environment_says_so() -> None:
    with collecting() as collector:
        environ = {"OTEL_EXPORTER_ENDPOINT": collector.url, "OTEL_EXPORTER_INSECURE": "true", "OTEL_ENABLED": "true"}
        told = json.loads(run_program(**environ, OTEL_SERVICE_NAME="planner").stdout)["traceparent"]
        [answer], [work] = collector.named("answer"), collector.named("work")
        run_program(**environ, OTEL_SAMPLING_RATE="0")
    assert (answer.trace_id, answer.parent_span_id, answer.service) == (TRACE, PARENT, "planner")
    assert (work.parent_span_id, told.split("-")[2]) == (answer.span_id, work.span_id)
    assert len(collector.spans) == 2


@pytest.mark.req("HY17")
def test_wrong_settings_stop_a_start_but_never_the_work() -> None:
    done = run_program(OTEL_ENABLED="true", OTEL_EXPORTER_INSECURE="true", PORTICO_ENV="production")
    assert json.loads(done.stdout) == CALLER
    assert "No spans are exported" in done.stderr
    assert "OTEL_EXPORTER_INSECURE" in done.stderr


def test_tracing_is_off_in_a_program_that_did_not_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_ENABLED", raising=False)
    assert tracing.start_tracing() is False
