"""Verbs on limits and budgets; `charge` and what follows from it lives in spending."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.limits import store, use_store
from portico.domains.limits.errors import NameTaken
from portico.domains.limits.model import window_end, window_start
from portico.domains.limits.tables import budgets, limits
from portico.domains.limits.terms import (
    Budget,
    BudgetDraft,
    BudgetState,
    BudgetUse,
    Limit,
    LimitDraft,
    budget_problems,
    budget_subject_problems,
    each_of,
    limit_problems,
    limit_subject_problems,
)
from portico.domains.tenancy import public as tenancy
from portico.kernel import ids
from portico.kernel.errors import FieldError, InvalidFields, InvalidInput, NotFound
from portico.kernel.ids import BudgetId, LimitId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

Row = TypeVar("Row", Limit, Budget)
_SUBJECT = frozenset({"subject_kind", "subject_id"})

_ACTIONS = {
    events.declare(
        f"{kind}.{past}.v1", f"A {kind} was {past}.", about=f"{kind}_id", fields={f"{kind}_id": str, "name": str}
    ): f"{kind}.{verb}"
    for kind in ("limit", "budget")
    for past, verb in (("created", "create"), ("updated", "update"), ("deleted", "delete"))
}


async def create_limit(scope: OrgScope, draft: LimitDraft, deps: Deps) -> Limit:
    _check_limit(draft)
    limit = Limit(
        ids.new(LimitId),
        scope.org_id,
        draft.name,
        draft.subject_kind,
        draft.subject_id,
        draft.rate,
        draft.per_s,
        draft.burst,
        draft.enabled,
        deps.clock.now(),
    )
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        limit = await _named_subject(tx, scope, limit)
        if not await store.insert_limit(tx, scope, limit):
            raise NameTaken("limit", draft.name)
        await _record(tx, scope, "limit.created.v1", limit, {"rate": limit.rate, "per_s": limit.per_s})
    return limit


async def update_limit(scope: OrgScope, limit_id: str, changes: dict[str, Any], deps: Deps) -> Limit:
    """`changes`: any of name, subject_kind, subject_id, rate, per_s, burst, enabled."""
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        limit = replace(await _limit(tx, scope, limit_id), **changes)
        _check_limit(limit)
        if await store.name_taken(tx, scope, limits, limit.name, limit.id):
            raise NameTaken("limit", limit.name)
        limit = await _named_subject(tx, scope, limit, check=bool(_SUBJECT.intersection(changes)))
        await store.update_limit(tx, scope, limit)
        await _record(tx, scope, "limit.updated.v1", limit, {"changed": sorted(changes)})
    return limit


async def delete_limit(scope: OrgScope, limit_id: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        limit = await _limit(tx, scope, limit_id)
        await store.delete_limit(tx, scope, limit.id)
        await _record(tx, scope, "limit.deleted.v1", limit, {})


async def find_limit(scope: OrgScope, limit_id: str, deps: Deps) -> Limit:
    async with deps.read() as tx:
        limit = await _limit(tx, scope, limit_id)
        return (await _with_subjects(tx, scope, [limit]))[0]


async def list_limits(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[Limit]:
    async with deps.read() as tx:
        page = await store.list_limits(tx, scope, ask)
        return replace(page, items=await _with_subjects(tx, scope, page.items))


async def create_budget(scope: OrgScope, draft: BudgetDraft, deps: Deps) -> BudgetState:
    _check_budget(draft)
    budget = Budget(
        ids.new(BudgetId),
        scope.org_id,
        draft.name,
        draft.subject_kind,
        draft.subject_id,
        draft.measure,
        draft.window,
        draft.limit,
        draft.warn_at_percent,
        draft.enabled,
        deps.clock.now(),
    )
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        budget = await _named_subject(tx, scope, budget)
        if not await store.insert_budget(tx, scope, budget):
            raise NameTaken("budget", draft.name)
        await _record(tx, scope, "budget.created.v1", budget, {"limit": budget.limit, "measure": budget.measure})
        return (await _states(tx, scope, [budget], deps))[0]


async def update_budget(scope: OrgScope, budget_id: str, changes: dict[str, Any], deps: Deps) -> BudgetState:
    """`changes`: any of the draft's fields. What was used stays counted against the new limit."""
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        before = await _budget(tx, scope, budget_id)
        budget = replace(before, **changes)
        if budget.measure != before.measure:
            # The use counted so far is in the old unit and would be read as the new one.
            raise InvalidInput("measure", "cannot be changed; create another budget")
        _check_budget(budget)
        if await store.name_taken(tx, scope, budgets, budget.name, budget.id):
            raise NameTaken("budget", budget.name)
        budget = await _named_subject(tx, scope, budget, check=bool(_SUBJECT.intersection(changes)))
        await store.update_budget(tx, scope, budget)
        await _record(tx, scope, "budget.updated.v1", budget, {"changed": sorted(changes)})
        return (await _states(tx, scope, [budget], deps))[0]


