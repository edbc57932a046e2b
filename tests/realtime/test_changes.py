"""A change of a dashboard on its way to those who have it open: in order, and without reading again what was just written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from portico.domains.dashboards import public as dashboards
from portico.domains.dashboards.model import DashboardDraft
from portico.domains.dashboards.service import create_dashboard, update_dashboard
from portico.platform.bus import LocalBus
from portico.platform.db import open_database
from portico.platform.deps import Deps
from portico.realtime import pumps
from tests.realtime.served import Client, serve
from tests.realtime.test_rooms import OTHER_TAB, TAB, writers


@asynccontextmanager
async def unheard(deps: Deps) -> AsyncIterator[Deps]:
    """Another process over the same database, of which nothing is heard here."""
    bus = LocalBus()
    database = open_database(deps.settings, bus, deps.clock)
    try:
        yield replace(deps, bus=bus, db=database)
    finally:
        await database.close()


def change(number: int) -> list[dict[str, Any]]:
    return [{"op": "add", "path": "/view/v", "value": {"n": number}}]


async def patch(client: Client, room: str, version: int) -> dict[str, Any]:
    await client.send(type="patch", topic=room, tab=TAB, version=version, ref=1, patch=change(version))
    while (frame := await client.receive())["type"] == "patch":
        continue
    return frame


@pytest.mark.req("HY9", "HY10")
async def test_what_was_just_written_is_told_without_being_read_again(deps: Deps) -> None:
    ann, bob = await writers(deps)
    made = await create_dashboard(ann.scope, DashboardDraft("Ops", shared="org"), deps)
    room, asked = f"dashboard:{made.id}", list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    async with serve(deps) as served, served.greeted(ann) as writer, served.greeted(bob) as reader:
        await writer.subscribe(room, tab=TAB)
        await reader.subscribe(room, tab=OTHER_TAB)
        engine = deps.db.sqlalchemy.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            for version in range(made.version, made.version + 5):
                assert (await patch(writer, room, version))["version"] == version + 1
                heard = await reader.receive()
                assert (heard["version"], heard["patch"], heard["by"]["id"]) == (
                    version + 1,
                    change(version),
                    ann.scope.actor.id,
                )
        finally:
            event.remove(engine, "before_cursor_execute", note)
    assert not [each for each in asked if "dashboard_changes.version >" in each]
    assert len([each for each in asked if each.startswith("UPDATE dashboards")]) == 5


@pytest.mark.req("HY9", "HY10", "SP16")
async def test_a_change_made_elsewhere_and_not_heard_of_comes_before_the_one_on_top_of_it(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody looks by the clock, so only the second change can bring the first.
    monkeypatch.setattr(pumps, "TICK_S", 600.0)
    ann, bob = await writers(deps)
    made = await create_dashboard(ann.scope, DashboardDraft("Ops", shared="org"), deps)
    room = f"dashboard:{made.id}"
    async with (
        unheard(deps) as elsewhere,
        serve(deps) as served,
        served.greeted(ann) as writer,
        served.greeted(bob) as reader,
    ):
        await writer.subscribe(room, tab=TAB)
        await reader.subscribe(room, tab=OTHER_TAB)
        first = made.version
        await dashboards.apply_patch(bob.scope, made.id, tab=None, version=first, patch=change(first), deps=elsewhere)
        assert (await patch(writer, room, first + 1))["version"] == first + 2
        heard = [await reader.receive(), await reader.receive()]
        assert [(frame["version"], frame["patch"]) for frame in heard] == [
            (first + 1, change(first)),
            (first + 2, change(first + 1)),
        ]


@pytest.mark.req("HY9", "HY14")
async def test_who_may_not_see_it_any_more_hears_nothing_of_a_change_right_after(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "TICK_S", 600.0)
    ann, bob = await writers(deps)
    made = await create_dashboard(ann.scope, DashboardDraft("Ops", shared="org"), deps)
    room = f"dashboard:{made.id}"
    async with (
        unheard(deps) as elsewhere,
        serve(deps) as served,
        served.greeted(ann) as writer,
        served.greeted(bob) as reader,
    ):
        await writer.subscribe(room, tab=TAB)
        await reader.subscribe(room, tab=OTHER_TAB)
        await update_dashboard(ann.scope, made.id, {"shared": "private"}, elsewhere)
        assert (await patch(writer, room, made.version))["type"] == "patched"
        assert await reader.receive() == {"type": "left", "topic": room, "why": "forbidden"}


@pytest.mark.req("HY9", "SP16")
async def test_who_comes_while_nothing_changes_gets_the_state_that_was_read_for_another(deps: Deps) -> None:
    ann, bob = await writers(deps)
    made = await create_dashboard(ann.scope, DashboardDraft("Ops", shared="org"), deps)
    room, asked = f"dashboard:{made.id}", list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    async with serve(deps) as served, served.greeted(ann) as first, served.greeted(bob) as second:
        whole = await first.subscribe(room, tab=TAB)
        engine = deps.db.sqlalchemy.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            assert await second.subscribe(room, tab=OTHER_TAB) == whole
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert not [each for each in asked if "dashboards.state" in each]
        # After a change it is read again.
        assert (await patch(first, room, made.version))["type"] == "patched"
        assert (await second.receive())["version"] == made.version + 1
        async with served.greeted(bob) as third:
            newest = await third.subscribe(room, tab=OTHER_TAB)
            assert (newest["type"], newest["version"]) == ("state", made.version + 1)
            assert newest["state"]["view"] == {"v": {"n": made.version}}
        # Nobody gets by this what is not theirs to see.
        await update_dashboard(ann.scope, made.id, {"shared": "private"}, deps)
        async with served.greeted(bob) as stranger:
            refused = await stranger.subscribe(room, tab=OTHER_TAB)
            assert (refused["type"], refused["code"]) == ("error", "NOT_FOUND")
