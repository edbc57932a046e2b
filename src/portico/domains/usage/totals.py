"""Totals by time: what calls add up to, per step of time and subject. Pure; the store keeps them.

Each call is added to its second (the org's scope as a whole), minute and hour (the whole, by service, by principal, by pair).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from portico.domains.usage import histogram
from portico.domains.usage.entry import MAX_SERVICE_NAME, CallEntry
from portico.domains.usage.histogram import Buckets, bucket_of

Subject = Literal["all", "service", "principal", "pair"]
SECOND, MINUTE, HOUR = 1, 60, 3600
LEVELS: tuple[tuple[int, Subject], ...] = (
    (SECOND, "all"),
    *((step_s, subject) for step_s in (MINUTE, HOUR) for subject in ("all", "service", "principal", "pair")),
)

# (budget, start of its window in µs) -> amount
BudgetSums: TypeAlias = dict[tuple[str, int], int]


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

    def add_call(self, call: CallEntry) -> None:
        self.calls += 1
        self.tokens_in += call.tokens_in
        self.tokens_out += call.tokens_out
        self.cost_microusd += call.cost_microusd
        verdict = call.verdict
        if verdict == "refused":
            self.refused += 1
        else:
            if verdict == "failed":
                self.failed += 1
            bucket = bucket_of(call.duration_us)
            self.durations[bucket] = self.durations.get(bucket, 0) + 1
        bucket = bucket_of(call.added_us)
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


def total_calls(calls: Iterable[CallEntry]) -> dict[TotalsKey, Totals]:
    """Every total that these calls add to. Summed by second first, so that the nine levels cost per group, not per call."""
    leaves: dict[tuple[str, str, int, str, str], Totals] = {}
    for call in calls:
        leaf = (call.org_id, call.scope, call.at_us // 1_000_000, call.service, call.principal_id)
        totals = leaves.get(leaf)
        if totals is None:
            totals = leaves[leaf] = Totals(call.service_id, call.principal_name)
        totals.add_call(call)
    found: dict[TotalsKey, Totals] = {}
    for (org_id, scope, second, service, principal_id), totals in leaves.items():
        service = service[:MAX_SERVICE_NAME]
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


def sum_charges(calls: Iterable[CallEntry]) -> BudgetSums:
    sums: BudgetSums = {}
    for call in calls:
        for charge in call.charges:
            if charge.charged:
                key = (charge.budget_id, charge.window_started_at_us)
                sums[key] = sums.get(key, 0) + charge.charged
    return sums
