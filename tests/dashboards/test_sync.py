"""Tabs that edit at once end in the same state: random interleavings, and cases shared with the web client's tests."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from portico.domains.dashboards import public as dashboards
from portico.domains.dashboards.canonical import canonical, checksum
from portico.domains.dashboards.checks import checked_text
from portico.domains.dashboards.model import Applied, Conflict, Dashboard
from portico.domains.dashboards.patching import apply, parse_patch
from portico.platform.deps import Deps
from tests.dashboards import sync_twin as twin
from tests.dashboards.conftest import People, state_with, widget

CASES: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_name("sync_cases.json").read_text())
INTERLEAVINGS = 500


def cases(group: str) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(each, id=each["name"]) for each in CASES[group]])


@cases("canonical")
def test_a_value_has_one_text_and_one_checksum(case: dict[str, Any]) -> None:
    assert canonical(case["value"]) == case["text"]
    assert checksum(case["text"]) == case["checksum"]
    assert canonical(json.loads(case["text"])) == case["text"]


@cases("apply")
def test_a_patch_is_applied_or_does_not_fit(case: dict[str, Any]) -> None:
    if "after" in case:
        assert twin.applied(case["before"], case["patch"]) == case["after"]
    else:
        with pytest.raises(twin.DoesNotFit):
            twin.applied(case["before"], case["patch"])


@cases("difference")
def test_the_difference_leads_from_one_to_the_other(case: dict[str, Any]) -> None:
    assert twin.difference(case["before"], case["after"]) == case["patch"]
    assert twin.applied(case["before"], case["patch"]) == case["after"]


@pytest.mark.req("C42")
@cases("rebase")
def test_edits_are_moved_onto_what_others_did(case: dict[str, Any]) -> None:
    assert twin.rebased(case["before"], case["shown"], case["after"]) == (case["result"], case["lost"])


@cases("collect")
def test_edits_are_collected_for_longer_when_the_budget_runs_down(case: dict[str, Any]) -> None:
    assert twin.collect_ms((0,) * case["sent"], case["at"]) == case["waits_ms"]


@pytest.mark.req("HY10", "HY11", "C42")
@cases("runs")
def test_a_tab_does_as_the_rules_say(case: dict[str, Any]) -> None:
    sync = twin.Sync("tab-a")
    for each in case["steps"]:
        given = each.get("patch") or each.get("frame")
        sync, out = twin.step(sync, each["do"], given, each["at"])
        assert out == each["sends"], each
    assert (sync.shown, sync.version, twin.status_of(sync), sync.notice) == (
        case["shown"],
        case["version"],
        case["status"],
        case["notice"],
    )


# --- interleavings ----------------------------------------------------------------------------------------------------


class ModelServer:
    """Compare and set with the domain's own rules, in memory; what others have to hear goes to them in order."""

    def __init__(self) -> None:
        self.version, self.state, self.tabs = 1, state_with("w1", "w2", "w3"), list[Tab]()

    async def whole(self) -> dict[str, Any]:
        return {"type": "state", "version": self.version, "state": self.state, "checksum": _sum(self.state)}

    async def patched(self, frame: dict[str, Any]) -> dict[str, Any]:
        if frame["version"] != self.version:
            return {**await self.whole(), "type": "conflict", "ref": frame["ref"]}
        self.state = apply(self.state, parse_patch(frame["patch"]))
        checked_text(self.state)
        self.version += 1
        return {"type": "patched", "ref": frame["ref"], "version": self.version, "checksum": _sum(self.state)}


@dataclass
class StoredServer:
    """The same over the database, as the socket does it: the answer from the patch, the rest by following the changes."""

    board: Dashboard
    people: People
    deps: Deps

    async def whole(self) -> dict[str, Any]:
        found = await dashboards.load_state(self.people.ann, self.board.id, self.deps)
        return {"type": "state", "version": found.version, "state": found.state, "checksum": found.checksum}

    async def patched(self, frame: dict[str, Any]) -> dict[str, Any]:
        given = {name: frame[name] for name in ("tab", "version", "patch")}
        outcome = await dashboards.apply_patch(self.people.ann, self.board.id, **given, deps=self.deps)
        if isinstance(outcome, Conflict):
            return {"type": "conflict", "ref": frame["ref"]} | {
                "version": outcome.version,
                "state": outcome.state,
                "checksum": outcome.checksum,
            }
        assert isinstance(outcome, Applied)
        return {"type": "patched", "ref": frame["ref"], "version": outcome.version, "checksum": outcome.checksum}


