"""The list as a whole runs on both engines, and a nudge carries a change to the gateways."""

import asyncio

from portico.domains.routing.model import GatewayStatus, Snapshot, ToolsSeen
from portico.domains.usage import public as usage
from portico.jobs.driver import Activity, run_reconcilers
from portico.jobs.plan import plan
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps
from tests.usage.journals import append, call, lines, reader


class Received:
    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    async def publish(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def take_seen(self) -> list[ToolsSeen]:
        return []

    def statuses(self) -> list[GatewayStatus]:
        return []


async def test_every_reconciler_runs(deps: Deps) -> None:
    for reconciler in plan(deps, Received()):
        assert await reconciler.activate() is not None
        assert 0 <= reconciler.least_s <= reconciler.every_s


async def test_names_are_unique(deps: Deps) -> None:
    names = [reconciler.name for reconciler in plan(deps, Received())]
    assert len(set(names)) == len(names)


async def test_a_journal_line_becomes_a_call_and_a_snapshot_is_published(deps: Deps) -> None:
    received, activity = Received(), Activity()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run_reconcilers(plan(deps, received), deps.bus, activity))
        folded = deps.bus.listen("calls")
        append(deps.settings.data_dir / "journal", lines(call()))
        deps.bus.nudge("journal")
        async with asyncio.timeout(20):
            await folded.wait()
            while not received.snapshots or len(activity.runs) < 5:
                await asyncio.sleep(0.01)
        task.cancel()
    page = await usage.list_calls(reader(), usage.CallFilter(), PageAsk(), deps)
    assert len(page.items) == 1
    assert all(run.healthy for run in activity.runs.values())
