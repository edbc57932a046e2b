"""What the doors and the domains above may ask of tenancy."""

from portico.domains.tenancy.model import Identity, Role, Seeded, SnapshotEntries
from portico.domains.tenancy.service.authenticate import authenticate, identify_again
from portico.domains.tenancy.service.authority import as_superadmin, open_system_scope, platform_scope
from portico.domains.tenancy.service.expiry import tell_expiring_keys
from portico.domains.tenancy.service.grants import list_grants
from portico.domains.tenancy.service.invitations import list_invitations
from portico.domains.tenancy.service.keys import KeyDraft, create_key, list_keys
from portico.domains.tenancy.service.members import list_members
from portico.domains.tenancy.service.names import closed_orgs, org_name, scope_names
from portico.domains.tenancy.service.orgs import list_orgs_of, seed_owner
from portico.domains.tenancy.service.purge import purge_expired
from portico.domains.tenancy.service.scopes import list_scopes
from portico.domains.tenancy.service.sign_in import SignedIn, sign_in
from portico.domains.tenancy.service.snapshot import principal_names, snapshot_entries, touch_keys
from portico.domains.tenancy.service.tickets import issue_ticket, redeem_ticket
from portico.domains.tenancy.wire import (
    ScopeWire,
    grant_wire,
    invitation_wire,
    key_wire,
    member_wire,
    org_wire,
)

__all__ = [
    "Identity",
    "KeyDraft",
    "Role",
    "ScopeWire",
    "Seeded",
    "SignedIn",
    "SnapshotEntries",
    "as_superadmin",
    "authenticate",
    "closed_orgs",
    "create_key",
    "grant_wire",
    "identify_again",
    "invitation_wire",
    "issue_ticket",
    "key_wire",
    "list_grants",
    "list_invitations",
    "list_keys",
    "list_members",
    "list_orgs_of",
    "list_scopes",
    "member_wire",
    "open_system_scope",
    "org_name",
    "org_wire",
    "platform_scope",
    "principal_names",
    "purge_expired",
    "redeem_ticket",
    "scope_names",
    "seed_owner",
    "sign_in",
    "snapshot_entries",
    "tell_expiring_keys",
    "touch_keys",
]
