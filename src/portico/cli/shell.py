"""What every command is handed: the options that all share, the client, and the way to show an answer."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer

from portico.cli.client import Client, Listing
from portico.cli.failures import CommandFailed
from portico.cli.output import Column, put_card, put_json, put_table, say
from portico.cli.profiles import Profile, Profiles

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON on stdout.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100, help="How many rows to show.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Continue where the last page ended.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass
class Shell:
    """One run of the command line. `key` is from PORTICO_KEY and beats what the profile holds."""

    profiles: Profiles = field(default_factory=Profiles)
    profile_name: str = "default"
    url: str | None = None
    key: str | None = None
    _client: Client | None = None

    def profile(self) -> Profile:
        stored = self.profiles.load(self.profile_name)
        url = self.url.rstrip("/") if self.url else stored.url
        if url != stored.url:
            # A credential is only ever sent to the Portico that gave it.
            stored = stored.signed_out()
        if self.key:
            stored = replace(stored.signed_out(), key=self.key)
        return replace(stored, url=url)

    @property
    def api(self) -> Client:
        if self._client is None:
            keeps = self.key is None and self.url is None
            self._client = Client(self.profile(), self.profiles if keeps else None)
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    # --- showing -------------------------------------------------------------------------------------------------

    def show_page(self, page: Listing, columns: Sequence[Column], *, as_json: bool, empty: str = "None yet.") -> None:
        if as_json:
            put_json({"items": page.items, "total": page.total, "next_cursor": page.next_cursor})
            return
        put_table(page.items, columns, empty=empty)
        if page.next_cursor:
            say(f"There is more: --cursor {page.next_cursor}")

    def show_one(self, item: Mapping[str, Any], fields: Sequence[Column], *, as_json: bool) -> None:
        if as_json:
            put_json(item)
        else:
            put_card(item, fields)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before what cannot be undone; without a terminal, `--yes` is the only way."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise CommandFailed(f"{question} Nobody is here to ask.", next_step="add --yes")
        if not typer.confirm(question, err=True):
            raise CommandFailed("Nothing was changed.")


def shell_of(context: typer.Context) -> Shell:
    found = context.find_object(Shell)
    return Shell() if found is None else found
