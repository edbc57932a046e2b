"""The documents, or parts of them, that are made from the code: `python -m scripts.generated --write | --check`."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from typer.main import get_command

from portico.api.app import create_app
from portico.api.reference import error_table
from portico.cli.main import app
from portico.domains.events import public as events
from portico.domains.events.catalogue import ALIASES
from portico.kernel.clock import SystemClock
from portico.platform.bus import LocalBus
from portico.platform.cache import ReadCache
from portico.platform.crypto import KeyRing, Sealer
from portico.platform.db import Database
from portico.platform.deps import Deps
from portico.platform.sections import Sealed
from portico.platform.settings import Settings, env_name
from scripts.widget_types import python_module, typescript_module

ROOT = Path(__file__).parent.parent


# --- settings ---------------------------------------------------------------------------------------------------------


def settings_reference() -> str:
    lines = [
        "# Settings",
        "",
        "Made from `src/portico/platform/settings.py`; do not edit by hand (`make generate`).",
        "",
        "A setting comes from its default, then from `portico.toml` (or the file that `PORTICO_CONFIG` names), then from its",
        "variable; the later one wins. A name or variable that is not in this list is an error, so a typing mistake is found",
        "at the start. Secrets never stand in the file: write `env:NAME` or `file:/path` there, or set the variable.",
        "`portico config show` prints what holds and where it comes from; `portico config check` lists everything wrong.",
        "",
    ]
    simple, sections = _split(Settings)
    lines += _table("General", "", simple)
    for name, kind in sections:
        own, _ = _split(kind)
        lines += _table(f"`[{name}]`", f"{name}.", own)
    return "\n".join(lines) + "\n"


def _split(kind: type[Any]) -> tuple[list[tuple[Any, Any]], list[tuple[str, type[Any]]]]:
    hints = get_type_hints(kind)
    simple = [(each, hints[each.name]) for each in fields(kind) if not is_dataclass(hints[each.name])]
    return simple, [(each.name, hints[each.name]) for each in fields(kind) if is_dataclass(hints[each.name])]


def _table(title: str, prefix: str, rows: list[tuple[Any, Any]]) -> list[str]:
    lines = [
        f"## {title}",
        "",
        "| setting | variable | kind | default | reload | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for each, kind in rows:
        name = prefix + each.name
        default = each.default_factory() if each.default is MISSING else each.default
        least = each.metadata.get("least")
        limit = "" if least is None else f" (at least {least:g})"
        reload = "yes" if each.metadata["reloadable"] else "-"
        lines.append(
            f"| `{name}` | `{env_name(name)}` | {_kind(kind)}{limit} | {_default(default)} | {reload} | "
            f"{each.metadata['description']} |"
        )
    return [*lines, ""]


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) is list:
        return "list (comma-separated in the variable)"
    return {Sealed: "secret", Path: "path", str: "text", int: "whole number", float: "number", bool: "true or false"}[
        kind
    ]


def _default(default: Any) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, Sealed) or default in ("", []):
        return "-"
    return f"`{default}`"


# --- the command line -------------------------------------------------------------------------------------------------


def cli_reference() -> str:
    lines = [
        "# The command line",
        "",
        "Made from the commands themselves; do not edit by hand (`make generate`).",
        "",
        "`portico`, `sp-cli` and `python -m portico` are the same program. `portico --install-completion` sets up completion.",
        "",
        "- Every command that shows something takes `--json`. Only the answer goes to stdout, all else to stderr.",
        "- Lists take `--limit` and `--cursor`; a list that goes on says with which cursor.",
        "- What cannot be undone asks first; `--yes` answers.",
        "- Secrets and passwords are asked for, or read from a pipe; they are never arguments.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | done |",
        "| 1 | refused or failed; stderr says what, the next step and the correlation id |",
        "| 2 | wrong usage |",
        "| 3 | Portico is not reachable |",
        "| 4 | not signed in |",
        "",
        "Which Portico, and as whom: `PORTICO_URL` and `PORTICO_KEY`, else the profile (`--profile`, `PORTICO_PROFILE`) in",
        "`~/.config/portico/config.toml`, which `portico login` writes and only you can read.",
        "",
    ]
    for path, command in _commands(get_command(app), ()):
        lines += _command_section(path, command)
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name in children:
        yield from _commands(children[name], (*path, name))


def _command_section(path: tuple[str, ...], command: Any) -> list[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    shown = " ".join(f"<{each.name}>" if each.required else f"[{each.name}]" for each in arguments)
    lines = [f"## portico {' '.join(path)}", "", (command.help or "").strip(), ""]
    lines += ["```", f"portico {' '.join(path)} {shown}".rstrip() + (" [options]" if options else ""), "```", ""]
    for each in arguments:
        if each.help:
            lines.append(f"- `{each.name}`: {each.help}")
    for each in options:
        names = ", ".join([*each.opts, *each.secondary_opts])
        lines.append(f"- `{names}`: {each.help}" if each.help else f"- `{names}`")
    return [*lines, ""] if arguments or options else lines


# --- events -----------------------------------------------------------------------------------------------------------


def events_reference() -> str:
    """`create_app` has been imported, so every domain has declared its kinds."""
    lines = [
        "# Types of events",
        "",
        "Made from the catalogue in the code; do not edit by hand (`make generate`). `GET /event-types` says the same of a",
        "running Portico, with a JSON schema for each, and adds what the org has registered. How to use them:",
        "[Events](../guides/events.md).",
        "",
        "An event's kind is `noun.past_verb.v1`. Its fields never change; a new shape is a new version. Filters take the kind,",
        "the name without its version, `noun.*`, or a name of the last table.",
        "",
    ]
    for category, meaning in _CATEGORIES.items():
        kinds = [kind for kind in events.catalogue().values() if kind.category == category]
        lines += [f"## {category.capitalize()}", "", meaning, ""]
        if kinds:
            lines += ["| kind | what happened | about | fields |", "|---|---|---|---|"]
            lines += [f"| `{each.kind}` | {each.summary} | `{each.about}` | {_fields(each)} |" for each in kinds]
            lines.append("")
    lines += ["## Other names", "", "| written elsewhere | here | recorded |", "|---|---|---|"]
    names = {kind.name for kind in events.catalogue().values()}
    lines += [
        f"| `{alias}` | `{name}` | {'yes' if name in names else 'not yet'} |" for alias, name in sorted(ALIASES.items())
    ]
    return "\n".join(lines) + "\n"


_CATEGORIES = {
    "system": "About the installation and the org itself.",
    "application": "What people and programs did with Portico.",
    "integration": "About the ways to other systems. What they publish themselves is of this category too, under types of their own.",
    "error": "What went wrong and wants attention.",
}


def _fields(kind: events.Kind) -> str:
    shown = []
    for field, types in kind.types.items():
        names = " or ".join("null" if each is type(None) else each.__name__ for each in types)
        shown.append(f"`{field}` {names}")
    return ", ".join(shown)


# --- the API ----------------------------------------------------------------------------------------------------------


def api_document() -> str:
    """The OpenAPI document as `/openapi.json` serves it. Nothing is opened for it: no database, no file, no port."""
    settings, bus, clock, keys = Settings(), LocalBus(), SystemClock(), KeyRing(bytes(32))
    database = Database(settings.database, Path("unused"), bus, clock, b"")
    deps = Deps(db=database, bus=bus, clock=clock, keys=keys, sealer=Sealer(keys), settings=settings, cache=ReadCache())
    return json.dumps(create_app(deps).openapi(), indent=1, ensure_ascii=False) + "\n"


GENERATED: dict[str, Callable[[], str]] = {
    "docs/reference/settings.md": settings_reference,
    "docs/reference/cli.md": cli_reference,
    "docs/reference/errors.md": error_table,
    "docs/reference/events.md": events_reference,
    "web/openapi.json": api_document,
    "src/portico/domains/dashboards/widgets.py": python_module,
    "web/src/api/widgets.ts": typescript_module,
}


def main() -> int:
    stale = []
    for name, make in GENERATED.items():
        path, wanted = ROOT / name, make()
        if path.exists() and path.read_text() == wanted:
            continue
        stale.append(name)
        if "--write" in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted)
    if "--write" in sys.argv:
        return 0
    for name in stale:
        sys.stderr.write(f"{name} is not what the code says; run: make generate\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
