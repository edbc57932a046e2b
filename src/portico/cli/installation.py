"""What runs on the machine of the installation itself: serve, config, migrate, openapi, version."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from portico import __version__
from portico.cli.failures import CommandFailed
from portico.cli.output import Column, put, put_json, put_table, say
from portico.cli.shell import Json, shell_of
from portico.compiled import mode
from portico.platform.settings import Loaded, Settings, SettingsInvalid, load_settings

config = typer.Typer(no_args_is_help=True, help="The settings of this installation.")
migrate = typer.Typer(help="The database's shape; without a verb: bring it up to date.")

SETTING_COLUMNS = (
    Column("SETTING", "name"),
    Column("VALUE", "value"),
    Column("FROM", "source"),
    Column("RELOADABLE", "reloadable"),
    Column("MEANING", "description"),
)


def settings_here() -> Settings:
    return loaded_here().settings


def loaded_here() -> Loaded:
    try:
        return load_settings()
    except SettingsInvalid as invalid:
        raise CommandFailed(
            "The settings are not valid:\n" + "\n".join(f"  - {problem}" for problem in invalid.problems),
            next_step="correct them and run `portico config check`",
        ) from invalid


@contextmanager
def on_the_ground() -> Iterator[None]:
    """What can go wrong with the installation's own database and keys, told as a failed command."""
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError

    from portico.platform.crypto import MasterKeyInvalid
    from portico.platform.db import DatabaseUnavailable

    try:
        yield
    except (DatabaseUnavailable, MasterKeyInvalid, CommandError) as error:
        raise CommandFailed(str(error), next_step="portico doctor says what else is wrong") from error
    except (DBAPIError, OSError) as error:
        raise CommandFailed(
            f"The database does not answer as it should ({type(error).__name__}).", next_step="run portico doctor"
        ) from error


def serve() -> None:
    """Run Portico here until it is stopped (Ctrl-C drains)."""
    # What is wrong with the settings is told as of any command.
    settings_here()
    # The supervisor lives for months, without all that the command line loads to draw on terminals.
    os.execv(sys.executable, [sys.executable, "-m", "portico.main", "serve"])  # noqa: S606


def version(json: Json = False) -> None:
    """The version of this program."""
    if json:
        put_json({"version": __version__, "hot_path": mode()})
    else:
        put(f"portico {__version__}")


def openapi(context: typer.Context) -> None:
    """Print the OpenAPI document of the running Portico."""
    from portico.cli.client import raise_for_refusal

    response = shell_of(context).api.send("GET", "/openapi.json")
    raise_for_refusal(response)
    put(response.text)


@config.command("show")
def config_show(json: Json = False) -> None:
    """Every setting as it stands here and where it comes from; secrets show only whether they are set."""
    rows: list[dict[str, Any]] = [
        {
            "name": each.name,
            "value": each.value,
            "source": each.source,
            "secret": each.secret,
            "reloadable": each.reloadable,
            "description": each.description,
        }
        for each in loaded_here().effective
    ]
    if json:
        put_json({"items": rows})
    else:
        put_table(rows, SETTING_COLUMNS)


@config.command("check")
def config_check(json: Json = False) -> None:
    """Read the settings and list everything that is wrong with them."""
    try:
        load_settings()
    except SettingsInvalid as invalid:
        if json:
            put_json({"valid": False, "problems": invalid.problems})
        for problem in invalid.problems:
            say(f"- {problem}")
        raise typer.Exit(1) from invalid
    if json:
        put_json({"valid": True, "problems": []})
    else:
        put("The settings are valid.")


@migrate.callback(invoke_without_command=True)
def migrate_without_verb(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        migrate_up("head")


@migrate.command("up")
def migrate_up(target: Annotated[str, typer.Argument(help="The revision to go to.")] = "head") -> None:
    """Bring the database to the shape this version needs."""
    from portico.platform import migrate as migrations

    settings = settings_here()
    with on_the_ground():
        migrations.upgrade(settings, target)
        say(f"The database is at {migrations.current(settings)}.")


@migrate.command("down")
def migrate_down(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="The revision to go back to; -1 is one step.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take the database back to an older shape; what the newer one held is lost."""
    from portico.platform import migrate as migrations

    shell_of(context).confirm(f"Take the database back to {target}? Data of newer tables is lost.", yes=yes)
    settings = settings_here()
    with on_the_ground():
        migrations.downgrade(settings, target)
        say(f"The database is at {migrations.current(settings) or 'its beginning'}.")


@migrate.command("current")
def migrate_current(json: Json = False) -> None:
    """The revision the database is at."""
    from portico.platform import migrate as migrations

    settings = settings_here()
    with on_the_ground():
        revision = migrations.current(settings)
    if json:
        put_json({"revision": revision})
    else:
        put(revision or "The database is empty; run: portico migrate up")
