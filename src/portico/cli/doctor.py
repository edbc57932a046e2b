"""`portico doctor`: everything that commonly stops Portico from running well, each with what to do."""

import asyncio
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import typer

from portico.cli.output import Column, put_json, put_table, say
from portico.cli.shell import Json
from portico.compiled import mode
from portico.platform.settings import Settings, SettingsInvalid, load_settings

FREE_BYTES_WANTED = 1_000_000_000
Result = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    check: str
    result: Result
    found: str
    next_step: str = ""


FINDING_COLUMNS = (
    Column("CHECK", "check"),
    Column("RESULT", "result"),
    Column("FOUND", "found"),
    Column("WHAT TO DO", "next_step"),
)


def doctor(json: Json = False) -> None:
    """Check this installation and say what to do about each problem."""
    findings = list(examine())
    if json:
        put_json({"items": [asdict(finding) for finding in findings]})
    else:
        put_table([asdict(finding) for finding in findings], FINDING_COLUMNS)
    problems = sum(finding.result == "problem" for finding in findings)
    if problems:
        say(f"{problems} problem{'s' if problems > 1 else ''} found.")
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    yield check_python()
    try:
        settings = load_settings().settings
    except SettingsInvalid as invalid:
        yield Finding(
            "settings", "problem", "; ".join(invalid.problems), "correct them; portico config check shows them"
        )
        return
    yield Finding("settings", "ok", f"valid, {settings.environment}")
    checks: tuple[Callable[[Settings], Finding], ...] = (
        check_data_folder,
        check_disk,
        check_master_key,
        check_database,
        check_migrations,
        check_port,
        check_clock,
    )
    for check in checks:
        yield check(settings)
    yield check_web_client()
    yield check_hot_path()


def check_python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    # Older ones cannot read this program at all; what can be seen from inside is a run outside the project's environment.
    if sys.prefix == sys.base_prefix:
        step = "use the one that make run sets up: .venv/bin/portico"
        return Finding("python", "warning", f"{version}, not in a virtual environment", step)
    return Finding("python", "ok", version)


def check_data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    probe = folder / ".doctor"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        step = f"make it writable for this user, or set PORTICO_DATA_DIR: chown $(id -un) {folder}"
        return Finding("data folder", "problem", f"{folder}: {error.strerror}", step)
    if folder.stat().st_mode & 0o077:
        step = f"chmod 700 {folder}"
        return Finding("data folder", "warning", f"{folder} is open to other users", step)
    return Finding("data folder", "ok", str(folder))


def check_disk(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    free = shutil.disk_usage(folder if folder.exists() else Path("/")).free
    text = f"{free / 1e9:.1f} GB free"
    if free < FREE_BYTES_WANTED:
        return Finding("disk", "problem", text, "free some space: calls are refused when they cannot be recorded")
    return Finding("disk", "ok", text)


def check_master_key(settings: Settings) -> Finding:
    if settings.security.master_key:
        return Finding("master key", "ok", "from the settings")
    path = settings.data_dir / "master.key"
    if not path.exists():
        return Finding("master key", "ok", "will be made at the first start")
    if path.stat().st_mode & 0o077:
        return Finding("master key", "problem", f"{path} can be read by other users", f"chmod 600 {path}")
    return Finding("master key", "ok", f"{path}, readable by its owner alone")


def check_database(settings: Settings) -> Finding:
    from portico.platform.db import DatabaseUnavailable

    try:
        engine, _ = asyncio.run(_ask_database(settings))
    except DatabaseUnavailable as error:
        return Finding("database", "problem", str(error), "start it, or correct PORTICO_DATABASE_URL")
    return Finding("database", "ok", f"{engine} answers")


async def _ask_database(settings: Settings) -> tuple[str, float]:
    """Which engine answers, and what time it is there."""
    from sqlalchemy import text

    from portico.platform.bus import LocalBus
    from portico.platform.db import open_database

    database = open_database(settings, LocalBus())
    try:
        await database.wait_until_up(0)
        if database.engine_name == "sqlite":
            return "sqlite", time.time()
        async with database.read() as tx:
            return "postgresql", float((await tx.execute(text("SELECT EXTRACT(EPOCH FROM now())"))).scalar_one())
    finally:
        await database.close()


def check_migrations(settings: Settings) -> Finding:
    from portico.platform import migrate

    try:
        current, newest = migrate.current(settings), migrate.newest()
    # Any driver may raise its own kind of error here, and the check before this one has already named the cause.
    except Exception as error:  # noqa: BLE001
        return Finding("migrations", "problem", f"cannot be read ({type(error).__name__})", "see the database above")
    if current is None:
        return Finding("migrations", "ok", "empty; the first start brings it up")
    if current != newest:
        return Finding("migrations", "warning", f"at {current}, newest is {newest}", "portico migrate up")
    return Finding("migrations", "ok", f"at {current}, the newest")


def check_port(settings: Settings) -> Finding:
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if _answers_as_portico(host, port):
                return Finding("port", "ok", f"{host}:{port} is served by Portico")
            step = "stop the other program, or choose another port: PORTICO_PORT=8010"
            return Finding("port", "problem", f"{host}:{port} cannot be used: {error.strerror}", step)
    return Finding("port", "ok", f"{host}:{port} is free")


def _answers_as_portico(host: str, port: int) -> bool:
    import httpx2

    reach = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    try:
        with httpx2.Client(trust_env=False, timeout=2) as client:
            return "x-request-id" in client.get(f"http://{reach}:{port}/health/live").headers
    except httpx2.HTTPError:
        return False


def check_clock(settings: Settings) -> Finding:
    """Against the database's machine, and against the newest file in the data folder."""
    from portico.platform.db import DatabaseUnavailable

    newest = max((path.stat().st_mtime for path in settings.data_dir.glob("*")), default=0.0)
    if newest > time.time() + 60:
        return Finding("clock", "problem", "the data folder was written in the future", "set the clock (NTP)")
    try:
        _, there = asyncio.run(_ask_database(settings))
    except DatabaseUnavailable:
        there = time.time()
    if abs(there - time.time()) > 5:
        return Finding("clock", "problem", f"{there - time.time():+.0f} s off the database's", "set the clocks (NTP)")
    return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))


def check_web_client() -> Finding:
    index = Path(__file__).parent.parent / "api" / "static" / "index.html"
    if index.exists():
        return Finding("web client", "ok", "built")
    return Finding("web client", "warning", "not built; the API works without it", "make run builds it (needs Node.js)")


def check_hot_path() -> Finding:
    if mode() == "compiled":
        return Finding("hot path", "ok", "compiled")
    return Finding(
        "hot path", "ok", "plain Python", "for twice the calls per core: install a C compiler, then make run"
    )
