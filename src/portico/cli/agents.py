"""Agents: register them by their cards, see how they do, send them something."""

import uuid
from typing import Annotated, Any

import typer

from portico.cli.client import raise_for_refusal
from portico.cli.failures import CommandFailed, WrongUsage
from portico.cli.output import Column, Item, moment, put, put_json, put_table, say
from portico.cli.shell import Cursor, Json, Limit, Shell, shell_of

agents = typer.Typer(no_args_is_help=True, help="Agents that speak A2A, and the mesh of them.")


def skills(agent: Item) -> list[str]:
    return [str(skill["id"]) for skill in agent["skills"]]


AGENT_COLUMNS = (
    Column("NAME", "name"),
    Column("HEALTH", "health.status"),
    Column("SKILLS", skills),
    Column("A2A", "card.protocols"),
    Column("VERSION", "version"),
    Column("PROBLEM", "card.problem"),
)
AGENT_FIELDS = (
    Column("NAME", "name"),
    Column("TITLE", "title"),
    Column("DESCRIPTION", "metadata.description"),
    Column("VERSION", "version"),
    Column("CLIENTS CALL", "url"),
    Column("AND READ THE CARD AT", "card_url"),
    Column("ENDPOINTS", "endpoints"),
    Column("CARD FROM", "card.url"),
    Column("CARD READ", moment("card.read_at")),
    Column("CARD CHANGED", moment("card.changed_at")),
    Column("CARD'S PROBLEM", "card.problem"),
    Column("NOTES", "card.notes"),
    Column("A2A", "card.protocols"),
    Column("STREAMING", "card.streaming"),
    Column("PUSH NOTIFICATIONS", "card.push_notifications"),
    Column("SKILLS", skills),
    Column("TAGS", "metadata.tags"),
    Column("HEALTH", "health.status"),
    Column("ID", "id"),
)
HEALTH_FIELDS = (
    Column("HEALTH", "health.status"),
    Column("SINCE", moment("health.since")),
    Column("ASKED AT", "health.endpoint"),
    Column("EVERY S", "health.interval_s"),
    Column("FAILURES IN A ROW", "health.failures"),
    Column("UNHEALTHY AFTER", "health.threshold"),
    Column("DEAD AFTER", "health.dead_after"),
    Column("LAST ERROR", "health.last_error"),
    Column("LAST ASKED", moment("health.checked_at")),
    Column("CARD'S PROBLEM", "card.problem"),
)
FOUND_FIELDS = (
    Column("NAME", "name"),
    Column("TITLE", "title"),
    Column("DESCRIPTION", "description"),
    Column("VERSION", "version"),
    Column("WOULD BE CALLED AT", "home"),
    Column("CARD", "card_url"),
    Column("SKILLS", skills),
    Column("INTERFACES", lambda found: [f"{each['binding']} {each['protocol']}" for each in found["interfaces"]]),
    Column("STREAMING", "streaming"),
    Column("PUSH NOTIFICATIONS", "push_notifications"),
    Column("NOTES", "notes"),
)
TASK_COLUMNS = (
    Column("UPDATED", moment("updated_at")),
    Column("STATE", "state"),
    Column("WHOSE", "principal_name"),
    Column("CALL", "call_id"),
    Column("ID", "id"),
)
MESH_COLUMNS = (
    Column("NAME", "name"),
    Column("HEALTH", "health"),
    Column("SKILLS", "skills"),
    Column("OPEN CALLS", "open_calls", right=True),
    Column("RUNNING TASKS", "running_tasks", right=True),
    Column("PROBLEM", "problem"),
)
CONSIDERED_COLUMNS = (
    Column("AGENT", "name"),
    Column("HEALTH", "health"),
    Column("OPEN CALLS", "open_calls", right=True),
    Column("WHY NOT", "why_not"),
)
Name = Annotated[str, typer.Argument(help="The agent's name, or its id.")]
Url = Annotated[str, typer.Argument(help="The agent's address, or that of its card.")]


