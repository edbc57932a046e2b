"""Endpoints that register themselves: they stay as long as their lease is renewed."""

from dataclasses import replace
from datetime import timedelta

from portico.domains.events import public as events
from portico.domains.hub import part_store, parts, service, store
from portico.domains.hub.checks import url_problems
from portico.domains.hub.errors import EndpointTaken
from portico.domains.hub.model import Endpoint, Lease, Service, Version, aggregate_status
from portico.domains.tenancy import public as tenancy
from portico.kernel import ids
from portico.kernel.errors import InvalidFields, InvalidInput, NotFound
from portico.kernel.ids import EndpointId, LeaseId
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

LEAST_TTL_S, MOST_TTL_S = 10, 3600
_BATCH = 500
EXPIRED = events.declare(
    "service.lease_expired.v1",
    "An endpoint went because its lease was not renewed.",
    about="service_id",
    fields={"service_id": str, "name": str, "version": str, "endpoint_id": str},
)


async def take_lease(scope: OrgScope, name: str, url: str, version: str | None, ttl_s: int, deps: Deps) -> Lease:
    """Register `url` as an endpoint for `ttl_s` seconds; an instance that comes back takes its place again."""
    problems = url_problems(url, deps.settings.private_ranges)
    if problems:
        raise InvalidFields(tuple(problems))
    if not LEAST_TTL_S <= ttl_s <= MOST_TTL_S:
        raise InvalidInput("ttl_s", f"must be between {LEAST_TTL_S} and {MOST_TTL_S}")
    expires_at = deps.clock.now() + timedelta(seconds=ttl_s)
    async with deps.uow() as tx:
        found = await parts.managed_parts(tx, scope, name)
        place = _place(found, version)
        before = next((each for each in place.endpoints if each.url == url), None)
        if before is not None:
            return await _retaken(tx, scope, before, ttl_s, deps)
        endpoint = Endpoint(ids.new(EndpointId), found.id, place.id, url, 1, lease_ttl_s=ttl_s)
        lease_id = ids.new(LeaseId)
        endpoint = replace(endpoint, lease_id=lease_id, lease_expires_at=expires_at)
        await parts.insert_endpoint(tx, scope, found, endpoint)
        await parts.saved_endpoint(tx, scope, found, (*place.endpoints, endpoint), parts.ENDPOINT_ADDED, endpoint)
    return Lease(lease_id, endpoint.id, expires_at)


async def renew_lease(scope: OrgScope, name: str, lease_id: str, deps: Deps) -> Lease:
    """A heartbeat: it leaves no event, because nothing changed."""
    async with deps.uow() as tx:
        endpoint = _leased(await service.managed(tx, scope, name), lease_id)
        return await _extended(tx, scope, endpoint, LeaseId(lease_id), endpoint.lease_ttl_s or LEAST_TTL_S, deps)


async def end_lease(scope: OrgScope, name: str, lease_id: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        found = await service.managed(tx, scope, name)
        gone, place = parts.endpoint_of(found, _leased(found, lease_id).id)
        await part_store.delete_endpoint(tx, scope, gone.id)
        endpoints = [each for each in place.endpoints if each.id != gone.id]
        await parts.saved_endpoint(tx, scope, found, endpoints, parts.ENDPOINT_REMOVED, gone)


async def expire_leases(deps: Deps) -> int:
    """Remove endpoints whose lease ran out; safe to run twice and in two processes. Returns how many it removed."""
    now = deps.clock.now()
    platform = tenancy.platform_scope()
    async with deps.read() as tx:
        due = await part_store.expired_leases(tx, platform, now, _BATCH)
        owners = {
            each.id: each for each in await store.services_by_id(tx, platform, sorted({e.service_id for e in due}))
        }
    removed = 0
    for endpoint in due:
        if owner := owners.get(endpoint.service_id):
            removed += await _expire(owner, endpoint, deps)
    return removed


async def _expire(owner: Service, endpoint: Endpoint, deps: Deps) -> bool:
    scope = tenancy.open_system_scope(owner.org_id, owner.scope or "ENTERPRISE")
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        if not await part_store.remove_if_expired(tx, scope, endpoint.id, deps.clock.now()):
            return False
        versions = (await part_store.versions_of(tx, scope, [owner.id])).get(owner.id, ())
        await store.set_status(tx, scope, owner.id, aggregate_status(versions))
        place = next((each.version for each in versions if each.id == endpoint.version_id), "")
        more = {"version": place, "endpoint_id": endpoint.id}
        await service.record(tx, scope, EXPIRED, owner, {"url": endpoint.url}, **more)
    return True


async def _retaken(tx: Tx, scope: OrgScope, before: Endpoint, ttl_s: int, deps: Deps) -> Lease:
    if before.lease_id is None:
        # Someone registered it for good; a lease would let it vanish.
        raise EndpointTaken(before.url)
    return await _extended(tx, scope, before, ids.new(LeaseId), ttl_s, deps)


async def _extended(tx: Tx, scope: OrgScope, endpoint: Endpoint, lease_id: LeaseId, ttl_s: int, deps: Deps) -> Lease:
    expires_at = deps.clock.now() + timedelta(seconds=ttl_s)
    extended = replace(endpoint, lease_id=lease_id, lease_ttl_s=ttl_s, lease_expires_at=expires_at)
    await part_store.update_endpoint(tx, scope, extended)
    return Lease(lease_id, endpoint.id, expires_at)


def _leased(found: Service, lease_id: str) -> Endpoint:
    endpoint = next((each for each in found.endpoints if each.lease_id == lease_id), None)
    if endpoint is None:
        raise NotFound("lease", lease_id)
    return endpoint


def _place(found: Service, version: str | None) -> Version:
    """The named version, else the one that carries most."""
    if version is not None:
        return parts.version_of(found, version)
    active = [each for each in found.versions if each.status == "active"]
    return max(active, key=lambda each: each.weight)
