"""SQL of limits and budgets; what a window has used lives in use_store."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.limits.tables import budgets, limits
from portico.domains.limits.terms import Budget, Limit
from portico.kernel.ids import BudgetId, LimitId, OrgId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx


async def insert_limit(tx: Tx, scope: OrgScope, limit: Limit) -> bool:
    """False when the name is taken."""
    return await _insert(tx, limits, _limit_row(limit) | {"org_id": scope.org_id})


async def insert_budget(tx: Tx, scope: OrgScope, budget: Budget) -> bool:
    """False when the name is taken."""
    return await _insert(tx, budgets, _budget_row(budget) | {"org_id": scope.org_id})


async def load_limit(tx: Tx, scope: OrgScope, limit_id: str) -> Limit | None:
    query = select(limits).where(limits.c.org_id == scope.org_id, limits.c.id == limit_id)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _limit(row)


async def load_budget(tx: Tx, scope: OrgScope, budget_id: str) -> Budget | None:
    query = select(budgets).where(budgets.c.org_id == scope.org_id, budgets.c.id == budget_id)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _budget(row)


async def update_limit(tx: Tx, scope: OrgScope, limit: Limit) -> None:
    changed = limits.c.org_id == scope.org_id, limits.c.id == limit.id
    await tx.execute(update(limits).where(*changed).values(_limit_row(limit)))


async def update_budget(tx: Tx, scope: OrgScope, budget: Budget) -> None:
    changed = budgets.c.org_id == scope.org_id, budgets.c.id == budget.id
    await tx.execute(update(budgets).where(*changed).values(_budget_row(budget)))


async def delete_limit(tx: Tx, scope: OrgScope, limit_id: LimitId) -> None:
    await tx.execute(delete(limits).where(limits.c.org_id == scope.org_id, limits.c.id == limit_id))


async def delete_budget(tx: Tx, scope: OrgScope, budget_id: BudgetId) -> None:
    await tx.execute(delete(budgets).where(budgets.c.org_id == scope.org_id, budgets.c.id == budget_id))


async def name_taken(tx: Tx, scope: OrgScope, table: Table, name: str, other_than: str) -> bool:
    query = select(table.c.id).where(table.c.org_id == scope.org_id, table.c.name == name, table.c.id != other_than)
    return (await tx.execute(query)).first() is not None


async def list_limits(tx: Tx, scope: OrgScope, ask: PageAsk) -> Page[Limit]:
    rows, total = await _page(tx, scope, limits, ask)
    return make_page([_limit(row) for row in rows], ask, lambda limit: (limit.name,), total)


async def list_budgets(tx: Tx, scope: OrgScope, ask: PageAsk) -> Page[Budget]:
    rows, total = await _page(tx, scope, budgets, ask)
    return make_page([_budget(row) for row in rows], ask, lambda budget: (budget.name,), total)


async def all_limits(tx: Tx, scope: PlatformScope) -> list[Limit]:
    """Enabled ones of every org."""
    return [_limit(row) for row in await tx.execute(select(limits).where(limits.c.enabled).order_by(limits.c.id))]


async def all_budgets(tx: Tx, scope: PlatformScope) -> list[Budget]:
    """Enabled ones of every org."""
    return [_budget(row) for row in await tx.execute(select(budgets).where(budgets.c.enabled).order_by(budgets.c.id))]


async def budgets_by_id(tx: Tx, scope: PlatformScope, budget_ids: set[str]) -> dict[str, Budget]:
    query = select(budgets).where(budgets.c.id.in_(sorted(budget_ids)))
    return {row.id: _budget(row) for row in await tx.execute(query)}


async def budgets_of(tx: Tx, scope: OrgScope, budget_ids: set[str]) -> dict[str, Budget]:
    query = select(budgets).where(budgets.c.org_id == scope.org_id, budgets.c.id.in_(sorted(budget_ids)))
    return {row.id: _budget(row) for row in await tx.execute(query)}


async def enabled_budgets(tx: Tx, scope: OrgScope) -> list[Budget]:
    query = select(budgets).where(budgets.c.org_id == scope.org_id, budgets.c.enabled).order_by(budgets.c.name)
    return [_budget(row) for row in await tx.execute(query)]


async def _insert(tx: Tx, table: Table, row: dict[str, Any]) -> bool:
    into = sqlite.insert(table) if tx.engine == "sqlite" else postgresql.insert(table)
    return (await tx.execute(into.values(row).on_conflict_do_nothing())).rowcount == 1


async def _page(tx: Tx, scope: OrgScope, table: Table, ask: PageAsk) -> tuple[list[Row[Any]], int]:
    mine = table.c.org_id == scope.org_id
    query = select(table).where(mine).order_by(table.c.name).limit(ask.page_size + 1)
    if ask.cursor is not None:
        query = query.where(table.c.name > str(ask.cursor.after[0]))
    rows = list((await tx.execute(query)).all())
    total = (await tx.execute(select(func.count()).select_from(table).where(mine))).scalar_one()
    return rows, total


def _limit_row(limit: Limit) -> dict[str, Any]:
    row = asdict(limit)
    del row["subject_name"]
    return row


def _budget_row(budget: Budget) -> dict[str, Any]:
    row = asdict(budget)
    del row["subject_name"]
    row["limit_amount"] = row.pop("limit")
    return row


def _limit(row: Row[Any]) -> Limit:
    return Limit(
        LimitId(row.id),
        OrgId(row.org_id),
        row.name,
        row.subject_kind,
        row.subject_id,
        row.rate,
        row.per_s,
        row.burst,
        row.enabled,
        row.created_at,
    )


def _budget(row: Row[Any]) -> Budget:
    return Budget(
        BudgetId(row.id),
        OrgId(row.org_id),
        row.name,
        row.subject_kind,
        row.subject_id,
        row.measure,
        row.window,
        row.limit_amount,
        row.warn_at_percent,
        row.enabled,
        row.created_at,
    )
