from datetime import datetime

from sqlalchemy import RowMapping, func, insert, select, update

from portico.domains.tenancy.model import Invitation
from portico.domains.tenancy.store.cursors import last_text
from portico.domains.tenancy.tables import invitations
from portico.kernel.ids import InvitationId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx

_SHOWN = tuple(column for column in invitations.c if column.name != "token_digest")


def _invitation(row: RowMapping) -> Invitation:
    return Invitation(**row)


async def insert_invitation(tx: Tx, scope: OrgScope, invitation: Invitation, digest: bytes) -> None:
    values = {column.name: getattr(invitation, column.name) for column in _SHOWN}
    await tx.execute(insert(invitations).values(values | {"org_id": scope.org_id, "token_digest": digest}))


async def pending_for(tx: Tx, scope: OrgScope, email: str, now: datetime) -> bool:
    query = select(invitations.c.id).where(
        invitations.c.org_id == scope.org_id,
        invitations.c.email == email,
        invitations.c.accepted_at.is_(None),
        invitations.c.revoked_at.is_(None),
        invitations.c.expires_at > now,
    )
    return (await tx.execute(query)).first() is not None


async def load_invitation(tx: Tx, scope: OrgScope, invitation_id: InvitationId) -> Invitation | None:
    mine = (invitations.c.org_id == scope.org_id, invitations.c.id == invitation_id)
    row = (await tx.execute(select(*_SHOWN).where(*mine).with_for_update())).mappings().first()
    return None if row is None else _invitation(row)


async def load_invitation_by_digest(
    tx: Tx, scope: PlatformScope, digest: bytes, *, lock: bool = False
) -> Invitation | None:
    query = select(*_SHOWN).where(invitations.c.token_digest == digest)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().first()
    return None if row is None else _invitation(row)


async def close_invitation(
    tx: Tx, scope: OrgScope, invitation_id: InvitationId, *, accepted_at: datetime | None, revoked_at: datetime | None
) -> None:
    mine = (invitations.c.org_id == scope.org_id, invitations.c.id == invitation_id)
    await tx.execute(update(invitations).where(*mine).values(accepted_at=accepted_at, revoked_at=revoked_at))


async def list_invitations(tx: Tx, scope: OrgScope, ask: PageAsk) -> Page[Invitation]:
    """Newest first; ids are time-ordered."""
    where = [invitations.c.org_id == scope.org_id]
    total = (await tx.execute(select(func.count()).select_from(invitations).where(*where))).scalar_one()
    if ask.cursor is not None:
        where.append(invitations.c.id < last_text(ask.cursor))
    query = select(*_SHOWN).where(*where).order_by(invitations.c.id.desc()).limit(ask.page_size + 1)
    return make_page(
        [_invitation(row) for row in (await tx.execute(query)).mappings()], ask, lambda each: (each.id,), total
    )
