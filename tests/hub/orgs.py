"""Callers for the tests of hub, vault, limits and routing."""

from portico.domains.tenancy.model import ROLE_PERMISSIONS, Role
from portico.kernel.ids import OrgId
from portico.kernel.scope import DEVELOPMENT, ENTERPRISE, Actor, OrgScope, ScopeName

ACME, GLOBEX = OrgId("org_ACME"), OrgId("org_GLOBEX")


def caller(
    role: Role = "admin",
    org_id: OrgId = ACME,
    scope: ScopeName = ENTERPRISE,
    *,
    who: str | None = None,
    granted: tuple[tuple[str, str], ...] = (),
) -> OrgScope:
    person = who or f"per_{role}"
    return OrgScope(org_id, scope, Actor("person", person, person), ROLE_PERMISSIONS[role], granted)


ADMIN = caller()
DEVELOPER = caller("developer")
VIEWER = caller("viewer")
STRANGER = caller(org_id=GLOBEX, who="per_stranger")
IN_DEVELOPMENT = caller(scope=DEVELOPMENT)
