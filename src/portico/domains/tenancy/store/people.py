from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.tenancy.model import Member, Person, Role
from portico.domains.tenancy.store.cursors import last_text
from portico.domains.tenancy.tables import api_keys, memberships, orgs, people
from portico.kernel.ids import OrgId, PersonId
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx

_PERSON = (
    people.c.id,
    people.c.email,
    people.c.name,
    people.c.password_hash,
    people.c.is_superadmin,
    people.c.created_at,
)
_MEMBER = (
    memberships.c.org_id,
    memberships.c.person_id,
    people.c.email,
    people.c.name,
    memberships.c.role,
    memberships.c.is_owner,
    memberships.c.scopes,
    memberships.c.joined_at,
    memberships.c.last_seen_at,
)
_MEMBERS = select(*_MEMBER).join_from(memberships, people, memberships.c.person_id == people.c.id)


def _member(row: RowMapping) -> Member:
    facts = dict(row)
    scopes = facts.pop("scopes")
    return Member(**facts, scopes=None if scopes is None else tuple(ScopeName(name) for name in scopes))


async def insert_person(tx: Tx, scope: PlatformScope, person: Person) -> bool:
    """False when the email is taken."""
    into = sqlite.insert(people) if tx.engine == "sqlite" else postgresql.insert(people)
    values = {column.name: getattr(person, column.name) for column in _PERSON}
    return (await tx.execute(into.values(values).on_conflict_do_nothing())).rowcount == 1


async def load_person(tx: Tx, scope: PlatformScope, person_id: PersonId) -> Person | None:
    row = (await tx.execute(select(*_PERSON).where(people.c.id == person_id))).mappings().first()
    return None if row is None else Person(**row)


async def load_person_by_email(tx: Tx, scope: PlatformScope, email: str) -> Person | None:
    row = (await tx.execute(select(*_PERSON).where(people.c.email == email))).mappings().first()
    return None if row is None else Person(**row)


async def set_password(tx: Tx, scope: PlatformScope, person_id: PersonId, password_hash: str) -> None:
    await tx.execute(update(people).where(people.c.id == person_id).values(password_hash=password_hash))


async def set_superadmin(tx: Tx, scope: PlatformScope, person_id: PersonId, wanted: bool) -> None:
    await tx.execute(update(people).where(people.c.id == person_id).values(is_superadmin=wanted))


async def superadmins(tx: Tx, scope: PlatformScope, *, lock: bool = False) -> list[Person]:
    query = select(*_PERSON).where(people.c.is_superadmin).order_by(people.c.id)
    return [Person(**row) for row in (await tx.execute(query.with_for_update() if lock else query)).mappings()]


async def insert_member(tx: Tx, scope: OrgScope, person_id: PersonId, role: Role, is_owner: bool, at: datetime) -> None:
    values = {"org_id": scope.org_id, "person_id": person_id, "role": role, "is_owner": is_owner, "joined_at": at}
    await tx.execute(insert(memberships).values(values | {"scopes": None, "last_seen_at": None}))


async def load_member(tx: Tx, scope: OrgScope, person_id: PersonId) -> Member | None:
    mine = (memberships.c.org_id == scope.org_id, memberships.c.person_id == person_id)
    row = (await tx.execute(_MEMBERS.where(*mine))).mappings().first()
    return None if row is None else _member(row)


async def is_member(tx: Tx, scope: OrgScope, email: str) -> bool:
    return (
        await tx.execute(_MEMBERS.where(memberships.c.org_id == scope.org_id, people.c.email == email))
    ).first() is not None


async def membership_of(tx: Tx, scope: PlatformScope, org_id: OrgId, person_id: PersonId) -> Member | None:
    """The same before there is an OrgScope: this is what one is made from."""
    mine = (memberships.c.org_id == org_id, memberships.c.person_id == person_id)
    row = (await tx.execute(_MEMBERS.where(*mine))).mappings().first()
    return None if row is None else _member(row)


