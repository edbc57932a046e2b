"""The one list of what runs by itself in the control process."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from portico.domains.agents import public as agents
from portico.domains.audit import public as audit
from portico.domains.consumers import public as followers
from portico.domains.dashboards import public as dashboards
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.limits import public as limits
from portico.domains.models import public as models
from portico.domains.notices import public as notices
from portico.domains.publishing import public as publishing
from portico.domains.routing import public as routing
from portico.domains.routing.model import Snapshot, ToolsSeen
from portico.domains.tenancy import public as tenancy
from portico.domains.tools import public as tools
from portico.domains.usage import public as usage
from portico.domains.webhooks import public as webhooks
from portico.jobs.consume import ConsumeEvents
from portico.jobs.driver import Reconciler
from portico.platform.deps import Deps
from portico.platform.outbound import Outbound
from portico.platform.spans import SpanSink

# Live views trail by this and the time of a fold, and are promised to trail by no more than a second.
REST_S, REST_WHEN_BUSY_S = 0.2, 0.5
MANY_CALLS = 500


class SnapshotFeed(Protocol):
    """Where a compiled Snapshot goes, and where from comes what gateways saw of tools."""

    async def publish(self, snapshot: Snapshot) -> None: ...
    def take_seen(self) -> list[ToolsSeen]: ...
    def statuses(self) -> Sequence[models.Report]: ...


@dataclass(slots=True)
class TellDeprecatedUse:
    """What the gateways counted of calls to deprecated models; what a restart forgets is told with the next call."""

    deps: Deps
    feed: SnapshotFeed
    calls: models.DeprecatedCalls = field(default_factory=models.DeprecatedCalls)
    name: str = "models.tell_deprecated_use"
    every_s: float = 60.0
    least_s: float = 5.0
    wakes_on: str | None = None

    async def activate(self) -> str:
        fresh = self.calls.since_last(self.feed.statuses())
        return f"{await models.tell_deprecated_use(tenancy.platform_scope(), fresh, self.deps)} told"


@dataclass(slots=True)
class FoldJournals:
    """A fold costs as much as some hundred calls, so after one that found many the next waits for more of them."""

    deps: Deps
    spans: SpanSink | None = None
    touches: usage.KeyTouches = field(default_factory=usage.KeyTouches)
    name: str = "usage.fold_journals"
    every_s: float = 1.0
    least_s: float = REST_S
    wakes_on: str | None = "journal"

    async def activate(self) -> usage.FoldStatus:
        status = await usage.fold_journals(self.deps, touches=self.touches, spans=self.spans)
        self.least_s = REST_WHEN_BUSY_S if status.calls >= MANY_CALLS else REST_S
        return status


@dataclass(slots=True)
class CompileSnapshot:
    """Publishing an unchanged version is how gateways learn that theirs is still the newest."""

    deps: Deps
    feed: SnapshotFeed
    name: str = "routing.compile_snapshot"
    every_s: float = 5.0
    least_s: float = 0.05
    wakes_on: str | None = "snapshot"

    async def activate(self) -> str:
        snapshot = await routing.compile_snapshot(self.deps)
        await self.feed.publish(snapshot)
        return f"version {snapshot.version}"


@dataclass(slots=True)
class CheckHealth:
    """Woken by changes too, so that a new endpoint is judged at once; only what is due is probed."""

    deps: Deps
    name: str = "hub.check_health"
    every_s: float = 30.0
    least_s: float = 2.0
    wakes_on: str | None = "snapshot"

    async def activate(self) -> hub.HealthStatus:
        return await hub.check_health(self.deps)


@dataclass(slots=True)
class NoteTools:
    """Writes down which definitions of tools passed the gateways. What is lost on the way is seen again."""

    deps: Deps
    feed: SnapshotFeed
    name: str = "tools.note_seen"
    every_s: float = 5.0
    least_s: float = 0.1
    wakes_on: str | None = "tools"

    async def activate(self) -> str:
        noted = 0
        for each in self.feed.take_seen():
            seen = tools.Seen(each.service_id, tools.sighted(each.definitions), each.complete, "traffic")
            noted += (await tools.note_seen(each.org_id, seen, self.deps)).anything
        return f"{noted} with news"


@dataclass(slots=True)
class ListToolServers:
    """Asks servers that were never listed for their tools; woken by changes, so that a new one is listed at once."""

    deps: Deps
    name: str = "tools.list_new_servers"
    every_s: float = 5.0
    least_s: float = 0.2
    wakes_on: str | None = "snapshot"

    async def activate(self) -> tools.ListStatus:
        return await tools.list_new_servers(self.deps)


@dataclass(slots=True)
class WatchAgents:
    """Woken by changes too, so that a new agent's card is read, and an ill one told of, at once; only what is due is read."""

    deps: Deps
    name: str = "agents.watch"
    every_s: float = 15.0
    least_s: float = 2.0
    wakes_on: str | None = "snapshot"

    async def activate(self) -> agents.AgentRound:
        return await agents.watch_agents(self.deps)


