"""What other rooms may ask of limits and budgets."""

from portico.domains.limits.service import (
    budget_states,
    budgets_named,
    create_budget,
    create_limit,
    list_budgets,
    list_limits,
)
from portico.domains.limits.spending import (
    adjust_held,
    charge,
    forget_old_windows,
    snapshot_budgets,
    snapshot_limits,
)
from portico.domains.limits.terms import (
    Budget,
    BudgetCharge,
    BudgetDraft,
    BudgetState,
    BudgetUse,
    Limit,
    LimitDraft,
    each_of,
)
from portico.domains.limits.wire import BudgetWire, budget_wire, limit_wire

__all__ = [
    "Budget",
    "BudgetCharge",
    "BudgetDraft",
    "BudgetState",
    "BudgetUse",
    "BudgetWire",
    "Limit",
    "LimitDraft",
    "adjust_held",
    "budget_states",
    "budget_wire",
    "budgets_named",
    "charge",
    "create_budget",
    "create_limit",
    "each_of",
    "forget_old_windows",
    "limit_wire",
    "list_budgets",
    "list_limits",
    "snapshot_budgets",
    "snapshot_limits",
]
