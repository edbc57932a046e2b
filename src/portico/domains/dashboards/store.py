"""SQL of dashboards, their states and the changes that led to them; proposals live in proposal_store."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, String, and_, bindparam, delete, func, insert, or_, select, tuple_, update

from portico.domains.dashboards.canonical import canonical
from portico.domains.dashboards.model import Change, Dashboard, StoredState
from portico.domains.dashboards.tables import dashboard_changes as changes
from portico.domains.dashboards.tables import dashboards
from portico.kernel.ids import DashboardId, OrgId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import Actor, OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx, UtcTime

# A list reads no states: a hundred of them could be megabytes.
_FACTS = tuple(column for column in dashboards.c if column.name not in {"state", "schema", "checksum"})


# Made once: while people work on a dashboard these run for every change, and putting one together takes as long as running it.
_ORG, _SCOPE, _ACTOR, _ID = (bindparam(name, type_=String) for name in ("in_org", "in_scope", "actor", "its_id"))
_SEEN_ONE = and_(
    dashboards.c.id == _ID,
    dashboards.c.org_id == _ORG,
    dashboards.c.scope == _SCOPE,
    or_(dashboards.c.shared == "org", dashboards.c.owner_id == _ACTOR),
)
_ONE = select(*_FACTS).where(_SEEN_ONE)
_ONE_LOCKED = _ONE.with_for_update()
_WHOLE_LOCKED = select(dashboards).where(_SEEN_ONE).with_for_update()
_STATE = select(dashboards.c.version, dashboards.c.schema, dashboards.c.state, dashboards.c.checksum).where(_SEEN_ONE)
_AFTER = (
    select(changes)
    .where(changes.c.org_id == _ORG, changes.c.dashboard_id == _ID, changes.c.version > bindparam("after"))
    .order_by(changes.c.version)
)
_SINCE = bindparam("since", type_=UtcTime)
_NTH_NEWEST = (
    select(changes.c.at)
    .where(changes.c.org_id == _ORG, changes.c.actor_id == _ACTOR, changes.c.at > _SINCE)
    .order_by(changes.c.at.desc())
    .offset(bindparam("before"))
    .limit(1)
)
_CHANGED_BY = (
    select(changes.c.version)
    .where(
        changes.c.org_id == _ORG,
        changes.c.dashboard_id == _ID,
        changes.c.actor_id == _ACTOR,
        changes.c.at > _SINCE,
    )
    .limit(1)
)
_INSERT_CHANGE = insert(changes)
_FORGET = delete(changes).where(
    changes.c.org_id == _ORG, changes.c.dashboard_id == _ID, changes.c.version <= bindparam("through")
)
_WRITE = update(dashboards).where(dashboards.c.org_id == _ORG, dashboards.c.id == _ID)


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
    row = (await tx.execute(_ONE_LOCKED if lock else _ONE, _seen_by(scope, dashboard_id))).one_or_none()
    return None if row is None else _dashboard(row)


async def lock_whole(tx: Tx, scope: OrgScope, dashboard_id: str) -> tuple[Dashboard, StoredState] | None:
    """The dashboard with its state, for a change of both."""
    row = (await tx.execute(_WHOLE_LOCKED, _seen_by(scope, dashboard_id))).one_or_none()
    return None if row is None else (_dashboard(row), StoredState(row.version, row.schema, row.state, row.checksum))


async def load_state(tx: Tx, scope: OrgScope, dashboard_id: str) -> StoredState | None:
    row = (await tx.execute(_STATE, _seen_by(scope, dashboard_id))).one_or_none()
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
    await tx.execute(_WRITE, values | {"in_org": scope.org_id, "its_id": dashboard.id})


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
    await tx.execute(_INSERT_CHANGE, row)


async def changes_after(tx: Tx, scope: OrgScope, dashboard_id: str, version: int) -> list[Change]:
    found = await tx.execute(_AFTER, {"in_org": scope.org_id, "its_id": dashboard_id, "after": version})
    return [_change(row) for row in found]


async def forget_changes(tx: Tx, scope: OrgScope, dashboard_id: str, through_version: int) -> None:
    await tx.execute(_FORGET, {"in_org": scope.org_id, "its_id": dashboard_id, "through": through_version})


async def nth_newest_change_at(tx: Tx, scope: OrgScope, nth: int, since: datetime) -> datetime | None:
    """When the actor made the nth newest of their changes after `since`, on any dashboard; None when there are fewer."""
    asked = {"in_org": scope.org_id, "actor": scope.actor.id, "since": since, "before": nth - 1}
    found: datetime | None = (await tx.execute(_NTH_NEWEST, asked)).scalar_one_or_none()
    return found


async def changed_by_since(tx: Tx, scope: OrgScope, dashboard_id: str, since: datetime) -> bool:
    """Whether the actor has changed this dashboard after `since`."""
    asked = {"in_org": scope.org_id, "its_id": dashboard_id, "actor": scope.actor.id, "since": since}
    return (await tx.execute(_CHANGED_BY, asked)).first() is not None


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


def _seen_by(scope: OrgScope, dashboard_id: str) -> dict[str, str]:
    return {"in_org": scope.org_id, "in_scope": scope.scope, "actor": scope.actor.id, "its_id": dashboard_id}


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