async def list_members(tx: Tx, scope: OrgScope, ask: PageAsk, q: str | None) -> Page[Member]:
    """By email, so that the order is plain and total."""
    where = [memberships.c.org_id == scope.org_id]
    if q is not None:
        wanted = q.lower()
        where.append(
            or_(
                people.c.email.contains(wanted, autoescape=True),
                func.lower(people.c.name).contains(wanted, autoescape=True),
            )
        )
    counted = select(func.count()).select_from(memberships).join(people, memberships.c.person_id == people.c.id)
    total = (await tx.execute(counted.where(*where))).scalar_one()
    if ask.cursor is not None:
        where.append(people.c.email > last_text(ask.cursor))
    query = _MEMBERS.where(*where).order_by(people.c.email).limit(ask.page_size + 1)
    rows = [_member(row) for row in (await tx.execute(query)).mappings()]
    return make_page(rows, ask, lambda member: (member.email,), total)


async def update_member(tx: Tx, scope: OrgScope, member: Member) -> None:
    values = {"role": member.role, "is_owner": member.is_owner, "scopes": _listed(member.scopes)}
    await tx.execute(
        update(memberships)
        .where(memberships.c.org_id == scope.org_id, memberships.c.person_id == member.person_id)
        .values(values)
    )


async def delete_member(tx: Tx, scope: OrgScope, person_id: PersonId) -> None:
    mine = (memberships.c.org_id == scope.org_id, memberships.c.person_id == person_id)
    await tx.execute(delete(memberships).where(*mine))


async def count_owners(tx: Tx, scope: OrgScope) -> int:
    owners = (memberships.c.org_id == scope.org_id, memberships.c.is_owner.is_(True))
    found: int = (await tx.execute(select(func.count()).select_from(memberships).where(*owners))).scalar_one()
    return found


async def first_owner(tx: Tx, scope: OrgScope) -> PersonId | None:
    owners = (memberships.c.org_id == scope.org_id, memberships.c.is_owner.is_(True))
    query = select(memberships.c.person_id).where(*owners).order_by(memberships.c.joined_at)
    found = (await tx.execute(query.limit(1))).scalar_one_or_none()
    return None if found is None else PersonId(found)


async def memberships_of(tx: Tx, scope: PlatformScope, person_id: PersonId) -> list[tuple[Member, str, str, str]]:
    """Each with the org's name, slug and status, the one seen last first; deleted orgs are gone."""
    query = (
        select(*_MEMBER, orgs.c.name.label("org_name"), orgs.c.slug, orgs.c.status)
        .join_from(memberships, people, memberships.c.person_id == people.c.id)
        .join(orgs, memberships.c.org_id == orgs.c.id)
        .where(memberships.c.person_id == person_id, orgs.c.status != "deleted")
        .order_by(func.coalesce(memberships.c.last_seen_at, 0).desc(), memberships.c.joined_at, orgs.c.id)
    )
    found = []
    for row in (await tx.execute(query)).mappings():
        facts = dict(row)
        org_name, slug, status = facts.pop("org_name"), facts.pop("slug"), facts.pop("status")
        scopes = facts.pop("scopes")
        member = Member(**facts, scopes=None if scopes is None else tuple(scopes))
        found.append((member, org_name, slug, status))
    return found


async def see_member(tx: Tx, scope: PlatformScope, org_id: OrgId, person_id: PersonId, at: datetime) -> None:
    mine = (memberships.c.org_id == org_id, memberships.c.person_id == person_id)
    await tx.execute(update(memberships).where(*mine).values(last_seen_at=at))


async def principal_names(tx: Tx, scope: OrgScope | PlatformScope, principal_ids: Iterable[str]) -> dict[str, str]:
    """Names of people and keys; within an org, only of its own."""
    wanted = list(dict.fromkeys(principal_ids))
    persons = select(people.c.id, people.c.name).where(people.c.id.in_(wanted))
    keys = select(api_keys.c.id, api_keys.c.name).where(api_keys.c.id.in_(wanted))
    if isinstance(scope, OrgScope):
        mine = select(memberships.c.person_id).where(memberships.c.org_id == scope.org_id)
        persons = persons.where(people.c.id.in_(mine))
        keys = keys.where(api_keys.c.org_id == scope.org_id)
    names: dict[str, str] = {}
    for query in (persons, keys):
        names.update((row.id, row.name) for row in await tx.execute(query))
    return names


def _listed(scopes: tuple[ScopeName, ...] | None) -> list[str] | None:
    return None if scopes is None else list(scopes)
