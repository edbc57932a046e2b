from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from portico.domains.hub import breakers, health, invoke, leases, parts, search, service
from portico.domains.hub.model import Lease, ServiceFilter, ServiceKind, ServiceStatus, Sort
from portico.domains.hub.show import Showing, feed_of, prepare
from portico.domains.hub.wire import (
    EndpointAsk,
    EndpointPatch,
    InvokeAsk,
    InvokedWire,
    LeaseAsk,
    LeaseWire,
    ServiceAsk,
    ServiceMatchListWire,
    ServiceMatchWire,
    ServicePatch,
    ServiceWire,
    VersionAsk,
    VersionPatch,
)
from portico.kernel.scope import OrgScope
from portico.platform.outbound import Header
from portico.platform.web import DepsDep, Listing, PageDep, Who, listing, needs

router = APIRouter(prefix="/services", tags=["services"])

Name = Annotated[str, Path(min_length=1, max_length=63)]
Part = Annotated[str, Path(min_length=1, max_length=63)]
Word = Annotated[str | None, Query(min_length=1, max_length=63)]


async def _showing(request: Request, scope: Who, deps: DepsDep) -> Showing:
    return await prepare(request, scope, deps)


Show = Annotated[Showing, Depends(_showing)]


@router.get("")
async def list_services(
    deps: DepsDep,
    page: PageDep,
    show: Show,
    scope: OrgScope = needs("services.read"),
    q: Word = None,
    kind: ServiceKind | None = None,
    status: ServiceStatus | None = None,
    layer: Word = None,
    tag: Word = None,
    sort: Sort = "name",
) -> Listing[ServiceWire]:
    wanted = ServiceFilter(q, kind, status, layer, tag)
    return listing(await service.list_services(scope, wanted, sort, page, deps, show.gateways), show)


@router.post("", status_code=201)
async def create_service(
    ask: ServiceAsk, deps: DepsDep, show: Show, scope: OrgScope = needs("services.manage")
) -> ServiceWire:
    return show(await service.create_service(scope, ask.draft(), deps))


@router.get("/search")
async def search_services(
    q: Annotated[str, Query(min_length=1, max_length=200)],
    deps: DepsDep,
    show: Show,
    scope: OrgScope = needs("services.read"),
    threshold: Annotated[float, Query(ge=0, le=1)] = 0.7,
    max_results: Annotated[int, Query(ge=1, le=100)] = 10,
    kind: ServiceKind | None = None,
    layer: Word = None,
    status: ServiceStatus | None = None,
    tag: Word = None,
) -> ServiceMatchListWire:
    wanted = ServiceFilter(None, kind, status, layer, tag)
    found = await search.search_services(scope, q, threshold, max_results, wanted, deps, show.gateways)
    items = [
        ServiceMatchWire(service=show(each.service), score=each.score, match_reason=each.match_reason) for each in found
    ]
    return ServiceMatchListWire(items=items)


@router.get("/{name}")
async def find_service(name: Name, deps: DepsDep, show: Show, scope: Who) -> ServiceWire:
    return show(await service.find_service(scope, name, deps))


@router.patch("/{name}")
async def update_service(name: Name, ask: ServicePatch, deps: DepsDep, show: Show, scope: Who) -> ServiceWire:
    return show(await service.update_service(scope, name, ask.facts(), deps))


@router.delete("/{name}", status_code=204)
async def delete_service(name: Name, deps: DepsDep, scope: Who) -> None:
    await service.delete_service(scope, name, deps)


@router.post("/{name}/check")
async def check_service(name: Name, deps: DepsDep, show: Show, scope: Who) -> ServiceWire:
    return show(await health.check_service(scope, name, deps))


@router.post("/{name}/versions", status_code=201)
async def add_version(name: Name, ask: VersionAsk, deps: DepsDep, show: Show, scope: Who) -> ServiceWire:
    return show(await parts.add_version(scope, name, ask.version, ask.weight, ask.url, deps))


@router.patch("/{name}/versions/{version}")
async def update_version(
    name: Name, version: Part, ask: VersionPatch, deps: DepsDep, show: Show, scope: Who
) -> ServiceWire:
    return show(await parts.update_version(scope, name, version, ask.weight, ask.status, deps))


@router.delete("/{name}/versions/{version}", status_code=204)
async def remove_version(name: Name, version: Part, deps: DepsDep, scope: Who) -> None:
    await parts.remove_version(scope, name, version, deps)


@router.post("/{name}/versions/{version}/endpoints", status_code=201)
async def add_endpoint(
    name: Name, version: Part, ask: EndpointAsk, deps: DepsDep, show: Show, scope: Who
) -> ServiceWire:
    return show(await parts.add_endpoint(scope, name, version, ask.url, ask.weight, deps))


@router.patch("/{name}/endpoints/{endpoint_id}")
async def update_endpoint(
    name: Name, endpoint_id: Part, ask: EndpointPatch, deps: DepsDep, show: Show, scope: Who
) -> ServiceWire:
    return show(await parts.update_endpoint(scope, name, endpoint_id, ask.weight, deps))


@router.delete("/{name}/endpoints/{endpoint_id}", status_code=204)
async def remove_endpoint(name: Name, endpoint_id: Part, deps: DepsDep, scope: Who) -> None:
    await parts.remove_endpoint(scope, name, endpoint_id, deps)


@router.post("/{name}/leases", status_code=201)
async def take_lease(name: Name, ask: LeaseAsk, deps: DepsDep, scope: Who) -> LeaseWire:
    return _lease_wire(await leases.take_lease(scope, name, ask.url, ask.version, ask.ttl_s, deps))


@router.put("/{name}/leases/{lease_id}")
async def renew_lease(name: Name, lease_id: Part, deps: DepsDep, scope: Who) -> LeaseWire:
    return _lease_wire(await leases.renew_lease(scope, name, lease_id, deps))


@router.delete("/{name}/leases/{lease_id}", status_code=204)
async def end_lease(name: Name, lease_id: Part, deps: DepsDep, scope: Who) -> None:
    await leases.end_lease(scope, name, lease_id, deps)


@router.post("/{name}/invoke")
async def invoke_service(name: Name, ask: InvokeAsk, request: Request, deps: DepsDep, scope: Who) -> InvokedWire:
    asked = invoke.Invocation(ask.method, ask.parameters, ask.timeout_s)
    return InvokedWire.model_validate(await invoke.invoke_service(scope, name, asked, _carried(request), deps))


@router.post("/{name}/breaker/reset")
async def reset_breaker(name: Name, request: Request, deps: DepsDep, show: Show, scope: Who) -> ServiceWire:
    return show(await breakers.reset_breaker(scope, name, feed_of(request), deps))


def _carried(request: Request) -> tuple[Header, ...]:
    """The caller's own credential, so that the call is theirs, and what ties it to this request."""
    names = ("authorization", "x-request-id", "traceparent")
    return tuple((name, request.headers[name]) for name in names if name in request.headers)


def _lease_wire(lease: Lease) -> LeaseWire:
    return LeaseWire(lease_id=lease.id, endpoint_id=lease.endpoint_id, expires_at=lease.expires_at)
