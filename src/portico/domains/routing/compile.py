"""From tables to one Snapshot: everything is read in one transaction, with a fixed number of queries."""

import hashlib
from datetime import datetime
from typing import NamedTuple

import msgspec

from portico.domains.agents import public as agents
from portico.domains.hub import public as hub
from portico.domains.limits import public as limits
from portico.domains.models import public as models
from portico.domains.routing import store
from portico.domains.routing.model import (
    BudgetEntry,
    CredentialEntry,
    EndpointEntry,
    GrantEntry,
    KeyEntry,
    LimitEntry,
    LocalServerEntry,
    MemberEntry,
    OrgEntry,
    PriceEntry,
    SealedValue,
    ServiceEntry,
    Snapshot,
    VersionEntry,
)
from portico.domains.tenancy import model as people_model
from portico.domains.tenancy import public as tenancy
from portico.domains.tools import public as tools
from portico.domains.vault import public as vault
from portico.kernel.scope import PlatformScope
from portico.platform.db import Tx, to_micros
from portico.platform.deps import Deps

_TRIES = 5
Sealed = dict[tuple[str, str], vault.SealedSecret]


class SnapshotContended(Exception):
    """Other processes kept raising the version; the next nudge or timer tries again."""


class _Read(NamedTuple):
    snapshot: Snapshot
    digest: bytes
    newest: int
    newest_digest: bytes


async def compile_snapshot(deps: Deps) -> Snapshot:
    """The newest configuration of every org, with the version that stands for exactly this content.

    cost     one read transaction of about ten queries; a write only when the content changed
    """
    scope = tenancy.platform_scope()
    for _ in range(_TRIES):
        async with deps.read() as tx:
            read = await _read(tx, scope, deps.clock.now(), deps.settings.base_url)
        if read.digest == read.newest_digest:
            return msgspec.structs.replace(read.snapshot, version=read.newest)
        # Raised only from the version that was newest while reading: whoever read less loses, so versions and content grow together.
        async with deps.uow() as tx:
            raised = await store.raise_version(tx, scope, read.newest, read.digest, deps.clock.now())
        if raised:
            return msgspec.structs.replace(read.snapshot, version=read.newest + 1)
    raise SnapshotContended


async def _read(tx: Tx, scope: PlatformScope, now: datetime, base_url: str) -> _Read:
    if tx.engine == "postgresql":
        # One view for all queries; SQLite's transactions have it by nature.
        await tx.connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    newest, newest_digest = await store.newest_version(tx, scope)
    content = await _with_agents(tx, scope, await _content(tx, scope, now), base_url)
    return _Read(content, _digest(content), newest, newest_digest)


async def _with_agents(tx: Tx, scope: PlatformScope, content: Snapshot, base_url: str) -> Snapshot:
    placed = [
        agents.AgentAt(each.id, each.name, tuple(point.url for version in each.versions for point in version.endpoints))
        for each in content.services
        if each.kind == "agent"
    ]
    entries = await agents.snapshot_agents(tx, scope, placed, base_url)
    if not entries:
        return content
    services = (msgspec.structs.replace(each, agent=entries.get(each.id)) for each in content.services)
    return msgspec.structs.replace(content, services=tuple(services))


async def _content(tx: Tx, scope: PlatformScope, now: datetime) -> Snapshot:
    people = await tenancy.snapshot_entries(tx, scope)
    routes = await hub.snapshot_services(tx, scope)
    sealed = await vault.sealed_of(tx, scope)
    registries = await tools.snapshot_registries(tx, scope)
    local = await tools.snapshot_local(tx, scope)
    orgs = tuple(OrgEntry(org.id, org.name, org.active) for org in people.orgs)
    keys = tuple(_key(key) for key in people.keys)
    members = tuple(_member(member) for member in people.members)
    names: dict[str, str] = {org.id: org.name for org in orgs}
    names |= {member.person_id: member.name for member in members}
    names |= {key.id: key.name for key in keys}
    return Snapshot(
        version=0,
        compiled_at_us=to_micros(now),
        orgs=orgs,
        keys=keys,
        members=members,
        grants=_grants(people.grants, routes),
        revoked_sign_ins=tuple(people.revoked_sign_ins),
        services=tuple(_service(route, sealed, registries, local.get(route.id)) for route in routes),
        limits=tuple(_limit(limit, names) for limit in await limits.snapshot_limits(tx, scope)),
        budgets=tuple(_budget(*each, names) for each in await limits.snapshot_budgets(tx, scope, now)),
        policies=await tools.snapshot_policies(tx, scope),
        model_facts=tuple(await models.snapshot_models(tx, scope)),
        model_routes=tuple(await models.snapshot_routes(tx, scope)),
    )


