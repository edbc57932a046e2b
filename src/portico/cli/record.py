"""The record: calls and the audit trail."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from portico.cli.client import Listing
from portico.cli.failures import CommandFailed, WrongUsage
from portico.cli.output import (
    Column,
    Item,
    duration,
    micros,
    moment,
    money,
    put,
    put_card,
    put_json,
    put_json_line,
    put_table,
    say,
)
from portico.cli.shell import Cursor, Json, Limit, Shell, shell_of
from portico.kernel.clock import rfc3339

calls = typer.Typer(no_args_is_help=True, help="The record of calls.")
audit = typer.Typer(no_args_is_help=True, help="Who did what: the tamper-evident trail.")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def verdict(call: Item) -> str:
    reason = call.get("reason")
    return f"{call['verdict']} ({reason['name']})" if reason else str(call["verdict"])


CALL_COLUMNS = (
    Column("AT", moment("at")),
    Column("BY", "principal.name"),
    Column("SERVICE", "service.name"),
    Column("CALL", lambda call: call["model"] or f"{call['method']} {call['path']}"),
    Column("VERDICT", verdict),
    Column("STATUS", "status", right=True),
    Column("TOOK", micros("duration_us"), right=True),
    Column("ADDED", micros("added_us"), right=True),
    Column("TOKENS", lambda call: f"{call['tokens_in']}/{call['tokens_out']}", right=True),
    Column("COST", money("cost_microusd"), right=True),
    Column("ID", "id"),
)
STAGE_COLUMNS = (
    Column("STAGE", "name"),
    Column("AT", micros("start_us"), right=True),
    Column("TOOK", micros("took_us"), right=True),
    Column("NOTE", "note"),
)
ANALYTICS_COLUMNS = (
    Column("NAME", "key.name"),
    Column("CALLS", "calls", right=True),
    Column("FAILED", "failed", right=True),
    Column("REFUSED", "refused", right=True),
    Column("ERRORS", lambda row: f"{row['error_rate']:.1%}", right=True),
    Column("P50", micros("p50_us"), right=True),
    Column("P95", micros("p95_us"), right=True),
    Column("ADDED P95", micros("added_p95_us"), right=True),
    Column("TOKENS", lambda row: f"{row['tokens_in']}/{row['tokens_out']}", right=True),
    Column("COST", money("cost_microusd"), right=True),
)

Since = Annotated[str | None, typer.Option("--since", help="15m, 2h, 7d, or a time like 2026-01-31T08:00:00Z.")]
Until = Annotated[str | None, typer.Option("--until", help="As --since.")]


def instant(text: str | None) -> str | None:
    """A span back from now (15m, 2h, 7d), or a moment as it stands."""
    if text is None:
        return None
    span = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if span:
        return rfc3339(datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])}))
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongUsage(f"{text!r} is no time; write 15m, 2h, 7d or 2026-01-31T08:00:00Z.") from error
    return rfc3339(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


@calls.command("list")
def list_calls(
    context: typer.Context,
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    principal: Annotated[str | None, typer.Option(help="Only of this key or person id.")] = None,
    verdict: Annotated[str | None, typer.Option(help="allowed, refused, failed or cancelled.")] = None,
    search: Annotated[str | None, typer.Option(help="A call id, correlation id or trace id.")] = None,
    trace: Annotated[str | None, typer.Option(help="Only the calls of this trace.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Calls, newest first."""
    shell = shell_of(context)
    params: dict[str, Any] = {"service": service, "principal_id": principal, "verdict": verdict, "q": search}
    params |= {"from": instant(since), "to": instant(until), "cursor": cursor, "trace_id": trace}
    shell.show_page(shell.api.page("/calls", params | {"page_size": limit}), CALL_COLUMNS, as_json=json)


@calls.command("show")
def show_call(context: typer.Context, call_id: str, json: Json = False) -> None:
    """One call with what each stage decided."""
    found = shell_of(context).api.get(f"/calls/{call_id}")
    if json:
        put_json(found)
        return
    fields = (
        Column("Call", "id"),
        Column("At", "at"),
        Column("By", lambda call: f"{call['principal']['kind']} {call['principal']['name']}"),
        Column("Service", lambda call: f"{call['service']['name']} {call['service']['version'] or ''}"),
        Column("Endpoint", "service.endpoint"),
        Column("Request", lambda call: f"{call['method']} {call['path']}"),
        Column("Model", "model"),
        Column("Verdict", verdict),
        Column("Reason", "reason.message"),
        Column("Status", "status"),
        Column("Attempts", "attempts"),
        Column("Took", lambda call: f"{duration(call['duration_us'])}, of which Portico {duration(call['added_us'])}"),
        Column("Tokens", lambda call: f"{call['tokens_in']} in, {call['tokens_out']} out"),
        Column("Cost", money("cost_microusd")),
        Column("Correlation", "correlation_id"),
        Column("Trace", "trace_id"),
        Column("Span", lambda call: f"{call['span_id']} of {call['parent_span_id'] or 'none'}"),
    )
    put_card(found, fields)
    put("")
    put_table(found["stages"], STAGE_COLUMNS, empty="The stages of this call were not kept.")


