"""What a local server is, as it was defined, and what a definition has to look like. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from portico.kernel.errors import FieldError
from portico.kernel.ids import OrgId, ServiceId
from portico.platform.settings import Settings, outside_variable

MOST_PER_ORG = 200
MOST_ARGUMENTS, MOST_ARGUMENT_CHARS = 100, 4000
MOST_VARIABLES, MOST_VALUE_CHARS = 100, 8192
MOST_PATHS = 50
NAMED = re.compile(r"\$\{([^}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_KNOWN_AS = re.compile(r"[A-Za-z0-9_.-]{1,63}")
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """`cores` and `cpu_s` None: as many, and as long, as the machine gives. `idle_stop_s` 0: never stopped for being idle."""

    memory_bytes: int = 1024 * MIB
    processes: int = 32
    open_files: int = 1024
    cores: int | None = None
    cpu_s: int | None = None
    message_bytes: int = 4 * MIB
    idle_stop_s: int = 600
    start_timeout_s: int = 60


@dataclass(frozen=True, slots=True)
class Definition:
    """How a server is started. Values of `env` may hold `${NAME}`; beyond `allowed_paths` it reaches its own folder alone.

    program_paths   where the server's own code lies, to be read, when that is not plain from `command` and `args`
    """

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    allowed_paths: tuple[str, ...] = ()
    program_paths: tuple[str, ...] = ()
    limits: Limits = Limits()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class LocalServer:
    service_id: ServiceId
    org_id: OrgId
    name: str
    description: str
    definition: Definition
    updated_at: datetime
    updated_by: str


_BOUNDS = {
    "memory_bytes": (16 * MIB, 1 << 40),
    "processes": (1, 1000),
    "open_files": (16, 65_536),
    "cores": (1, 1024),
    "cpu_s": (1, 31_536_000),
    "message_bytes": (1024, 64 * MIB),
    "idle_stop_s": (0, 604_800),
    "start_timeout_s": (1, 600),
}


def names_used(definition: Definition) -> set[str]:
    """What the values of `env` refer to by `${NAME}`."""
    return {name for value in definition.env.values() for name in NAMED.findall(value)}


def definition_problems(definition: Definition, settings: Settings) -> list[FieldError]:
    return [
        *_command_problems(definition, settings),
        *_environment_problems(definition),
        *_path_problems("allowed_paths", definition.allowed_paths, settings),
        *_path_problems("program_paths", definition.program_paths, settings),
        *_limit_problems(definition.limits),
    ]


def unknown_names(definition: Definition, secrets: set[str], settings: Settings) -> list[FieldError]:
    """Each variable that refers to what is neither a secret of the org nor a variable that the operator lets through."""
    problems = []
    for variable, value in definition.env.items():
        for name in NAMED.findall(value):
            passes = name in settings.tools.environment and outside_variable(name) is not None
            if name not in secrets and not passes:
                problems.append(
                    FieldError(
                        f"env.{variable}",
                        f"refers to ${{{name}}}, which is neither a secret of this org nor a variable that is set and listed in "
                        "tools.environment; store the secret first",
                    )
                )
    return problems


def _command_problems(definition: Definition, settings: Settings) -> list[FieldError]:
    problems = []
    if not definition.command or len(definition.command) > 500 or _unprintable(definition.command):
        problems.append(FieldError("command", "must be a program's name or path of at most 500 characters"))
    elif settings.tools.commands and definition.command not in settings.tools.commands:
        allowed = ", ".join(settings.tools.commands)
        problems.append(
            FieldError("command", f"is not among those that the operator allows (tools.commands): {allowed}")
        )
    if len(definition.args) > MOST_ARGUMENTS or any(
        len(each) > MOST_ARGUMENT_CHARS or "\0" in each for each in definition.args
    ):
        problems.append(
            FieldError("args", f"must be at most {MOST_ARGUMENTS} texts of at most {MOST_ARGUMENT_CHARS:,} characters")
        )
    return problems


def _environment_problems(definition: Definition) -> list[FieldError]:
    problems = []
    if len(definition.env) > MOST_VARIABLES:
        problems.append(FieldError("env", f"must hold at most {MOST_VARIABLES} variables"))
    for name, value in definition.env.items():
        if not _VARIABLE.fullmatch(name):
            problems.append(FieldError("env", f"{name[:50]!r} is not the name of a variable"))
        elif len(value) > MOST_VALUE_CHARS or "\0" in value:
            problems.append(FieldError(f"env.{name}", f"must be at most {MOST_VALUE_CHARS:,} characters"))
        elif any(not _KNOWN_AS.fullmatch(used) for used in NAMED.findall(value)):
            problems.append(FieldError(f"env.{name}", "must refer to a secret or a variable as ${NAME}"))
    return problems


def _path_problems(which: str, paths: tuple[str, ...], settings: Settings) -> list[FieldError]:
    if len(paths) > MOST_PATHS:
        return [FieldError(which, f"must be at most {MOST_PATHS} paths")]
    own = PurePosixPath(settings.data_dir.absolute())
    problems = []
    for index, path in enumerate(paths):
        place = PurePosixPath(path)
        says = None
        if not place.is_absolute() or ".." in place.parts or len(path) > 2000 or "\0" in path:
            says = "must be a whole path, such as /srv/documents"
        elif which == "allowed_paths" and (place == own or place in own.parents or own in place.parents):
            says = "holds Portico's own data, or lies in it"
        elif settings.tools.allowed_roots and not _within(place, settings.tools.allowed_roots):
            says = f"lies outside of what the operator allows (tools.allowed_roots): {', '.join(settings.tools.allowed_roots)}"
        if says is not None:
            problems.append(FieldError(f"{which}.{index}", says))
    return problems


def _within(place: PurePosixPath, roots: list[str]) -> bool:
    return any(Path(root) == Path(place) or Path(root) in Path(place).parents for root in roots)


def _limit_problems(limits: Limits) -> list[FieldError]:
    problems = []
    for name, (least, most) in _BOUNDS.items():
        value = getattr(limits, name)
        if value is not None and not least <= value <= most:
            problems.append(FieldError(f"limits.{name}", f"must be between {least:,} and {most:,}"))
    return problems


def _unprintable(text: str) -> bool:
    return any(ord(char) < 32 or ord(char) == 127 for char in text)
