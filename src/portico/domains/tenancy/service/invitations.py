"""Invitations: a token shown once, good for seven days, that makes its bearer a member."""

import secrets
from datetime import datetime

from portico.domains.tenancy.model import INVITATION_LIFE, Invitation, Role
from portico.domains.tenancy.service import trail
from portico.domains.tenancy.store import invitations as store
from portico.kernel import ids
from portico.kernel.errors import Conflict
from portico.kernel.ids import InvitationId
from portico.kernel.scope import OrgScope
from portico.platform.crypto import digest_secret
from portico.platform.db import Tx


async def invite(
    tx: Tx, scope: OrgScope, email: str, role: Role, *, is_owner: bool, now: datetime
) -> tuple[Invitation, str]:
    """Part of the caller's transaction; the token is not to be had again."""
    if await store.pending_for(tx, scope, email, now):
        raise Conflict(f"{email} is invited already; revoke that invitation to send another.")
    token = secrets.token_urlsafe(32)
    invited_by = scope.actor.name
    made = Invitation(
        ids.new(InvitationId), scope.org_id, email, role, is_owner, now, now + INVITATION_LIFE, invited_by, None, None
    )
    await store.insert_invitation(tx, scope, made, digest_secret(token))
    payload = {"invitation_id": made.id, "role": role, "is_owner": is_owner}
    target = ("invitation", made.id, email)
    await trail.leave_trail(tx, scope, trail.INVITATION_CREATED, payload, "invitation.create", target)
    return made, token
