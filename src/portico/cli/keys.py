"""API keys: how programs sign in."""

from typing import Annotated, Any

import typer

from portico.cli.output import Column, moment, put, put_json, say
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of

keys = typer.Typer(no_args_is_help=True, help="API keys.")

KEY_COLUMNS = (
    Column("NAME", "name"),
    Column("PREFIX", "prefix"),
    Column("SCOPE", "scope"),
    Column("STATUS", "status"),
    Column("SERVICES", lambda key: "all" if key["services"] is None else key["services"]),
    Column("PER MINUTE", "rate_limit_per_minute", right=True),
    Column("LAST USED", moment("last_used_at")),
    Column("ID", "id"),
)
KEY_FIELDS = (
    *KEY_COLUMNS,
    Column("PERMISSIONS", "permissions"),
    Column("CREATED", moment("created_at")),
    Column("EXPIRES", moment("expires_at")),
    Column("OLD SECRET UNTIL", moment("previous_valid_until")),
)
KeyId = Annotated[str, typer.Argument(help="The key's id (key_...).")]
Permission = Annotated[list[str] | None, typer.Option("--permission", help="Repeat it; default services.call.")]
Service = Annotated[
    list[str] | None, typer.Option("--service", help="Only these services (repeat it); 'all' lifts it.")
]
PerMinute = Annotated[int | None, typer.Option("--per-minute", min=1, help="Most calls per minute.")]


@keys.command("list")
def list_keys(
    context: typer.Context,
    search: Annotated[str | None, typer.Option(help="Part of a name or prefix.")] = None,
    status: Annotated[str | None, typer.Option(help="active, expired or revoked.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """The org's keys."""
    shell = shell_of(context)
    page = shell.api.page("/keys", {"q": search, "status": status, "page_size": limit, "cursor": cursor})
    shell.show_page(page, KEY_COLUMNS, as_json=json)


@keys.command("show")
def show_key(context: typer.Context, key_id: KeyId, json: Json = False) -> None:
    """One key."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/keys/{key_id}"), KEY_FIELDS, as_json=json)


@keys.command("add")
def add_key(
    context: typer.Context,
    name: str,
    permission: Permission = None,
    service: Service = None,
    per_minute: PerMinute = None,
    expires_in: Annotated[str | None, typer.Option(help="e.g. 30d or 1y; default: does not expire.")] = None,
    scope: Annotated[str | None, typer.Option(help="Default: the scope you are in.")] = None,
    json: Json = False,
) -> None:
    """Make a key; its secret is shown this once."""
    draft: dict[str, Any] = {"name": name}
    for field, value in (
        ("permissions", permission),
        ("services", service),
        ("rate_limit_per_minute", per_minute),
        ("expires_in", expires_in),
        ("scope", scope),
    ):
        if value:
            draft[field] = value
    _show_secret(shell_of(context).api.post("/keys", draft), as_json=json)


@keys.command("edit")
def edit_key(
    context: typer.Context,
    key_id: KeyId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    permission: Permission = None,
    service: Service = None,
    per_minute: PerMinute = None,
    json: Json = False,
) -> None:
    """Change what a key may do."""
    change: dict[str, Any] = {}
    if name:
        change["name"] = name
    if permission:
        change["permissions"] = permission
    if service:
        change["services"] = None if service == ["all"] else service
    if per_minute:
        change["rate_limit_per_minute"] = per_minute
    shell = shell_of(context)
    shell.show_one(shell.api.patch(f"/keys/{key_id}", change), KEY_FIELDS, as_json=json)


@keys.command("rotate")
def rotate_key(
    context: typer.Context,
    key_id: KeyId,
    overlap_s: Annotated[int, typer.Option("--overlap-s", min=0, help="How long the old secret still works.")] = 86400,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give a key a new secret; the old one works on for a while."""
    shell = shell_of(context)
    shell.confirm(f"Give {key_id} a new secret? The old one ends in {overlap_s} s.", yes=yes)
    _show_secret(shell.api.post(f"/keys/{key_id}/rotate", {"overlap_s": overlap_s}), as_json=json)


@keys.command("revoke")
def revoke_key(context: typer.Context, key_id: KeyId, yes: Yes = False, json: Json = False) -> None:
    """End a key for good."""
    shell = shell_of(context)
    shell.confirm(f"Revoke {key_id}? Whoever uses it is refused from now on.", yes=yes)
    shell.show_one(shell.api.post(f"/keys/{key_id}/revoke"), KEY_FIELDS, as_json=json)


def _show_secret(key: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        put_json(key)
        return
    say(f"{key['name']} ({key['id']}). The secret is shown only now; keep it safe:")
    put(key["secret"])
