"""What others may ask of the log."""

from portico.domains.events.model import Event, catalogue, declare
from portico.domains.events.service import events_since, hold_log, purge_events, recent_events, record
from portico.domains.events.wire import EventWire, event_wire

__all__ = [
    "Event",
    "EventWire",
    "catalogue",
    "declare",
    "event_wire",
    "events_since",
    "hold_log",
    "purge_events",
    "recent_events",
    "record",
]
