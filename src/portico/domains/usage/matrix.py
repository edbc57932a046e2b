"""How models do, measured on the calls they took: what the registry cannot know, joined to what it says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portico.domains.hub import public as hub
from portico.domains.hub.model import BreakerReading, Endpoint, Gateways, Service
from portico.domains.models import public as models
from portico.domains.usage import histogram, store
from portico.domains.usage.record import CallFilter, CallRecord
from portico.kernel.paging import Page, PageAsk
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

WINDOW = timedelta(days=1)
MOST_SAMPLED = 3000


@dataclass(slots=True)
class Measured:
    """Of the newest calls of a day; times are of calls that were answered well, in µs."""

    calls: int = 0
    failed: int = 0
    durations: list[int] = field(default_factory=list)
    first_bytes: list[int] = field(default_factory=list)
    tokens_out: int = 0
    cost_microusd: int = 0
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure: str | None = None

    def add(self, record: CallRecord) -> None:
        """The newest first."""
        line = record.line
        if line.verdict == "refused":
            return
        self.calls += 1
        self.tokens_out += line.tokens_out
        self.cost_microusd += line.cost_microusd
        if line.verdict == "failed" or line.status >= 400:
            self.failed += 1
            if self.last_failure_at is None:
                self.last_failure_at = record.at
                self.last_failure = line.message or f"It answered {line.status}."
            return
        if self.last_success_at is None:
            self.last_success_at = record.at
        if line.verdict == "allowed" and not line.cached:
            self.durations.append(line.duration_us)
            if line.first_byte_us is not None:
                self.first_bytes.append(line.first_byte_us)

    def duration(self, share: float) -> int | None:
        return histogram.exact_percentile(self.durations, share)

    def first_byte(self, share: float) -> int | None:
        return histogram.exact_percentile(self.first_bytes, share)


@dataclass(frozen=True, slots=True)
class MatrixRow:
    model: models.RegisteredModel
    measured: Measured | None


@dataclass(frozen=True, slots=True)
class EndpointConnection:
    endpoint: Endpoint
    breaker: BreakerReading | None


@dataclass(frozen=True, slots=True)
class Connection:
    """One provider: a model service, what stands before its endpoints, and how its calls went."""

    service: Service
    endpoints: tuple[EndpointConnection, ...]
    measured: Measured | None


async def model_matrix(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[MatrixRow]:
    """By name. Without the right to see calls, nothing of them is shown."""
    page = await models.list_models(scope, None, ask, deps)
    sampled = await _sample(scope, deps)
    found: dict[tuple[str, str], Measured] = {}
    for record in sampled or ():
        found.setdefault((record.line.service_id, record.line.model or ""), Measured()).add(record)
    rows = [
        MatrixRow(each, None if sampled is None else found.get((each.service.id, each.name), Measured()))
        for each in page.items
    ]
    return Page(rows, page.page, page.page_size, page.total, page.next_cursor)


async def model_connections(scope: OrgScope, feed: Gateways | None, deps: Deps) -> list[Connection]:
    """By name of the service."""
    async with deps.read() as tx:
        services = await hub.services_of_kind(tx, scope, "model")
    sampled = await _sample(scope, deps)
    found: dict[str, Measured] = {}
    for record in sampled or ():
        found.setdefault(record.line.service_id, Measured()).add(record)
    breakers = hub.breaker_readings(feed, scope.org_id)
    return [
        Connection(
            service,
            tuple(EndpointConnection(each, breakers.get(each.id)) for each in service.endpoints),
            None if sampled is None else found.get(service.id, Measured()),
        )
        for service in services
    ]


async def _sample(scope: OrgScope, deps: Deps) -> Sequence[CallRecord] | None:
    """The newest calls of models, newest first; None for who may not see calls.

    cost   one query and some 10 µs for each call
    """
    if not scope.may("calls.read"):
        return None
    wanted = CallFilter(since=deps.clock.now() - WINDOW, kind="model")
    async with deps.read() as tx:
        return await store.list_calls(tx, scope, wanted, None, MOST_SAMPLED)
