"""Models: what services offer, what is said of it, how it is measured, and names that stand for several."""

import json as jsonlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from portico.cli.failures import WrongUsage
from portico.cli.output import Column, Item, micros, moment, money, put, put_card, put_json, put_table, say
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of
from portico.kernel.money import dollars

models = typer.Typer(no_args_is_help=True, help="Models: what there is, what it costs, how well it does.")
routes = typer.Typer(no_args_is_help=True, help="Names that stand for one of several models, by rules.")
models.add_typer(routes, name="routes")


class Prefer(StrEnum):
    ORDER = "order"
    QUALITY = "quality"
    SPEED = "speed"
    COST = "cost"


def price(item: Item) -> str:
    """In dollars for a million tokens, in and out."""
    said = item["price"]
    per_call = f" + {dollars(said['call_microusd'])} a call" if said["call_microusd"] else ""
    return f"{dollars(said['input_microusd_per_mtok'])} / {dollars(said['output_microusd_per_mtok'])}{per_call}"


def grades(item: Item) -> str:
    return f"{item['quality'] or '-'} / {item['speed'] or '-'}"


def targets(rule: Item) -> str:
    fallbacks = f", else {', '.join(rule['fallbacks'])}" if rule["fallbacks"] else ""
    return ", ".join(rule["targets"]) + fallbacks


def conditions(rule: Item) -> str:
    said = [f"tasks {', '.join(rule['tasks'])}"] if rule["tasks"] else []
    words = (("min_tokens", "from {:,} tokens"), ("max_tokens", "up to {:,} tokens"))
    said += [text.format(rule[field]) for field, text in words if rule[field] is not None]
    said += [f"needs {', '.join(rule['needs'])}"] if rule["needs"] else []
    said += [f"at most {dollars(rule['max_cost_microusd'])}"] if rule["max_cost_microusd"] is not None else []
    said += [f"at most {rule['max_latency_ms']:,} ms"] if rule["max_latency_ms"] is not None else []
    return "; ".join(said) or "every call"


def breakers(item: Item) -> str:
    told = [each["breaker"] for each in item["endpoints"] if each["breaker"]]
    return ", ".join(f"{each['state']}: {each['reason']}" for each in told)


def trouble(item: Item) -> str:
    errors = [each["last_error"] for each in item["endpoints"] if each["last_error"]]
    return (errors[0] if errors else (item["measured"] or {}).get("last_failure")) or "-"


