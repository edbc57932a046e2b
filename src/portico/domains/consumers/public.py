"""What others may ask of those who follow the log."""

from portico.domains.consumers.consume import Hands, consume
from portico.domains.consumers.faces import Batching, Choosy, Recording
from portico.domains.consumers.letters import purge_dead_letters
from portico.domains.consumers.model import ConnectionHung, ConsumeStatus, Failure, Following, Place, Reading
from portico.domains.consumers.projections import EventCounts, Projection, event_counts
from portico.domains.consumers.share import Groups
from portico.domains.consumers.standing import take_readings, unread_positions

__all__ = [
    "Batching",
    "Choosy",
    "ConnectionHung",
    "ConsumeStatus",
    "EventCounts",
    "Failure",
    "Following",
    "Groups",
    "Hands",
    "Place",
    "Projection",
    "Reading",
    "Recording",
    "consume",
    "event_counts",
    "purge_dead_letters",
    "take_readings",
    "unread_positions",
]
