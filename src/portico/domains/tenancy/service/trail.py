"""What tenancy records: one event and one audit entry per write, in the transaction of the write."""

from collections.abc import Mapping
from typing import Literal

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx

ORG_CREATED = events.declare("org.created.v1", "org_id", "name", "slug")
ORG_RENAMED = events.declare("org.renamed.v1", "org_id", "name")
ORG_SUSPENDED = events.declare("org.suspended.v1", "org_id")
ORG_RESUMED = events.declare("org.resumed.v1", "org_id")
ORG_DELETED = events.declare("org.deleted.v1", "org_id")
SCOPE_CREATED = events.declare("scope.created.v1", "name")
SCOPE_DELETED = events.declare("scope.deleted.v1", "name")
MEMBER_JOINED = events.declare("member.joined.v1", "person_id", "role", "is_owner")
MEMBER_CHANGED = events.declare("member.changed.v1", "person_id", "role", "is_owner", "scopes")
MEMBER_REMOVED = events.declare("member.removed.v1", "person_id")
INVITATION_CREATED = events.declare("invitation.created.v1", "invitation_id", "role", "is_owner")
INVITATION_REVOKED = events.declare("invitation.revoked.v1", "invitation_id")
GRANT_CREATED = events.declare("grant.created.v1", "grant_id", "principal_id", "resource_id", "permission")
GRANT_DELETED = events.declare("grant.deleted.v1", "grant_id", "principal_id", "resource_id", "permission")
KEY_CREATED = events.declare("key.created.v1", "key_id", "name", "prefix", "permissions", "services")
KEY_CHANGED = events.declare("key.changed.v1", "key_id", "name", "permissions", "services")
KEY_ROTATED = events.declare("key.rotated.v1", "key_id", "previous_valid_until")
KEY_REVOKED = events.declare("key.revoked.v1", "key_id", "reason")
SIGN_IN_STARTED = events.declare("sign_in.started.v1", "sign_in_id", "person_id")
SIGN_IN_SWITCHED = events.declare("sign_in.switched.v1", "sign_in_id", "person_id")
SIGN_IN_ENDED = events.declare("sign_in.ended.v1", "sign_in_id", "person_id", "reason")
PASSWORD_CHANGED = events.declare("person.password_changed.v1", "person_id")

Severity = Literal["INFO", "WARN", "ERROR", "CRITICAL"]


async def leave_trail(
    tx: Tx,
    scope: OrgScope,
    kind: str,
    payload: Mapping[str, object],
    action: str,
    target: tuple[str, str, str],
    *,
    severity: Severity = "INFO",
    detail: Mapping[str, object] | None = None,
) -> None:
    """target   kind, id, name; `detail` is what only the audit holds, beside the event's payload"""
    await events.record(tx, scope, kind=kind, payload=payload)
    await audit.record(
        tx,
        scope,
        action=action,
        target=audit.Target(*target),
        outcome="ok",
        severity=severity,
        detail={**payload, **(detail or {})},
    )