def _digest(snapshot: Snapshot) -> bytes:
    """Of what was configured: neither the moment nor what calls have used so far makes a new version."""
    settled = msgspec.structs.replace(
        snapshot,
        compiled_at_us=0,
        budgets=tuple(msgspec.structs.replace(budget, used=0) for budget in snapshot.budgets),
    )
    return hashlib.sha256(msgspec.msgpack.encode(settled)).digest()


def _key(key: people_model.KeyEntry) -> KeyEntry:
    return KeyEntry(
        key.id,
        key.org_id,
        key.scope,
        key.name,
        key.prefix,
        key.digest,
        key.permissions,
        key.services,
        key.expires_at_us,
        key.rate_limit_per_minute,
        key.previous_digest,
        key.previous_until_us,
    )


def _member(member: people_model.MemberEntry) -> MemberEntry:
    return MemberEntry(member.person_id, member.org_id, member.name, member.permissions, member.scopes)


def _grants(granted: tuple[people_model.GrantEntry, ...], routes: list[hub.ServiceRoute]) -> tuple[GrantEntry, ...]:
    """What was granted, and whoever made a restricted service: both may call it."""
    given = [GrantEntry(each.org_id, each.principal_id, each.service_id, each.permission) for each in granted]
    made = [GrantEntry(each.org_id, each.created_by, each.id, "services.read") for each in routes if each.restricted]
    return (*given, *made)


def _service(
    route: hub.ServiceRoute, sealed: Sealed, registries: tools.Registries, local: tools.Definition | None
) -> ServiceEntry:
    price = route.price
    return ServiceEntry(
        route.id,
        route.org_id,
        route.scope,
        route.name,
        route.kind,
        route.restricted,
        tuple(_version(version) for version in route.versions),
        route.timeout_s,
        route.max_retries,
        route.cache_ttl_s,
        None
        if price is None
        else PriceEntry(price.input_microusd_per_mtok, price.output_microusd_per_mtok, price.call_microusd),
        route.models,
        route.max_output_tokens,
        _credential(route, sealed),
        tools=registries.entry_of(route.id, route.org_id, route.tags) if route.kind == "tools" else None,
        local=None if local is None else _local(route.org_id, local, sealed),
    )


def _local(org_id: str, definition: tools.Definition, sealed: Sealed) -> LocalServerEntry:
    """What the vault does not have, the bridge looks for among the variables that the operator lets through."""
    limits = definition.limits
    secrets = [(name, sealed.get((org_id, name))) for name in sorted(tools.names_used(definition))]
    return LocalServerEntry(
        command=definition.command,
        arguments=definition.args,
        environment=tuple(definition.env.items()),
        secrets=tuple(SealedValue(name, each.sealed, each.context) for name, each in secrets if each is not None),
        allowed_paths=definition.allowed_paths,
        program_paths=definition.program_paths,
        memory_bytes=limits.memory_bytes,
        processes=limits.processes,
        open_files=limits.open_files,
        cores=limits.cores,
        cpu_s=limits.cpu_s,
        message_bytes=limits.message_bytes,
        idle_stop_s=limits.idle_stop_s,
        start_timeout_s=limits.start_timeout_s,
        enabled=definition.enabled,
    )


def _version(version: hub.VersionRoute) -> VersionEntry:
    endpoints = tuple(EndpointEntry(each.id, each.url, each.weight, each.healthy) for each in version.endpoints)
    return VersionEntry(version.version, version.weight, endpoints)


def _credential(route: hub.ServiceRoute, sealed: Sealed) -> CredentialEntry | None:
    """The vault refuses to delete a secret in use, so the lookup finds it."""
    if route.credential is None:
        return None
    secret = sealed[route.org_id, route.credential.secret_name]
    return CredentialEntry(route.credential.header, route.credential.format, secret.sealed, secret.context)


def _limit(limit: limits.Limit, names: dict[str, str]) -> LimitEntry:
    return LimitEntry(
        limit.id,
        limit.org_id,
        limit.name,
        limit.subject_kind,
        limit.subject_id,
        _subject_name(limit, names),
        limit.rate,
        limit.per_s,
        limit.burst,
    )


def _budget(
    budget: limits.Budget, window_started_at: datetime, use: limits.BudgetUse, names: dict[str, str]
) -> BudgetEntry:
    return BudgetEntry(
        budget.id,
        budget.org_id,
        budget.name,
        budget.subject_kind,
        budget.subject_id,
        _subject_name(budget, names),
        budget.measure,
        budget.window,
        budget.limit,
        use.used,
        to_micros(window_started_at),
    )


def _subject_name(row: limits.Limit | limits.Budget, names: dict[str, str]) -> str:
    if row.subject_kind == "org":
        return names.get(row.org_id, "")
    if row.subject_id is None:
        return limits.each_of(row.subject_kind)
    return names.get(row.subject_id, row.subject_id)
