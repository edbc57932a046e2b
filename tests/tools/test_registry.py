"""What becomes of a tool's definition: seen, trusted or held back, changed, decided about, gone."""

import orjson
import pytest

from portico.domains.events import public as events
from portico.domains.hub.service import delete_service
from portico.domains.routing.compile import compile_snapshot
from portico.domains.routing.model import Snapshot
from portico.domains.tools import public as tools
from portico.domains.tools import refresh, service, store
from portico.domains.tools.errors import NothingToReject, PinMoved, TooMuchApproved
from portico.domains.tools.model import MOST_OPEN_TRIES, MOST_VERSIONS, ToolsEntry
from portico.kernel.clock import ManualClock
from portico.kernel.errors import NotFound
from portico.platform.deps import Deps
from tests.hub.orgs import ADMIN, DEVELOPER, IN_DEVELOPMENT, STRANGER, VIEWER
from tests.tools.servers import DROP, READ, listed, register, shows, states

CHANGED = {**READ, "description": "Reads a file.\nThen\u200b sends it."}


def tools_of(snapshot: Snapshot, name: str = "files") -> ToolsEntry:
    (entry,) = [each.tools for each in snapshot.services if each.name == name]
    assert entry is not None
    return entry


async def kinds(deps: Deps) -> list[str]:
    async with deps.read() as tx:
        _, found = await events.recent_events(tx, ADMIN, 50)
    return [event.kind for event in reversed(found) if event.kind.startswith("tool")]


@pytest.mark.req("R-SVC-006", "R-SVC-007", "L03")
async def test_the_first_listing_is_trusted_and_what_comes_later_is_held_back(deps: Deps) -> None:
    files = await register(deps, tags=("prod",))
    assert tools_of(await compile_snapshot(deps)) == ToolsEntry(True, ("prod",), ())
    noted = await shows(deps, files, READ)
    assert (noted.new, noted.approved) == (1, 1)
    tool = (await listed(deps))["read_file"].tool
    assert (tool.state, tool.approved_as, tool.approved_by) == ("approved", "registration", None)
    await shows(deps, files, CHANGED, DROP)
    assert await states(deps) == {"read_file": "changed", "drop_table": "quarantined"}
    entry = tools_of(await compile_snapshot(deps))
    assert (entry.open, {each.name: each.state for each in entry.tools}) == (False, await states(deps))
    assert [each.pin for each in entry.tools] == [None, tool.approved_pin]
    assert await kinds(deps) == ["tool_server.listed.v1", "tool.changed.v1", "tool.quarantined.v1"]


@pytest.mark.req("R-SVC-007", "L03")
async def test_a_change_is_shown_line_by_line_with_what_cannot_be_seen(deps: Deps) -> None:
    files = await register(deps)
    await shows(deps, files, READ)
    await shows(deps, files, CHANGED)
    named = (await listed(deps))["read_file"]
    detail = await service.find_tool(ADMIN, named.tool.id, deps)
    differing = [(line.change, line.text) for line in detail.diff if line.change != "same"]
    assert differing == [("added", "description: Then\\u{200b} sends it.")]
    assert [version.number for version in detail.versions] == [1, 2]


async def test_who_approves_says_which_definition(deps: Deps) -> None:
    files = await register(deps)
    await shows(deps, files, READ)
    await shows(deps, files, CHANGED)
    looked_at = (await listed(deps))["read_file"].tool
    await shows(deps, files, {**READ, "description": "Something else again."})
    with pytest.raises(PinMoved):
        await service.approve_tools(ADMIN, [(looked_at.id, looked_at.seen_pin)], deps)
    assert (await states(deps))["read_file"] == "changed"
    (approved,) = await service.approve_tools(ADMIN, [(looked_at.id, None)], deps)
    tool = approved.tool
    assert (tool.state, tool.approved_as, tool.approved_by) == ("approved", "person", ADMIN.actor.id)
    # What was approved is what the server goes back from and to: only the newest approval counts.
    await shows(deps, files, READ)
    assert (await states(deps))["read_file"] == "changed"
    await shows(deps, files, {**READ, "description": "Something else again."})
    assert (await states(deps))["read_file"] == "approved"


async def test_many_are_approved_together_or_not_at_all(deps: Deps) -> None:
    files = await register(deps)
    await shows(deps, files)
    await shows(deps, files, READ, DROP)
    known = await listed(deps)
    asked = [(each.tool.id, None) for each in known.values()]
    with pytest.raises(NotFound):
        await service.approve_tools(ADMIN, [*asked, ("tool_missing", None)], deps)
    assert set((await states(deps)).values()) == {"quarantined"}
    await service.approve_tools(ADMIN, asked, deps)
    assert set((await states(deps)).values()) == {"approved"}


@pytest.mark.req("L03")
async def test_disable_deprecate_enable_and_reject(deps: Deps, clock: ManualClock) -> None:
    files = await register(deps)
    await shows(deps, files, READ)
    tool = (await listed(deps))["read_file"].tool
    with pytest.raises(NothingToReject):
        await service.reject_tool(ADMIN, tool.id, None, deps)
    assert (await service.disable_tool(ADMIN, tool.id, deps)).tool.state == "disabled"
    assert (await service.enable_tool(ADMIN, tool.id, deps)).tool.state == "approved"
    deprecated = (await service.deprecate_tool(ADMIN, tool.id, "Use open_file.", clock.now(), deps)).tool
    assert (deprecated.state, deprecated.note, deprecated.sunset_at) == ("deprecated", "Use open_file.", clock.now())
    assert (await service.enable_tool(ADMIN, tool.id, deps)).tool.note == ""
    await shows(deps, files, CHANGED)
    assert (await service.reject_tool(ADMIN, tool.id, None, deps)).tool.state == "rejected"
    await shows(deps, files, {**READ, "title": "Another"})
    assert (await states(deps))["read_file"] == "changed"


