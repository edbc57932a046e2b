"""Health: each endpoint is asked every 30 s, whether calls go to it or not, and judged by several answers in a row."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.hub import part_store, service, store
from portico.domains.hub.model import Endpoint, Service, ServiceStatus, aggregate_status
from portico.domains.tenancy import public as tenancy
from portico.kernel.errors import NotPermitted, Refusal
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.outbound import Outbound

EVERY_S = 30
TIMEOUT_S = 5.0
AT_ONCE = 20
# A driver that wakes a little early must not skip an endpoint for a whole round.
_SLACK_S = 2
_BATCH = 400
_MOST_BYTES = 65_536
_WORSE = {"healthy": 0, "unknown": 0, "degraded": 1, "unhealthy": 2}
DEGRADED = events.declare("service.health_degraded.v1", "service_id", "name", "status", "before")
RECOVERED = events.declare("service.health_recovered.v1", "service_id", "name", "status", "before")


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """What one round did, for the status page."""

    probed: int
    failed: int
    changed: int


@dataclass(frozen=True, slots=True)
class Probe:
    """`error` None means the endpoint answered well."""

    endpoint: Endpoint
    error: str | None


async def check_health(deps: Deps, outbound: Outbound | None = None) -> HealthStatus:
    """Probe every endpoint that is due; call it as often as you like.

    Idempotent; two processes at once only probe twice. At most 20 probes at a time, 5 s each.
    """
    platform = tenancy.platform_scope()
    due_before = deps.clock.now() - timedelta(seconds=EVERY_S - _SLACK_S)
    async with deps.read() as tx:
        due = await part_store.endpoints_due(tx, platform, due_before, _BATCH)
        owners = await store.services_by_id(tx, platform, sorted({each.service_id for each in due}))
    paths = {owner.id: owner.health_path for owner in owners}
    probes = await _probe_all([(each, paths.get(each.service_id)) for each in due], outbound or Outbound(deps.settings))
    changed = 0
    for owner in owners:
        theirs = [probe for probe in probes if probe.endpoint.service_id == owner.id]
        changed += await _store_round(owner, theirs, deps)
    return HealthStatus(len(probes), sum(probe.error is not None for probe in probes), changed)


async def check_service(scope: OrgScope, name: str, deps: Deps, outbound: Outbound | None = None) -> Service:
    """Probe one service's endpoints now, on someone's behalf."""
    async with deps.read() as tx:
        found = await service.seen(tx, scope, name)
    if not scope.may("services.call", found.id):
        raise NotPermitted("services.call")
    if found.kind == "builtin":
        return found
    endpoints = [(each, found.health_path) for each in found.endpoints]
    probes = await _probe_all(endpoints, outbound or Outbound(deps.settings))
    await _store_round(found, probes, deps)
    async with deps.uow() as tx:
        found = await service.seen(tx, scope, name)
        target = audit.Target("service", found.id, found.name)
        detail = {"status": found.status}
        await audit.record(
            tx, scope, action="service.check", target=target, outcome="ok", severity="INFO", detail=detail
        )
    return found


async def _probe_all(due: Sequence[tuple[Endpoint, str | None]], outbound: Outbound) -> list[Probe]:
    room = asyncio.Semaphore(AT_ONCE)

    async def probe(endpoint: Endpoint, path: str | None) -> Probe:
        async with room:
            return Probe(endpoint, await _ask(endpoint.url, path, outbound))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(probe(endpoint, path)) for endpoint, path in due]
    return [task.result() for task in tasks]


async def _ask(url: str, health_path: str | None, outbound: Outbound) -> str | None:
    """What is wrong, in words, or None. Without a health path any answer but a server error shows that someone is there."""
    parts = urlsplit(url)
    target = url if health_path is None else f"{parts.scheme}://{parts.netloc}{health_path}"
    headers = (("user-agent", "Portico-Health"), ("accept", "*/*"))
    try:
        answer = await outbound.send("GET", target, timeout_s=TIMEOUT_S, max_bytes=_MOST_BYTES, headers=headers)
    except Refusal as refusal:
        return refusal.message[:300]
    well = answer.status < 500 if health_path is None else 200 <= answer.status < 300
    return None if well else f"answered {answer.status}"


async def _store_round(owner: Service, probes: Sequence[Probe], deps: Deps) -> int:
    """Judge on what is stored now, not on what was read before probing. Returns how many endpoints changed their health."""
    platform, scope = tenancy.platform_scope(), tenancy.open_system_scope(owner.org_id, owner.scope or "ENTERPRISE")
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        current = await store.services_by_id(tx, platform, [owner.id])
        if not current:
            return 0
        stored = {each.id: each for each in current[0].endpoints}
        now = deps.clock.now()
        judged = [stored[probe.endpoint.id].probed(probe.error, now) for probe in probes if probe.endpoint.id in stored]
        await part_store.store_health(tx, platform, judged)
        changed = [each for each in judged if each.health != stored[each.id].health]
        if changed:
            tx.nudge("snapshot")
            await _follow(tx, scope, current[0])
    return len(changed)


async def _follow(tx: Tx, scope: OrgScope, before: Service) -> None:
    """Bring the service's status after its endpoints, and tell when it got worse or well again."""
    versions = (await part_store.versions_of(tx, scope, [before.id])).get(before.id, ())
    status = aggregate_status(versions)
    if status == before.status:
        return
    await store.set_status(tx, scope, before.id, status)
    kind = _news(before.status, status)
    if kind is not None:
        payload = {"service_id": before.id, "name": before.name, "status": status, "before": before.status}
        await events.record(tx, scope, kind=kind, payload=payload)


def _news(before: ServiceStatus, after: ServiceStatus) -> str | None:
    if _WORSE[after] > _WORSE[before]:
        return DEGRADED
    return RECOVERED if _WORSE[after] < _WORSE[before] else None
