"""Where each topic's content comes from, within one org and scope, as JSON that is ready to send."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import orjson

from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.hub.model import ServiceFilter, visible
from portico.domains.routing.model import BreakerReport
from portico.domains.tenancy import public as tenancy
from portico.domains.usage import public as usage
from portico.kernel.clock import rfc3339
from portico.kernel.paging import Cursor, PageAsk, decode_cursor
from portico.kernel.scope import OrgScope
from portico.platform.db import from_micros
from portico.platform.deps import Deps

_MAX_SERVICE_PAGES = 10


class Row(NamedTuple):
    cursor: int
    json: bytes


class RowSource(Protocol):
    """Rows that follow each other by a growing cursor."""

    async def newest(self, limit: int) -> tuple[int, list[Row]]:
        """The cursor to follow on from, and the newest rows, newest first."""
        ...

    async def after(self, cursor: int, limit: int) -> list[Row] | None:
        """The rows after the cursor, oldest first; None when they are no longer all there."""
        ...


# What one reader sees: a key that changes when the content does, and the content.
View = Callable[[OrgScope], tuple[object, bytes]]


class ValueSource(Protocol):
    async def read(self) -> View: ...


@dataclass(frozen=True, slots=True)
class CallRows:
    deps: Deps
    scope: OrgScope

    async def newest(self, limit: int) -> tuple[int, list[Row]]:
        async with self.deps.read() as tx:
            cursor, records = await usage.recent_calls(tx, self.scope, limit)
        return cursor, [_call_row(record) for record in records]

    async def after(self, cursor: int, limit: int) -> list[Row] | None:
        async with self.deps.read() as tx:
            records = await usage.calls_since(tx, self.scope, cursor, limit)
        return [_call_row(record) for record in records]


@dataclass(frozen=True, slots=True)
class EventRows:
    deps: Deps
    scope: OrgScope

    async def newest(self, limit: int) -> tuple[int, list[Row]]:
        async with self.deps.read() as tx:
            cursor, found = await events.recent_events(tx, self.scope, limit)
        return cursor, [_event_row(event) for event in found]

    async def after(self, cursor: int, limit: int) -> list[Row] | None:
        async with self.deps.read() as tx:
            found = await events.events_since(tx, self.scope, cursor, limit)
        return None if found is None else [_event_row(event) for event in found]


@dataclass(frozen=True, slots=True)
class Stats:
    deps: Deps
    scope: OrgScope

    async def read(self) -> View:
        async with self.deps.read() as tx:
            stats = await usage.live_stats(tx, self.scope, self.deps.clock.now())
        wire = usage.live_stats_wire(stats)
        key, content = wire.model_dump_json(exclude={"at"}), wire.model_dump_json().encode()
        return lambda _reader: (key, content)


class BreakerReadings(Protocol):
    def breakers(self, org_id: str) -> Sequence[BreakerReport]: ...


@dataclass(slots=True)
class Breakers:
    """Breakers of the services that a reader may see; a restricted service stays unseen here too."""

    deps: Deps
    scope: OrgScope
    feed: BreakerReadings | None

    async def read(self) -> View:
        reports = self.feed.breakers(self.scope.org_id) if self.feed is not None else ()
        owners = await self._owners() if reports else {}
        known = [(report, owners[report.endpoint_id]) for report in reports if report.endpoint_id in owners]

        def view(reader: OrgScope) -> tuple[object, bytes]:
            content = orjson.dumps([_breaker(each, owner.name) for each, owner in known if visible(owner, reader)])
            return content, content

        return view

    async def _owners(self) -> dict[str, hub.Service]:
        """Endpoint id -> its service, for every service of the scope."""
        everything = tenancy.open_system_scope(self.scope.org_id, self.scope.scope)
        owners: dict[str, hub.Service] = {}
        cursor: Cursor | None = None
        for _ in range(_MAX_SERVICE_PAGES):
            page = await hub.list_services(everything, ServiceFilter(), "name", PageAsk(100, cursor), self.deps)
            owners.update({endpoint.id: service for service in page.items for endpoint in service.endpoints})
            cursor = decode_cursor(page.next_cursor)
            if cursor is None:
                break
        return owners


def _call_row(record: usage.CallRecord) -> Row:
    return Row(record.position, usage.call_wire(record).model_dump_json().encode())


def _event_row(event: events.Event) -> Row:
    return Row(event.seq, events.event_wire(event).model_dump_json().encode())


def _breaker(report: BreakerReport, service: str) -> dict[str, object]:
    return {
        "service": service,
        "endpoint_id": report.endpoint_id,
        "state": report.state,
        "reason": report.reason,
        "since": rfc3339(from_micros(report.since_us)),
        "probe_at": None if report.probe_at_us is None else rfc3339(from_micros(report.probe_at_us)),
    }
