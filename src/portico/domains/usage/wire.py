"""How calls and what they add up to look to clients."""

from typing import Annotated, Literal

from pydantic import WithJsonSchema

from portico.domains.limits import public as limits
from portico.domains.usage.analytics import Group, Series, Sums
from portico.domains.usage.model import CallLine, Verdict
from portico.domains.usage.notes import asked_model, notes_of
from portico.domains.usage.overview import AttentionKind, HealthStatus, LiveStats, Overview
from portico.domains.usage.record import CallRecord
from portico.domains.usage.service import FoundCall
from portico.kernel.errors import REGISTRY
from portico.platform.web import Moment, Wire

# Said to readers but not checked: a record that a gateway of another version wrote must not make a whole list unreadable.
CalledKind = Annotated[str, WithJsonSchema({"type": "string", "enum": ["http", "model", "tools", "agent", "builtin"]})]
Dialect = Annotated[
    str, WithJsonSchema({"type": "string", "enum": ["openai", "anthropic", "responses", "http", "mcp", "a2a"]})
]


class CallerWire(Wire):
    kind: Literal["key", "person", "anonymous"]
    id: str
    name: str


class CalledServiceWire(Wire):
    name: str
    kind: CalledKind
    version: str | None
    endpoint: str | None
    canary: bool


class ReasonWire(Wire):
    code: str
    name: str
    message: str


class StageWire(Wire):
    name: str
    start_us: int
    took_us: int
    note: str


class CallWire(Wire):
    id: str
    at: Moment
    org_id: str
    scope: str
    principal: CallerWire
    service: CalledServiceWire
    dialect: Dialect
    method: str
    path: str
    model: str | None
    verdict: Verdict
    reason: ReasonWire | None
    status: int
    streamed: bool
    cached: bool
    attempts: int
    duration_us: int
    added_us: int
    first_byte_us: int | None
    tokens_in: int
    tokens_out: int
    tokens_estimated: bool
    cost_microusd: int
    reserved_microusd: int
    bytes_in: int
    bytes_out: int
    snapshot_version: int
    correlation_id: str
    trace_id: str
    span_id: str
    parent_span_id: str | None


class CallRequestWire(Wire):
    """What was asked for. Headers and bodies are not recorded."""

    method: str
    path: str
    model: str | None
    streamed: bool
    address: str | None
    service: str
    version: str | None


class CallDetailWire(CallWire):
    stages: list[StageWire]
    request: CallRequestWire


class UsageGroupKeyWire(Wire):
    id: str
    name: str


class UsageGroupWire(Wire):
    key: UsageGroupKeyWire
    calls: int
    failed: int
    refused: int
    error_rate: float
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None
    added_p95_us: int | None
    tokens_in: int
    tokens_out: int
    cost_microusd: int
    calls_per_second: float


class SeriesPointWire(Wire):
    at: Moment
    calls: int
    failed: int
    refused: int
    p95_us: int | None
    added_p95_us: int | None
    cost_microusd: int
    tokens: int


class SeriesWire(Wire):
    step_s: int
    points: list[SeriesPointWire]


class GatewayWire(Wire):
    id: str
    fresh: bool
    snapshot_version: int
    uptime_s: float
    open_connections: int


class HealthWire(Wire):
    status: HealthStatus
    gateways: list[GatewayWire]


class AttentionWire(Wire):
    kind: AttentionKind
    title: str
    text: str
    link: str


class OverviewWire(Wire):
    window_s: int
    calls_per_second: float
    calls: int
    failed: int
    refused: int
    added_p95_us: int | None
    cost_microusd: int
    cost_today_microusd: int
    tightest_budget: limits.BudgetWire | None
    health: HealthWire
    attention: list[AttentionWire]
    series: SeriesWire


class LiveStatsWire(Wire):
    calls_per_second: float
    failed_per_second: float
    refused_per_second: float
    added_p95_us: int | None
    cost_today_microusd: int
    at: Moment


