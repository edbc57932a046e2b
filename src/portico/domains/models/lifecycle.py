"""Tells of models that come to their end: each stage once."""

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


async def tell_endings(scope: PlatformScope, deps: Deps) -> int:
    """How many were told."""
    now = deps.clock.now()
    async with deps.read() as tx:
        ending = await store.ending_facts(tx, scope)
    due = [each for each in ending if STAGES.index(each.lifecycle(now)) > STAGES.index(each.told)]
    return sum([await _tell(scope, each, each.lifecycle(now), deps) for each in due])


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
        payload = {
            "model": said.model,
            "service_id": said.service_id,
            "service": service.name,
            "retires_at": None if said.retires_at is None else said.retires_at.isoformat(),
            "successor": said.successor,
        }
        await events.record(tx, system, kind=TOLD[stage], payload=payload)
    return True
