"""What one tab does to keep its state in step with the server: the rules of docs/reference/state-sync.md, in Python.

The web client has the same rules in TypeScript; sync_cases.json is run against both.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from portico.domains.dashboards.canonical import canonical, checksum
from portico.domains.dashboards.patching import Operation, apply
from portico.kernel.errors import InvalidInput

Json = Any
Patch = list[dict[str, Any]]
MISSING: Any = object()
DEBOUNCE_MS = 100
BUDGET_PER_MINUTE = 100
ANSWER_WITHIN_MS = 10_000
MOST_OPERATIONS = 200


class DoesNotFit(Exception):
    pass


# --- patches ----------------------------------------------------------------------------------------------------------


def parts_of(path: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])


def pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def applied(document: Json, patch: Patch) -> Json:
    operations = [Operation(each["op"], parts_of(each["path"]), each.get("value")) for each in patch]
    try:
        return apply(document, operations)
    except InvalidInput as error:
        raise DoesNotFit(str(error)) from error


def same(one: Json, other: Json) -> bool:
    if one is MISSING or other is MISSING:
        return one is other
    return canonical(one) == canonical(other)


def value_at(document: Json, path: str) -> Json:
    value = document
    for part in parts_of(path):
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return MISSING
    return value


def difference(before: Json, after: Json, path: str = "") -> Patch:
    """The shortest patch of whole members; lists are replaced, not edited."""
    if same(before, after):
        return []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [{"op": "replace", "path": path, "value": after}]
    patch: Patch = [{"op": "remove", "path": path + pointer(name)} for name in before if name not in after]
    for name, value in after.items():
        if name not in before:
            patch.append({"op": "add", "path": path + pointer(name), "value": value})
        else:
            patch += difference(before[name], value, path + pointer(name))
    return patch


# --- rebasing ---------------------------------------------------------------------------------------------------------


def rebased(before: Json, shown: Json, after: Json) -> tuple[Json, bool]:
    """Our edits moved from one state of the server to a newer one, and whether one of them had to give way."""
    now, lost = after, False
    for edit in difference(before, shown):
        there = value_at(now, edit["path"])
        if same(there, edit.get("value", MISSING)):
            continue
        moved = _order_moved(before, edit, there) if edit["path"] == "/order" else edit
        if moved is edit and not same(value_at(before, edit["path"]), there):
            lost = True
            continue
        try:
            now = applied(now, [moved])
        except DoesNotFit:
            lost = True
    return now, lost


def _order_moved(before: Json, edit: dict[str, Any], there: Json) -> dict[str, Any]:
    was, mine, theirs = before["order"], edit["value"], there
    kept = [name for name in mine if name not in was or name in theirs]
    added = [name for name in theirs if name not in was and name not in kept]
    return {**edit, "value": [name for name in [*kept, *added] if name in mine or name not in was]}


# --- one tab ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    ref: int
    at: float
    patch: Patch
    overtaken: bool = False


@dataclass(frozen=True)
class Sync:
    """`base` is what the server has confirmed, `shown` that with our own edits; what is unsaved is their difference."""

    tab: str
    connected: bool = False
    asking: bool = False
    base: Json = None
    version: int = 0
    shown: Json = None
    sent: Sent | None = None
    unsure: Patch = field(default_factory=list)
    refusals: int = 0
    due_at: float | None = None
    last_ref: int = 0
    sends: tuple[float, ...] = ()
    early: tuple[dict[str, Any], ...] = ()
    notice: str | None = None


Step = tuple[Sync, list[dict[str, Any]]]


def unsaved(sync: Sync) -> Patch:
    return [] if sync.base is None else difference(sync.base, sync.shown)


def status_of(sync: Sync) -> str:
    if sync.base is None:
        return "loading" if sync.connected else "offline"
    dirty = bool(unsaved(sync))
    if not sync.connected:
        return "offline, unsaved" if dirty else "offline"
    return "saving" if dirty else "saved"


def collect_ms(sends: tuple[float, ...], at: float) -> float:
    left = BUDGET_PER_MINUTE - sum(at - sent_at < 60_000 for sent_at in sends)
    return DEBOUNCE_MS if left >= BUDGET_PER_MINUTE / 2 else 60_000 / max(1, left)


def wake_at(sync: Sync) -> float | None:
    if not sync.connected:
        return None
    if sync.sent:
        return sync.sent.at + ANSWER_WITHIN_MS
    return None if sync.asking else sync.due_at


def step(sync: Sync, kind: str, given: Any, at: float) -> Step:
    if kind == "edit":
        return _flushed(_edited(sync, given, at), at)
    if kind == "connected":
        return _ask(replace(_without_answer(sync), connected=True), at)
    if kind == "lost":
        return replace(_without_answer(sync), connected=False, asking=False), []
    if kind == "tick":
        if sync.connected and sync.sent and at - sync.sent.at >= ANSWER_WITHIN_MS:
            return _ask(_without_answer(sync), at)
        return _flushed(sync, at)
    take = {"state": _take_state, "patch": _take_patch, "patched": _take_patched, "conflict": _take_conflict}
    return take[given["type"]](sync, given, at)


def _edited(sync: Sync, patch: Patch, at: float) -> Sync:
    if sync.shown is None:
        return sync
    due_at = at + collect_ms(sync.sends, at) if sync.due_at is None else sync.due_at
    return replace(sync, shown=applied(sync.shown, patch), notice=None, due_at=due_at)


def _without_answer(sync: Sync) -> Sync:
    unsure = sync.sent.patch if sync.sent and not sync.sent.overtaken else sync.unsure
    return replace(sync, sent=None, early=(), unsure=unsure)


def _counted(sync: Sync, at: float) -> tuple[float, ...]:
    return (*(sent_at for sent_at in sync.sends if at - sent_at < 60_000), at)


def _ask(sync: Sync, at: float) -> Step:
    if sync.asking:
        return sync, []
    asked = replace(sync, asking=True, early=(), sends=_counted(sync, at))
    return asked, [{"type": "subscribe", "since": None, "tab": sync.tab}]


def _flushed(sync: Sync, at: float) -> Step:
    idle = sync.connected and not sync.asking and sync.sent is None
    if not idle or sync.due_at is None or at < sync.due_at:
        return sync, []
    patch = unsaved(sync)[:MOST_OPERATIONS]
    if not patch:
        return replace(sync, due_at=None, refusals=0), []
    ref = sync.last_ref + 1
    sent = replace(sync, sent=Sent(ref, at, patch), last_ref=ref, due_at=None, sends=_counted(sync, at))
    return sent, [{"type": "patch", "tab": sync.tab, "version": sync.version, "ref": ref, "patch": patch}]


def _take_state(sync: Sync, frame: dict[str, Any], at: float) -> Step:
    return _take_early(_settled_on(sync, frame, at), at)


def _settled_on(sync: Sync, frame: dict[str, Any], at: float) -> Sync:
    """The whole state, with what is not saved yet put on top of it, once."""
    after = frame["state"]
    known = after if sync.base is None else sync.base
    before = _with_arrived(sync, known, after) if frame["version"] > sync.version else known
    shown, lost = rebased(before, after if sync.shown is None else sync.shown, after)
    return replace(
        sync,
        asking=False,
        sent=None,
        unsure=[],
        base=after,
        version=frame["version"],
        shown=shown,
        notice="elsewhere" if lost else sync.notice,
        due_at=None if same(shown, after) else at,
    )


def _with_arrived(sync: Sync, before: Json, after: Json) -> Json:
    """Of a patch whose answer was lost, the parts that plainly arrived count as known."""
    for operation in sync.unsure:
        if same(value_at(after, operation["path"]), operation.get("value", MISSING)):
            try:
                before = applied(before, [operation])
            except DoesNotFit:
                continue
    return before


def _take_patch(sync: Sync, frame: dict[str, Any], at: float) -> Step:
    if sync.asking or sync.base is None or frame["version"] <= sync.version or frame.get("tab") == sync.tab:
        return sync, []
    if frame["version"] > sync.version + 1:
        # Ours may have become the version between; its answer, which is on its way, will say so.
        if sync.sent and not sync.sent.overtaken:
            return replace(sync, early=(*sync.early, frame)), []
        return _ask(sync, at)
    try:
        base = applied(sync.base, frame["patch"])
    except DoesNotFit:
        return _ask(sync, at)
    shown, lost = rebased(sync.base, sync.shown, base)
    sent = replace(sync.sent, overtaken=True) if sync.sent else None
    notice = "elsewhere" if lost else sync.notice
    taken = replace(sync, base=base, version=frame["version"], shown=shown, sent=sent, notice=notice)
    return _take_early(taken, at)


def _take_early(sync: Sync, at: float) -> Step:
    waiting = [frame for frame in sync.early if frame["version"] > sync.version]
    if not waiting:
        return _flushed(replace(sync, early=()), at)
    return _take_patch(replace(sync, early=tuple(waiting[1:])), waiting[0], at)


def _take_patched(sync: Sync, frame: dict[str, Any], at: float) -> Step:
    sent = sync.sent
    if sent is None or sent.ref != frame["ref"] or sync.base is None:
        return sync, []
    if sent.overtaken or frame["version"] != sync.version + 1:
        return _ask(replace(sync, sent=None), at)
    base = applied(sync.base, sent.patch)
    due_at = sync.due_at if same(base, sync.shown) else (at if sync.due_at is None else sync.due_at)
    saved = replace(sync, base=base, version=frame["version"], sent=None, refusals=0, due_at=due_at)
    return _ask(saved, at) if checksum(canonical(base)) != frame["checksum"] else _take_early(saved, at)


def _take_conflict(sync: Sync, frame: dict[str, Any], at: float) -> Step:
    if sync.sent is None or sync.sent.ref != frame["ref"]:
        return sync, []
    if sync.refusals:
        tried = replace(sync, sent=None, shown=sync.base, refusals=0, due_at=None, notice="elsewhere")
    else:
        tried = replace(sync, sent=None, refusals=1, due_at=at)
    # The patches of others may have brought us further already than the answer knows.
    return _take_early(tried if frame["version"] < sync.version else _settled_on(tried, frame, at), at)
