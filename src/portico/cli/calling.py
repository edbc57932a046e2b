"""`portico call`: one call through the gateway, as any client would make it."""

import json as jsonlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from portico.cli.client import Client, raise_for_refusal
from portico.cli.failures import ApiRefused, CommandFailed, WrongUsage
from portico.cli.output import dig, duration, put, put_json, say
from portico.cli.shell import Json, shell_of

if TYPE_CHECKING:
    import httpx2


class CallGroup(TyperGroup):
    """`portico call <service> <method>` needs no verb: a name that is no verb is a service to invoke."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["invoke", *args]
        return super().resolve_command(ctx, args)


call = typer.Typer(cls=CallGroup, no_args_is_help=True, help="Call a service: portico call inventory get_stock")


@call.command("invoke")
def invoke(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service's name.")],
    method: Annotated[str, typer.Argument(help="One of its methods.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="name=value, or name:=JSON; repeat it.")
    ] = None,
    params: Annotated[str | None, typer.Option("--params", help="All parameters as one JSON object.")] = None,
    timeout_s: Annotated[float | None, typer.Option("--timeout-s", min=0.1)] = None,
    json: Json = False,
) -> None:
    """Call a method by its name; the parameters are checked against its schema."""
    api = shell_of(context).api
    parameters = _object(params) | _parameters(param, _schema_of(api, service, method) if param else {})
    ask = {"method": method, "parameters": parameters} | ({"timeout_s": timeout_s} if timeout_s else {})
    answer = api.post(f"/services/{service}/invoke", ask)
    if json:
        put_json(answer)
    else:
        put_body(answer["body"])
        say(f"{answer['status']} in {answer['duration_ms']} ms, call {answer['call_id']}")
    if answer["status"] >= 400:
        raise CommandFailed(
            f"{service} answered {answer['status']}.", next_step=f"portico calls show {answer['call_id']}"
        )


@call.command("http")
def http(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="The service's name.")],
    method: Annotated[str, typer.Argument(help="GET, POST, ...")],
    path: Annotated[str, typer.Argument(help="Path and query at the service.")] = "/",
    data: Annotated[str | None, typer.Option("--data", "-d", help="JSON body; @file reads it, - is stdin.")] = None,
    header: Annotated[list[str] | None, typer.Option("--header", "-H", help="Name: value; repeat it.")] = None,
    json: Json = False,
) -> None:
    """Any HTTP request to a service: portico call http inventory GET /stock"""
    headers = dict(_header(each) for each in header or [])
    content = None if data is None else read_data(data)
    if content is not None:
        headers.setdefault("Content-Type", "application/json")
    target = f"/svc/{service}/{path.lstrip('/')}"
    response = shell_of(context).api.send(method.upper(), target, content=content, headers=headers)
    _refused_by_portico(response)
    if json:
        put_json({"status": response.status_code, "headers": dict(response.headers), "body": _body_of(response)})
    else:
        put_body(_body_of(response))
        say(f"{response.status_code}, call {response.headers.get('x-portico-call', '-')}")
    if response.status_code >= 400:
        raise CommandFailed(f"{service} answered {response.status_code}.")


@call.command("model")
def model(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A model that a service offers.")],
    prompt: Annotated[str, typer.Argument(help="What to ask; - reads it from stdin.")],
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer as it comes.")] = False,
    system: Annotated[str | None, typer.Option(help="A system message before it.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1)] = None,
    json: Json = False,
) -> None:
    """Ask a model: portico call model extractive-summariser "Long text ..." """
    text = sys.stdin.read() if prompt == "-" else prompt
    messages = [{"role": "system", "content": system}] if system else []
    body: dict[str, Any] = {"model": name, "messages": [*messages, {"role": "user", "content": text}]}
    if max_tokens:
        body["max_tokens"] = max_tokens
    api = shell_of(context).api
    if stream:
        _stream_model(api, body, as_json=json)
        return
    response = api.send("POST", "/v1/chat/completions", json=body)
    _refused_by_portico(response)
    raise_for_refusal(response)
    answer = response.json()
    if json:
        put_json(answer)
        return
    put(answer["choices"][0]["message"]["content"])
    usage = answer.get("usage") or {}
    tokens = f"{usage.get('prompt_tokens', '?')} tokens in, {usage.get('completion_tokens', '?')} out"
    say(
        f"{tokens}, {duration(int(response.elapsed.total_seconds() * 1e6))}, call {response.headers.get('x-portico-call')}"
    )


def _stream_model(api: Client, body: Mapping[str, Any], *, as_json: bool) -> None:
    ask = {**body, "stream": True, "stream_options": {"include_usage": True}}
    with api.stream("POST", "/v1/chat/completions", json=ask) as response:
        if not response.is_success:
            response.read()
            _refused_by_portico(response)
            raise_for_refusal(response)
        for event in sse_data(response.iter_lines()):
            if as_json:
                put(jsonlib.dumps(event, ensure_ascii=False))
                continue
            if event.get("error"):
                raise CommandFailed(f"The answer broke off: {dig(event, 'error.message')}")
            for choice in event.get("choices", []):
                sys.stdout.write(dig(choice, "delta.content") or "")
                sys.stdout.flush()
        if not as_json:
            put("")
        say(f"call {response.headers.get('x-portico-call')}")


def sse_data(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The JSON of each server-sent event, up to the closing [DONE]."""
    for line in lines:
        if line.startswith("data:"):
            text = line.removeprefix("data:").strip()
            if text == "[DONE]":
                return
            yield jsonlib.loads(text)


