"""Tools: what servers offer, what of it is approved, and what was called."""

from typing import Annotated, Any

import typer

from portico.cli.failures import WrongUsage
from portico.cli.output import Column, Item, moment, put, put_card, put_json, put_table, say
from portico.cli.record import Until, instant
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of

tools = typer.Typer(no_args_is_help=True, help="Tools of MCP servers: definitions, approval, use.")

TOOL_COLUMNS = (
    Column("SERVER", "server"),
    Column("TOOL", "name"),
    Column("STATE", "state"),
    Column("TOKENS", "tokens", right=True),
    Column("CHANGED", moment("changed_at")),
    Column("ID", "id"),
)
TOOL_FIELDS = (
    *TOOL_COLUMNS,
    Column("TITLE", "title"),
    Column("PIN SEEN LAST", "seen_pin"),
    Column("PIN APPROVED", "approved_pin"),
    Column("APPROVED", moment("approved_at")),
    Column("APPROVED AS", "approved_as"),
    Column("APPROVED BY", "approved_by"),
    Column("DEPRECATED", moment("deprecated_at")),
    Column("SUNSET", moment("sunset_at")),
    Column("NOTE", "note"),
    Column("GONE", moment("gone_at")),
    Column("RESULTS KEPT S", "cache_ttl_s", right=True),
    Column("FOR", "cache_scope"),
    Column("DEFINITIONS", "versions", right=True),
    Column("FIRST SEEN", moment("first_seen_at")),
)


def waiting(server: Item) -> int:
    return sum(count for state, count in server["states"].items() if state in {"quarantined", "changed"})


METER_COLUMNS = (
    Column("SERVER", "server"),
    Column("TOKENS", "tokens", right=True),
    Column("TOOLS", lambda server: sum(server["states"].values()), right=True),
    Column("WAITING", waiting, right=True),
    Column("NEW TOOLS", "first_seen"),
    Column("LISTED", moment("listed_at")),
    Column("ERROR", "error"),
)
INVOCATION_COLUMNS = (
    Column("AT", moment("at")),
    Column("SERVER", "server"),
    Column("TOOL", "tool"),
    Column("WHO", "principal.name"),
    Column("OUTCOME", lambda call: call["outcome"] + (" (kept)" if call["cached"] else "")),
    Column("WHY", lambda call: call["error"] and call["error"]["name"]),
    Column("TOOK MS", lambda call: f"{call['duration_us'] / 1000:.1f}", right=True),
    Column("CALL", "call_id"),
)
_MARK = {"same": " ", "added": "+", "removed": "-"}
ToolId = Annotated[str, typer.Argument(help="The tool's id (tool_...).")]
Server = Annotated[str | None, typer.Option("--server", help="Only of this server.")]


