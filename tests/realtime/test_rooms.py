"""Rooms: who may be in one, how a state is shared in it, and what is said to those who must leave."""

import asyncio
import itertools
from typing import Any

import pytest

from portico.domains.dashboards.model import DashboardDraft
from portico.domains.dashboards.service import create_dashboard, delete_dashboard, update_dashboard
from portico.domains.events import public as events
from portico.domains.hub import public as hub
from portico.domains.routing.model import BreakerReport
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import Identity
from portico.domains.tenancy.service import grants
from portico.platform.deps import Deps
from portico.realtime.admission import SocketTerms
from tests.realtime.boards import Boards, checksum
from tests.realtime.served import key_of, reader_of, serve, text_of
from tests.usage.journals import NOON_US, call

TAB, OTHER_TAB = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
WRITES = ("dashboards.read", "dashboards.manage")
URL = "http://127.0.0.1:9001"
DONE = events.declare("room_test.finished.v1", "Something was done.", about="number", fields={"number": int})
FAILED = events.declare(
    "room_test.failed.v1", "Something went wrong.", about="number", category="error", fields={"number": int}
)
# What a room answers to who is no member, whether it is there or not.
NO_ROOM = "NOT_FOUND"


async def writers(deps: Deps) -> tuple[Identity, Identity]:
    one = await reader_of(deps, "otter", WRITES)
    return one, await key_of(deps, one.scope.org_id, WRITES)


@pytest.mark.req("HY9", "HY10", "SP16")
async def test_a_patch_reaches_every_tab_but_the_one_it_came_from(deps: Deps) -> None:
    ann, bob = await writers(deps)
    boards = Boards(deps)
    boards.add("b", ann, title="One")
    async with (
        serve(deps, topics=boards.topics) as served,
        served.greeted(ann) as source,
        served.greeted(ann) as other,
        served.greeted(bob) as colleague,
    ):
        whole = await source.subscribe("board:b", tab=TAB)
        assert whole == {
            "type": "state",
            "topic": "board:b",
            "version": 0,
            "state": {"title": "One"},
            "checksum": checksum({"title": "One"}),
        }
        # The colleague's tab calls itself as the source does; it is another person, so nothing is kept from it.
        assert await other.subscribe("board:b", tab=OTHER_TAB) == await colleague.subscribe("board:b", tab=TAB) == whole
        answer = await source.change("board:b", TAB, 0, title="Two")
        assert answer == {
            "type": "patched",
            "topic": "board:b",
            "ref": 7,
            "version": 1,
            "checksum": checksum({"title": "Two"}),
        }
        for client in (other, colleague):
            frame = await client.receive()
            assert (frame["type"], frame["version"], frame["tab"]) == ("patch", 1, TAB)
            assert frame["patch"] == [{"op": "replace", "path": "/title", "value": "Two"}]
            assert frame["by"] == {"kind": "key", "id": ann.scope.actor.id, "name": "reader"}
        assert await source.is_silent(0.2)


@pytest.mark.req("HY10")
async def test_whoever_comes_second_gets_the_whole_state(deps: Deps) -> None:
    ann, bob = await writers(deps)
    boards = Boards(deps)
    boards.add("b", ann, title="One", note="")
    async with serve(deps, topics=boards.topics) as served, served.greeted(ann) as one, served.greeted(bob) as two:
        await one.subscribe("board:b", tab=TAB)
        await two.subscribe("board:b", tab=OTHER_TAB)
        assert (await one.change("board:b", TAB, 0, title="Ann's"))["type"] == "patched"
        assert (await two.receive())["version"] == 1
        conflict = await two.change("board:b", OTHER_TAB, 0, title="Bob's")
        assert (conflict["type"], conflict["ref"], conflict["version"]) == ("conflict", 7, 1)
        assert conflict["state"] == {"title": "Ann's", "note": ""}
        assert (await two.change("board:b", OTHER_TAB, 1, note="Bob was here"))["version"] == 2
        assert (await one.receive())["patch"][0]["value"] == "Bob was here"


