"""The log of events: what happened, what others publish into it, who follows it, and what they could not take."""

import json as jsonlib
from typing import Annotated, Any
from uuid import uuid4

import typer

from portico.cli.calling import read_data
from portico.cli.failures import WrongUsage
from portico.cli.output import Column, Item, moment, put_bytes, put_card, put_json, put_json_line, put_table, say
from portico.cli.record import Since, Until, instant
from portico.cli.replays import replay_all
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of

events = typer.Typer(no_args_is_help=True, help="What happened in the org, and who follows it.")
dead_letters = typer.Typer(no_args_is_help=True, help="Events that a consumer could not take.")

Kind = Annotated[
    str | None, typer.Option(help="service.created, service.created.v1, service.*, or another system's name for it.")
]
Category = Annotated[str | None, typer.Option(help="system, application, integration or error.")]
Subject = Annotated[str | None, typer.Option(help="What it is about, e.g. service:svc_...")]
Consumer = Annotated[str | None, typer.Option(help="Only of this consumer.")]
Data = Annotated[str, typer.Option("--data", "-d", help="A JSON object; @file reads it, - is stdin.")]
LetterId = Annotated[str, typer.Argument(help="The dead letter's id (dlt_...).")]
TypeName = Annotated[str, typer.Argument(help="A noun and a past verb, e.g. order.shipped")]


def payload_of(event: Item) -> str:
    return ", ".join(f"{name}={value}" for name, value in list(event["payload"].items())[:3])


def name_of(event: Item) -> str:
    """Whatever tells it from others of its kind."""
    payload = event["payload"]
    return str(payload.get("name") or event["subject"] or next(iter(payload.values()), "-"))


def extensions_of(event: Item) -> dict[str, Any]:
    """What its sender added to the envelope."""
    extensions: dict[str, Any] = (event["origin"] or {}).get("extensions", {})
    return extensions


# At most 100 characters together.
EVENT_COLUMNS = (
    Column("AT", lambda event: moment("at")(event)[5:]),
    Column("KIND", lambda event: event["kind"].removesuffix(".v1"), most=30),
    Column("ABOUT", name_of, most=20),
    Column("ID", "id", most=30),
)
WIDE_EVENT_COLUMNS = (
    Column("SEQ", "seq", right=True),
    Column("AT", moment("at")),
    Column("KIND", "kind"),
    Column("CATEGORY", "category"),
    Column("BY", "actor.name"),
    Column("ABOUT", payload_of),
    Column("ID", "id"),
)
EVENT_FIELDS = (
    Column("Event", "id"),
    Column("Kind", "kind"),
    Column("Category", "category"),
    Column("Position", "seq"),
    Column("At", "at"),
    Column("By", lambda event: f"{event['actor']['kind']} {event['actor']['name']}"),
    Column("Subject", lambda event: event["subject"] or "-"),
    Column(
        "From", lambda event: f"{event['origin']['source']} {event['origin']['id']}" if event["origin"] else "Portico"
    ),
    Column("Attributes", lambda event: [f"{name}={value}" for name, value in extensions_of(event).items()]),
    Column("Payload", lambda event: jsonlib.dumps(event["payload"], ensure_ascii=False)),
)
TYPE_COLUMNS = (
    Column("KIND", "kind"),
    Column("CATEGORY", "category"),
    Column("WHAT", "summary"),
    Column("FIELDS", lambda row: ", ".join(row["schema"].get("properties", {}))),
    Column("ALSO CALLED", "aliases"),
)
ARCHIVE_COLUMNS = (
    Column("ID", "id"),
    Column("UNTIL", "day"),
    Column("FROM", "first_seq", right=True),
    Column("TO", "last_seq", right=True),
    Column("BYTES", "bytes", right=True),
)
CONSUMER_COLUMNS = (
    Column("NAME", "name"),
    Column("BEHIND", "lag", right=True),
    Column("BY", lambda row: f"{row['lag_s']:.0f} s", right=True),
    Column("WAITING", "waiting", right=True),
    Column("DEAD", lambda row: f"{row['dead']} (nearly full)" if row["dead_warning"] else row["dead"], right=True),
    Column("DROPPED", "dropped", right=True),
    Column("PROJECTION", "projection"),
    Column("MOVED", moment("updated_at")),
)
COUNT_COLUMNS = (Column("DAY", "day"), Column("KIND", "kind"), Column("EVENTS", "count", right=True))
LETTER_COLUMNS = (
    Column("DIED", moment("died_at")),
    Column("CONSUMER", "consumer"),
    Column("KIND", "event.kind"),
    Column("SUBJECT", "event.subject"),
    Column("TRIES", "attempts", right=True),
    Column("EDITED", "edited"),
    Column("ERROR", "error"),
    Column("ID", "id"),
)
LETTER_FIELDS = (
    Column("Dead letter", "id"),
    Column("Consumer", "consumer"),
    Column("Event", lambda letter: f"{letter['event']['id']} {letter['event']['kind']}"),
    Column("Subject", "event.subject"),
    Column("Tries", "attempts"),
    Column("First failed", "first_failed_at"),
    Column("Died", "died_at"),
    Column("Error", "error"),
    Column("Edited", "edited"),
    Column("Payload", lambda letter: jsonlib.dumps(letter["payload"], ensure_ascii=False)),
)


