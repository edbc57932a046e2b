"""Letting go of what is too old: first into the archive, on the disk for sure, and only then out of the log."""

import asyncio
import gzip
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from pathlib import Path

import orjson

from portico.domains.events import store
from portico.domains.events.model import Event
from portico.domains.events.wire import event_wire
from portico.kernel.ids import OrgId
from portico.kernel.scope import PlatformScope
from portico.platform.deps import Deps

AT_ONCE = 5000
# Unread events are kept beyond retention for so long; a consumer that was away for longer has to start again.
WAITS_FOR_READERS = timedelta(days=30)
_NOBODY: Mapping[OrgId, int] = {}


async def purge_events(scope: PlatformScope, deps: Deps, unread_from: Mapping[OrgId, int] = _NOBODY) -> int:
    """Remove what is older than record.keep_events_days, in transactions of bounded size; returns how many went.

    unread_from   the oldest position that some consumer of the org still needs
    """
    before = deps.clock.now() - timedelta(days=deps.settings.record.keep_events_days)
    async with deps.read() as tx:
        expired = await store.expired_positions(tx, scope, before)
        overdue = dict(await store.expired_positions(tx, scope, before - WAITS_FOR_READERS))
    removed = 0
    for org_id, seq in expired:
        unneeded = min(seq, unread_from.get(org_id, seq + 1) - 1)
        removed += await _let_go(scope, org_id, max(unneeded, overdue.get(org_id, 0)), deps)
    return removed


async def _let_go(scope: PlatformScope, org_id: OrgId, through: int, deps: Deps) -> int:
    removed = 0
    while True:
        async with deps.read() as tx:
            found = await store.org_events_after(tx, scope, org_id, 0, AT_ONCE)
        batch = [event for event in found if event.seq <= through]
        if not batch:
            return removed
        if deps.settings.record.archive_events:
            await asyncio.to_thread(write, folder_of(deps.settings.data_dir, org_id), batch)
        async with deps.uow() as tx:
            removed += await store.remove_through(tx, scope, org_id, batch[-1].seq)


def folder_of(data_dir: Path, org_id: OrgId) -> Path:
    return data_dir / "archive" / "events" / org_id


def write(folder: Path, batch: Sequence[Event]) -> None:
    """One compressed file of JSON lines, oldest first. A crash before the rows are gone leaves it to be written again."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    first, last = batch[0], batch[-1]
    path = folder / f"{last.at.astimezone(UTC):%Y-%m-%d}-{first.seq}-{last.seq}.jsonl.gz"
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        # Without a time in its head the same events make the same file.
        with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
            packed.writelines(_line(event) for event in batch)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(folder)


def _line(event: Event) -> bytes:
    return orjson.dumps(
        {"org_id": event.org_id, "scope": event.scope, **event_wire(event).model_dump(mode="json")},
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _sync_folder(folder: Path) -> None:
    """A file's name is on the disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
