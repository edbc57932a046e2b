"""Local tool servers: programs on Portico's machine that speak MCP on their standard input and output."""

from pathlib import Path
from typing import Annotated, Any

import typer

from portico.cli.failures import WrongUsage
from portico.cli.output import Column, Item, moment, put, put_json, put_table, say
from portico.cli.shell import Json, Yes, shell_of

mcp = typer.Typer(no_args_is_help=True, help="Local tool servers: programs that Portico starts and keeps in a jail.")


def command_line(server: Item) -> str:
    return " ".join([server["command"], *server["args"]])


def memory(server: Item) -> str:
    return f"{server['memory_bytes'] / (1 << 20):.0f} MiB" if server["memory_bytes"] else ""


SERVER_COLUMNS = (
    Column("NAME", "name"),
    Column("STATE", lambda server: server["state"] if server["enabled"] else "switched off"),
    Column("COMMAND", command_line),
    Column("MEMORY", memory, right=True),
    Column("RESTARTS", "restarts", right=True),
    Column("ERROR", "error"),
)
SERVER_FIELDS = (
    *SERVER_COLUMNS,
    Column("DESCRIPTION", "description"),
    Column("SINCE", moment("since")),
    Column("ENV", lambda server: [f"{name}={value}" for name, value in server["env"].items()]),
    Column("ALLOWED PATHS", "allowed_paths"),
    Column("PROGRAM PATHS", "program_paths"),
    Column("KEPT TO ITS PATHS", lambda server: {True: "yes", False: "no", None: ""}[server["jailed"]]),
    Column("PROTOCOL", "protocol_version"),
    Column("PID", "pid"),
    Column("PROCESSES", "processes"),
    Column(
        "LIMITS", lambda server: [f"{name}={value}" for name, value in server["limits"].items() if value is not None]
    ),
    Column("URL", "endpoint_url"),
    Column("CHANGED", moment("updated_at")),
)
STEP_COLUMNS = (Column("NAME", "name"), Column("CHANGE", "change"), Column("FIELDS", "fields"))
Name = Annotated[str, typer.Argument(help="The server's name.")]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", help="NAME=VALUE; ${SECRET} in the value is filled in from the vault. Repeat it."),
]
Allow = Annotated[list[str] | None, typer.Option("--allow", help="A path it may read and write; repeat it.")]
Program = Annotated[list[str] | None, typer.Option("--program-path", help="Where its own code lies; repeat it.")]
Limit = Annotated[list[str] | None, typer.Option("--limit", help="e.g. memory_bytes=268435456; repeat it.")]


@mcp.command("list")
def list_servers(context: typer.Context, json: Json = False) -> None:
    """The org's local tool servers, and how they do."""
    shell = shell_of(context)
    shell.show_page(shell.api.page("/tools/servers"), SERVER_COLUMNS, as_json=json)


@mcp.command("show")
def show_server(context: typer.Context, name: Name, json: Json = False) -> None:
    """One server."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/tools/servers/{name}"), SERVER_FIELDS, as_json=json)


@mcp.command("add", context_settings={"ignore_unknown_options": True})
def add_server(
    context: typer.Context,
    name: Name,
    command: Annotated[list[str], typer.Argument(help="The program and its arguments, after --.")],
    env: Env = None,
    allow: Allow = None,
    program_path: Program = None,
    limit: Limit = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    json: Json = False,
) -> None:
    """Define a server, e.g. portico mcp add files --allow /srv/docs -- mcp-server-filesystem /srv/docs"""
    draft: dict[str, Any] = {
        "name": name,
        "description": description,
        "command": command[0],
        "args": command[1:],
        "env": dict(_pair(each, "--env") for each in env or ()),
        "allowed_paths": allow or [],
        "program_paths": program_path or [],
        "limits": {key: _number(value) for key, value in (_pair(each, "--limit") for each in limit or ())},
    }
    shell = shell_of(context)
    shell.show_one(shell.api.post("/tools/servers", draft), SERVER_FIELDS, as_json=json)


@mcp.command("enable")
def enable_server(context: typer.Context, name: Name, json: Json = False) -> None:
    """Let it be started again."""
    _patch(context, name, {"enabled": True}, as_json=json)


@mcp.command("disable")
def disable_server(context: typer.Context, name: Name, json: Json = False) -> None:
    """Stop it, and do not start it for any call."""
    _patch(context, name, {"enabled": False}, as_json=json)


@mcp.command("start")
def start_server(context: typer.Context, name: Name, json: Json = False) -> None:
    """Start it now rather than with the next call."""
    _order(context, name, "start", as_json=json)


@mcp.command("stop")
def stop_server(context: typer.Context, name: Name, json: Json = False) -> None:
    """End its process; the next call starts it again."""
    _order(context, name, "stop", as_json=json)


@mcp.command("restart")
def restart_server(context: typer.Context, name: Name, json: Json = False) -> None:
    """End its process and start it anew."""
    _order(context, name, "restart", as_json=json)


@mcp.command("logs")
def read_log(context: typer.Context, name: Name, json: Json = False) -> None:
    """What it wrote to its standard error; [portico] marks what Portico did."""
    found = shell_of(context).api.get(f"/tools/servers/{name}/logs")
    if json:
        put_json(found["lines"])
        return
    for line in found["lines"]:
        put(f"{line['at']}  {line['text']}")
    if not found["lines"]:
        say("It has written nothing since the bridge started.")


@mcp.command("remove")
def remove_server(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Remove a server with its service and its own folder."""
    shell = shell_of(context)
    shell.confirm(f"Remove {name} with everything in its own folder?", yes=yes)
    shell.api.delete(f"/tools/servers/{name}")
    say(f"Removed {name}.")


@mcp.command("import")
def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="An mcp.yaml.", exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    remove_others: Annotated[
        bool, typer.Option("--remove-others", help="Remove servers that the file does not name.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Bring the servers up to date with a file; says first what would change."""
    shell = shell_of(context)
    ask: dict[str, Any] = {"text": file.read_text(), "remove_others": remove_others}
    found = shell.api.post("/tools/servers/import", ask | {"dry_run": True})
    changes = [step for step in found["steps"] if step["change"] != "keep"]
    if not json:
        put_table(found["steps"], STEP_COLUMNS, empty="The file declares no servers.")
    if changes and not dry_run:
        shell.confirm(f"Change {len(changes)} of {len(found['steps'])} servers?", yes=yes)
        found = shell.api.post("/tools/servers/import", ask | {"dry_run": False})
        say(f"Changed {len(changes)} servers.")
    elif not changes:
        say("Nothing to change.")
    if json:
        put_json(found)


@mcp.command("export")
def export_file(context: typer.Context) -> None:
    """The servers as an mcp.yaml, on standard output."""
    put(shell_of(context).api.get("/tools/servers/export")["text"].rstrip("\n"))


def _order(context: typer.Context, name: str, order: str, *, as_json: bool) -> None:
    shell = shell_of(context)
    shell.show_one(shell.api.post(f"/tools/servers/{name}/{order}"), SERVER_COLUMNS, as_json=as_json)


def _patch(context: typer.Context, name: str, change: dict[str, Any], *, as_json: bool) -> None:
    shell = shell_of(context)
    shell.show_one(shell.api.patch(f"/tools/servers/{name}", change), SERVER_COLUMNS, as_json=as_json)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise WrongUsage(f"{option} {text}: write NAME=VALUE.")
    return name, value


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise WrongUsage(f"--limit: {text} is not a whole number.") from None
