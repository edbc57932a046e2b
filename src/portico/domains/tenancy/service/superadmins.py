"""Who may act on the whole installation. There is always one; each change stands in the platform's own audit chain."""

from dataclasses import replace

from portico.domains.audit import public as audit
from portico.domains.tenancy.errors import LastSuperadmin
from portico.domains.tenancy.model import Identity, Person
from portico.domains.tenancy.service.authority import as_superadmin
from portico.domains.tenancy.store import people as store
from portico.kernel.errors import NotFound
from portico.kernel.ids import PersonId
from portico.platform.deps import Deps


async def list_superadmins(identity: Identity, deps: Deps) -> list[Person]:
    platform = as_superadmin(identity)
    async with deps.read() as tx:
        return await store.superadmins(tx, platform)


async def set_superadmin(identity: Identity, person_id: PersonId, *, wanted: bool, deps: Deps) -> Person:
    """Make or unmake; what holds already changes nothing. raises NotFound · LastSuperadmin (409)"""
    platform = as_superadmin(identity)
    async with deps.uow() as tx:
        # Locked, so that two who unmake each other at once do not leave the platform without any.
        standing = await store.superadmins(tx, platform, lock=True)
        person = await store.load_person(tx, platform, person_id)
        if person is None:
            raise NotFound("person", person_id)
        if person.is_superadmin == wanted:
            return person
        if not wanted and [each.id for each in standing] == [person.id]:
            raise LastSuperadmin
        await store.set_superadmin(tx, platform, person.id, wanted)
        await audit.record_platform(
            tx,
            actor=platform.actor,
            action="superadmin.grant" if wanted else "superadmin.revoke",
            target=audit.Target("person", person.id, person.name),
            severity="WARN",
            detail={"email": person.email},
        )
    return replace(person, is_superadmin=wanted)
