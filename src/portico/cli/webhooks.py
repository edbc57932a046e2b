"""Webhooks: endpoints that get the org's events, and the log of what was sent to them."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from portico.cli.accounts import read_secret
from portico.cli.failures import CommandFailed, WrongUsage
from portico.cli.output import Column, Item, moment, put, put_card, put_json, put_table, say
from portico.cli.record import Since, Until, instant
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of

webhooks = typer.Typer(no_args_is_help=True, help="Webhooks: events sent to your own endpoints.")
deliveries = typer.Typer(no_args_is_help=True, help="What was sent, attempt by attempt.")
webhooks.add_typer(deliveries, name="deliveries")


def headers(webhook: Item) -> list[str]:
    return [f"{header['name']}: {header['hint']}" for header in webhook["headers"]]


WEBHOOK_COLUMNS = (
    Column("NAME", "name"),
    Column("STATUS", "status"),
    Column("URL", "url"),
    Column("KINDS", "kinds"),
    Column("DELIVERED 24 H", "health.delivered_24h", right=True),
    Column("FAILED 24 H", "health.failed_24h", right=True),
    Column("PENDING", "health.pending", right=True),
    Column("DEAD", "health.dead", right=True),
    Column("ID", "id"),
)
WEBHOOK_FIELDS = (
    *WEBHOOK_COLUMNS,
    Column("DESCRIPTION", "description"),
    Column("SERVICES", "services"),
    Column("TEMPLATES", "templates"),
    Column("HEADERS", headers),
    Column("RETRIES AFTER S", lambda webhook: webhook["ladder_s"] or "the usual steps"),
    Column("SECRET ENDS IN", "secret_hint"),
    Column("OLD SECRET UNTIL", moment("previous_secret_until")),
    Column("DISABLED BECAUSE", "disabled_reason"),
    Column("LAST SUCCESS", moment("health.last_success_at")),
    Column("LAST FAILURE", moment("health.last_failure_at")),
    Column("LAST ERROR", "health.last_error"),
    Column("CREATED", moment("created_at")),
)
_NOT_OF_THE_LOG = {"test": " (test)", "edit": " (edited)"}
DELIVERY_COLUMNS = (
    Column("CREATED", moment("created_at")),
    Column("KIND", "kind"),
    Column("SUBJECT", "subject"),
    Column("STATE", lambda delivery: delivery["state"] + _NOT_OF_THE_LOG.get(delivery["origin"], "")),
    Column("ATTEMPTS", "attempts", right=True),
    Column("NEXT", moment("next_at")),
    Column("LAST ANSWER", lambda delivery: delivery["last_error"] or delivery["last_status"]),
    Column("ID", "id"),
)
DELIVERY_FIELDS = tuple(column for column in DELIVERY_COLUMNS if column.title != "ATTEMPTS")
ATTEMPT_COLUMNS = (
    Column("ATTEMPT", "number", right=True),
    Column("AT", moment("at")),
    Column("STATUS", "status", right=True),
    Column("TOOK MS", "took_ms", right=True),
    Column("ERROR", "error"),
)
WebhookId = Annotated[str, typer.Argument(help="The webhook's id (whk_...).")]
DeliveryId = Annotated[str, typer.Argument(help="The delivery's id.")]
Kind = Annotated[list[str] | None, typer.Option("--kind", help="service.created, service.* or * for all; repeat it.")]
Service = Annotated[list[str] | None, typer.Option("--service", help="Only about this service's id; repeat it.")]
Template = Annotated[list[str] | None, typer.Option("--template", help="Only about this template's id; repeat it.")]
HeaderName = Annotated[
    list[str] | None,
    typer.Option("--header", help="Name of a header to send along; its value is asked for, or read from a pipe."),
]
Ladder = Annotated[str | None, typer.Option(help="Seconds between attempts, e.g. 1,5,30; 'usual' for the usual ones.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]


@webhooks.command("list")
def list_webhooks(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """The webhooks of the scope you are in, and how they do."""
    shell = shell_of(context)
    page = shell.api.page("/webhooks", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, WEBHOOK_COLUMNS, as_json=json)


@webhooks.command("show")
def show_webhook(context: typer.Context, webhook_id: WebhookId, json: Json = False) -> None:
    """One webhook."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/webhooks/{webhook_id}"), WEBHOOK_FIELDS, as_json=json)


