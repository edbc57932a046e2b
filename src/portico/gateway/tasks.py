"""The tasks of agents that passed through here: whose each is, where it lives, and its last state.

A task's id opens what its maker put into it, so it is worth as much as a credential: with another key it is not found. What is
known is in memory, bounded per org, and each change of it is a line in a file of its own, which control folds into its tables;
so what this process forgets, at its bound or when it dies, control still knows.
"""

import json
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

from portico.domains.agents.model import TERMINAL
from portico.domains.agents.shapes import merged
from portico.gateway.journal import Journal

Json = dict[str, Any]
MOST_PER_ORG = 10_000
MOST_SNAPSHOT_BYTES = 64 * 1024
# What is kept here of a task that has ended; control keeps the whole.
MOST_ENDED_BYTES = 4 * 1024
SEGMENT_BYTES = 4 * 1024 * 1024


class KnownTask:
    """`snapshot` is the task as A2A 1.0 shows it, as far as it was seen; `size` bounds it."""

    __slots__ = (
        "call_id",
        "context_id",
        "dirty",
        "endpoint_id",
        "principal_id",
        "principal_name",
        "scope",
        "size",
        "snapshot",
        "state",
    )

    def __init__(
        self, principal_id: str, principal_name: str, scope: str, endpoint_id: str, call_id: str, context_id: str
    ) -> None:
        self.principal_id, self.principal_name, self.scope = principal_id, principal_name, scope
        self.endpoint_id, self.call_id, self.context_id = endpoint_id, call_id, context_id
        self.state = "TASK_STATE_UNSPECIFIED"
        self.snapshot: Json = {}
        self.size = 0
        self.dirty = False


class TaskBook:
    def __init__(self, folder: Path, gateway_id: str, epoch: str, most_per_org: int = MOST_PER_ORG) -> None:
        self._folder, self._gateway_id, self._epoch, self._most = folder, gateway_id, epoch, most_per_org
        self._orgs: dict[str, OrderedDict[tuple[str, str], KnownTask]] = {}
        self._contexts: dict[str, OrderedDict[tuple[str, str], str]] = {}
        self._journal: Journal | None = None
        # Streams and messages under way, by service.
        self.open_calls: dict[str, int] = {}
        self.counts: dict[tuple[str, str], int] = {}

    # -- whose ---------------------------------------------------------------------------------------------------------

    def find(self, org_id: str, service_id: str, task_id: str) -> KnownTask | None:
        known = self._orgs.get(org_id)
        task = None if known is None else known.get((service_id, task_id))
        if known is not None and task is not None:
            known.move_to_end((service_id, task_id))
        return task

    def owner_of_context(self, org_id: str, service_id: str, context_id: str) -> str | None:
        known = self._contexts.get(org_id)
        return None if known is None else known.get((service_id, context_id))

    def remember(self, org_id: str, service_id: str, task_id: str, task: KnownTask) -> None:
        known = self._orgs.setdefault(org_id, OrderedDict())
        known[service_id, task_id] = task
        known.move_to_end((service_id, task_id))
        if len(known) > self._most:
            known.popitem(last=False)
        if task.context_id:
            self.remember_context(org_id, service_id, task.context_id, task.principal_id)

    def remember_context(self, org_id: str, service_id: str, context_id: str, principal_id: str) -> None:
        """Whoever was first has it."""
        known = self._contexts.setdefault(org_id, OrderedDict())
        known.setdefault((service_id, context_id), principal_id)
        known.move_to_end((service_id, context_id))
        if len(known) > self._most:
            known.popitem(last=False)

    # -- what is seen --------------------------------------------------------------------------------------------------

    def note(self, org_id: str, service_id: str, task_id: str, task: KnownTask) -> None:
        """Write down how the task stands; survives kill -9 once this turn of the loop is over."""
        task.dirty = False
        line = (
            "task",
            time.time_ns() // 1000,
            org_id,
            task.scope,
            service_id,
            task_id,
            task.context_id,
            task.principal_id,
            task.principal_name,
            task.endpoint_id,
            task.call_id,
            task.state,
            task.snapshot,
        )
        if self._journal is None:
            now_us = time.time_ns() // 1000
            self._journal = Journal(self._folder, self._gateway_id, self._epoch, SEGMENT_BYTES, now_us)
        self._journal.write_soon(json.dumps(line, separators=(",", ":")).encode())

    # -- housekeeping --------------------------------------------------------------------------------------------------

    def call_opened(self, service_id: str) -> None:
        self.open_calls[service_id] = self.open_calls.get(service_id, 0) + 1

    def call_ended(self, service_id: str) -> None:
        left = self.open_calls.get(service_id, 1) - 1
        if left > 0:
            self.open_calls[service_id] = left
        else:
            self.open_calls.pop(service_id, None)

    def count(self, operation: str, outcome: str) -> None:
        key = (operation, outcome)
        self.counts[key] = self.counts.get(key, 0) + 1

    def report(self) -> dict[str, float]:
        """Prometheus samples, as in Stats.report."""
        samples: dict[str, float] = {
            f'a2a_open_calls{{service="{service_id}"}}': count for service_id, count in self.open_calls.items()
        }
        for (operation, outcome), count in self.counts.items():
            samples[f'a2a_calls_total{{operation="{operation}",outcome="{outcome}"}}'] = count
        return samples

    def sweep(self) -> None:
        if self._journal is not None:
            self._journal.retry()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()