@pytest.mark.req("HY9", "HY10")
async def test_many_writers_over_many_sockets_end_with_one_state(deps: Deps) -> None:
    ann, bob = await writers(deps)
    boards = Boards(deps)
    board = boards.add("b", ann, count=0)
    tabs = [f"{number:08x}-d9cb-469f-a165-70867728950e" for number in range(4)]
    rounds = 12
    async with serve(deps, topics=boards.topics) as served:

        async def count_up(identity: Identity, tab: str) -> dict[str, Any]:
            """Adds one `rounds` times, by compare and set; the state as this tab ends up knowing it."""
            async with served.greeted(identity) as client:
                frame = await client.subscribe("board:b", tab=tab)
                version, state, done = frame["version"], frame["state"], 0
                mine = state["count"] + 1
                await client.send(**patch(tab, version, count=mine))
                while done < rounds or version < rounds * len(tabs):
                    frame = await client.receive()
                    if frame["type"] == "patch" and frame["version"] > version:
                        assert frame["version"] == version + 1
                        version, state = frame["version"], {"count": frame["patch"][0]["value"]}
                    elif frame["type"] == "patched":
                        assert frame["version"] == version + 1
                        version, state, done = frame["version"], {"count": mine}, done + 1
                        assert frame["checksum"] == checksum(state)
                    elif frame["type"] == "conflict":
                        assert frame["version"] >= version
                        version, state = frame["version"], frame["state"]
                    if frame["type"] != "patch" and done < rounds:
                        mine = state["count"] + 1
                        await client.send(**patch(tab, version, count=mine))
                return state

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            tasks = [group.create_task(count_up(ann if i % 2 else bob, tab)) for i, tab in enumerate(tabs)]
    assert [task.result() for task in tasks] == [{"count": rounds * len(tabs)}] * len(tabs)
    assert board.state == {"count": rounds * len(tabs)}


def patch(tab: str, version: int, **values: Any) -> dict[str, Any]:
    operations = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()]
    return {"type": "patch", "topic": "board:b", "tab": tab, "version": version, "ref": 1, "patch": operations}


@pytest.mark.req("HY11", "SP16")
async def test_who_comes_back_gets_what_was_missed_or_the_whole(deps: Deps) -> None:
    ann, bob = await writers(deps)
    boards = Boards(deps)
    board = boards.add("b", ann, title="One")
    async with serve(deps, topics=boards.topics) as served, served.greeted(ann) as client:
        assert (await client.subscribe("board:b", 0, TAB))["patch"] == []
        boards.write("b", bob.scope, None, title="Two")
        assert (await client.receive())["version"] == 1
        await client.send(type="unsubscribe", topic="board:b")
        boards.write("b", bob.scope, OTHER_TAB, title="Three")
        # Its own change too: a tab that lost its socket cannot know whether its last patch was stored.
        boards.write("b", ann.scope, TAB, title="Four")
        first = await client.subscribe("board:b", 1, TAB)
        second = await client.receive()
        assert [(frame["type"], frame["version"], frame["tab"]) for frame in (first, second)] == [
            ("patch", 2, OTHER_TAB),
            ("patch", 3, TAB),
        ]
        board.kept_from = 2
        for unknown in (1, 99):
            whole = await client.subscribe("board:b", unknown, TAB)
            assert (whole["type"], whole["version"], whole["state"]) == ("state", 3, {"title": "Four"})


@pytest.mark.req("HY13", "SC8")
async def test_a_room_that_is_deleted_is_left_by_all(deps: Deps) -> None:
    ann, bob = await writers(deps)
    boards = Boards(deps)
    boards.add("b", ann, title="One")
    async with serve(deps, topics=boards.topics) as served, served.greeted(ann) as one, served.greeted(bob) as two:
        for client in (one, two):
            await client.subscribe("board:b", tab=TAB)
        boards.remove("b")
        for client in (one, two):
            assert await client.receive() == {"type": "left", "topic": "board:b", "why": "gone"}
        assert (await one.subscribe("board:b"))["code"] == NO_ROOM
        async with asyncio.timeout(10):
            while served.realtime.pumps:
                await asyncio.sleep(0.02)


@pytest.mark.req("HY13", "SC8", "SS2")
@pytest.mark.parametrize("nudged", ["snapshot", "boards"])
async def test_who_loses_their_place_in_a_room_leaves_it_and_others_stay(deps: Deps, nudged: str) -> None:
    ann, bob = await writers(deps)
    boards = Boards(deps)
    board = boards.add("b", ann, title="One")
    async with (
        serve(deps, SocketTerms(recheck_least_s=0.01), boards.topics) as served,
        served.greeted(ann) as one,
        served.greeted(bob) as two,
    ):
        for client in (one, two):
            await client.subscribe("board:b", tab=TAB)
        board.hidden_from.add(bob.scope.actor.id)
        deps.bus.nudge(nudged)
        assert await two.receive() == {"type": "left", "topic": "board:b", "why": "forbidden"}
        assert (await one.change("board:b", TAB, 0, title="Two"))["type"] == "patched"
        assert await two.is_silent(0.2)