@webhooks.command("add")
def add_webhook(
    context: typer.Context,
    name: str,
    url: Annotated[str, typer.Option(help="Where the events go, e.g. https://example.com/portico.")],
    kind: Kind = None,
    service: Service = None,
    template: Template = None,
    header: HeaderName = None,
    ladder: Ladder = None,
    description: Description = None,
    json: Json = False,
) -> None:
    """Make a webhook; its secret is shown this once."""
    draft = {"name": name, "url": url} | _facts(kind, service, template, header, ladder, description)
    _show_secret(shell_of(context).api.post("/webhooks", draft), as_json=json)


@webhooks.command("edit")
def edit_webhook(
    context: typer.Context,
    webhook_id: WebhookId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    kind: Kind = None,
    service: Service = None,
    template: Template = None,
    header: HeaderName = None,
    ladder: Ladder = None,
    description: Description = None,
    json: Json = False,
) -> None:
    """Change a webhook; what is given replaces what was there."""
    change = {field: value for field, value in (("name", name), ("url", url)) if value}
    change |= _facts(kind, service, template, header, ladder, description)
    if not change:
        raise WrongUsage("Say what to change; see --help.")
    shell = shell_of(context)
    shell.show_one(shell.api.patch(f"/webhooks/{webhook_id}", change), WEBHOOK_FIELDS, as_json=json)


@webhooks.command("remove")
def remove_webhook(context: typer.Context, webhook_id: WebhookId, yes: Yes = False) -> None:
    """Remove a webhook with everything that is queued or on record for it."""
    shell = shell_of(context)
    shell.confirm(f"Remove {webhook_id}? What is queued for it is not sent any more.", yes=yes)
    shell.api.delete(f"/webhooks/{webhook_id}")
    say(f"Removed {webhook_id}.")


@webhooks.command("pause")
def pause_webhook(context: typer.Context, webhook_id: WebhookId, json: Json = False) -> None:
    """Send nothing until it is resumed; what happens meanwhile is not queued."""
    shell = shell_of(context)
    shell.show_one(shell.api.post(f"/webhooks/{webhook_id}/pause"), WEBHOOK_FIELDS, as_json=json)


@webhooks.command("resume")
def resume_webhook(context: typer.Context, webhook_id: WebhookId, json: Json = False) -> None:
    """Send again, after a pause or when it was disabled."""
    shell = shell_of(context)
    shell.show_one(shell.api.post(f"/webhooks/{webhook_id}/resume"), WEBHOOK_FIELDS, as_json=json)