def call_wire(record: CallRecord) -> CallWire:
    return CallWire.model_validate(_call_values(record))


def call_detail_wire(found: FoundCall) -> CallDetailWire:
    line = found.record.line
    stages = [
        StageWire(name=stage.name, start_us=stage.start_us, took_us=stage.took_us, note=note)
        for stage, note in zip(line.stages, notes_of(line, found.budgets), strict=True)
    ]
    request = CallRequestWire.model_validate(line).model_copy(update={"model": asked_model(line)})
    return CallDetailWire.model_validate({**_call_values(found.record), "stages": stages, "request": request})


_SAME = tuple(name for name in CallWire.model_fields if name not in {"at", "principal", "service", "reason"})


def _call_values(record: CallRecord) -> dict[str, object]:
    line = record.line
    return {name: getattr(line, name) for name in _SAME} | {
        "at": record.at,
        "principal": CallerWire(kind=line.principal_kind, id=line.principal_id, name=line.principal_name),
        "service": CalledServiceWire(
            name=line.service,
            kind=line.service_kind,
            version=line.version,
            endpoint=line.endpoint,
            canary=line.canary,
        ),
        "reason": _reason(line.reason, line.message),
    }


def reason_wire(line: CallLine) -> ReasonWire | None:
    return _reason(line.reason, line.message)


def _reason(name: str | None, message: str | None) -> ReasonWire | None:
    if name is None:
        return None
    # A reason that is no refusal (a lapsed call) still tells the reader where to look: at the installation.
    row = REGISTRY.get(name, REGISTRY["INTERNAL"])
    return ReasonWire(code=row.e_code, name=name, message=message or row.meaning)


def group_wire(group: Group, length_s: float) -> UsageGroupWire:
    sums, totals = group.sums, group.sums.totals
    return UsageGroupWire(
        key=UsageGroupKeyWire(id=group.id, name=group.name),
        calls=totals.calls,
        failed=totals.failed,
        refused=totals.refused,
        error_rate=totals.failed / totals.calls if totals.calls else 0.0,
        p50_us=sums.duration(0.50),
        p95_us=sums.duration(0.95),
        p99_us=sums.duration(0.99),
        added_p95_us=sums.added_us(0.95),
        tokens_in=totals.tokens_in,
        tokens_out=totals.tokens_out,
        cost_microusd=totals.cost_microusd,
        calls_per_second=totals.calls / length_s,
    )


def series_wire(series: Series) -> SeriesWire:
    return SeriesWire(step_s=series.step_s, points=[_point(at, sums) for at, sums in series.points])


def _point(at: Moment, sums: Sums) -> SeriesPointWire:
    totals = sums.totals
    return SeriesPointWire(
        at=at,
        calls=totals.calls,
        failed=totals.failed,
        refused=totals.refused,
        p95_us=sums.duration(0.95),
        added_p95_us=sums.added_us(0.95),
        cost_microusd=totals.cost_microusd,
        tokens=totals.tokens_in + totals.tokens_out,
    )


def overview_wire(overview: Overview) -> OverviewWire:
    totals, length_s = overview.sums.totals, overview.window.length_s
    tightest = overview.tightest_budget
    return OverviewWire(
        window_s=round(length_s),
        calls_per_second=totals.calls / length_s,
        calls=totals.calls,
        failed=totals.failed,
        refused=totals.refused,
        added_p95_us=overview.sums.added_us(0.95),
        cost_microusd=totals.cost_microusd,
        cost_today_microusd=overview.cost_today_microusd,
        tightest_budget=None if tightest is None else limits.budget_wire(tightest),
        health=HealthWire(
            status=overview.status, gateways=[GatewayWire.model_validate(each) for each in overview.gateways]
        ),
        attention=[AttentionWire.model_validate(each) for each in overview.attention],
        series=series_wire(overview.series),
    )


def live_stats_wire(stats: LiveStats) -> LiveStatsWire:
    return LiveStatsWire.model_validate(stats)
