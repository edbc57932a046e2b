"""Logs and metrics of our own processes: one JSON line per fact with secrets taken out, one registry of numbers."""

import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from portico.platform.cache import AGES_S, ReadCache
from portico.platform.sections import LogSettings, Sealed

_MASK = "•••"
_SECRET_NAME = re.compile(
    r"secret|password|passwd|token|credential|authorization|cookie|api_?key|master_key|private_key", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"pk_[0-9a-f]{8}_[\w-]+|eyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=Bearer )[^\s\"']+|(?<=://)[^/@\s:]+:[^/@\s]+(?=@)"
)
_MOST_TEXT = 20_000
_DURATIONS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def start_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send our own lines and those of libraries the same way: redacted, with the correlation id, to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    ending = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, ending]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def logger(name: str) -> Any:
    """A structlog logger: `log.info("journal folded", lines=12)`."""
    return structlog.stdlib.get_logger(name)


def redact(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets out of a line, by the name of a field or by the look of a text."""
    for name, value in line.items():
        line[name] = _MASK if _names_a_secret(name, value) else _redacted(value)
    return line


def _names_a_secret(name: str, value: object) -> bool:
    return isinstance(value, str | bytes | Sealed) and _SECRET_NAME.search(name) is not None


def _redacted(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(_MASK, value[:_MOST_TEXT])
    if isinstance(value, Mapping):
        return {
            str(name): _MASK if depth > 6 or _names_a_secret(str(name), each) else _redacted(each, depth + 1)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(each, depth + 1) for each in value]
    return value if isinstance(value, bool | int | float | None) else _SECRET_TEXT.sub(_MASK, str(value)[:_MOST_TEXT])


class Metrics:
    """The numbers of one process; each process has its own, so that tests and two apps never share one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests_total",
            "Requests answered by the management API.",
            ("method", "path", "status"),
            registry=self.registry,
        )
        self.durations = Histogram(
            "http_request_duration_seconds",
            "Time from a request of the management API to the end of its answer.",
            ("method", "path"),
            buckets=_DURATIONS_S,
            registry=self.registry,
        )

        self.slow_statements = Counter(
            "portico_slow_statements_total",
            "Database statements that took a second or longer.",
            registry=self.registry,
        )

    def note_slow_statement(self, statement: str, took_s: float) -> None:
        self.slow_statements.inc()
        logger("portico.database").warning("slow statement", statement=statement, took_s=round(took_s, 3))

    def watch_cache(self, cache: ReadCache) -> None:
        self.registry.register(_CacheNumbers(cache))

    def watch_consumers(self, read: Callable[[], Mapping[str, tuple[int, float, int, int]]]) -> None:
        """By consumer: events behind, seconds behind, events waiting, dead letters."""
        self.registry.register(_ConsumerNumbers(read))

    def watch_gateways(self, read: Callable[[], Iterable[tuple[str, Mapping[str, float]]]]) -> None:
        """Export the counters that the gateways report, as `portico_gateway_*` with the gateway's id."""
        self.registry.register(_GatewayNumbers(read))


class _ConsumerNumbers(Collector):
    """How far each consumer of the events is behind, and what it could not take."""

    _TOLD = (
        ("portico_consumer_lag_events", "Events that a consumer has not read yet, over all orgs."),
        ("portico_consumer_lag_seconds", "Age of the oldest event that a consumer has not read yet."),
        ("portico_consumer_waiting_events", "Events parked for another try, and those that wait behind them."),
        ("portico_consumer_dead_letters", "Events that a consumer could not take."),
    )

    def __init__(self, read: Callable[[], Mapping[str, tuple[int, float, int, int]]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        readings = self._read()
        for place, (name, meaning) in enumerate(self._TOLD):
            family = Metric(name, meaning, "gauge")
            for consumer, numbers in readings.items():
                family.add_sample(name, {"consumer": consumer}, numbers[place])
            yield family

    def describe(self) -> Iterator[Metric]:
        return iter(())


class _CacheNumbers(Collector):
    """`cache_hits_total`, `cache_misses_total`, `cache_errors_total` and `cache_hit_age_seconds` by family of reads."""

    def __init__(self, cache: ReadCache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        numbers = self._cache.numbers
        for what in ("hits", "misses", "errors"):
            counts = Metric(f"cache_{what}", f"Cache {what} of reads, by family.", "counter")
            for family, each in numbers.items():
                counts.add_sample(f"cache_{what}_total", {"family": family}, getattr(each, what))
            yield counts
        ages = Metric("cache_hit_age_seconds", "How old what the cache answered with was.", "histogram")
        for family, each in numbers.items():
            below = 0
            for bound, count in zip((*AGES_S, float("inf")), each.ages, strict=True):
                below += count
                labels = {"family": family, "le": floatToGoString(bound)}  # type: ignore[no-untyped-call]
                ages.add_sample("cache_hit_age_seconds_bucket", labels, below)
            ages.add_sample("cache_hit_age_seconds_sum", {"family": family}, each.age_sum_s)
            ages.add_sample("cache_hit_age_seconds_count", {"family": family}, each.hits)
        yield ages

    def describe(self) -> Iterator[Metric]:
        return iter(())


class _GatewayNumbers(Collector):
    def __init__(self, read: Callable[[], Iterable[tuple[str, Mapping[str, float]]]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for gateway_id, numbers in self._read():
            for sample, number in numbers.items():
                name, labels = _parsed_sample(sample)
                base, kind = _family_of(name)
                family = families.setdefault(base, Metric(base, f"{base} as reported by the gateways.", kind))
                family.add_sample(name, {"gateway": gateway_id, **labels}, number)
        yield from families.values()

    def describe(self) -> Iterator[Metric]:
        # Nothing is known before a gateway reports; without this the registry would ask at registration.
        return iter(())


_LABEL = re.compile(r'(\w+)="([^"]*)"')


def _parsed_sample(sample: str) -> tuple[str, dict[str, str]]:
    """`calls_total{kind="model"}` as its full name and its labels."""
    name, _, labels = sample.partition("{")
    return "portico_gateway_" + re.sub(r"\W", "_", name), dict(_LABEL.findall(labels))


def _family_of(name: str) -> tuple[str, str]:
    """The family a sample belongs to, and its type, by the endings that Prometheus gives them."""
    for ending in ("_seconds_bucket", "_seconds_sum", "_seconds_count"):
        if name.endswith(ending):
            return name.removesuffix(ending) + "_seconds", "histogram"
    if name.endswith("_total"):
        return name.removesuffix("_total"), "counter"
    return name, "gauge"