@pytest.mark.req("HY13", "SS2")
async def test_a_revoked_grant_ends_the_room_of_that_service(deps: Deps) -> None:
    owner = await tenancy.seed_owner(deps, "Otter", "otter", "o@otter.example", "Owner", "a long enough password")
    system = tenancy.open_system_scope(owner.org_id)
    draft = hub.ServiceDraft("vaulted", "http", URL, visibility="restricted")
    service = await hub.create_service(system, draft, deps)
    key = await key_of(deps, owner.org_id, ("calls.read",))
    room = f"service:{service.id}"
    async with serve(deps, SocketTerms(recheck_least_s=0.01)) as served, served.greeted(key) as client:
        assert (await client.subscribe(room))["code"] == NO_ROOM
        granted, _ = await grants.create_grant(system, "key", key.scope.actor.id, service.id, "services.read", deps)
        async with asyncio.timeout(10):
            while (frame := await client.subscribe(room))["type"] == "error":
                await asyncio.sleep(0.05)
        assert frame["type"] == "snapshot"
        assert (await client.receive())["type"] == "value"
        await grants.delete_grant(system, granted.id, deps)
        assert await client.receive() == {"type": "left", "topic": room, "why": "forbidden"}


@pytest.mark.req("SP16")
async def test_a_service_has_a_room_of_its_calls_and_breakers(deps: Deps) -> None:
    reader = await reader_of(deps, "otter")
    org_id = reader.scope.org_id
    system = tenancy.open_system_scope(org_id)
    mine = await hub.create_service(system, hub.ServiceDraft("inventory", "http", URL), deps)
    other = await hub.create_service(system, hub.ServiceDraft("pricing", "http", URL), deps)
    room = f"service:{mine.id}"

    moments = itertools.count(NOON_US)

    def used(service: hub.Service) -> Any:
        return call(org_id=org_id, service_id=service.id, service=service.name, at_us=next(moments))

    def broken(service: hub.Service) -> BreakerReport:
        return BreakerReport(service.endpoints[0].id, service.id, org_id, "open", "6 of 10", NOON_US, None)

    async with serve(deps) as served, served.greeted(reader) as client:
        old = await served.fold(used(mine), used(other), used(mine))
        first = await client.subscribe(room)
        assert [item["id"] for item in first["items"]] == [old[2], old[0]]
        assert await client.receive() == {"type": "value", "topic": room, "value": []}
        new = await served.fold(used(other), used(mine))
        cursor, seen = await client.rows(1)
        assert seen == new[1:]
        served.feed.reports = [broken(mine), broken(other)]
        deps.bus.nudge("breakers")
        frame = await client.receive()
        assert [each["service"] for each in frame["value"]] == ["inventory"]
        await client.send(type="unsubscribe", topic=room)
        missed = await served.fold(used(mine), used(other))
        again = await client.subscribe(room, cursor)
        assert (again["type"], [item["id"] for item in again["items"]]) == ("append", missed[:1])


async def test_alerts_are_the_events_that_somebody_should_look_at(deps: Deps) -> None:
    reader = await reader_of(deps, "otter")
    system = tenancy.open_system_scope(reader.scope.org_id)

    async def tell(kind: str, number: int) -> None:
        async with deps.uow() as tx:
            await events.record(tx, system, kind=kind, payload={"number": number})

    async with serve(deps) as served, served.greeted(reader) as client:
        await tell(FAILED, 1)
        await tell(DONE, 2)
        first = await client.subscribe("alerts")
        assert [item["payload"]["number"] for item in first["items"]] == [1]
        await tell(DONE, 3)
        await tell(FAILED, 4)
        frame = await client.receive()
        assert [item["payload"]["number"] for item in frame["items"]] == [4]
        # Between two alerts lie more events than a batch holds; coming back looks through them.
        async with deps.uow() as tx:
            for number in range(450):
                await events.record(tx, system, kind=DONE, payload={"number": number})
        await tell(FAILED, 5)
        async with served.greeted(reader) as returned:
            again = await returned.subscribe("alerts", frame["cursor"])
            assert [item["payload"]["number"] for item in again["items"]] == [5]


@pytest.mark.req("HY11", "SP16")
async def test_large_frames_come_packed_to_those_who_read_them_and_plain_to_others(deps: Deps) -> None:
    ann, bob = await writers(deps)
    boards = Boards(deps)
    boards.add("b", ann, text="a long story " * 4000)
    async with serve(deps, topics=boards.topics) as served, served.greeted(ann) as packed, served.greeted(bob) as plain:
        await packed.send(type="accept", encodings=["brotli", "deflate"])
        for client in (packed, plain):
            await client.send(type="subscribe", topic="board:b", tab=TAB)
        raw, text = await packed.connection.recv(), await plain.connection.recv()
        assert isinstance(raw, bytes)
        assert isinstance(text, str)
        assert len(raw) < len(text) / 50
        assert text_of(raw) == text
        # Large enough only for a patch, and answered by a small frame, which stays text.
        answer = await packed.change("board:b", TAB, 0, text="another story " * 5000)
        assert answer["type"] == "patched"
        assert text_of(await plain.connection.recv())
        await packed.send(type="accept", encodings=[])
        whole = await packed.subscribe("board:b")
        assert whole["state"]["text"].startswith("another")