class Watch:
    """What one call's answers say of tasks, put into the book."""

    def __init__(
        self, book: TaskBook, org_id: str, service_id: str, who: tuple[str, str, str], endpoint_id: str, call_id: str
    ) -> None:
        """`who`: the principal's id and name, and its scope."""
        self._book, self._org_id, self._service_id = book, org_id, service_id
        self._who, self._endpoint_id, self._call_id = who, endpoint_id, call_id
        self._touched: dict[str, KnownTask] = {}

    def saw(self, event: Json) -> bool:
        """An event in the shape of 1.0. False when it is about a task of somebody else, which must go no further."""
        for name in ("task", "statusUpdate", "artifactUpdate", "message"):
            inner = event.get(name)
            if isinstance(inner, dict):
                return self.saw_task(inner) if name == "task" else self._saw_part(name, inner)
        return True

    def saw_task(self, task: Json) -> bool:
        known = self._known(task.get("id"), task.get("contextId"))
        if known is None:
            return not task.get("id")
        known.snapshot = dict(task)
        known.size = len(json.dumps(task))
        self._bound(known)
        status = task.get("status")
        self._stands(str(task["id"]), known, status if isinstance(status, dict) else {})
        return True

    def _saw_part(self, name: str, part: Json) -> bool:
        task_id, context_id = part.get("taskId"), part.get("contextId")
        if not task_id:
            if isinstance(context_id, str) and 0 < len(context_id) <= 256:
                self._book.remember_context(self._org_id, self._service_id, context_id, self._who[0])
            return True
        known = self._known(task_id, context_id)
        if known is None:
            return False
        if name == "statusUpdate" and isinstance(part.get("status"), dict):
            known.snapshot = merged(known.snapshot, {"statusUpdate": part})
            self._stands(str(task_id), known, part["status"])
        elif name == "artifactUpdate" and isinstance(part.get("artifact"), dict):
            known.size += len(json.dumps(part["artifact"]))
            known.snapshot = merged(known.snapshot, {"artifactUpdate": part})
            self._bound(known)
            known.dirty = True
        return True

    def _known(self, task_id: object, context_id: object) -> KnownTask | None:
        """The task, which is the caller's from its first sight on; None when it is somebody else's, or none."""
        if not isinstance(task_id, str) or not 0 < len(task_id) <= 256:
            return None
        known = self._touched.get(task_id) or self._book.find(self._org_id, self._service_id, task_id)
        if known is None:
            principal_id, name, scope = self._who
            context = context_id[:256] if isinstance(context_id, str) else ""
            known = KnownTask(principal_id, name, scope, self._endpoint_id, self._call_id, context)
            known.snapshot = {"id": task_id, "contextId": context}
            self._book.remember(self._org_id, self._service_id, task_id, known)
            # Whose it is must not wait for what becomes of it.
            self._book.note(self._org_id, self._service_id, task_id, known)
        elif known.principal_id != self._who[0]:
            return None
        self._touched[task_id] = known
        return known

    def _stands(self, task_id: str, known: KnownTask, status: Json) -> None:
        state = str(status.get("state") or "TASK_STATE_UNSPECIFIED")[:40]
        if state != known.state or known.dirty or state in TERMINAL:
            known.state = state
            self._book.note(self._org_id, self._service_id, task_id, known)
        if state in TERMINAL and known.size > MOST_ENDED_BYTES:
            known.snapshot, known.size = {}, 0

    def ended(self) -> None:
        """The call is over; what was seen since the last change of a state is written down as well."""
        for task_id, known in self._touched.items():
            if known.dirty:
                self._book.note(self._org_id, self._service_id, task_id, known)

    def _bound(self, known: KnownTask) -> None:
        """Of a large task the state is kept, and that the rest is left out."""
        if known.size > MOST_SNAPSHOT_BYTES:
            kept: Json = {
                name: known.snapshot[name] for name in ("id", "contextId", "status") if name in known.snapshot
            }
            known.snapshot = {**kept, "metadata": {"portico": {"shortened": True}}}
            known.size = 0
