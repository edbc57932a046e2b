"""Where OrgScopes come from, and the rule that nobody gives more than they hold."""

from portico.domains.tenancy.errors import Confined, HoldsTooLittle, PersonRequired, SuperadminRequired
from portico.domains.tenancy.model import PERMISSIONS, Identity
from portico.domains.tenancy.store import people as people_store
from portico.kernel.ids import OrgId, PersonId
from portico.kernel.scope import ENTERPRISE, SYSTEM, Actor, OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx

PLATFORM = PlatformScope(SYSTEM)


def open_scope(
    org_id: OrgId,
    scope: ScopeName,
    actor: Actor,
    permissions: frozenset[str],
    granted: tuple[tuple[str, str], ...] = (),
) -> OrgScope:
    """The only place an OrgScope is made."""
    return OrgScope(org_id, scope, actor, permissions, granted)


def open_system_scope(org_id: OrgId, scope_name: str = ENTERPRISE) -> OrgScope:
    """Portico itself inside an org, for reconcilers."""
    return open_scope(org_id, ScopeName(scope_name), SYSTEM, frozenset(PERMISSIONS))


def scope_for_record(org_id: OrgId, actor: Actor) -> OrgScope:
    """An actor of the platform, leaving a trail in an org without any right inside it."""
    return open_scope(org_id, ENTERPRISE, actor, frozenset())


def platform_scope(actor: Actor = SYSTEM) -> PlatformScope:
    return PlatformScope(actor)


def as_superadmin(identity: Identity) -> PlatformScope:
    if not identity.is_superadmin:
        raise SuperadminRequired
    return PlatformScope(identity.scope.actor)


def acting_person(identity: Identity) -> PersonId:
    if identity.person_id is None:
        raise PersonRequired
    return identity.person_id


def must_hold(scope: OrgScope, permissions: frozenset[str]) -> None:
    if missing := permissions - scope.permissions:
        raise HoldsTooLittle(missing)


async def must_enter_all(tx: Tx, scope: OrgScope) -> None:
    """Membership reaches over every scope, so whoever gives it may enter every scope. A key was trusted with it as it is."""
    if scope.actor.kind == "person":
        member = await people_store.load_member(tx, scope, PersonId(scope.actor.id))
        if member is None or member.scopes is not None:
            raise Confined
