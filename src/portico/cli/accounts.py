"""Signing in and out, and the orgs one belongs to."""

import sys
from dataclasses import replace
from typing import Annotated, Any

import typer

from portico.cli.client import Client
from portico.cli.failures import CommandFailed, WrongUsage
from portico.cli.output import Column, moment, put, put_json, say
from portico.cli.profiles import Profile
from portico.cli.shell import Cursor, Json, Limit, Shell, Yes, shell_of

orgs = typer.Typer(no_args_is_help=True, help="Orgs: the tenants of this Portico.")

ORG_COLUMNS = (
    Column("ORG", "slug"),
    Column("NAME", "name"),
    Column("STATUS", "status"),
    Column("MEMBERS", "member_count", right=True),
    Column("CREATED", moment("created_at")),
    Column("ID", "id"),
)
OrgId = Annotated[str, typer.Argument(help="The org's id.")]


def read_secret(prompt: str, variable: str | None = None) -> str:
    """From the terminal without echo, or one line from a pipe; never from the command line."""
    if variable:
        return variable
    text: str = typer.prompt(prompt, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not text.strip():
        raise WrongUsage(f"{prompt}: nothing was given.")
    return text.strip()


def login(
    context: typer.Context,
    email: Annotated[str | None, typer.Option(help="Who signs in.")] = None,
    org: Annotated[str | None, typer.Option(help="Id or slug of the org to work in.", envvar="PORTICO_ORG")] = None,
    scope: Annotated[str | None, typer.Option(help="Scope to work in: ENTERPRISE, DEVELOPMENT, ...")] = None,
    key: Annotated[bool, typer.Option("--key", help="Store an API key instead; it is asked for.")] = False,
    password: Annotated[str | None, typer.Option(envvar="PORTICO_PASSWORD", hidden=True)] = None,
    json: Json = False,
) -> None:
    """Sign in (the password is asked for) and remember it in the profile."""
    shell = shell_of(context)
    start = Profile(name=shell.profile_name, url=shell.profile().url)
    if key:
        client = Client(replace(start, key=shell.key or read_secret("API key")))
        me = client.get("/auth/me")
    else:
        address: str = email or typer.prompt("Email", err=True)
        client = Client(start)
        me = client.sign_in(address, read_secret("Password", password))["me"]
        if org or scope:
            me = _switched(client, me, org, scope)
    with client:
        shell.profiles.save(client.profile)
    _greet(me, shell, as_json=json)


def _switched(client: Client, me: dict[str, Any], org: str | None, scope: str | None) -> dict[str, Any]:
    chosen = next((each for each in me["orgs"] if org in {each["id"], each["slug"]}), None) if org else me["org"]
    if chosen is None:
        known = ", ".join(each["slug"] for each in me["orgs"])
        raise CommandFailed(f"You are not a member of an org {org!r}.", next_step=f"pick one of: {known}")
    switched: dict[str, Any] = client.switch(chosen["id"], scope or me["scope"])["me"]
    return switched


def _greet(me: dict[str, Any], shell: Shell, *, as_json: bool) -> None:
    if as_json:
        put_json(me)
        return
    who = me["person"] or me["key"] or {"name": "unknown"}
    org = me["org"]["name"] if me["org"] else "no org"
    put(f"Signed in as {who['name']} in {org} ({me['scope']}).")
    say(f"Kept in {shell.profiles.path}, profile {shell.profile_name}.")


def logout(context: typer.Context) -> None:
    """End the sign-in and forget the credential."""
    shell = shell_of(context)
    stored = shell.profiles.load(shell.profile_name)
    if stored.refresh_token:
        with Client(stored, shell.profiles) as client:
            try:
                client.post("/auth/sign-out")
            except CommandFailed as failed:
                say(f"The sign-in could not be ended at {stored.url}: {failed.what}")
    shell.profiles.save(stored.signed_out())
    say(f"Signed out of {stored.url}.")


def whoami(context: typer.Context, json: Json = False) -> None:
    """Who this command line acts as, and what it may do."""
    me = shell_of(context).api.get("/auth/me")
    fields = (
        Column("Acts as", lambda me: (me["person"] or me["key"] or {}).get("name")),
        Column("Org", "org.name"),
        Column("Scope", "scope"),
        Column("Role", "role"),
        Column("Permissions", "permissions"),
    )
    shell_of(context).show_one(me, fields, as_json=json)


@orgs.command("list")
def list_orgs(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """Your orgs; all of them for the platform's operator."""
    shell = shell_of(context)
    page = shell.api.page("/orgs", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, ORG_COLUMNS, as_json=json)


@orgs.command("show")
def show_org(context: typer.Context, org_id: OrgId, json: Json = False) -> None:
    """One org."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/orgs/{org_id}"), ORG_COLUMNS, as_json=json)


@orgs.command("add")
def add_org(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The name people see.")],
    slug: Annotated[str, typer.Option(help="Short name for addresses.")],
    owner: Annotated[str, typer.Option(help="Email of the first owner.")],
    json: Json = False,
) -> None:
    """Make an org (platform operator only)."""
    shell = shell_of(context)
    made = shell.api.post("/orgs", {"name": name, "slug": slug, "owner_email": owner})
    if made.get("invitation_token") and not json:
        say(f"{owner} is new here. Their invitation, shown only now: {made['invitation_token']}")
    shell.show_one(made, ORG_COLUMNS, as_json=json)


@orgs.command("rename")
def rename_org(context: typer.Context, org_id: OrgId, name: str, json: Json = False) -> None:
    """Give an org another name."""
    shell = shell_of(context)
    shell.show_one(shell.api.patch(f"/orgs/{org_id}", {"name": name}), ORG_COLUMNS, as_json=json)


@orgs.command("suspend")
def suspend_org(context: typer.Context, org_id: OrgId, yes: Yes = False, json: Json = False) -> None:
    """Stop every call and sign-in of an org until it is resumed."""
    shell = shell_of(context)
    shell.confirm(f"Suspend {org_id}? All its calls will be refused.", yes=yes)
    shell.show_one(shell.api.post(f"/orgs/{org_id}/suspend"), ORG_COLUMNS, as_json=json)


@orgs.command("resume")
def resume_org(context: typer.Context, org_id: OrgId, json: Json = False) -> None:
    """Let a suspended org work again."""
    shell = shell_of(context)
    shell.show_one(shell.api.post(f"/orgs/{org_id}/resume"), ORG_COLUMNS, as_json=json)


@orgs.command("remove")
def remove_org(context: typer.Context, org_id: OrgId, yes: Yes = False) -> None:
    """Delete an org with all that is in it."""
    shell = shell_of(context)
    shell.confirm(f"Delete {org_id} with its services, keys and members?", yes=yes)
    shell.api.delete(f"/orgs/{org_id}")
    say(f"Deleted {org_id}.")


@orgs.command("use")
def use_org(
    context: typer.Context,
    org: Annotated[str, typer.Argument(help="Id or slug.")],
    scope: Annotated[str | None, typer.Option(help="Scope inside the org.")] = None,
    json: Json = False,
) -> None:
    """Work in another org or scope from now on (a sign-in only; a key belongs to one)."""
    shell = shell_of(context)
    me = _switched(shell.api, shell.api.get("/auth/me"), org, scope)
    shell.profiles.save(shell.api.profile)
    _greet(me, shell, as_json=json)
