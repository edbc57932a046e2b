"""Calling a method of a service by name: parameters are checked, then the call goes through the gateway like any other."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from portico.domains.hub import service
from portico.domains.hub.checks import path_parameters
from portico.domains.hub.errors import BuiltinReadOnly
from portico.domains.hub.model import Method, Service
from portico.kernel.errors import InvalidFields, InvalidInput, NotFound, NotPermitted
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.platform.json_schema import SchemaUnusable, TakesTooLong, value_problems
from portico.platform.outbound import Answer, Header, send_to_own_gateway

MOST_TIMEOUT_S = 300.0
MOST_CHECK_S = 0.25
_IN_QUERY = frozenset({"GET", "HEAD", "DELETE"})
_NOT_SHOWN = frozenset({"connection", "transfer-encoding", "keep-alive", "set-cookie", "content-encoding"})
Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Invocation:
    method: str
    parameters: Parameters
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A method call as HTTP, its path below the service."""

    http_method: str
    path_and_query: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Invoked:
    call_id: str | None
    status: int
    headers: dict[str, str]
    body: object
    duration_ms: int


async def invoke_service(
    scope: OrgScope, name: str, asked: Invocation, carried: tuple[Header, ...], deps: Deps
) -> Invoked:
    """One call through our own gateway, so that identity, limits, budgets, breakers and the record apply to it.

    carried  the caller's own Authorization, and the correlation headers
    raises   InvalidFields for parameters that do not fit the method's schema
    """
    async with deps.read() as tx:
        found = await service.seen(tx, scope, name)
    if found.kind == "builtin":
        raise BuiltinReadOnly(name)
    if not scope.may("services.call", found.id):
        raise NotPermitted("services.call")
    method = _method(found, asked.method)
    outgoing = build_request(method, asked.parameters)
    began = time.perf_counter()
    answer = await send_to_own_gateway(
        deps.settings,
        outgoing.http_method,
        f"/svc/{found.name}{outgoing.path_and_query}",
        timeout_s=_timeout_s(found, asked, deps),
        max_bytes=deps.settings.gateway.max_body_bytes,
        headers=(*carried, *((("content-type", "application/json"),) if outgoing.body else ())),
        body=outgoing.body,
    )
    return _invoked(answer, int((time.perf_counter() - began) * 1000))


def build_request(method: Method, parameters: Parameters) -> Outgoing:
    """Path parts are filled in, then the rest becomes the query of a GET, HEAD or DELETE, else the JSON body."""
    check_parameters(method.parameters, parameters)
    in_path = path_parameters(method.path)
    path = method.path
    for part in in_path:
        path = path.replace(f"{{{part}}}", _path_value(part, parameters))
    rest = {name: value for name, value in parameters.items() if name not in in_path}
    if method.http_method in _IN_QUERY:
        query = urlencode([pair for name, value in rest.items() for pair in _query_pairs(name, value)])
        return Outgoing(method.http_method, f"{path}?{query}" if query else path, b"")
    return Outgoing(method.http_method, path, json.dumps(rest).encode())


def check_parameters(schema: Mapping[str, Any], parameters: Parameters) -> None:
    try:
        problems = value_problems("parameters", schema, dict(parameters), MOST_CHECK_S)
    except TakesTooLong as error:
        raise InvalidInput("parameters", "take too long to check against the method's schema; send less") from error
    except SchemaUnusable as error:
        raise InvalidInput("method", "has a schema that cannot be used; correct the service's method") from error
    if problems:
        raise InvalidFields(tuple(problems))


def _method(found: Service, name: str) -> Method:
    method = next((each for each in found.methods if each.name == name), None)
    if method is None:
        raise NotFound("method", name)
    return method


def _timeout_s(found: Service, asked: Invocation, deps: Deps) -> float:
    wanted = asked.timeout_s or found.timeout_s or deps.settings.gateway.request_timeout_s
    return min(wanted, MOST_TIMEOUT_S)


def _path_value(part: str, parameters: Parameters) -> str:
    if part not in parameters:
        raise InvalidInput(f"parameters.{part}", "is required, because the method's path uses it")
    text = _plain(parameters[part])
    if text is None:
        raise InvalidInput(f"parameters.{part}", "must be a text, a number or a truth value")
    if text in {"", ".", ".."}:
        raise InvalidInput(f"parameters.{part}", "cannot be a part of a path")
    return quote(text, safe="")


def _query_pairs(name: str, value: object) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, list):
        return [pair for each in value for pair in _query_pairs(name, each)]
    text = _plain(value)
    return [(name, json.dumps(value) if text is None else text)]


def _plain(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _invoked(answer: Answer, duration_ms: int) -> Invoked:
    headers = {name: value for name, value in answer.headers if name not in _NOT_SHOWN}
    return Invoked(answer.header("x-portico-call"), answer.status, headers, _body(answer), duration_ms)


def _body(answer: Answer) -> object:
    if "json" in (answer.header("content-type") or ""):
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            pass
    return answer.body.decode("utf-8", errors="replace")
