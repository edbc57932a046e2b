"""`portico connect`: a client's configuration written, and proven with a call through what was written."""

import re
import socket
import sys
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from portico.cli import proof
from portico.cli.clients import CLIENTS, KEY_VARIABLE, Client, File, Wiring, entry_name
from portico.cli.config_files import Merged, merged, parse, read, write
from portico.cli.failures import ApiRefused, CommandFailed, WrongUsage
from portico.cli.output import put, put_json, say
from portico.cli.shell import Json, Shell, Yes, shell_of

_PLACEHOLDER = "pk_..."
_MOST_SERVERS = 100
_KEY_PREFIX = re.compile(r"Bearer (pk_[0-9a-f]{8})_")


@dataclass(frozen=True)
class Key:
    """`id` when it was made here."""

    secret: str
    id: str | None = None


def connect(
    context: typer.Context,
    client: Annotated[str, typer.Argument(help=f"{', '.join(CLIENTS)}.")],
    server: Annotated[
        list[str] | None, typer.Option("--server", help="Only these tool servers (repeat it); default: all.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Have the client use this model, where it can be told.")] = None,
    project: Annotated[
        bool, typer.Option("--project/--user", help="For this folder, without the key; or for you, with it.")
    ] = False,
    key: Annotated[
        str | None, typer.Option(help="A key to use; - reads it from stdin. Default: one is made for this client.")
    ] = None,
    expires_in: Annotated[str | None, typer.Option(help="Of the key that is made: 30d, 1y; default: does not.")] = None,
    show: Annotated[bool, typer.Option("--print", help="Only show what would be written.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Point an agent's client at Portico: portico connect claude-code"""
    chosen = _client(client)
    shell = shell_of(context)
    if model and chosen.no_model:
        raise WrongUsage(chosen.no_model, next_step="leave --model out")
    servers, model_service = _servers(shell, server, model), _service_of(shell, model)
    wiring = Wiring(shell.profile().url, servers, None if project else _PLACEHOLDER, model, project)
    if show:
        _show(chosen, wiring, as_json=json)
        return
    replaced = _replaced(chosen, wiring)
    if replaced:
        shell.confirm(f"Replace {', '.join(replaced)} in the configuration of {chosen.label}?", yes=yes)
    used = _given(key) if key else _made(shell, client, [*servers, *model_service], expires_in)
    wiring = wiring if project else replace(wiring, key=used.secret)
    try:
        written = _write(chosen, wiring)
    except CommandFailed:
        # Nobody has it, so nobody may be able to use it.
        if used.id:
            shell.api.post(f"/keys/{used.id}/revoke")
        raise
    _tell(chosen, wiring, used, written, as_json=json)
    _prove(chosen, wiring, used, written, as_json=json)


def _client(name: str) -> Client:
    if name not in CLIENTS:
        raise WrongUsage(f"{name!r} is not a client that is known here; there are: {', '.join(CLIENTS)}.")
    return CLIENTS[name]


def _servers(shell: Shell, wanted: list[str] | None, model: str | None) -> tuple[str, ...]:
    """Those asked for, or all. Looked up, so that a misspelt one is told of here and not by the client."""
    found = [each["name"] for each in shell.api.page("/services", {"kind": "tools", "page_size": _MOST_SERVERS}).items]
    missing = [each for each in wanted or () if each not in found]
    if missing:
        known = ", ".join(found) or "none"
        raise WrongUsage(f"There is no tool server {', '.join(map(repr, missing))}; there are: {known}.")
    if not found and not model:
        raise CommandFailed(
            "There is no tool server in this org yet.",
            next_step="add one: portico services add NAME --kind tools --url http://host:port/mcp",
        )
    return tuple(wanted or found)


def _service_of(shell: Shell, model: str | None) -> list[str]:
    """The services that a key needs for the model: its own, or all of a route."""
    if model is None:
        return []
    services = shell.api.page("/services", {"kind": "model", "page_size": _MOST_SERVERS}).items
    own = [each["name"] for each in services if model in each["models"]]
    # A route goes to whichever of them serves it best.
    return own or [each["name"] for each in services]


def _given(key: str) -> Key:
    secret = sys.stdin.readline().strip() if key == "-" else key
    if not secret:
        raise WrongUsage("No key came on standard input.")
    return Key(secret)


def _made(shell: Shell, client: str, services: list[str], expires_in: str | None) -> Key:
    """May call these services and nothing else; its name says who has it."""
    draft: dict[str, Any] = {"name": f"{client} on {socket.gethostname()}"[:100], "permissions": ["services.call"]}
    draft["services"] = services
    if expires_in:
        draft["expires_in"] = expires_in
    try:
        made = shell.api.post("/keys", draft)
    except ApiRefused as refused:
        if refused.status == 403:
            raise CommandFailed(
                "You may not make keys in this org.", next_step="have one made for you, and give it: --key -"
            ) from refused
        raise
    return Key(made["secret"], made["id"])


# -- files ----------------------------------------------------------------------------------------------------------------


def _show(client: Client, wiring: Wiring, *, as_json: bool) -> None:
    files = [(file, merged(None, file).text) for file in client.files(wiring)]
    if as_json:
        put_json([{"path": str(file.path), "content": text} for file, text in files])
        return
    for file, text in files:
        say(f"{file.path}:")
        put(text.rstrip("\n"))
    for hint in client.hints(wiring):
        say(hint)


def _replaced(client: Client, wiring: Wiring) -> list[str]:
    """Entries that are there already, with another value than would be written."""
    return [
        f"{name} in {file.path}" for file in client.files(wiring) for name in merged(read(file.path), file).replaced
    ]


def _write(client: Client, wiring: Wiring) -> list[tuple[File, Merged]]:
    """All files are merged before the first is written, so that one that cannot be leaves none of them half done."""
    ready = [(file, text, merged(text, file)) for file in client.files(wiring) for text in [read(file.path)]]
    for file, text, found in ready:
        if not found.unchanged:
            write(file.path, found.text, expected=text, secret=wiring.key is not None)
    return [(file, found) for file, _, found in ready]


def _earlier_keys(written: list[tuple[File, Merged]], used: Key) -> set[str]:
    """Prefixes of keys that were in what was replaced."""
    found: set[str] = set()
    for file, change in written:
        for entry in file.entries:
            table: Any = change.earlier
            for name in entry.where:
                table = table.get(name) if isinstance(table, dict) else None
            found |= set(_KEY_PREFIX.findall(str(table.get(entry.name)) if isinstance(table, dict) else ""))
    return {prefix for prefix in found if not used.secret.startswith(prefix)}


# -- what is told ----------------------------------------------------------------------------------------------------------


def _tell(client: Client, wiring: Wiring, used: Key, written: list[tuple[File, Merged]], *, as_json: bool) -> None:
    for file, change in written:
        say(f"{'Nothing to change in' if change.unchanged else 'Wrote'} {file.path}")
    needed = wiring.key is None or any(KEY_VARIABLE in hint for hint in client.hints(wiring))
    if used.id and needed and not as_json:
        say(f"The key {used.id} is shown only now; keep it as {KEY_VARIABLE}:")
        put(used.secret)
    for prefix in sorted(_earlier_keys(written, used)):
        say(f"The key {prefix}... that was used before is still good: portico keys list --search {prefix}, keys revoke")
    for hint in client.hints(wiring):
        say(hint)


def _prove(client: Client, wiring: Wiring, used: Key, written: list[tuple[File, Merged]], *, as_json: bool) -> None:
    """With what stands in the files now, read back; a reference to the key is followed as the client will."""
    seen = []
    for server in wiring.servers:
        url, headers = _configured(client, written[0][0], entry_name(server), used)
        found = proof.list_tools(url, headers)
        seen.append({"name": entry_name(server), "url": url, "server": found.server, "tools": list(found.names)})
        say(f"{entry_name(server)}: {found.server} answered with {_counted(found)}")
    answer = None
    if wiring.model:
        answer = proof.ask_model(wiring.base_url, used.secret, client.model_dialect, wiring.model)
        say(f"{wiring.model}: answered {answer!r}")
    if as_json:
        files = [str(file.path) for file, _ in written]
        secret = used.secret if used.id else None
        put_json({"files": files, "key_id": used.id, "secret": secret, "servers": seen, "model_answered": answer})


def _configured(client: Client, file: File, name: str, used: Key) -> tuple[str, dict[str, str]]:
    entry = parse(file.path, file.form, read(file.path))[client.server_table][name]
    headers = dict(entry.get(client.headers_field) or {})
    if not headers.get("Authorization", "").startswith("Bearer pk_"):
        headers["Authorization"] = f"Bearer {used.secret}"
    return str(entry[client.url_field]), headers


def _counted(found: proof.Tools) -> str:
    first = ", ".join(found.names[:8]) + (", ..." if len(found.names) > 8 or found.more else "")
    count = f"{len(found.names)}{' or more' if found.more else ''} tool{'' if len(found.names) == 1 else 's'}"
    return f"{count}: {first}" if found.names else "no tools"
