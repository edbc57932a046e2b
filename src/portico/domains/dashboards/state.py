"""Verbs on a dashboard's state: load, follow, patch, empty."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from portico.domains.dashboards import record, service, store
from portico.domains.dashboards.canonical import checksum
from portico.domains.dashboards.checks import checked_text, sized_text
from portico.domains.dashboards.errors import PER_S, TooManyChanges
from portico.domains.dashboards.model import (
    AUDIT_EVERY,
    MAX_CHANGES_KEPT,
    MAX_CHANGES_PER_MINUTE,
    TAB,
    TOUCH_EVERY,
    Applied,
    Change,
    Conflict,
    Dashboard,
    State,
    StoredState,
    emptying,
)
from portico.domains.dashboards.patching import Operation, apply, parse_patch
from portico.domains.dashboards.schemas import CURRENT, bring_down, bring_up
from portico.domains.events import public as events
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

_MINUTE = timedelta(seconds=PER_S)


async def load_state(scope: OrgScope, dashboard_id: str, deps: Deps, schema: int = CURRENT) -> State:
    """The whole state, in the schema asked for; looking counts as touching. raises NotFound · InvalidInput"""
    async with deps.read() as tx:
        dashboard = await service.seen(tx, scope, dashboard_id)
        state = await current(tx, scope, dashboard.id)
    now = deps.clock.now()
    if now - dashboard.touched_at > TOUCH_EVERY:
        async with deps.uow() as tx:
            await store.touch(tx, scope, dashboard.id, now)
    if schema == CURRENT:
        return state
    older = bring_down(state.state, schema)
    return State(state.version, older, checksum(sized_text(older, "schema")))


async def changes_since(scope: OrgScope, dashboard_id: str, version: int, deps: Deps) -> list[Change] | None:
    """What came after a version, oldest first; None when it is no longer kept and the whole state is needed.

    raises   NotFound, also when the dashboard was deleted or is no longer shared with the caller
    """
    return (await follow_state(scope, dashboard_id, version, deps))[1]


async def follow_state(
    scope: OrgScope, dashboard_id: str, version: int, deps: Deps
) -> tuple[Dashboard, list[Change] | None]:
    """The same, with the dashboard as it stood in that moment: who serves many readers needs to know who may see it."""
    async with deps.read() as tx:
        dashboard = await service.seen(tx, scope, dashboard_id)
        if version == dashboard.version:
            return dashboard, []
        if not dashboard.version - MAX_CHANGES_KEPT <= version < dashboard.version:
            return dashboard, None
        changes = await store.changes_after(tx, scope, dashboard.id, version)
    return dashboard, changes if changes and changes[0].version == version + 1 else None


async def apply_patch(
    scope: OrgScope, dashboard_id: str, *, tab: str | None, version: int, patch: Any, deps: Deps
) -> Applied | Conflict:
    """Compare and set: the patch holds only for the version it was made for; it is stored before anyone hears of it.

    patch    operations of RFC 6902 (add, remove, replace) on /layout, /order, /widgets/{id}… and /view/{name}…
    returns  Conflict with the whole state, and nothing changed, when the version is another
    raises   NotFound · NotPermitted · InvalidFields · TooManyChanges (429, retry_after_s)
    """
    operations = parse_patch(patch)
    if tab is not None and TAB.fullmatch(tab) is None:
        raise InvalidInput("tab", "must be a UUID")
    async with deps.uow() as tx:
        dashboard, state = await held(tx, scope, dashboard_id)
        if version != state.version:
            return Conflict(state.version, state.state, state.checksum)
        await keep_pace(tx, scope)
        return (await write_change(tx, scope, dashboard, state, operations, tab))[0]


async def reset_state(scope: OrgScope, dashboard_id: str, deps: Deps) -> State:
    """Take every widget away, as an ordinary change that others see and that keeps the layout."""
    async with deps.uow() as tx:
        dashboard, state = await held(tx, scope, dashboard_id)
        patch = emptying(state.state)
        if not patch:
            return state
        await keep_pace(tx, scope)
        _, state = await write_change(tx, scope, dashboard, state, parse_patch(patch), None)
    return state


async def current(tx: Tx, scope: OrgScope, dashboard_id: str) -> State:
    """As stored, brought up to the current schema."""
    stored = await store.load_state(tx, scope, dashboard_id)
    if stored is None:
        raise NotFound("dashboard", dashboard_id)
    return _brought_up(stored)


async def held(tx: Tx, scope: OrgScope, dashboard_id: str) -> tuple[Dashboard, State]:
    """For a change of the state: both at once, locked in the order that everyone keeps."""
    service.must_manage(scope)
    await events.hold_log(tx, scope)
    found = await store.lock_whole(tx, scope, dashboard_id)
    if found is None:
        raise NotFound("dashboard", dashboard_id[:64])
    return found[0], _brought_up(found[1])


def _brought_up(stored: StoredState) -> State:
    document: dict[str, Any] = orjson.loads(stored.text)
    if stored.schema == CURRENT:
        return State(stored.version, document, stored.checksum)
    document = bring_up(document)
    return State(stored.version, document, checksum(sized_text(document, "state")))


async def keep_pace(tx: Tx, scope: OrgScope) -> None:
    """At most 100 changes of one person in any 60 s, over all dashboards and replicas: the changes themselves are counted."""
    now = tx.clock.now()
    oldest = await store.nth_newest_change_at(tx, scope, MAX_CHANGES_PER_MINUTE, now - _MINUTE)
    if oldest is not None:
        raise TooManyChanges(MAX_CHANGES_PER_MINUTE, (oldest + _MINUTE - now).total_seconds())


async def write_change(
    tx: Tx, scope: OrgScope, dashboard: Dashboard, state: State, operations: tuple[Operation, ...], tab: str | None
) -> tuple[Applied, State]:
    """Apply, check, store and tell; the caller holds the dashboard and has compared the versions."""
    document, now = apply(state.state, operations), tx.clock.now()
    text = checked_text(document)
    stored = StoredState(state.version + 1, CURRENT, text, checksum(text))
    changed = replace(
        dashboard,
        layout=document["layout"],
        widget_count=len(document["widgets"]),
        version=stored.version,
        updated_at=now,
        touched_at=now,
    )
    # Asked before this change is among those that are found.
    audited = not await store.changed_by_since(tx, scope, dashboard.id, now - AUDIT_EVERY)
    change = Change(stored.version, [each.as_json() for each in operations], tab, scope.actor, now)
    await store.write_state(tx, scope, changed, stored)
    await store.insert_change(tx, scope, dashboard.id, change)
    if stored.version > MAX_CHANGES_KEPT:
        await store.forget_changes(tx, scope, dashboard.id, stored.version - MAX_CHANGES_KEPT)
    more = {"changed": ["state"], "version": stored.version}
    await record.leave_trail(tx, scope, record.UPDATED, changed, more, audited=audited)
    applied = Applied(stored.version, stored.checksum, change, changed)
    return applied, State(stored.version, document, stored.checksum)
