"""Widgets that a program proposes: checked, masked, shown, kept or discarded."""

import asyncio
from typing import Any

import pytest

from portico.domains.dashboards import compose, proposal_store, service
from portico.domains.dashboards import public as dashboards
from portico.domains.dashboards import state as state_verbs
from portico.domains.dashboards.errors import TooManyProposals
from portico.domains.dashboards.masking import MASK, masked
from portico.domains.dashboards.model import Dashboard, DashboardDraft, Preview
from portico.domains.events import public as events
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.service.authority import open_scope
from portico.kernel.clock import ManualClock
from portico.kernel.errors import InvalidFields, NotFound, NotPermitted
from portico.kernel.scope import Actor, OrgScope
from portico.platform.deps import Deps
from tests.dashboards.conftest import People, person, retitle

TASKS = {"tasks": [{"id": "1", "title": "Rotate keys", "status": "doing"}]}
TASK_LIST = {"type": "TaskList", "title": "Today", "options": {"data": TASKS}}


@pytest.fixture
def agent(people: People) -> OrgScope:
    """A key of Ann's org that may manage dashboards."""
    permissions = frozenset({"dashboards.read", "dashboards.manage"})
    return open_scope(people.ann.org_id, people.ann.scope, Actor("key", "key_agent", "agent"), permissions)


async def offer(who: OrgScope, board: Dashboard, deps: Deps, *widgets: dict[str, Any], title: str = "Plan") -> Preview:
    return await compose.compose_widgets(who, board.id, title, "", list(widgets or (TASK_LIST,)), deps)


@pytest.mark.req("HY20", "HY21")
async def test_what_an_agent_proposes_changes_nothing_until_a_person_keeps_it(
    deps: Deps, people: People, board: Dashboard, agent: OrgScope
) -> None:
    preview = await offer(agent, board, deps)
    assert preview.widgets[0]["place"] == {"x": 0, "y": 4, "w": 6, "h": 6}
    assert (await dashboards.load_state(people.ann, board.id, deps)).version == 1
    assert await compose.open_proposals(people.ben, board.id, deps) == [preview]
    applied = await compose.keep_proposal(people.ben, board.id, preview.proposal.id, deps)
    state = await dashboards.load_state(people.ann, board.id, deps)
    assert (applied.version, applied.checksum) == (state.version, state.checksum)
    name = preview.widgets[0]["id"]
    assert state.state["order"] == ["w1", "w2", name]
    assert state.state["widgets"][name]["options"] == {"data": TASKS}
    changes = await dashboards.changes_since(people.ann, board.id, 1, deps)
    assert [(each.actor.name, each.tab) for each in changes or []] == [("Ben", None)]
    assert await compose.open_proposals(people.ben, board.id, deps) == []
    with pytest.raises(NotFound):
        await compose.keep_proposal(people.ann, board.id, preview.proposal.id, deps)
    async with deps.read() as tx:
        _, recent = await events.recent_events(tx, people.ann, 3)
    assert [each.kind for each in reversed(recent)] == [
        "dashboard.composed.v1",
        "dashboard.updated.v1",
        "dashboard.proposal_kept.v1",
    ]


async def test_what_is_discarded_is_gone(deps: Deps, people: People, board: Dashboard, agent: OrgScope) -> None:
    preview = await offer(agent, board, deps)
    await compose.discard_proposal(people.ann, board.id, preview.proposal.id, deps)
    assert await compose.open_proposals(people.ann, board.id, deps) == []
    assert (await dashboards.load_state(people.ann, board.id, deps)).version == 1
    with pytest.raises(NotFound):
        await compose.discard_proposal(people.ann, board.id, preview.proposal.id, deps)


async def test_a_proposal_waits_for_a_day(
    deps: Deps, clock: ManualClock, people: People, board: Dashboard, agent: OrgScope
) -> None:
    preview = await offer(agent, board, deps)
    clock.advance(seconds=86_399)
    assert len(await compose.open_proposals(people.ann, board.id, deps)) == 1
    clock.advance(seconds=1)
    assert await compose.open_proposals(people.ann, board.id, deps) == []
    with pytest.raises(NotFound):
        await compose.keep_proposal(people.ann, board.id, preview.proposal.id, deps)
    assert await dashboards.purge_dashboards(tenancy.platform_scope(), deps) == 1


async def test_ten_wait_at_most(
    deps: Deps, clock: ManualClock, people: People, board: Dashboard, agent: OrgScope
) -> None:
    for _ in range(10):
        last = await offer(agent, board, deps)
    with pytest.raises(TooManyProposals):
        await offer(agent, board, deps)
    await compose.discard_proposal(people.ann, board.id, last.proposal.id, deps)
    await offer(agent, board, deps)
    clock.advance(seconds=86_400)
    await offer(agent, board, deps)


