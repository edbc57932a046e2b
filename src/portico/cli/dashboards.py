"""Dashboards: what an org wants to see at a glance, and what programs propose for them."""

import json as json_text
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from portico.cli.failures import CommandFailed, WrongUsage
from portico.cli.output import Column, Item, moment, put_json, put_table, say
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of

dashboards = typer.Typer(no_args_is_help=True, help="Dashboards: widgets, and what programs propose for them.")


class Layout(StrEnum):
    SINGLE = "single"
    SPLIT = "split"
    GRID = "grid"
    WIZARD = "wizard"


COLUMNS = (
    Column("NAME", "name"),
    Column("LAYOUT", "layout"),
    Column("WIDGETS", "widget_count", right=True),
    Column("SEEN BY", lambda item: "the org" if item["shared"] == "org" else "its owner"),
    Column("OWNER", lambda item: item["owner"]["name"] or "someone who left"),
    Column("CHANGED", moment("updated_at")),
    Column("ID", "id"),
)
PROPOSAL_COLUMNS = (
    Column("TITLE", "title"),
    Column("WIDGETS", lambda item: [f"{each['type']} {each['title']!r}" for each in item["widgets"]]),
    Column("BY", "by.name"),
    Column("MASKED", "masked", right=True),
    Column("EXPIRES", moment("expires_at")),
    Column("ID", "id"),
)
TYPE_COLUMNS = (Column("TYPE", "type"), Column("SHOWS", "shows"), Column("WHAT", "description"))
STATE_COLUMNS = (Column("OUTCOME", "outcome"), Column("VERSION", "version"), Column("CHECKSUM", "checksum"))
DashboardId = Annotated[str, typer.Argument(help="The dashboard's id (dsh_...).")]
ProposalId = Annotated[str, typer.Argument(help="The proposal's id (prp_...).")]
Shared = Annotated[bool | None, typer.Option("--shared/--private", help="Who sees it: the org, or its owner.")]
File = Annotated[Path, typer.Argument(help="A JSON file; - reads from a pipe.", allow_dash=True)]


def read_json(file: Path) -> Any:
    try:
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text()
        return json_text.loads(text)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise WrongUsage(f"{file} is not JSON: {error}.") from error