def json_object(text: str, option: str = "--data") -> dict[str, Any]:
    try:
        parsed = jsonlib.loads(read_data(text))
    except ValueError as error:
        raise WrongUsage(f"{option} is not JSON: {error}.") from error
    if not isinstance(parsed, dict):
        raise WrongUsage(f"{option} must be a JSON object.")
    return parsed


# --- events -----------------------------------------------------------------------------------------------------------


@events.command("list")
def list_events(
    context: typer.Context,
    kind: Kind = None,
    category: Category = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    wide: Annotated[bool, typer.Option("--wide", help="Every column, however wide the table becomes.")] = False,
    json: Json = False,
) -> None:
    """What happened, newest first."""
    shell = shell_of(context)
    params: dict[str, Any] = {"kind": kind, "category": category, "subject": subject}
    params |= {"since": instant(since), "until": instant(until), "page_size": limit, "cursor": cursor}
    shell.show_page(shell.api.page("/events", params), WIDE_EVENT_COLUMNS if wide else EVENT_COLUMNS, as_json=json)


@events.command("show")
def show_event(
    context: typer.Context, event_id: Annotated[str, typer.Argument(help="evt_...")], json: Json = False
) -> None:
    """One event whole."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/events/{event_id}"), EVENT_FIELDS, as_json=json)


@events.command("export")
def export_events(
    context: typer.Context,
    kind: Kind = None,
    category: Category = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Every event there is, newest first, one line of JSON each; what retention took is in the archive."""
    shell, cursor = shell_of(context), None
    params: dict[str, Any] = {"kind": kind, "category": category, "since": instant(since), "until": instant(until)}
    while True:
        page = shell.api.page("/events", params | {"page_size": 100, "cursor": cursor})
        for event in page.items:
            put_json_line(event)
        cursor = page.next_cursor
        if cursor is None:
            return


