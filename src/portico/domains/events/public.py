"""What others may ask of the log."""

from portico.domains.events.archive import purge_events
from portico.domains.events.catalogue import (
    KIND,
    MAX_KIND_CHARS,
    Kind,
    catalogue,
    declare,
    is_pattern,
    matches,
    matches_any,
    nouns,
    payload_problem,
    unversioned,
)
from portico.domains.events.model import CATEGORIES, Category, Consumer, Event, EventFilter
from portico.domains.events.service import (
    count_since,
    counts_by_day,
    events_at,
    events_of,
    events_since,
    find_events,
    hold_log,
    log_positions,
    recent_events,
    record,
    record_from_outside,
)
from portico.domains.events.wire import EventWire, event_wire

__all__ = [
    "CATEGORIES",
    "KIND",
    "MAX_KIND_CHARS",
    "Category",
    "Consumer",
    "Event",
    "EventFilter",
    "EventWire",
    "Kind",
    "catalogue",
    "count_since",
    "counts_by_day",
    "declare",
    "event_wire",
    "events_at",
    "events_of",
    "events_since",
    "find_events",
    "hold_log",
    "is_pattern",
    "log_positions",
    "matches",
    "matches_any",
    "nouns",
    "payload_problem",
    "purge_events",
    "recent_events",
    "record",
    "record_from_outside",
    "unversioned",
]
