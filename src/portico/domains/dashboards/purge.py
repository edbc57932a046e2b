"""What expires: proposals nobody answered, and private dashboards nobody looks at."""

from dataclasses import replace

from portico.domains.dashboards import proposal_store, record, store
from portico.domains.dashboards.canonical import canonical, checksum
from portico.domains.dashboards.model import SHELL_LIFE, STATE_LIFE, Dashboard, StoredState, empty_state
from portico.domains.dashboards.schemas import CURRENT
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.kernel.scope import PlatformScope
from portico.platform.deps import Deps

_MOST_AT_ONCE = 500


async def purge_dashboards(scope: PlatformScope, deps: Deps) -> int:
    """Returns how many proposals and states went; each dashboard is a transaction of its own, so none waits for all."""
    now = deps.clock.now()
    async with deps.uow() as tx:
        gone = await proposal_store.forget_expired(tx, scope, now)
    async with deps.read() as tx:
        stale = await store.untouched(tx, scope, now - STATE_LIFE, now - SHELL_LIFE, _MOST_AT_ONCE)
    for dashboard in stale:
        gone += await _expire(dashboard, deps)
    return gone


async def _expire(found: Dashboard, deps: Deps) -> bool:
    now, house = deps.clock.now(), tenancy.open_system_scope(found.org_id, found.scope)
    before = now - (STATE_LIFE if found.widget_count else SHELL_LIFE)
    async with deps.uow() as tx:
        await events.hold_log(tx, house)
        dashboard = await store.lock_untouched(tx, house, found.id, before)
        if dashboard is None:
            return False
        if not dashboard.widget_count:
            await store.delete_dashboard(tx, house, dashboard.id)
            await record.leave_trail(tx, house, record.DELETED, dashboard, {}, audited=False)
            return True
        text = canonical(empty_state(dashboard.layout))
        state = StoredState(dashboard.version + 1, CURRENT, text, checksum(text))
        emptied = replace(dashboard, widget_count=0, version=state.version, updated_at=now)
        await store.write_state(tx, house, emptied, state)
        # Without the changes before it, whoever still shows the old state is sent the whole new one.
        await store.forget_changes(tx, house, dashboard.id, state.version)
        await record.leave_trail(tx, house, record.EXPIRED, emptied, {}, audited=False)
    return True
