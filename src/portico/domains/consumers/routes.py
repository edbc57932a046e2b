"""/event-consumers, /dead-letters, /event-replays and /event-counts."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from portico.domains.consumers import letters, replay, standing
from portico.domains.consumers.model import Following
from portico.domains.consumers.replay import ReplayAsk
from portico.domains.consumers.wire import (
    ConsumerWire,
    DeadLetterPatch,
    DeadLetterWire,
    EventCountWire,
    EventReplayAsk,
    EventReplayWire,
    RetriedWire,
    RetryAsk,
    dead_letter_wire,
    event_count_wire,
)
from portico.domains.events import public as events
from portico.domains.events.model import EventFilter
from portico.kernel.errors import InvalidInput
from portico.kernel.scope import OrgScope
from portico.platform.web import DepsDep, Listing, PageDep, listing, needs, whole_listing

router = APIRouter(tags=["events"])


def _following(request: Request) -> Following:
    following: Following = request.app.state.following
    return following


FollowingDep = Annotated[Following, Depends(_following)]
ConsumerQuery = Annotated[str | None, Query(max_length=80)]
KindQuery = Annotated[str | None, Query(max_length=80)]


def _pattern(kind: str) -> str:
    if not events.is_pattern(kind):
        raise InvalidInput(
            "kind", "write service.created, service.created.v1 or service.*; GET /event-types lists them"
        )
    return kind


@router.get("/event-consumers")
async def list_event_consumers(
    deps: DepsDep, following: FollowingDep, scope: OrgScope = needs("events.read")
) -> Listing[ConsumerWire]:
    """Who follows the org's log, how far behind each is, and what it could not take."""
    standings = await standing.list_standings(scope, following, deps)
    return whole_listing([ConsumerWire.model_validate(each) for each in standings])


@router.get("/event-counts")
async def list_event_counts(
    deps: DepsDep,
    page: PageDep,
    since: date | None = None,
    until: date | None = None,
    kind: KindQuery = None,
    scope: OrgScope = needs("events.read"),
) -> Listing[EventCountWire]:
    """Events per kind and day (UTC), the latest day first; the last 30 days unless told otherwise."""
    kind = None if kind is None else _pattern(kind)
    return listing(await standing.list_event_counts(scope, since, until, kind, page, deps), event_count_wire)


@router.get("/dead-letters")
async def list_dead_letters(
    deps: DepsDep,
    page: PageDep,
    consumer: ConsumerQuery = None,
    kind: KindQuery = None,
    scope: OrgScope = needs("events.manage"),
) -> Listing[DeadLetterWire]:
    """Events that a consumer could not take, the latest first."""
    kind = None if kind is None else _pattern(kind)
    return listing(await letters.list_dead_letters(scope, consumer, kind, page, deps), dead_letter_wire)


@router.post("/dead-letters/retry")
async def retry_dead_letters(
    ask: RetryAsk, deps: DepsDep, following: FollowingDep, scope: OrgScope = needs("events.manage")
) -> RetriedWire:
    """Try all of a consumer, of a kind, or all there are once more."""
    kind = None if ask.kind is None else _pattern(ask.kind)
    return RetriedWire(retried=await letters.retry_dead_letters(scope, ask.consumer, kind, following, deps))


@router.get("/dead-letters/{dead_letter_id}")
async def find_dead_letter(
    dead_letter_id: str, deps: DepsDep, scope: OrgScope = needs("events.manage")
) -> DeadLetterWire:
    return dead_letter_wire(await letters.find_dead_letter(scope, dead_letter_id, deps))


@router.patch("/dead-letters/{dead_letter_id}")
async def edit_dead_letter(
    dead_letter_id: str, ask: DeadLetterPatch, deps: DepsDep, scope: OrgScope = needs("events.manage")
) -> DeadLetterWire:
    """Change the payload that the consumer will see; the event in the log stays as it is."""
    return dead_letter_wire(await letters.edit_dead_letter(scope, dead_letter_id, ask.payload, deps))


@router.post("/dead-letters/{dead_letter_id}/retry", status_code=204)
async def retry_dead_letter(
    dead_letter_id: str, deps: DepsDep, following: FollowingDep, scope: OrgScope = needs("events.manage")
) -> None:
    """Try it once more; if it fails through all its tries again, it is back under the same id."""
    await letters.retry_dead_letter(scope, dead_letter_id, following, deps)


@router.post("/dead-letters/{dead_letter_id}/discard", status_code=204)
async def discard_dead_letter(dead_letter_id: str, deps: DepsDep, scope: OrgScope = needs("events.manage")) -> None:
    await letters.discard_dead_letter(scope, dead_letter_id, deps)


@router.post("/event-replays")
async def replay_events(
    ask: EventReplayAsk, deps: DepsDep, following: FollowingDep, scope: OrgScope = needs("events.manage")
) -> EventReplayWire:
    """Give events to one consumer once more, a couple of thousand per request, or make a projection anew; a dry run says who
    would be hit."""
    kinds = tuple(_pattern(kind) for kind in ask.kinds)
    wanted = EventFilter(kinds, None, ask.subject, ask.since, ask.until)
    asked = ReplayAsk(wanted, ask.consumer, ask.projection, ask.dry_run, ask.after, ask.through)
    return EventReplayWire.model_validate(await replay.replay_events(scope, asked, following, deps))
