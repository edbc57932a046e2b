"""Members of the org and invitations to it."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from portico.cli.output import Column, moment, say
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of

people = typer.Typer(no_args_is_help=True, help="Members and invitations.")

MEMBER_COLUMNS = (
    Column("NAME", "name"),
    Column("EMAIL", "email"),
    Column("ROLE", "role"),
    Column("OWNER", "is_owner"),
    Column("SCOPES", lambda member: "all" if member["scopes"] is None else member["scopes"]),
    Column("LAST SEEN", moment("last_seen_at")),
    Column("ID", "person_id"),
)
INVITATION_COLUMNS = (
    Column("EMAIL", "email"),
    Column("ROLE", "role"),
    Column("STATUS", "status"),
    Column("EXPIRES", moment("expires_at")),
    Column("ID", "id"),
)
SUPERADMIN_COLUMNS = (Column("NAME", "name"), Column("EMAIL", "email"), Column("ID", "id"))
PersonId = Annotated[str, typer.Argument(help="The member's person id (per_...).")]


class Role(StrEnum):
    ADMIN = "admin"
    DEVELOPER = "developer"
    OPERATOR = "operator"
    VIEWER = "viewer"


@people.command("list")
def list_members(
    context: typer.Context,
    search: Annotated[str | None, typer.Option(help="Part of a name or email.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Who is in the org."""
    shell = shell_of(context)
    page = shell.api.page("/members", {"q": search, "page_size": limit, "cursor": cursor})
    shell.show_page(page, MEMBER_COLUMNS, as_json=json)


@people.command("edit")
def edit_member(
    context: typer.Context,
    person_id: PersonId,
    role: Annotated[Role | None, typer.Option(help="The new role.")] = None,
    owner: Annotated[bool | None, typer.Option("--owner/--no-owner", help="Whether they own the org.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="Only these scopes (repeat it); 'all' lifts it.")] = None,
    json: Json = False,
) -> None:
    """Change what a member may do."""
    shell = shell_of(context)
    change: dict[str, Any] = {}
    if role is not None:
        change["role"] = role.value
    if owner is not None:
        change["is_owner"] = owner
    if scope:
        change["scopes"] = None if scope == ["all"] else scope
    shell.show_one(shell.api.patch(f"/members/{person_id}", change), MEMBER_COLUMNS, as_json=json)


@people.command("remove")
def remove_member(context: typer.Context, person_id: PersonId, yes: Yes = False) -> None:
    """Take a member out of the org; their access ends at once."""
    shell = shell_of(context)
    shell.confirm(f"Remove {person_id} from the org?", yes=yes)
    shell.api.delete(f"/members/{person_id}")
    say(f"Removed {person_id}.")


@people.command("superadmin")
def set_superadmin(
    context: typer.Context,
    person_id: Annotated[
        str | None, typer.Argument(help="The person's id (per_...); without it, who they are.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="They are a superadmin no longer.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make someone a superadmin of the whole installation, or show who is one."""
    shell = shell_of(context)
    if person_id is None:
        shell.show_page(shell.api.page("/superadmins"), SUPERADMIN_COLUMNS, as_json=json)
    elif remove:
        shell.confirm(f"Take superadmin away from {person_id}?", yes=yes)
        shell.api.delete(f"/superadmins/{person_id}")
        say(f"{person_id} is no longer a superadmin.")
    else:
        shell.confirm(f"Let {person_id} act on every org of this installation?", yes=yes)
        shell.show_one(shell.api.post(f"/superadmins/{person_id}"), SUPERADMIN_COLUMNS, as_json=json)


@people.command("invite")
def invite(
    context: typer.Context,
    email: str,
    role: Annotated[Role, typer.Option(help="The role they will have.")] = Role.DEVELOPER,
    json: Json = False,
) -> None:
    """Invite someone; the token is shown once, for you to pass on."""
    shell = shell_of(context)
    made = shell.api.post("/invitations", {"email": email, "role": role.value})
    shell.show_one(made, (*INVITATION_COLUMNS, Column("TOKEN", "token")), as_json=json)


@people.command("invitations")
def list_invitations(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """Invitations and what became of them."""
    shell = shell_of(context)
    page = shell.api.page("/invitations", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, INVITATION_COLUMNS, as_json=json)


@people.command("withdraw")
def withdraw_invitation(context: typer.Context, invitation_id: str, yes: Yes = False) -> None:
    """Take an invitation back."""
    shell = shell_of(context)
    shell.confirm(f"Withdraw the invitation {invitation_id}?", yes=yes)
    shell.api.delete(f"/invitations/{invitation_id}")
    say(f"Withdrew {invitation_id}.")
