"""What others show about an org: its name and its scopes."""

from portico.domains.tenancy.store import orgs as store
from portico.kernel.scope import OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx


async def org_name(tx: Tx, scope: OrgScope) -> str:
    org = await store.load_org(tx, PlatformScope(scope.actor), scope.org_id)
    return "" if org is None else org.name


async def scope_names(tx: Tx, scope: OrgScope) -> tuple[ScopeName, ...]:
    return tuple(each.name for each in await store.list_scopes(tx, scope))
