"""Call records as they are read: a journal line with the place it was given, and what a list may be narrowed by."""

from dataclasses import dataclass
from datetime import datetime

from portico.domains.usage.model import CallLine


@dataclass(frozen=True, slots=True)
class CallRecord:
    """`position` grows with every call folded; it is the cursor of the live feed."""

    position: int
    at: datetime
    line: CallLine


@dataclass(frozen=True, slots=True)
class CallFilter:
    """`since` is included, `until` is not. `words` is a call id, a correlation id or a trace id."""

    since: datetime | None = None
    until: datetime | None = None
    service: str | None = None
    kind: str | None = None
    principal_id: str | None = None
    verdict: str | None = None
    status: int | None = None
    min_cost_microusd: int | None = None
    words: str | None = None
    trace_id: str | None = None
