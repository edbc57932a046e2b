"""Verbs on a service's versions and endpoints. Each keeps the rule that some active version has weight."""

from collections.abc import Sequence
from dataclasses import replace

from portico.domains.events import public as events
from portico.domains.hub import part_store, service, store
from portico.domains.hub.checks import MAX_ENDPOINTS, MAX_VERSIONS, url_problems, version_problems, weight_problems
from portico.domains.hub.errors import EndpointTaken, LastActiveVersion, LocalHasOneEndpoint, VersionTaken
from portico.domains.hub.model import Endpoint, Service, Version, VersionStatus, aggregate_status, can_take_calls
from portico.kernel import ids
from portico.kernel.errors import Conflict, FieldError, InvalidFields, NotFound
from portico.kernel.ids import EndpointId, VersionId
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.link import BRIDGE_URL

_VERSION = {"service_id": str, "name": str, "version": str, "weight": int, "status": str}
_ENDPOINT = {"service_id": str, "name": str, "version": str, "endpoint_id": str, "weight": int}
VERSION_ADDED, VERSION_UPDATED, VERSION_REMOVED = (
    events.declare(
        f"service.version_{past}.v1", f"A version of a service was {past}.", about="service_id", fields=_VERSION
    )
    for past in ("added", "updated", "removed")
)
ENDPOINT_ADDED, ENDPOINT_UPDATED, ENDPOINT_REMOVED = (
    events.declare(
        f"service.endpoint_{past}.v1", f"An endpoint of a service was {past}.", about="service_id", fields=_ENDPOINT
    )
    for past in ("added", "updated", "removed")
)


async def add_version(scope: OrgScope, name: str, version: str, weight: int, url: str, deps: Deps) -> Service:
    _refuse([*version_problems(version, weight), *url_problems(url, deps.settings.private_ranges)])
    async with deps.uow() as tx:
        found = await managed_parts(tx, scope, name)
        if found.version(version) is not None:
            raise VersionTaken(name, version)
        if len(found.versions) >= MAX_VERSIONS:
            raise Conflict(f"A service can have at most {MAX_VERSIONS} versions.", details="Delete an old one first.")
        version_id = ids.new(VersionId)
        endpoint = Endpoint(ids.new(EndpointId), found.id, version_id, url, 1)
        added = Version(version_id, found.id, version, weight, "active", (endpoint,))
        await part_store.insert_version(tx, scope, added, deps.clock.now())
        return await _saved_version(tx, scope, found, (*found.versions, added), VERSION_ADDED, added)


async def update_version(
    scope: OrgScope, name: str, version: str, weight: int | None, status: VersionStatus | None, deps: Deps
) -> Service:
    async with deps.uow() as tx:
        found = await managed_parts(tx, scope, name)
        before = version_of(found, version)
        after = replace(before, weight=before.weight if weight is None else weight, status=status or before.status)
        _refuse(weight_problems(after.weight))
        versions = tuple(after if each.id == after.id else each for each in found.versions)
        if not can_take_calls(versions):
            raise LastActiveVersion(name)
        await part_store.update_version(tx, scope, after)
        return await _saved_version(tx, scope, found, versions, VERSION_UPDATED, after)


async def remove_version(scope: OrgScope, name: str, version: str, deps: Deps) -> Service:
    async with deps.uow() as tx:
        found = await managed_parts(tx, scope, name)
        gone = version_of(found, version)
        versions = tuple(each for each in found.versions if each.id != gone.id)
        if not can_take_calls(versions):
            raise LastActiveVersion(name)
        await part_store.delete_version(tx, scope, gone.id)
        return await _saved_version(tx, scope, found, versions, VERSION_REMOVED, gone)


async def add_endpoint(scope: OrgScope, name: str, version: str, url: str, weight: int, deps: Deps) -> Service:
    _refuse([*weight_problems(weight), *url_problems(url, deps.settings.private_ranges)])
    async with deps.uow() as tx:
        found = await managed_parts(tx, scope, name)
        place = version_of(found, version)
        endpoint = Endpoint(ids.new(EndpointId), found.id, place.id, url, weight)
        await insert_endpoint(tx, scope, found, endpoint)
        return await saved_endpoint(tx, scope, found, (*place.endpoints, endpoint), ENDPOINT_ADDED, endpoint)