@agents.command("discover")
def discover_agent(context: typer.Context, url: Url, json: Json = False) -> None:
    """Read the card at an address; nothing is stored."""
    shell = shell_of(context)
    shell.show_one(shell.api.post("/agents/discover", {"url": url}), FOUND_FIELDS, as_json=json)


@agents.command("register")
def register_agent(
    context: typer.Context,
    url: Url,
    name: Annotated[str | None, typer.Option(help="Under which name; default: made of the card's.")] = None,
    description: Annotated[str | None, typer.Option(help="Default: the card's.")] = None,
    credential: Annotated[str | None, typer.Option(help="Name of the secret that the agent asks for.")] = None,
    restricted: Annotated[bool, typer.Option("--restricted", help="Only for those with a grant.")] = False,
    timeout_s: Annotated[float | None, typer.Option("--timeout-s", min=0.1, help="Default: 300.")] = None,
    json: Json = False,
) -> None:
    """Read the card and put the agent behind the door."""
    draft: dict[str, Any] = {"url": url, "visibility": "restricted" if restricted else "org"}
    for field, value in (("name", name), ("description", description), ("timeout_s", timeout_s)):
        if value is not None:
            draft[field] = value
    if credential is not None:
        draft["credential"] = {"secret_name": credential}
    shell = shell_of(context)
    shell.show_one(shell.api.post("/agents", draft), AGENT_FIELDS, as_json=json)


