"""Configuration files of other programs: entries are put in, everything else stays as it is, or nothing is written at all."""

import copy
import json
import os
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portico.cli.clients import Entry, File
from portico.cli.failures import CommandFailed


class Unmergeable(CommandFailed):
    """The file is not one that can be changed without loss."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} was left as it is: {why}.", next_step="put in by hand what --print shows, or mend the file"
        )


@dataclass(frozen=True)
class Merged:
    """`replaced` are names of entries that were there with another value; `unchanged` when there is nothing to write."""

    text: str
    replaced: tuple[str, ...]
    unchanged: bool
    earlier: dict[str, Any]


def read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Unmergeable(path, f"it cannot be read ({error})") from error


def parse(path: Path, form: str, text: str | None) -> dict[str, Any]:
    if text is None or not text.strip():
        return {}
    if form == "toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Unmergeable(path, f"it is not valid TOML ({error})") from error
    try:
        found = json.loads(text, object_pairs_hook=_without_duplicates)
    except ValueError as error:
        # Comments are allowed in some of these files, and would be lost.
        why = (
            "it holds comments, which would be lost"
            if re.search(r"(^|\s)//|/\*", text)
            else f"it is not JSON ({error})"
        )
        raise Unmergeable(path, why) from error
    if not isinstance(found, dict):
        raise Unmergeable(path, "it holds no JSON object")
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def merged(text: str | None, file: File) -> Merged:
    """raises Unmergeable"""
    before = parse(file.path, file.form, text)
    after, replaced, changed = copy.deepcopy(before), [], False
    for entry in file.entries:
        there = _look(file, after, entry)
        if there == entry.value:
            continue
        changed = True
        if there is not None:
            replaced.append(entry.name)
        _put(after, entry)
    if not changed and text is not None:
        return Merged(text, (), True, before)
    written = _json(text, after) if file.form == "json" else _toml(text or "", file, before)
    if parse(file.path, file.form, written) != after:
        raise Unmergeable(file.path, "it is laid out in a way that cannot be changed safely")
    return Merged(written, tuple(replaced), False, before)


def _look(file: File, tree: dict[str, Any], entry: Entry) -> Any:
    table: Any = tree
    for name in entry.where:
        table = table.get(name, [] if entry.listed and name == entry.where[-1] else {})
        if not isinstance(table, list if entry.listed and name == entry.where[-1] else dict):
            raise Unmergeable(file.path, f"{'.'.join(entry.where)} is not what its documentation says it is")
    if entry.listed:
        return next((each for each in table if isinstance(each, dict) and each.get("id") == entry.name), None)
    return table.get(entry.name)


def _put(tree: dict[str, Any], entry: Entry) -> None:
    table: Any = tree
    for name in entry.where[: -1 if entry.listed else None]:
        table = table.setdefault(name, {})
    if entry.listed:
        others = [each for each in table.get(entry.where[-1], []) if not _is(each, entry.name)]
        table[entry.where[-1]] = [*others, entry.value]
    else:
        table[entry.name] = entry.value


def _is(each: Any, name: str) -> bool:
    return isinstance(each, dict) and each.get("id") == name


def _json(text: str | None, tree: dict[str, Any]) -> str:
    """In the indentation that the file has."""
    found = re.search(r"\n([ \t]+)\"", text or "")
    indent: str | int = found[1] if found else 2
    return json.dumps(tree, indent=indent, ensure_ascii=False) + "\n"


def _toml(text: str, file: File, before: dict[str, Any]) -> str:
    """Tables of ours are exchanged or added at the end, so comments and order of all else stay."""
    for entry in file.entries:
        if not entry.where:
            text = _with_top_value(text, entry, there=entry.name in before)
            continue
        header = ".".join([*entry.where, _toml_key(entry.name)])
        block = f"[{header}]\n" + "".join(f"{name} = {_toml_value(value)}\n" for name, value in entry.value.items())
        text = _with_block(text, (header, ".".join([*entry.where, json.dumps(entry.name)])), block)
    return text


def _with_block(text: str, headers: tuple[str, ...], block: str) -> str:
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith("[")]
    for place, start in enumerate(starts):
        if lines[start].split("#")[0].strip() not in {f"[{header}]" for header in headers}:
            continue
        # With the tables below it, and without the comments that stand right before the next.
        below = tuple(f"[{header}." for header in headers)
        end = next((each for each in starts[place + 1 :] if not lines[each].startswith(below)), len(lines))
        while end > start + 1 and lines[end - 1].strip()[:1] in {"", "#"}:
            end -= 1
        return "".join([*lines[:start], block, *lines[end:]])
    return (text.rstrip("\n") + "\n\n" if text.strip() else "") + block


def _with_top_value(text: str, entry: Entry, *, there: bool) -> str:
    line = f"{entry.name} = {_toml_value(entry.value)}\n"
    if there:
        return re.sub(rf"(?m)^{re.escape(entry.name)}[ \t]*=.*\n?", lambda _: line, text, count=1)
    # Before the first table, or it would belong to that.
    found = re.search(r"(?m)^\[", text)
    at = found.start() if found else len(text)
    return text[:at] + line + ("\n" if found and not text[:at].endswith("\n\n") else "") + text[at:]


def _toml_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml_key(name)} = {_toml_value(each)}" for name, each in value.items()) + " }"
    # A JSON string without control characters is a TOML string.
    return json.dumps(value, ensure_ascii=False)


def write(path: Path, text: str, *, expected: str | None, secret: bool) -> None:
    """All of it or nothing; for its owner alone when it holds a key. A link is followed, so that it stays one.

    raises   Unmergeable when the file is no longer what it was when it was read
    """
    target = path.resolve()
    if read(target) != expected:
        raise Unmergeable(path, "another program changed it in the meantime; run this again")
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(mode & 0o700 if secret else mode)
        draft.replace(target)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise Unmergeable(path, f"it cannot be written ({error.strerror})") from error