@calls.command("tail")
def tail_calls(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep watching.")] = False,
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    limit: Limit = 10,
    json: Json = False,
) -> None:
    """The latest calls, oldest first; with --follow each new one as it is recorded."""
    shell = shell_of(context)
    latest = shell.api.page("/calls", {"service": service, "page_size": limit}).items
    _put_calls(latest[::-1], as_json=json)
    seen = dict.fromkeys(call["id"] for call in latest)
    newest = latest[0]["at"] if latest else rfc3339(datetime.now(UTC))
    if follow:
        # What is within the look back and was not asked to be shown is old news.
        seen |= dict.fromkeys(call["id"] for call in _calls_since(shell, service, newest))
    while follow:
        time.sleep(1)
        fresh = [call for call in _calls_since(shell, service, newest) if call["id"] not in seen]
        _put_calls(fresh[::-1], as_json=json)
        seen |= dict.fromkeys(call["id"] for call in fresh)
        seen = dict(list(seen.items())[-5000:])
        newest = max([newest, *(call["at"] for call in fresh)])


def _calls_since(shell: Shell, service: str | None, newest: str) -> list[dict[str, Any]]:
    # A call is dated by its start and recorded at its end, so a little further back than the newest is looked at.
    since = rfc3339(datetime.fromisoformat(newest) - timedelta(seconds=30))
    found: list[dict[str, Any]] = []
    page = Listing([], None, None)
    for _ in range(10):
        page = shell.api.page(
            "/calls", {"service": service, "from": since, "page_size": 100, "cursor": page.next_cursor}
        )
        found += page.items
        if page.next_cursor is None:
            break
    return found


def _put_calls(found: list[dict[str, Any]], *, as_json: bool) -> None:
    for call in found:
        if as_json:
            put_json_line(call)
        else:
            put("  ".join(column.text(call) for column in CALL_COLUMNS))


@calls.command("analytics")
def call_analytics(
    context: typer.Context,
    by: Annotated[str, typer.Option("--by", help="service or principal.")] = "service",
    since: Since = None,
    until: Until = None,
    json: Json = False,
) -> None:
    """Counts, latency, tokens and cost by service or by caller."""
    shell = shell_of(context)
    params = {"group_by": by, "from": instant(since), "to": instant(until)}
    shell.show_page(shell.api.page("/calls/analytics", params), ANALYTICS_COLUMNS, as_json=json)


@audit.command("list")
def list_audit(
    context: typer.Context,
    actor: Annotated[str | None, typer.Option(help="Only by this actor id.")] = None,
    action: Annotated[str | None, typer.Option(help="e.g. key.create")] = None,
    outcome: Annotated[str | None, typer.Option(help="ok or refused.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Who did what, newest first."""
    shell = shell_of(context)
    params: dict[str, Any] = {"actor_id": actor, "action": action, "outcome": outcome}
    params |= {"from": instant(since), "to": instant(until), "page_size": limit, "cursor": cursor}
    columns = (
        Column("SEQ", "seq", right=True),
        Column("AT", moment("at")),
        Column("ACTOR", "actor.name"),
        Column("ACTION", "action"),
        Column("TARGET", lambda entry: f"{entry['target']['kind']} {entry['target']['name'] or entry['target']['id']}"),
        Column("OUTCOME", "outcome"),
        Column("FROM", "address"),
    )
    shell.show_page(shell.api.page("/audit", params), columns, as_json=json)


@audit.command("verify")
def verify_audit(context: typer.Context, json: Json = False) -> None:
    """Check that no entry of the trail was changed or left out."""
    result = shell_of(context).api.post("/audit/verify")
    if json:
        put_json(result)
    if not result["verified"]:
        raise CommandFailed(
            f"The audit trail was altered: entry {result['first_bad_seq']} does not follow from the one before.",
            next_step="compare with a backup from before that entry",
        )
    if not json:
        say(f"All {result['entries']} entries hold.")
