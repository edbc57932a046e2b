"""What gateways tell of models in their counters."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

_DEPRECATED = re.compile(r'deprecated_model_calls_total\{org="([^"]*)",model="([^"]*)"\}')
_PACE = re.compile(r'model_first_byte_ms\{service="([^"]*)",model="([^"]*)",streamed="0"\}')


class Report(Protocol):
    """A gateway's, as far as it matters here; counters begin again with each epoch."""

    @property
    def gateway_id(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def counters(self) -> Mapping[str, float]: ...


class DeprecatedCalls:
    """How many calls to deprecated models came since this was asked last, by org and model."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str, str], float] = {}

    def since_last(self, reports: Iterable[Report]) -> dict[tuple[str, str], int]:
        seen, fresh = dict[tuple[str, str, str, str], float](), dict[tuple[str, str], int]()
        for report in reports:
            for name, count in report.counters.items():
                found = _DEPRECATED.fullmatch(name)
                if found is None:
                    continue
                key = (report.gateway_id, report.epoch, found[1], found[2])
                seen[key] = count
                more = int(count - self._seen.get(key, 0))
                if more > 0:
                    fresh[found[1], found[2]] = fresh.get((found[1], found[2]), 0) + more
        self._seen = seen
        return fresh


def paces(reports: Iterable[object]) -> dict[tuple[str, str], int]:
    """By service and model, the time to the first byte in ms of whole answers; of several gateways the slowest."""
    found: dict[tuple[str, str], int] = {}
    for report in reports:
        counters: Mapping[str, float] = getattr(report, "counters", {})
        for name, ms in counters.items():
            match = _PACE.fullmatch(name)
            if match is not None:
                found[match[1], match[2]] = max(int(ms), found.get((match[1], match[2]), 0))
    return found
