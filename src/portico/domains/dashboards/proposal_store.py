"""SQL of what programs propose."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select

from portico.domains.dashboards.canonical import canonical
from portico.domains.dashboards.model import Proposal
from portico.domains.dashboards.tables import dashboard_proposals as proposals
from portico.kernel.ids import DashboardId, OrgId, ProposalId
from portico.kernel.scope import Actor, OrgScope, PlatformScope
from portico.platform.db import Tx


async def insert_proposal(tx: Tx, scope: OrgScope, proposal: Proposal) -> None:
    row = {
        "id": proposal.id,
        "org_id": scope.org_id,
        "dashboard_id": proposal.dashboard_id,
        "title": proposal.title,
        "note": proposal.note,
        "widgets": canonical(proposal.widgets),
        "masked": proposal.masked,
        "by_kind": proposal.by.kind,
        "by_id": proposal.by.id,
        "by_name": proposal.by.name,
        "created_at": proposal.created_at,
        "expires_at": proposal.expires_at,
    }
    await tx.execute(insert(proposals).values(row))


async def count_open(tx: Tx, scope: OrgScope, dashboard_id: str, now: datetime) -> int:
    query = select(func.count()).where(_open(scope, dashboard_id, now))
    return int((await tx.execute(query)).scalar_one())


async def open_proposals(tx: Tx, scope: OrgScope, dashboard_id: str, now: datetime) -> list[Proposal]:
    """The newest first."""
    query = select(proposals).where(_open(scope, dashboard_id, now))
    rows = await tx.execute(query.order_by(proposals.c.created_at.desc(), proposals.c.id.desc()))
    return [_proposal(row) for row in rows]


async def load_proposal(tx: Tx, scope: OrgScope, dashboard_id: str, proposal_id: str, now: datetime) -> Proposal | None:
    query = select(proposals).where(_open(scope, dashboard_id, now), proposals.c.id == proposal_id)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _proposal(row)


async def delete_proposal(tx: Tx, scope: OrgScope, proposal_id: str) -> None:
    await tx.execute(delete(proposals).where(proposals.c.org_id == scope.org_id, proposals.c.id == proposal_id))


async def forget_expired(tx: Tx, scope: PlatformScope, now: datetime) -> int:
    return int((await tx.execute(delete(proposals).where(proposals.c.expires_at <= now))).rowcount)


def _open(scope: OrgScope, dashboard_id: str, now: datetime) -> ColumnElement[bool]:
    of = and_(proposals.c.org_id == scope.org_id, proposals.c.dashboard_id == dashboard_id)
    return and_(of, proposals.c.expires_at > now)


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        ProposalId(row.id),
        OrgId(row.org_id),
        DashboardId(row.dashboard_id),
        row.title,
        row.note,
        orjson.loads(row.widgets),
        row.masked,
        Actor(row.by_kind, row.by_id, row.by_name),
        row.created_at,
        row.expires_at,
    )
