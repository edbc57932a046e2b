"""Verbs on local tool servers: a service of the hub, and how the bridge starts the program behind it."""

from dataclasses import replace
from typing import Any

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.tools import local_store
from portico.domains.tools.local_terms import (
    MOST_PER_ORG,
    Definition,
    LocalServer,
    definition_problems,
    names_used,
    unknown_names,
)
from portico.domains.vault import public as vault
from portico.kernel.errors import Conflict, InvalidFields, NotFound, NotPermitted, Refusal
from portico.kernel.scope import OrgScope, PlatformScope, ScopeName
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.link import BRIDGE_URL

_FIELDS = {"service_id": str, "name": str}
CREATED, UPDATED = (
    events.declare(f"local_server.{past}.v1", f"A local tool server was {past}.", about="service_id", fields=_FIELDS)
    for past in ("defined", "updated")
)
REMOVED = events.declare(
    "local_server.removed.v1", "A local tool server was removed.", about="service_id", fields=_FIELDS
)
_ACTIONS = {CREATED: "local_server.define", UPDATED: "local_server.update", REMOVED: "local_server.remove"}


class LocalServersOff(Refusal):
    code = "NOT_AUTHORIZED"

    def __init__(self) -> None:
        super().__init__(
            "Local tool servers are switched off on this installation.",
            details="The operator can switch them on with tools.local_servers; remote servers need no such thing.",
        )


async def define_server(
    scope: OrgScope,
    name: str,
    description: str,
    definition: Definition,
    deps: Deps,
    *,
    every_scope: bool = True,
    restricted: bool = False,
) -> LocalServer:
    """A service of this name in the hub, whose program the bridge starts when it is first called."""
    _refuse_off(deps)
    _refuse_bad(definition, deps)
    draft = hub.ServiceDraft(
        name=name,
        kind="tools",
        url=BRIDGE_URL,
        description=description,
        visibility="restricted" if restricted else "org",
        scope=None if every_scope else ScopeName(scope.scope),
        max_retries=0,
    )
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        if await local_store.count_local(tx, scope) >= MOST_PER_ORG:
            raise Conflict(f"An org can have at most {MOST_PER_ORG} local tool servers.", details="Remove one first.")
        service = await hub.add_house_service(tx, scope, draft, deps)
        await local_store.insert_local(tx, scope, service.id, definition)
        return await _saved(tx, scope, service, definition, CREATED, deps)


async def update_server(scope: OrgScope, name: str, definition: Definition, deps: Deps) -> LocalServer:
    _refuse_off(deps)
    _refuse_bad(definition, deps)
    async with deps.uow() as tx:
        service, before = await _managed(tx, scope, name)
        if before == definition:
            return await _loaded(tx, scope, service)
        await local_store.update_local(tx, scope, service.id, definition)
        return await _saved(tx, scope, service, definition, UPDATED, deps)


async def remove_server(scope: OrgScope, name: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        service, _ = await _managed(tx, scope, name)
        await _record(tx, scope, REMOVED, service, {})
        await hub.remove_service(tx, scope, service)


async def find_server(scope: OrgScope, name: str, deps: Deps) -> LocalServer:
    async with deps.read() as tx:
        service = await hub.find_service_in(tx, scope, name)
        found = None if service is None else await local_store.load_definition(tx, scope, service.id)
    if service is None or found is None:
        raise NotFound("local tool server", name)
    return _of(service, found)


async def list_servers(scope: OrgScope, deps: Deps) -> list[LocalServer]:
    async with deps.read() as tx:
        rows = await local_store.load_definitions(tx, scope)
        services = await hub.services_of_kind(tx, scope, "tools") if rows else []
    return [_of(each, rows[each.id]) for each in services if each.id in rows]


async def record_order(scope: OrgScope, server: LocalServer, order: str, deps: Deps) -> None:
    """That somebody started, stopped or restarted it by hand."""
    async with deps.uow() as tx:
        target = audit.Target("service", server.service_id, server.name)
        await audit.record(tx, scope, action=f"local_server.{order}", target=target, severity="INFO", detail={})


async def snapshot_local(tx: Tx, scope: PlatformScope) -> dict[str, Definition]:
    return await local_store.all_definitions(tx, scope)


# -- parts -------------------------------------------------------------------------------------------------------------------------


async def _managed(tx: Tx, scope: OrgScope, name: str) -> tuple[hub.Service, Definition]:
    await events.hold_log(tx, scope)
    service = await hub.find_service_in(tx, scope, name)
    found = None if service is None else await local_store.load_definition(tx, scope, service.id)
    if service is None or found is None:
        raise NotFound("local tool server", name)
    if not scope.may("tools.manage", service.id):
        raise NotPermitted("tools.manage")
    return service, local_store.definition_of(found.definition)


async def _saved(
    tx: Tx, scope: OrgScope, service: hub.Service, definition: Definition, kind: str, deps: Deps
) -> LocalServer:
    used = names_used(definition)
    found = await vault.use_secrets(tx, scope, hub.environment_of(service), used)
    if problems := unknown_names(definition, found, deps.settings):
        raise InvalidFields(tuple(problems))
    # Values may be secrets that somebody wrote out, so the trail tells which variables there are, and no more.
    shown = {
        "command": definition.command,
        "env": sorted(definition.env),
        "allowed_paths": list(definition.allowed_paths),
    }
    await _record(tx, scope, kind, service, {**shown, "enabled": definition.enabled})
    return await _loaded(tx, scope, service)


async def _loaded(tx: Tx, scope: OrgScope, service: hub.Service) -> LocalServer:
    row = await local_store.load_definition(tx, scope, service.id)
    if row is None:
        raise NotFound("local tool server", service.name)
    return _of(service, row)


async def _record(tx: Tx, scope: OrgScope, kind: str, service: hub.Service, detail: dict[str, Any]) -> None:
    await events.record(tx, scope, kind=kind, payload={"service_id": service.id, "name": service.name})
    target = audit.Target("service", service.id, service.name)
    await audit.record(tx, scope, action=_ACTIONS[kind], target=target, severity="WARN", detail=detail)
    tx.nudge("snapshot")


def _of(service: hub.Service, row: Any) -> LocalServer:
    definition = local_store.definition_of(row.definition)
    return LocalServer(
        service.id, service.org_id, service.name, service.description, definition, row.updated_at, row.updated_by
    )


def _refuse_off(deps: Deps) -> None:
    if not deps.settings.runs_local_servers:
        raise LocalServersOff


def _refuse_bad(definition: Definition, deps: Deps) -> None:
    if problems := definition_problems(definition, deps.settings):
        raise InvalidFields(tuple(problems))


def switched(server: LocalServer, *, on: bool) -> Definition:
    return replace(server.definition, enabled=on)
