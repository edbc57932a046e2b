"""The one table of topics: who may follow each, and the pump that fills it. A new topic is a new line here, and nothing else.

A room is a topic about one thing, "service:svc_…": besides the permission it asks whether the reader may see that thing, on
joining and again whenever rights change.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from portico.domains.hub import public as hub
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.realtime.dashboards import DashboardState, sees_dashboard
from portico.realtime.entities import ENTITIES, EntityPump, may_list
from portico.realtime.pumps import Pump, RowPump, ServicePump, ValuePump
from portico.realtime.sources import Alerts, Bell, BreakerReadings, Breakers, CallRows, EventRows, ServiceCalls, Stats
from portico.realtime.states import StatePump


@dataclass(frozen=True, slots=True)
class Opening:
    """What a pump is made from: whose it is, and what the room is about (empty for a topic that is none)."""

    deps: Deps
    scope: OrgScope
    topic: str
    about: str
    readings: BreakerReadings | None


@dataclass(frozen=True, slots=True)
class Kind:
    """
    permission  needed to follow it; None: anyone who is signed in
    member      for a room: whether this reader may see what it is about; what does not exist has no members
    changes     the permission to send patches; None: nobody may
    people      for people, not for keys
    own         each principal has a pump of their own, because each sees something else
    """

    name: str
    permission: str | None
    open: Callable[[Opening], Pump]
    member: Callable[[Deps, OrgScope, str], Awaitable[bool]] | None = None
    changes: str | None = None
    people: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    kind: Kind
    about: str

    async def admits(self, scope: OrgScope, deps: Deps) -> bool:
        """Whether this reader, who has the permission, is a member."""
        return self.kind.member is None or await self.kind.member(deps, scope, self.about)

    def permits(self, scope: OrgScope) -> bool:
        if self.kind.people and scope.actor.kind != "person":
            return False
        return self.kind.permission is None or scope.may(self.kind.permission)

    def pump_key(self, scope: OrgScope) -> tuple[str, ...]:
        """Readers with the same key share a pump."""
        shared = (scope.org_id, scope.scope, self.name)
        return (*shared, scope.actor.id) if self.kind.own else shared


def find_topic(name: str, kinds: Mapping[str, Kind]) -> Topic | None:
    """None when no topic is called that: a room without an id, or an id where there is no room, is none either."""
    word, colon, about = name.partition(":")
    kind = kinds.get(word)
    if kind is None or (kind.member is not None) != bool(colon):
        return None
    return Topic(name, kind, about)


async def _sees_service(deps: Deps, scope: OrgScope, service_id: str) -> bool:
    return await hub.find_service_by_id(scope, service_id, deps) is not None


_KINDS = (
    Kind("calls", "calls.read", lambda it: RowPump(it.topic, ("calls",), CallRows(it.deps, it.scope))),
    Kind("events", "events.read", lambda it: RowPump(it.topic, ("events",), EventRows(it.deps, it.scope))),
    Kind("alerts", "events.read", lambda it: RowPump(it.topic, ("events",), Alerts(it.deps, it.scope))),
    Kind("notices", None, lambda it: ValuePump(it.topic, ("notices",), Bell(it.deps)), people=True, own=True),
    Kind("stats", "calls.read", lambda it: ValuePump(it.topic, (), Stats(it.deps, it.scope))),
    Kind(
        "breakers",
        "services.read",
        lambda it: ValuePump(it.topic, ("breakers",), Breakers(it.deps, it.scope, it.readings)),
    ),
    Kind(
        "service",
        "calls.read",
        lambda it: ServicePump(
            it.topic, ServiceCalls(it.deps, it.scope, it.about), Breakers(it.deps, it.scope, it.readings, it.about)
        ),
        member=_sees_service,
    ),
    Kind(
        "entities",
        None,
        lambda it: EntityPump(it.topic, it.deps, ENTITIES[it.about], it.readings),
        member=may_list,
        own=True,
    ),
    Kind(
        "dashboard",
        "dashboards.read",
        lambda it: StatePump(it.topic, ("dashboards",), DashboardState(it.deps, it.about)),
        member=sees_dashboard,
        changes="dashboards.manage",
    ),
)
TOPICS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}
