"""Members of an org: who belongs, in which role and scopes. Only an owner changes owners, and one always stays."""

from dataclasses import dataclass, replace

from portico.domains.tenancy.errors import LastOwner, OwnerRequired
from portico.domains.tenancy.model import Member, Role
from portico.domains.tenancy.service import trail
from portico.domains.tenancy.service.authority import must_enter_all, must_hold
from portico.domains.tenancy.service.keys import fit_keys_to_maker
from portico.domains.tenancy.store import grants as grant_store
from portico.domains.tenancy.store import orgs as org_store
from portico.domains.tenancy.store import people as store
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.ids import PersonId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope, ScopeName
from portico.platform.db import Tx
from portico.platform.deps import Deps


@dataclass(frozen=True, slots=True)
class MemberChange:
    """None leaves a thing as it is; `scopes` can be None itself (every scope), so it says whether it is meant."""

    role: Role | None = None
    is_owner: bool | None = None
    scopes: tuple[ScopeName, ...] | None = None
    changes_scopes: bool = False


async def list_members(scope: OrgScope, ask: PageAsk, q: str | None, deps: Deps) -> Page[Member]:
    async with deps.read() as tx:
        return await store.list_members(tx, scope, ask, q)


async def change_member(scope: OrgScope, person_id: PersonId, change: MemberChange, deps: Deps) -> Member:
    async with deps.uow() as tx:
        member = await _within_reach(tx, scope, person_id)
        changed = _changed(member, change)
        if changed.is_owner != member.is_owner:
            await must_be_owner(tx, scope, "change owners")
        must_hold(scope, changed.permissions)
        if changed.scopes is not None:
            await _check_scopes(tx, scope, changed.scopes)
        if member.is_owner and not changed.is_owner and await store.count_owners(tx, scope) == 1:
            raise LastOwner
        await store.update_member(tx, scope, changed)
        await fit_keys_to_maker(tx, scope, person_id, changed, deps.clock.now())
        payload = {
            "person_id": person_id,
            "role": changed.role,
            "is_owner": changed.is_owner,
            "scopes": None if changed.scopes is None else list(changed.scopes),
        }
        before = {"role_before": member.role, "is_owner_before": member.is_owner}
        target = ("person", person_id, member.name)
        await trail.leave_trail(
            tx, scope, trail.MEMBER_CHANGED, payload, "member.change", target, severity="WARN", detail=before
        )
        tx.nudge("snapshot")
    return changed


async def remove_member(scope: OrgScope, person_id: PersonId, deps: Deps) -> None:
    """Their keys are revoked and their grants taken back; open sign-ins stop working in this org at once."""
    async with deps.uow() as tx:
        member = await _within_reach(tx, scope, person_id)
        if member.is_owner and await store.count_owners(tx, scope) == 1:
            raise LastOwner
        await fit_keys_to_maker(tx, scope, person_id, None, deps.clock.now())
        await grant_store.delete_grants_of(tx, scope, person_id)
        await store.delete_member(tx, scope, person_id)
        target = ("person", person_id, member.name)
        payload = {"person_id": person_id}
        await trail.leave_trail(tx, scope, trail.MEMBER_REMOVED, payload, "member.remove", target, severity="WARN")
        tx.nudge("snapshot")


async def must_be_owner(tx: Tx, scope: OrgScope, what: str) -> None:
    """Asked from the database, because the flag in a token may be an hour old; a key is no owner."""
    if scope.actor.kind == "person":
        acting = await store.load_member(tx, scope, PersonId(scope.actor.id))
        if acting is not None and acting.is_owner:
            return
    raise OwnerRequired(what)


async def _within_reach(tx: Tx, scope: OrgScope, person_id: PersonId) -> Member:
    """The member, locked with the org, when the actor may change them at all."""
    await org_store.lock_org(tx, scope)
    member = await store.load_member(tx, scope, person_id)
    if member is None:
        raise NotFound("member", person_id)
    await must_enter_all(tx, scope)
    if member.is_owner:
        await must_be_owner(tx, scope, "change owners")
    must_hold(scope, member.permissions)
    return member


def _changed(member: Member, change: MemberChange) -> Member:
    """An owner is an admin of every scope; becoming an owner makes one of a member."""
    if change.is_owner and not member.is_owner:
        role: Role = change.role or "admin"
        scopes = change.scopes if change.changes_scopes else None
    else:
        role = change.role or member.role
        scopes = change.scopes if change.changes_scopes else member.scopes
    is_owner = member.is_owner if change.is_owner is None else change.is_owner
    if is_owner and role != "admin":
        raise InvalidInput("role", "of an owner is admin; take the owner flag away first")
    if is_owner and scopes is not None:
        raise InvalidInput("scopes", "of an owner are all; take the owner flag away first")
    return replace(member, role=role, is_owner=is_owner, scopes=scopes)


async def _check_scopes(tx: Tx, scope: OrgScope, wanted: tuple[ScopeName, ...]) -> None:
    if not wanted:
        raise InvalidInput("scopes", "must name one scope at least, or be null for every scope")
    known = {named.name for named in await org_store.list_scopes(tx, scope)}
    if unknown := sorted(set(wanted) - known):
        raise InvalidInput("scopes", f"there is no scope {unknown[0]!r}")
