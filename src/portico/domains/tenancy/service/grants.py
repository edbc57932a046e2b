"""Grants: one principal may do one thing with one resource, beyond their role. Restricted services are opened this way."""

from portico.domains.tenancy.errors import HoldsTooLittle
from portico.domains.tenancy.model import GRANTABLE, MAX_GRANTS, Grant, PrincipalKind
from portico.domains.tenancy.service import trail
from portico.domains.tenancy.store import grants as store
from portico.domains.tenancy.store import keys as key_store
from portico.domains.tenancy.store import orgs as org_store
from portico.domains.tenancy.store import people as people_store
from portico.kernel import ids
from portico.kernel.errors import Conflict, InvalidInput, NotFound
from portico.kernel.ids import GrantId, KeyId, PersonId, ServiceId, looks_like_id
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps


async def create_grant(
    scope: OrgScope, kind: PrincipalKind, principal_id: str, resource_id: ServiceId, permission: str, deps: Deps
) -> tuple[Grant, str]:
    """Returns the grant and the principal's name; nobody grants what they do not hold."""
    if permission not in GRANTABLE:
        raise InvalidInput("permission", f"must be one of {', '.join(GRANTABLE)}")
    # Services are another domain's; a grant for one that does not exist opens nothing.
    if not looks_like_id(resource_id) or not resource_id.startswith("svc_"):
        raise InvalidInput("resource_id", "must be the id of a service")
    if not scope.may(permission, resource_id):
        raise HoldsTooLittle(frozenset({permission}))
    async with deps.uow() as tx:
        await org_store.lock_org(tx, scope)
        name = await _principal_name(tx, scope, kind, principal_id)
        if await store.same_grant(tx, scope, principal_id, resource_id, permission):
            raise Conflict(f"{name} holds {permission} on this service already.")
        if await store.count_grants(tx, scope, principal_id) >= MAX_GRANTS:
            raise Conflict(f"{name} holds {MAX_GRANTS} grants already; give a role instead.")
        now = deps.clock.now()
        grant = Grant(ids.new(GrantId), scope.org_id, kind, principal_id, "service", resource_id, permission, now)
        await store.insert_grant(tx, scope, grant)
        await _record(tx, scope, trail.GRANT_CREATED, "grant.create", grant, name)
    return grant, name


async def list_grants(
    scope: OrgScope, ask: PageAsk, resource_id: str | None, deps: Deps
) -> tuple[Page[Grant], dict[str, str]]:
    """The grants, and the names of those who hold them."""
    async with deps.read() as tx:
        page = await store.list_grants(tx, scope, ask, resource_id)
        return page, await people_store.principal_names(tx, scope, [grant.principal_id for grant in page.items])


async def delete_grant(scope: OrgScope, grant_id: GrantId, deps: Deps) -> None:
    async with deps.uow() as tx:
        grant = await store.load_grant(tx, scope, grant_id)
        if grant is None or not await store.delete_grant(tx, scope, grant_id):
            raise NotFound("grant", grant_id)
        await _record(tx, scope, trail.GRANT_DELETED, "grant.delete", grant, grant.principal_id)


async def _principal_name(tx: Tx, scope: OrgScope, kind: PrincipalKind, principal_id: str) -> str:
    if kind == "person":
        member = await people_store.load_member(tx, scope, PersonId(principal_id))
        if member is not None:
            return member.name
    else:
        key = await key_store.load_key(tx, scope, KeyId(principal_id))
        if key is not None and key.revoked_at is None:
            return key.name
    raise InvalidInput("principal_id", f"there is no {kind} {principal_id!r} here")


async def _record(tx: Tx, scope: OrgScope, kind: str, action: str, grant: Grant, name: str) -> None:
    payload = {
        "grant_id": grant.id,
        "principal_id": grant.principal_id,
        "resource_id": grant.resource_id,
        "permission": grant.permission,
    }
    await trail.leave_trail(
        tx, scope, kind, payload, action, ("grant", grant.id, name), detail={"principal_kind": grant.principal_kind}
    )
    tx.nudge("snapshot")
