"""An event, what is written of it when it has to outlive its row, and who follows the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from portico.kernel.ids import EventId, OrgId
from portico.kernel.scope import Actor, OrgScope

if TYPE_CHECKING:
    from portico.platform.db import Tx

Category = Literal["system", "application", "integration", "error"]
CATEGORIES: tuple[Category, ...] = ("system", "application", "integration", "error")


@dataclass(frozen=True, slots=True)
class Event:
    """`seq` is the event's position in its org's log; `actor` never carries the address here.

    subject   what it is about, `service:svc_…`: events of one subject reach every consumer in their order; "" has none
    origin    of an event that came from outside: its `source`, its `id` there, its `time`, and its `extensions` if it has any
    """

    org_id: OrgId
    seq: int
    id: EventId
    kind: str
    scope: str
    actor: Actor
    payload: Mapping[str, object]
    at: datetime
    subject: str = ""
    category: Category = "application"
    origin: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What the list may be narrowed by; `kinds` as a reader writes them, see catalogue.Pattern."""

    kinds: tuple[str, ...] = ()
    category: Category | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Consumer(Protocol):
    """Follows the log of every org from its own durable cursor.

    name     names its cursors, parked events and dead letters; never changed once released
    begins   where it starts in the orgs that are there when it is first seen; a later org is followed from its first event
    """

    @property
    def name(self) -> str: ...
    @property
    def begins(self) -> Literal["newest", "oldest"]: ...

    def wants(self, event: Event) -> bool:
        """Pure and quick; what is not wanted is passed over."""
        ...

    async def consume(self, tx: "Tx", scope: OrgScope, event: Event) -> None:
        """The effect, in the transaction that moves the cursor: both commit, or neither. No clock but tx.clock, and nothing to
        wait for but the database: what leaves the house is queued here, and sent by somebody who holds no transaction.

        scope    Portico itself in the event's org and scope
        raises   anything: the event is parked and tried again after 1, 5 and 30 minutes, then becomes a dead letter
        """
        ...
