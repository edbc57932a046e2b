"""Policies: who may call which tool with what."""

import json as json_text
import sys
from typing import Annotated, Any

import typer

from portico.cli.failures import CommandFailed, WrongUsage
from portico.cli.output import Column, moment, put_card, put_json, put_table, say
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of

policies = typer.Typer(no_args_is_help=True, help="Policies: which tools may be called, by whom, with what.")

POLICY_COLUMNS = (
    Column("ORDER", "position", right=True),
    Column("NAME", "name"),
    Column("EFFECT", lambda policy: policy["effect"] if policy["enabled"] else f"{policy['effect']} (off)"),
    Column("EXPRESSION", "expression"),
    Column("TARGETS", "targets"),
    Column("ID", "id"),
)
POLICY_FIELDS = (
    *POLICY_COLUMNS,
    Column("SUBJECTS", "subjects"),
    Column("DESCRIPTION", "description"),
    Column("VERSION", "version", right=True),
    Column("MADE BY", "created_by"),
    Column("UPDATED", moment("updated_at")),
)
VERSION_COLUMNS = (
    Column("VERSION", "version", right=True),
    Column("AT", moment("changed_at")),
    Column("BY", "changed_by"),
    Column("EFFECT", "terms.effect"),
    Column("EXPRESSION", "terms.expression"),
)
ASKED_COLUMNS = (
    Column("POLICY", "name"),
    Column("EFFECT", "effect"),
    Column("HOLDS", "holds"),
    Column("WHY", "reason"),
)
PolicyId = Annotated[str, typer.Argument(help="The policy's id (pol_...).")]
Effect = Annotated[str | None, typer.Option("--effect", help="allow, deny or hide.")]
Expression = Annotated[str | None, typer.Option("--when", help="The CEL expression; - reads it from a pipe.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]
Order = Annotated[int | None, typer.Option("--order", min=0, help="When it is asked; low first.")]
Subjects = Annotated[list[str] | None, typer.Option("--subject", help="Only for this key or person, by id; repeat it.")]
Targets = Annotated[list[str] | None, typer.Option("--target", help="Only for server/tool, * for any; repeat it.")]
Enabled = Annotated[bool | None, typer.Option("--on/--off", help="Whether it is asked.")]


@policies.command("list")
def list_policies(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """In the order in which they are asked."""
    shell = shell_of(context)
    page = shell.api.page("/policies", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, POLICY_COLUMNS, as_json=json)


@policies.command("show")
def show_policy(context: typer.Context, policy_id: PolicyId, json: Json = False) -> None:
    """One policy, with what it said before."""
    found = shell_of(context).api.get(f"/policies/{policy_id}")
    if json:
        put_json(found)
        return
    put_card(found["policy"], POLICY_FIELDS)
    put_table(found["versions"], VERSION_COLUMNS)


@policies.command("create")
def create_policy(
    context: typer.Context,
    name: str,
    effect: Effect = None,
    when: Expression = None,
    description: Description = None,
    order: Order = None,
    subject: Subjects = None,
    target: Targets = None,
    enabled: Enabled = None,
    json: Json = False,
) -> None:
    """Make a policy; an expression that cannot be read is refused with its place."""
    facts = _facts(effect, when, description, order, subject, target, enabled)
    if not {"effect", "expression"} <= facts.keys():
        raise WrongUsage("A policy needs --effect and --when.")
    shell = shell_of(context)
    shell.show_one(shell.api.post("/policies", {"name": name, **facts}), POLICY_FIELDS, as_json=json)


@policies.command("edit")
def edit_policy(
    context: typer.Context,
    policy_id: PolicyId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    effect: Effect = None,
    when: Expression = None,
    description: Description = None,
    order: Order = None,
    subject: Subjects = None,
    target: Targets = None,
    enabled: Enabled = None,
    json: Json = False,
) -> None:
    """Change a policy; what is given replaces what was there, and that is kept as a version."""
    facts = _facts(effect, when, description, order, subject, target, enabled)
    if name is not None:
        facts["name"] = name
    if not facts:
        raise WrongUsage("Say what to change; see --help.")
    shell = shell_of(context)
    shell.show_one(shell.api.patch(f"/policies/{policy_id}", facts), POLICY_FIELDS, as_json=json)


@policies.command("delete")
def delete_policy(context: typer.Context, policy_id: PolicyId, yes: Yes = False) -> None:
    """Remove a policy with its versions; the audit trail keeps what it said."""
    shell = shell_of(context)
    shell.confirm(f"Delete {policy_id}? What it denied or hid may be called from now on.", yes=yes)
    shell.api.delete(f"/policies/{policy_id}")
    say(f"Deleted {policy_id}.")


@policies.command("simulate")
def simulate(
    context: typer.Context,
    principal: Annotated[str, typer.Argument(help="Id of a key or person (key_..., per_...).")],
    target: Annotated[str, typer.Argument(help="server/tool.")],
    args: Annotated[str, typer.Option("--args", help="The arguments as JSON; - reads them from a pipe.")] = "{}",
    effect: Annotated[str | None, typer.Option(help="Try a policy of this effect that is not there yet.")] = None,
    when: Annotated[str | None, typer.Option(help="Its CEL expression.")] = None,
    replaces: Annotated[str | None, typer.Option(help="Id of the policy whose place it takes.")] = None,
    address: Annotated[str, typer.Option(help="The client's address, for expressions that ask for it.")] = "",
    json: Json = False,
) -> None:
    """May they call this tool with these arguments, and why. Nothing is called. Exit code 1 when they may not."""
    server, slash, tool = target.partition("/")
    if not slash or (effect is None) != (when is None):
        raise WrongUsage("Name the tool as server/tool; --effect and --when go together.")
    ask: dict[str, Any] = {"principal": principal, "server": server, "tool": tool, "arguments": _arguments(args)}
    ask |= {"address": address, "replaces": replaces}
    if effect is not None:
        ask["draft"] = {"name": "draft", "effect": effect, "expression": when, "position": 0}
    found = shell_of(context).api.post("/policies/simulate", ask)
    if json:
        put_json(found)
    else:
        say(f"{found['verdict']}: {found['reason']}")
        put_table(found["policies"], ASKED_COLUMNS, empty="No policy covers it.")
    if not found["allowed"]:
        raise CommandFailed("They may not.", next_step="the reason above says what stands in the way")


def _facts(
    effect: str | None,
    when: str | None,
    description: str | None,
    order: int | None,
    subjects: list[str] | None,
    targets: list[str] | None,
    enabled: bool | None,
) -> dict[str, Any]:
    expression = sys.stdin.read().strip() if when == "-" else when
    given = {
        "effect": effect,
        "expression": expression,
        "description": description,
        "position": order,
        "subjects": subjects,
        "targets": targets,
        "enabled": enabled,
    }
    return {name: value for name, value in given.items() if value is not None}


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = json_text.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise WrongUsage(f"The arguments are no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise WrongUsage("The arguments must be a JSON object.")
    return found
