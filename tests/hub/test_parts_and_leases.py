from collections.abc import Awaitable, Callable

import pytest

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.hub import leases, parts
from portico.domains.hub import public as hub
from portico.domains.hub.errors import EndpointTaken, LastActiveVersion, VersionTaken
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidFields, NotFound, NotPermitted
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, IN_DEVELOPMENT, STRANGER, VIEWER

URL = "http://127.0.0.1:9001"
DRAFT = hub.ServiceDraft("inventory", "http", URL)


@pytest.mark.req("SP10")
async def test_a_canary_is_a_second_version_with_a_smaller_share(deps: Deps) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    await parts.add_version(ADMIN, "inventory", "v2", 5, "http://127.0.0.1:9002", deps)
    found = await hub.find_service(ADMIN, "inventory", deps)
    assert [(version.version, version.weight) for version in found.versions] == [("v1", 100), ("v2", 5)]
    with pytest.raises(VersionTaken):
        await parts.add_version(ADMIN, "inventory", "v2", 5, "http://127.0.0.1:9003", deps)


async def test_some_active_version_always_has_weight(deps: Deps) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    for change in (
        lambda: parts.update_version(ADMIN, "inventory", "v1", 0, None, deps),
        lambda: parts.update_version(ADMIN, "inventory", "v1", None, "deprecated", deps),
        lambda: parts.remove_version(ADMIN, "inventory", "v1", deps),
    ):
        with pytest.raises(LastActiveVersion):
            await change()
    await parts.add_version(ADMIN, "inventory", "v2", 1, "http://127.0.0.1:9002", deps)
    await parts.remove_version(ADMIN, "inventory", "v1", deps)
    assert [each.version for each in (await hub.find_service(ADMIN, "inventory", deps)).versions] == ["v2"]


async def test_endpoints_are_added_weighted_and_removed(deps: Deps) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    added = await parts.add_endpoint(ADMIN, "inventory", "v1", "http://127.0.0.1:9002", 3, deps)
    assert added == await hub.find_service(ADMIN, "inventory", deps)
    changed = await parts.update_endpoint(ADMIN, "inventory", added.endpoints[1].id, 7, deps)
    assert changed.endpoints[1].weight == 7
    with pytest.raises(EndpointTaken):
        await parts.add_endpoint(ADMIN, "inventory", "v1", "http://127.0.0.1:9002", 1, deps)
    with pytest.raises(InvalidFields):
        await parts.add_endpoint(ADMIN, "inventory", "v1", "http://169.254.169.254/", 1, deps)
    with pytest.raises(InvalidFields):
        await parts.update_endpoint(ADMIN, "inventory", added.endpoints[1].id, -1, deps)
    removed = await parts.remove_endpoint(ADMIN, "inventory", added.endpoints[1].id, deps)
    assert [endpoint.url for endpoint in removed.endpoints] == [URL]


def verbs(scope: object, endpoint_id: str, lease_id: str, deps: Deps) -> list[Callable[[], Awaitable[object]]]:
    return [
        lambda: parts.add_version(scope, "inventory", "v9", 1, URL, deps),  # type: ignore[arg-type]
        lambda: parts.update_version(scope, "inventory", "v1", 1, None, deps),  # type: ignore[arg-type]
        lambda: parts.remove_version(scope, "inventory", "v1", deps),  # type: ignore[arg-type]
        lambda: parts.add_endpoint(scope, "inventory", "v1", URL, 1, deps),  # type: ignore[arg-type]
        lambda: parts.update_endpoint(scope, "inventory", endpoint_id, 1, deps),  # type: ignore[arg-type]
        lambda: parts.remove_endpoint(scope, "inventory", endpoint_id, deps),  # type: ignore[arg-type]
        lambda: leases.take_lease(scope, "inventory", URL, None, 60, deps),  # type: ignore[arg-type]
        lambda: leases.renew_lease(scope, "inventory", lease_id, deps),  # type: ignore[arg-type]
        lambda: leases.end_lease(scope, "inventory", lease_id, deps),  # type: ignore[arg-type]
    ]