async def update_endpoint(scope: OrgScope, name: str, endpoint_id: str, weight: int, deps: Deps) -> Service:
    _refuse(weight_problems(weight))
    async with deps.uow() as tx:
        found = await managed_parts(tx, scope, name)
        before, place = endpoint_of(found, endpoint_id)
        after = replace(before, weight=weight)
        await part_store.update_endpoint(tx, scope, after)
        endpoints = [after if each.id == after.id else each for each in place.endpoints]
        return await saved_endpoint(tx, scope, found, endpoints, ENDPOINT_UPDATED, after)


async def remove_endpoint(scope: OrgScope, name: str, endpoint_id: str, deps: Deps) -> Service:
    async with deps.uow() as tx:
        found = await managed_parts(tx, scope, name)
        gone, place = endpoint_of(found, endpoint_id)
        await part_store.delete_endpoint(tx, scope, gone.id)
        endpoints = [each for each in place.endpoints if each.id != gone.id]
        return await saved_endpoint(tx, scope, found, endpoints, ENDPOINT_REMOVED, gone)


async def insert_endpoint(tx: Tx, scope: OrgScope, found: Service, endpoint: Endpoint) -> None:
    if len(found.endpoints) >= MAX_ENDPOINTS:
        raise Conflict(f"A service can have at most {MAX_ENDPOINTS} endpoints.", details="Remove one first.")
    if not await part_store.insert_endpoint(tx, scope, endpoint):
        raise EndpointTaken(endpoint.url)


async def saved_endpoint(
    tx: Tx, scope: OrgScope, found: Service, endpoints: Sequence[Endpoint], kind: str, endpoint: Endpoint
) -> Service:
    """The service with these endpoints in the endpoint's version; its status and the record follow."""
    place = next(each for each in found.versions if each.id == endpoint.version_id)
    changed = replace(place, endpoints=tuple(endpoints))
    versions = tuple(changed if each.id == place.id else each for each in found.versions)
    after = await _with_versions(tx, scope, found, versions)
    more = {"version": place.version, "endpoint_id": endpoint.id, "weight": endpoint.weight}
    await service.record(tx, scope, kind, after, {"url": endpoint.url}, **more)
    return after


async def managed_parts(tx: Tx, scope: OrgScope, name: str) -> Service:
    """The service, to be given other parts: what the bridge runs has the one it was made with."""
    found = await service.managed(tx, scope, name)
    if any(endpoint.url == BRIDGE_URL for endpoint in found.endpoints):
        raise LocalHasOneEndpoint(name)
    return found


def version_of(found: Service, version: str) -> Version:
    place = found.version(version)
    if place is None:
        raise NotFound("version", version)
    return place


def endpoint_of(found: Service, endpoint_id: str) -> tuple[Endpoint, Version]:
    for version in found.versions:
        for endpoint in version.endpoints:
            if endpoint.id == endpoint_id:
                return endpoint, version
    raise NotFound("endpoint", endpoint_id)


def _refuse(problems: list[FieldError]) -> None:
    if problems:
        raise InvalidFields(tuple(problems))


async def _saved_version(
    tx: Tx, scope: OrgScope, found: Service, versions: tuple[Version, ...], kind: str, version: Version
) -> Service:
    after = await _with_versions(tx, scope, found, versions)
    more = {"version": version.version, "weight": version.weight, "status": version.status}
    await service.record(tx, scope, kind, after, {}, **more)
    return after


async def _with_versions(tx: Tx, scope: OrgScope, found: Service, versions: tuple[Version, ...]) -> Service:
    after = replace(found, versions=versions, status=aggregate_status(versions))
    if after.status != found.status:
        await store.set_status(tx, scope, found.id, after.status)
    return after
