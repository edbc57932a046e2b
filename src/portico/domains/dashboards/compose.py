"""Widgets that a program proposes and a person keeps or discards."""

from typing import Any

from portico.domains.dashboards import proposal_store, record, service
from portico.domains.dashboards import state as state_verbs
from portico.domains.dashboards.arranging import ANYWHERE, arranged
from portico.domains.dashboards.checks import plain, widget_problems
from portico.domains.dashboards.errors import TooManyProposals
from portico.domains.dashboards.masking import masked
from portico.domains.dashboards.model import (
    MAX_OPEN_PROPOSALS,
    MAX_PROPOSED_WIDGETS,
    PROPOSAL_LIFE,
    Applied,
    Preview,
    Proposal,
)
from portico.domains.dashboards.patching import parse_patch
from portico.kernel import ids
from portico.kernel.errors import FieldError, InvalidFields, InvalidInput, NotFound
from portico.kernel.ids import ProposalId
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps


async def compose_widgets(
    scope: OrgScope, dashboard_id: str, title: str, note: str, widgets: list[dict[str, Any]], deps: Deps
) -> Preview:
    """Offer widgets for a dashboard; nothing of it changes until somebody keeps them.

    widgets  type, title and options as the schema says; `id` only to replace a widget, `place` only where it matters
    raises   NotFound · NotPermitted · InvalidFields · TooManyProposals
    """
    service.must_manage(scope)
    offered = _with_ids(plain(widgets, "widgets"))
    # Checked before it is masked, so that only short texts are searched, and again after it, where it stands on the page.
    _check([{"place": ANYWHERE, **each} for each in offered])
    shown, count = masked({"title": title, "note": note, "widgets": offered})
    async with deps.uow() as tx:
        dashboard = await service.held(tx, scope, dashboard_id)
        now = deps.clock.now()
        if await proposal_store.count_open(tx, scope, dashboard.id, now) >= MAX_OPEN_PROPOSALS:
            raise TooManyProposals(dashboard.name, MAX_OPEN_PROPOSALS)
        proposal = Proposal(
            ids.new(ProposalId),
            scope.org_id,
            dashboard.id,
            shown["title"],
            shown["note"],
            shown["widgets"],
            count,
            scope.actor,
            now,
            now + PROPOSAL_LIFE,
        )
        preview = Preview(proposal, arranged(await _widgets(tx, scope, dashboard.id), proposal.widgets))
        _check(preview.widgets)
        await proposal_store.insert_proposal(tx, scope, proposal)
        await record.leave_trail(tx, scope, record.COMPOSED, dashboard, {"proposal_id": proposal.id})
    return preview


async def open_proposals(scope: OrgScope, dashboard_id: str, deps: Deps) -> list[Preview]:
    """What waits for an answer, the newest first, each placed as it would stand if it were kept now."""
    async with deps.read() as tx:
        dashboard = await service.seen(tx, scope, dashboard_id)
        found = await proposal_store.open_proposals(tx, scope, dashboard.id, deps.clock.now())
        widgets = await _widgets(tx, scope, dashboard.id)
    return [Preview(each, arranged(widgets, each.widgets)) for each in found]


async def keep_proposal(scope: OrgScope, dashboard_id: str, proposal_id: str, deps: Deps) -> Applied:
    """The proposal becomes an ordinary change of whoever keeps it."""
    async with deps.uow() as tx:
        dashboard = await service.held(tx, scope, dashboard_id)
        proposal = await _open(tx, scope, dashboard.id, proposal_id)
        state = await state_verbs.current(tx, scope, dashboard.id)
        await state_verbs.keep_pace(tx, scope)
        widgets = arranged(state.state["widgets"], proposal.widgets)
        names = [widget["id"] for widget in widgets]
        order = [*state.state["order"], *(name for name in names if name not in state.state["order"])]
        # Names of widgets that are gone may stand in the order; kept ones need the room.
        order = [name for name in order if name in state.state["widgets"] or name in names]
        patch = [{"op": "add", "path": f"/widgets/{widget['id']}", "value": widget} for widget in widgets]
        patch.append({"op": "replace", "path": "/order", "value": order})
        applied, _ = await state_verbs.write_change(tx, scope, dashboard, state, parse_patch(patch), None)
        await proposal_store.delete_proposal(tx, scope, proposal.id)
        await record.leave_trail(tx, scope, record.KEPT, dashboard, {"proposal_id": proposal.id})
    return applied


async def discard_proposal(scope: OrgScope, dashboard_id: str, proposal_id: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        dashboard = await service.held(tx, scope, dashboard_id)
        proposal = await _open(tx, scope, dashboard.id, proposal_id)
        await proposal_store.delete_proposal(tx, scope, proposal.id)
        await record.leave_trail(tx, scope, record.DISCARDED, dashboard, {"proposal_id": proposal.id})


async def _open(tx: Tx, scope: OrgScope, dashboard_id: str, proposal_id: str) -> Proposal:
    found = await proposal_store.load_proposal(tx, scope, dashboard_id, proposal_id, tx.clock.now())
    if found is None:
        raise NotFound("proposal", proposal_id[:64])
    return found


async def _widgets(tx: Tx, scope: OrgScope, dashboard_id: str) -> dict[str, dict[str, Any]]:
    widgets: dict[str, dict[str, Any]] = (await state_verbs.current(tx, scope, dashboard_id)).state["widgets"]
    return widgets


def _with_ids(widgets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not 1 <= len(widgets) <= MAX_PROPOSED_WIDGETS:
        raise InvalidInput("widgets", f"must be 1 to {MAX_PROPOSED_WIDGETS} widgets")
    named = [each if each.get("id") is not None else {**each, "id": f"w_{ids.ulid().lower()}"} for each in widgets]
    names = [each["id"] for each in named]
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise InvalidInput("widgets", "each needs an id of its own, or none")
    return named


def _check(widgets: list[dict[str, Any]]) -> None:
    problems: list[FieldError] = []
    for index, widget in enumerate(widgets):
        problems += widget_problems(widget, f"widgets.{index}")
    if problems:
        raise InvalidFields(tuple(problems[:20]))