@webhooks.command("rotate")
def rotate_secret(
    context: typer.Context,
    webhook_id: WebhookId,
    overlap_s: Annotated[
        int, typer.Option("--overlap-s", min=0, help="How long the old secret signs as well.")
    ] = 86400,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give a webhook a new secret; for a while both sign."""
    shell = shell_of(context)
    shell.confirm(f"Give {webhook_id} a new secret? The old one ends in {overlap_s} s.", yes=yes)
    answer = shell.api.post(f"/webhooks/{webhook_id}/rotate-secret", {"overlap_s": overlap_s})
    _show_secret(answer, as_json=json)


@webhooks.command("test")
def try_webhook(context: typer.Context, webhook_id: WebhookId, json: Json = False) -> None:
    """Send the newest event it wants, or a sample, and tell what the endpoint answered."""
    tried = shell_of(context).api.post(f"/webhooks/{webhook_id}/test")
    if json:
        put_json(tried)
    else:
        what = "A sample" if tried["sample"] else "The newest event it wants"
        say(f"{what} was sent to {tried['request']['url']} as delivery {tried['delivery_id']}.")
        put(f"{tried['error'] or 'It was taken'} ({tried['status'] or 'no answer'}, {tried['took_ms']} ms)")
    if tried["error"]:
        raise CommandFailed("The endpoint did not take it.", next_step="mend the endpoint, then test again")


@webhooks.command("replay")
def replay_webhook(
    context: typer.Context,
    webhook_id: WebhookId,
    since: Since,
    until: Until = None,
    kind: Kind = None,
    which: Annotated[str, typer.Option(help="all, failed, or missing (never queued, e.g. while paused).")] = "all",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send the events of a time again, in order and under the same ids; says first how many."""
    shell = shell_of(context)
    ask: dict[str, Any] = {"since": instant(since), "until": instant(until), "kinds": kind or [], "which": which}
    path = f"/webhooks/{webhook_id}/replay"
    found = shell.api.post(path, ask | {"dry_run": True})
    if not dry_run:
        shell.confirm(f"Send {found['new'] + found['again']} of {found['events']} events?", yes=yes)
        found = shell.api.post(path, ask | {"dry_run": False})
    if json:
        put_json(found)
        return
    put_card(found, [Column(field.upper(), field) for field in ("events", "new", "again", "waiting", "replayed")])
    if found["more_from"]:
        say(f"There is more: --since {found['more_from']}")


@webhooks.command("verify")
def verify_request(
    body: Annotated[Path, typer.Argument(help="File with the raw body, exactly as it arrived.", dir_okay=False)],
    timestamp: Annotated[str, typer.Option(help="The header X-Webhook-Timestamp.")],
    signature: Annotated[str, typer.Option(help="The header X-Webhook-Signature.")],
    at: Annotated[str | None, typer.Option(help="When it arrived, e.g. 2026-01-31T08:00:00Z; default: now.")] = None,
) -> None:
    """Check a request that you received, on this machine; the secret is asked for, or read from a pipe."""
    from datetime import UTC, datetime

    from portico.domains.webhooks import public as rules

    now = datetime.now(UTC) if at is None else datetime.fromisoformat(str(instant(at)))
    given = {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": signature}
    rules.verify(read_secret("Secret"), given, body.read_bytes(), now)
    say("The signature matches the body and the secret.")


# --- deliveries ------------------------------------------------------------------------------------------------------


@deliveries.command("list")
def list_deliveries(
    context: typer.Context,
    webhook_id: WebhookId,
    state: Annotated[str | None, typer.Option(help="pending, delivered, dead or discarded.")] = None,
    kind: Annotated[str | None, typer.Option(help="service.created or service.*.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """The newest first."""
    shell = shell_of(context)
    params = {"state": state, "kind": kind, "page_size": limit, "cursor": cursor}
    shell.show_page(shell.api.page(f"/webhooks/{webhook_id}/deliveries", params), DELIVERY_COLUMNS, as_json=json)


@deliveries.command("show")
def show_delivery(context: typer.Context, delivery_id: DeliveryId, json: Json = False) -> None:
    """One with its attempts and its body."""
    found = shell_of(context).api.get(f"/webhook-deliveries/{delivery_id}")
    if json:
        put_json(found)
        return
    put_card(found, DELIVERY_FIELDS)
    put("")
    put_table(found["attempts"], ATTEMPT_COLUMNS, empty="No attempt yet.")
    put(f"\n{found['body']}")


@deliveries.command("redeliver")
def redeliver(
    context: typer.Context,
    delivery_id: DeliveryId,
    body: Annotated[
        str | None, typer.Option(help="File with an edited body to send instead, as a new delivery; - for a pipe.")
    ] = None,
    json: Json = False,
) -> None:
    """Send a finished delivery again under its id, or an edited copy under a new one."""
    ask = {} if body is None else {"body": sys.stdin.read() if body == "-" else _read(body)}
    shell = shell_of(context)
    shell.show_one(shell.api.post(f"/webhook-deliveries/{delivery_id}/redeliver", ask), DELIVERY_COLUMNS, as_json=json)


def _facts(
    kind: list[str] | None,
    service: list[str] | None,
    template: list[str] | None,
    header: list[str] | None,
    ladder: str | None,
    description: str | None,
) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for field, value in (("kinds", kind), ("services", service), ("templates", template)):
        if value:
            facts[field] = value
    if header:
        # A value on the command line could be read by everyone on the machine.
        facts["headers"] = [{"name": name, "value": read_secret(name)} for name in header]
    if ladder is not None:
        facts["ladder_s"] = None if ladder == "usual" else _steps(ladder)
    if description is not None:
        facts["description"] = description
    return facts


def _steps(text: str) -> list[int]:
    try:
        return [int(step) for step in text.split(",")]
    except ValueError as error:
        raise WrongUsage(f"{text!r} are no seconds; write 1,5,30.") from error


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} cannot be read as text.") from error


def _show_secret(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        put_json(made)
        return
    webhook = made["webhook"]
    say(f"{webhook['name']} ({webhook['id']}). The secret is shown only now; keep it safe:")
    put(made["secret"])