async def delete_budget(scope: OrgScope, budget_id: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        budget = await _budget(tx, scope, budget_id)
        await store.delete_budget(tx, scope, budget.id)
        await _record(tx, scope, "budget.deleted.v1", budget, {})


async def find_budget(scope: OrgScope, budget_id: str, deps: Deps) -> BudgetState:
    async with deps.read() as tx:
        return (await _states(tx, scope, [await _budget(tx, scope, budget_id)], deps))[0]


async def list_budgets(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[BudgetState]:
    async with deps.read() as tx:
        page = await store.list_budgets(tx, scope, ask)
        states = await _states(tx, scope, page.items, deps)
        return Page(states, page.page, page.page_size, page.total, page.next_cursor)


async def budgets_named(tx: Tx, scope: OrgScope, budget_ids: set[str]) -> dict[str, Budget]:
    """Those that still exist; for telling what a call was charged to."""
    return await store.budgets_of(tx, scope, budget_ids) if budget_ids else {}


async def budget_states(tx: Tx, scope: OrgScope, deps: Deps) -> list[BudgetState]:
    """Every enabled budget of the org with its use in the current window, by name."""
    return await _states(tx, scope, await store.enabled_budgets(tx, scope), deps)


async def _states(tx: Tx, scope: OrgScope, found: Sequence[Budget], deps: Deps) -> list[BudgetState]:
    now = deps.clock.now()
    windows = [(budget, window_start(budget.window, now)) for budget in await _with_subjects(tx, scope, found)]
    uses = await use_store.use_of_budgets(tx, scope, windows)
    return [
        BudgetState(budget, uses.get((budget.id, started_at), BudgetUse()), started_at, window_end(budget.window, now))
        for budget, started_at in windows
    ]


def _check_limit(limit: Limit | LimitDraft) -> None:
    problems = limit_problems(limit.name, limit.rate, limit.per_s, limit.burst)
    _refuse([*problems, *limit_subject_problems(limit.subject_kind, limit.subject_id)])


def _check_budget(budget: Budget | BudgetDraft) -> None:
    problems = budget_problems(budget.name, budget.limit, budget.warn_at_percent)
    _refuse([*problems, *budget_subject_problems(budget.subject_kind, budget.subject_id)])


def _refuse(problems: list[FieldError]) -> None:
    if problems:
        raise InvalidFields(tuple(problems))


async def _limit(tx: Tx, scope: OrgScope, limit_id: str) -> Limit:
    limit = await store.load_limit(tx, scope, limit_id)
    if limit is None:
        raise NotFound("limit", limit_id)
    return limit


async def _budget(tx: Tx, scope: OrgScope, budget_id: str) -> Budget:
    budget = await store.load_budget(tx, scope, budget_id)
    if budget is None:
        raise NotFound("budget", budget_id)
    return budget


async def _named_subject(tx: Tx, scope: OrgScope, row: Row, *, check: bool = True) -> Row:
    """The row with its subject's name; refuses a subject that does not exist in this org.

    check   False for an edit that leaves the subject alone: what was set for a key now gone can still be disabled
    """
    named = (await _with_subjects(tx, scope, [row]))[0]
    if not check:
        return named
    wanted = {"key": ("key_",), "principal": ("key_", "per_")}.get(row.subject_kind)
    of_kind = wanted is None or row.subject_id is None or row.subject_id.startswith(wanted)
    if not named.subject_name or not of_kind:
        raise InvalidInput("subject_id", f"there is no {row.subject_kind} {row.subject_id!r} in this org")
    return named


async def _with_subjects(tx: Tx, scope: OrgScope, rows: Sequence[Row]) -> list[Row]:
    principals = {row.subject_id for row in rows if row.subject_kind in {"key", "principal"} and row.subject_id}
    names: dict[str, str] = {}
    if principals:
        names |= await tenancy.principal_names(tx, scope, sorted(principals))
    if any(row.subject_kind == "scope" for row in rows):
        names |= {name: name for name in await tenancy.scope_names(tx, scope)}
    org_name = await tenancy.org_name(tx, scope) if any(row.subject_kind == "org" for row in rows) else ""
    return [replace(row, subject_name=_subject_name(row, names, org_name)) for row in rows]


def _subject_name(row: Limit | Budget, names: dict[str, str], org_name: str) -> str:
    if row.subject_kind == "org":
        return org_name
    if row.subject_id is None:
        return each_of(row.subject_kind)
    return row.subject_id if row.subject_kind == "address" else names.get(row.subject_id, "")


async def _record(tx: Tx, scope: OrgScope, kind: str, row: Limit | Budget, detail: dict[str, object]) -> None:
    noun = kind.partition(".")[0]
    await events.record(tx, scope, kind=kind, payload={f"{noun}_id": row.id, "name": row.name})
    target = audit.Target(noun, row.id, row.name)
    await audit.record(tx, scope, action=_ACTIONS[kind], target=target, outcome="ok", severity="INFO", detail=detail)
    tx.nudge("snapshot")
