"""`mcp.yaml`: local servers as a file declares them, compared with those there are, and brought up to date.

mcp_servers:
  files:
    command: mcp-server-filesystem
    args: [/srv/documents]
    env: {TOKEN: "${FILES_TOKEN}"}
    allowed_paths: [/srv/documents]
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import structlog

from portico.domains.tenancy import public as tenancy
from portico.domains.tools import local
from portico.domains.tools.local_terms import MOST_PER_ORG, Definition, Limits, LocalServer, definition_problems
from portico.kernel.errors import FieldError, InvalidFields, InvalidInput, Refusal
from portico.kernel.ids import OrgId
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps

log = structlog.get_logger("portico.tools")

MOST_BYTES = 262_144
Change = Literal["add", "update", "keep", "remove"]
_TEXTS = ("args", "allowed_paths", "program_paths")
_FIELDS = frozenset({"command", "env", "limits", "enabled", "description", *_TEXTS})
_LIMITS = frozenset(field.name for field in fields(Limits))


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one server; `fields` are those that differ."""

    name: str
    change: Change
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    name: str
    description: str
    definition: Definition


def read_file(text: str) -> list[Declared]:
    """raises InvalidFields, naming each place"""
    tree = _parse(text)
    if not isinstance(tree, dict) or set(tree) != {"mcp_servers"} or not isinstance(tree["mcp_servers"], dict | None):
        raise InvalidInput("text", "must hold mcp_servers, with a server's definition under each name")
    servers = tree["mcp_servers"] or {}
    if len(servers) > MOST_PER_ORG:
        raise InvalidInput("text", f"may declare at most {MOST_PER_ORG} servers")
    problems: list[FieldError] = []
    declared = [_declared(str(name), body, problems) for name, body in servers.items()]
    names = [each.name for each in declared]
    problems += [FieldError(f"mcp_servers.{name}", "stands there twice") for name in {*names} if names.count(name) > 1]
    if problems:
        raise InvalidFields(tuple(problems))
    return declared


async def import_file(scope: OrgScope, text: str, deps: Deps, *, dry_run: bool, remove_others: bool) -> list[Step]:
    """What would change, and, without `dry_run`, is changed: one server after the other."""
    declared = read_file(text)
    _refuse_bad(declared, deps)
    known = {server.name: server for server in await local.list_servers(scope, deps)}
    steps = [_step(each, known.get(each.name)) for each in declared]
    if remove_others:
        wanted = {each.name for each in declared}
        steps += [Step(name, "remove") for name in sorted(known) if name not in wanted]
    if not dry_run:
        by_name = {each.name: each for each in declared}
        for step in steps:
            await _take(scope, step, by_name.get(step.name), deps)
    return steps


async def export_file(scope: OrgScope, deps: Deps) -> str:
    import yaml

    servers = {server.name: _written(server) for server in await local.list_servers(scope, deps)}
    text: str = yaml.safe_dump({"mcp_servers": servers}, sort_keys=False, allow_unicode=True, width=120)
    return text


@dataclass(slots=True)
class FileAtStart:
    """Brings the first org's servers up to date with `tools.mcp_file`, once: what people change afterwards stays."""

    deps: Deps
    done: bool = False

    async def apply(self) -> str:
        """What became of it, in words; tried again while there is no org."""
        name = self.deps.settings.tools.mcp_file
        if self.done or not name:
            return "nothing to do"
        scope = await _first_org(self.deps)
        if scope is None:
            return "there is no org yet"
        self.done = True
        return await _apply(scope, name, self.deps)


async def _first_org(deps: Deps) -> OrgScope | None:
    async with deps.read() as tx:
        people = await tenancy.snapshot_entries(tx, tenancy.platform_scope())
    # Ids tell who was first.
    first = min((org.id for org in people.orgs if org.active), default=None)
    return None if first is None else tenancy.open_system_scope(OrgId(first))


async def _apply(scope: OrgScope, name: str, deps: Deps) -> str:
    try:
        text = Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        log.warning("mcp_file.unreadable", file=name, error=str(error))
        return f"{name} cannot be read: {error}"
    try:
        steps = await import_file(scope, text, deps, dry_run=False, remove_others=False)
    except Refusal as refusal:
        problems = [f"{each.field}: {each.message}" for each in getattr(refusal, "fields", ())]
        log.warning("mcp_file.refused", file=name, error=refusal.message, problems=problems)
        return f"{name}: {refusal.message}"
    changed = [step.name for step in steps if step.change != "keep"]
    log.info("mcp_file.applied", file=name, changed=changed)
    return f"{len(changed)} of {len(steps)} servers changed"


