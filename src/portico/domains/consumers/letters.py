"""What people do with dead letters: look, mend, retry, discard."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from portico.domains.audit import public as audit
from portico.domains.consumers import letter_store, store
from portico.domains.consumers.model import (
    KEEP_DEAD_LETTERS,
    MAX_DEAD_LETTERS,
    MAX_PARKED,
    MAX_PAYLOAD_BYTES,
    DeadLetter,
    Following,
    Parked,
)
from portico.domains.events import public as events
from portico.kernel.errors import Conflict, InvalidInput, NotFound
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx
from portico.platform.deps import Deps


async def list_dead_letters(
    scope: OrgScope, consumer: str | None, kind: str | None, ask: PageAsk, deps: Deps
) -> Page[DeadLetter]:
    async with deps.read() as tx:
        return await letter_store.list_letters(tx, scope, consumer, await _kinds(tx, scope, kind), ask)


async def find_dead_letter(scope: OrgScope, letter_id: str, deps: Deps) -> DeadLetter:
    async with deps.read() as tx:
        return await _found(tx, scope, letter_id)


async def edit_dead_letter(scope: OrgScope, letter_id: str, payload: Mapping[str, object], deps: Deps) -> DeadLetter:
    """Change what the consumer will see at the next try; the event in the log stays as it was recorded."""
    if len(orjson.dumps(payload)) > MAX_PAYLOAD_BYTES:
        raise InvalidInput("payload", f"must be at most {MAX_PAYLOAD_BYTES:,} bytes of JSON")
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        letter = await _found(tx, scope, letter_id, lock=True)
        problem = events.payload_problem(letter.event.kind, payload)
        if problem is not None:
            raise InvalidInput("payload", problem)
        edited = replace(letter, payload=payload)
        await letter_store.update_payload(tx, scope, edited)
        before = letter.event.payload if letter.payload is None else letter.payload
        changed = sorted(key for key in before.keys() | payload.keys() if before.get(key) != payload.get(key))
        await _audit(tx, scope, "dead_letter.edit", letter, {"changed": changed})
    return edited


async def retry_dead_letter(scope: OrgScope, letter_id: str, following: Following, deps: Deps) -> None:
    """Park it again, to be tried at once and with all its tries before it; later events of its subject wait for it."""
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        letter = await _found(tx, scope, letter_id, lock=True)
        if following.named(letter.consumer) is None:
            raise Conflict(f"Nothing here is called {letter.consumer!r} any more.", details="Discard the dead letter.")
        await _park_again(tx, scope, letter.consumer, [letter], deps)
        await _audit(tx, scope, "dead_letter.retry", letter, {"edited": letter.payload is not None})


async def retry_dead_letters(
    scope: OrgScope, consumer: str | None, kind: str | None, following: Following, deps: Deps
) -> int:
    """All of a consumer, of a kind, or all there are; returns how many."""
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        kinds = await _kinds(tx, scope, kind)
        found = await letter_store.oldest_letters(tx, scope, consumer, kinds, MAX_DEAD_LETTERS)
        by_consumer: dict[str, list[DeadLetter]] = {}
        for letter in found:
            if following.named(letter.consumer) is not None:
                by_consumer.setdefault(letter.consumer, []).append(letter)
        for name, letters in by_consumer.items():
            await _park_again(tx, scope, name, letters, deps)
        retried = sum(len(letters) for letters in by_consumer.values())
        if retried:
            detail: dict[str, object] = {"consumer": consumer, "kind": kind, "retried": retried}
            target = audit.Target("dead_letters", consumer or "*", kind or "*")
            await audit.record(tx, scope, action="dead_letter.retry_many", target=target, detail=detail)
    return retried


async def discard_dead_letter(scope: OrgScope, letter_id: str, deps: Deps) -> None:
    async with deps.uow() as tx:
        await events.hold_log(tx, scope)
        letter = await _found(tx, scope, letter_id, lock=True)
        await letter_store.delete_letters(tx, scope, [letter.id])
        await _audit(tx, scope, "dead_letter.discard", letter, {}, severity="WARN")


async def purge_dead_letters(scope: PlatformScope, deps: Deps) -> int:
    async with deps.uow() as tx:
        return await letter_store.delete_before(tx, scope, deps.clock.now() - KEEP_DEAD_LETTERS)


async def _park_again(tx: Tx, scope: OrgScope, consumer: str, letters: Sequence[DeadLetter], deps: Deps) -> None:
    waiting = await store.count_parked(tx, scope, consumer, scope.org_id)
    if waiting + len(letters) > MAX_PARKED:
        raise Conflict(
            f"{waiting:,} events already wait for {consumer}; at most {MAX_PARKED:,} can.",
            details="Retry fewer, or wait until some are through.",
        )
    parked = [
        replace(
            Parked.of(consumer, letter.event),
            event=letter.event,
            payload=letter.payload,
            error=letter.error,
            first_failed_at=letter.first_failed_at,
            dead_letter_id=letter.id,
        )
        for letter in letters
    ]
    await store.park(tx, scope, parked)
    await store.release_heads(tx, scope, consumer, scope.org_id, deps.clock.now())
    await letter_store.delete_letters(tx, scope, [letter.id for letter in letters])
    tx.nudge("events")


async def _found(tx: Tx, scope: OrgScope, letter_id: str, *, lock: bool = False) -> DeadLetter:
    letter = await letter_store.load_letter(tx, scope, letter_id, lock=lock)
    if letter is None:
        raise NotFound("dead letter", letter_id)
    return letter


async def _kinds(tx: Tx, scope: OrgScope, pattern: str | None) -> list[str] | None:
    if pattern is None:
        return None
    return [kind for kind in await letter_store.kinds_of_letters(tx, scope) if events.matches(pattern, kind)]


async def _audit(
    tx: Tx,
    scope: OrgScope,
    action: str,
    letter: DeadLetter,
    detail: Mapping[str, object],
    *,
    severity: audit.Severity = "INFO",
) -> None:
    target = audit.Target("dead_letter", letter.id, letter.event.kind)
    detail = {"consumer": letter.consumer, "event_id": letter.event.id, **detail}
    await audit.record(tx, scope, action=action, target=target, severity=severity, detail=detail)
