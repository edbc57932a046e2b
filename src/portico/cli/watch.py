"""How the installation is: status from its API, logs from its files."""

import json as jsonlib
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from portico.cli.failures import CommandFailed
from portico.cli.installation import settings_here
from portico.cli.output import Column, duration, put, put_json, put_table, say
from portico.cli.shell import Json, shell_of
from portico.kernel.money import dollars

_SEVERITY = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def status(context: typer.Context, json: Json = False) -> None:
    """Whether Portico is well, and what goes through it."""
    api = shell_of(context).api
    found, overview = api.get("/status"), api.get("/overview")
    if json:
        put_json({**found, "overview": overview})
    else:
        _put_status(found, overview, api.profile.url)
    if any(component["status"] == "unhealthy" for component in found["components"]):
        raise typer.Exit(1)


def _put_status(found: dict[str, Any], overview: dict[str, Any], url: str) -> None:
    put(f"Portico {found['version']} ({found['environment']}) at {url}, since {found['started_at']}")
    put("")
    put_table(found["components"], (Column("PART", "name"), Column("STATUS", "status"), Column("DETAIL", "detail")))
    minutes = overview["window_s"] // 60
    put("")
    put(
        f"Last {minutes} min: {overview['calls']} calls, {overview['failed']} failed, {overview['refused']} refused, "
        f"added p95 {duration(overview['added_p95_us'] or 0)}, cost {dollars(overview['cost_microusd'])}; "
        f"today {dollars(overview['cost_today_microusd'])}"
    )
    for each in overview["attention"]:
        put(f"! {each['title']}: {each['text']}")


@dataclass(frozen=True)
class LineFilter:
    least: int
    search: str

    def takes(self, line: str) -> bool:
        return self.search in line.lower() and _SEVERITY.get(level_of(line), 100) >= self.least


def level_of(line: str) -> str:
    """A line that is not JSON (a crash's traceback) has no level and is always shown."""
    try:
        entry = jsonlib.loads(line)
    except ValueError:
        return ""
    return str(entry.get("level", "")).lower() if isinstance(entry, dict) else ""


def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep watching.")] = False,
    level: Annotated[Level, typer.Option(help="Least severe line to show.")] = Level.DEBUG,
    search: Annotated[str, typer.Option(help="Only lines with this text.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many of the last lines.")] = 50,
    only: Annotated[str, typer.Option(help="Only the file that begins so, e.g. serve or sample; default: all.")] = "",
) -> None:
    """The log files that `portico up` writes on this machine."""
    folder = settings_here().data_dir / "logs"
    files = [path for path in sorted(folder.glob("*.log")) if path.name.startswith(only)]
    if not files:
        raise CommandFailed(
            f"There are no log files in {folder}.",
            next_step="portico up writes them there (see PORTICO_DATA_DIR); portico serve logs to its standard error",
        )
    wanted = LineFilter(_SEVERITY[level.value], search.lower())
    offsets = {path: path.stat().st_size for path in files}
    for line in last_lines(files, wanted, limit):
        put(line)
    if follow:
        say("Watching; Ctrl-C ends.")
        for line in new_lines(offsets, wanted):
            put(line)


def last_lines(files: list[Path], wanted: LineFilter, limit: int) -> list[str]:
    """The last matching lines of all files, in the order of their times."""
    found: list[tuple[str, str]] = []
    for path in files:
        kept: deque[tuple[str, str]] = deque(maxlen=limit)
        at = ""
        with path.open(encoding="utf-8", errors="replace") as file:
            for raw in file:
                line = raw.rstrip("\n")
                # A line without a time belongs to the one before it.
                at = _time_of(line) or at
                if wanted.takes(line):
                    kept.append((at, line))
        found.extend(kept)
    found.sort(key=lambda entry: entry[0])
    return [line for _, line in found[-limit:]]


def _time_of(line: str) -> str:
    try:
        entry = jsonlib.loads(line)
    except ValueError:
        return ""
    return str(entry.get("timestamp") or entry.get("at") or "") if isinstance(entry, dict) else ""


def new_lines(offsets: dict[Path, int], wanted: LineFilter) -> Iterator[str]:
    """Whole lines as they are written; a file that became shorter was started afresh."""
    while True:
        for path, offset in offsets.items():
            size = path.stat().st_size if path.exists() else 0
            start = 0 if size < offset else offset
            if size == start:
                continue
            with path.open("rb") as file:
                file.seek(start)
                chunk = file.read(min(size - start, 1_000_000))
            whole = chunk[: chunk.rfind(b"\n") + 1] or (chunk if len(chunk) == 1_000_000 else b"")
            offsets[path] = start + len(whole)
            yield from (line for line in whole.decode(errors="replace").splitlines() if wanted.takes(line))
        time.sleep(0.3)
