"""Reading ahead, so that the first people after a start do not all wait for the same lists."""

from portico.domains.hub import store
from portico.domains.hub.model import ServiceFilter
from portico.domains.hub.service import list_services
from portico.domains.tenancy import public as tenancy
from portico.kernel.paging import MAX_PAGE_SIZE, PageAsk
from portico.platform.deps import Deps

MOST_ORGS = 200


async def warm_summaries(deps: Deps) -> int:
    """Read what the first page and the live breakers of admins ask for, in the orgs that changed last; how many orgs."""
    if deps.cache.ttl_s["service_summaries"] <= 0:
        return 0
    async with deps.read() as tx:
        org_ids = await store.orgs_with_services(tx, tenancy.platform_scope(), MOST_ORGS)
    for org_id in org_ids:
        everything = tenancy.open_system_scope(org_id)
        await list_services(everything, ServiceFilter(), "name", PageAsk(MAX_PAGE_SIZE), deps)
    return len(org_ids)