async def test_every_verb_on_a_part_is_closed_to_strangers_and_viewers(deps: Deps) -> None:
    made = await hub.create_service(ADMIN, DRAFT, deps)
    lease = await leases.take_lease(ADMIN, "inventory", "http://127.0.0.1:9009", None, 60, deps)
    for refusal, scope in ((NotFound, STRANGER), (NotPermitted, VIEWER)):
        for verb in verbs(scope, made.endpoints[0].id, lease.id, deps):
            with pytest.raises(refusal):
                await verb()
    with pytest.raises(NotFound):
        await parts.remove_endpoint(ADMIN, "inventory", "end_elsewhere", deps)


@pytest.mark.req("SP10")
async def test_an_instance_stays_as_long_as_it_renews_its_lease(deps: Deps, clock: ManualClock) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    lease = await leases.take_lease(ADMIN, "inventory", "http://127.0.0.1:9002", None, 60, deps)
    clock.advance(seconds=50)
    renewed = await leases.renew_lease(ADMIN, "inventory", lease.id, deps)
    assert (renewed.expires_at - clock.now()).total_seconds() == 60
    clock.advance(seconds=59)
    assert await leases.expire_leases(deps) == 0
    clock.advance(seconds=1)
    nudged = deps.bus.listen("snapshot")
    assert [await leases.expire_leases(deps), await leases.expire_leases(deps)] == [1, 0]
    assert nudged.is_set()
    assert [each.url for each in (await hub.find_service(ADMIN, "inventory", deps)).endpoints] == [URL]
    with pytest.raises(NotFound):
        await leases.renew_lease(ADMIN, "inventory", lease.id, deps)
    async with deps.read() as tx:
        _, newest = await events.recent_events(tx, ADMIN, 1)
    assert newest[0].kind == "service.lease_expired.v1"


async def test_an_instance_that_comes_back_takes_its_place_again(deps: Deps) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    first = await leases.take_lease(ADMIN, "inventory", "http://127.0.0.1:9002", None, 60, deps)
    second = await leases.take_lease(ADMIN, "inventory", "http://127.0.0.1:9002", "v1", 30, deps)
    assert second.endpoint_id == first.endpoint_id
    with pytest.raises(NotFound):
        await leases.end_lease(ADMIN, "inventory", first.id, deps)
    with pytest.raises(EndpointTaken):
        await leases.take_lease(ADMIN, "inventory", URL, None, 60, deps)
    await leases.end_lease(ADMIN, "inventory", second.id, deps)
    assert len((await hub.find_service(ADMIN, "inventory", deps)).endpoints) == 1


@pytest.mark.parametrize("ttl_s", [9, 3601])
async def test_a_lease_is_neither_a_blink_nor_for_ever(deps: Deps, ttl_s: int) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    with pytest.raises(InvalidFields, match="ttl_s"):
        await leases.take_lease(ADMIN, "inventory", "http://127.0.0.1:9002", None, ttl_s, deps)


async def test_a_service_of_every_scope_can_be_changed_from_each(deps: Deps) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    changed = await parts.add_endpoint(IN_DEVELOPMENT, "inventory", "v1", "http://127.0.0.1:9002", 1, deps)
    assert changed == await hub.find_service(ADMIN, "inventory", deps)


async def test_the_trail_says_in_the_imperative_what_was_done_to_parts(deps: Deps) -> None:
    await hub.create_service(ADMIN, DRAFT, deps)
    await parts.add_version(ADMIN, "inventory", "v2", 10, "http://127.0.0.1:9009", deps)
    await parts.update_version(ADMIN, "inventory", "v2", 20, None, deps)
    await parts.remove_version(ADMIN, "inventory", "v2", deps)
    found = await audit.search_audit(ADMIN, audit.Search(), PageAsk(3), deps)
    assert [entry.action for entry in found.items] == [
        "service.remove_version",
        "service.update_version",
        "service.add_version",
    ]
