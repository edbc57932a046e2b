"""The Python client against the real door: follow, resume, change, be refused."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from portico.domains.dashboards.model import DashboardDraft
from portico.domains.dashboards.service import create_dashboard, delete_dashboard
from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import Identity
from portico.platform.deps import Deps
from portico.realtime import client
from portico.realtime.admission import SocketTerms
from portico.realtime.client import Changed, Frame, Left, Live, Refused, connect
from tests.realtime.boards import Boards
from tests.realtime.served import PASSWORD, Served, key_of, reader_of, serve
from tests.usage.journals import call

TAB = "0f8fad5b-d9cb-469f-a165-70867728950e"
WRITES = ("dashboards.read", "dashboards.manage")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_WAIT_S", 0.01)


def address(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}"


def tickets(served: Served, identity: Identity) -> Callable[[], Awaitable[str]]:
    return lambda: served.ticket(identity)


async def next_of(frames: AsyncIterator[Frame]) -> Frame:
    async with asyncio.timeout(20):
        return await anext(frames)


async def last_of(frames: AsyncIterator[Frame]) -> None:
    async with asyncio.timeout(20):
        async for _ in frames:
            continue


def cut_all(served: Served) -> None:
    for seat in served.realtime.seats:
        seat.line.abort()


@pytest.mark.req("R-INT-002", "SP16", "R-API-012")
async def test_connections_cut_at_any_moment_lose_and_repeat_nothing(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    written: list[str] = []
    seen: list[str] = []
    rounds = 40
    async with serve(deps) as served, connect(address(served), ticket=tickets(served, identity)) as live:

        async def write() -> None:
            for number in range(rounds):
                written.extend(await served.fold(*(call(org_id=identity.scope.org_id) for _ in range(3))))
                await asyncio.sleep(0.02)
                if number % 5 == 2:
                    cut_all(served)

        async with asyncio.timeout(60), asyncio.TaskGroup() as group, aclosing(live.follow("calls")) as frames:
            assert (await anext(frames))["type"] == "snapshot"
            group.create_task(write())
            async for frame in frames:
                seen.extend(item["id"] for item in frame["items"])
                if len(seen) >= rounds * 3:
                    break
    assert seen == written


@pytest.mark.req("HY9", "HY10", "HY11")
async def test_a_state_is_followed_changed_and_resumed(deps: Deps) -> None:
    ann = await reader_of(deps, "otter", WRITES)
    bob = await key_of(deps, ann.scope.org_id, WRITES)
    boards = Boards(deps)
    boards.add("b", ann, title="One", text="long " * 5000)
    async with (
        serve(deps, topics=boards.topics) as served,
        connect(address(served), ticket=tickets(served, ann)) as live,
        aclosing(live.follow("board:b")) as frames,
    ):
        whole = await next_of(frames)
        assert client.checksum(whole["state"]) == whole["checksum"]
        done = await live.patch("board:b", 0, [{"op": "replace", "path": "/title", "value": "Two"}])
        assert done["version"] == 1
        with pytest.raises(Changed) as changed:
            await live.patch("board:b", 0, [{"op": "replace", "path": "/title", "value": "Three"}])
        assert changed.value.frame["state"]["title"] == "Two"
        with pytest.raises(Refused, match="knows only replace"):
            await live.patch("board:b", 1, [{"op": "remove", "path": "/title"}])
        cut_all(served)
        boards.write("b", bob.scope, None, title="Four")
        frame = await next_of(frames)
        assert (frame["type"], frame["version"], frame["patch"][0]["value"]) == ("patch", 2, "Four")
        boards.remove("b")
        with pytest.raises(Left, match="gone"):
            await last_of(frames)


async def test_what_may_not_be_followed_is_said(deps: Deps) -> None:
    identity = await reader_of(deps, "otter", ("events.read",))
    async with serve(deps) as served, connect(address(served), ticket=tickets(served, identity)) as live:
        for topic, code in (
            ("calls", "ROLE_REQUIRED"),
            ("secrets", "INVALID_INPUT"),
            ("service:svc_x", "ROLE_REQUIRED"),
        ):
            with pytest.raises(Refused) as refused:
                await next_of(live.follow(topic))
            assert refused.value.code == code
        assert (await next_of(live.follow("events")))["type"] == "snapshot"


async def test_a_reader_that_does_not_keep_up_starts_again(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_WAITING_FRAMES", 2)
    identity = await reader_of(deps, "otter")
    async with (
        serve(deps) as served,
        connect(address(served), ticket=tickets(served, identity)) as live,
        aclosing(live.follow("calls")) as frames,
    ):
        assert (await next_of(frames))["type"] == "snapshot"
        for _ in range(6):
            last = await served.fold(call(org_id=identity.scope.org_id))
            await asyncio.sleep(0.1)
        kinds, newest = [], ""
        while newest != last[0]:
            frame = await next_of(frames)
            kinds.append(frame["type"])
            # A snapshot has the newest first, an append last.
            newest = frame["items"][0 if frame["type"] == "snapshot" else -1]["id"]
        assert "snapshot" in kinds


@pytest.mark.req("SP16", "C12")
async def test_a_key_takes_its_own_tickets_and_a_bad_one_is_refused(deps: Deps, app: FastAPI) -> None:
    seeded = await tenancy.seed_owner(deps, "Otter", "otter", "o@otter.example", "Owner", PASSWORD)
    system = tenancy.open_system_scope(seeded.org_id)
    _, secret = await tenancy.create_key(system, tenancy.KeyDraft("follower", ("events.read",)), deps)
    async with serve(deps, app=app) as served:
        async with connect(address(served), key=secret) as live:
            assert (await next_of(live.follow("events")))["type"] == "snapshot"
            cut_all(served)
            await asyncio.wait_for(live.connected.wait(), 20)
        async with connect(address(served), key=secret[:-4] + "oops") as live:
            with pytest.raises(Refused):
                await next_of(live.follow("events"))


@pytest.mark.req("SP16")
async def test_the_client_keeps_the_socket_alive(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    terms = SocketTerms(heartbeat_s=0.1, silence_s=0.5)
    async with serve(deps, terms) as served, connect(address(served), ticket=tickets(served, identity)) as live:
        await asyncio.wait_for(live.connected.wait(), 10)
        (seat,) = served.realtime.seats
        await asyncio.sleep(1.2)
        assert seat in served.realtime.seats


def test_the_client_takes_nothing_of_the_server_along() -> None:
    asked = (
        "import sys, portico.realtime.client; "
        "print([name for name in sys.modules if name.split('.')[0] in "
        "{'sqlalchemy', 'starlette', 'fastapi', 'uvicorn', 'pydantic', 'msgspec'} "
        "or name.startswith(('portico.domains', 'portico.platform', 'portico.kernel'))])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


def test_an_address_and_one_way_to_sign_in_are_needed() -> None:
    async def opened(url: str, **named: Any) -> Live:
        async with connect(url, **named) as live:
            return live

    for url, named in (("ftp://x", {"key": "k"}), ("http://x", {}), ("http://x", {"key": "k", "ticket": lambda: None})):
        with pytest.raises(ValueError):  # noqa: PT011
            asyncio.run(opened(url, **named))


@pytest.mark.req("R-INT-002", "SP16")
async def test_the_example_in_the_docs_does_what_it_says(deps: Deps, app: FastAPI) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "realtime.md"
    program = page.read_text().split("```python\n")[1].split("```")[0]
    seeded = await tenancy.seed_owner(deps, "Otter", "otter", "o@otter.example", "Owner", PASSWORD)
    system = tenancy.open_system_scope(seeded.org_id)
    _, secret = await tenancy.create_key(system, tenancy.KeyDraft("example", WRITES), deps)
    ann = await tenancy.authenticate(deps, secret, None)
    board = await create_dashboard(ann.scope, DashboardDraft("Ops", shared="org"), deps)
    async with serve(deps, app=app) as served, served.greeted(await key_of(deps, seeded.org_id, WRITES)) as colleague:
        room = f"dashboard:{board.id}"
        await colleague.subscribe(room, tab=TAB)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            env={"PORTICO_URL": address(served), "PORTICO_KEY": secret, "DASHBOARD": board.id, "PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            version = (await colleague.receive())["version"]
            change = {"op": "add", "path": "/view/answer", "value": {"text": "fine"}}
            await colleague.send(type="patch", topic=room, tab=TAB, version=version, ref=1, patch=[change])
            assert (await colleague.receive())["type"] == "patched"
            await delete_dashboard(ann.scope, board.id, deps)
            async with asyncio.timeout(20):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert said.decode().splitlines() == [f"{version + 1} reader {[change]}", "over: gone"]
