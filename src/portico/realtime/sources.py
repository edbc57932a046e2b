"""Where each topic's content comes from, within one org and scope, as JSON that is ready to send."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import orjson

from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.hub.model import ServiceFilter, visible
from portico.domains.notices import public as notices
from portico.domains.routing.model import BreakerReport
from portico.domains.tenancy import public as tenancy
from portico.domains.usage import public as usage
from portico.kernel.clock import rfc3339
from portico.kernel.paging import Cursor, PageAsk, decode_cursor
from portico.kernel.scope import OrgScope
from portico.platform.db import from_micros
from portico.platform.deps import Deps

BATCH_ROWS = 200
_MAX_SERVICE_PAGES = 10
_ALERTS_LOOK_BACK = 500


class Row(NamedTuple):
    cursor: int
    json: bytes


class Batch(NamedTuple):
    """Rows, oldest first, and the cursor that everything wanted was read through; `more` when there may be more after it."""

    cursor: int
    rows: list[Row]
    more: bool


class RowSource(Protocol):
    """Rows that follow each other by a growing cursor."""

    async def newest(self, limit: int) -> tuple[int, list[Row]]:
        """The cursor to follow on from, and the newest rows, newest first."""
        ...

    async def after(self, cursor: int) -> Batch | None:
        """What came after the cursor, at most a batch; None when it is no longer all there."""
        ...


# What one reader sees: a key that changes when the content does, and the content.
View = Callable[[OrgScope], tuple[object, bytes]]


class ValueSource(Protocol):
    async def read(self, reader: OrgScope) -> View:
        """`reader` is one of those who listen; where each sees something else, they are all the same principal."""
        ...


@dataclass(frozen=True, slots=True)
class CallRows:
    deps: Deps
    scope: OrgScope

    async def newest(self, limit: int) -> tuple[int, list[Row]]:
        async with self.deps.read() as tx:
            cursor, records = await usage.recent_calls(tx, self.scope, limit)
        return cursor, [_call_row(record) for record in records]

    async def after(self, cursor: int) -> Batch | None:
        async with self.deps.read() as tx:
            records = await usage.calls_since(tx, self.scope, cursor, BATCH_ROWS)
        return _batch(cursor, [_call_row(record) for record in records])


@dataclass(frozen=True, slots=True)
class ServiceCalls:
    """The calls of one service; they are picked from those of the scope, which are read by position alone."""

    deps: Deps
    scope: OrgScope
    service_id: str

    async def newest(self, limit: int) -> tuple[int, list[Row]]:
        # The cursor first: what is recorded in between comes with the next batch, and is never missed.
        async with self.deps.read() as tx:
            cursor, _ = await usage.recent_calls(tx, self.scope, 1)
        service = await hub.find_service_by_id(self.scope, self.service_id, self.deps)
        if service is None:
            return cursor, []
        wanted = usage.CallFilter(service=service.name)
        page = await usage.list_calls(self.scope, wanted, PageAsk(limit, None), self.deps)
        return cursor, [_call_row(record) for record in page.items if record.line.service_id == self.service_id]

    async def after(self, cursor: int) -> Batch | None:
        async with self.deps.read() as tx:
            records = await usage.calls_since(tx, self.scope, cursor, BATCH_ROWS)
        through = records[-1].position if records else cursor
        mine = [_call_row(record) for record in records if record.line.service_id == self.service_id]
        return Batch(through, mine, len(records) == BATCH_ROWS)


@dataclass(frozen=True, slots=True)
class EventRows:
    deps: Deps
    scope: OrgScope

    async def newest(self, limit: int) -> tuple[int, list[Row]]:
        async with self.deps.read() as tx:
            cursor, found = await events.recent_events(tx, self.scope, limit)
        return cursor, [_event_row(event) for event in found]

    async def after(self, cursor: int) -> Batch | None:
        async with self.deps.read() as tx:
            found = await events.events_since(tx, self.scope, cursor, BATCH_ROWS)
        return None if found is None else _batch(cursor, [_event_row(event) for event in found])


@dataclass(frozen=True, slots=True)
class Alerts:
    """Events of the category error: what somebody should look at."""

    deps: Deps
    scope: OrgScope

    async def newest(self, limit: int) -> tuple[int, list[Row]]:
        """Among the newest events; older alerts are in the log."""
        async with self.deps.read() as tx:
            cursor, found = await events.recent_events(tx, self.scope, _ALERTS_LOOK_BACK)
        return cursor, [_event_row(event) for event in found if event.category == "error"][:limit]

    async def after(self, cursor: int) -> Batch | None:
        async with self.deps.read() as tx:
            found = await events.events_since(tx, self.scope, cursor, BATCH_ROWS)
        if found is None:
            return None
        through = found[-1].seq if found else cursor
        return Batch(
            through, [_event_row(event) for event in found if event.category == "error"], len(found) == BATCH_ROWS
        )


@dataclass(frozen=True, slots=True)
class Stats:
    deps: Deps
    scope: OrgScope

    async def read(self, _reader: OrgScope) -> View:
        async with self.deps.read() as tx:
            stats = await usage.live_stats(tx, self.scope, self.deps.clock.now())
        wire = usage.live_stats_wire(stats)
        key, content = wire.model_dump_json(exclude={"at"}), wire.model_dump_json().encode()
        return lambda _reader: (key, content)


@dataclass(frozen=True, slots=True)
class Bell:
    """How many notices a person has not read, and the newest of all."""

    deps: Deps

    async def read(self, reader: OrgScope) -> View:
        unread = await notices.count_unread(reader, self.deps)
        page = await notices.list_notices(reader, False, PageAsk(1, None), self.deps)
        latest = notices.notice_wire(page.items[0]).model_dump(mode="json") if page.items else None
        content = orjson.dumps({"unread": unread, "latest": latest})
        return lambda _reader: (content, content)


class BreakerReadings(hub.Gateways, Protocol):
    def breakers(self, org_id: str) -> Sequence[BreakerReport]: ...


@dataclass(slots=True)
class Breakers:
    """Breakers of the services that a reader may see; a restricted service stays unseen here too.

    service_id   of this service alone
    """

    deps: Deps
    scope: OrgScope
    feed: BreakerReadings | None
    service_id: str | None = None

    async def read(self, _reader: OrgScope) -> View:
        reports = [report for report in self._reported() if self.service_id in {None, report.service_id}]
        owners = await self._owners() if reports else {}
        known = [(report, owners[report.endpoint_id]) for report in reports if report.endpoint_id in owners]

        def view(reader: OrgScope) -> tuple[object, bytes]:
            seen = [(each, owner) for each, owner in known if visible(owner, reader)]
            content = orjson.dumps([_breaker(each, owner.name) for each, owner in seen])
            return content, content

        return view

    def _reported(self) -> Sequence[BreakerReport]:
        return self.feed.breakers(self.scope.org_id) if self.feed is not None else ()

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


def _batch(cursor: int, rows: list[Row]) -> Batch:
    return Batch(rows[-1].cursor if rows else cursor, rows, len(rows) == BATCH_ROWS)


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
