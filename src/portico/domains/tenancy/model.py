"""The words of tenancy as plain facts, and the rules that need nothing but them."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

from portico.kernel.errors import InvalidInput
from portico.kernel.ids import GrantId, InvitationId, KeyId, OrgId, PersonId, SignInId
from portico.kernel.scope import ActorKind, OrgScope, ScopeName

Role = Literal["admin", "developer", "operator", "viewer"]
OrgStatus = Literal["active", "suspended", "deleted"]
KeyStatus = Literal["active", "expired", "revoked"]
InvitationStatus = Literal["pending", "accepted", "expired", "revoked"]
PrincipalKind = Literal["person", "key"]
Permission = Literal[
    "orgs.manage",
    "members.read",
    "members.manage",
    "keys.read",
    "keys.manage",
    "services.read",
    "services.manage",
    "services.call",
    "calls.read",
    "budgets.read",
    "budgets.manage",
    "limits.read",
    "limits.manage",
    "secrets.read",
    "secrets.manage",
    "events.read",
    "events.publish",
    "events.manage",
    "webhooks.read",
    "webhooks.manage",
    "dashboards.read",
    "dashboards.manage",
    "tools.read",
    "tools.manage",
    "agents.read",
    "agents.manage",
    "models.read",
    "models.manage",
    "policies.manage",
    "audit.read",
    "settings.read",
    "settings.manage",
]
Grantable = Literal["services.read", "services.call", "services.manage"]

ROLES: tuple[Role, ...] = get_args(Role)
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
GRANTABLE: tuple[Grantable, ...] = get_args(Grantable)

_VIEWER = frozenset(
    {
        "services.read",
        "calls.read",
        "budgets.read",
        "limits.read",
        "events.read",
        "dashboards.read",
        "tools.read",
        "agents.read",
        "models.read",
        "settings.read",
    }
)
_OPERATOR = _VIEWER | {"services.call", "keys.read", "members.read", "dashboards.manage", "audit.read"}
_DEVELOPER = _OPERATOR | {
    "services.manage",
    "keys.manage",
    "secrets.read",
    "secrets.manage",
    "events.publish",
    "webhooks.read",
    "agents.manage",
    "models.manage",
}
ROLE_PERMISSIONS: dict[Role, frozenset[str]] = {
    "viewer": _VIEWER,
    "operator": _OPERATOR,
    "developer": _DEVELOPER,
    "admin": frozenset(PERMISSIONS),
}
# Names that other systems use for the same four roles; accepted when people are brought over.
ROLE_ALIASES: dict[str, Role] = {
    "org_admin": "admin",
    "maintainer": "developer",
    "user": "operator",
    "member": "operator",
    "guest": "viewer",
}

# Where a superadmin without any org stands: no row carries it and it comes without permissions.
NO_ORG = OrgId("")

INVITATION_LIFE = timedelta(days=7)
TICKET_LIFE = timedelta(seconds=60)
# Two tabs that wake together send the same cookie. Within this time the second gets a sibling token; the first sibling that
# is used spends the others, so two holders are still found out at their next refresh.
REFRESH_GRACE = timedelta(seconds=10)
MAX_SIBLINGS = 5
MAX_SCOPES = 50
MAX_KEYS = 10_000
MAX_GRANTS = 1_000
ENDED_SIGN_INS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Org:
    id: OrgId
    name: str
    slug: str
    status: OrgStatus
    created_at: datetime
    member_count: int = 0


@dataclass(frozen=True, slots=True)
class NamedScope:
    name: ScopeName
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    id: PersonId
    email: str
    name: str
    password_hash: str = field(repr=False)
    is_superadmin: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A person's place in an org; `scopes` None means every scope."""

    org_id: OrgId
    person_id: PersonId
    email: str
    name: str
    role: Role
    is_owner: bool
    scopes: tuple[ScopeName, ...] | None
    joined_at: datetime
    last_seen_at: datetime | None

    @property
    def permissions(self) -> frozenset[str]:
        return ROLE_PERMISSIONS[self.role]

    def enters(self, scope: ScopeName) -> bool:
        return self.scopes is None or scope in self.scopes