# -- parts -------------------------------------------------------------------------------------------------------------------------


def _parse(text: str) -> Any:
    import yaml

    if len(text.encode()) > MOST_BYTES:
        raise InvalidInput("text", f"must be at most {MOST_BYTES:,} bytes")
    try:
        # A few aliases of aliases stand for more than a machine can hold, and nobody needs them here.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise InvalidInput("text", "must not use YAML's anchors and aliases")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        place = "" if where is None else f" (line {where.line + 1}, column {where.column + 1})"
        raise InvalidInput("text", f"is not valid YAML{place}") from error


def _declared(name: str, body: Any, problems: list[FieldError]) -> Declared:
    """As much of it as can be read; what cannot is told in `problems`."""
    place = f"mcp_servers.{name}"
    if not isinstance(body, dict):
        problems.append(FieldError(place, "must hold command, args, env and allowed_paths"))
        return Declared(name, "", Definition(""))
    for key in set(body) - _FIELDS:
        problems.append(FieldError(f"{place}.{key}", f"is not known; known are {', '.join(sorted(_FIELDS))}"))
    texts = {key: _texts(f"{place}.{key}", body.get(key), problems) for key in _TEXTS}
    definition = Definition(
        command=str(body.get("command") or ""),
        env=_variables(f"{place}.env", body.get("env"), problems),
        limits=_limits(f"{place}.limits", body.get("limits"), problems),
        enabled=body.get("enabled", True) is not False,
        **texts,
    )
    return Declared(_service_name(name), str(body.get("description") or ""), definition)


def _service_name(name: str) -> str:
    """Files use names that a path should not; the service is known by the same name in small letters and hyphens."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or name


def _texts(place: str, value: Any, problems: list[FieldError]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str | int | float) for each in value):
        problems.append(FieldError(place, "must be a list of texts"))
        return ()
    return tuple(str(each) for each in value)


def _variables(place: str, value: Any, problems: list[FieldError]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str | int | float) for each in value.values()):
        problems.append(FieldError(place, "must hold a text for each variable"))
        return {}
    return {str(name): _as_text(each) for name, each in value.items()}


def _as_text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _limits(place: str, value: Any, problems: list[FieldError]) -> Limits:
    if value is None:
        return Limits()
    if not isinstance(value, dict) or set(value) - _LIMITS or not all(isinstance(each, int) for each in value.values()):
        problems.append(FieldError(place, f"must hold numbers for any of {', '.join(sorted(_LIMITS))}"))
        return Limits()
    return replace(Limits(), **value)


def _refuse_bad(declared: list[Declared], deps: Deps) -> None:
    problems = [
        FieldError(f"mcp_servers.{each.name}.{problem.field}", problem.message)
        for each in declared
        for problem in definition_problems(each.definition, deps.settings)
    ]
    if problems:
        raise InvalidFields(tuple(problems))


def _step(declared: Declared, known: LocalServer | None) -> Step:
    if known is None:
        return Step(declared.name, "add")
    before, after = asdict(known.definition), asdict(declared.definition)
    changed = tuple(name for name in after if after[name] != before[name])
    return Step(declared.name, "update" if changed else "keep", changed)


async def _take(scope: OrgScope, step: Step, declared: Declared | None, deps: Deps) -> None:
    if step.change == "remove":
        await local.remove_server(scope, step.name, deps)
    elif declared is not None and step.change == "add":
        await local.define_server(scope, step.name, declared.description, declared.definition, deps)
    elif declared is not None and step.change == "update":
        await local.update_server(scope, step.name, declared.definition, deps)


def _written(server: LocalServer) -> Mapping[str, Any]:
    """Only what differs from what is so by itself, in the order people write it."""
    definition = server.definition
    told: dict[str, Any] = {"command": definition.command}
    for name in ("args", "env", "allowed_paths", "program_paths"):
        if value := getattr(definition, name):
            told[name] = dict(value) if name == "env" else list(value)
    usual, limits = asdict(Limits()), asdict(definition.limits)
    if changed := {name: value for name, value in limits.items() if value != usual[name]}:
        told["limits"] = changed
    if not definition.enabled:
        told["enabled"] = False
    if server.description:
        told["description"] = server.description
    return told
