"""How consumers stand: for one org's people, for the metrics of the process, and for retention."""

from datetime import UTC, date, timedelta

from portico.domains.consumers import count_store, letter_store, store
from portico.domains.consumers.model import WARN_DEAD_LETTERS, Following, Reading, Standing
from portico.domains.consumers.projections import Projection, day_of, number_of
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.kernel.ids import OrgId
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope, PlatformScope
from portico.platform.deps import Deps

READ_EVERY = timedelta(seconds=5)
_ORGS_LOOKED_AT = 50
_DAYS_SHOWN = 30


async def list_standings(scope: OrgScope, following: Following, deps: Deps) -> list[Standing]:
    now, standings = deps.clock.now(), []
    async with deps.read() as tx:
        cursors = await store.cursors_of(tx, scope)
        waiting = await store.parked_by_consumer(tx, scope)
        dead = await letter_store.letters_by_consumer(tx, scope)
        warning = await letter_store.count_letters(tx, scope, scope.org_id) >= WARN_DEAD_LETTERS
        for consumer in following.consumers:
            cursor = cursors.get(consumer.name)
            lag, oldest = await events.count_since(tx, scope, 0 if cursor is None else cursor.seq)
            standings.append(
                Standing(
                    name=consumer.name,
                    projection=isinstance(consumer, Projection),
                    lag=lag,
                    lag_s=0.0 if oldest is None else max(0.0, (now - oldest).total_seconds()),
                    waiting=waiting.get(consumer.name, 0),
                    dead=dead.get(consumer.name, 0),
                    dead_warning=warning and consumer.name in dead,
                    dropped=0 if cursor is None else cursor.dropped,
                    updated_at=None if cursor is None else cursor.updated_at,
                )
            )
    return standings


async def take_readings(following: Following, deps: Deps) -> None:
    """Renew what the metrics show, at most every few seconds."""
    now, platform = deps.clock.now(), tenancy.platform_scope()
    if following.read_at is not None and now - following.read_at < READ_EVERY:
        return
    async with deps.read() as tx:
        everything_read = await events.log_extent(tx, platform) == following.quiet_at
        positions = {} if everything_read else await events.log_positions(tx, platform)
        cursors = {} if everything_read else await store.all_cursors(tx, platform)
        waiting = await store.parked_by_consumer(tx, platform)
        dead = await letter_store.letters_by_consumer(tx, platform)
        for consumer in following.consumers:
            behind: dict[OrgId, int] = {}
            for org_id, (newest, floor) in positions.items():
                cursor = cursors.get((consumer.name, org_id))
                seq = max(floor, 0 if cursor is None else cursor.seq)
                if seq < newest:
                    behind[org_id] = seq
            lag, oldest = sum(positions[org_id][0] - seq for org_id, seq in behind.items()), now
            for org_id, seq in list(behind.items())[:_ORGS_LOOKED_AT]:
                unread = await events.events_of(tx, platform, org_id, seq, 1)
                oldest = min([oldest, *(event.at for event in unread)])
            numbers = waiting.get(consumer.name, 0), dead.get(consumer.name, 0)
            following.readings[consumer.name] = Reading(lag, (now - oldest).total_seconds(), *numbers)
    following.read_at = now


async def unread_positions(scope: PlatformScope, deps: Deps) -> dict[OrgId, int]:
    """For each org, the oldest position that some consumer has not done with; retention waits for it."""
    async with deps.read() as tx:
        unread = await store.oldest_parked(tx, scope)
        for (_, org_id), cursor in (await store.all_cursors(tx, scope)).items():
            unread[org_id] = min(unread.get(org_id, cursor.seq + 1), cursor.seq + 1)
    return unread


async def list_event_counts(
    scope: OrgScope, since: date | None, until: date | None, kind: str | None, ask: PageAsk, deps: Deps
) -> Page[tuple[date, str, int]]:
    """The latest day first; the last 30 days unless told otherwise."""
    last = until or deps.clock.now().astimezone(UTC).date()
    first = since or date.fromordinal(max(1, last.toordinal() - _DAYS_SHOWN + 1))
    async with deps.read() as tx:
        kinds = None
        if kind is not None:
            kinds = [each for each in await count_store.counted_kinds(tx, scope) if events.matches(kind, each)]
        page = await count_store.list_counts(tx, scope, (number_of(first), number_of(last)), kinds, ask)
    items = [(day_of(day), name, happened) for day, name, happened in page.items]
    return Page(items, page.page, page.page_size, page.total, page.next_cursor)
