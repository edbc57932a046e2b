"""A room with a state, kept in memory: the twin of a dashboard, with its owner's word on who may see it."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from portico.domains.tenancy.model import Identity
from portico.kernel.errors import InvalidInput, NotFound
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.realtime.frames import Patch
from portico.realtime.states import Applied, Since, StatePump, Step, Whole
from portico.realtime.topics import TOPICS, Kind


def checksum(state: dict[str, Any]) -> str:
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class Board:
    org_id: str
    state: dict[str, Any]
    steps: list[Step] = field(default_factory=list)
    kept_from: int = 0
    hidden_from: set[str] = field(default_factory=set)

    @property
    def version(self) -> int:
        return len(self.steps)

    @property
    def whole(self) -> Whole:
        return Whole(self.version, dict(self.state), checksum(self.state))


class Boards:
    """Paths are "/key" and operations replace; that is all the door needs to be tried with."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.kept: dict[str, Board] = {}
        kind = Kind(
            "board",
            "dashboards.read",
            lambda it: StatePump(it.topic, ("boards",), _Source(self, it.about)),
            member=self.sees,
            changes="dashboards.manage",
        )
        self.topics = {**TOPICS, "board": kind}

    async def sees(self, _deps: Deps, scope: OrgScope, name: str) -> bool:
        board = self.kept.get(name)
        return board is not None and board.org_id == scope.org_id and scope.actor.id not in board.hidden_from

    def add(self, name: str, owner: Identity, **state: Any) -> Board:
        self.kept[name] = Board(owner.scope.org_id, dict(state))
        return self.kept[name]

    def write(self, name: str, writer: OrgScope, tab: str | None, **changes: Any) -> None:
        """As another process would: stored, then a nudge."""
        board = self.kept[name]
        board.state.update(changes)
        patch = [{"op": "replace", "path": f"/{key}", "value": value} for key, value in changes.items()]
        board.steps.append(Step(board.version + 1, patch, tab, writer.actor))
        self.deps.bus.nudge("boards")

    def remove(self, name: str) -> None:
        del self.kept[name]
        self.deps.bus.nudge("boards")


@dataclass
class _Source:
    boards: Boards
    name: str

    async def load(self, reader: OrgScope) -> Whole:
        return (await self._seen(reader)).whole

    async def since(self, reader: OrgScope, version: int) -> Since:
        board = await self._seen(reader)
        known = board.kept_from <= version <= board.version
        return Since(board.steps[version:] if known else None, lambda other: other.actor.id not in board.hidden_from)

    async def apply(self, writer: OrgScope, ask: Patch) -> Applied | Whole:
        board = await self._seen(writer)
        if ask.version != board.version:
            return board.whole
        if any(operation["op"] != "replace" for operation in ask.patch):
            raise InvalidInput("patch", "a board knows only replace")
        changes = {str(operation["path"])[1:]: operation["value"] for operation in ask.patch}
        self.boards.write(self.name, writer, ask.tab, **changes)
        made = Since(board.steps[-1:], lambda other: other.actor.id not in board.hidden_from)
        return Applied(board.version, checksum(board.state), made)

    async def _seen(self, reader: OrgScope) -> Board:
        if not await self.boards.sees(self.boards.deps, reader, self.name):
            raise NotFound("board", self.name)
        return self.boards.kept[self.name]