@agents.command("list")
def list_agents(
    context: typer.Context,
    capability: Annotated[str | None, typer.Option(help="Only those that can do this.")] = None,
    health: Annotated[str | None, typer.Option(help="unknown, healthy, unhealthy or dead.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """The agents you may see, by name."""
    shell = shell_of(context)
    asked = {"capability": capability, "health": health, "page_size": limit, "cursor": cursor}
    shell.show_page(shell.api.page("/agents", asked), AGENT_COLUMNS, as_json=json)


@agents.command("show")
def show_agent(
    context: typer.Context,
    name: Name,
    card: Annotated[bool, typer.Option("--card", help="The card, as clients get it.")] = False,
    json: Json = False,
) -> None:
    """One agent, with what is wrong with its card."""
    shell = shell_of(context)
    if card:
        put_json(shell.api.get(f"/agents/{name}/card")["card"])
    else:
        shell.show_one(shell.api.get(f"/agents/{name}"), AGENT_FIELDS, as_json=json)


@agents.command("health")
def show_health(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The agent's name; none: the whole mesh.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Ask its endpoints now.")] = False,
    json: Json = False,
) -> None:
    """How an agent, or the mesh, does."""
    shell = shell_of(context)
    if name is not None:
        if check:
            shell.api.post(f"/services/{name}/check")
        shell.show_one(shell.api.get(f"/agents/{name}"), HEALTH_FIELDS, as_json=json)
        return
    mesh = shell.api.get("/mesh/status")
    if json:
        put_json(mesh)
        return
    put_table(mesh["agents"], MESH_COLUMNS, empty="No agent is registered.")
    say(f"The mesh is {mesh['status']}: {mesh['healthy']} of {mesh['total']} healthy, {mesh['dead']} dead.")


@agents.command("refresh")
def refresh_agent(context: typer.Context, name: Name, json: Json = False) -> None:
    """Read the card again, now rather than within 300 s."""
    shell = shell_of(context)
    agent = shell.api.post(f"/agents/{name}/refresh")
    shell.show_one(agent, AGENT_FIELDS, as_json=json)
    if agent["card"]["problem"]:
        raise CommandFailed(agent["card"]["problem"], next_step=f"portico agents discover {agent['card']['url']}")


@agents.command("route")
def route_task(
    context: typer.Context,
    capability: Annotated[str, typer.Argument(help="A skill's id, name or tag.")],
    policy: Annotated[str, typer.Option(help="round_robin, least_connections or random.")] = "round_robin",
    json: Json = False,
) -> None:
    """Which agent would take a task, and why; nothing is sent."""
    found = shell_of(context).api.post("/mesh/route", {"capability": capability, "policy": policy})
    if json:
        put_json(found)
        return
    put(f"{found['agent']}: {found['why']}")
    put_table(found["considered"], CONSIDERED_COLUMNS)


@agents.command("tasks")
def list_tasks(
    context: typer.Context,
    name: Name,
    task_id: Annotated[str | None, typer.Argument(help="One task, with all that is kept of it.")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state, e.g. working or input-required.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """The agent's tasks that passed through here, the newest first."""
    shell = shell_of(context)
    if task_id is not None:
        put_json(shell.api.get(f"/agents/{name}/tasks/{task_id}"))
        return
    asked: dict[str, Any] = {"page_size": limit, "cursor": cursor}
    if state is not None:
        asked["state"] = f"TASK_STATE_{state.upper().replace('-', '_').removeprefix('TASK_STATE_')}"
    shell.show_page(shell.api.page(f"/agents/{name}/tasks", asked), TASK_COLUMNS, as_json=json)


@agents.command("send")
def send_message(
    context: typer.Context,
    name: Name,
    text: Annotated[str, typer.Argument(help="What to say.")],
    task_id: Annotated[str | None, typer.Option("--task", help="Go on with this task.")] = None,
    fallback_s: Annotated[
        float | None, typer.Option("--fallback-s", min=0.1, help="Take an answer of Portico's after so long.")
    ] = None,
    json: Json = False,
) -> None:
    """Say something to an agent through the gateway, as any client would, and wait for its answer."""
    if not text.strip():
        raise WrongUsage("Say something.")
    shell = shell_of(context)
    message: dict[str, Any] = {"messageId": str(uuid.uuid4()), "role": "ROLE_USER", "parts": [{"text": text}]}
    if task_id is not None:
        message["taskId"] = task_id
    result = _send(shell, name, {"message": message}, fallback_s)
    if json:
        put_json(result)
        return
    task, said = result.get("task"), result.get("message")
    for part in _parts(task or {}, said or {}):
        put(part)
    if task is not None:
        state = str(task.get("status", {}).get("state", "")).removeprefix("TASK_STATE_").lower()
        say(f"Task {task.get('id')} is {state}.")


def _send(shell: Shell, name: str, params: dict[str, Any], fallback_s: float | None) -> Item:
    headers = {"A2A-Version": "1.0"} | ({"X-Portico-Fallback-S": f"{fallback_s:g}"} if fallback_s else {})
    request = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params}
    response = shell.api.send("POST", f"/a2a/{name}", json=request, headers=headers)
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict) and "jsonrpc" in answer:
        raise CommandFailed(f"{error.get('message')} ({error.get('code')})", next_step=_next_step(error, name))
    raise_for_refusal(response)
    result = answer.get("result")
    return result if isinstance(result, dict) else {}


def _next_step(error: Item, name: str) -> str:
    """Portico says it of what it refuses; about what an agent refuses only the agent knows more."""
    for detail in error.get("data") or []:
        step = detail.get("metadata", {}).get("next_step") if isinstance(detail, dict) else None
        if step:
            return str(step).replace("NAME", name)
    return f"portico agents health {name}"


def _parts(task: Item, said: Item) -> list[str]:
    status = task.get("status", {}).get("message") or {}
    groups = [*(artifact.get("parts", []) for artifact in task.get("artifacts", [])), status.get("parts", [])]
    parts = [part for group in [*groups, said.get("parts", [])] for part in group]
    return [_shown(part) for part in parts]


def _shown(part: Item) -> str:
    if "text" in part:
        return str(part["text"])
    if "url" in part:
        return str(part["url"])
    return (
        str(part["data"])
        if "data" in part
        else f"({part.get('mediaType') or 'file'}: {part.get('filename') or 'bytes'})"
    )
