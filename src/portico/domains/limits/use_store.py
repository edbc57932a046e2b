"""SQL of what budgets have used, window by window."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.limits.tables import budget_use
from portico.domains.limits.terms import Budget, BudgetUse, Level
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx

WindowKey = tuple[str, datetime]
# Above SQLite's and PostgreSQL's comfort a list of pairs is asked for in pieces.
_PIECE = 400


async def add_use(
    tx: Tx, scope: PlatformScope, org_ids: Mapping[str, str], adds: Mapping[WindowKey, tuple[int, int]]
) -> None:
    """Add (used, held) to each window, making rows as needed; the database adds, so concurrent folds do not lose any."""
    table = sqlite.insert(budget_use) if tx.engine == "sqlite" else postgresql.insert(budget_use)
    statement = table.on_conflict_do_update(
        index_elements=[budget_use.c.budget_id, budget_use.c.window_started_at],
        set_={"used": budget_use.c.used + table.excluded.used, "held": budget_use.c.held + table.excluded.held},
    )
    # A fixed order keeps two folds from waiting for each other crosswise.
    rows = [
        {
            "budget_id": budget_id,
            "window_started_at": started_at,
            "org_id": org_ids[budget_id],
            "used": used,
            "held": held,
            "warned": False,
            "critical": False,
            "exhausted": False,
        }
        for (budget_id, started_at), (used, held) in sorted(adds.items())
    ]
    if rows:
        await tx.execute(statement, rows)


async def mark_told(tx: Tx, scope: PlatformScope, key: WindowKey, level: Level) -> None:
    """With every level below it."""
    where = budget_use.c.budget_id == key[0], budget_use.c.window_started_at == key[1]
    told = {"warned": True} | ({"critical": True} if level != "warning" else {})
    told |= {"exhausted": True} if level == "exhausted" else {}
    await tx.execute(update(budget_use).where(*where).values(told))


async def use_of_windows(tx: Tx, scope: PlatformScope, keys: Sequence[WindowKey]) -> dict[WindowKey, BudgetUse]:
    found: dict[WindowKey, BudgetUse] = {}
    pair = tuple_(budget_use.c.budget_id, budget_use.c.window_started_at)
    for start in range(0, len(keys), _PIECE):
        found |= await _read(tx, pair.in_(keys[start : start + _PIECE]))
    return found


async def use_since(tx: Tx, scope: PlatformScope, windows: set[datetime]) -> dict[WindowKey, BudgetUse]:
    """Use of every budget in the windows that began at these moments."""
    return await _read(tx, budget_use.c.window_started_at.in_(sorted(windows)))


async def use_of_budgets(
    tx: Tx, scope: OrgScope, budgets: Sequence[tuple[Budget, datetime]]
) -> dict[WindowKey, BudgetUse]:
    same = [
        (budget_use.c.budget_id == budget.id) & (budget_use.c.window_started_at == started_at)
        for budget, started_at in budgets
    ]
    return await _read(tx, (budget_use.c.org_id == scope.org_id) & or_(*same)) if same else {}


async def delete_windows_before(tx: Tx, scope: PlatformScope, before: datetime) -> int:
    return (await tx.execute(delete(budget_use).where(budget_use.c.window_started_at < before))).rowcount


async def _read(tx: Tx, where: object) -> dict[WindowKey, BudgetUse]:
    query = select(budget_use).where(where)  # type: ignore[arg-type]
    return {
        (row.budget_id, row.window_started_at): BudgetUse(row.used, row.held, row.warned, row.critical, row.exhausted)
        for row in await tx.execute(query)
    }
