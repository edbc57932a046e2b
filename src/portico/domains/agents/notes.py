"""What gateways noted of tasks, folded into the tables.

Files: `<data_dir>/tasks/<gateway_id>/<epoch>-<number>.jsonl`; an epoch is one life of a gateway process. Folding a line twice
comes to the same as folding it once, so where a file was read up to is kept in memory alone; a file that nobody writes to any
more is deleted once it is folded.
"""

import asyncio
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from portico.domains.agents import task_store
from portico.domains.agents.model import AgentTask
from portico.domains.hub import public as hub
from portico.domains.tenancy import public as tenancy
from portico.platform.db import from_micros
from portico.platform.deps import Deps

log = structlog.get_logger("portico.agents")
MOST_LINES = 2000
MOST_READ_BYTES = 8 * 1024 * 1024
_FIELDS = 13


@dataclass(frozen=True, slots=True)
class _Read:
    path: Path
    upto: int
    tasks: list[AgentTask]
    finished: bool


@dataclass(slots=True)
class TaskNotes:
    """`fold` as often as you like; two at once only do the work twice."""

    deps: Deps
    _upto: dict[Path, int] = field(default_factory=dict)

    async def fold(self) -> int:
        """Returns how many notes were folded."""
        folded = 0
        for path, last in await asyncio.to_thread(_files, self.deps.settings.data_dir / "tasks"):
            while True:
                read = await asyncio.to_thread(_read, path, self._upto.get(path, 0), last)
                await self._store(read.tasks)
                self._upto[path] = read.upto
                folded += len(read.tasks)
                if read.finished:
                    await asyncio.to_thread(path.unlink, missing_ok=True)
                    self._upto.pop(path, None)
                if read.finished or not read.tasks:
                    break
        return folded

    async def _store(self, tasks: list[AgentTask]) -> None:
        if not tasks:
            return
        scope = tenancy.platform_scope()
        async with self.deps.uow() as tx:
            # Tasks of a service that was deleted meanwhile have nowhere to go.
            wanted = sorted({task.service_id for task in tasks})
            there = {str(each.id) for each in await hub.services_by_id(tx, scope, wanted)}
            await task_store.store_tasks(tx, scope, [task for task in tasks if task.service_id in there])


def _files(folder: Path) -> list[tuple[Path, bool]]:
    """Oldest first, each with whether it is the one being written to."""
    found = []
    for gateway in sorted(folder.iterdir()) if folder.is_dir() else ():
        files = sorted(gateway.glob("*.jsonl")) if gateway.is_dir() else []
        found += [(path, path == files[-1]) for path in files]
    return found


def _read(path: Path, start: int, live: bool) -> _Read:
    """The whole lines after `start`; a torn last line of a file that is done with is left out."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            chunk = file.read(MOST_READ_BYTES)
    except FileNotFoundError:
        return _Read(path, start, [], True)
    end = chunk.rfind(b"\n") + 1
    lines = chunk[:end].splitlines(keepends=True)[:MOST_LINES]
    upto = start + sum(map(len, lines))
    tasks = [task for line in lines if (task := _task(line, path)) is not None]
    return _Read(path, upto, _newest(tasks), not live and not lines)


def _newest(tasks: list[AgentTask]) -> list[AgentTask]:
    """Of each task, and of each who claims it, the first moment and the last state."""
    found: dict[tuple[str, str, str], AgentTask] = {}
    for task in tasks:
        key = (task.service_id, task.task_id, task.principal_id)
        before = found.get(key)
        if before is None:
            found[key] = task
        elif task.updated_at >= before.updated_at:
            found[key] = replace(before, state=task.state, snapshot=task.snapshot, updated_at=task.updated_at)
    return list(found.values())


def _task(line: bytes, path: Path) -> AgentTask | None:
    if not line.startswith(b'["task"'):
        # The first line of a file says who writes it; an empty one is how a gateway finds out that its disk has room.
        return None
    try:
        said: list[Any] = json.loads(line)
        if len(said) != _FIELDS or not isinstance(said[12], dict):
            raise ValueError("it has not the fields of a note")
        at = from_micros(int(said[1]))
        _, _, org_id, scope, service_id, task_id, context_id, principal_id, name, endpoint_id, call_id, state, shot = (
            said
        )
        texts = (org_id, scope, service_id, task_id, context_id, principal_id, name, endpoint_id, call_id, state)
        if not all(isinstance(each, str) for each in texts):
            raise ValueError("its names are no texts")
    except (ValueError, OverflowError, RecursionError) as error:
        log.error("task_note_skipped", file=path.name, why=str(error)[:200])
        return None
    return AgentTask(
        service_id=service_id,
        task_id=_stored(task_id),
        org_id=org_id,
        scope=scope,
        context_id=_stored(context_id),
        principal_id=principal_id,
        principal_name=_stored(name),
        endpoint_id=endpoint_id,
        call_id=call_id,
        state=_stored(state),
        snapshot=shot,
        created_at=at,
        updated_at=at,
    )


def _stored(text: str) -> str:
    """Neither NUL nor half a character can be stored."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
