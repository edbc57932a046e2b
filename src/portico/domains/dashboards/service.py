"""Verbs on a dashboard as a whole; its state is in state, proposals are in compose, what expires is in purge."""

from dataclasses import replace
from typing import Any

from portico.domains.dashboards import record, store
from portico.domains.dashboards.canonical import checksum
from portico.domains.dashboards.checks import checked_text, plain
from portico.domains.dashboards.errors import OwnersOnly, TooManyDashboards
from portico.domains.dashboards.model import (
    MAX_DASHBOARDS,
    Dashboard,
    DashboardDraft,
    StoredState,
    empty_state,
)
from portico.domains.dashboards.schemas import CURRENT, bring_up
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.kernel import ids
from portico.kernel.errors import InvalidInput, NotFound, NotPermitted
from portico.kernel.ids import DashboardId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps


async def create_dashboard(scope: OrgScope, draft: DashboardDraft, deps: Deps) -> Dashboard:
    """Owned by whoever creates it. raises TooManyDashboards · InvalidFields for a state that is none"""
    must_manage(scope)
    state = empty_state(draft.layout) if draft.state is None else bring_up(plain(draft.state, "state"))
    text, now = checked_text(state, "state"), deps.clock.now()
    dashboard = Dashboard(
        ids.new(DashboardId),
        scope.org_id,
        scope.scope,
        _checked_name(draft.name),
        draft.description,
        scope.actor.id,
        draft.shared,
        state["layout"],
        len(state["widgets"]),
        1,
        now,
        now,
        now,
    )
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        if await store.count_dashboards(tx, scope) >= MAX_DASHBOARDS:
            raise TooManyDashboards(scope.scope, MAX_DASHBOARDS)
        await store.insert_dashboard(tx, scope, dashboard, StoredState(1, CURRENT, text, checksum(text)))
        await record.leave_trail(tx, scope, record.CREATED, dashboard, {"shared": dashboard.shared})
        return (await _with_owners(tx, scope, [dashboard]))[0]


async def find_dashboard(scope: OrgScope, dashboard_id: str, deps: Deps) -> Dashboard:
    async with deps.read() as tx:
        return (await _with_owners(tx, scope, [await seen(tx, scope, dashboard_id)]))[0]


async def sees_dashboard(scope: OrgScope, dashboard_id: str, deps: Deps) -> bool:
    if not scope.may("dashboards.read"):
        return False
    async with deps.read() as tx:
        return await store.load_dashboard(tx, scope, dashboard_id) is not None


async def list_dashboards(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[Dashboard]:
    """One's own and those shared in the scope, by name."""
    if ask.cursor is not None and len(ask.cursor.after) != 2:
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    async with deps.read() as tx:
        page = await store.page_of_dashboards(tx, scope, ask)
        return replace(page, items=await _with_owners(tx, scope, page.items))


async def update_dashboard(scope: OrgScope, dashboard_id: str, changes: dict[str, Any], deps: Deps) -> Dashboard:
    """`changes`: any of name, description, shared."""
    async with deps.uow() as tx:
        before = await held(tx, scope, dashboard_id)
        after = replace(before, **changes, updated_at=deps.clock.now(), touched_at=deps.clock.now())
        _checked_name(after.name)
        # Taken back it would be its owner's alone, so nobody else may take it.
        if after.shared != before.shared and not before.owned_by(scope):
            raise OwnersOnly("change who sees")
        await store.update_dashboard(tx, scope, after)
        more = {"changed": sorted(changes), "version": after.version}
        await record.leave_trail(tx, scope, record.UPDATED, after, more)
        return (await _with_owners(tx, scope, [after]))[0]


async def delete_dashboard(scope: OrgScope, dashboard_id: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        dashboard = await held(tx, scope, dashboard_id)
        if not dashboard.may_be_ended_by(scope):
            raise OwnersOnly("delete")
        await store.delete_dashboard(tx, scope, dashboard.id)
        await record.leave_trail(tx, scope, record.DELETED, dashboard, {})


async def seen(tx: Tx, scope: OrgScope, dashboard_id: str) -> Dashboard:
    if not scope.may("dashboards.read"):
        raise NotPermitted("dashboards.read")
    return _found(await store.load_dashboard(tx, scope, dashboard_id), dashboard_id)


async def held(tx: Tx, scope: OrgScope, dashboard_id: str) -> Dashboard:
    """For a change: the org's log first and the dashboard after it, so that nobody waits crosswise."""
    must_manage(scope)
    await events.hold_log(tx, scope)
    return _found(await store.load_dashboard(tx, scope, dashboard_id, lock=True), dashboard_id)


def must_manage(scope: OrgScope) -> None:
    if not scope.may("dashboards.manage"):
        raise NotPermitted("dashboards.manage")


def _found(dashboard: Dashboard | None, dashboard_id: str) -> Dashboard:
    if dashboard is None:
        raise NotFound("dashboard", dashboard_id[:64])
    return dashboard


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise InvalidInput("name", "must be 1 to 80 printable characters")
    return name


async def _with_owners(tx: Tx, scope: OrgScope, dashboards: list[Dashboard]) -> list[Dashboard]:
    names = await tenancy.principal_names(tx, scope, sorted({each.owner_id for each in dashboards}))
    return [replace(each, owner_name=names.get(each.owner_id, "")) for each in dashboards]
