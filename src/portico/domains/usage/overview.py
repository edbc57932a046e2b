"""What stands on the first page: how calls go, what needs attention, and the gateways that carry them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from portico.domains.hub import public as hub
from portico.domains.hub.model import ServiceFilter
from portico.domains.limits import public as limits
from portico.domains.routing.model import BreakerReport, GatewayStatus
from portico.domains.usage import analytics
from portico.domains.usage.analytics import Narrowing, Series, Sums, Window
from portico.domains.usage.totals import MINUTE
from portico.kernel.paging import Cursor, PageAsk, decode_cursor
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx, to_micros
from portico.platform.deps import Deps

AttentionKind = Literal["breaker_open", "budget_warning", "budget_exhausted", "service_unhealthy", "gateway_stale"]
HealthStatus = Literal["healthy", "degraded", "unhealthy"]
_POINTS = 60
_LIVE_WINDOW_S = 10
# The folder runs within a second of a call's end; the seconds still being filled would show a dip that is not there.
_SETTLING_S = 2
_MAX_PAGES = 10


class GatewayReadings(Protocol):
    """What the link to the gateways knows of them."""

    def statuses(self) -> Sequence[GatewayStatus]: ...
    def fresh(self, gateway_id: str) -> bool: ...
    def breakers(self, org_id: str) -> Sequence[BreakerReport]: ...


@dataclass(frozen=True, slots=True)
class Attention:
    kind: AttentionKind
    title: str
    text: str
    link: str


@dataclass(frozen=True, slots=True)
class GatewayHealth:
    id: str
    fresh: bool
    snapshot_version: int
    uptime_s: float
    open_connections: int


@dataclass(frozen=True, slots=True)
class Overview:
    window: Window
    sums: Sums
    cost_today_microusd: int
    tightest_budget: limits.BudgetState | None
    status: HealthStatus
    gateways: list[GatewayHealth]
    attention: list[Attention]
    series: Series


@dataclass(frozen=True, slots=True)
class LiveStats:
    calls_per_second: float
    failed_per_second: float
    refused_per_second: float
    added_p95_us: int | None
    cost_today_microusd: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Figures:
    """What the calls of a window came to: the part of the first page that may be some seconds old."""

    window: Window
    sums: Sums
    cost_today_microusd: int
    series: Series


async def survey(scope: OrgScope, window_s: int, feed: GatewayReadings | None, deps: Deps) -> Overview:
    """Budgets and services appear only as far as the reader may see them."""
    now = deps.clock.now()
    found = await _figures(scope, window_s, deps)
    async with deps.read() as tx:
        # What is left of a budget is always read from the truth.
        budgets = await limits.budget_states(tx, scope, deps) if scope.may("budgets.read") else []
    services = await _services(scope, deps)
    gateways = _gateways(feed, now)
    attention = [
        *_stale_gateways(gateways),
        *_open_breakers(scope, services, feed),
        *_unhealthy(services),
        *_tight_budgets(budgets),
    ]
    tightest = max(budgets, key=lambda state: state.used_percent, default=None)
    status = _status(gateways)
    return Overview(
        found.window, found.sums, found.cost_today_microusd, tightest, status, gateways, attention, found.series
    )


async def _figures(scope: OrgScope, window_s: int, deps: Deps) -> Figures:
    async def load() -> Figures:
        now = deps.clock.now()
        window = Window(now - timedelta(seconds=window_s), now)
        step_s = max(-(-window_s // _POINTS // MINUTE) * MINUTE, MINUTE)
        async with deps.read() as tx:
            sums = await analytics.sum_window(tx, scope, window)
            today = await _cost_today(tx, scope, now)
            series = await analytics.sum_series(tx, scope, window, step_s, Narrowing())
        return Figures(window, sums, today, series)

    return await deps.cache.read("dashboards", scope, ("overview", window_s), Figures, load)


async def live_stats(tx: Tx, scope: OrgScope, now: datetime) -> LiveStats:
    """Rates over the last ten settled seconds."""
    until = now.replace(microsecond=0) - timedelta(seconds=_SETTLING_S)
    sums = await analytics.sum_seconds(tx, scope, Window(until - timedelta(seconds=_LIVE_WINDOW_S), until))
    totals = sums.totals
    return LiveStats(
        totals.calls / _LIVE_WINDOW_S,
        totals.failed / _LIVE_WINDOW_S,
        totals.refused / _LIVE_WINDOW_S,
        sums.added_us(0.95),
        await _cost_today(tx, scope, now),
        now,
    )


async def _cost_today(tx: Tx, scope: OrgScope, now: datetime) -> int:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight == now:
        return 0
    return (await analytics.sum_totals(tx, scope, Window(midnight, now))).totals.cost_microusd


async def _services(scope: OrgScope, deps: Deps) -> list[hub.Service]:
    """All that the reader sees, up to a bound that no page could show anyway."""
    found: list[hub.Service] = []
    cursor: Cursor | None = None
    for _ in range(_MAX_PAGES if scope.may("services.read") else 0):
        page = await hub.list_services(scope, ServiceFilter(), "name", PageAsk(100, cursor), deps)
        found.extend(page.items)
        cursor = decode_cursor(page.next_cursor)
        if cursor is None:
            break
    return found


def _gateways(feed: GatewayReadings | None, now: datetime) -> list[GatewayHealth]:
    """A gateway is fresh when it was heard lately, writes its journal and decides by the newest configuration of all."""
    if feed is None:
        return []
    statuses = feed.statuses()
    newest = max((status.snapshot_version for status in statuses), default=0)
    return [
        GatewayHealth(
            status.gateway_id,
            feed.fresh(status.gateway_id) and status.journal_ok and status.snapshot_version == newest,
            status.snapshot_version,
            max((to_micros(now) - status.started_at_us) / 1_000_000, 0),
            status.open_connections,
        )
        for status in statuses
    ]


def _status(gateways: list[GatewayHealth]) -> HealthStatus:
    if not any(gateway.fresh for gateway in gateways):
        return "unhealthy"
    return "healthy" if all(gateway.fresh for gateway in gateways) else "degraded"


def _stale_gateways(gateways: list[GatewayHealth]) -> list[Attention]:
    if not gateways:
        return [Attention("gateway_stale", "No gateway is connected", "Calls are not being taken.", "/settings")]
    return [
        Attention(
            "gateway_stale",
            f"Gateway {gateway.id} is behind",
            f"It decides by configuration {gateway.snapshot_version}, or cannot write its journal.",
            "/settings",
        )
        for gateway in gateways
        if not gateway.fresh
    ]


def _open_breakers(scope: OrgScope, services: list[hub.Service], feed: GatewayReadings | None) -> list[Attention]:
    reports = feed.breakers(scope.org_id) if feed is not None else ()
    owners: dict[str, str] = {endpoint.id: service.name for service in services for endpoint in service.endpoints}
    return [
        Attention(
            "breaker_open",
            f"The breaker of {owners[report.endpoint_id]} is {report.state.replace('_', ' ')}",
            report.reason,
            f"/services/{owners[report.endpoint_id]}",
        )
        for report in reports
        if report.state != "closed" and report.endpoint_id in owners
    ]


def _unhealthy(services: list[hub.Service]) -> list[Attention]:
    return [
        Attention(
            "service_unhealthy",
            f"{service.name} is {service.status}",
            next((endpoint.last_error for endpoint in service.endpoints if endpoint.last_error), "It has no endpoint."),
            f"/services/{service.name}",
        )
        for service in services
        if service.status in {"unhealthy", "degraded"}
    ]


def _tight_budgets(budgets: list[limits.BudgetState]) -> list[Attention]:
    found = []
    for state in sorted(budgets, key=lambda state: -state.used_percent):
        budget, percent = state.budget, state.used_percent
        resets = f"It resets at {state.resets_at:%Y-%m-%d %H:%M} UTC."
        if percent >= 100:
            found.append(Attention("budget_exhausted", f"The budget {budget.name} is used up", resets, "/budgets"))
        elif percent >= budget.warn_at_percent:
            title = f"The budget {budget.name} is at {percent:.0f} %"
            found.append(Attention("budget_warning", title, resets, "/budgets"))
    return found
