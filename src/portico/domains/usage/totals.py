"""Totals by time: what calls add up to, per step of time and subject. Pure; the store keeps them.

Each call is added to its second (the org's scope as a whole), minute and hour (the whole, by service, by principal, by pair).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from portico.domains.usage import histogram
from portico.domains.usage.entry import AT, Charges
from portico.domains.usage.histogram import Buckets, bucket_of
from portico.domains.usage.parties import Parties, Row

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


_parties, _at_us = AT["parties"], AT["at_us"]
_SUMS = slice(AT["verdict"], AT["cost_microusd"] + 1)


def total_calls(calls: Iterable[Row]) -> dict[TotalsKey, Totals]:
    """Every total that these calls add to. Summed by second first, so that the nine levels cost per group, not per call."""
    leaves: dict[tuple[int, Parties], list[Row]] = {}
    last, rows = (-1, None), []
    for row in calls:
        leaf = row[_at_us] // 1_000_000, row[_parties]
        # Most calls have their second and their parties in common with the one before.
        if leaf != last:
            last, rows = leaf, leaves.setdefault(leaf, [])
        rows.append(row)
    found: dict[TotalsKey, Totals] = {}
    for (second, parties), rows in leaves.items():
        org_id, scope, principal_id, principal_name, service_id, service, _ = parties.values
        totals = _sum_rows(rows)
        totals.service_id, totals.principal_name = service_id, principal_name
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


def _sum_rows(rows: Sequence[Row]) -> Totals:
    """Column by column: a batch is thousands of rows of few groups, and columns are summed without a step of ours per row."""
    columns = list(zip(*rows, strict=True))
    verdicts, _, took, added, tokens_in, tokens_out, costs = columns[_SUMS]
    refused = verdicts.count("refused")
    if refused:
        took = tuple(us for us, verdict in zip(took, verdicts, strict=True) if verdict != "refused")
    return Totals(
        calls=len(rows),
        failed=verdicts.count("failed"),
        refused=refused,
        tokens_in=sum(tokens_in),
        tokens_out=sum(tokens_out),
        cost_microusd=sum(costs),
        durations=dict(Counter(map(bucket_of, took))),
        added=dict(Counter(map(bucket_of, added))),
    )


def sum_charges(charges: Iterable[Charges]) -> BudgetSums:
    sums: BudgetSums = {}
    for charged in charges:
        for charge in charged:
            if charge.charged:
                key = (charge.budget_id, charge.window_started_at_us)
                sums[key] = sums.get(key, 0) + charge.charged
    return sums
