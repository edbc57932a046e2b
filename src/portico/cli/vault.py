"""Secrets that services need upstream; a value goes in and never comes back."""

from typing import Annotated

import typer

from portico.cli.accounts import read_secret
from portico.cli.output import Column, moment, say
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of

secrets = typer.Typer(no_args_is_help=True, help="Credentials that services need upstream.")

SECRET_COLUMNS = (
    Column("NAME", "name"),
    Column("DESCRIPTION", "description"),
    Column("VERSION", "version", right=True),
    Column("UPDATED", moment("updated_at")),
    Column("USED BY", "used_by"),
)


@secrets.command("list")
def list_secrets(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """The names of the secrets and who uses them."""
    shell = shell_of(context)
    page = shell.api.page("/secrets", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, SECRET_COLUMNS, as_json=json)


@secrets.command("add")
def add_secret(
    context: typer.Context,
    name: str,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    json: Json = False,
) -> None:
    """Store a secret; the value is asked for, or read from a pipe."""
    shell = shell_of(context)
    draft = {"name": name, "value": read_secret("Value"), "description": description}
    shell.show_one(shell.api.post("/secrets", draft), SECRET_COLUMNS, as_json=json)


@secrets.command("replace")
def replace_secret(context: typer.Context, name: str, json: Json = False) -> None:
    """Give a secret a new value; the value is asked for, or read from a pipe."""
    shell = shell_of(context)
    shell.show_one(shell.api.put(f"/secrets/{name}", {"value": read_secret("Value")}), SECRET_COLUMNS, as_json=json)


@secrets.command("remove")
def remove_secret(context: typer.Context, name: str, yes: Yes = False) -> None:
    """Forget a secret."""
    shell = shell_of(context)
    shell.confirm(f"Remove the secret {name}?", yes=yes)
    shell.api.delete(f"/secrets/{name}")
    say(f"Removed {name}.")