async def test_a_proposal_can_replace_a_widget_which_keeps_its_place(
    deps: Deps, people: People, board: Dashboard, agent: OrgScope
) -> None:
    place = {"x": 3, "y": 9, "w": 5, "h": 5}
    patch = [{"op": "replace", "path": "/widgets/w1/place", "value": place}]
    preview = await offer(agent, board, deps, {**TASK_LIST, "id": "w1"})
    await dashboards.apply_patch(people.ann, board.id, tab=None, version=1, patch=patch, deps=deps)
    await compose.keep_proposal(people.ann, board.id, preview.proposal.id, deps)
    state = (await dashboards.load_state(people.ann, board.id, deps)).state
    assert (state["widgets"]["w1"]["type"], state["widgets"]["w1"]["place"]) == ("TaskList", place)
    assert state["order"] == ["w1", "w2"]


async def test_proposed_widgets_go_below_what_stands_there_when_they_are_kept(
    deps: Deps, people: People, board: Dashboard, agent: OrgScope
) -> None:
    preview = await offer(agent, board, deps, TASK_LIST, TASK_LIST, TASK_LIST)
    assert [(each["place"]["x"], each["place"]["y"]) for each in preview.widgets] == [(0, 4), (6, 4), (0, 10)]
    patch = [{"op": "replace", "path": "/widgets/w1/place/y", "value": 20}]
    await dashboards.apply_patch(people.ann, board.id, tab=None, version=1, patch=patch, deps=deps)
    shown = (await compose.open_proposals(people.ann, board.id, deps))[0].widgets
    assert [each["place"]["y"] for each in shown] == [24, 24, 30]
    await compose.keep_proposal(people.ann, board.id, preview.proposal.id, deps)
    state = (await dashboards.load_state(people.ann, board.id, deps)).state
    assert [state["widgets"][each["id"]]["place"]["y"] for each in shown] == [24, 24, 30]


async def test_a_full_dashboard_takes_no_more_and_the_proposal_stays(
    deps: Deps, people: People, agent: OrgScope
) -> None:
    draft = DashboardDraft("Full", shared="org")
    board = await service.create_dashboard(people.ann, draft, deps)
    for _ in range(3):
        last = await offer(agent, board, deps, *[TASK_LIST] * 10)
        await compose.keep_proposal(people.ann, board.id, last.proposal.id, deps)
    one_more = await offer(agent, board, deps)
    with pytest.raises(InvalidFields, match="at most 30"):
        await compose.keep_proposal(people.ann, board.id, one_more.proposal.id, deps)
    assert len(await compose.open_proposals(people.ann, board.id, deps)) == 1


