"""From a local server's definition to what its keeper is asked to start: program, environment, and the paths it may reach."""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from portico.bridge import jail
from portico.bridge.child import Ask
from portico.domains.routing.model import LocalServerEntry
from portico.platform.settings import Settings, outside_variable

MOST_FILE_BYTES = 1 << 30
USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"
_NAMED = re.compile(r"\$\{([A-Za-z0-9_.-]+)\}")
_PROJECT = ("package.json", "pyproject.toml", "pyvenv.cfg")
_BESIDE_BIN = ("bin", "lib", "lib64", "libexec", "pyvenv.cfg")


class StartRefused(Exception):
    """The server cannot be started as it is defined; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """`secrets`: every value that was filled in for a `${NAME}`; they are kept out of everything people read."""

    ask: Ask
    secrets: tuple[str, ...]
    jailed: bool


def prepare(entry: LocalServerEntry, folder: Path, settings: Settings) -> Prepared:
    """raises StartRefused"""
    _refuse_forbidden(entry, settings)
    secrets = _opened(entry, settings)
    environment, filled_in = _environment(entry, folder, secrets, settings)
    program = find_program(entry.command, environment["PATH"])
    confined = _jail(entry, program, folder, settings)
    limits: dict[str, int | None] = {
        "memory_bytes": entry.memory_bytes,
        "processes": entry.processes,
        "files": entry.open_files,
        "file_bytes": MOST_FILE_BYTES,
        "cores": entry.cores,
        "cpu_s": entry.cpu_s,
    }
    ask = Ask(program, (entry.command, *entry.arguments), environment, str(folder), limits, confined)
    return Prepared(ask, tuple(filled_in), confined is not None)


def _refuse_forbidden(entry: LocalServerEntry, settings: Settings) -> None:
    """What the operator allows may have become less since the server was defined."""
    tools = settings.tools
    if tools.commands and entry.command not in tools.commands:
        raise StartRefused(f"The operator does not allow the program {entry.command!r} (tools.commands).")
    for path in (*entry.allowed_paths, *entry.program_paths):
        if tools.allowed_roots and not _within(path, tools.allowed_roots):
            raise StartRefused(f"{path} lies outside of what the operator allows (tools.allowed_roots).")


def _within(path: str, roots: Iterable[str]) -> bool:
    place = Path(path).resolve()
    return any(Path(root).resolve() in {place, *place.parents} for root in roots)


def make_folder(folder: Path) -> None:
    """The server's own: where it may always write, and where it begins."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _opened(entry: LocalServerEntry, settings: Settings) -> dict[str, str]:
    if not entry.secrets:
        return {}
    # Most servers have no secrets, and what opens them weighs more than all of the bridge.
    from cryptography.exceptions import InvalidTag

    from portico.platform.crypto import Sealer, open_key_ring

    sealer = Sealer(open_key_ring(settings))
    opened = {}
    for each in entry.secrets:
        try:
            opened[each.name] = sealer.open(each.sealed, each.context)
        except InvalidTag:
            raise StartRefused(
                f"The secret {each.name!r} was sealed under another master key; store its value again."
            ) from None
    return opened


def _environment(
    entry: LocalServerEntry, folder: Path, secrets: Mapping[str, str], settings: Settings
) -> tuple[dict[str, str], set[str]]:
    """What was declared, and the least that programs expect; nothing of what Portico itself runs with.

    Answers with the values that were filled in, too.
    """
    filled_in: set[str] = set()

    def value_of(found: re.Match[str]) -> str:
        name = found[1]
        value = secrets.get(name)
        if value is None and name in settings.tools.environment:
            value = outside_variable(name)
        if value is None:
            raise StartRefused(
                f"${{{name}}} is not known: the org's vault has no secret of that name, and it is not a variable that is set "
                "and listed in tools.environment."
            )
        filled_in.add(value)
        return value

    beside = str(Path(sys.executable).parent)
    usual = {
        "PATH": f"{outside_variable('PATH') or USUAL_PATH}:{beside}",
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
    }
    declared = {name: _NAMED.sub(value_of, value) for name, value in entry.environment}
    return usual | declared, filled_in


