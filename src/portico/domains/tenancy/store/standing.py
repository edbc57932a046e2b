"""All that a person's identity is made from, in one statement: every request asks for it, and every socket that opens."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, and_, bindparam, select

from portico.domains.tenancy.model import Member, OrgStatus, Person, SignIn
from portico.domains.tenancy.tables import memberships, orgs, people, scopes, sign_ins
from portico.kernel.ids import OrgId, PersonId, SignInId
from portico.kernel.scope import PlatformScope, ScopeName
from portico.platform.db import Tx


@dataclass(frozen=True, slots=True)
class Standing:
    """A sign-in, whose it is, and their place in one org and scope.

    member       None: not a member of the org
    org_status   None: the org is gone
    """

    sign_in: SignIn
    person: Person
    member: Member | None
    org_status: OrgStatus | None
    scope_exists: bool


_SIGN_IN = (
    sign_ins.c.id,
    sign_ins.c.person_id,
    sign_ins.c.org_id,
    sign_ins.c.scope,
    sign_ins.c.expires_at,
    sign_ins.c.ended_at,
)
_PERSON = (
    people.c.id,
    people.c.email,
    people.c.name,
    people.c.password_hash,
    people.c.is_superadmin,
    people.c.created_at,
)
_PLACE = (
    memberships.c.role,
    memberships.c.is_owner,
    memberships.c.scopes,
    memberships.c.joined_at,
    memberships.c.last_seen_at,
    orgs.c.status,
    scopes.c.name,
)
_IN_ORG = bindparam("in_org", type_=String)
# Made once: putting a statement of this size together takes longer than running it.
_STANDING = (
    select(*_SIGN_IN, *_PERSON, *_PLACE)
    .join_from(sign_ins, people, people.c.id == sign_ins.c.person_id)
    .outerjoin(memberships, and_(memberships.c.person_id == people.c.id, memberships.c.org_id == _IN_ORG))
    .outerjoin(orgs, and_(orgs.c.id == _IN_ORG, orgs.c.status != "deleted"))
    .outerjoin(scopes, and_(scopes.c.org_id == orgs.c.id, scopes.c.name == bindparam("in_scope", type_=String)))
    .where(sign_ins.c.id == bindparam("sign_in", type_=String), people.c.id == bindparam("person", type_=String))
)


async def load_standing(
    tx: Tx, scope: PlatformScope, sign_in_id: SignInId, person_id: PersonId, org_id: OrgId, in_scope: ScopeName
) -> Standing | None:
    """None when there is no such sign-in of this person."""
    asked = {"sign_in": sign_in_id, "person": person_id, "in_org": org_id, "in_scope": in_scope}
    row = (await tx.execute(_STANDING, asked)).first()
    if row is None:
        return None
    facts: tuple[Any, ...] = tuple(row)
    sign_in, person = SignIn(*facts[:6]), Person(*facts[6:12])
    role, is_owner, confined_to, joined_at, last_seen_at, org_status, scope_name = facts[12:]
    member = None
    if role is not None:
        names = None if confined_to is None else tuple(ScopeName(name) for name in confined_to)
        who = (org_id, person.id, person.email, person.name)
        member = Member(*who, role, is_owner, names, joined_at, last_seen_at)
    return Standing(sign_in, person, member, org_status, scope_name is not None)
