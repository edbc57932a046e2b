"""The scopes inside an org. Three come with it and stay; others are added, and deleted when nothing uses them."""

import re

from portico.domains.tenancy.model import MAX_SCOPES, NamedScope
from portico.domains.tenancy.service import trail
from portico.domains.tenancy.store import orgs as store
from portico.kernel.errors import Conflict, InUse, InvalidInput, NotFound
from portico.kernel.scope import DEFAULT_SCOPES, OrgScope, ScopeName
from portico.platform.deps import Deps

_NAME = re.compile(r"[A-Z][A-Z0-9-]{0,62}")


async def list_scopes(scope: OrgScope, deps: Deps) -> list[NamedScope]:
    """To be shown; whether one may enter a scope is never decided from this list, which may be kept for a while."""

    async def load() -> list[NamedScope]:
        async with deps.read() as tx:
            return await store.list_scopes(tx, scope)

    return await deps.cache.read("org_settings", scope, "scopes", list[NamedScope], load)


async def create_scope(scope: OrgScope, name: ScopeName, description: str, deps: Deps) -> NamedScope:
    if _NAME.fullmatch(name) is None:
        raise InvalidInput("name", "must be 1 to 63 capital letters, digits and hyphens, and begin with a letter")
    async with deps.uow() as tx:
        await store.lock_org(tx, scope)
        known = {named.name for named in await store.list_scopes(tx, scope)}
        if name in known:
            raise Conflict(f"There is a scope {name} already.")
        if len(known) >= MAX_SCOPES:
            raise Conflict(f"The org has {MAX_SCOPES} scopes already; delete one that is not used.")
        made = NamedScope(name, description, deps.clock.now())
        await store.insert_scopes(tx, scope, [made])
        await trail.leave_trail(tx, scope, trail.SCOPE_CREATED, {"name": name}, "scope.create", ("scope", name, name))
        tx.forget(scope.org_id, "org_settings")
    return made


async def delete_scope(scope: OrgScope, name: ScopeName, deps: Deps) -> None:
    async with deps.uow() as tx:
        await store.lock_org(tx, scope)
        if name not in {named.name for named in await store.list_scopes(tx, scope)}:
            raise NotFound("scope", name)
        if name in DEFAULT_SCOPES:
            raise Conflict(f"The scope {name} comes with every org and stays.")
        if users := await store.users_of_scope(tx, scope, name):
            raise InUse(f"The scope {name} is used by {', '.join(users)}.")
        await store.leave_scope(tx, scope, name, deps.clock.now())
        await store.delete_scope(tx, scope, name)
        target = ("scope", name, name)
        await trail.leave_trail(tx, scope, trail.SCOPE_DELETED, {"name": name}, "scope.delete", target, severity="WARN")
        tx.nudge("snapshot")
        tx.forget(scope.org_id, "org_settings")
