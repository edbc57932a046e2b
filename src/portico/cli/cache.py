"""What is kept of the org's reads, and letting go of it."""

from typing import Annotated, Any

import typer

from portico.cli.output import Column, Item, put_json, say
from portico.cli.shell import Json, shell_of

cache = typer.Typer(no_args_is_help=True, help="What is kept of the org's reads for a short while.")


def share(family: Item) -> str:
    asked = family["hits"] + family["misses"]
    return f"{100 * family['hits'] / asked:.0f}" if asked else "-"


def age(family: Item) -> str:
    mean_s, max_s = family["staleness"]["mean_s"], family["staleness"]["max_s"]
    return "-" if mean_s is None else f"{mean_s:.1f} s, at most {max_s:.1f} s"


FAMILY_COLUMNS = (
    Column("FAMILY", "family"),
    Column("USED", "used"),
    Column("KEPT IN", "kept_in"),
    Column("KEPT S", lambda family: f"{family['ttl_s']:g}", right=True),
    Column("HITS", "hits", right=True),
    Column("MISSES", "misses", right=True),
    Column("HIT %", share, right=True),
    Column("ERRORS", "errors", right=True),
    Column("ENTRIES", "entries", right=True),
    Column("AGE", age),
)


@cache.command("show")
def show_cache(context: typer.Context, json: Json = False) -> None:
    """The families of cached reads and how well each works."""
    shell = shell_of(context)
    shell.show_page(shell.api.page("/cache", {}), FAMILY_COLUMNS, as_json=json)


@cache.command("forget")
def forget_cache(
    context: typer.Context,
    family: Annotated[str | None, typer.Argument(help="Which family; without it, all of them.")] = None,
    json: Json = False,
) -> None:
    """Make the org's next reads real ones."""
    body: dict[str, Any] = {} if family is None else {"family": family}
    answer = shell_of(context).api.post("/cache/forget", body)
    if json:
        put_json(answer)
    else:
        say(f"Forgotten: {', '.join(answer['forgotten'])}.")