@dataclass
class Tab:
    """A tab and its connection: what it sends, and two streams that come back, each in order but not together."""

    name: str
    sync: twin.Sync
    outbox: list[dict[str, Any]] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    pump: list[dict[str, Any]] = field(default_factory=list)
    subscribed: bool = False
    told: int = 0

    def do(self, kind: str, given: Any, at: float) -> None:
        before = self.sync.notice
        self.sync, out = twin.step(self.sync, kind, given, at)
        self.told += self.sync.notice is not None and self.sync.notice != before
        self.outbox += out

    def cut(self, at: float) -> None:
        self.outbox, self.replies, self.pump, self.subscribed = [], [], [], False
        self.do("lost", None, at)

    @property
    def quiet(self) -> bool:
        return not (self.outbox or self.replies or self.pump) and twin.status_of(self.sync) == "saved"


@dataclass
class World:
    server: Any
    chance: random.Random
    tabs: list[Tab]
    at: float = 0

    async def move(self, tab: Tab) -> None:
        """One frame moves, in one of the three directions."""
        direction = self.chance.randrange(3)
        if direction == 0 and tab.outbox:
            await self.take(tab, tab.outbox.pop(0))
        elif direction == 1 and tab.replies:
            tab.do("frame", tab.replies.pop(0), self.at)
        elif direction == 2 and tab.pump:
            tab.do("frame", tab.pump.pop(0), self.at)

    async def take(self, tab: Tab, frame: dict[str, Any]) -> None:
        if frame["type"] == "subscribe":
            tab.subscribed, tab.pump = True, [await self.server.whole()]
            return
        answer = await self.server.patched(frame)
        tab.replies.append(answer)
        if answer["type"] == "patched":
            told = {"type": "patch", "version": answer["version"], "patch": frame["patch"], "tab": tab.name}
            for other in self.tabs:
                if other is not tab and other.subscribed:
                    other.pump.append(told)

    async def settle(self) -> None:
        for tab in self.tabs:
            if not tab.sync.connected:
                tab.do("connected", None, self.at)
        for moves in range(20_000):
            if all(tab.quiet for tab in self.tabs):
                return
            await self.move(self.chance.choice(self.tabs))
            self.at += 20
            if moves % 20 == 0:
                for tab in self.tabs:
                    if (twin.wake_at(tab.sync) or self.at + 1) <= self.at:
                        tab.do("tick", None, self.at)
        raise AssertionError("the tabs never came to rest")

    async def turn(self, number: int) -> None:
        tab, what = self.chance.choice(self.tabs), self.chance.random()
        self.at += self.chance.randrange(60)
        if what < 0.18 and tab.sync.shown is not None:
            tab.do("edit", random_edit(self.chance, tab.sync.shown, number), self.at)
        elif what < 0.21:
            tab.cut(self.at)
        elif what < 0.27 and not tab.sync.connected:
            tab.do("connected", None, self.at)
        elif what < 0.42:
            tab.do("tick", None, self.at)
        else:
            await self.move(tab)


def random_edit(chance: random.Random, state: dict[str, Any], number: int) -> twin.Patch:
    order, what = state["order"], chance.random()
    present = [name for name in order if name in state["widgets"]]
    name = chance.choice(present) if present else None
    if name is None or what < 0.15:
        new = f"n{number}"
        return [
            {"op": "add", "path": f"/widgets/{new}", "value": widget(new)},
            {"op": "replace", "path": "/order", "value": [*order, new]},
        ]
    if what < 0.25:
        rest = [each for each in order if each != name]
        return [{"op": "remove", "path": f"/widgets/{name}"}, {"op": "replace", "path": "/order", "value": rest}]
    if what < 0.35:
        return [{"op": "replace", "path": "/order", "value": order[::-1]}]
    if what < 0.45:
        layout = chance.choice(["single", "split", "grid", "wizard"])
        return [{"op": "replace", "path": "/layout", "value": layout}]
    if what < 0.65:
        return [{"op": "replace", "path": f"/widgets/{name}/title", "value": f"t{number}"}]
    if what < 0.85:
        return [{"op": "replace", "path": f"/widgets/{name}/place/y", "value": number}]
    return [{"op": "add", "path": f"/view/v{chance.randrange(3)}", "value": number}]


