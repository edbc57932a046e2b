"""SQL of what is said of models."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portico.domains.models.model import Lifecycle, ModelEntry, ModelFacts, ModelPrice
from portico.domains.models.tables import model_facts as facts
from portico.kernel.ids import OrgId, ServiceId
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx, to_micros


async def facts_of_services(
    tx: Tx, scope: OrgScope, service_ids: Sequence[str]
) -> dict[tuple[ServiceId, str], ModelFacts]:
    """By service and model; a model without any is not there."""
    query = select(facts).where(facts.c.org_id == scope.org_id, facts.c.service_id.in_(sorted(service_ids)))
    return {(each.service_id, each.model): each for each in map(_facts, await tx.execute(query))}


async def load_facts(tx: Tx, scope: OrgScope, service_id: str, model: str) -> ModelFacts | None:
    row = (await tx.execute(select(facts).where(_one(scope, service_id, model)))).one_or_none()
    return None if row is None else _facts(row)


async def save_facts(tx: Tx, scope: OrgScope, said: ModelFacts) -> None:
    into = sqlite.insert(facts) if tx.engine == "sqlite" else postgresql.insert(facts)
    row = _row(said) | {"org_id": scope.org_id}
    changed = {name: value for name, value in row.items() if name not in {"service_id", "model", "org_id"}}
    kept = [facts.c.service_id, facts.c.model]
    await tx.execute(
        into.values(row).on_conflict_do_update(index_elements=kept, set_=changed, where=facts.c.org_id == scope.org_id)
    )


async def delete_facts(tx: Tx, scope: OrgScope, service_id: str, model: str) -> bool:
    return (await tx.execute(delete(facts).where(_one(scope, service_id, model)))).rowcount == 1


async def all_entries(tx: Tx, scope: PlatformScope) -> list[ModelEntry]:
    """What the gateways act upon, of every org."""
    query = select(facts).order_by(facts.c.service_id, facts.c.model)
    return [_entry(_facts(row)) for row in await tx.execute(query)]


async def ending_facts(tx: Tx, scope: PlatformScope) -> list[ModelFacts]:
    """Of every org, those with an end in sight that was not told to the last."""
    dated = or_(facts.c.deprecated_at.is_not(None), facts.c.retires_at.is_not(None))
    query = select(facts).where(dated, facts.c.told != "retired").order_by(facts.c.service_id, facts.c.model)
    return [_facts(row) for row in await tx.execute(query)]


async def facts_named(tx: Tx, scope: PlatformScope, model: str, org_id: str) -> list[ModelFacts]:
    """What an org says of the models of this name, whichever services offer them."""
    query = select(facts).where(facts.c.org_id == org_id, facts.c.model == model).order_by(facts.c.service_id)
    return [_facts(row) for row in await tx.execute(query)]


async def mark_use_told(tx: Tx, scope: OrgScope, said: ModelFacts, at: datetime, before: datetime) -> bool:
    """False when it was told after `before` already."""
    late = or_(facts.c.use_told_at.is_(None), facts.c.use_told_at <= before)
    where = _one(scope, said.service_id, said.model), late
    return (await tx.execute(update(facts).where(*where).values(use_told_at=at))).rowcount == 1


async def mark_told(tx: Tx, scope: OrgScope, said: ModelFacts, told: Lifecycle) -> bool:
    """False when somebody else did, or its dates were changed meanwhile."""
    same = (
        facts.c.told == said.told,
        facts.c.deprecated_at.is_not_distinct_from(said.deprecated_at),
        facts.c.retires_at.is_not_distinct_from(said.retires_at),
    )
    where = _one(scope, said.service_id, said.model), *same
    return (await tx.execute(update(facts).where(*where).values(told=told))).rowcount == 1


def _one(scope: OrgScope, service_id: str, model: str) -> ColumnElement[bool]:
    return and_(facts.c.org_id == scope.org_id, facts.c.service_id == service_id, facts.c.model == model)


def _row(said: ModelFacts) -> dict[str, Any]:
    row = {name: getattr(said, name) for name in ModelFacts.__dataclass_fields__}
    price = None if said.price is None else msgspec.to_builtins(said.price)
    return row | {"capabilities": list(said.capabilities), "price": price}


def _facts(row: Row[Any]) -> ModelFacts:
    return ModelFacts(
        org_id=OrgId(row.org_id),
        service_id=ServiceId(row.service_id),
        model=row.model,
        family=row.family,
        version=row.version,
        sends=row.sends,
        note=row.note,
        context_tokens=row.context_tokens,
        max_output_tokens=row.max_output_tokens,
        capabilities=tuple(row.capabilities),
        quality=row.quality,
        speed=row.speed,
        price=None if row.price is None else ModelPrice(**row.price),
        deprecated_at=row.deprecated_at,
        retires_at=row.retires_at,
        successor=row.successor,
        when_retired=row.when_retired,
        told=row.told,
        use_told_at=row.use_told_at,
    )


def _entry(said: ModelFacts) -> ModelEntry:
    return ModelEntry(
        org_id=said.org_id,
        service_id=said.service_id,
        model=said.model,
        sends=said.sends,
        context_tokens=said.context_tokens,
        max_output_tokens=said.max_output_tokens,
        capabilities=said.capabilities,
        quality=said.quality,
        speed=said.speed,
        price=said.price,
        deprecated_at_us=None if said.deprecated_at is None else to_micros(said.deprecated_at),
        retires_at_us=None if said.retires_at is None else to_micros(said.retires_at),
        successor=said.successor,
        when_retired=said.when_retired,
    )
