"""What calls came to, added to the budgets by the folder in its own transaction; and what the Snapshot needs of them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from portico.domains.events import public as events
from portico.domains.limits import store, use_store
from portico.domains.limits.model import window_end, window_start
from portico.domains.limits.terms import Budget, BudgetCharge, BudgetUse, Level, Limit, crossed, used_percent
from portico.domains.limits.use_store import WindowKey
from portico.domains.tenancy import public as tenancy
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

KEEP_WINDOWS = timedelta(days=400)
_FIELDS = {
    "budget_id": str,
    "name": str,
    "measure": str,
    "limit": int,
    "used": int,
    "used_percent": float,
    "resets_at": str,
}
WARNING = events.declare(
    "budget.warning.v1", "A budget nears its limit in this window.", about="budget_id", fields=_FIELDS
)
CRITICAL = events.declare(
    "budget.critical.v1", "A budget is nearly used up in this window.", about="budget_id", fields=_FIELDS
)
EXHAUSTED = events.declare(
    "budget.exhausted.v1",
    "A budget has nothing left in this window.",
    about="budget_id",
    category="error",
    fields=_FIELDS,
)
_KINDS: dict[Level, str] = {"warning": WARNING, "critical": CRITICAL, "exhausted": EXHAUSTED}


async def charge(tx: Tx, scope: PlatformScope, charges: Sequence[BudgetCharge]) -> None:
    """Add to what budgets have used; tells once per window that a budget nears or reaches its limit.

    A charge for a budget that no longer exists is dropped: nobody is left to hold it against.
    """
    budgets, added = await _add(tx, scope, charges, held=False)
    uses = await use_store.use_of_windows(tx, scope, added)
    for key in added:
        await _tell(tx, scope, budgets[key[0]], key, uses[key])


async def adjust_held(tx: Tx, scope: PlatformScope, deltas: Sequence[BudgetCharge]) -> None:
    """Add to (or, below zero, take from) what calls under way hold."""
    await _add(tx, scope, deltas, held=True)


async def snapshot_limits(tx: Tx, scope: PlatformScope) -> list[Limit]:
    return await store.all_limits(tx, scope)


async def snapshot_budgets(tx: Tx, scope: PlatformScope, now: datetime) -> list[tuple[Budget, datetime, BudgetUse]]:
    """Each enabled budget with the start and the use of its current window."""
    found = await store.all_budgets(tx, scope)
    starts = {budget.window: window_start(budget.window, now) for budget in found}
    uses = await use_store.use_since(tx, scope, set(starts.values())) if starts else {}
    return [
        (budget, starts[budget.window], uses.get((budget.id, starts[budget.window]), BudgetUse())) for budget in found
    ]


async def forget_old_windows(scope: PlatformScope, deps: Deps) -> int:
    """Remove windows that no page shows any more."""
    async with deps.uow() as tx:
        return await use_store.delete_windows_before(tx, scope, deps.clock.now() - KEEP_WINDOWS)


async def _add(
    tx: Tx, scope: PlatformScope, charges: Sequence[BudgetCharge], *, held: bool
) -> tuple[dict[str, Budget], list[WindowKey]]:
    sums: defaultdict[WindowKey, int] = defaultdict(int)
    for each in charges:
        sums[each.budget_id, each.window_started_at] += each.amount
    budgets = await store.budgets_by_id(tx, scope, {budget_id for budget_id, _ in sums}) if sums else {}
    adds = {key: (0, amount) if held else (amount, 0) for key, amount in sums.items() if amount and key[0] in budgets}
    await use_store.add_use(tx, scope, {budget.id: budget.org_id for budget in budgets.values()}, adds)
    return budgets, sorted(adds)


async def _tell(tx: Tx, scope: PlatformScope, budget: Budget, key: WindowKey, use: BudgetUse) -> None:
    level = crossed(budget, use)
    if level is None or not budget.enabled:
        return
    await use_store.mark_told(tx, scope, key, level)
    payload = {
        "budget_id": budget.id,
        "name": budget.name,
        "measure": budget.measure,
        "limit": budget.limit,
        "used": use.used,
        "used_percent": used_percent(use.used, budget.limit),
        "resets_at": window_end(budget.window, key[1]).isoformat(),
    }
    system = tenancy.open_system_scope(budget.org_id)
    await events.record(tx, system, kind=_KINDS[level], payload=payload)
