"""Breakers live in the gateways; the hub shows them and asks for a reset."""

from portico.domains.events import public as events
from portico.domains.hub import service
from portico.domains.hub.errors import GatewayNotLinked
from portico.domains.hub.model import BreakerReading, Gateways, Service
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

RESET = events.declare(
    "service.breaker_reset.v1",
    "Somebody closed a service's breakers by hand.",
    about="service_id",
    fields={"service_id": str, "name": str},
)
# The more alarming report wins when several gateways see the same endpoint differently.
_ALARM = {"closed": 0, "recovering": 1, "half_open": 2, "open": 3}


def readings(feed: Gateways | None, org_id: str) -> dict[str, BreakerReading]:
    """By endpoint; only what a linked gateway reports."""
    found: dict[str, BreakerReading] = {}
    for reading in () if feed is None else feed.breakers(org_id):
        known = found.get(reading.endpoint_id)
        if known is None or _ALARM.get(reading.state, 0) > _ALARM.get(known.state, 0):
            found[reading.endpoint_id] = reading
    return found


async def reset_breaker(scope: OrgScope, name: str, feed: Gateways | None, deps: Deps) -> Service:
    """Close the breakers of all the service's endpoints, in every linked gateway."""
    async with deps.uow() as tx:
        found = await service.managed(tx, scope, name)
        if feed is None:
            raise GatewayNotLinked
        await service.record(tx, scope, RESET, found, {})
    await feed.reset_breaker(found.id)
    return found