def _refused_by_portico(response: "httpx2.Response") -> None:
    if response.headers.get("x-portico-origin") == "portico":
        raise_for_refusal(response)


def _schema_of(api: Client, service: str, method: str) -> dict[str, Any]:
    """What the method takes, by name; empty for a key that may call the service but not look at it."""
    try:
        methods = api.get(f"/services/{service}")["methods"]
    except ApiRefused as refused:
        if refused.status == 403:
            return {}
        raise
    for each in methods:
        if each["name"] == method:
            properties: dict[str, Any] = (each.get("parameters") or {}).get("properties") or {}
            return properties
    known = ", ".join(each["name"] for each in methods) or "none"
    raise CommandFailed(
        f"{service} has no method {method!r}; it has: {known}.",
        next_step=f"or send a plain request: portico call http {service} GET /",
    )


def _parameters(param: list[str] | None, schema: Mapping[str, Any]) -> dict[str, Any]:
    """As the schema wants them: what is not a text there is read as JSON, and so is what was given with `:=`."""
    parameters: dict[str, Any] = {}
    for each in param or []:
        name, equals, text = each.partition("=")
        if not equals or not name.rstrip(":"):
            raise WrongUsage(f"{each!r} is not a parameter; write --param name=value.")
        as_json = name.endswith(":")
        name = name.rstrip(":")
        if not as_json and schema.get(name, {}).get("type", "string") == "string":
            parameters[name] = text
            continue
        try:
            parameters[name] = jsonlib.loads(text)
        except ValueError as error:
            if as_json:
                raise WrongUsage(f"{each!r}: the value is not JSON ({error}).") from error
            parameters[name] = text
    return parameters


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        parsed = jsonlib.loads(text)
    except ValueError as error:
        raise WrongUsage(f"--params is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise WrongUsage("--params must be a JSON object.")
    return parsed


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise WrongUsage(f"{text!r} is not a header; write -H 'Name: value'.")
    return name.strip(), value.strip()


def read_data(data: str) -> bytes:
    try:
        if data == "-":
            return sys.stdin.buffer.read()
        return Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()
    except OSError as error:
        raise WrongUsage(f"{data[1:]} cannot be read: {error.strerror}.") from error


def _body_of(response: "httpx2.Response") -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


def put_body(body: Any) -> None:
    if isinstance(body, str):
        put(body)
    else:
        put_json(body)
