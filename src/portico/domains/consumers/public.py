"""What others may ask of those who follow the log."""

from portico.domains.consumers.consume import Hands, consume
from portico.domains.consumers.letters import purge_dead_letters
from portico.domains.consumers.model import ConsumeStatus, Following, Reading
from portico.domains.consumers.projections import EventCounts, Projection, event_counts
from portico.domains.consumers.standing import take_readings, unread_positions

__all__ = [
    "ConsumeStatus",
    "EventCounts",
    "Following",
    "Hands",
    "Projection",
    "Reading",
    "consume",
    "event_counts",
    "purge_dead_letters",
    "take_readings",
    "unread_positions",
]
