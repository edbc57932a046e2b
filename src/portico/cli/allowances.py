"""Budgets (what may be spent) and limits (how fast)."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from portico.cli.failures import WrongUsage
from portico.cli.output import Column, Item, moment, say
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of
from portico.kernel.money import dollars

budgets = typer.Typer(no_args_is_help=True, help="Budgets: what may be spent.")
limits = typer.Typer(no_args_is_help=True, help="Rate limits: how fast calls may come.")


class Measure(StrEnum):
    MONEY = "money"
    TOKENS = "tokens"
    CALLS = "calls"


class Window(StrEnum):
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


def amount(field: str) -> Any:
    """In dollars for money, else as a plain number."""
    return lambda budget: dollars(budget[field]) if budget["measure"] == "money" else f"{budget[field]:,}"


def subject(item: Item) -> str:
    about = item["subject"]
    return f"{about['kind']} {about['name'] or about['id'] or ''}".strip()


BUDGET_COLUMNS = (
    Column("NAME", "name"),
    Column("FOR", subject),
    Column("MEASURE", "measure"),
    Column("WINDOW", "window"),
    Column("LIMIT", amount("limit"), right=True),
    Column("USED", amount("used"), right=True),
    Column("LEFT", amount("left"), right=True),
    Column("USED %", lambda budget: f"{budget['used_percent']:.0f}", right=True),
    Column("RESETS", moment("resets_at")),
    Column("ID", "id"),
)
LIMIT_COLUMNS = (
    Column("NAME", "name"),
    Column("FOR", subject),
    Column("RATE", lambda limit: f"{limit['rate']} per {limit['per_s']} s", right=True),
    Column("BURST", "burst", right=True),
    Column("ENABLED", "enabled"),
    Column("ID", "id"),
)
BudgetId = Annotated[str, typer.Argument(help="The budget's id (bud_...).")]
LimitId = Annotated[str, typer.Argument(help="The limit's id (lim_...).")]
Enabled = Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it holds.")]


def parse_amount(text: str, measure: str) -> int:
    """`$5`, `5.25` (dollars) for money; a whole number otherwise."""
    from decimal import Decimal, InvalidOperation

    try:
        value = Decimal(text.lstrip("$").replace(",", ""))
    except InvalidOperation as error:
        raise WrongUsage(f"{text!r} is not an amount; write 5.25 or $5.25 for money, else a whole number.") from error
    return int(value * 1_000_000) if measure == Measure.MONEY else int(value)


@budgets.command("list")
def list_budgets(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """Budgets and what is left in their windows."""
    shell = shell_of(context)
    page = shell.api.page("/budgets", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, BUDGET_COLUMNS, as_json=json)


@budgets.command("show")
def show_budget(context: typer.Context, budget_id: BudgetId, json: Json = False) -> None:
    """One budget."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/budgets/{budget_id}"), BUDGET_COLUMNS, as_json=json)


@budgets.command("add")
def add_budget(
    context: typer.Context,
    name: str,
    limit: Annotated[str, typer.Option(help="Dollars for money (5.25), else a whole number.")],
    measure: Annotated[Measure, typer.Option(help="What is counted.")] = Measure.MONEY,
    window: Annotated[Window, typer.Option(help="When it starts afresh.")] = Window.DAY,
    subject_kind: Annotated[str, typer.Option("--for", help="org, scope or principal.")] = "org",
    subject_id: Annotated[str | None, typer.Option("--id", help="Which scope, key or person.")] = None,
    warn_at: Annotated[int, typer.Option(min=1, max=100, help="Percent at which to warn.")] = 80,
    json: Json = False,
) -> None:
    """Set a budget; a call that could overshoot it is refused before it leaves."""
    draft = {
        "name": name,
        "subject_kind": subject_kind,
        "measure": measure.value,
        "window": window.value,
        "limit": parse_amount(limit, measure),
        "warn_at_percent": warn_at,
    } | ({"subject_id": subject_id} if subject_id else {})
    shell = shell_of(context)
    shell.show_one(shell.api.post("/budgets", draft), BUDGET_COLUMNS, as_json=json)


