from portico.domains.tenancy.model import ENDED_SIGN_INS_KEPT
from portico.domains.tenancy.store import sign_ins as sign_in_store
from portico.domains.tenancy.store import tickets as ticket_store
from portico.kernel.scope import PlatformScope
from portico.platform.deps import Deps


async def purge_expired(scope: PlatformScope, deps: Deps) -> int:
    """Remove tickets, tries and tokens that are over, and sign-ins that ended a month ago; returns how many of the last."""
    now = deps.clock.now()
    async with deps.uow() as tx:
        await ticket_store.purge_tickets(tx, scope, now)
        return await sign_in_store.purge_sign_ins(tx, scope, now, now - ENDED_SIGN_INS_KEPT)