def _sum(state: dict[str, Any]) -> str:
    return checksum(canonical(state))


async def converge(server: Any, seed: int, turns: int) -> World:
    world = World(server, random.Random(seed), [Tab(name, twin.Sync(name)) for name in TABS])
    await world.settle()
    for number in range(turns):
        await world.turn(number)
    await world.settle()
    whole = await server.whole()
    for tab in world.tabs:
        assert (tab.sync.version, tab.sync.shown) == (whole["version"], whole["state"]), f"seed {seed}, {tab.name}"
    return world


TABS = [f"{digit}b8f4f0e-6d4e-4f0a-9f8e-0123456789ab" for digit in "abc"]


@pytest.mark.req("HY9", "HY10", "HY11", "C42")
async def test_500_random_interleavings_of_three_tabs_with_cut_connections_end_in_one_state() -> None:
    versions = told = 0
    for seed in range(INTERLEAVINGS):
        world = await converge(ModelServer(), seed, turns=90)
        versions += world.server.version
        told += sum(tab.told for tab in world.tabs)
    # The runs were about something: many changes were saved, and now and then two people met in one place.
    assert versions > INTERLEAVINGS * 5
    assert told > INTERLEAVINGS / 10


@pytest.mark.req("HY9", "C42")
async def test_interleavings_over_the_database_end_in_one_state_too(
    deps: Deps, people: People, board: Dashboard
) -> None:
    version = 1
    for seed in range(5):
        await converge(StoredServer(board, people, deps), seed, turns=60)
        # The clock stands still, so all of it counts against one minute: the runs stay within it.
        version = (await dashboards.load_state(people.ann, board.id, deps)).version
        assert version < 100
    assert version > 10
    changes = await dashboards.changes_since(people.ben, board.id, 1, deps)
    assert [each.version for each in changes or []] == list(range(2, version + 1))
    state = state_with("w1", "w2")
    for change in changes or []:
        state = twin.applied(state, change.patch)
    assert state == (await dashboards.load_state(people.ben, board.id, deps)).state


@pytest.mark.req("HY11")
async def test_edits_in_different_places_survive_every_cut() -> None:
    """One tab edits titles, one places, one views: nothing gets lost, or the tab whose edit was refused twice says so."""
    whole = 0
    for seed in range(60):
        chance, server = random.Random(seed), ModelServer()
        world = World(server, chance, [Tab(name, twin.Sync(name)) for name in TABS])
        await world.settle()
        last: dict[str, Any] = {}
        for number in range(150):
            tab = chance.choice(world.tabs)
            paths = ("/widgets/w1/title", "/widgets/w2/place/y", "/view/mine")
            path = paths[world.tabs.index(tab)]
            world.at += 30
            if chance.random() < 0.05:
                last[path] = f"t{number}" if path.endswith("title") else number
                tab.do("edit", [{"op": "add", "path": path, "value": last[path]}], world.at)
            elif chance.random() < 0.05:
                tab.cut(world.at)
            elif not tab.sync.connected:
                tab.do("connected", None, world.at)
            else:
                tab.do("tick", None, world.at)
                await world.move(tab)
        await world.settle()
        kept = {path: twin.value_at(server.state, path) for path in last}
        assert kept == last or any(tab.told for tab in world.tabs), f"seed {seed}"
        whole += kept == last and not any(tab.told for tab in world.tabs)
    # Frames are slow here, so that two refusals in a row are common; still most runs keep everything.
    assert whole > 30