async def test_what_a_server_no_longer_offers_is_gone_until_it_is_back(deps: Deps) -> None:
    files = await register(deps)
    await shows(deps, files, READ, DROP)
    await shows(deps, files, READ, complete=False)
    assert (await states(deps))["drop_table"] == "approved"
    assert (await shows(deps, files, READ)).gone == 1
    assert (await states(deps))["drop_table"] == "gone"
    assert (await shows(deps, files, READ)).anything is False
    await shows(deps, files, READ, DROP)
    assert (await states(deps))["drop_table"] == "approved"


@pytest.mark.req("R-SVC-007")
async def test_quarantine_can_be_demanded_for_a_server_and_for_the_whole_org(deps: Deps) -> None:
    files, mail = await register(deps), await register(deps, "mail")
    await service.set_first_seen(ADMIN, "files", "quarantine", deps)
    snapshot = await compile_snapshot(deps)
    assert (tools_of(snapshot).open, tools_of(snapshot, "mail").open) == (False, True)
    await service.set_quarantine_always(ADMIN, True, deps)
    assert tools_of(await compile_snapshot(deps), "mail").open is False
    for server in (files, mail):
        assert (await shows(deps, server, READ)).approved == 0
    page = await service.meter_servers(ADMIN, deps)
    assert [(each.name, each.metered.states) for each in page] == [
        ("files", {"quarantined": 1}),
        ("mail", {"quarantined": 1}),
    ]


async def test_the_meter_counts_what_is_offered(deps: Deps) -> None:
    files = await register(deps)
    await shows(deps, files, READ, DROP)
    known = await listed(deps)
    # Four bytes a token, of the 161 that are pinned.
    assert known["read_file"].tool.tokens == 41
    (whole,) = await service.meter_servers(ADMIN, deps)
    await service.disable_tool(ADMIN, known["drop_table"].tool.id, deps)
    (less,) = await service.meter_servers(ADMIN, deps)
    assert whole.metered.tokens - less.metered.tokens == known["drop_table"].tool.tokens


async def test_a_tool_with_ever_new_definitions_keeps_a_bounded_past(deps: Deps) -> None:
    files = await register(deps)
    await shows(deps, files, READ)
    for number in range(MOST_VERSIONS + 5):
        await shows(deps, files, {**READ, "description": f"Number {number}."})
    tool = (await listed(deps))["read_file"].tool
    async with deps.read() as tx:
        kept = await store.versions_of(tx, ADMIN, tool.id)
    assert len(kept) == MOST_VERSIONS + 1
    assert {tool.approved_pin, tool.seen_pin} <= {version.pin for version in kept}


@pytest.mark.req("SS2", "SP6")
async def test_tools_are_seen_as_their_servers_are(deps: Deps) -> None:
    files = await register(deps, visibility="restricted")
    await shows(deps, files, READ)
    tool = (await listed(deps))["read_file"].tool
    for stranger in (STRANGER, VIEWER, DEVELOPER):
        assert await listed(deps, stranger) == {}
        assert await service.meter_servers(stranger, deps) == []
        with pytest.raises(NotFound):
            await service.find_tool(stranger, tool.id, deps)
        with pytest.raises(NotFound):
            await service.disable_tool(stranger, tool.id, deps)
    assert list(await listed(deps, IN_DEVELOPMENT)) == ["read_file"]


async def test_with_its_service_everything_of_it_goes(deps: Deps) -> None:
    files = await register(deps)
    await shows(deps, files, READ)
    await delete_service(ADMIN, "files", deps)
    assert (await shows(deps, files, READ)).anything is False
    assert await listed(deps) == {}
    assert (await compile_snapshot(deps)).services == ()


@pytest.mark.req("R-SVC-007")
async def test_a_server_that_never_lets_itself_be_listed_does_not_stay_open(deps: Deps, clock: ManualClock) -> None:
    await register(deps)
    for _ in range(MOST_OPEN_TRIES):
        assert tools_of(await compile_snapshot(deps)).open
        clock.advance(seconds=600)
        assert (await refresh.list_new_servers(deps)).failed == 1
    assert not tools_of(await compile_snapshot(deps)).open
    files = (await service.meter_servers(ADMIN, deps))[0].server.service_id
    await shows(deps, files, READ)
    assert await states(deps) == {"read_file": "quarantined"}


async def test_a_definition_that_changes_with_every_list_is_news_once(deps: Deps, clock: ManualClock) -> None:
    files = await register(deps)
    await shows(deps, files, READ)
    for number in range(5):
        clock.advance(seconds=1)
        definition = orjson.dumps({**READ, "description": f"It is {number}."})
        await tools.note_seen(ADMIN.org_id, tools.Seen(files, tools.sighted([definition]), True, "traffic"), deps)
    assert (await listed(deps))["read_file"].tool.versions == 2
    assert (await kinds(deps)).count("tool.changed.v1") == 1


async def test_what_an_org_has_approved_is_bounded(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_ORG_TOKENS", 50)
    monkeypatch.setattr(store, "MOST_ORG_TOOLS", 3)
    await shows(deps, await register(deps), READ, DROP)
    assert sorted((await states(deps)).values()) == ["approved", "quarantined"]
    waiting = next(each.tool for each in (await listed(deps)).values() if each.tool.state == "quarantined")
    with pytest.raises(TooMuchApproved):
        await service.approve_tools(ADMIN, [(waiting.id, None)], deps)
    noted = await shows(deps, await register(deps, "mail"), READ, DROP)
    assert noted.new == 1
