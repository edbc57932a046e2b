"""Tells of models that come to their end: each stage once."""

from collections.abc import Mapping
from datetime import timedelta

from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.models import store
from portico.domains.models.model import Lifecycle, ModelFacts
from portico.domains.models.registry import STAGES
from portico.domains.tenancy import public as tenancy
from portico.kernel.scope import ENTERPRISE, PlatformScope
from portico.platform.deps import Deps

_FIELDS = {"model": str, "service_id": str, "service": str, "retires_at": str | None, "successor": str}
TOLD: dict[Lifecycle, str] = {
    "deprecated": events.declare(
        "model.deprecated.v1", "A model is deprecated from now on.", about="model", fields=_FIELDS
    ),
    "retiring": events.declare(
        "model.retiring.v1", "A model will be retired within thirty days.", about="model", fields=_FIELDS
    ),
    "retired": events.declare(
        "model.retired.v1",
        "A model is retired; calls to it are refused or go to its successor.",
        about="model",
        fields=_FIELDS,
    ),
}
STILL_CALLED = events.declare(
    "model.deprecated_called.v1",
    "A deprecated model is still called; told once a day.",
    about="model",
    fields={**_FIELDS, "calls": int},
)
TOLD_EVERY = timedelta(days=1)


async def tell_endings(scope: PlatformScope, deps: Deps) -> int:
    """How many were told."""
    now = deps.clock.now()
    async with deps.read() as tx:
        ending = await store.ending_facts(tx, scope)
    due = [each for each in ending if STAGES.index(each.lifecycle(now)) > STAGES.index(each.told)]
    return sum([await _tell(scope, each, each.lifecycle(now), deps) for each in due])


async def tell_deprecated_use(scope: PlatformScope, calls: Mapping[tuple[str, str], int], deps: Deps) -> int:
    """Once a day for each deprecated model that is still called; how many were told.

    calls   how many came lately, by org and model
    """
    told = 0
    for (org_id, model), count in sorted(calls.items()):
        async with deps.read() as tx:
            named = await store.facts_named(tx, scope, model, org_id)
        told += sum([await _tell_use(scope, said, count, deps) for said in named])
    return told


async def _tell_use(scope: PlatformScope, said: ModelFacts, count: int, deps: Deps) -> bool:
    now = deps.clock.now()
    if said.deprecated_at is None or said.deprecated_at > now:
        return False
    async with deps.uow() as tx:
        found = await hub.services_by_id(tx, scope, [said.service_id])
        if not found:
            return False
        [service] = found
        system = tenancy.open_system_scope(said.org_id, service.scope or ENTERPRISE)
        await events.hold_log(tx, system)
        if not await store.mark_use_told(tx, system, said, now, now - TOLD_EVERY):
            return False
        payload = _payload(said, service.name) | {"calls": count}
        await events.record(tx, system, kind=STILL_CALLED, payload=payload)
    return True


def _payload(said: ModelFacts, service: str) -> dict[str, object]:
    return {
        "model": said.model,
        "service_id": said.service_id,
        "service": service,
        "retires_at": None if said.retires_at is None else said.retires_at.isoformat(),
        "successor": said.successor,
    }


async def _tell(scope: PlatformScope, said: ModelFacts, stage: Lifecycle, deps: Deps) -> bool:
    async with deps.uow() as tx:
        found = await hub.services_by_id(tx, scope, [said.service_id])
        if not found:
            return False
        [service] = found
        system = tenancy.open_system_scope(said.org_id, service.scope or ENTERPRISE)
        await events.hold_log(tx, system)
        if not await store.mark_told(tx, system, said, stage):
            return False
        await events.record(tx, system, kind=TOLD[stage], payload=_payload(said, service.name))
    return True
