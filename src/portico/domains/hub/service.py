"""Verbs on a service as a whole; its versions and endpoints are in parts, its leases in leases, its health in health."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.hub import builtin, part_store, store
from portico.domains.hub.checks import service_problems, url_problems
from portico.domains.hub.errors import BuiltinReadOnly, ModelTaken, NameTaken
from portico.domains.hub.model import (
    Endpoint,
    Service,
    ServiceDraft,
    ServiceFilter,
    Sort,
    Version,
    sees_everything,
)
from portico.domains.vault import public as vault
from portico.kernel import ids
from portico.kernel.errors import Conflict, FieldError, InvalidFields, InvalidInput, NotFound, NotPermitted
from portico.kernel.ids import EndpointId, ServiceId, VersionId
from portico.kernel.paging import Page, PageAsk, SortValues, make_page
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx, from_micros, to_micros
from portico.platform.deps import Deps

MAX_SERVICES = 2000
_ACTIONS = {
    events.declare(
        f"service.{past}.v1", f"A service was {past}.", about="service_id", fields={"service_id": str, "name": str}
    ): f"service.{verb}"
    for past, verb in (("created", "create"), ("updated", "update"), ("deleted", "delete"))
}
_PRESENT = {"added": "add", "updated": "update", "removed": "remove", "reset": "reset", "expired": "expire"}


async def create_service(scope: OrgScope, draft: ServiceDraft, deps: Deps) -> Service:
    service = _from_draft(scope, draft, deps.clock.now())
    problems = [*service_problems(service), *_kind_problems(draft), *_scope_problems(scope, draft)]
    problems += url_problems(draft.url, deps.settings.private_ranges)
    if problems:
        raise InvalidFields(tuple(problems))
    async with deps.uow() as tx:
        await _insert(tx, scope, service)
    return service


async def add_house_service(tx: Tx, scope: OrgScope, draft: ServiceDraft, deps: Deps) -> Service:
    """Within somebody's transaction: one whose address is a part of Portico, which no person may give."""
    service = _from_draft(scope, draft, deps.clock.now())
    if problems := [*service_problems(service), *_kind_problems(draft), *_scope_problems(scope, draft)]:
        raise InvalidFields(tuple(problems))
    await _insert(tx, scope, service)
    return service


async def _insert(tx: Tx, scope: OrgScope, service: Service) -> None:
    await events.hold_log(tx, scope)
    if await store.count_all(tx, scope) >= MAX_SERVICES:
        raise Conflict(f"An org can have at most {MAX_SERVICES:,} services.", details="Delete some first.")
    await _refuse_taken(tx, scope, service)
    if not await store.insert_service(tx, scope, service):
        raise NameTaken(service.name)
    for version in service.versions:
        await part_store.insert_version(tx, scope, version, service.created_at)
    await _use_secret(tx, scope, service)
    await record(tx, scope, "service.created.v1", service, {"kind": service.kind, "visibility": service.visibility})


async def update_service(scope: OrgScope, name: str, changes: dict[str, Any], deps: Deps) -> Service:
    """`changes`: any of the draft's fields but name, kind, scope and url, already as facts of `model`."""
    async with deps.uow() as tx:
        service = await managed(tx, scope, name)
        changed = replace(service, **changes, updated_at=deps.clock.now())
        if problems := service_problems(changed):
            raise InvalidFields(tuple(problems))
        await _refuse_taken(tx, scope, changed)
        await store.update_service(tx, scope, changed)
        await _use_secret(tx, scope, changed)
        await record(tx, scope, "service.updated.v1", changed, {"changed": sorted(changes)})
    return changed