async def test_two_who_keep_at_once_keep_it_once(deps: Deps, people: People, board: Dashboard, agent: OrgScope) -> None:
    preview = await offer(agent, board, deps)
    outcomes = await asyncio.gather(
        *(compose.keep_proposal(who, board.id, preview.proposal.id, deps) for who in (people.ann, people.ben)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Applied", "NotFound"]
    assert (await dashboards.load_state(people.ann, board.id, deps)).version == 2


UNFIT: list[tuple[list[dict[str, Any]], str]] = [
    ([], "widgets"),
    ([TASK_LIST] * 11, "widgets"),
    ([{**TASK_LIST, "id": "a"}, {**TASK_LIST, "id": "a"}], "widgets"),
    ([{**TASK_LIST, "id": 7}], "widgets"),
    ([{**TASK_LIST, "id": "../../x"}], "widgets.0.id"),
    ([TASK_LIST, {**TASK_LIST, "type": "Weather"}], "widgets.1.type"),
    ([{"type": "TaskList", "title": "x"}], "widgets.0"),
    ([{**TASK_LIST, "script": "alert(1)"}], "widgets.0"),
    ([{**TASK_LIST, "options": {"data": {"tasks": TASKS["tasks"] * 21}}}], "widgets.0.options.data.tasks"),
    ([{**TASK_LIST, "place": {"x": 0, "y": 0, "w": 13, "h": 1}}], "widgets.0.place.w"),
    ([{**TASK_LIST, "place": 3}], "widgets.0.place"),
    ([{**TASK_LIST, "place": {"x": "a", "y": None}}], "widgets.0.place.x"),
    # Long enough to keep a careless search busy for hours.
    ([{**TASK_LIST, "title": "eyJ" * 20_000}], "widgets.0.title"),
    ([{**TASK_LIST, "title": "eyJ" * 300_000}], "widgets"),
    (
        [{**TASK_LIST, "options": {"data": {"tasks": [{**TASKS["tasks"][0], "link": "javascript:alert(1)"}]}}}],
        "widgets.0.options.data.tasks.0.link",
    ),
]


@pytest.mark.req("HY21")
async def test_only_widgets_that_satisfy_the_schema_are_proposed(
    deps: Deps, people: People, board: Dashboard, agent: OrgScope
) -> None:
    for widgets, field in UNFIT:
        with pytest.raises(InvalidFields) as refused:
            await compose.compose_widgets(agent, board.id, "Plan", "", widgets, deps)
        assert [each.field for each in refused.value.fields] == [field], widgets
    assert await compose.open_proposals(people.ann, board.id, deps) == []


@pytest.mark.req("HY20")
async def test_what_looks_like_a_secret_is_masked_before_it_is_stored(
    deps: Deps, people: People, board: Dashboard, agent: OrgScope
) -> None:
    facts = {"db password": "hunter2", "api_key": "abc", "region": "eu", "Token": 12345}
    alert = {"id": "1", "severity": "error", "title": "Leak", "text": "Bearer abc.def sent", "facts": facts}
    widget = {"type": "Alert", "title": "Alerts", "options": {"data": {"alerts": [alert]}}}
    preview = await compose.compose_widgets(
        agent, board.id, "sk-" + "a" * 24, "see postgres://bob:pw@db/x", [widget], deps
    )
    async with deps.read() as tx:
        stored = await proposal_store.open_proposals(tx, agent, board.id, deps.clock.now())
    assert stored == [preview.proposal]
    shown = preview.widgets[0]["options"]["data"]["alerts"][0]
    assert shown["facts"] == {"db password": MASK, "api_key": MASK, "region": "eu", "Token": MASK}
    assert shown["text"] == f"Bearer {MASK} sent"
    assert (preview.proposal.title, preview.proposal.note) == (MASK, f"see postgres://{MASK}@db/x")
    assert preview.proposal.masked == 6


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("pk_0123abcd_zzzz", MASK),
        ("AKIA" + "A" * 16, MASK),
        ("ghp_" + "a" * 30, MASK),
        ("eyJhbGci.eyJzdWIi.c2ln", MASK),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", MASK),
        ("https://x/?token=abc&y=1", f"https://x/?token={MASK}"),
        ({"secrets": ["a", "b"]}, {"secrets": ["a", "b"]}),
        ({"password": {"hint": "x"}}, {"password": {"hint": "x"}}),
        ({"has_token": True, "token": ""}, {"has_token": True, "token": ""}),
        ({"tokens per day": 7, "access token": 7}, {"tokens per day": 7, "access token": MASK}),
        ("Rotate the API keys", "Rotate the API keys"),
    ],
)
def test_masking(value: Any, shown: Any) -> None:
    assert masked(value)[0] == shown


def test_masking_reads_a_long_text_once() -> None:
    assert masked("eyJ" * 300_000)[1] == 0
    assert masked("-----BEGIN " * 100_000)[1] == 0


async def test_proposals_follow_the_dashboards_visibility(
    deps: Deps, people: People, board: Dashboard, agent: OrgScope
) -> None:
    preview = await offer(agent, board, deps)
    viewer = person(people.ann.org_id, "per_vic", "Vic", "viewer")
    assert len(await compose.open_proposals(viewer, board.id, deps)) == 1
    for refused in (
        offer(viewer, board, deps),
        compose.keep_proposal(viewer, board.id, preview.proposal.id, deps),
        compose.discard_proposal(viewer, board.id, preview.proposal.id, deps),
    ):
        with pytest.raises(NotPermitted):
            await refused
    other = await service.create_dashboard(people.zoe, DashboardDraft("Theirs"), deps)
    secret = await service.create_dashboard(people.ben, DashboardDraft("Secret"), deps)
    for hidden in (
        offer(people.zoe, board, deps),
        compose.open_proposals(people.zoe, board.id, deps),
        compose.keep_proposal(people.zoe, other.id, preview.proposal.id, deps),
        compose.keep_proposal(people.ben, secret.id, preview.proposal.id, deps),
        offer(agent, secret, deps),
    ):
        with pytest.raises(NotFound):
            await hidden


async def test_keeping_counts_as_a_change_of_the_person(
    deps: Deps, people: People, board: Dashboard, agent: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_verbs, "MAX_CHANGES_PER_MINUTE", 1)
    preview = await offer(agent, board, deps)
    await dashboards.apply_patch(people.ann, board.id, tab=None, version=1, patch=retitle("w1", "x"), deps=deps)
    with pytest.raises(state_verbs.TooManyChanges):
        await compose.keep_proposal(people.ann, board.id, preview.proposal.id, deps)
    await compose.keep_proposal(people.ben, board.id, preview.proposal.id, deps)
