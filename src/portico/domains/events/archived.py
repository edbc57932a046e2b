"""Reading what has left the log. A file holds every scope of its org; whoever reads it gets the events of their own scope."""

import asyncio
import gzip
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from portico.domains.events.archive import folder_of
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.paging import Page, PageAsk, make_page
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

_FILE = re.compile(r"(?P<id>(?P<day>\d{4}-\d{2}-\d{2})-(?P<first>\d{1,18})-(?P<last>\d{1,18}))\.jsonl\.gz", re.ASCII)
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Archive:
    """One file. `day` is that of its last event; `first_seq` to `last_seq` are positions of the org's log, of all its scopes."""

    id: str
    day: str
    first_seq: int
    last_seq: int
    bytes: int


async def list_archives(scope: OrgScope, ask: PageAsk, deps: Deps) -> Page[Archive]:
    """The newest first."""
    known = await asyncio.to_thread(_archives, folder_of(deps.settings.data_dir, scope.org_id))
    before = None if ask.cursor is None else _place(ask.cursor.after)
    rows = [each for each in known if before is None or (each.first_seq, each.last_seq) < before]
    return make_page(rows[: ask.page_size + 1], ask, lambda each: (each.first_seq, each.last_seq), len(known))


async def open_archive(scope: OrgScope, archive_id: str, deps: Deps) -> Iterator[bytes]:
    """Its events as lines of JSON, oldest first, in pieces of bounded size; each piece is read when it is asked for."""
    name = f"{archive_id}.jsonl.gz"
    path = folder_of(deps.settings.data_dir, scope.org_id) / name
    if _FILE.fullmatch(name) is None or not await asyncio.to_thread(path.is_file):
        raise NotFound("event archive", archive_id)
    return _lines_of(path, scope)


def _archives(folder: Path) -> list[Archive]:
    if not folder.is_dir():
        return []
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            # Drafts, and whatever else somebody has put there, are no archives.
            if named := _FILE.fullmatch(entry.name):
                first, last = int(named["first"]), int(named["last"])
                found.append(Archive(named["id"], named["day"], first, last, entry.stat().st_size))
    return sorted(found, key=lambda each: (each.first_seq, each.last_seq), reverse=True)


def _lines_of(path: Path, scope: OrgScope) -> Iterator[bytes]:
    chunk = bytearray()
    with gzip.open(path, "rb") as lines:
        for line in lines:
            event = orjson.loads(line)
            if event["org_id"] == scope.org_id and event["scope"] == scope.scope:
                chunk += line
            if len(chunk) >= _CHUNK_BYTES:
                yield bytes(chunk)
                chunk.clear()
    yield bytes(chunk)


def _place(after: tuple[str | int | float | None, ...]) -> tuple[int, int]:
    first, last = after if len(after) == 2 else (None, None)
    if not isinstance(first, int) or not isinstance(last, int):
        raise InvalidInput("cursor", "is not a cursor that this list gave out; start again without it")
    return first, last
