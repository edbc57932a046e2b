"""What tenancy records: one event and one audit entry per write, in the transaction of the write."""

from collections.abc import Mapping
from typing import Literal

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx

_GRANT = {"grant_id": str, "principal_id": str, "resource_id": str, "permission": str}

ORG_CREATED = events.declare(
    "org.created.v1",
    "An org was founded.",
    about="org_id",
    category="system",
    fields={"org_id": str, "name": str, "slug": str},
)
ORG_RENAMED = events.declare(
    "org.renamed.v1", "An org got another name.", about="org_id", category="system", fields={"org_id": str, "name": str}
)
ORG_SUSPENDED = events.declare(
    "org.suspended.v1",
    "An org was suspended: nothing in it can be used.",
    about="org_id",
    category="system",
    fields={"org_id": str},
)
ORG_RESUMED = events.declare(
    "org.resumed.v1", "A suspended org can be used again.", about="org_id", category="system", fields={"org_id": str}
)
ORG_DELETED = events.declare(
    "org.deleted.v1", "An org was deleted.", about="org_id", category="system", fields={"org_id": str}
)
SCOPE_CREATED = events.declare(
    "scope.created.v1", "A scope was added to the org.", about="name", category="system", fields={"name": str}
)
SCOPE_DELETED = events.declare(
    "scope.deleted.v1", "A scope was removed from the org.", about="name", category="system", fields={"name": str}
)
MEMBER_JOINED = events.declare(
    "member.joined.v1",
    "A person became a member of the org.",
    about="person_id",
    fields={"person_id": str, "role": str, "is_owner": bool},
)
MEMBER_CHANGED = events.declare(
    "member.changed.v1",
    "A member's role, ownership or scopes changed.",
    about="person_id",
    fields={"person_id": str, "role": str, "is_owner": bool, "scopes": list | None},
)
MEMBER_REMOVED = events.declare(
    "member.removed.v1", "A person is no longer a member of the org.", about="person_id", fields={"person_id": str}
)
INVITATION_CREATED = events.declare(
    "invitation.created.v1",
    "Somebody was invited to the org.",
    about="invitation_id",
    fields={"invitation_id": str, "role": str, "is_owner": bool},
)
INVITATION_REVOKED = events.declare(
    "invitation.revoked.v1", "An invitation was taken back.", about="invitation_id", fields={"invitation_id": str}
)
GRANT_CREATED = events.declare(
    "grant.created.v1", "A principal was given a permission on one resource.", about="grant_id", fields=_GRANT
)
GRANT_DELETED = events.declare("grant.deleted.v1", "A grant was taken back.", about="grant_id", fields=_GRANT)
KEY_CREATED = events.declare(
    "key.created.v1",
    "An API key was made.",
    about="key_id",
    fields={"key_id": str, "name": str, "prefix": str, "permissions": list, "services": list | None},
)
KEY_CHANGED = events.declare(
    "key.changed.v1",
    "An API key's name, permissions or services changed.",
    about="key_id",
    fields={"key_id": str, "name": str, "permissions": list, "services": list | None},
)
KEY_ROTATED = events.declare(
    "key.rotated.v1",
    "An API key got a new secret; the old one holds until the time given.",
    about="key_id",
    fields={"key_id": str, "previous_valid_until": str | None},
)
KEY_REVOKED = events.declare(
    "key.revoked.v1", "An API key was revoked.", about="key_id", fields={"key_id": str, "reason": str | None}
)
KEY_EXPIRING = events.declare(
    "key.expiring.v1",
    "An API key expires within seven days.",
    about="key_id",
    fields={"key_id": str, "name": str, "expires_at": str},
)
SIGN_IN_STARTED = events.declare(
    "sign_in.started.v1", "A person signed in.", about="sign_in_id", fields={"sign_in_id": str, "person_id": str}
)
SIGN_IN_SWITCHED = events.declare(
    "sign_in.switched.v1",
    "A person went on in another org or scope.",
    about="sign_in_id",
    fields={"sign_in_id": str, "person_id": str},
)
SIGN_IN_ENDED = events.declare(
    "sign_in.ended.v1",
    "A sign-in ended.",
    about="sign_in_id",
    fields={"sign_in_id": str, "person_id": str, "reason": str},
)
PASSWORD_CHANGED = events.declare(
    "person.password_changed.v1", "A person changed their password.", about="person_id", fields={"person_id": str}
)

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
