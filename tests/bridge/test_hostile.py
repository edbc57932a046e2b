"""Servers that misbehave: bounded, cleaned up, with an error that says what happened, and nobody else affected."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from portico.bridge import child
from portico.bridge.keeper import descendants
from portico.platform.sections import ToolsSettings
from tests.bridge.yard import Yard, script, service

GOOD = script("small")


async def call(yard: Yard, name: str, tool: str, **asked: Any) -> tuple[int, str]:
    status, told = await yard.rpc(name, "tools/call", name=tool, arguments=asked)
    return status, told["error"]["message"] if "error" in told else told["result"]["content"][0]["text"]


async def nothing_left(yard: Yard, keeper_of: str) -> None:
    await yard.until(lambda: yard.server(keeper_of).state == "failed", "the server to be over")


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        ("flood", "it sends more than anybody asked for"),
        ("noise", "something other than JSON-RPC"),
        ("long", "a message of more than 1,048,576 bytes"),
        ("die", "ended by SIGKILL"),
        ("exit", "exit code 3"),
        ("hog", "bytes of memory; its limit is 134,217,728"),
        ("bomb", "processes; its limit is 12"),
    ],
)
@pytest.mark.req("HY19", "R-SVC-006")
async def test_misbehaviour_ends_the_server_and_tells_its_caller_why(yard: Yard, tool: str, says: str) -> None:
    await yard.open(bad=script("small", memory_bytes=128 << 20, processes=12), good=GOOD)
    assert await call(yard, "good", "add", a=1, b=1) == (200, "2")
    good = yard.server("good").pid
    (status, words), (_, sum_) = await asyncio.gather(call(yard, "bad", tool), call(yard, "good", "add", a=2, b=2))
    assert status in {200, 502}, words
    assert says in words
    assert sum_ == "4"
    await nothing_left(yard, "bad")
    assert len([each for each in yard.family() if each == good]) == 1
    assert yard.server("good").state == "running"


async def test_others_who_wait_for_a_server_that_dies_are_told_too(yard: Yard) -> None:
    await yard.open(bad=script("small"))
    answers = await asyncio.gather(*(call(yard, "bad", tool) for tool in ("hang",)), _later(yard, "kill"))
    assert answers[0][0] == 502
    assert "SIGKILL" in answers[0][1]


async def _later(yard: Yard, order: str) -> None:
    """When the call is with the server, somebody kills the server's process."""
    server = yard.server("bad")
    await yard.until(lambda: server.in_flight_of_clients == 1, "the call to be under way")
    keeper = next(each for each in yard.family() if b"keeper" in Path(f"/proc/{each}/cmdline").read_bytes())
    os.kill(descendants(keeper)[-1], signal.SIGKILL)


async def test_it_is_started_again_and_clients_go_on(yard: Yard) -> None:
    await yard.open(bad=script("small"))
    async with yard.client("bad", mode="legacy") as client:
        assert (await client.call_tool("add", {"a": 1, "b": 1})).content[0].text == "2"
        with pytest.raises(Exception, match="exit code 3"):
            await client.call_tool("exit", {})
        server = yard.server("bad")
        await yard.until(lambda: server.state == "running" and server.restarts == 1, "the server to run again")
        assert (await client.call_tool("add", {"a": 2, "b": 1})).content[0].text == "3"


async def test_a_server_that_hangs_times_out_its_callers_alone(yard: Yard) -> None:
    await yard.open(bad=msgspec.structs.replace(service("bad", GOOD), timeout_s=1.0), good=GOOD)
    status, words = await call(yard, "bad", "hang")
    assert status in {200, 504}
    assert "in time" in words or "did not answer" in words
    assert await call(yard, "good", "add", a=1, b=2) == (200, "3")


async def test_servers_that_hang_at_the_start_delay_nobody(yard: Yard) -> None:
    hanging = {f"bad-{number}": script("small", "--silent", start_timeout_s=60) for number in range(6)}
    await yard.open(**hanging, good=GOOD)
    asked = [asyncio.create_task(yard.rpc(name, "tools/list")) for name in hanging]
    await yard.until(lambda: len(yard.family()) >= 4, "the first servers to start")
    assert await call(yard, "good", "add", a=1, b=2) == (200, "3")
    for task in asked:
        task.cancel()


@pytest.mark.req("R-SVC-007")
async def test_stopping_ends_what_ignores_it_and_what_forked_away(yard: Yard) -> None:
    await yard.open(bad=script("small", "--ignore-sigterm"))
    assert await call(yard, "bad", "fork") == (200, "forked")
    before = yard.family()
    assert len(before) >= 3
    await yard.server("bad").stop("It was stopped.")
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists()]
    assert yard.server("bad").state == "stopped"


async def test_an_idle_server_is_stopped_and_started_anew_by_the_next_call(yard: Yard) -> None:
    await yard.open(small=script("small", idle_stop_s=1))
    assert await call(yard, "small", "add", a=1, b=1) == (200, "2")
    await yard.until(lambda: yard.server("small").state == "stopped", "the idle server to stop")
    assert yard.family() == []
    assert await call(yard, "small", "add", a=1, b=1) == (200, "2")
    assert yard.server("small").error is None


async def test_another_definition_ends_the_old_process(yard: Yard) -> None:
    await yard.open(small=script("small"))
    await call(yard, "small", "add", a=1, b=1)
    before = yard.family()
    yard.redefine(small=script("small", environment=(("NEW", "yes"),)))
    await yard.until(lambda: not [pid for pid in before if Path(f"/proc/{pid}").exists()], "the old one to end")
    _, words = await call(yard, "small", "whoami")
    assert '"NEW": "yes"' in words


async def test_a_server_that_was_removed_leaves_no_process_and_no_folder(yard: Yard) -> None:
    await yard.open(small=script("small"), good=GOOD)
    await call(yard, "small", "add", a=1, b=1)
    folder = yard.server("small").folder
    assert folder.exists()
    yard.redefine(good=GOOD)
    await yard.until(lambda: yard.family() == [] and not folder.exists(), "everything to be gone")


async def test_secrets_stand_in_no_log_and_no_error(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTSIDE", "s3cr3t-value-of-the-token")
    small = script("small", environment=(("TOKEN", "${OUTSIDE}"),))
    await yard.open(small=small, tools=ToolsSettings(environment=["OUTSIDE"]))
    _, words = await call(yard, "small", "exit")
    server = yard.server("small")
    lines = [text for _, text in server.log.last(100)]
    assert any("giving up with •••" in line for line in lines)
    assert "s3cr3t" not in "".join([*lines, words, server.error or ""])


@pytest.mark.req("R-SVC-007")
async def test_without_a_room_of_its_own_the_keeper_ends_every_orphan(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on machines that give an ordinary user no namespace."""
    roomless = "from portico.bridge import jail;jail.open_process_room=lambda:False;"
    monkeypatch.setattr(child, "_KEEPER", child._KEEPER.replace("from portico", roomless + "from portico", 1))
    await yard.open(bad=script("small", "--ignore-sigterm"))
    for _ in range(3):
        assert await call(yard, "bad", "fork") == (200, "forked")
    before = yard.family()
    # The keeper, the server, and three that left its session and its pipes.
    assert len(before) == 5
    await yard.server("bad").stop("It was stopped.")
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists()]