@dataclass(slots=True)
class FoldTaskNotes:
    """Woken by calls, of which few are to agents: without notes it is a look at a folder."""

    deps: Deps
    notes: agents.TaskNotes
    name: str = "agents.fold_task_notes"
    every_s: float = 5.0
    least_s: float = 0.5
    wakes_on: str | None = "journal"

    async def activate(self) -> str:
        return f"{await self.notes.fold()} notes"


@dataclass(slots=True)
class DeliverWebhooks:
    """Every second, because retries begin at one second and nothing nudges when they are due."""

    deps: Deps
    numbers: webhooks.DeliveryNumbers
    name: str = "webhooks.deliver"
    every_s: float = 1.0
    least_s: float = 0.02
    wakes_on: str | None = "deliveries"

    async def activate(self) -> webhooks.DeliverStatus:
        return await webhooks.Sender(self.deps, self.numbers, Outbound(self.deps.settings)).run()


@dataclass(frozen=True, slots=True)
class Regularly:
    """Work that nothing but time calls for."""

    name: str
    every_s: float
    least_s: float
    work: Callable[[], Awaitable[object]]
    wakes_on: None = None

    async def activate(self) -> object:
        return await self.work()


def _by_time_alone(deps: Deps) -> list[Reconciler]:
    async def expire_leases() -> str:
        return f"{await hub.expire_leases(deps)} expired"

    async def tell_expiring_keys() -> str:
        return f"{await tenancy.tell_expiring_keys(tenancy.platform_scope(), deps)} told"

    async def tell_model_endings() -> str:
        return f"{await models.tell_endings(tenancy.platform_scope(), deps)} told"

    async def warm_cache() -> str:
        # For the start; later the readers keep warm what they read.
        return f"the services of {await hub.warm_summaries(deps)} orgs"

    return [
        Regularly("hub.expire_leases", 5.0, 1.0, expire_leases),
        Regularly("tenancy.tell_expiring_keys", 3600.0, 60.0, tell_expiring_keys),
        Regularly("models.tell_endings", 300.0, 60.0, tell_model_endings),
        Regularly("hub.warm_summaries", 86_400.0, 60.0, warm_cache),
        Regularly("tools.apply_file", 5.0, 1.0, tools.FileAtStart(deps).apply),
    ]


@dataclass(slots=True)
class PurgeOld:
    """Lets go of what is older than its retention: calls, events, audit, sign-ins and tickets, budget windows, dashboards."""

    deps: Deps
    name: str = "platform.purge_old"
    every_s: float = 3600.0
    least_s: float = 60.0
    wakes_on: str | None = None

    async def activate(self) -> str:
        scope, deps = tenancy.platform_scope(), self.deps
        removed = {
            "calls": await usage.purge_calls(scope, deps),
            "events": await events.purge_events(scope, deps, await followers.unread_positions(scope, deps)),
            "webhook deliveries": await webhooks.purge_deliveries(scope, deps),
            "published ids": await publishing.purge_published(scope, deps),
            "agents' tasks": await agents.purge_tasks(scope, deps),
            "receivers of push notifications": await agents.purge_pushes(scope, deps),
            "dead letters": await followers.purge_dead_letters(scope, deps),
            "notices": await notices.purge_notices(scope, deps),
            "audit entries": await audit.purge_audit(scope, deps),
            "sign-ins and tickets": await tenancy.purge_expired(scope, deps),
            "budget windows": await limits.forget_old_windows(scope, deps),
            "proposals and unused dashboards": await dashboards.purge_dashboards(scope, deps),
        }
        return ", ".join(f"{count} {kind}" for kind, count in removed.items())


def consumers(deps: Deps) -> list[events.Consumer]:
    """The one list of who follows the log."""
    return [
        followers.EventCounts(),
        webhooks.QueueDeliveries(),
        notices.TellPeople(),
    ]


def plan(
    deps: Deps,
    feed: SnapshotFeed,
    following: followers.Following | None = None,
    delivered: webhooks.DeliveryNumbers | None = None,
    spans: SpanSink | None = None,
) -> list[Reconciler]:
    """`following` and `delivered` are shared with the door, which tells people and Prometheus how things stand."""
    return [
        ConsumeEvents(deps, following or followers.Following(tuple(consumers(deps)))),
        CompileSnapshot(deps, feed),
        FoldJournals(deps, spans),
        CheckHealth(deps),
        WatchAgents(deps),
        FoldTaskNotes(deps, agents.TaskNotes(deps)),
        NoteTools(deps, feed),
        ListToolServers(deps),
        *_by_time_alone(deps),
        TellDeprecatedUse(deps, feed),
        DeliverWebhooks(deps, delivered or webhooks.DeliveryNumbers()),
        PurgeOld(deps),
    ]
