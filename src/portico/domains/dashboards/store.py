"""SQL of dashboards, their states and the changes that led to them; proposals live in proposal_store."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, tuple_, update

from portico.domains.dashboards.canonical import canonical
from portico.domains.dashboards.model import Change, Dashboard, StoredState
from portico.domains.dashboards.tables import dashboard_changes as changes
from portico.domains.dashboards.tables import dashboards
from portico.kernel.ids import DashboardId, OrgId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import Actor, OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx

# A list reads no states: a hundred of them could be megabytes.
_FACTS = tuple(column for column in dashboards.c if column.name not in {"state", "schema", "checksum"})


async def insert_dashboard(tx: Tx, scope: OrgScope, dashboard: Dashboard, state: StoredState) -> None:
    row = _row(dashboard) | {
        "id": dashboard.id,
        "org_id": scope.org_id,
        "scope": scope.scope,
        "owner_id": dashboard.owner_id,
        "created_at": dashboard.created_at,
    }
    await tx.execute(insert(dashboards).values(row | _state_row(state)))


async def load_dashboard(tx: Tx, scope: OrgScope, dashboard_id: str, *, lock: bool = False) -> Dashboard | None:
    """None also for what the actor may not see; `lock` lets whoever changes it wait for the one before (PostgreSQL)."""
    query = select(*_FACTS).where(_visible(scope), dashboards.c.id == dashboard_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _dashboard(row)


async def load_state(tx: Tx, scope: OrgScope, dashboard_id: str) -> StoredState | None:
    columns = dashboards.c.version, dashboards.c.schema, dashboards.c.state, dashboards.c.checksum
    row = (await tx.execute(select(*columns).where(_visible(scope), dashboards.c.id == dashboard_id))).one_or_none()
    return None if row is None else StoredState(row.version, row.schema, row.state, row.checksum)


async def count_dashboards(tx: Tx, scope: OrgScope) -> int:
    """All of the scope, private ones of others too."""
    query = select(func.count()).where(dashboards.c.org_id == scope.org_id, dashboards.c.scope == scope.scope)
    return int((await tx.execute(query)).scalar_one())


async def page_of_dashboards(tx: Tx, scope: OrgScope, ask: PageAsk) -> Page[Dashboard]:
    query = select(*_FACTS).where(_visible(scope)).order_by(dashboards.c.name, dashboards.c.id)
    if ask.cursor is not None:
        after = tuple_(dashboards.c.name, dashboards.c.id) > tuple_(*(str(each) for each in ask.cursor.after[:2]))
        query = query.where(after)
    rows = [_dashboard(row) for row in await tx.execute(query.limit(ask.page_size + 1))]
    total = (await tx.execute(select(func.count()).select_from(dashboards).where(_visible(scope)))).scalar_one()
    return make_page(rows, ask, lambda each: (each.name, each.id), int(total))


async def update_dashboard(tx: Tx, scope: OrgScope, dashboard: Dashboard) -> None:
    await tx.execute(update(dashboards).where(_is(scope, dashboard.id)).values(_row(dashboard)))


async def write_state(tx: Tx, scope: OrgScope, dashboard: Dashboard, state: StoredState) -> None:
    values = _row(dashboard) | _state_row(state)
    await tx.execute(update(dashboards).where(_is(scope, dashboard.id)).values(values))


async def touch(tx: Tx, scope: OrgScope, dashboard_id: str, at: datetime) -> None:
    await tx.execute(update(dashboards).where(_is(scope, dashboard_id)).values(touched_at=at))


async def delete_dashboard(tx: Tx, scope: OrgScope, dashboard_id: str) -> None:
    """Its changes and proposals go along."""
    await tx.execute(delete(dashboards).where(_is(scope, dashboard_id)))


async def insert_change(tx: Tx, scope: OrgScope, dashboard_id: str, change: Change) -> None:
    row = {
        "dashboard_id": dashboard_id,
        "version": change.version,
        "org_id": scope.org_id,
        "patch": canonical(change.patch),
        "tab": change.tab,
        "actor_kind": change.actor.kind,
        "actor_id": change.actor.id,
        "actor_name": change.actor.name,
        "at": change.at,
    }
    await tx.execute(insert(changes).values(row))


async def changes_after(tx: Tx, scope: OrgScope, dashboard_id: str, version: int) -> list[Change]:
    query = select(changes).where(_of(scope, dashboard_id), changes.c.version > version).order_by(changes.c.version)
    return [_change(row) for row in await tx.execute(query)]


async def forget_changes(tx: Tx, scope: OrgScope, dashboard_id: str, through_version: int) -> None:
    await tx.execute(delete(changes).where(_of(scope, dashboard_id), changes.c.version <= through_version))


async def nth_newest_change_at(tx: Tx, scope: OrgScope, nth: int, since: datetime) -> datetime | None:
    """When the actor made the nth newest of their changes after `since`, on any dashboard; None when there are fewer."""
    query = select(changes.c.at).where(
        changes.c.org_id == scope.org_id, changes.c.actor_id == scope.actor.id, changes.c.at > since
    )
    found: datetime | None = (
        await tx.execute(query.order_by(changes.c.at.desc()).offset(nth - 1).limit(1))
    ).scalar_one_or_none()
    return found


async def changed_by_since(tx: Tx, scope: OrgScope, dashboard_id: str, since: datetime) -> bool:
    """Whether the actor has changed this dashboard after `since`."""
    query = select(changes.c.version).where(
        _of(scope, dashboard_id), changes.c.actor_id == scope.actor.id, changes.c.at > since
    )
    return (await tx.execute(query.limit(1))).first() is not None


async def untouched(
    tx: Tx, scope: PlatformScope, filled_before: datetime, empty_before: datetime, limit: int
) -> list[Dashboard]:
    """Private ones of every org that nobody looked at since: filled ones, and those that are empty for long already."""
    filled = and_(dashboards.c.widget_count > 0, dashboards.c.touched_at < filled_before)
    empty = and_(dashboards.c.widget_count == 0, dashboards.c.touched_at < empty_before)
    query = select(*_FACTS).where(dashboards.c.shared == "private", or_(filled, empty))
    return [_dashboard(row) for row in await tx.execute(query.order_by(dashboards.c.touched_at).limit(limit))]


async def lock_untouched(tx: Tx, scope: OrgScope, dashboard_id: str, before: datetime) -> Dashboard | None:
    """For Portico itself, which reaches private ones too; None when somebody has looked at it in the meantime."""
    query = select(*_FACTS).where(_is(scope, dashboard_id), dashboards.c.touched_at < before).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _dashboard(row)


def _visible(scope: OrgScope) -> ColumnElement[bool]:
    mine_or_shared = or_(dashboards.c.shared == "org", dashboards.c.owner_id == scope.actor.id)
    return and_(dashboards.c.org_id == scope.org_id, dashboards.c.scope == scope.scope, mine_or_shared)


def _is(scope: OrgScope, dashboard_id: str) -> ColumnElement[bool]:
    return and_(dashboards.c.org_id == scope.org_id, dashboards.c.id == dashboard_id)


def _of(scope: OrgScope, dashboard_id: str) -> ColumnElement[bool]:
    return and_(changes.c.org_id == scope.org_id, changes.c.dashboard_id == dashboard_id)


def _row(dashboard: Dashboard) -> dict[str, Any]:
    """What can change."""
    return {
        "name": dashboard.name,
        "description": dashboard.description,
        "shared": dashboard.shared,
        "layout": dashboard.layout,
        "widget_count": dashboard.widget_count,
        "version": dashboard.version,
        "updated_at": dashboard.updated_at,
        "touched_at": dashboard.touched_at,
    }


def _state_row(state: StoredState) -> dict[str, Any]:
    return {"version": state.version, "schema": state.schema, "state": state.text, "checksum": state.checksum}


def _dashboard(row: Row[Any]) -> Dashboard:
    return Dashboard(
        DashboardId(row.id),
        OrgId(row.org_id),
        ScopeName(row.scope),
        row.name,
        row.description,
        row.owner_id,
        row.shared,
        row.layout,
        row.widget_count,
        row.version,
        row.created_at,
        row.updated_at,
        row.touched_at,
    )


def _change(row: Row[Any]) -> Change:
    actor = Actor(row.actor_kind, row.actor_id, row.actor_name)
    return Change(row.version, orjson.loads(row.patch), row.tab, actor, row.at)
