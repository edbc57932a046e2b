"""What leaves the log is in the archive first, and nobody's unread events leave early."""

import gzip
import json
from dataclasses import replace

import pytest

from portico.domains.events import archive, service
from portico.domains.events import public as events
from portico.domains.events.model import EventFilter
from portico.domains.tenancy import public as tenancy
from portico.kernel.clock import ManualClock
from portico.kernel.ids import OrgId
from portico.kernel.paging import PageAsk
from portico.platform.deps import Deps

KEPT = events.declare("paper.filed.v1", "A paper was filed.", about="paper_id", fields={"paper_id": str})
PLATFORM = tenancy.platform_scope()
ORG = OrgId("org_a")
INSIDE = tenancy.open_system_scope(ORG)


async def file_papers(deps: Deps, *papers: str) -> None:
    for paper in papers:
        async with deps.uow() as tx:
            await events.record(tx, INSIDE, kind=KEPT, payload={"paper_id": paper})


def grow_old(deps: Deps, clock: ManualClock, days: int = 1) -> None:
    clock.advance(seconds=86400 * (deps.settings.record.keep_events_days + days))


async def left(deps: Deps) -> list[int]:
    return [event.seq for event in (await service.list_events(INSIDE, EventFilter(), PageAsk(), deps)).items]


def archived(deps: Deps) -> dict[str, list[str]]:
    found = {}
    for path in sorted(archive.folder_of(deps.settings.data_dir, ORG).iterdir()):
        lines = gzip.decompress(path.read_bytes()).splitlines()
        found[path.name] = [json.loads(line)["payload"]["paper_id"] for line in lines]
    return found


@pytest.mark.req("SP17", "SP21", "R-DATA-010")
async def test_old_events_are_archived_in_bounded_files_and_then_gone(
    deps: Deps, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "AT_ONCE", 2)
    await file_papers(deps, "a", "b", "c")
    grow_old(deps, clock)
    await file_papers(deps, "d")
    assert await events.purge_events(PLATFORM, deps) == 3
    assert archived(deps) == {"2026-01-01-1-2.jsonl.gz": ["a", "b"], "2026-01-01-3-3.jsonl.gz": ["c"]}
    assert await left(deps) == [4]
    files = list(archive.folder_of(deps.settings.data_dir, ORG).iterdir())
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_nothing_leaves_the_log_while_the_archive_cannot_be_written(deps: Deps, clock: ManualClock) -> None:
    await file_papers(deps, "a")
    grow_old(deps, clock)
    folder = archive.folder_of(deps.settings.data_dir, ORG)
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    with pytest.raises(OSError, match=ORG):
        await events.purge_events(PLATFORM, deps)
    assert await left(deps) == [1]


async def test_without_the_setting_nothing_is_written(deps: Deps, clock: ManualClock) -> None:
    settings = replace(deps.settings, record=replace(deps.settings.record, archive_events=False))
    await file_papers(deps, "a")
    grow_old(deps, clock)
    assert await events.purge_events(PLATFORM, replace(deps, settings=settings)) == 1
    assert not (deps.settings.data_dir / "archive").exists()


async def test_events_that_a_consumer_still_needs_stay_a_month_longer(deps: Deps, clock: ManualClock) -> None:
    await file_papers(deps, "a", "b", "c")
    grow_old(deps, clock)
    assert await events.purge_events(PLATFORM, deps, {ORG: 2}) == 1
    assert await left(deps) == [3, 2]
    clock.advance(seconds=86400 * 30)
    assert await events.purge_events(PLATFORM, deps, {ORG: 2}) == 2
    assert await left(deps) == []