MODEL_COLUMNS = (
    Column("MODEL", "name"),
    Column("SERVICE", "service.name"),
    Column("STATE", "lifecycle"),
    Column("QUALITY / SPEED", grades),
    Column("CONTEXT", "context_tokens", right=True),
    Column("CAN", "capabilities"),
    Column("$ PER 1M IN / OUT", price, right=True),
    Column("SUCCESSOR", lambda item: item["successor"] or "-"),
)
MODEL_FIELDS = (
    *MODEL_COLUMNS,
    Column("FAMILY", "family"),
    Column("VERSION", "version"),
    Column("ASKED FOR AS", lambda item: item["sends"] or item["name"]),
    Column("MAX OUTPUT", "max_output_tokens"),
    Column("PRICE IS", lambda item: "its own" if item["own_price"] else "that of its service"),
    Column("DEPRECATED", moment("deprecated_at")),
    Column("RETIRES", moment("retires_at")),
    Column("WHEN RETIRED", "when_retired"),
    Column("NOTE", "note"),
)
MATRIX_COLUMNS = (
    Column("MODEL", "name"),
    Column("SERVICE", "service.name"),
    Column("STATE", "lifecycle"),
    Column("QUALITY / SPEED", grades),
    Column("CAN", "capabilities"),
    Column("$ PER 1M IN / OUT", price, right=True),
    Column("CALLS", "measured.calls", right=True),
    Column("FAILED", "measured.failed", right=True),
    Column("P50", micros("measured.p50_us"), right=True),
    Column("P95", micros("measured.p95_us"), right=True),
    Column("FIRST BYTE", micros("measured.first_byte_p50_us"), right=True),
    Column("COST", money("measured.cost_microusd"), right=True),
)
CONNECTION_COLUMNS = (
    Column("SERVICE", "service"),
    Column("STATUS", "status"),
    Column("BREAKERS", lambda item: breakers(item) or "closed"),
    Column("MODELS", "models", most=40),
    Column("LAST SUCCESS", moment("measured.last_success_at")),
    Column("LAST FAILURE", moment("measured.last_failure_at")),
    Column("WHAT FAILED", trouble, most=60),
)
ROUTE_COLUMNS = (
    Column("NAME", "name"),
    Column("PREFERS", "prefer"),
    Column("RULES", lambda item: len(item["rules"]), right=True),
    Column("TO", lambda item: targets(item["rules"][0]), most=50),
    Column("SCOPE", lambda item: item["scope"] or "all"),
    Column("ENABLED", "enabled"),
    Column("ID", "id"),
)
RULE_COLUMNS = (
    Column("RULE", "name"),
    Column("FOR", conditions),
    Column("TO", targets),
    Column("PREFERS", "prefer"),
)
CHOSEN_COLUMNS = (
    Column("MODEL", "model"),
    Column("SERVICE", "service"),
    Column("MAY COST", money("expected_cost_microusd"), right=True),
    Column("TAKES ABOUT MS", "expected_ms", right=True),
    Column("QUALITY", "quality", right=True),
)
ModelName = Annotated[str, typer.Argument(help="The model's name, as clients ask for it.")]
RouteId = Annotated[str, typer.Argument(help="The route's id (mrt_...).")]
To = Annotated[list[str] | None, typer.Option("--to", help="A model to choose from; repeat it.")]
Fallback = Annotated[list[str] | None, typer.Option("--fallback", help="Tried after those; repeat it.")]
Rules = Annotated[
    str | None, typer.Option(help="File with the rules as JSON, in place of --to and --fallback; - for a pipe.")
]
Description = Annotated[str | None, typer.Option(help="What it is for.")]
Preferred = Annotated[Prefer | None, typer.Option(help="What decides among the models of a rule.")]


