"""How calls and what they add up to look to clients."""

from typing import Literal

from portico.domains.limits import public as limits
from portico.domains.usage.analytics import Group, Series, Sums
from portico.domains.usage.model import Verdict
from portico.domains.usage.overview import AttentionKind, HealthStatus, LiveStats, Overview
from portico.domains.usage.record import CallRecord
from portico.kernel.errors import REGISTRY
from portico.platform.web import Moment, Wire


class PrincipalWire(Wire):
    kind: Literal["key", "person", "anonymous"]
    id: str
    name: str


class CalledServiceWire(Wire):
    name: str
    kind: str
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
    principal: PrincipalWire
    service: CalledServiceWire
    dialect: str
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


class CallDetailWire(CallWire):
    """`request` is null: headers are not recorded."""

    stages: list[StageWire]
    request: None = None


class GroupKeyWire(Wire):
    id: str
    name: str


class GroupWire(Wire):
    key: GroupKeyWire
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


class PointWire(Wire):
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
    points: list[PointWire]


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


def call_detail_wire(record: CallRecord) -> CallDetailWire:
    stages = [StageWire.model_validate(stage) for stage in record.line.stages]
    return CallDetailWire.model_validate({**_call_values(record), "stages": stages})


_SAME = tuple(name for name in CallWire.model_fields if name not in {"at", "principal", "service", "reason"})


def _call_values(record: CallRecord) -> dict[str, object]:
    line = record.line
    return {name: getattr(line, name) for name in _SAME} | {
        "at": record.at,
        "principal": PrincipalWire(kind=line.principal_kind, id=line.principal_id, name=line.principal_name),
        "service": CalledServiceWire(
            name=line.service,
            kind=line.service_kind,
            version=line.version,
            endpoint=line.endpoint,
            canary=line.canary,
        ),
        "reason": _reason(line.reason, line.message),
    }


def _reason(name: str | None, message: str | None) -> ReasonWire | None:
    if name is None:
        return None
    # A reason that is no refusal (a lapsed call) still tells the reader where to look: at the installation.
    row = REGISTRY.get(name, REGISTRY["INTERNAL"])
    return ReasonWire(code=row.e_code, name=name, message=message or row.meaning)


def group_wire(group: Group, length_s: float) -> GroupWire:
    sums, totals = group.sums, group.sums.totals
    return GroupWire(
        key=GroupKeyWire(id=group.id, name=group.name),
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


def _point(at: Moment, sums: Sums) -> PointWire:
    totals = sums.totals
    return PointWire(
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
