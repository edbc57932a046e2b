"""What comes in and goes out over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints

from portico.domains.tenancy.model import (
    ROLE_ALIASES,
    Grant,
    Grantable,
    Invitation,
    InvitationStatus,
    Key,
    KeyStatus,
    Member,
    Org,
    OrgStatus,
    Permission,
    PrincipalKind,
    Role,
)
from portico.domains.tenancy.service.me import Me
from portico.platform.web import Ask, Moment, Patch, Shaped, Wire


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must hold no control characters")
    return text


def _whole(secret: SecretStr) -> SecretStr:
    """JSON can smuggle half a character in, which no text encoding takes."""
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:
        raise ValueError("must be whole characters") from None
    return secret


def _known_role(role: Any) -> Any:
    return ROLE_ALIASES.get(role, role) if isinstance(role, str) else role


_LOWER = "1 to 63 small letters, digits and hyphens, not beginning with a hyphen"
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_printable)
]
Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(_printable)]
Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254, to_lower=True),
    # One sign @, no blanks or controls: whether the address exists, only a message to it can tell.
    Shaped(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+", "must be an email address, such as ada@example.org"),
]
# SecretStr keeps the value out of logs and of validation errors, which would echo their input.
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(_whole)]
RoleName = Annotated[Role, BeforeValidator(_known_role)]
ScopeText = Annotated[str, StringConstraints(min_length=1, max_length=63)]
IdText = Annotated[
    str, StringConstraints(min_length=1, max_length=64), Shaped("[A-Za-z0-9_]+", "must be an id: letters, digits and _")
]
# What is searched for; a control character could not be stored, so it cannot be found either.
SearchText = Annotated[str, StringConstraints(max_length=100), AfterValidator(_printable)]
ServiceNames = Annotated[
    list[Annotated[str, Shaped("[a-z0-9][a-z0-9-]{0,62}", f"must be the name of a service: {_LOWER}")]],
    Field(max_length=200),
]
Permissions = Annotated[list[Permission], Field(max_length=50)]
PerMinute = Annotated[int, Field(ge=1, le=10_000_000, strict=True)]


class PasswordsAsk(Ask):
    """Blanks at the ends of a password belong to it."""

    model_config = ConfigDict(str_strip_whitespace=False)


class SignInAsk(PasswordsAsk):
    email: Email
    password: Secret
    org_id: IdText | None = None


class SwitchAsk(Ask):
    org_id: IdText
    scope: ScopeText


class PasswordAsk(PasswordsAsk):
    current_password: Secret
    new_password: Secret


class AcceptAsk(PasswordsAsk):
    token: Secret
    name: Name
    password: Secret


class OrgAsk(Ask):
    name: Name
    slug: Annotated[str, Shaped("[a-z0-9][a-z0-9-]{0,62}", f"must be {_LOWER}")]
    owner_email: Email


class OrgPatch(Patch):
    name: Name | None = None


class ScopeAsk(Ask):
    name: Annotated[
        str,
        Shaped("[A-Z][A-Z0-9-]{0,62}", "must be 1 to 63 capital letters, digits and hyphens, beginning with a letter"),
    ]
    description: Text = ""


class MemberPatch(Patch):
    role: RoleName | None = None
    is_owner: bool | None = None
    scopes: Annotated[list[ScopeText], Field(max_length=50)] | None = None


class InvitationAsk(Ask):
    email: Email
    role: RoleName


class GrantAsk(Ask):
    principal_kind: PrincipalKind
    principal_id: IdText
    resource_kind: Literal["service"]
    resource_id: IdText
    permission: Grantable


class KeyAsk(Ask):
    name: Name
    permissions: Permissions = Field(default=["services.call"])
    services: ServiceNames | None = None
    rate_limit_per_minute: PerMinute | None = None
    expires_in: Annotated[str, StringConstraints(max_length=8)] | None = None
    scope: ScopeText | None = None


class KeyPatch(Patch):
    name: Name | None = None
    permissions: Permissions | None = None
    services: ServiceNames | None = None
    rate_limit_per_minute: PerMinute | None = None


class RotateAsk(Ask):
    overlap_s: Annotated[int, Field(ge=0, le=30 * 86400, strict=True)] = 86400


class PersonWire(Wire):
    id: str
    email: str
    name: str
    is_superadmin: bool


class NamedWire(Wire):
    id: str
    name: str


class OrgBriefWire(Wire):
    id: str
    name: str
    slug: str


class OrgOfMineWire(OrgBriefWire):
    role: Role | None
    is_owner: bool
    scopes: list[str]


class MeWire(Wire):
    person: PersonWire | None
    key: NamedWire | None
    org: OrgBriefWire | None
    scope: str
    role: Role | None
    is_owner: bool
    permissions: list[Permission]
    orgs: list[OrgOfMineWire]


class SignedInWire(Wire):
    access_token: str
    expires_in_s: int
    me: MeWire


class TicketWire(Wire):
    ticket: str
    expires_at: Moment


class OrgWire(OrgBriefWire):
    status: OrgStatus
    created_at: Moment
    member_count: int


class FoundedWire(OrgWire):
    """`invitation_token` is there once, when the owner is new."""

    invitation_token: str | None


class ScopeWire(Wire):
    name: str
    description: str
    created_at: Moment


class MemberWire(Wire):
    person_id: str
    email: str
    name: str
    role: Role
    is_owner: bool
    joined_at: Moment
    last_seen_at: Moment | None
    scopes: list[str] | None


class InvitationWire(Wire):
    id: str
    email: str
    role: Role
    created_at: Moment
    expires_at: Moment
    status: InvitationStatus
    invited_by: str


class NewInvitationWire(InvitationWire):
    token: str


class PrincipalWire(Wire):
    kind: PrincipalKind
    id: str
    name: str


class GrantWire(Wire):
    id: str
    principal: PrincipalWire
    resource_kind: Literal["service"]
    resource_id: str
    permission: Grantable
    created_at: Moment


class KeyWire(Wire):
    id: str
    name: str
    prefix: str
    scope: str
    permissions: list[Permission]
    services: list[str] | None
    rate_limit_per_minute: int | None
    status: KeyStatus
    created_at: Moment
    created_by: str
    expires_at: Moment | None
    last_used_at: Moment | None
    previous_valid_until: Moment | None


class NewKeyWire(KeyWire):
    """With the secret, which is shown here and never again."""

    secret: str


def me_wire(me: Me) -> MeWire:
    identity, actor = me.identity, me.identity.scope.actor
    return MeWire(
        person=None if me.person is None else PersonWire.model_validate(me.person),
        key=NamedWire(id=actor.id, name=actor.name) if identity.key_id is not None else None,
        org=None if me.org is None else OrgBriefWire.model_validate(me.org),
        scope=identity.scope.scope,
        role=identity.role,
        is_owner=identity.is_owner,
        permissions=list(me.permissions),
        orgs=[OrgOfMineWire.model_validate(each) for each in me.orgs],
    )


def org_wire(org: Org) -> OrgWire:
    return OrgWire.model_validate(org)


def member_wire(member: Member) -> MemberWire:
    return MemberWire.model_validate(member)


def invitation_wire(invitation: Invitation, now: datetime) -> InvitationWire:
    return InvitationWire.model_validate(_with_status(invitation, now))


def grant_wire(grant: Grant, name: str) -> GrantWire:
    principal = PrincipalWire(kind=grant.principal_kind, id=grant.principal_id, name=name)
    names = ("id", "resource_kind", "resource_id", "permission", "created_at")
    return GrantWire.model_validate({"principal": principal} | {name: getattr(grant, name) for name in names})


def key_wire(key: Key, now: datetime) -> KeyWire:
    return KeyWire.model_validate(_with_status(key, now))


def _with_status(row: Key | Invitation, now: datetime) -> dict[str, Any]:
    """The row's fields as a mapping, with the status that it has at this moment."""
    facts: dict[str, Any] = {name: getattr(row, name) for name in row.__dataclass_fields__}
    if isinstance(row, Key):
        facts["permissions"] = list(row.permissions)
        over = row.previous_valid_until is not None and row.previous_valid_until <= now
        facts["previous_valid_until"] = None if over else row.previous_valid_until
    return facts | {"status": row.status(now)}
