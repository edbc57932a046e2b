"""Totals by time: what calls add up to, per step of time and subject. Pure; the store keeps them.

Each call is added to its second (the org's scope as a whole), minute and hour (the whole, by service, by principal, by pair).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from portico.domains.usage import histogram
from portico.domains.usage.histogram import Buckets
from portico.domains.usage.model import CallLine

Subject = Literal["all", "service", "principal", "pair"]
SECOND, MINUTE, HOUR = 1, 60, 3600
LEVELS: tuple[tuple[int, Subject], ...] = (
    (SECOND, "all"),
    *((step_s, subject) for step_s in (MINUTE, HOUR) for subject in ("all", "service", "principal", "pair")),
)
# Long enough for every name the hub accepts; a client may ask for any other.
MAX_SERVICE_NAME = 100


class TotalsKey(NamedTuple):
    org_id: str
    scope: str
    step_s: int
    subject: Subject
    at_us: int
    service: str
    principal_id: str


@dataclass(slots=True)
class Totals:
    """Sums over a set of calls; durations leave out refused calls, which never reached a service."""

    service_id: str = ""
    principal_name: str = ""
    calls: int = 0
    failed: int = 0
    refused: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_microusd: int = 0
    durations: Buckets = field(default_factory=dict)
    added: Buckets = field(default_factory=dict)

    def add_call(self, call: CallLine) -> None:
        self.calls += 1
        self.failed += call.verdict == "failed"
        self.refused += call.verdict == "refused"
        self.tokens_in += call.tokens_in
        self.tokens_out += call.tokens_out
        self.cost_microusd += call.cost_microusd
        if call.verdict != "refused":
            bucket = histogram.bucket_of(call.duration_us)
            self.durations[bucket] = self.durations.get(bucket, 0) + 1
        bucket = histogram.bucket_of(call.added_us)
        self.added[bucket] = self.added.get(bucket, 0) + 1

    def add(self, other: "Totals") -> None:
        self.service_id = other.service_id or self.service_id
        self.principal_name = other.principal_name or self.principal_name
        self.calls += other.calls
        self.failed += other.failed
        self.refused += other.refused
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.cost_microusd += other.cost_microusd
        histogram.merge(self.durations, other.durations)
        histogram.merge(self.added, other.added)


def total_calls(calls: Iterable[CallLine]) -> dict[TotalsKey, Totals]:
    """Every total that these calls add to. Summed by second first, so that the nine levels cost per group, not per call."""
    leaves: dict[tuple[str, str, int, str, str], Totals] = {}
    for call in calls:
        service = call.service[:MAX_SERVICE_NAME]
        leaf = (call.org_id, call.scope, call.at_us // 1_000_000, service, call.principal_id)
        totals = leaves.get(leaf)
        if totals is None:
            totals = leaves[leaf] = Totals(call.service_id, call.principal_name)
        totals.add_call(call)
    found: dict[TotalsKey, Totals] = {}
    for (org_id, scope, second, service, principal_id), totals in leaves.items():
        for step_s, subject in LEVELS:
            key = TotalsKey(
                org_id,
                scope,
                step_s,
                subject,
                (second - second % step_s) * 1_000_000,
                service if subject in {"service", "pair"} else "",
                principal_id if subject in {"principal", "pair"} else "",
            )
            found.setdefault(key, Totals()).add(totals)
    return found
