"""Who acts, and inside which (org, scope). Only `tenancy.open_scope` makes an OrgScope."""

from dataclasses import dataclass
from typing import Literal, NewType

from portico.kernel.ids import OrgId

ScopeName = NewType("ScopeName", str)
ENTERPRISE = ScopeName("ENTERPRISE")
DEVELOPMENT = ScopeName("DEVELOPMENT")
LOCAL_SANDBOX = ScopeName("LOCAL-SANDBOX")
DEFAULT_SCOPES = (ENTERPRISE, DEVELOPMENT, LOCAL_SANDBOX)

ActorKind = Literal["person", "key", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something; `address` is the client's, for the audit trail only."""

    kind: ActorKind
    id: str
    name: str
    address: str | None = None


SYSTEM = Actor("system", "system", "Portico")


@dataclass(frozen=True, slots=True)
class OrgScope:
    """The tenancy key of every query, with what the actor may do inside it.

    granted   resource id -> permissions given on that one resource, beyond the role's
    """

    org_id: OrgId
    scope: ScopeName
    actor: Actor
    permissions: frozenset[str]
    granted: tuple[tuple[str, str], ...] = ()

    def may(self, permission: str, resource_id: str | None = None) -> bool:
        return permission in self.permissions or (resource_id is not None and (resource_id, permission) in self.granted)


@dataclass(frozen=True, slots=True)
class PlatformScope:
    """The installation itself: superadmins and reconcilers that look across orgs."""

    actor: Actor
