"""What the sender counts, as Prometheus reads it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portico.domains.webhooks.model import Finish, Outcome


# Compared as itself: a registry keeps its collectors in a set.
@dataclass(slots=True, eq=False)
class DeliveryNumbers(Collector):
    """Counts of one process. `finished` is by what became of a delivery, `attempts` by whether the endpoint took it."""

    finished: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    pending: int = 0
    oldest_pending_s: float = 0.0

    def note(self, outcome: Outcome, finish: Finish) -> None:
        self.attempts["accepted" if outcome.error is None else "failed"] += 1
        if finish.state != "pending":
            self.finished[finish.state] += 1

    def collect(self) -> Iterator[Metric]:
        finished = CounterMetricFamily(
            "portico_webhook_deliveries", "Deliveries by what became of them.", labels=("outcome",)
        )
        for state in ("delivered", "dead"):
            finished.add_metric((state,), self.finished[state])
        attempts = CounterMetricFamily(
            "portico_webhook_attempts", "Attempts by whether the endpoint took them.", labels=("outcome",)
        )
        for outcome in ("accepted", "failed"):
            attempts.add_metric((outcome,), self.attempts[outcome])
        yield from (finished, attempts)
        for name, says, number in (
            ("in_flight", "Deliveries on their way.", self.in_flight),
            ("pending", "Deliveries that wait, in all queues.", self.pending),
            ("oldest_pending_age_seconds", "Age of the oldest delivery that waits.", self.oldest_pending_s),
        ):
            yield GaugeMetricFamily(f"portico_webhook_{name}", says, value=number)
