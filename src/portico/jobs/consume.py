"""How consumers are asked, so that one that breaks loses nothing and stops nobody else."""

from dataclasses import dataclass

import structlog
from sqlalchemy.exc import DBAPIError

from portico.domains.consumers import public as consumers
from portico.domains.events.model import Consumer, Event
from portico.kernel.scope import OrgScope
from portico.platform.db import Tx
from portico.platform.deps import Deps
from portico.platform.telemetry import redact

log = structlog.get_logger("portico.consumers")
_MOST_ERROR_CHARS = 400


@dataclass(slots=True)
class ConsumeEvents:
    """Brings every consumer on in every org."""

    deps: Deps
    following: consumers.Following
    name: str = "events.consume"
    every_s: float = 5.0
    least_s: float = 0.05
    wakes_on: str | None = "events"

    async def activate(self) -> consumers.ConsumeStatus:
        status = await consumers.consume(self.following, consumers.Hands(wants, attempt), self.deps)
        await consumers.take_readings(self.following, self.deps)
        return status


def wants(consumer: Consumer, event: Event) -> bool:
    """One that cannot even say has the event tried on it, and fails there with a trace."""
    try:
        return consumer.wants(event)
    except Exception:
        log.exception("consumer cannot say what it wants", consumer=consumer.name, kind=event.kind)
        return True


async def attempt(consumer: Consumer, tx: Tx, scope: OrgScope, event: Event) -> str | None:
    """What went wrong, in words. A savepoint takes back what the consumer had written before it failed."""
    try:
        async with tx.connection.begin_nested():
            if consumer.wants(event):
                await consumer.consume(tx, scope, event)
    except Exception as error:
        # No consumer's fault: the whole share is tried again once the database is back.
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        log.warning("event not consumed", consumer=consumer.name, event_id=event.id, kind=event.kind, exc_info=True)
        return _in_words(error)
    return None


def _in_words(error: Exception) -> str:
    """Bounded, and without what looks like a secret: people read it in the list of dead letters."""
    told = f"{type(error).__name__}: {error}".replace("\x00", "")[:_MOST_ERROR_CHARS]
    return str(redact(None, "", {"error": told})["error"])
