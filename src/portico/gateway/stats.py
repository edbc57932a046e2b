"""Counters of one gateway, reported over the link and shown at /metrics. Plain dictionaries: the hot path affords no more."""

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portico.gateway.record import Marks

BUCKETS_MS = (0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
_BUCKETS_US = tuple(int(bound * 1000) for bound in BUCKETS_MS)


# Of a kind; an installation with more routes counts the first.
MOST_SERIES = 1000


class Histogram:
    __slots__ = ("counts", "total_us")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS_US) + 1)
        self.total_us = 0

    def observe(self, took_us: int) -> None:
        self.counts[bisect_left(_BUCKETS_US, took_us)] += 1
        self.total_us += took_us


class Stats:
    """`calls_total` by verdict, kind and status; durations and added latency; nanoseconds spent per stage."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str, int], int] = {}
        self.duration, self.added = Histogram(), Histogram()
        self.identify_ns = self.admit_ns = self.route_ns = self.send_ns = 0
        self.observed = 0
        # By org, then by route and model, or by model.
        self.choices: dict[tuple[str, str, str], int] = {}
        self.deprecated: dict[tuple[str, str], int] = {}

    def chose(self, org_id: str, route: str, model: str) -> None:
        key = (org_id, route, model)
        if key in self.choices or len(self.choices) < MOST_SERIES:
            self.choices[key] = self.choices.get(key, 0) + 1

    def used_deprecated(self, org_id: str, model: str) -> None:
        key = (org_id, model)
        if key in self.deprecated or len(self.deprecated) < MOST_SERIES:
            self.deprecated[key] = self.deprecated.get(key, 0) + 1

    def count(self, verdict: str, kind: str, status: int) -> None:
        key = (verdict, kind, status)
        self.calls[key] = self.calls.get(key, 0) + 1

    def observe(self, took_us: int, added_us: int, marks: "Marks", began_ns: int, sent_ns: int) -> None:
        self.duration.observe(took_us)
        self.added.observe(added_us)
        self.identify_ns += marks.identified - began_ns
        self.admit_ns += marks.admitted - marks.identified
        self.route_ns += marks.routed - marks.admitted
        if sent_ns > marks.routed:
            self.send_ns += sent_ns - marks.routed
        self.observed += 1

    def report(self) -> dict[str, float]:
        """Prometheus sample names (without the `portico_gateway_` prefix) to values."""
        samples: dict[str, float] = {
            f'calls_total{{verdict="{verdict}",kind="{kind}",status="{status}"}}': count
            for (verdict, kind, status), count in self.calls.items()
        }
        for (org_id, route, model), count in self.choices.items():
            samples[f'model_route_choices_total{{org="{org_id}",route="{route}",model="{model}"}}'] = count
        for (org_id, model), count in self.deprecated.items():
            samples[f'deprecated_model_calls_total{{org="{org_id}",model="{model}"}}'] = count
        for name, histogram in (("call_duration_seconds", self.duration), ("added_latency_seconds", self.added)):
            running = 0
            for bound, count in zip((*BUCKETS_MS, None), histogram.counts, strict=True):
                running += count
                shown = "+Inf" if bound is None else f"{bound / 1000:g}"
                samples[f'{name}_bucket{{le="{shown}"}}'] = running
            samples[f"{name}_count"] = running
            samples[f"{name}_sum"] = histogram.total_us / 1_000_000
        spent = {"identify": self.identify_ns, "admit": self.admit_ns, "route": self.route_ns, "send": self.send_ns}
        for stage, spent_ns in spent.items():
            samples[f'stage_seconds_total{{stage="{stage}"}}'] = spent_ns / 1e9
        samples["observed_calls_total"] = self.observed
        return samples
