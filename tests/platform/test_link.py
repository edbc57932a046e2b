"""How a process keeps its link to another: dialled often while nobody listens, seldom when the other cannot keep it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from portico.platform.link import LONGEST_PAUSE_IN_TROUBLE_S, LONGEST_PAUSE_S, Link, stay_linked

MANY = 30


class EnoughPauses(Exception):
    pass


async def pauses_between_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == MANY:
            raise EnoughPauses
        await real_sleep(0)

    async def serve(link: Link[Any]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(link.receive())

    monkeypatch.setattr("portico.platform.link.asyncio.sleep", sleep)
    with pytest.raises(EnoughPauses):
        await asyncio.wait_for(stay_linked(path, dict[str, int], serve), 10)
    return pauses


async def test_one_that_is_starting_is_dialled_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = await pauses_between_links(tmp_path / "nobody.sock", monkeypatch)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S


async def test_one_that_lets_go_of_each_link_at_once_is_left_in_peace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def let_go(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    path = tmp_path / "troubled.sock"
    async with await asyncio.start_unix_server(let_go, str(path)):
        pauses = await pauses_between_links(path, monkeypatch)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_IN_TROUBLE_S