@dashboards.command("list")
def list_dashboards(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """Your own dashboards and those shared in this scope."""
    shell = shell_of(context)
    page = shell.api.page("/dashboards", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, COLUMNS, as_json=json)


@dashboards.command("show")
def show_dashboard(context: typer.Context, dashboard_id: DashboardId, json: Json = False) -> None:
    """One dashboard; `portico dashboards state` shows what is on it."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/dashboards/{dashboard_id}"), COLUMNS, as_json=json)


@dashboards.command("add")
def add_dashboard(
    context: typer.Context,
    name: str,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    layout: Annotated[Layout, typer.Option(help="How widgets stand on it.")] = Layout.GRID,
    shared: Shared = False,
    state: Annotated[Path | None, typer.Option(help="Begin with this state, as `state --json` prints it.")] = None,
    json: Json = False,
) -> None:
    """Make a dashboard, empty or as a copy."""
    draft: Item = {
        "name": name,
        "description": description,
        "layout": layout.value,
        "shared": "org" if shared else "private",
    }
    if state is not None:
        given = read_json(state)
        # What `state` prints has the document inside; a bare document is taken too.
        draft = {**draft, "state": given["state"] if isinstance(given, dict) and "state" in given else given}
    shell = shell_of(context)
    shell.show_one(shell.api.post("/dashboards", dict(draft)), COLUMNS, as_json=json)


@dashboards.command("edit")
def edit_dashboard(
    context: typer.Context,
    dashboard_id: DashboardId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    shared: Shared = None,
    json: Json = False,
) -> None:
    """Change a dashboard's name, description, or who sees it."""
    seen_by = None if shared is None else "org" if shared else "private"
    every = {"name": name, "description": description, "shared": seen_by}
    change = {field: value for field, value in every.items() if value is not None}
    shell = shell_of(context)
    shell.show_one(shell.api.patch(f"/dashboards/{dashboard_id}", change), COLUMNS, as_json=json)


@dashboards.command("remove")
def remove_dashboard(context: typer.Context, dashboard_id: DashboardId, yes: Yes = False) -> None:
    """Remove a dashboard with everything on it."""
    shell = shell_of(context)
    shell.confirm(f"Remove the dashboard {dashboard_id}?", yes=yes)
    shell.api.delete(f"/dashboards/{dashboard_id}")
    say(f"Removed {dashboard_id}.")


@dashboards.command("state")
def show_state(
    context: typer.Context,
    dashboard_id: DashboardId,
    schema: Annotated[int | None, typer.Option(min=0, help="An older form of the document.")] = None,
    json: Json = False,
) -> None:
    """What stands on a dashboard: its widgets in reading order, or with --json the whole document."""
    answer = shell_of(context).api.get(f"/dashboards/{dashboard_id}/state", {"schema": schema})
    if json or schema is not None:
        put_json(answer)
        return
    widgets, order = answer["state"]["widgets"], answer["state"]["order"]
    named = [name for name in order if name in widgets]
    shown = [widgets[name] for name in [*named, *sorted(widgets.keys() - set(named))]]
    put_table(shown, (Column("TITLE", "title"), Column("TYPE", "type"), Column("ID", "id")))


@dashboards.command("patch")
def patch_state(
    context: typer.Context,
    dashboard_id: DashboardId,
    file: File,
    version: Annotated[int, typer.Option(min=0, help="The version the patch was made for.")],
    json: Json = False,
) -> None:
    """Change what stands on a dashboard by JSON Patch (RFC 6902); refused when somebody was first."""
    shell = shell_of(context)
    body = {"version": version, "patch": read_json(file)}
    answer = shell.api.patch(f"/dashboards/{dashboard_id}/state", body)
    if json:
        put_json(answer)
    if answer["outcome"] == "conflict":
        raise CommandFailed(
            f"{dashboard_id} has version {answer['version']} by now; nothing was changed.",
            next_step="read its state again and make the patch for that version",
        )
    if not json:
        shell.show_one(answer, STATE_COLUMNS, as_json=False)


@dashboards.command("clear")
def clear_dashboard(context: typer.Context, dashboard_id: DashboardId, yes: Yes = False) -> None:
    """Take every widget off a dashboard; the dashboard and its layout stay."""
    shell = shell_of(context)
    shell.confirm(f"Take every widget off {dashboard_id}?", yes=yes)
    shell.api.delete(f"/dashboards/{dashboard_id}/state")
    say(f"Cleared {dashboard_id}.")


@dashboards.command("compose")
def compose(
    context: typer.Context,
    dashboard_id: DashboardId,
    file: File,
    title: Annotated[str, typer.Option(help="What is proposed, in a few words.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    json: Json = False,
) -> None:
    """Propose widgets from a file with a list of them; somebody keeps or discards them within 24 hours."""
    shell = shell_of(context)
    body = {"title": title, "note": note, "widgets": read_json(file)}
    shell.show_one(shell.api.post(f"/dashboards/{dashboard_id}/compose", body), PROPOSAL_COLUMNS, as_json=json)


@dashboards.command("proposals")
def list_proposals(context: typer.Context, dashboard_id: DashboardId, json: Json = False) -> None:
    """What waits to be kept or discarded, the newest first."""
    shell = shell_of(context)
    shell.show_page(shell.api.page(f"/dashboards/{dashboard_id}/proposals"), PROPOSAL_COLUMNS, as_json=json)


@dashboards.command("keep")
def keep_proposal(
    context: typer.Context, dashboard_id: DashboardId, proposal_id: ProposalId, json: Json = False
) -> None:
    """Put what was proposed on the dashboard."""
    shell = shell_of(context)
    answer = shell.api.post(f"/dashboards/{dashboard_id}/proposals/{proposal_id}/keep")
    shell.show_one(answer, STATE_COLUMNS, as_json=json)


@dashboards.command("discard")
def discard_proposal(context: typer.Context, dashboard_id: DashboardId, proposal_id: ProposalId) -> None:
    """Let go of what was proposed."""
    shell_of(context).api.post(f"/dashboards/{dashboard_id}/proposals/{proposal_id}/discard")
    say(f"Discarded {proposal_id}.")


@dashboards.command("types")
def list_types(context: typer.Context, json: Json = False) -> None:
    """What can stand on a dashboard; with --json also the schema of each type's options."""
    shell = shell_of(context)
    shell.show_page(shell.api.page("/widget-types"), TYPE_COLUMNS, as_json=json)
