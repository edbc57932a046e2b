"""`portico setup`: the first org and its owner, made on the machine itself, because nobody can sign in before."""

import asyncio
import sys
from typing import Annotated

import typer

from portico.cli.accounts import read_secret
from portico.cli.failures import CommandFailed
from portico.cli.installation import on_the_ground, settings_here
from portico.cli.output import put_json, say
from portico.cli.shell import Json
from portico.platform.settings import Settings


def setup(
    name: Annotated[str, typer.Option(help="The org's name.")],
    slug: Annotated[str, typer.Option(help="Its short name.")],
    email: Annotated[str, typer.Option(help="The owner's email.")],
    owner: Annotated[str, typer.Option(help="The owner's name.")],
    password: Annotated[str | None, typer.Option(envvar="PORTICO_PASSWORD", hidden=True)] = None,
    json: Json = False,
) -> None:
    """Make the first org and its owner, who also operates the platform. The password is asked for."""
    settings = settings_here()
    chosen = read_secret("Password", password)
    if sys.stdin.isatty() and not password and read_secret("Once more") != chosen:
        raise CommandFailed("The two passwords are not the same.", next_step="run it again")
    with on_the_ground():
        org_id, person_id, created = asyncio.run(_seed(settings, (name, slug, email, owner, chosen)))
    if json:
        put_json({"org_id": org_id, "person_id": person_id, "created": created})
    elif created:
        say(f"Made the org {name} ({org_id}) with its owner {email}. Sign in: portico login --email {email}")
    else:
        say(f"The org {slug} is there already ({org_id}); nothing was changed.")


async def _seed(settings: Settings, draft: tuple[str, str, str, str, str]) -> tuple[str, str, bool]:
    from portico.domains.tenancy import public as tenancy
    from portico.platform import migrate
    from portico.platform.deps import open_deps

    await migrate.upgrade_database(settings)
    async with open_deps(settings) as deps:
        org_id, person_id, created = await tenancy.seed_owner(deps, *draft)
    return org_id, person_id, created