@dataclass(frozen=True, slots=True)
class Invitation:
    id: InvitationId
    org_id: OrgId
    email: str
    role: Role
    is_owner: bool
    created_at: datetime
    expires_at: datetime
    invited_by: str
    accepted_at: datetime | None
    revoked_at: datetime | None

    def status(self, now: datetime) -> InvitationStatus:
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "pending"


@dataclass(frozen=True, slots=True)
class Grant:
    id: GrantId
    org_id: OrgId
    principal_kind: PrincipalKind
    principal_id: str
    resource_kind: str
    resource_id: str
    permission: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """`maker_id` is the person behind it, also when another key made it, which `made_with` then names; `services` None
    means every service."""

    id: KeyId
    org_id: OrgId
    scope: ScopeName
    name: str
    prefix: str
    digest: bytes = field(repr=False)
    previous_digest: bytes | None = field(repr=False)
    previous_valid_until: datetime | None
    permissions: tuple[str, ...]
    services: tuple[str, ...] | None
    rate_limit_per_minute: int | None
    maker_id: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    made_with: KeyId | None = None

    def status(self, now: datetime) -> KeyStatus:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


@dataclass(frozen=True, slots=True)
class SignIn:
    id: SignInId
    person_id: PersonId
    org_id: OrgId | None
    scope: ScopeName
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    digest: bytes = field(repr=False)
    sign_in_id: SignInId
    parent_digest: bytes | None = field(repr=False)
    expires_at: datetime
    rotated_at: datetime | None
    spent: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a credential turned out to be; a person has a sign-in, a key has neither role nor sign-in."""

    scope: OrgScope
    person_id: PersonId | None
    key_id: KeyId | None
    sign_in_id: SignInId | None
    role: Role | None
    is_owner: bool
    is_superadmin: bool


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a socket ticket was given to: a person with their sign-in, or a key."""

    org_id: OrgId
    scope: ScopeName
    key_id: KeyId | None
    person_id: PersonId | None
    sign_in_id: SignInId | None
    address: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OrgEntry:
    id: str
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class KeyEntry:
    id: str
    org_id: str
    scope: str
    name: str
    prefix: str
    digest: bytes = field(repr=False)
    permissions: tuple[str, ...]
    services: tuple[str, ...] | None
    expires_at_us: int | None
    rate_limit_per_minute: int | None
    previous_digest: bytes | None = field(default=None, repr=False)
    previous_until_us: int | None = None


@dataclass(frozen=True, slots=True)
class MemberEntry:
    person_id: str
    org_id: str
    name: str
    permissions: tuple[str, ...]
    scopes: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class GrantEntry:
    org_id: str
    principal_id: str
    service_id: str
    permission: str


class SnapshotEntries(NamedTuple):
    """What the Snapshot holds of tenancy; the entries have the fields of `routing.model`."""

    orgs: tuple[OrgEntry, ...]
    keys: tuple[KeyEntry, ...]
    members: tuple[MemberEntry, ...]
    grants: tuple[GrantEntry, ...]
    revoked_sign_ins: tuple[str, ...]


class Seeded(NamedTuple):
    """`created` is true only the first time, which is when the password may be shown."""

    org_id: OrgId
    person_id: PersonId
    created: bool


_LIFE = re.compile(r"([1-9][0-9]{0,3})([dhmy])")
_LIFE_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "y": timedelta(days=365)}
_LONGEST_LIFE = timedelta(days=3650)


def parse_life(text: str) -> timedelta:
    """`30d`, `1y`, `12h`, `15m`; at most ten years."""
    match = _LIFE.fullmatch(text)
    if match is None:
        raise InvalidInput("expires_in", "must be a number and a unit, such as 30d, 1y, 12h or 15m")
    life = int(match[1]) * _LIFE_UNITS[match[2]]
    if life > _LONGEST_LIFE:
        raise InvalidInput("expires_in", "must be at most ten years")
    return life


def principal_kind(kind: ActorKind) -> PrincipalKind | None:
    return None if kind == "system" else kind
