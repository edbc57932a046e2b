"""What the doors may ask of usage."""

from portico.domains.usage.fold import FoldStatus, KeyTouches, close_epochs, fold_journals
from portico.domains.usage.overview import GatewayReadings, LiveStats, live_stats
from portico.domains.usage.record import CallFilter, CallRecord
from portico.domains.usage.service import calls_since, find_call, list_calls, purge_calls, recent_calls
from portico.domains.usage.wire import CallWire, LiveStatsWire, call_wire, live_stats_wire

__all__ = [
    "CallFilter",
    "CallRecord",
    "CallWire",
    "FoldStatus",
    "GatewayReadings",
    "KeyTouches",
    "LiveStats",
    "LiveStatsWire",
    "call_wire",
    "calls_since",
    "close_epochs",
    "find_call",
    "fold_journals",
    "list_calls",
    "live_stats",
    "live_stats_wire",
    "purge_calls",
    "recent_calls",
]
