"""The envelope, and the types that an org registers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portico.domains.publishing.extensions import Extension

MAX_EVENT_BYTES = 64 * 1024
MAX_SUBJECT_CHARS = 200
MAX_TYPES = 500


@dataclass(frozen=True, slots=True)
class Envelope:
    """What another system tells: `id` is its own, unique within `source`."""

    source: str
    id: str
    type: str
    time: datetime | None
    subject: str | None
    data: Mapping[str, Any]
    extensions: Mapping[str, Extension] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventType:
    """A type that an org has registered."""

    kind: str
    summary: str
    schema: Mapping[str, Any]
    updated_at: datetime