@events.command("archives")
def list_archives(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """Files of events that have left the log, the newest first."""
    shell = shell_of(context)
    params = {"page_size": limit, "cursor": cursor}
    shell.show_page(shell.api.page("/event-archives", params), ARCHIVE_COLUMNS, as_json=json)


@events.command("archive")
def read_archive(
    context: typer.Context, archive_id: Annotated[str, typer.Argument(help="As `events archives` lists it.")]
) -> None:
    """The scope's events of one archive on stdout, oldest first, one line of JSON each."""
    with shell_of(context).api.download(f"/event-archives/{archive_id}") as pieces:
        for piece in pieces:
            put_bytes(piece)


@events.command("counts")
def count_events(
    context: typer.Context,
    kind: Kind = None,
    since: Annotated[str | None, typer.Option(help="The first day, e.g. 2026-01-31.")] = None,
    until: Annotated[str | None, typer.Option(help="The last day.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Events per kind and day (UTC); the last 30 days unless told otherwise."""
    shell = shell_of(context)
    params = {"kind": kind, "since": since, "until": until, "page_size": limit, "cursor": cursor}
    shell.show_page(shell.api.page("/event-counts", params), COUNT_COLUMNS, as_json=json)


@events.command("types")
def list_types(context: typer.Context, json: Json = False) -> None:
    """Every type of event: Portico's own, and those that the org has registered."""
    shell = shell_of(context)
    shell.show_page(shell.api.page("/event-types"), TYPE_COLUMNS, as_json=json)


@events.command("register-type")
def register_type(
    context: typer.Context,
    type_name: TypeName,
    schema: Annotated[str, typer.Option(help="A JSON schema; @file reads it, - is stdin.")],
    summary: Annotated[str, typer.Option(help="What it means.")] = "",
    json: Json = False,
) -> None:
    """From now on, check what is published under a type of your own."""
    shell = shell_of(context)
    body = {"summary": summary, "schema": json_object(schema, "--schema")}
    shell.show_one(shell.api.put(f"/event-types/{type_name}", body), TYPE_COLUMNS, as_json=json)


@events.command("remove-type")
def remove_type(context: typer.Context, type_name: TypeName, yes: Yes = False) -> None:
    """Check a type no longer."""
    shell = shell_of(context)
    shell.confirm(f"Stop checking {type_name}?", yes=yes)
    shell.api.delete(f"/event-types/{type_name}")
    say(f"{type_name} is checked no longer.")


@events.command("publish")
def publish_event(
    context: typer.Context,
    type_name: TypeName,
    data: Data,
    source: Annotated[str, typer.Option(help="Who tells it.")] = "portico-cli",
    subject: Annotated[str | None, typer.Option(help="The id of what it is about; its events stay in order.")] = None,
    event_id: Annotated[
        str | None, typer.Option("--id", help="Unique within the source; the same once more records nothing.")
    ] = None,
    json: Json = False,
) -> None:
    """Tell the org's log what happened elsewhere."""
    shell = shell_of(context)
    sent: dict[str, Any] = {"specversion": "1.0", "id": event_id or str(uuid4()), "source": source, "type": type_name}
    sent |= {"data": json_object(data)} | ({"subject": subject} if subject else {})
    answer = shell.api.post("/events", sent)
    if json:
        put_json(answer)
        return
    if answer["duplicate"]:
        say("It is on record already; nothing was recorded.")
    put_card(answer["event"], EVENT_FIELDS)


@events.command("consumers")
def list_consumers(context: typer.Context, json: Json = False) -> None:
    """Who follows the log, how far behind, and what it could not take."""
    shell = shell_of(context)
    shell.show_page(shell.api.page("/event-consumers"), CONSUMER_COLUMNS, as_json=json)


@events.command("replay")
def replay_events(
    context: typer.Context,
    consumer: Annotated[str | None, typer.Option(help="Who shall see the events again.")] = None,
    projection: Annotated[str | None, typer.Option(help="Make this one anew from the log.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds; repeat it.")] = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    after: Annotated[int, typer.Option(min=0, help="Go on after this position, where a replay was broken off.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would be hit.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give events to one consumer once more, or make a projection anew; says first who will be hit."""
    shell = shell_of(context)
    ask: dict[str, Any] = {"consumer": consumer, "projection": projection, "kinds": kind or [], "subject": subject}
    ask |= {"since": instant(since), "until": instant(until), "after": after}
    told = replay_all(shell.api, ask | {"dry_run": True}, 0)
    if not dry_run:
        if not json:
            _tell(told)
        shell.confirm(f"Go on with {told['events']} events?", yes=yes)
        due = next((hit["events"] for hit in told["hits"] if hit["consumer"] == consumer), told["events"])
        told = replay_all(shell.api, ask | {"dry_run": False}, due)
    if json:
        put_json(told)
    else:
        _tell(told)


def _tell(told: Item) -> None:
    put_table(told["hits"], (Column("CONSUMER", "consumer"), Column("EVENTS", "events", right=True)), empty="Nobody.")
    done = "would be" if told["dry_run"] else "were"
    if told["corrected"] is not None:
        say(f"{told['corrected']} rows {done} different from what {told['events']} events say.")
    elif not told["dry_run"]:
        say(f"{told['replayed']} events are on their way again.")


# --- dead letters -----------------------------------------------------------------------------------------------------


@dead_letters.command("list")
def list_dead_letters(
    context: typer.Context,
    consumer: Consumer = None,
    kind: Kind = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """The latest first."""
    shell = shell_of(context)
    params = {"consumer": consumer, "kind": kind, "page_size": limit, "cursor": cursor}
    shell.show_page(shell.api.page("/dead-letters", params), LETTER_COLUMNS, as_json=json, empty="None.")


@dead_letters.command("show")
def show_dead_letter(context: typer.Context, letter_id: LetterId, json: Json = False) -> None:
    """One with its payload and what went wrong."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/dead-letters/{letter_id}"), LETTER_FIELDS, as_json=json)


@dead_letters.command("edit")
def edit_dead_letter(context: typer.Context, letter_id: LetterId, data: Data, json: Json = False) -> None:
    """Change the payload that the consumer will see; the event in the log stays as it is."""
    shell = shell_of(context)
    edited = shell.api.patch(f"/dead-letters/{letter_id}", {"payload": json_object(data)})
    shell.show_one(edited, LETTER_FIELDS, as_json=json)


@dead_letters.command("retry")
def retry_dead_letters(
    context: typer.Context,
    letter_id: Annotated[str | None, typer.Argument(help="One; else all that the options leave.")] = None,
    consumer: Consumer = None,
    kind: Kind = None,
    yes: Yes = False,
) -> None:
    """Try one once more, or all of a consumer or kind."""
    shell = shell_of(context)
    if letter_id is not None:
        if consumer or kind:
            raise WrongUsage("Give an id, or --consumer and --kind; not both.")
        shell.api.post(f"/dead-letters/{letter_id}/retry")
        say(f"{letter_id} is on its way again.")
        return
    whose = " ".join(filter(None, (kind, f"of {consumer}" if consumer else None))) or "of the scope"
    shell.confirm(f"Retry all dead letters {whose}?", yes=yes)
    told = shell.api.post("/dead-letters/retry", {"consumer": consumer, "kind": kind})
    say(f"{told['retried']} are on their way again.")


@dead_letters.command("discard")
def discard_dead_letter(context: typer.Context, letter_id: LetterId, yes: Yes = False) -> None:
    """Forget one; its consumer will never have seen the event."""
    shell = shell_of(context)
    shell.confirm(f"Discard {letter_id}?", yes=yes)
    shell.api.post(f"/dead-letters/{letter_id}/discard")
    say(f"Discarded {letter_id}.")
