"""SQL of policies and of what they said before."""

from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.tools.model import Policy, PolicyVersion
from portico.domains.tools.tables import policies
from portico.domains.tools.tables import policy_versions as versions
from portico.kernel.errors import InvalidInput
from portico.kernel.ids import OrgId, PolicyId
from portico.kernel.paging import Page, PageAsk, SortValues, make_page
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx

_FIXED = frozenset({"id", "org_id", "created_by", "created_at"})


async def insert_policy(tx: Tx, scope: OrgScope, policy: Policy) -> bool:
    """False when the name is taken."""
    into = sqlite.insert(policies) if tx.engine == "sqlite" else postgresql.insert(policies)
    row = _row(policy) | {"org_id": scope.org_id}
    return (await tx.execute(into.values(row).on_conflict_do_nothing())).rowcount == 1


async def update_policy(tx: Tx, scope: OrgScope, policy: Policy) -> None:
    row = {name: value for name, value in _row(policy).items() if name not in _FIXED}
    await tx.execute(update(policies).where(_mine(scope), policies.c.id == policy.id).values(row))


async def delete_policy(tx: Tx, scope: OrgScope, policy_id: PolicyId) -> None:
    await tx.execute(delete(policies).where(_mine(scope), policies.c.id == policy_id))


async def load_policy(tx: Tx, scope: OrgScope, policy_id: str, *, lock: bool = False) -> Policy | None:
    query = select(policies).where(_mine(scope), policies.c.id == policy_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _policy_of(row)


async def name_taken(tx: Tx, scope: OrgScope, name: str, other_than: PolicyId) -> bool:
    query = select(policies.c.id).where(_mine(scope), policies.c.name == name, policies.c.id != other_than)
    return (await tx.execute(query)).first() is not None


async def list_policies(tx: Tx, scope: OrgScope, ask: PageAsk) -> Page[Policy]:
    """In the order in which they are asked."""
    order = (policies.c.position, policies.c.name)
    query = select(policies).where(_mine(scope)).order_by(*order).limit(ask.page_size + 1)
    if ask.cursor is not None:
        position, name = _place(ask.cursor.after)
        later = and_(policies.c.position == position, policies.c.name > name)
        query = query.where(or_(policies.c.position > position, later))
    rows = [_policy_of(row) for row in await tx.execute(query)]
    total = (await tx.execute(select(func.count()).select_from(policies).where(_mine(scope)))).scalar_one()
    return make_page(rows, ask, lambda policy: (policy.position, policy.name), int(total))


async def all_policies(tx: Tx, scope: OrgScope) -> list[Policy]:
    query = select(policies).where(_mine(scope)).order_by(policies.c.position, policies.c.name)
    return [_policy_of(row) for row in await tx.execute(query)]


async def insert_version(tx: Tx, scope: OrgScope, version: PolicyVersion) -> None:
    row = {name: getattr(version, name) for name in PolicyVersion.__dataclass_fields__}
    await tx.execute(versions.insert().values(row | {"org_id": scope.org_id}))


async def versions_of(tx: Tx, scope: OrgScope, policy_id: PolicyId) -> list[PolicyVersion]:
    """The newest first."""
    query = select(versions).where(versions.c.org_id == scope.org_id, versions.c.policy_id == policy_id)
    rows = await tx.execute(query.order_by(versions.c.version.desc()).limit(100))
    return [
        PolicyVersion(PolicyId(row.policy_id), row.version, row.terms, row.changed_by, row.changed_at) for row in rows
    ]


def _place(after: SortValues) -> tuple[int, str]:
    match after:
        case (int(position), str(name)) if position < 2**31:
            return position, name
        case _:
            raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")


def _mine(scope: OrgScope) -> ColumnElement[bool]:
    return policies.c.org_id == scope.org_id


def _row(policy: Policy) -> dict[str, Any]:
    row = {name: getattr(policy, name) for name in Policy.__dataclass_fields__}
    return row | {"subjects": list(policy.subjects), "targets": list(policy.targets)}


def _policy_of(row: Row[Any]) -> Policy:
    known = row._asdict() | {"subjects": tuple(row.subjects), "targets": tuple(row.targets)}
    return Policy(**known | {"id": PolicyId(row.id), "org_id": OrgId(row.org_id)})