@models.command("list")
def list_models(
    context: typer.Context,
    q: Annotated[str | None, typer.Option(help="Part of a name or family.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """What the org's services offer."""
    shell = shell_of(context)
    page = shell.api.page("/models", {"q": q, "page_size": limit, "cursor": cursor})
    shell.show_page(page, MODEL_COLUMNS, as_json=json)


@models.command("show")
def show_model(context: typer.Context, model: ModelName, json: Json = False) -> None:
    """One model."""
    shell = shell_of(context)
    shell.show_one(shell.api.get(f"/models/{model}"), MODEL_FIELDS, as_json=json)


@models.command("set")
def set_model(
    context: typer.Context,
    model: ModelName,
    quality: Annotated[int | None, typer.Option(min=1, max=5, help="5 is best.")] = None,
    speed: Annotated[int | None, typer.Option(min=1, max=5, help="5 is fastest.")] = None,
    can: Annotated[list[str] | None, typer.Option(help="chat, embeddings, tools, vision, json ...; repeat it.")] = None,
    context_tokens: Annotated[int | None, typer.Option(min=1, help="How much it reads at once.")] = None,
    max_output: Annotated[int | None, typer.Option(min=1, help="How many tokens it writes at most.")] = None,
    price_in: Annotated[str | None, typer.Option(help="Dollars for a million tokens read.")] = None,
    price_out: Annotated[str | None, typer.Option(help="Dollars for a million tokens written.")] = None,
    family: Annotated[str | None, typer.Option(help="e.g. small-model")] = None,
    version: Annotated[str | None, typer.Option(help="e.g. 2026-11-01")] = None,
    sends: Annotated[str | None, typer.Option(help="The name its service knows it by, when that is another.")] = None,
    deprecated_at: Annotated[str | None, typer.Option(help="e.g. 2026-12-01T00:00:00Z; 'never' takes it back.")] = None,
    retires_at: Annotated[str | None, typer.Option(help="From then on it is refused; 'never' takes it back.")] = None,
    successor: Annotated[str | None, typer.Option(help="The model to use instead.")] = None,
    reroute: Annotated[
        bool | None, typer.Option("--reroute/--refuse", help="Whether calls go to the successor when it is retired.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="What people should know of it.")] = None,
    json: Json = False,
) -> None:
    """Say something of a model; the rest stays as it is."""
    said: dict[str, Any] = {
        "quality": quality,
        "speed": speed,
        "capabilities": can or None,
        "context_tokens": context_tokens,
        "max_output_tokens": max_output,
        "family": family,
        "version": version,
        "sends": sends,
        "successor": successor,
        "when_retired": None if reroute is None else "successor" if reroute else "refuse",
        "note": note,
    }
    change = {field: value for field, value in said.items() if value is not None}
    for field, at in (("deprecated_at", deprecated_at), ("retires_at", retires_at)):
        change |= {} if at is None else {field: None if at == "never" else at}
    shell = shell_of(context)
    if price_in is not None or price_out is not None:
        before = shell.api.get(f"/models/{model}")["price"]
        change["price"] = before | _price("input", price_in) | _price("output", price_out)
    if not change:
        raise WrongUsage("Say what to change; see --help.")
    shell.show_one(shell.api.patch(f"/models/{model}", change), MODEL_FIELDS, as_json=json)


@models.command("reset")
def reset_model(context: typer.Context, model: ModelName, yes: Yes = False) -> None:
    """Take back all that is said of a model."""
    shell = shell_of(context)
    shell.confirm(f"Take back all that is said of {model}?", yes=yes)
    shell.api.delete(f"/models/{model}")
    say(f"Nothing is said of {model} any more.")


@models.command("matrix")
def show_matrix(context: typer.Context, limit: Limit = 100, cursor: Cursor = None, json: Json = False) -> None:
    """What there is to choose among: what is said of each model, beside what was measured."""
    shell = shell_of(context)
    page = shell.api.page("/models/matrix", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, MATRIX_COLUMNS, as_json=json)


@models.command("connections")
def list_connections(context: typer.Context, json: Json = False) -> None:
    """The services behind the models: whether they are reached, and what failed last."""
    shell = shell_of(context)
    shell.show_page(shell.api.page("/models/connections"), CONNECTION_COLUMNS, as_json=json)


@routes.command("list")
def list_routes(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """The model routes of the scope you are in."""
    shell = shell_of(context)
    page = shell.api.page("/models/routes", {"page_size": limit, "cursor": cursor})
    shell.show_page(page, ROUTE_COLUMNS, as_json=json)


@routes.command("show")
def show_route(context: typer.Context, route_id: RouteId, json: Json = False) -> None:
    """One route with its rules."""
    _show(shell_of(context).api.get(f"/models/routes/{route_id}"), as_json=json)


@routes.command("add")
def add_route(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What clients ask for, e.g. auto.")],
    to: To = None,
    fallback: Fallback = None,
    rules: Rules = None,
    prefer: Preferred = None,
    description: Description = None,
    json: Json = False,
) -> None:
    """Make a name that stands for one of several models."""
    draft = {"name": name} | _facts(to, fallback, rules, prefer, description)
    if "rules" not in draft:
        raise WrongUsage("Say which models: --to, or --rules with a file.")
    _show(shell_of(context).api.post("/models/routes", draft), as_json=json)


@routes.command("edit")
def edit_route(
    context: typer.Context,
    route_id: RouteId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    to: To = None,
    fallback: Fallback = None,
    rules: Rules = None,
    prefer: Preferred = None,
    description: Description = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it is there.")] = None,
    json: Json = False,
) -> None:
    """Change a route; what is given replaces what was there."""
    change = _facts(to, fallback, rules, prefer, description)
    change |= {"name": name} if name else {}
    change |= {} if enabled is None else {"enabled": enabled}
    if not change:
        raise WrongUsage("Say what to change; see --help.")
    _show(shell_of(context).api.patch(f"/models/routes/{route_id}", change), as_json=json)


@routes.command("remove")
def remove_route(context: typer.Context, route_id: RouteId, yes: Yes = False) -> None:
    """Remove a route; who asks for its name is told that there is no such model."""
    shell = shell_of(context)
    shell.confirm(f"Remove the model route {route_id}?", yes=yes)
    shell.api.delete(f"/models/routes/{route_id}")
    say(f"Removed {route_id}.")


@routes.command("choose")
def choose(
    context: typer.Context,
    route_id: RouteId,
    task: Annotated[str, typer.Option(help="What the call is for, as in X-Portico-Task.")] = "",
    tokens: Annotated[int | None, typer.Option(min=0, help="About how many tokens the request has.")] = None,
    prompt: Annotated[str, typer.Option(help="A request, to reckon its size from.")] = "",
    output_max: Annotated[int | None, typer.Option(min=0, help="How many tokens may be written.")] = None,
    need: Annotated[list[str] | None, typer.Option(help="tools, vision, json ...; repeat it.")] = None,
    prefer: Preferred = None,
    json: Json = False,
) -> None:
    """Which model a request would go to, and why; nothing is called."""
    ask: dict[str, Any] = {"task": task, "prompt": prompt, "needs": ["chat", *need] if need else []}
    given = {"tokens_in": tokens, "output_max": output_max, "prefer": prefer and prefer.value}
    ask |= {field: value for field, value in given.items() if value is not None}
    found = shell_of(context).api.post(f"/models/routes/{route_id}/choose", ask)
    if json:
        put_json(found)
        return
    put(f"{found['model'] or 'no model'}: {found['why']}\n")
    put_table(found["chosen"], CHOSEN_COLUMNS, empty="No model can take it.")
    for step in found["steps"]:
        put(f"\n{step['rule']}: {step['why']}")
        for passed in step["passed"]:
            put(f"  not {passed['model']}: {passed['why']}")


def _show(route: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        put_json(route)
        return
    put_card(
        route, (*(each for each in ROUTE_COLUMNS if each.title not in {"TO", "RULES"}), Column("ABOUT", "description"))
    )
    put("")
    put_table(route["rules"], RULE_COLUMNS, empty="No rules.")


def _facts(
    to: list[str] | None,
    fallback: list[str] | None,
    rules: str | None,
    prefer: Prefer | None,
    description: str | None,
) -> dict[str, Any]:
    if rules is not None and (to or fallback):
        raise WrongUsage("Give either --rules or --to with --fallback.")
    facts: dict[str, Any] = {}
    if rules is not None:
        facts["rules"] = _read(rules)
    elif to:
        facts["rules"] = [{"name": "every call", "targets": to, "fallbacks": fallback or []}]
    elif fallback:
        raise WrongUsage("A fallback comes after something: give --to as well.")
    if prefer is not None:
        facts["prefer"] = prefer.value
    return facts if description is None else facts | {"description": description}


def _read(path: str) -> Any:
    try:
        return jsonlib.loads(sys.stdin.read() if path == "-" else Path(path).read_text())
    except (OSError, ValueError) as error:
        raise WrongUsage(f"{path} holds no JSON: {error}.") from error


def _price(side: str, text: str | None) -> dict[str, int]:
    from decimal import Decimal, InvalidOperation

    if text is None:
        return {}
    try:
        return {f"{side}_microusd_per_mtok": int(Decimal(text.lstrip("$")) * 1_000_000)}
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise WrongUsage(f"{text!r} is not an amount; write 5.25 or $5.25.") from error