@tools.command("list")
def list_tools(
    context: typer.Context,
    server: Server = None,
    state: Annotated[
        str | None,
        typer.Option(help="approved, quarantined, changed, rejected, disabled, deprecated or gone."),
    ] = None,
    q: Annotated[str | None, typer.Option("--search", help="Part of the name or title.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """By name. `--state quarantined` and `--state changed` are what waits for a decision."""
    shell = shell_of(context)
    params = {"server": server, "state": state, "q": q, "page_size": limit, "cursor": cursor}
    shell.show_page(shell.api.page("/tools", params), TOOL_COLUMNS, as_json=json)


@tools.command("show")
def show_tool(context: typer.Context, tool_id: ToolId, json: Json = False) -> None:
    """One tool with the definition that was seen last."""
    found = shell_of(context).api.get(f"/tools/{tool_id}")
    if json:
        put_json(found)
        return
    put_card(found["tool"], TOOL_FIELDS)
    newest = next(each for each in found["versions"] if each["pin"] == found["tool"]["seen_pin"])
    put("")
    put_json(newest["definition"])


@tools.command("diff")
def diff_tool(context: typer.Context, tool_id: ToolId, json: Json = False) -> None:
    """From the approved definition, or from nothing, to the one seen last."""
    found = shell_of(context).api.get(f"/tools/{tool_id}")
    if json:
        put_json(found["diff"])
        return
    say(f"{found['tool']['server']}/{found['tool']['name']} is {found['tool']['state']}; to approve this and no other:")
    say(f"  portico tools approve {tool_id} --pin {found['tool']['seen_pin']}")
    for line in found["diff"]:
        put(f"{_MARK[line['change']]} {line['text']}")


@tools.command("approve")
def approve_tools(
    context: typer.Context,
    tool_ids: Annotated[list[str] | None, typer.Argument(help="Ids of tools (tool_...).")] = None,
    pin: Annotated[str | None, typer.Option(help="Only this definition; for one tool.")] = None,
    server: Annotated[
        str | None, typer.Option(help="All that waits on this server, up to 100 at a time, after asking.")
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Let the definitions seen last be offered and called. All of them are approved or none."""
    shell = shell_of(context)
    if bool(tool_ids) == bool(server) or (pin and len(tool_ids or ()) != 1):
        raise WrongUsage("Name tools, or --server; --pin goes with exactly one tool.")
    asked: list[dict[str, Any]] = [{"id": each, "pin": pin} for each in tool_ids or ()]
    if server:
        found = [*_waiting(shell.api, server, "quarantined"), *_waiting(shell.api, server, "changed")][:200]
        if not found:
            say(f"Nothing waits on {server}.")
            return
        put_table(found, TOOL_COLUMNS)
        shell.confirm(f"Approve these {len(found)}?", yes=yes)
        asked = [{"id": each["id"], "pin": each["seen_pin"]} for each in found]
    approved = shell.api.post("/tools/approve", {"tools": asked})
    if json:
        put_json(approved)
    else:
        put_table(approved["items"], TOOL_COLUMNS)


@tools.command("reject")
def reject_tool(context: typer.Context, tool_id: ToolId, json: Json = False) -> None:
    """Keep the definition seen last held back, and out of what waits."""
    _decide(context, tool_id, "reject", {}, as_json=json)


@tools.command("disable")
def disable_tool(context: typer.Context, tool_id: ToolId, json: Json = False) -> None:
    """Neither offered nor called until it is enabled."""
    _decide(context, tool_id, "disable", None, as_json=json)


@tools.command("enable")
def enable_tool(context: typer.Context, tool_id: ToolId, json: Json = False) -> None:
    """From disabled or deprecated."""
    _decide(context, tool_id, "enable", None, as_json=json)


@tools.command("deprecate")
def deprecate_tool(
    context: typer.Context,
    tool_id: ToolId,
    note: Annotated[str, typer.Option(help="What to use instead.")] = "",
    sunset: Annotated[str | None, typer.Option(help="When it ends, e.g. 2027-01-31T00:00:00Z.")] = None,
    json: Json = False,
) -> None:
    """It goes on working, and is shown as deprecated."""
    _decide(context, tool_id, "deprecate", {"note": note, "sunset_at": instant(sunset)}, as_json=json)


@tools.command("keep")
def keep_results(
    context: typer.Context,
    tool_id: ToolId,
    ttl_s: Annotated[int, typer.Option("--ttl-s", min=0, max=86_400, help="Seconds; 0 keeps nothing.")],
    public: Annotated[bool, typer.Option("--public", help="The same result for every caller.")] = False,
    json: Json = False,
) -> None:
    """Answer the same call again with its earlier result, for a while."""
    shell = shell_of(context)
    change = {"cache_ttl_s": ttl_s, "cache_scope": "public" if public else "private"}
    shell.show_one(shell.api.patch(f"/tools/{tool_id}", change), TOOL_FIELDS, as_json=json)


@tools.command("refresh")
def refresh_server(
    context: typer.Context, server: Annotated[str, typer.Argument(help="The server's name.")], json: Json = False
) -> None:
    """List the server's tools now; what is new or changed waits for approval."""
    found = shell_of(context).api.post(f"/tools/servers/{server}/refresh")
    if json:
        put_json(found)
    else:
        put_card(found, [Column(field.upper(), field, right=True) for field in found])


@tools.command("meter")
def meter_servers(context: typer.Context, json: Json = False) -> None:
    """What each server's tools cost in a model's context, in estimated tokens."""
    shell = shell_of(context)
    shell.show_page(shell.api.page("/tools/meter", {}), METER_COLUMNS, as_json=json)


@tools.command("invocations")
def list_invocations(
    context: typer.Context,
    server: Server = None,
    tool: Annotated[str | None, typer.Option(help="Only of this tool.")] = None,
    outcome: Annotated[str | None, typer.Option(help="allowed, refused, failed or cancelled.")] = None,
    since: Annotated[str | None, typer.Option(help="From when, e.g. 2026-01-31T08:00:00Z.")] = None,
    until: Until = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Which tools were called, by whom, and what came of it."""
    shell = shell_of(context)
    params = {"server": server, "tool": tool, "outcome": outcome, "from": instant(since), "to": instant(until)}
    page = shell.api.page("/tools/invocations", params | {"page_size": limit, "cursor": cursor})
    shell.show_page(page, INVOCATION_COLUMNS, as_json=json)


@tools.command("terms")
def set_terms(
    context: typer.Context,
    server: Annotated[str | None, typer.Argument(help="A server; without it, the whole org.")] = None,
    new: Annotated[
        str, typer.Option("--new", help="trust: the first listing is approved; quarantine: nothing is.")
    ] = "",
    json: Json = False,
) -> None:
    """What happens to the tools of a server that is new here."""
    if new not in {"trust", "quarantine"}:
        raise WrongUsage("Say --new trust or --new quarantine.")
    api = shell_of(context).api
    if server is None:
        found = api.put("/tools/terms", {"quarantine_always": new == "quarantine"})
    else:
        found = api.put(f"/tools/servers/{server}/terms", {"first_seen": new})
    if json:
        put_json(found)
    else:
        say(f"New tools of {server or 'every server'}: {new}.")


def _waiting(api: Any, server: str, state: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.page("/tools", {"server": server, "state": state, "page_size": 100}).items
    return items


def _decide(context: typer.Context, tool_id: str, verb: str, body: dict[str, Any] | None, *, as_json: bool) -> None:
    shell = shell_of(context)
    shell.show_one(shell.api.post(f"/tools/{tool_id}/{verb}", body), TOOL_FIELDS, as_json=as_json)
