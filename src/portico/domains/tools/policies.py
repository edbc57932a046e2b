"""Verbs on policies. Each change keeps what was said before as a version."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from portico.domains.events import public as events
from portico.domains.tools import policy_store as store
from portico.domains.tools import record
from portico.domains.tools.errors import PolicyNameTaken, PolicyUnusable, TooManyPolicies
from portico.domains.tools.expressions import Unusable, compile_expression
from portico.domains.tools.model import (
    MOST_HIDING,
    MOST_LOOPING,
    MOST_POLICIES,
    Policy,
    PolicyDraft,
    PolicyVersion,
)
from portico.kernel import ids
from portico.kernel.errors import NotFound
from portico.kernel.ids import PolicyId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

_TERMS = ("name", "effect", "expression", "description", "position", "subjects", "targets", "enabled")


async def create_policy(scope: OrgScope, draft: PolicyDraft, deps: Deps) -> Policy:
    check_expression(draft.expression)
    now = deps.clock.now()
    facts = {name: getattr(draft, name) for name in _TERMS}
    policy = Policy(
        id=ids.new(PolicyId),
        org_id=scope.org_id,
        version=1,
        created_by=scope.actor.id,
        created_at=now,
        updated_at=now,
        **facts,
    )
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        if not await store.insert_policy(tx, scope, policy):
            raise PolicyNameTaken(draft.name)
        _check_room(await store.all_policies(tx, scope))
        await _keep(tx, scope, record.POLICY_CREATED, policy)
    return policy


async def update_policy(scope: OrgScope, policy_id: str, changes: Mapping[str, Any], deps: Deps) -> Policy:
    """`changes`: any of the draft's fields."""
    if "expression" in changes:
        check_expression(changes["expression"])
    async with deps.uow() as tx:
        policy = await _held(tx, scope, policy_id)
        changed = replace(policy, **changes)
        if changed == policy:
            return policy
        if await store.name_taken(tx, scope, changed.name, policy.id):
            raise PolicyNameTaken(changed.name)
        changed = replace(changed, version=policy.version + 1, updated_at=deps.clock.now())
        await store.update_policy(tx, scope, changed)
        _check_room(await store.all_policies(tx, scope))
        await _keep(tx, scope, record.POLICY_UPDATED, changed)
    return changed


async def delete_policy(scope: OrgScope, policy_id: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        policy = await _held(tx, scope, policy_id)
        await store.delete_policy(tx, scope, policy.id)
        await record.record_policy(tx, scope, record.POLICY_DELETED, policy, terms_of(policy))


async def find_policy(scope: OrgScope, policy_id: str, deps: Deps) -> tuple[Policy, list[PolicyVersion]]:
    async with deps.read() as tx:
        policy = await store.load_policy(tx, scope, policy_id)
        if policy is None:
            raise NotFound("policy", policy_id)
        return policy, await store.versions_of(tx, scope, policy.id)


async def list_policies(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[Policy]:
    async with deps.read() as tx:
        return await store.list_policies(tx, scope, ask)


def check_expression(expression: str) -> None:
    """raises PolicyUnusable (400), with the place"""
    problem = problem_of(expression)
    if problem is not None:
        raise PolicyUnusable(problem)


def problem_of(expression: str) -> str | None:
    try:
        compile_expression(expression)
    except Unusable as unusable:
        return str(unusable)
    return None


def terms_of(policy: Policy) -> dict[str, Any]:
    facts = {name: getattr(policy, name) for name in _TERMS}
    return facts | {"subjects": list(policy.subjects), "targets": list(policy.targets)}


def _check_room(policies: Sequence[Policy]) -> None:
    """Each is asked on the gateway's one thread: as many as any org needs, and no more than all can bear."""
    enabled = [each for each in policies if each.enabled]
    if len(policies) > MOST_POLICIES:
        raise TooManyPolicies()
    if sum(each.effect == "hide" for each in enabled) > MOST_HIDING:
        raise TooManyPolicies(f"{MOST_HIDING} enabled policies that hide")
    if sum(_loops(each) for each in enabled) > MOST_LOOPING:
        raise TooManyPolicies(f"{MOST_LOOPING} enabled policies with a loop")


def _loops(policy: Policy) -> bool:
    try:
        return compile_expression(policy.expression).loops
    except Unusable:
        # Saved under rules that were wider; it denies, and costs nothing.
        return False


async def _keep(tx: Tx, scope: OrgScope, kind: str, policy: Policy) -> None:
    terms = terms_of(policy)
    await store.insert_version(
        tx, scope, PolicyVersion(policy.id, policy.version, terms, scope.actor.id, policy.updated_at)
    )
    await record.record_policy(tx, scope, kind, policy, {"version": policy.version, **terms})


async def _held(tx: Tx, scope: OrgScope, policy_id: str) -> Policy:
    await events.hold_log(tx, scope)
    policy = await store.load_policy(tx, scope, policy_id, lock=True)
    if policy is None:
        raise NotFound("policy", policy_id)
    return policy
