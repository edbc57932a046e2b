"""What a consumer may offer beyond the least, so that following the log costs less."""

from collections.abc import Collection, Sequence
from typing import Literal, Protocol, runtime_checkable

from portico.domains.events.model import Event
from portico.kernel.ids import EventId
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.db import Tx


@runtime_checkable
class Batching(Protocol):
    """Consumes many events for little more than one."""

    async def consume_many(self, tx: Tx, scope: OrgScope, found: Sequence[Event]) -> None:
        """The same effect as one after the other, in order; when it raises, they are tried one by one."""
        ...


@runtime_checkable
class Choosy(Protocol):
    """Knows from the database alone what it wants, and can say so for events of many orgs at once."""

    async def choose(self, tx: Tx, scope: PlatformScope, found: Sequence[Event]) -> Collection[EventId]:
        """Those it wants, or may want: what is left out is passed over, of the rest it is given a closer look."""
        ...


@runtime_checkable
class Recording(Protocol):
    """Records events while it consumes: it gets the log's lock before any other, as everyone who records does."""

    @property
    def records(self) -> Literal[True]: ...