async def delete_service(scope: OrgScope, name: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        await remove_service(tx, scope, await managed(tx, scope, name))


async def remove_service(tx: Tx, scope: OrgScope, service: Service) -> None:
    """Within somebody's transaction, by whoever may: with everything that was the service's alone."""
    await vault.use_secret(tx, scope, _user(service), None, field="credential.secret_name")
    await vault.use_secrets(tx, scope, environment_of(service), ())
    await store.delete_service(tx, scope, service.id)
    await record(tx, scope, "service.deleted.v1", service, {})


async def find_service_in(tx: Tx, scope: OrgScope, name: str) -> Service | None:
    """Within somebody's transaction; None when there is none that this caller may see."""
    return await store.load_service(tx, scope, name)


async def find_service(scope: OrgScope, name: str, deps: Deps) -> Service:
    async with deps.read() as tx:
        service = await seen(tx, scope, name)
    if not scope.may("services.read", service.id):
        raise NotPermitted("services.read")
    return service


async def find_service_by_id(scope: OrgScope, service_id: str, deps: Deps) -> Service | None:
    """None when there is none that this caller may see and read."""
    async with deps.read() as tx:
        found = await store.load_services(tx, scope, [service_id])
    return found[0] if found and scope.may("services.read", service_id) else None


async def load_service(tx: Tx, scope: OrgScope, service_id: str) -> Service | None:
    """Within somebody's transaction; None when there is none that this caller may see."""
    found = await store.load_services(tx, scope, [service_id])
    return found[0] if found else None


async def list_services(
    scope: OrgScope, wanted: ServiceFilter, sort: Sort, ask: PageAsk, deps: Deps, gateways: int | None = None
) -> Page[Service]:
    """Stored and built-in services in one order; `gateways` is how many are linked, None when nobody can tell."""
    after = None if ask.cursor is None else _checked(ask.cursor.after, sort)
    asked = ("list", reader_of(scope), wanted, sort, ask, gateways)
    return await deps.cache.read(
        "service_summaries",
        scope,
        asked,
        Page[Service],
        lambda: _page(scope, wanted, sort, ask, after, deps, gateways),
    )


def reader_of(scope: OrgScope) -> tuple[str, tuple[str, ...]]:
    """All of the caller that decides what is seen: two people share what is kept only when they see the same."""
    if sees_everything(scope):
        return "everything", ()
    return scope.actor.id, tuple(sorted({resource_id for resource_id, _ in scope.granted}))


async def _page(
    scope: OrgScope,
    wanted: ServiceFilter,
    sort: Sort,
    ask: PageAsk,
    after: tuple[str | int, str] | None,
    deps: Deps,
    gateways: int | None,
) -> Page[Service]:
    async with deps.read() as tx:
        stored = await store.page_of_services(tx, scope, wanted, sort, _typed(after, sort), ask.page_size + 1)
        total = await store.count_services(tx, scope, wanted)
    fixed = builtin.matching(scope, wanted, gateways)
    descending = sort.startswith("-")
    beyond = [
        each
        for each in fixed
        if after is None or (_key(each, sort) < after if descending else _key(each, sort) > after)
    ]
    merged = sorted([*stored, *beyond], key=lambda each: _key(each, sort), reverse=descending)
    return make_page(merged[: ask.page_size + 1], ask, lambda each: _key(each, sort), total + len(fixed))


async def seen(tx: Tx, scope: OrgScope, name: str) -> Service:
    """The service, if it exists for this caller."""
    service = builtin.find(scope, name) or await store.load_service(tx, scope, name)
    if service is None:
        raise NotFound("service", name)
    return service


async def managed(tx: Tx, scope: OrgScope, name: str) -> Service:
    """The service, to be changed in this transaction: changes of one org go one after the other."""
    await events.hold_log(tx, scope)
    service = await seen(tx, scope, name)
    if service.kind == "builtin":
        raise BuiltinReadOnly(name)
    if not scope.may("services.manage", service.id):
        raise NotPermitted("services.manage")
    return service


async def record(
    tx: Tx, scope: OrgScope, kind: str, service: Service, detail: dict[str, object], **more: object
) -> None:
    """One event and one audit entry of a change, a nudge for the next snapshot, and lists and searches made anew."""
    await events.record(tx, scope, kind=kind, payload={"service_id": service.id, "name": service.name, **more})
    target = audit.Target("service", service.id, service.name)
    action = _ACTIONS.get(kind) or _action(kind)
    await audit.record(
        tx, scope, action=action, target=target, outcome="ok", severity="INFO", detail={**detail, **more}
    )
    tx.nudge("snapshot")
    tx.forget(service.org_id, "service_summaries")


def _action(kind: str) -> str:
    """The trail says in the imperative what the log says in the past: service.version_added.v1 is service.add_version."""
    noun, _, past = kind.removesuffix(".v1").partition(".")
    part, _, happened = past.rpartition("_")
    return f"{noun}.{_PRESENT[happened]}_{part}"


def _from_draft(scope: OrgScope, draft: ServiceDraft, now: datetime) -> Service:
    service_id, version_id = ids.new(ServiceId), ids.new(VersionId)
    endpoint = Endpoint(ids.new(EndpointId), service_id, version_id, draft.url, 1)
    return Service(
        id=service_id,
        org_id=scope.org_id,
        scope=draft.scope,
        name=draft.name,
        kind=draft.kind,
        description=draft.description,
        layer=draft.layer,
        tags=draft.tags,
        capabilities=draft.capabilities,
        visibility=draft.visibility,
        timeout_s=draft.timeout_s,
        max_retries=draft.max_retries,
        cache_ttl_s=draft.cache_ttl_s,
        price=draft.price,
        models=draft.models,
        max_output_tokens=draft.max_output_tokens,
        credential=draft.credential,
        health_path=draft.health_path,
        methods=draft.methods,
        created_by=scope.actor.id,
        created_at=now,
        updated_at=now,
        versions=(Version(version_id, service_id, "v1", 100, "active", (endpoint,)),),
    )


def _kind_problems(draft: ServiceDraft) -> list[FieldError]:
    return [FieldError("kind", "must be http or model")] if draft.kind == "builtin" else []


def _scope_problems(scope: OrgScope, draft: ServiceDraft) -> list[FieldError]:
    if draft.scope in {None, scope.scope}:
        return []
    return [FieldError("scope", f"must be {scope.scope!r}, the scope you are in, or null for every scope")]


async def _refuse_taken(tx: Tx, scope: OrgScope, service: Service) -> None:
    if await store.taken_names(tx, scope, service):
        raise NameTaken(service.name)
    if service.models:
        offered = await store.models_beside(tx, scope, service)
        for model in service.models:
            if model in offered:
                raise ModelTaken(model)


async def _use_secret(tx: Tx, scope: OrgScope, service: Service) -> None:
    secret_name = None if service.credential is None else service.credential.secret_name
    await vault.use_secret(tx, scope, _user(service), secret_name, field="credential.secret_name")


def environment_of(service: Service) -> vault.SecretUser:
    """Who uses the secrets that a local program is given; not the service itself, whose credential is for calls."""
    return vault.SecretUser(f"{service.id}#env", service.name, service.visibility == "restricted")


def _user(service: Service) -> vault.SecretUser:
    return vault.SecretUser(service.id, service.name, service.visibility == "restricted")


def _key(service: Service, sort: Sort) -> tuple[str | int, str]:
    return (to_micros(service.created_at) if sort.endswith("created_at") else service.name, service.id)


def _checked(after: SortValues, sort: Sort) -> tuple[str | int, str]:
    wanted = int if sort.endswith("created_at") else str
    if len(after) == 2 and isinstance(after[0], wanted) and isinstance(after[1], str):
        return after[0], after[1]
    raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")


def _typed(after: tuple[str | int, str] | None, sort: Sort) -> tuple[Any, str] | None:
    """With the moment as the store compares it."""
    if after is None or not sort.endswith("created_at"):
        return after
    return from_micros(int(after[0])), after[1]
