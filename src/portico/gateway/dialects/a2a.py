"""A2A, read as far as it is acted upon: `/a2a/{agent}` is JSON-RPC, paths below it are the REST binding and the card.

A request is read into an `Ask`, always in the terms of 1.0, whichever version and binding it came in. Its body is kept: an agent
that speaks the same gets it as it is.
"""

import json
import re
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote, urlencode

from portico.domains.agents import shapes
from portico.gateway.refusals import RouteNotFound
from portico.gateway.wire.head import Head
from portico.kernel.errors import Refusal

PREFIX = b"/a2a/"
VERSION, EXTENSIONS, OLD_EXTENSIONS = b"a2a-version", b"a2a-extensions", b"x-a2a-extensions"
FALLBACK = b"x-portico-fallback-s"
CARDS = frozenset({b".well-known/agent-card.json", b".well-known/agent.json"})
Binding = Literal["JSONRPC", "HTTP+JSON"]
Version = Literal["1.0", "0.3"]
Json = dict[str, Any]
MOST_ID = 256
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
TASK_NOT_FOUND, VERSION_NOT_SUPPORTED, INVALID_AGENT_RESPONSE = -32001, -32009, -32006

SEND, STREAM, GET, LIST = "SendMessage", "SendStreamingMessage", "GetTask", "ListTasks"
CANCEL, SUBSCRIBE, EXTENDED_CARD = "CancelTask", "SubscribeToTask", "GetExtendedAgentCard"
CREATE_PUSH, GET_PUSH = "CreateTaskPushNotificationConfig", "GetTaskPushNotificationConfig"
LIST_PUSH, DELETE_PUSH = "ListTaskPushNotificationConfigs", "DeleteTaskPushNotificationConfig"
SENDS, STREAMS = frozenset({SEND, STREAM}), frozenset({STREAM, SUBSCRIBE})
PUSHES = frozenset({CREATE_PUSH, GET_PUSH, LIST_PUSH, DELETE_PUSH})
OLD_METHODS: Final = {
    "message/send": SEND,
    "message/stream": STREAM,
    "tasks/get": GET,
    "tasks/cancel": CANCEL,
    "tasks/resubscribe": SUBSCRIBE,
    "tasks/pushNotificationConfig/set": CREATE_PUSH,
    "tasks/pushNotificationConfig/get": GET_PUSH,
    "tasks/pushNotificationConfig/list": LIST_PUSH,
    "tasks/pushNotificationConfig/delete": DELETE_PUSH,
    "agent/getAuthenticatedExtendedCard": EXTENDED_CARD,
}
METHODS = frozenset({*OLD_METHODS.values(), LIST})
_AGENT = re.compile(rb"[a-z0-9][a-z0-9-]{0,62}")


class A2aRefusal(Refusal):
    """Told in the protocol's own words, and over JSON-RPC with the status 200 that its clients read errors from."""

    code = "BAD_REQUEST"

    def __init__(self, rpc_code: int, message: str, rpc_id: Any = None) -> None:
        super().__init__(message)
        self.rpc_code, self.rpc_id = rpc_code, rpc_id


class TaskNotFound(A2aRefusal):
    """The same words for a task that never was and for one of somebody else."""

    code = "NOT_FOUND"

    def __init__(self, task_id: str) -> None:
        super().__init__(TASK_NOT_FOUND, f"Task not found: {task_id[:MOST_ID]}")


class Ask:
    """One request. `params` are in the shape of 1.0; `body` is what came."""

    __slots__ = ("binding", "body", "operation", "params", "rest", "rpc_id", "version")

    def __init__(self, operation: str, params: Json, version: Version, binding: Binding, body: bytes) -> None:
        self.operation, self.params, self.version, self.binding = operation, params, version, binding
        self.body = body
        self.rpc_id: Any = None
        # Of the REST binding: what follows the agent's address, with its query.
        self.rest = b""

    @property
    def streams(self) -> bool:
        return self.operation in STREAMS

    @property
    def task_id(self) -> str:
        if self.operation in SENDS:
            return str(self.params["message"].get("taskId") or "")
        return str(self.params.get("taskId" if self.operation in PUSHES else "id") or "")

    @property
    def task_ids(self) -> list[str]:
        """Every task that is asked about, each of which must be the caller's own."""
        others = self.params["message"].get("referenceTaskIds", []) if self.operation in SENDS else []
        return [each for each in dict.fromkeys([self.task_id, *map(str, others)]) if each]

    @property
    def context_id(self) -> str:
        return str(self.params["message"].get("contextId") or "") if self.operation in SENDS else ""


def split_target(path: bytes) -> tuple[str, bytes]:
    """The agent's name, and what follows it without the slash."""
    name, _, rest = path[len(PREFIX) :].partition(b"/")
    if not _AGENT.fullmatch(name):
        raise RouteNotFound("The path must be /a2a/{agent}, or a path of A2A's REST binding below it.")
    return name.decode(), rest


def is_rpc(rest: bytes) -> bool:
    return rest in {b"", b"rpc"}