@pytest.mark.req("C10", "HY14", "R-INT-002")
async def test_patches_are_counted_and_heartbeats_are_free(deps: Deps) -> None:
    ann, _ = await writers(deps)
    boards = Boards(deps)
    boards.add("b", ann, count=0)
    terms = SocketTerms(messages_per_minute=4, abuse_per_minute=60)
    async with serve(deps, terms, boards.topics) as served, served.greeted(ann) as client:
        await client.subscribe("board:b", tab=TAB)
        for number in range(3):
            assert (await client.change("board:b", TAB, number, count=number))["version"] == number + 1
        refused = await client.change("board:b", TAB, 3, count=3)
        assert (refused["type"], refused["code"]) == ("error", "RATE_LIMITED")
        assert (refused["topic"], refused["ref"]) == ("board:b", 7)
        assert 50_000 < refused["retry_after_ms"] <= 60_000
        for _ in range(10):
            await client.send(type="ping")
            assert await client.receive() == {"type": "pong"}
            await client.send(type="accept", encodings=["deflate"])
        assert boards.kept["b"].version == 3


@pytest.mark.req("SC8", "HY13")
async def test_a_patch_needs_its_room_its_permission_its_tab_and_sense(deps: Deps) -> None:
    ann, _ = await writers(deps)
    reader = await key_of(deps, ann.scope.org_id, ("dashboards.read", "calls.read"))
    boards = Boards(deps)
    boards.add("b", ann, title="One")
    async with (
        serve(deps, topics=boards.topics) as served,
        served.greeted(ann) as client,
        served.greeted(reader) as other,
    ):
        assert (await client.change("board:b", TAB, 0, title="x"))["code"] == "NOT_FOUND"
        await client.subscribe("board:b", tab=TAB)
        assert (await client.change("board:b", OTHER_TAB, 0, title="x"))["code"] == "INVALID_INPUT"
        await client.send(**{**patch(TAB, 0), "patch": [{"op": "remove", "path": "/title"}]})
        refused = await client.receive()
        assert (refused["code"], refused["ref"]) == ("INVALID_INPUT", 1)
        assert "knows only replace" in refused["message"]
        await other.subscribe("board:b", tab=TAB)
        assert (await other.change("board:b", TAB, 0, title="x"))["code"] == "ROLE_REQUIRED"
        await other.subscribe("calls", tab=TAB)
        assert (await other.change("calls", TAB, 0, title="x"))["code"] == "INVALID_INPUT"
        for topic in ("board", "board:", "board:none", "calls:1", "service:../x"):
            assert (await client.subscribe(topic))["type"] == "error", topic
        assert boards.kept["b"].version == 0


@pytest.mark.req("HY9", "HY10", "SC8", "SS32")
async def test_a_dashboard_is_a_room_until_it_is_taken_back(deps: Deps) -> None:
    ann, bob = await writers(deps)
    made = await create_dashboard(ann.scope, DashboardDraft("Ops", shared="org"), deps)
    room = f"dashboard:{made.id}"
    async with serve(deps) as served, served.greeted(ann) as one, served.greeted(bob) as two:
        whole = await one.subscribe(room, tab=TAB)
        assert (whole["type"], whole["version"]) == ("state", made.version)
        assert await two.subscribe(room, tab=OTHER_TAB) == whole
        change = {"op": "add", "path": "/view/note", "value": {"text": "hello"}}
        ask = {"type": "patch", "topic": room, "tab": TAB, "version": made.version, "ref": 3}
        await one.send(**ask, patch=[change])
        assert (await one.receive())["type"] == "patched"
        assert (await two.receive())["patch"] == [change]
        await one.send(**ask, patch=[change])
        conflict = await one.receive()
        assert (conflict["type"], conflict["version"]) == ("conflict", made.version + 1)
        assert conflict["state"]["view"] == {"note": {"text": "hello"}}
        for refused in ({"op": "move", "path": "/view/a"}, {"op": "add", "path": "/secrets", "value": 1}):
            await one.send(**{**ask, "version": made.version + 1}, patch=[refused])
            frame = await one.receive()
            assert (frame["type"], frame["code"], frame["ref"]) == ("error", "INVALID_INPUT", 3)
        await update_dashboard(ann.scope, made.id, {"shared": "private"}, deps)
        assert await two.receive() == {"type": "left", "topic": room, "why": "forbidden"}
        assert (await two.subscribe(room))["code"] == NO_ROOM
        await delete_dashboard(ann.scope, made.id, deps)
        assert await one.receive() == {"type": "left", "topic": room, "why": "gone"}
