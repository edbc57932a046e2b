"""A dashboard's state as a room serves it."""

from collections.abc import Sequence
from dataclasses import dataclass

from portico.domains.dashboards import public as dashboards
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.realtime.frames import Patch
from portico.realtime.states import Applied, Since, Step, Whole


@dataclass(frozen=True, slots=True)
class DashboardState:
    deps: Deps
    dashboard_id: str

    async def load(self, reader: OrgScope) -> Whole:
        found = await dashboards.load_state(reader, self.dashboard_id, self.deps)
        return Whole(found.version, found.state, found.checksum)

    async def since(self, reader: OrgScope, version: int) -> Since:
        found, changes = await dashboards.follow_state(reader, self.dashboard_id, version, self.deps)
        return _since(found, changes)

    async def apply(self, writer: OrgScope, ask: Patch) -> Applied | Whole:
        outcome = await dashboards.apply_patch(
            writer, self.dashboard_id, tab=ask.tab, version=ask.version, patch=ask.patch, deps=self.deps
        )
        if isinstance(outcome, dashboards.Applied):
            return Applied(outcome.version, outcome.checksum, _since(outcome.dashboard, [outcome.change]))
        return Whole(outcome.version, outcome.state, outcome.checksum)


def _since(found: dashboards.Dashboard, changes: Sequence[dashboards.Change] | None) -> Since:
    steps = None if changes is None else [Step(each.version, each.patch, each.tab, each.actor) for each in changes]
    return Since(steps, None if found.shared == "org" else found.owned_by)


async def sees_dashboard(deps: Deps, scope: OrgScope, dashboard_id: str) -> bool:
    return await dashboards.sees_dashboard(scope, dashboard_id, deps)