def find_program(command: str, path: str) -> str:
    found = shutil.which(command, path=path)
    if found is None:
        raise StartRefused(f"The program {command!r} is not there, or may not be run.")
    return str(Path(found).absolute())


def _jail(entry: LocalServerEntry, program: str, folder: Path, settings: Settings) -> dict[str, object] | None:
    lacking = jail.missing()
    if lacking is not None:
        if entry.allowed_paths:
            raise StartRefused(f"This machine cannot enforce allowed_paths ({lacking}), so the server is not started.")
        if not settings.runs_unconfined:
            raise StartRefused(f"This machine cannot keep a server to its folder ({lacking}); see tools.unconfined.")
        return None
    never = settings.data_dir.resolve()
    for path in entry.allowed_paths:
        place = Path(path).resolve()
        if place == never or place in never.parents or never in place.parents:
            raise StartRefused(f"{path} in allowed_paths holds Portico's own data, or lies in it.")
        if not place.exists():
            raise StartRefused(f"{path} in allowed_paths does not exist.")
    readable = [*program_code(program), *entry.program_paths]
    roots = settings.tools.allowed_roots
    # Naming a script is naming what is read: that is bounded as the paths themselves are.
    readable += [path for path in script_code(entry.arguments) if not roots or _within(path, (*roots, *jail.SYSTEM))]
    return {
        "writable": [str(folder), *entry.allowed_paths],
        "readable": list(dict.fromkeys(readable)),
        "never": str(never),
    }


def program_code(program: str) -> list[str]:
    """Where the program's own code lies, as far as that shows: its installation, and its interpreter's."""
    found: list[str] = []
    for place in _with_interpreter(Path(program)):
        for each in (place, place.resolve()):
            found.append(str(each))
            found += _installation(each)
    return found


def script_code(arguments: tuple[str, ...]) -> list[str]:
    """For an interpreter: the script that is its first argument, and the project that is part of."""
    script = next((Path(each) for each in arguments if not each.startswith("-")), None)
    if script is None or not script.is_absolute() or not script.is_file():
        return []
    return [str(script), *_project(script)]


def _with_interpreter(program: Path) -> Iterator[Path]:
    yield program
    try:
        with program.open("rb") as file:
            first = file.readline(500)
    except OSError:
        return
    if first.startswith(b"#!"):
        interpreter = Path(os.fsdecode(first[2:].split()[0])) if first[2:].split() else program
        if interpreter.is_file():
            yield interpreter


def _installation(program: Path) -> list[str]:
    """`bin` and what stands beside it, when that is how a language or an environment is installed; never a home folder whole."""
    prefix = program.parent.parent
    if program.parent.name != "bin" or not (
        list(prefix.glob("lib/python3*")) or (prefix / "lib/node_modules").is_dir()
    ):
        return [str(program.parent)] if program.parent.name == "bin" else []
    found = [str(prefix / name) for name in _BESIDE_BIN]
    for line in _lines(prefix / "pyvenv.cfg"):
        name, _, value = line.partition("=")
        if name.strip() == "home":
            home = Path(value.strip())
            found += [str(place / name) for place in {home.parent, home.resolve().parent} for name in _BESIDE_BIN]
    return found


def _project(script: Path) -> list[str]:
    """The nearest folder that says it is a project; for an installed package, all that was installed with it."""
    for folder in script.resolve().parents:
        if folder.name == "node_modules" and "node_modules" not in folder.parent.parts:
            return [str(folder)]
    for folder in script.resolve().parents:
        if any((folder / name).is_file() for name in _PROJECT):
            return [str(folder)]
    return []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []
