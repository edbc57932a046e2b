"""What a person should know of without looking for it."""

from typing import Annotated

import typer

from portico.cli.failures import WrongUsage
from portico.cli.output import Column, moment, say
from portico.cli.shell import Cursor, Json, Limit, shell_of

notices = typer.Typer(no_args_is_help=True, help="Notices: what needs a look, for whoever is signed in.")

NOTICE_COLUMNS = (
    Column("AT", moment("at")),
    Column("SEVERITY", "severity"),
    Column("TITLE", "title"),
    Column("TEXT", "text"),
    Column("READ", "read"),
    Column("ID", "id"),
)


@notices.command("list")
def list_notices(
    context: typer.Context,
    unread: Annotated[bool, typer.Option("--unread", help="Only what you have not read.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """The notices of this scope, newest first."""
    shell = shell_of(context)
    page = shell.api.page("/notices", {"page_size": limit, "cursor": cursor, "unread": unread or None})
    shell.show_page(page, NOTICE_COLUMNS, as_json=json)


@notices.command("read")
def read_notices(
    context: typer.Context,
    notice_id: Annotated[str | None, typer.Argument(help="The notice's id (ntc_...).")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="All that are there now.")] = False,
) -> None:
    """Mark a notice, or all of them, as read."""
    if (notice_id is None) is not all_of_them:
        raise WrongUsage("Name one notice, or give --all.")
    shell_of(context).api.post("/notices/read-all" if all_of_them else f"/notices/{notice_id}/read", {})
    say("All notices are read." if all_of_them else f"Read {notice_id}.")
