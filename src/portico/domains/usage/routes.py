from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from portico.domains.hub.model import Gateways
from portico.domains.usage import matrix, overview, service
from portico.domains.usage.analytics import GroupBy, Narrowing
from portico.domains.usage.invocation_wire import InvocationWire, invocation_wire
from portico.domains.usage.invocations import InvocationFilter, list_invocations
from portico.domains.usage.matrix_wire import ModelConnectionWire, ModelMatrixWire, connection_wire, matrix_wire
from portico.domains.usage.model import Verdict
from portico.domains.usage.record import CallFilter
from portico.domains.usage.wire import (
    CallDetailWire,
    CallWire,
    OverviewWire,
    SeriesWire,
    UsageGroupWire,
    call_detail_wire,
    call_wire,
    group_wire,
    overview_wire,
    series_wire,
)
from portico.kernel.scope import OrgScope
from portico.platform.web import Bound, DepsDep, Listing, PageDep, listing, needs, whole_listing

router = APIRouter()

From = Annotated[Bound | None, Query(alias="from")]
To = Annotated[Bound | None, Query(alias="to")]
Name = Annotated[str | None, Query(min_length=1, max_length=200)]


def _filter(
    since: From = None,
    until: To = None,
    service: Name = None,
    kind: Name = None,
    principal_id: Name = None,
    verdict: Verdict | None = None,
    status: Annotated[int | None, Query(ge=0, le=999)] = None,
    min_cost_microusd: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    q: Name = None,
    trace_id: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
) -> CallFilter:
    return CallFilter(since, until, service, kind, principal_id, verdict, status, min_cost_microusd, q, trace_id)


@router.get("/calls", tags=["calls"])
async def list_calls(
    deps: DepsDep,
    page: PageDep,
    wanted: Annotated[CallFilter, Depends(_filter)],
    scope: OrgScope = needs("calls.read"),
) -> Listing[CallWire]:
    """Newest first. `q` is a call id, a correlation id or a trace id; a trace lists its newest 200 calls."""
    return listing(await service.list_calls(scope, wanted, page, deps), call_wire)


@router.get("/tools/invocations", tags=["tools"])
async def list_tool_invocations(
    deps: DepsDep,
    page: PageDep,
    server: Name = None,
    tool: Name = None,
    principal_id: Name = None,
    outcome: Verdict | None = None,
    since: From = None,
    until: To = None,
    scope: OrgScope = needs("calls.read"),
) -> Listing[InvocationWire]:
    """Calls of tools, the newest first; each is a call with this id. A page with a next cursor may hold few or none."""
    calls = CallFilter(since, until, server, "tools", principal_id, outcome)
    return listing(await list_invocations(scope, InvocationFilter(calls, tool), page, deps), invocation_wire)


# Before /calls/{call_id}, which would take their names for ids.
@router.get("/calls/analytics", tags=["calls"])
async def analyse_calls(
    deps: DepsDep,
    group_by: GroupBy = "service",
    since: From = None,
    until: To = None,
    scope: OrgScope = needs("calls.read"),
) -> Listing[UsageGroupWire]:
    """The last 24 hours unless told. Durations leave out refused calls. Beyond 10,000 calls the window is widened to whole
    minutes and percentiles are within 4.9 % of the exact ones."""
    window = service.open_window(since, until, deps.clock.now())
    moving = service.moving_of(since, until)
    groups = await service.analyse_calls(scope, group_by, window, deps, moving=moving)
    return whole_listing([group_wire(group, window.length_s) for group in groups])


@router.get("/calls/series", tags=["calls"])
async def trace_series(
    deps: DepsDep,
    since: From = None,
    until: To = None,
    step_s: Annotated[int, Query(ge=1, le=86400)] = 60,
    service_name: Annotated[str | None, Query(alias="service", min_length=1, max_length=200)] = None,
    principal_id: Name = None,
    scope: OrgScope = needs("calls.read"),
) -> SeriesWire:
    """A step without calls is an absent point. The answer's `step_s` may be larger than the one asked for."""
    window = service.open_window(since, until, deps.clock.now())
    narrowing = Narrowing(service_name, principal_id)
    moving = service.moving_of(since, until)
    return series_wire(await service.trace_series(scope, window, step_s, narrowing, deps, moving=moving))


@router.get("/calls/{call_id}", tags=["calls"])
async def find_call(call_id: str, deps: DepsDep, scope: OrgScope = needs("calls.read")) -> CallDetailWire:
    return call_detail_wire(await service.find_call(scope, call_id, deps))


@router.get("/models/matrix", tags=["models"])
async def compare_models(
    deps: DepsDep, page: PageDep, scope: OrgScope = needs("models.read")
) -> Listing[ModelMatrixWire]:
    """What there is to choose among: what is said of each model, beside what was measured of its calls."""
    return listing(await matrix.model_matrix(scope, page, deps), matrix_wire)


@router.get("/models/connections", tags=["models"])
async def list_model_connections(
    request: Request, deps: DepsDep, scope: OrgScope = needs("models.read")
) -> Listing[ModelConnectionWire]:
    """The services that models are behind: health, breakers, the last call that went well and the last that did not."""
    feed: Gateways | None = getattr(request.app.state, "feed", None)
    return whole_listing([connection_wire(each) for each in await matrix.model_connections(scope, feed, deps)])


@router.get("/overview", tags=["overview"])
async def show_overview(
    request: Request,
    deps: DepsDep,
    window_s: Annotated[int, Query(ge=60, le=7 * 86400)] = 3600,
    scope: OrgScope = needs("calls.read"),
) -> OverviewWire:
    feed: overview.GatewayReadings | None = getattr(request.app.state, "feed", None)
    return overview_wire(await overview.survey(scope, window_s, feed, deps))