@budgets.command("edit")
def edit_budget(
    context: typer.Context,
    budget_id: BudgetId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    limit: Annotated[str | None, typer.Option(help="Dollars for money (5.25), else a whole number.")] = None,
    warn_at: Annotated[int | None, typer.Option(min=1, max=100, help="Percent at which to warn.")] = None,
    enabled: Enabled = None,
    json: Json = False,
) -> None:
    """Change a budget; it holds from the next call on."""
    shell = shell_of(context)
    change: dict[str, Any] = {"name": name, "warn_at_percent": warn_at, "enabled": enabled}
    if limit is not None:
        change["limit"] = parse_amount(limit, shell.api.get(f"/budgets/{budget_id}")["measure"])
    change = {field: value for field, value in change.items() if value is not None}
    shell.show_one(shell.api.patch(f"/budgets/{budget_id}", change), BUDGET_COLUMNS, as_json=json)


@budgets.command("remove")
def remove_budget(context: typer.Context, budget_id: BudgetId, yes: Yes = False) -> None:
    """Remove a budget; nothing is held against it any more."""
    shell = shell_of(context)
    shell.confirm(f"Remove the budget {budget_id}?", yes=yes)
    shell.api.delete(f"/budgets/{budget_id}")
    say(f"Removed {budget_id}.")


@limits.command("list")
def list_limits(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """The org's rate limits."""
    shell = shell_of(context)
    page = shell.api.page("/limits", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, LIMIT_COLUMNS, as_json=json)


@limits.command("show")
def show_limit(context: typer.Context, limit_id: LimitId, json: Json = False) -> None:
    """One limit."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/limits/{limit_id}"), LIMIT_COLUMNS, as_json=json)


@limits.command("add")
def add_limit(
    context: typer.Context,
    name: str,
    rate: Annotated[int, typer.Option(min=1, help="How many calls ...")],
    per_s: Annotated[int, typer.Option("--per-s", min=1, help="... in how many seconds.")] = 60,
    burst: Annotated[int | None, typer.Option(min=1, help="How many may come at once; default: the rate.")] = None,
    subject_kind: Annotated[str, typer.Option("--for", help="org, scope, key or address.")] = "org",
    subject_id: Annotated[str | None, typer.Option("--id", help="Which scope, key or address.")] = None,
    json: Json = False,
) -> None:
    """Set a rate limit."""
    draft: dict[str, Any] = {"name": name, "subject_kind": subject_kind, "rate": rate, "per_s": per_s}
    draft |= {"burst": burst} if burst else {}
    draft |= {"subject_id": subject_id} if subject_id else {}
    shell = shell_of(context)
    shell.show_one(shell.api.post("/limits", draft), LIMIT_COLUMNS, as_json=json)


@limits.command("edit")
def edit_limit(
    context: typer.Context,
    limit_id: LimitId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    rate: Annotated[int | None, typer.Option(min=1)] = None,
    per_s: Annotated[int | None, typer.Option("--per-s", min=1)] = None,
    burst: Annotated[int | None, typer.Option(min=1)] = None,
    enabled: Enabled = None,
    json: Json = False,
) -> None:
    """Change a rate limit; it holds from the next call on."""
    every = {"name": name, "rate": rate, "per_s": per_s, "burst": burst, "enabled": enabled}
    change = {field: value for field, value in every.items() if value is not None}
    shell = shell_of(context)
    shell.show_one(shell.api.patch(f"/limits/{limit_id}", change), LIMIT_COLUMNS, as_json=json)


@limits.command("remove")
def remove_limit(context: typer.Context, limit_id: LimitId, yes: Yes = False) -> None:
    """Remove a rate limit."""
    shell = shell_of(context)
    shell.confirm(f"Remove the limit {limit_id}?", yes=yes)
    shell.api.delete(f"/limits/{limit_id}")
    say(f"Removed {limit_id}.")
