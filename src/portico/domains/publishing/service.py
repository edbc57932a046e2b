"""Publish an event, and register what types of them an org knows."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from portico.domains.audit import public as audit
from portico.domains.events import public as events
from portico.domains.publishing import store
from portico.domains.publishing.errors import PublishedDifferently, PublishedLongAgo
from portico.domains.publishing.extensions import extension_problems
from portico.domains.publishing.model import (
    MAX_SUBJECT_CHARS,
    MAX_TYPES,
    Envelope,
    EventType,
)
from portico.domains.publishing.names import kind_of, subject_of, type_problem
from portico.kernel.clock import rfc3339
from portico.kernel.errors import Conflict, InvalidFields, InvalidInput, NotFound
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.json_schema import SchemaUnusable, TakesTooLong, schema_problems, value_problems

MOST_CHECK_S = 0.25
_FIELDS = {"kind": str}
REGISTERED = events.declare(
    "event_type.registered.v1", "A type of published events got a schema.", about="kind", fields=_FIELDS
)
REMOVED = events.declare(
    "event_type.removed.v1", "A type of published events is checked no longer.", about="kind", fields=_FIELDS
)


async def publish_event(scope: OrgScope, envelope: Envelope, deps: Deps) -> tuple[events.Event, bool]:
    """Record what another system tells, once; returns the event, and whether it had been recorded before."""
    kind = _kind(envelope.type)
    subject, digest = subject_of(kind, envelope.subject), _digest(envelope)
    if len(subject) > MAX_SUBJECT_CHARS:
        raise InvalidInput("subject", f"must be at most {MAX_SUBJECT_CHARS} characters together with the noun")
    if problems := extension_problems(envelope.extensions):
        raise InvalidFields(tuple(problems))
    await _must_fit(scope, envelope, kind, deps)
    async with deps.uow() as tx:
        # Two that send the same event at once go one after the other.
        await events.hold_log(tx, scope)
        before = await store.load_published(tx, scope, envelope)
        if before is not None:
            return await _same(tx, scope, envelope, digest, before), True
        event = await events.record_from_outside(
            tx, scope, kind=kind, payload=envelope.data, subject=subject, origin=_origin(envelope)
        )
        await store.insert_published(tx, scope, envelope, event.id, digest, event.at)
    return event, False


async def list_types(scope: OrgScope, deps: Deps) -> list[EventType]:
    async with deps.read() as tx:
        return await store.list_types(tx, scope)


async def register_type(
    scope: OrgScope, type_name: str, summary: str, schema: Mapping[str, Any], deps: Deps
) -> EventType:
    """From now on the data of this type must fit the schema; what is on record stays."""
    kind = _kind(type_name)
    if problems := schema_problems("schema", dict(schema)):
        raise InvalidFields(tuple(problems))
    registered = EventType(kind, summary, schema, deps.clock.now())
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        if await store.load_type(tx, scope, kind) is None and await store.count_types(tx, scope) >= MAX_TYPES:
            raise Conflict(f"An org can have at most {MAX_TYPES} types of its own.", details="Remove some first.")
        await store.save_type(tx, scope, registered)
        await _leave_trail(tx, scope, REGISTERED, "event_type.register", kind)
    return registered


async def remove_type(scope: OrgScope, type_name: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        if not await store.delete_type(tx, scope, kind_of(type_name)):
            raise NotFound("event type", type_name)
        await _leave_trail(tx, scope, REMOVED, "event_type.remove", kind_of(type_name))


async def purge_published(scope: PlatformScope, deps: Deps) -> int:
    """Ids of events that have left the log need not be remembered."""
    before = deps.clock.now() - timedelta(days=deps.settings.record.keep_events_days)
    async with deps.uow() as tx:
        return await store.delete_published_before(tx, scope, before)


async def _same(tx: Tx, scope: OrgScope, envelope: Envelope, digest: bytes, before: tuple[str, bytes]) -> events.Event:
    event_id, recorded = before
    if recorded != digest:
        raise PublishedDifferently(envelope.source, envelope.id)
    event = await events.load_event(tx, scope, event_id)
    if event is None:
        raise PublishedLongAgo(envelope.source, envelope.id)
    return event


def _kind(type_name: str) -> str:
    problem = type_problem(type_name)
    if problem is not None:
        raise InvalidInput("type", problem)
    return kind_of(type_name)


def _origin(envelope: Envelope) -> dict[str, object]:
    time = None if envelope.time is None else rfc3339(envelope.time)
    origin = {"source": envelope.source, "id": envelope.id, "time": time}
    return {**origin, "extensions": dict(envelope.extensions)} if envelope.extensions else dict(origin)


def _digest(envelope: Envelope) -> bytes:
    """Without the extensions: a sender that is not sure repeats the event, and its trace is another one then."""
    time = None if envelope.time is None else rfc3339(envelope.time)
    content = [envelope.type, time, envelope.subject, envelope.data]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


async def _must_fit(scope: OrgScope, envelope: Envelope, kind: str, deps: Deps) -> None:
    """Checked before anything is held, for a check may take long. What is on record already is not checked again."""
    async with deps.read() as tx:
        registered = await store.load_type(tx, scope, kind)
        known = registered is not None and await store.load_published(tx, scope, envelope) is not None
    if registered is not None and not known:
        _check(registered.schema, envelope.data)


def _check(schema: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    try:
        problems = value_problems("data", schema, dict(data), MOST_CHECK_S)
    except TakesTooLong as error:
        raise InvalidInput("data", "takes too long to check against its type's schema; send less") from error
    except SchemaUnusable as error:
        raise InvalidInput("type", "has a schema that cannot be used; have an admin correct it") from error
    if problems:
        raise InvalidFields(tuple(problems))


async def _leave_trail(tx: Tx, scope: OrgScope, event_kind: str, action: str, kind: str) -> None:
    await events.record(tx, scope, kind=event_kind, payload={"kind": kind})
    await audit.record(tx, scope, action=action, target=audit.Target("event_type", kind, kind))
