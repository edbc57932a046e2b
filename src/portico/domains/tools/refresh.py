"""Listing servers from here: when somebody asks for it, and by itself for those never listed before."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag

from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.tenancy import public as tenancy
from portico.domains.tools import registry, service, store
from portico.domains.tools.errors import ListingFailed
from portico.domains.tools.listing import Address, list_tools
from portico.domains.tools.model import Server
from portico.domains.tools.registry import Noted, Seen
from portico.domains.vault import public as vault
from portico.kernel.errors import Refusal
from portico.kernel.ids import OrgId, ServiceId
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.platform.link import BRIDGE_URL
from portico.platform.outbound import Outbound

MOST_AT_ONCE = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=10)


@dataclass(slots=True)
class ListStatus:
    listed: int = 0
    failed: int = 0


async def refresh_server(scope: OrgScope, server: str, deps: Deps) -> Noted:
    """List the server now and write down what is news; its first listing approves what it shows, where that is trusted.

    raises   ListingFailed and what the way out refuses
    """
    async with deps.read() as tx:
        service_id = await service.server_id(tx, scope, server)
    route = next((each for each in await _routes(deps) if each.id == service_id), None)
    address = None if route is None else await _address_of(route, deps)
    if address is None:
        raise ListingFailed(f"The tool server {server!r} has no address that can be asked from here.")
    return await _list(scope.org_id, service_id, address, deps)


async def list_new_servers(deps: Deps) -> ListStatus:
    """Those registered since the last time, and again those that did not answer, with growing pauses."""
    now = deps.clock.now()
    async with deps.read() as tx:
        known = await store.all_servers(tx, tenancy.platform_scope())
        servers = await hub.ids_of_kind(tx, tenancy.platform_scope(), "tools")
    waiting = {each for each in servers if _is_due(known.get(each), now)}
    # Whatever changes anywhere wakes this, and mostly nothing waits.
    due = [route for route in await _routes(deps) if route.id in waiting] if waiting else []
    status, room = ListStatus(), asyncio.Semaphore(MOST_AT_ONCE)

    async def one(route: hub.ServiceRoute) -> None:
        async with room:
            if await _try(route, deps):
                status.listed += 1
            else:
                status.failed += 1

    async with asyncio.TaskGroup() as tasks:
        for route in due:
            tasks.create_task(one(route))
    return status


async def _try(route: hub.ServiceRoute, deps: Deps) -> bool:
    address = await _address_of(route, deps)
    try:
        if address is None:
            raise ListingFailed(
                "It has no address that can be asked from here; its tools are learned from its traffic."
            )
        await _list(OrgId(route.org_id), route.id, address, deps)
    except Refusal as refusal:
        await _note_failure(route, refusal.message, deps)
        return False
    return True


async def _list(org_id: OrgId, service_id: str, address: Address, deps: Deps) -> Noted:
    definitions = await list_tools(Outbound(deps.settings), address)
    return await registry.note_seen(org_id, Seen(service_id, definitions, complete=True, seen_in="listing"), deps)


async def _note_failure(route: hub.ServiceRoute, error: str, deps: Deps) -> None:
    scope = tenancy.open_system_scope(OrgId(route.org_id))
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        if await hub.name_of_service(tx, scope, route.id, "tools") is None:
            return
        before = await store.load_server(tx, scope, route.id) or Server(ServiceId(route.id), scope.org_id)
        if before.listed_at is None:
            failed = replace(before, tried_at=deps.clock.now(), tries=before.tries + 1, error=error[:500])
            await store.save_server(tx, scope, failed)
            if failed.trusted != before.trusted:
                tx.nudge("snapshot")


def _is_due(server: Server | None, now: datetime) -> bool:
    if server is None or server.tried_at is None:
        return server is None or server.listed_at is None
    pause = min(FIRST_PAUSE * 2 ** min(server.tries, 10), LONGEST_PAUSE)
    return server.listed_at is None and server.tried_at + pause <= now


async def _routes(deps: Deps) -> list[hub.ServiceRoute]:
    async with deps.read() as tx:
        return [each for each in await hub.snapshot_services(tx, tenancy.platform_scope()) if each.kind == "tools"]


async def _address_of(route: hub.ServiceRoute, deps: Deps) -> Address | None:
    urls = [end.url for version in route.versions for end in version.endpoints if version.weight > 0]
    if urls and urls[0] == BRIDGE_URL:
        # The bridge is told what the gateway would tell it: whose server, and who asks.
        told = (("X-Portico-Org", route.org_id), ("X-Portico-Service", route.id), ("X-Portico-Principal", "system"))
        return Address(urls[0], told)
    if not urls or not urls[0].startswith(("http://", "https://")):
        return None
    if route.credential is None:
        return Address(urls[0])
    async with deps.read() as tx:
        sealed = (await vault.sealed_of(tx, tenancy.platform_scope())).get((route.org_id, route.credential.secret_name))
    if sealed is None:
        return Address(urls[0])
    try:
        secret = deps.sealer.open(sealed.sealed, sealed.context)
    except InvalidTag:
        # Sealed under another master key; the server's 401 will name the problem.
        return Address(urls[0])
    return Address(urls[0], ((route.credential.header, route.credential.format.replace("{secret}", secret)),))
