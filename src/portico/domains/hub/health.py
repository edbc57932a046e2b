"""Health: each endpoint is asked every 30 s, whether calls go to it or not, and judged by several answers in a row."""

import asyncio
import json
import time
from collections import defaultdict
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
from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.link import BRIDGE_URL
from portico.platform.outbound import Outbound, send_to_own_bridge
from portico.platform.settings import Settings

EVERY_S = 30
TIMEOUT_S = 5.0
AT_ONCE = 20
# Agents answer with more work behind it than a health check of a plain service has.
AGENTS_AT_ONCE = 5
# A driver that wakes a little early must not skip an endpoint for a whole round.
_SLACK_S = 2
_BATCH = 200
_LONGEST_S = 20.0
_MOST_BYTES = 65_536
_WORSE = {"healthy": 0, "unknown": 0, "degraded": 1, "unhealthy": 2}
_HEALTH = {"service_id": str, "name": str, "status": str, "before": str}
DEGRADED = events.declare(
    "service.health_degraded.v1",
    "A service's health got worse.",
    about="service_id",
    category="error",
    fields=_HEALTH,
)
RECOVERED = events.declare(
    "service.health_recovered.v1",
    "A service's health got better.",
    about="service_id",
    category="system",
    fields=_HEALTH,
)


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

    Idempotent; two processes at once only probe twice. At most 20 probes at a time, 5 s each; what is still due after
    20 s waits for the next call, so that one round of many dead endpoints cannot hold up everything after it.
    """
    outbound = outbound or Outbound(deps.settings)
    give_up_at_s = time.monotonic() + _LONGEST_S
    probed = failed = changed = 0
    while True:
        done = await _check_batch(deps, outbound)
        probed, failed, changed = probed + done.probed, failed + done.failed, changed + done.changed
        if done.probed < _BATCH or time.monotonic() > give_up_at_s:
            return HealthStatus(probed, failed, changed)


async def _check_batch(deps: Deps, outbound: Outbound) -> HealthStatus:
    platform = tenancy.platform_scope()
    due_before = deps.clock.now() - timedelta(seconds=EVERY_S - _SLACK_S)
    async with deps.read() as tx:
        due = await part_store.endpoints_due(tx, platform, due_before, _BATCH)
        owners = await store.services_by_id(tx, platform, sorted({each.service_id for each in due}))
    owner_of = {owner.id: owner for owner in owners}
    known = [(each, owner_of[each.service_id]) for each in due if each.service_id in owner_of]
    probes = [
        *await _probe_all([(each, own.health_path) for each, own in known if own.kind != "agent"], outbound),
        *await _probe_all(
            [(each, own.health_path) for each, own in known if own.kind == "agent"], outbound, AGENTS_AT_ONCE
        ),
    ]
    by_org: defaultdict[OrgId, list[Probe]] = defaultdict(list)
    for probe in probes:
        by_org[owner_of[probe.endpoint.service_id].org_id].append(probe)
    changed = sum([await _store_round(org_id, theirs, deps) for org_id, theirs in by_org.items()])
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
    await _store_round(found.org_id, probes, deps)
    async with deps.uow() as tx:
        found = await service.seen(tx, scope, name)
        target = audit.Target("service", found.id, found.name)
        detail = {"status": found.status}
        await audit.record(
            tx, scope, action="service.check", target=target, outcome="ok", severity="INFO", detail=detail
        )
    return found


async def _probe_all(
    due: Sequence[tuple[Endpoint, str | None]], outbound: Outbound, at_once: int = AT_ONCE
) -> list[Probe]:
    room = asyncio.Semaphore(at_once)

    async def probe(endpoint: Endpoint, path: str | None) -> Probe:
        async with room:
            return Probe(endpoint, await _ask(endpoint.url, path, outbound, endpoint.service_id))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(probe(endpoint, path)) for endpoint, path in due]
    return [task.result() for task in tasks]


async def _ask(url: str, health_path: str | None, outbound: Outbound, service_id: str) -> str | None:
    """What is wrong, in words, or None. Without a health path any answer but a server error shows that someone is there."""
    if url == BRIDGE_URL:
        return await _ask_bridge(service_id, outbound.settings)
    parts = urlsplit(url)
    target = url if health_path is None else f"{parts.scheme}://{parts.netloc}{health_path}"
    headers = (("user-agent", "Portico-Health"), ("accept", "*/*"))
    try:
        answer = await outbound.send("GET", target, timeout_s=TIMEOUT_S, max_bytes=_MOST_BYTES, headers=headers)
    except Refusal as refusal:
        return refusal.message[:300]
    well = answer.status < 500 if health_path is None else 200 <= answer.status < 300
    return None if well else f"answered {answer.status}"


async def _ask_bridge(service_id: str, settings: Settings) -> str | None:
    """A local server that nobody needs now is well; one that could not be started, or died, is not."""
    try:
        answer = await send_to_own_bridge(settings, "GET", f"/servers/{service_id}/state", timeout_s=TIMEOUT_S)
    except Refusal as refusal:
        return refusal.message[:300]
    if answer.status != 200:
        return None if answer.status == 404 else f"the bridge answered {answer.status}"
    told = json.loads(answer.body)
    return (str(told["error"] or "it failed"))[:300] if told["state"] == "failed" else None


async def _store_round(org_id: OrgId, probes: Sequence[Probe], deps: Deps) -> int:
    """One transaction per org. Judges on what is stored now, not on what was read before probing.

    Returns how many endpoints changed their health.
    """
    platform, scope = tenancy.platform_scope(), tenancy.open_system_scope(org_id)
    service_ids: list[str] = sorted({probe.endpoint.service_id for probe in probes})
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        current = await store.services_by_id(tx, platform, service_ids)
        stored = {each.id: each for owner in current for each in owner.endpoints}
        now = deps.clock.now()
        judged = [stored[probe.endpoint.id].probed(probe.error, now) for probe in probes if probe.endpoint.id in stored]
        await part_store.store_health(tx, platform, judged)
        changed = [each for each in judged if each.health != stored[each.id].health]
        if changed:
            tx.nudge("snapshot")
            tx.forget(scope.org_id, "service_summaries")
            ill_or_well = {each.service_id for each in changed}
            await _follow(tx, scope, [owner for owner in current if owner.id in ill_or_well])
    return len(changed)


async def _follow(tx: Tx, scope: OrgScope, services: Sequence[Service]) -> None:
    """Bring services' status after their endpoints, and tell when one got worse or well again."""
    versions = await part_store.versions_of(tx, scope, [each.id for each in services])
    for before in services:
        status = aggregate_status(versions.get(before.id, ()))
        if status == before.status:
            continue
        await store.set_status(tx, scope, before.id, status)
        kind = _news(before.status, status)
        if kind is not None:
            payload = {"service_id": before.id, "name": before.name, "status": status, "before": before.status}
            told_in = tenancy.open_system_scope(before.org_id, before.scope or scope.scope)
            await events.record(tx, told_in, kind=kind, payload=payload)


def _news(before: ServiceStatus, after: ServiceStatus) -> str | None:
    if _WORSE[after] > _WORSE[before]:
        return DEGRADED
    return RECOVERED if _WORSE[after] < _WORSE[before] else None
