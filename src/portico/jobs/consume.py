"""How consumers are asked, so that one that breaks or hangs loses nothing and stops nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import DBAPIError

from portico.domains.consumers import public as consumers
from portico.domains.events.model import Consumer, Event
from portico.domains.tenancy import public as tenancy
from portico.kernel.ids import EventId
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.telemetry import redact

log = structlog.get_logger("portico.consumers")
ATTEMPT_S = 10.0
# A transaction that its consumer leaves idle holds up whoever else wants to write: all of them on SQLite. It has to be seen
# idle several times, so that a stall of this process is nobody's fault.
LOOK_S, MOST_IDLE_LOOKS = 0.25, 4
_MOST_ERROR_CHARS = 400


@dataclass(slots=True)
class ConsumeEvents:
    """Brings every consumer on in every org."""

    deps: Deps
    following: consumers.Following
    name: str = "events.consume"
    every_s: float = 5.0
    # A run costs about the same for one event as for a hundred, so it gathers what comes close together.
    least_s: float = 0.2
    wakes_on: str | None = "events"

    async def activate(self) -> consumers.ConsumeStatus:
        status = await consumers.consume(self.following, HANDS, self.deps)
        await consumers.take_readings(self.following, self.deps)
        return status


def wants(consumer: Consumer, event: Event) -> bool:
    """One that cannot even say has the event tried on it, and fails there with a trace."""
    try:
        return consumer.wants(event)
    except Exception:
        log.exception("consumer cannot say what it wants", consumer=consumer.name, kind=event.kind)
        return True


async def choose(
    consumer: Consumer, choosy: consumers.Choosy, found: Sequence[Event], deps: Deps
) -> Collection[EventId]:
    """One that cannot choose is given everything, and fails there."""
    try:
        async with asyncio.timeout(ATTEMPT_S), deps.read() as tx:
            return await choosy.choose(tx, tenancy.platform_scope(), found)
    except Exception:
        log.exception("consumer cannot choose", consumer=consumer.name)
        return {event.id for event in found}


async def attempt(consumer: Consumer, tx: Tx, scope: OrgScope, event: Event) -> consumers.Failure | None:
    """What went wrong. A savepoint takes back what the consumer had written before it failed."""

    async def take() -> None:
        if consumer.wants(event):
            await consumer.consume(tx, scope, event)

    return await _try(consumer, tx, take, event)


async def attempt_many(
    consumer: Consumer, batching: consumers.Batching, tx: Tx, groups: consumers.Groups
) -> consumers.Failure | None:
    async def take() -> None:
        for scope, found in groups:
            await batching.consume_many(tx, scope, found)

    return await _try(consumer, tx, take, None)


async def _try(
    consumer: Consumer, tx: Tx, take: Callable[[], Awaitable[None]], event: Event | None
) -> consumers.Failure | None:
    limit, savepoint = asyncio.timeout(ATTEMPT_S), await tx.connection.begin_nested()
    watch = _Watch(tx, limit)
    try:
        async with limit:
            with watch:
                await take()
        await savepoint.commit()
    except Exception as error:
        failure = _failure(consumer, event, error, watch)
        # Stopped within a statement, the connection and all that the share did on it are gone.
        if failure.hung and tx.connection.invalidated:
            raise consumers.ConnectionHung(event.seq if event else None, failure.words) from error
        # No consumer's fault: the whole share is tried again once the database is back.
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        # When even this fails, the transaction is lost, and the share with it.
        await savepoint.rollback()
        return failure
    return None


class _Watch:
    """Ends the time of whoever keeps a transaction and does nothing in it."""

    def __init__(self, tx: Tx, limit: asyncio.Timeout) -> None:
        self._tx, self._limit, self._loop = tx, limit, asyncio.get_running_loop()
        self._executed, self._idle_looks = -1, 0

    def __enter__(self) -> None:
        self._next = self._loop.call_later(LOOK_S, self._look)

    def __exit__(self, *_: object) -> None:
        self._next.cancel()

    @property
    def hung(self) -> str | None:
        """Why the consumer was stopped."""
        if not self._limit.expired():
            return None
        if self._idle_looks >= MOST_IDLE_LOOKS:
            return f"It waited for something outside of its transaction for {LOOK_S * MOST_IDLE_LOOKS:g} s and was stopped."
        return f"It took longer than {ATTEMPT_S:g} s and was stopped."

    def _look(self) -> None:
        idle = self._tx.running == 0 and self._tx.executed == self._executed
        self._idle_looks = self._idle_looks + 1 if idle else 0
        self._executed = self._tx.executed
        if self._idle_looks < MOST_IDLE_LOOKS:
            self._next = self._loop.call_later(LOOK_S, self._look)
        elif not self._limit.expired():
            self._limit.reschedule(self._loop.time())


def _failure(consumer: Consumer, event: Event | None, error: Exception, watch: _Watch) -> consumers.Failure:
    told = {"consumer": consumer.name} | ({"event_id": event.id, "kind": event.kind} if event else {})
    if watch.hung is not None:
        log.warning("consumer hangs", **told)
        return consumers.Failure(watch.hung, hung=True)
    log.warning("event not consumed", exc_info=True, **told)
    return consumers.Failure(_in_words(error))


async def guard(place: consumers.Place, share: Awaitable[bool]) -> bool | Exception:
    """A share that breaks is undone as a whole and tried again later; the others go on."""
    try:
        return await share
    except Exception as error:
        log.exception("share of a consumer broke", consumer=place.consumer.name, org_id=place.org_id)
        return error


HANDS = consumers.Hands(wants, attempt, attempt_many, choose, guard)


def _in_words(error: Exception) -> str:
    """Bounded, and without what looks like a secret: people read it in the list of dead letters."""
    told = f"{type(error).__name__}: {error}".replace("\x00", "")[:_MOST_ERROR_CHARS]
    return str(redact(None, "", {"error": told})["error"])
