"""Verbs on models: what services offer, with what the org says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.hub.model import Service
from portico.domains.models import store
from portico.domains.models.model import Lifecycle, ModelFacts, ModelPrice
from portico.domains.models.terms import facts_problems
from portico.kernel.errors import FieldError, InvalidFields, NotFound
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps

_FIELDS = {"model": str, "service_id": str, "service": str}
UPDATED = events.declare(
    "model.updated.v1", "What is said of a model was changed.", about="model", fields={**_FIELDS, "changed": list}
)
RESET = events.declare("model.reset.v1", "Nothing is said of a model any more.", about="model", fields=_FIELDS)
_ACTIONS = {UPDATED: "model.update", RESET: "model.reset"}
STAGES: tuple[Lifecycle, ...] = ("current", "deprecated", "retiring", "retired")


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model as it can be called here; `facts` are empty when nothing is said of it."""

    service: Service
    facts: ModelFacts
    lifecycle: Lifecycle

    @property
    def name(self) -> str:
        return self.facts.model

    @property
    def price(self) -> ModelPrice:
        own, of_service = self.facts.price, self.service.price
        if own is not None or of_service is None:
            return own or ModelPrice()
        return ModelPrice(
            of_service.input_microusd_per_mtok, of_service.output_microusd_per_mtok, of_service.call_microusd
        )

    @property
    def max_output_tokens(self) -> int | None:
        return self.facts.max_output_tokens or self.service.max_output_tokens


async def list_models(scope: OrgScope, q: str | None, ask: PageAsk, deps: Deps) -> Page[RegisteredModel]:
    """By name; those of services that the reader may see."""
    async with deps.read() as tx:
        found = await offered_models(tx, scope)
    wanted = [each for each in found if q is None or q.lower() in f"{each.name} {each.facts.family}".lower()]
    after = "" if ask.cursor is None else str(ask.cursor.after[0])
    rest = [each for each in wanted if each.name > after]
    return make_page(rest[: ask.page_size + 1], ask, lambda each: (each.name,), len(wanted))


async def find_model(scope: OrgScope, model: str, deps: Deps) -> RegisteredModel:
    async with deps.read() as tx:
        return await offered_model(tx, scope, model)


async def update_model(scope: OrgScope, model: str, changes: Mapping[str, Any], deps: Deps) -> RegisteredModel:
    """`changes`: any fields of ModelFacts but its identity."""
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        known = await offered_model(tx, scope, model)
        said = replace(known.facts, **changes)
        await _check(tx, scope, said)
        now = deps.clock.now()
        # Told again when the end was put off and comes again.
        stage = said.lifecycle(now)
        if STAGES.index(stage) < STAGES.index(said.told):
            said = replace(said, told=stage)
        await store.save_facts(tx, scope, said)
        changed = replace(known, facts=said, lifecycle=stage)
        await _record(tx, scope, UPDATED, changed, changed=sorted(changes))
    return changed


async def reset_model(scope: OrgScope, model: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        known = await offered_model(tx, scope, model)
        if await store.delete_facts(tx, scope, known.service.id, model):
            await _record(tx, scope, RESET, known)


async def offered_models(tx: Tx, scope: OrgScope) -> list[RegisteredModel]:
    services = await hub.services_of_kind(tx, scope, "model")
    said = await store.facts_of_services(tx, scope, [service.id for service in services])
    now = tx.clock.now()
    found = [
        RegisteredModel(service, facts, facts.lifecycle(now))
        for service in services
        for model in service.models
        for facts in [
            said.get((service.id, model)) or ModelFacts(org_id=scope.org_id, service_id=service.id, model=model)
        ]
    ]
    return sorted(found, key=lambda each: each.name)


async def offered_model(tx: Tx, scope: OrgScope, model: str) -> RegisteredModel:
    for each in await offered_models(tx, scope):
        if each.name == model:
            return each
    raise NotFound("model", model)


async def _check(tx: Tx, scope: OrgScope, said: ModelFacts) -> None:
    problems = facts_problems(said)
    if said.successor and not problems:
        names = {each.name for each in await offered_models(tx, scope)}
        if said.successor not in names:
            problems.append(FieldError("successor", f"no service offers {said.successor!r} here"))
    if problems:
        raise InvalidFields(tuple(problems))


async def _record(tx: Tx, scope: OrgScope, kind: str, model: RegisteredModel, **more: object) -> None:
    payload = {"model": model.name, "service_id": model.service.id, "service": model.service.name, **more}
    await events.record(tx, scope, kind=kind, payload=payload)
    target = audit.Target("model", model.name, model.name)
    detail = {"service": model.service.name, **more}
    await audit.record(tx, scope, action=_ACTIONS[kind], target=target, severity="INFO", detail=detail)
    tx.nudge("snapshot")
