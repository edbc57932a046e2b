"""Who the caller is, and where else they could be."""

from dataclasses import dataclass

from portico.domains.tenancy.model import PERMISSIONS, Identity, Org, Permission, Person, Role
from portico.domains.tenancy.service.authority import PLATFORM
from portico.domains.tenancy.store import orgs as org_store
from portico.domains.tenancy.store import people as people_store
from portico.kernel.ids import OrgId
from portico.kernel.scope import ScopeName
from portico.platform.db import Tx
from portico.platform.deps import Deps


@dataclass(frozen=True, slots=True)
class OrgOfMine:
    """An active org of the caller's, with the scopes they may enter."""

    id: OrgId
    name: str
    slug: str
    role: Role | None
    is_owner: bool
    scopes: tuple[ScopeName, ...]


@dataclass(frozen=True, slots=True)
class Me:
    identity: Identity
    person: Person | None
    org: Org | None
    permissions: tuple[Permission, ...]
    orgs: tuple[OrgOfMine, ...]


async def describe(identity: Identity, deps: Deps) -> Me:
    scope = identity.scope
    async with deps.read() as tx:
        org = await org_store.load_org(tx, PLATFORM, scope.org_id)
        permissions = tuple(name for name in PERMISSIONS if name in scope.permissions)
        if identity.person_id is None:
            own = () if org is None else (OrgOfMine(org.id, org.name, org.slug, None, False, (scope.scope,)),)
            return Me(identity, None, org, permissions, own)
        person = await people_store.load_person(tx, PLATFORM, identity.person_id)
        orgs = () if person is None else await _orgs_of(tx, person)
    return Me(identity, person, org, permissions, orgs)


async def _orgs_of(tx: Tx, person: Person) -> tuple[OrgOfMine, ...]:
    found = [each for each in await people_store.memberships_of(tx, PLATFORM, person.id) if each[3] == "active"]
    names = await org_store.scope_names(tx, PLATFORM, tuple(member.org_id for member, *_ in found))
    return tuple(
        OrgOfMine(
            member.org_id,
            name,
            slug,
            member.role,
            member.is_owner,
            tuple(each for each in names[member.org_id] if member.enters(each)),
        )
        for member, name, slug, _ in found
    )
