"""May X call Y with Z, and why: the gateway's own rules over what is configured now, with a draft put in for trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from portico.domains.tenancy import public as tenancy
from portico.domains.tools import policy_store, service, snapshot_store, store
from portico.domains.tools.arguments import Checker
from portico.domains.tools.decide import Decision, Facts, Rule
from portico.domains.tools.judge import Judgement, Wish, facts_of_tool, judge
from portico.domains.tools.model import Policy, PolicyDraft, PolicyEntry, Server, ToolEntry
from portico.domains.tools.pins import MOST_NAME_CHARS
from portico.domains.tools.policies import check_expression
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

DRAFT_ID = "draft"
MOST_ARGUMENT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """`replaces` is the id of the policy that `draft` would take the place of; None for a new one."""

    principal: str
    server: str
    tool: str
    arguments: Mapping[str, Any]
    draft: PolicyDraft | None = None
    replaces: str | None = None
    era: str = "2026-07-28"
    address: str = ""


async def simulate(scope: OrgScope, question: Question, deps: Deps) -> Judgement:
    """raises   NotFound for a principal or server that is not there · PolicyUnusable for a draft that cannot be read"""
    if len(question.tool) > MOST_NAME_CHARS:
        raise InvalidInput("tool", f"must have {MOST_NAME_CHARS} characters at most")
    if question.draft is not None:
        check_expression(question.draft.expression)
    size = len(orjson.dumps(dict(question.arguments)))
    if size > MOST_ARGUMENT_BYTES:
        raise InvalidInput("arguments", f"must have {MOST_ARGUMENT_BYTES:,} bytes at most")
    async with deps.read() as tx:
        principal, granted = await _principal(tx, scope, question.principal)
        tags, server, entry = await _tool(tx, scope, question)
        always = await store.quarantines_always(tx, scope)
        rules = _rules(await policy_store.all_policies(tx, scope), scope, question)
    facts = Facts(
        principal,
        {"name": question.server, "tags": list(tags)},
        facts_of_tool(question.tool, entry),
        {"era": question.era, "address": question.address},
    )
    is_open = server.trusted and not always
    if "services.call" not in principal["permissions"] and server.service_id not in granted:
        reason = "The principal has neither the permission services.call nor a grant of it on this server."
        return Judgement("deny", reason, Decision("deny", reason))
    wish = Wish(facts, entry, is_open, question.arguments, size)
    return judge(rules, wish, lambda tool: Checker(tool.schema))


async def _principal(tx: Tx, scope: OrgScope, principal_id: str) -> tuple[dict[str, Any], frozenset[str]]:
    """As the gateway knows keys and people of this org, and the services they were granted calls of."""
    entries = await tenancy.snapshot_entries(tx, tenancy.platform_scope())
    granted = frozenset(
        each.service_id
        for each in entries.grants
        if (each.org_id, each.principal_id, each.permission) == (scope.org_id, principal_id, "services.call")
    )
    for key in entries.keys:
        if (key.org_id, key.id) == (scope.org_id, principal_id):
            return _facts(key.id, key.name, "key", key.scope, key.permissions), granted
    for member in entries.members:
        if (member.org_id, member.person_id) == (scope.org_id, principal_id):
            return _facts(member.person_id, member.name, "person", scope.scope, member.permissions), granted
    raise NotFound("principal", principal_id)


def _facts(principal_id: str, name: str, kind: str, scope: str, permissions: tuple[str, ...]) -> dict[str, Any]:
    return {"id": principal_id, "name": name, "kind": kind, "scope": scope, "permissions": sorted(permissions)}


async def _tool(tx: Tx, scope: OrgScope, question: Question) -> tuple[tuple[str, ...], Server, ToolEntry | None]:
    service_id = await service.server_id(tx, scope, question.server)
    server = await store.load_server(tx, scope, service_id) or Server(service_id, scope.org_id)
    tags = await service.tags_of(tx, scope, service_id)
    tool = await store.find_tool(tx, scope, service_id, question.tool)
    if tool is None:
        return tags, server, None
    approved = None if tool.approved_pin is None else await store.find_version(tx, scope, tool.id, tool.approved_pin)
    return tags, server, snapshot_store.entry_of(tool, None if approved is None else approved.text)


def _rules(policies: list[Policy], scope: OrgScope, question: Question) -> list[Rule]:
    entries = [
        (policy.position, policy.name, entry_of(policy))
        for policy in policies
        if policy.enabled and policy.id != question.replaces
    ]
    draft = question.draft
    if draft is not None and draft.enabled:
        entry = PolicyEntry(
            DRAFT_ID, scope.org_id, draft.name, 0, draft.effect, draft.expression, draft.subjects, draft.targets
        )
        entries.append((draft.position, draft.name, entry))
    return [Rule.of(entry) for _, _, entry in sorted(entries, key=lambda each: each[:2])]


def entry_of(policy: Policy) -> PolicyEntry:
    return PolicyEntry(
        policy.id,
        policy.org_id,
        policy.name,
        policy.version,
        policy.effect,
        policy.expression,
        policy.subjects,
        policy.targets,
    )
