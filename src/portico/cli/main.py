"""The `portico` command (also `sp-cli` and `python -m portico`)."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from portico import __version__
from portico.cli import (
    accounts,
    agents,
    allowances,
    cache,
    calling,
    connect,
    dashboards,
    doctor,
    events,
    installation,
    keys,
    mcp,
    models,
    notices,
    people,
    policies,
    record,
    services,
    setup,
    tools,
    up,
    vault,
    watch,
    webhooks,
)
from portico.cli.failures import CommandFailed
from portico.cli.output import put, say
from portico.cli.shell import Shell
from portico.kernel.errors import Refusal


class PorticoGroup(TyperGroup):
    """Turns a failed command into its words on stderr and its exit code, wherever the command was started from."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandFailed as failed:
            raise _told(failed) from failed
        # Commands that work on the installation itself meet what the API would have refused.
        except Refusal as refusal:
            raise _told(
                CommandFailed(f"{refusal.message} ({refusal.row.name})", next_step=refusal.row.next_step)
            ) from refusal


def _told(failed: CommandFailed) -> typer.Exit:
    for line in failed.lines():
        say(line)
    return typer.Exit(failed.exit_code)


app = typer.Typer(
    name="portico",
    cls=PorticoGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The self-hosted control plane for AI agents. Start with `portico up`.",
    epilog="Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not reachable, 4 not signed in.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        put(f"portico {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    profile: Annotated[str, typer.Option(envvar="PORTICO_PROFILE", help="Which profile to use.")] = "default",
    url: Annotated[
        str | None, typer.Option(envvar="PORTICO_URL", help="Which Portico to talk to, e.g. http://127.0.0.1:8009.")
    ] = None,
    # Hidden, because a key on the command line can be read by everyone on the machine; the variable cannot.
    key: Annotated[str | None, typer.Option("--use-key", envvar="PORTICO_KEY", hidden=True)] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    shell = Shell(profile_name=profile, url=url or None, key=key or None)
    context.obj = shell
    context.call_on_close(shell.close)


RUNNING, USING, LOOKING = "Run an installation", "Use and govern", "Look"

_running: tuple[Callable[..., None], ...] = (up.up, setup.setup, installation.serve, watch.logs, doctor.doctor)
_using: tuple[Callable[..., None], ...] = (accounts.login, accounts.logout, connect.connect)
_looking: tuple[Callable[..., None], ...] = (watch.status, accounts.whoami, installation.openapi, installation.version)

for command in _running:
    app.command(rich_help_panel=RUNNING)(command)
app.add_typer(installation.config, name="config", rich_help_panel=RUNNING)
app.add_typer(installation.migrate, name="migrate", rich_help_panel=RUNNING)
app.add_typer(cache.cache, name="cache", rich_help_panel=RUNNING)

for command in _using:
    app.command(rich_help_panel=USING)(command)
for name, nouns in (
    ("orgs", accounts.orgs),
    ("people", people.people),
    ("keys", keys.keys),
    ("services", services.services),
    ("call", calling.call),
    ("models", models.models),
    ("agents", agents.agents),
    ("budgets", allowances.budgets),
    ("limits", allowances.limits),
    ("secrets", vault.secrets),
    ("webhooks", webhooks.webhooks),
    ("tools", tools.tools),
    ("policies", policies.policies),
    ("mcp", mcp.mcp),
):
    app.add_typer(nouns, name=name, rich_help_panel=USING)

for command in _looking:
    app.command(rich_help_panel=LOOKING)(command)
for name, nouns in (
    ("notices", notices.notices),
    ("calls", record.calls),
    ("dashboards", dashboards.dashboards),
    ("audit", record.audit),
    ("events", events.events),
    ("dead-letters", events.dead_letters),
):
    app.add_typer(nouns, name=name, rich_help_panel=LOOKING)


def main() -> None:
    app(prog_name="portico")