def version_of(head: Head) -> Version:
    """What the client speaks; without a word it is 0.3, as the protocol has it.

    raises   A2aRefusal (-32009)
    """
    given = (head.get(VERSION) or b"").strip().decode("latin-1")
    if not given or given == "0.3" or given.startswith("0.3."):
        return "0.3"
    if given == "1" or given.startswith("1."):
        return "1.0"
    raise A2aRefusal(VERSION_NOT_SUPPORTED, f"A2A version {given[:20]!r} is not supported; 1.0 and 0.3 are.")


# --- JSON -------------------------------------------------------------------------------------------------------------


def read_json(body: bytes) -> Any:
    """A name that stands twice in one object is refused: two readers could take two different calls from it.

    raises   A2aRefusal (-32700)
    """
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError) as error:
        raise A2aRefusal(PARSE_ERROR, f"The body is not valid JSON: {str(error)[:200]}.") from error
    except RecursionError as error:
        raise A2aRefusal(PARSE_ERROR, "The body is nested too deeply.") from error


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def write_json(value: Any) -> bytes:
    """Half a character, which some programs send, goes out as the escape that it came as."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


# --- JSON-RPC ---------------------------------------------------------------------------------------------------------


def read_rpc(head: Head, body: bytes) -> Ask:
    """raises A2aRefusal"""
    message = read_json(body)
    if not isinstance(message, dict):
        raise A2aRefusal(INVALID_REQUEST, "The body must be one JSON-RPC request; batches are not part of A2A.")
    rpc_id = message.get("id")
    if isinstance(rpc_id, bool) or not isinstance(rpc_id, str | int | None) or len(str(rpc_id)) > MOST_ID:
        raise A2aRefusal(INVALID_REQUEST, "The id must be a text or a whole number.")
    try:
        return _read_request(head, message, body)
    except A2aRefusal as refusal:
        refusal.rpc_id = rpc_id
        raise


def _read_request(head: Head, message: Json, body: bytes) -> Ask:
    method, params = message.get("method"), message.get("params", {})
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise A2aRefusal(INVALID_REQUEST, "The body must be a JSON-RPC 2.0 request with a method.")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise A2aRefusal(INVALID_PARAMS, f"The parameters of {method[:MOST_ID]} must be an object.")
    version = version_of(head)
    _check_names(params, version)
    operation = OLD_METHODS.get(method, "") if version == "0.3" else method if method in METHODS else ""
    if not operation:
        raise _unknown_method(method, version)
    ask = Ask(operation, params if version == "1.0" else _params_up(operation, params), version, "JSONRPC", body)
    ask.rpc_id = message.get("id")
    check(ask)
    return ask


def _unknown_method(method: str, version: Version) -> A2aRefusal:
    shown = method[:MOST_ID]
    if version == "0.3" and method in METHODS:
        return A2aRefusal(
            VERSION_NOT_SUPPORTED, f"{shown} is a method of A2A 1.0: send the header A2A-Version: 1.0 with it."
        )
    if version == "1.0" and method in OLD_METHODS:
        return A2aRefusal(METHOD_NOT_FOUND, f"{shown} is a method of A2A 0.3; in 1.0 it is {OLD_METHODS[method]}.")
    return A2aRefusal(METHOD_NOT_FOUND, f"Method not found: {shown}")


def _params_up(operation: str, params: Json) -> Json:
    if operation in SENDS:
        return shapes.send_up(params)
    if operation == CREATE_PUSH:
        return shapes.push_up(params)
    if operation in PUSHES:
        found = {"taskId": params.get("id", ""), "id": params.get("pushNotificationConfigId") or ""}
        return found if found["id"] else {"taskId": found["taskId"]}
    # In 0.3 a length of 0 means all of it.
    return {name: value for name, value in params.items() if name != "historyLength" or value}


def _check_names(params: Json, version: Version) -> None:
    """Programs read `task_id` as `taskId`, too. So that what is checked is what they read, each name has one spelling.

    raises   A2aRefusal (-32602)
    """
    if "message" in params and "request" in params:
        raise A2aRefusal(INVALID_PARAMS, "The message stands twice, as message and as request.")
    for each in (params, params.get("message"), params.get("request"), params.get("configuration")):
        if not isinstance(each, dict):
            continue
        if version == "1.0" and (wrong := next((name for name in each if "_" in name), None)) is not None:
            raise A2aRefusal(
                INVALID_PARAMS, f"The name {wrong[:MOST_ID]!r} is not one of A2A 1.0, which has camelCase."
            )
        if len(shapes.camel(each)) != len(each):
            raise A2aRefusal(INVALID_PARAMS, "A name stands twice, in two spellings.")


def check(ask: Ask) -> None:
    """raises A2aRefusal (-32602)"""
    params = ask.params
    if ask.operation in SENDS:
        message = params.get("message")
        if not isinstance(message, dict) or not isinstance(message.get("parts"), list):
            raise A2aRefusal(INVALID_PARAMS, "The message is missing, or has no list of parts.")
        if not isinstance(message.get("referenceTaskIds", []), list) or len(message.get("referenceTaskIds", [])) > 50:
            raise A2aRefusal(INVALID_PARAMS, "referenceTaskIds must be a list of at most 50 ids.")
        named = [message.get("taskId"), message.get("contextId"), *message.get("referenceTaskIds", [])]
        if not isinstance(params.get("configuration", {}), dict):
            raise A2aRefusal(INVALID_PARAMS, "The configuration must be an object.")
    else:
        named = [params.get("id"), params.get("taskId")]
        if ask.operation not in {LIST, EXTENDED_CARD} and not ask.task_id:
            raise A2aRefusal(INVALID_PARAMS, f"{ask.operation} needs the id of a task.")
    for each in named:
        if each is not None and (not isinstance(each, str) or len(each) > MOST_ID):
            raise A2aRefusal(INVALID_PARAMS, f"An id must be a text of at most {MOST_ID} characters.")


# --- REST -------------------------------------------------------------------------------------------------------------


def read_rest(head: Head, rest: bytes, body: bytes) -> Ask:
    """raises A2aRefusal · RouteNotFound"""
    old = rest.startswith(b"v1/")
    version = version_of(head)
    if not old and version == "0.3":
        raise A2aRefusal(
            VERSION_NOT_SUPPORTED, "Paths of A2A 1.0 need the header A2A-Version: 1.0; those of 0.3 begin with v1/."
        )
    path = rest.removeprefix(b"v1/")
    params: Json
    operation, params = _route(head.method, path, old=old)
    if head.method == b"POST" and body.strip():
        params = _with_body(operation, params, read_json(body), old=old)
    elif operation in SENDS or operation == CREATE_PUSH:
        raise A2aRefusal(INVALID_PARAMS, "This path takes a JSON body.")
    else:
        params |= _query(head.query)
    ask = Ask(operation, params, "0.3" if old else "1.0", "HTTP+JSON", body)
    # Only what is known of a query goes on: an agent could read another task from the rest.
    known = {name: params[name] for name in sorted(_QUERIES) if name in params} if head.method == b"GET" else {}
    ask.rest = rest + (b"?" + urlencode(known).encode() if known else b"")
    check(ask)
    return ask


_TASK = re.compile(rb"tasks/([^/]+?)(:cancel|:subscribe|/pushNotificationConfigs(?:/([^/]*))?)?")


def _route(method: bytes, path: bytes, *, old: bool) -> tuple[str, Json]:
    fixed = {
        (b"POST", b"message:send"): SEND,
        (b"POST", b"message:stream"): STREAM,
        (b"GET", b"card" if old else b"extendedAgentCard"): EXTENDED_CARD,
    }
    if not old:
        fixed[b"GET", b"tasks"] = LIST
    found = fixed.get((method, path))
    if found is not None:
        return found, {}
    match = _TASK.fullmatch(path)
    if match is None:
        raise RouteNotFound("This is not a path of A2A's REST binding.")
    task_id, what, config_id = (None if each is None else unquote(each.decode("latin-1")) for each in match.groups())
    if what is not None and what.startswith("/"):
        operation = {(b"POST", False): CREATE_PUSH, (b"GET", False): LIST_PUSH, (b"GET", True): GET_PUSH}.get(
            (method, bool(config_id)), DELETE_PUSH if method == b"DELETE" and config_id else ""
        )
        params: Json = {"taskId": task_id} | ({"id": config_id} if config_id else {})
    else:
        verbs = {
            None: {b"GET": GET},
            ":cancel": {b"POST": CANCEL},
            ":subscribe": {b"POST": SUBSCRIBE, b"GET": SUBSCRIBE},
        }
        operation, params = verbs[what].get(method, ""), {"id": task_id}
    if not operation:
        raise RouteNotFound(f"This path of A2A's REST binding does not take {method.decode()}.")
    return operation, params


def _with_body(operation: str, params: Json, body: Any, *, old: bool) -> Json:
    if not isinstance(body, dict):
        raise A2aRefusal(INVALID_PARAMS, "The body must be a JSON object.")
    _check_names(body, "0.3" if old else "1.0")
    if operation in SENDS:
        return shapes.send_up(body) if old else body
    if operation == CREATE_PUSH:
        return {**(shapes.push_up(body) if old else body), "taskId": params["taskId"]}
    return {**body, **params}


def _query(query: bytes) -> Json:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=50) if query else []
    found: Json = {}
    for name, value in pairs:
        if name in found:
            raise A2aRefusal(INVALID_PARAMS, f"The parameter {name[:MOST_ID]!r} stands twice.")
        found[name] = int(value) if value.isdigit() and len(value) < 10 and name in _NUMBERS else value
    return {name: value for name, value in found.items() if name in _QUERIES}


_NUMBERS = frozenset({"historyLength", "pageSize"})
_QUERIES = _NUMBERS | {"contextId", "status", "pageToken", "statusTimestampAfter", "includeArtifacts"}
