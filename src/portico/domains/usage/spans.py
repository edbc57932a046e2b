"""A call as a span of its trace, with the id that its service was told: what the service did in turn hangs below it."""

from collections.abc import Container, Iterable
from functools import partial

from portico.domains.usage.entry import line_of
from portico.domains.usage.model import CallLine
from portico.domains.usage.parties import Row
from portico.kernel.ids import hex_of
from portico.platform.spans import Attribute, Span, SpanSink

# A collector shows names in lists and counts by them; they come from clients.
_LONGEST_NAME = 200
_CHATS = {"/v1/chat/completions": "chat", "/v1/messages": "chat", "/v1/responses": "chat"}


def offer_calls(spans: SpanSink, rows: Iterable[Row], hops: Container[str]) -> None:
    """Those of the rows whose traces are sampled; `hops` are ids of those that belong to a trace of their client."""
    for row in rows:
        # A trace that begins here is named by its call, so only for a hop its row has to be read.
        trace_id = line_of(row, whole=False).trace_id if row[0] in hops else hex_of(row[0])
        if spans.samples(trace_id):
            spans.offer(partial(span_of, row))


def span_of(row: Row) -> Span:
    line = line_of(row, whole=True)
    return Span(
        name=_name(line)[:_LONGEST_NAME],
        trace_id=line.trace_id,
        span_id=line.span_id,
        parent_span_id=line.parent_span_id,
        began_us=line.at_us,
        took_us=line.duration_us,
        attributes=_attributes(line),
        events=[(f"{stage.name} done", line.at_us + stage.start_us + stage.took_us) for stage in line.stages],
        error=_error(line),
    )


def _name(line: CallLine) -> str:
    """What was done, and to what: `chat gpt-5`, `tools/call add`, `GET inventory`."""
    what = _CHATS.get(line.path, line.method) if line.service_kind == "model" else line.method
    return f"{what} {line.model or line.service}"


def _error(line: CallLine) -> str | None:
    if line.verdict == "allowed":
        return None
    return line.message or f"{line.verdict}, status {line.status}"


def _attributes(line: CallLine) -> dict[str, Attribute]:
    """OpenTelemetry's own names where it has some; no bodies, headers or addresses of clients."""
    found: dict[str, Attribute | None] = {
        "portico.call.id": line.id,
        "portico.org.id": line.org_id,
        "portico.scope": line.scope,
        "portico.principal.id": line.principal_id,
        "portico.principal.kind": line.principal_kind,
        "portico.service": line.service,
        "portico.service.kind": line.service_kind,
        "portico.service.version": line.version,
        "portico.canary": line.canary or None,
        "portico.dialect": line.dialect,
        "portico.operation": line.method,
        "portico.verdict": line.verdict,
        "portico.reason": line.reason,
        "portico.cost_microusd": line.cost_microusd,
        "portico.added_us": line.added_us,
        "portico.attempts": line.attempts,
        "portico.streamed": line.streamed or None,
        "portico.cached": line.cached or None,
        "portico.snapshot": line.snapshot_version,
        "portico.correlation_id": line.correlation_id,
        "url.path": line.path,
        "http.response.status_code": line.status or None,
        "error.type": line.reason if line.verdict != "allowed" else None,
    }
    found |= _of_kind(line)
    return {name: value for name, value in found.items() if value is not None}


def _of_kind(line: CallLine) -> dict[str, Attribute | None]:
    match line.service_kind:
        case "model":
            return {
                "gen_ai.operation.name": _CHATS.get(line.path),
                "gen_ai.request.model": line.model,
                "gen_ai.usage.input_tokens": line.tokens_in,
                "gen_ai.usage.output_tokens": line.tokens_out,
                "portico.tokens_estimated": line.tokens_estimated or None,
            }
        case "tools":
            called = line.method == "tools/call"
            return {
                "mcp.method.name": line.method,
                "gen_ai.operation.name": "execute_tool" if called else None,
                "gen_ai.tool.name": line.model if called else None,
            }
        case "agent":
            return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": line.service}
        case _:
            return {"http.request.method": line.method}
