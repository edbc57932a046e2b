"""What others ask about an org: its name, its scopes, and whether anything may be done in its name."""

from collections.abc import Collection

from portico.domains.tenancy.store import orgs as store
from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx


async def org_name(tx: Tx, scope: OrgScope) -> str:
    org = await store.load_org(tx, PlatformScope(scope.actor), scope.org_id)
    return "" if org is None else org.name


async def scope_names(tx: Tx, scope: OrgScope) -> tuple[ScopeName, ...]:
    return tuple(each.name for each in await store.list_scopes(tx, scope))


async def closed_orgs(tx: Tx, scope: PlatformScope, among: Collection[OrgId]) -> set[OrgId]:
    """Which of some orgs are suspended or deleted: Portico sends nothing in their name."""
    return await store.closed_orgs(tx, scope, among)
