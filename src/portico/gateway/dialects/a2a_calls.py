"""A2A written: the request as the agent's interface takes it, its answer as it is understood, and both as the client reads them."""

from typing import Any, Final
from urllib.parse import quote, urlencode

from portico.domains.agents import shapes
from portico.domains.agents.model import InterfaceEntry
from portico.gateway.dialects import a2a
from portico.gateway.dialects.a2a import Ask, Binding, Json, Version, read_json, write_json
from portico.gateway.wire.head import Header
from portico.kernel.errors import Refusal

_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"
_STRUCT: Final = "type.googleapis.com/google.protobuf.Struct"
_DOMAIN: Final = "a2a-protocol.org"
# code -> (reason, status of the REST binding)
ERRORS: Final[dict[int, tuple[str, int]]] = {
    -32001: ("TASK_NOT_FOUND", 404),
    -32002: ("TASK_NOT_CANCELABLE", 400),
    -32003: ("PUSH_NOTIFICATION_NOT_SUPPORTED", 400),
    -32004: ("UNSUPPORTED_OPERATION", 400),
    -32005: ("CONTENT_TYPE_NOT_SUPPORTED", 400),
    -32006: ("INVALID_AGENT_RESPONSE", 500),
    -32007: ("EXTENDED_AGENT_CARD_NOT_CONFIGURED", 400),
    -32008: ("EXTENSION_SUPPORT_REQUIRED", 400),
    -32009: ("VERSION_NOT_SUPPORTED", 400),
    -32700: ("PARSE_ERROR", 400),
    -32600: ("INVALID_REQUEST", 400),
    -32601: ("METHOD_NOT_FOUND", 404),
    -32602: ("INVALID_PARAMS", 400),
    -32603: ("INTERNAL", 500),
}
_CODE_OF: Final = {reason: code for code, (reason, _) in ERRORS.items()}
_ONLY_NEWER: Final = frozenset({-32008, -32009})
_WORD_OF: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_OLD_METHOD: Final = {operation: method for method, operation in a2a.OLD_METHODS.items()}
# What the client said for its own way here, and what speaks to Portico.
_NOT_FOR_THE_AGENT: Final = frozenset(
    {a2a.VERSION, a2a.EXTENSIONS, a2a.OLD_EXTENSIONS, a2a.FALLBACK}
    | {b"accept", b"accept-encoding", b"content-type", b"cookie", b"origin", b"referer"}
    | {b"x-a2a-notification-token", b"if-none-match"}
)


class Written:
    """A request as an agent takes it."""

    __slots__ = ("body", "headers", "method", "path")

    def __init__(self, method: bytes, path: bytes, body: bytes, headers: list[Header]) -> None:
        self.method, self.path, self.body, self.headers = method, path, body, headers


# --- to the agent -----------------------------------------------------------------------------------------------------


def choose(interfaces: tuple[InterfaceEntry, ...], ask: Ask) -> InterfaceEntry | None:
    """The one that speaks what the client speaks; else the newer version first, and JSON-RPC first."""

    def rank(each: InterfaceEntry) -> tuple[bool, bool, bool, bool]:
        same = (each.binding, each.version) == (ask.binding, ask.version)
        return (
            not same,
            ask.operation == a2a.LIST and each.version == "0.3",
            each.version != "1.0",
            each.binding != "JSONRPC",
        )

    return min(interfaces, key=rank, default=None)


def is_verbatim(ask: Ask, interface: InterfaceEntry) -> bool:
    """A tenant is Portico's to name: under its credential, a client's word for it could lead to somebody else's tasks."""
    same = (ask.binding, ask.version) == (interface.binding, interface.version)
    return same and interface.tenant is None and "tenant" not in ask.params


def write_request(ask: Ask, interface: InterfaceEntry, given: list[Header], *, changed: bool) -> Written:
    """changed   the parameters are no longer what came, so the body is written anew"""
    base = interface.path.encode()
    if is_verbatim(ask, interface) and not changed:
        path = base if ask.binding == "JSONRPC" else base.rstrip(b"/") + b"/" + ask.rest
        method = b"POST" if ask.binding == "JSONRPC" else _verb(ask.operation)
        body = ask.body
    elif interface.binding == "JSONRPC":
        path, method, body = base, b"POST", write_json(_rpc_request(ask, interface))
    else:
        method, rest, told = _rest_request(ask, interface)
        path, body = base.rstrip(b"/") + rest, b"" if told is None else write_json(told)
    return Written(method, path, body, _headers(ask, interface, given, has_body=bool(body)))


def _headers(ask: Ask, interface: InterfaceEntry, given: list[Header], *, has_body: bool) -> list[Header]:
    headers = [header for header in given if header[0].lower().replace(b"_", b"-") not in _NOT_FOR_THE_AGENT]
    if interface.version == "1.0":
        headers.append((b"A2A-Version", b"1.0"))
    extensions = [value for name, value in given if name.lower() in {a2a.EXTENSIONS, a2a.OLD_EXTENSIONS}]
    if extensions:
        said = b", ".join(dict.fromkeys(extensions))
        headers.append((b"A2A-Extensions", said))
        if interface.version == "0.3":
            headers.append((b"X-A2A-Extensions", said))
    headers.append((b"Accept", b"text/event-stream" if ask.streams else b"application/json, application/a2a+json"))
    # Answers are read on their way, so they have to come in the clear.
    headers.append((b"Accept-Encoding", b"identity"))
    if has_body:
        headers.append((b"Content-Type", b"application/json"))
    return headers


def _rpc_request(ask: Ask, interface: InterfaceEntry) -> Json:
    if interface.version == "0.3":
        method, params = _OLD_METHOD.get(ask.operation, ask.operation), _params_down(ask)
    else:
        method, params = ask.operation, _with_tenant(ask.params, interface)
    return {"jsonrpc": "2.0", "id": 1 if ask.rpc_id is None else ask.rpc_id, "method": method, "params": params}


def _with_tenant(params: Json, interface: InterfaceEntry) -> Json:
    plain = {name: value for name, value in params.items() if name != "tenant"}
    return plain if interface.tenant is None else {**plain, "tenant": interface.tenant}


def _params_down(ask: Ask) -> Json:
    params = ask.params
    if ask.operation in a2a.SENDS:
        return shapes.send_down(params, "rpc")
    if ask.operation == a2a.CREATE_PUSH:
        return shapes.push_down(params, "rpc")
    if ask.operation in a2a.PUSHES:
        config = {"pushNotificationConfigId": params["id"]} if params.get("id") else {}
        return {"id": ask.task_id, **config}
    return {name: value for name, value in params.items() if name != "tenant"}


def _rest_request(ask: Ask, interface: InterfaceEntry) -> tuple[bytes, bytes, Json | None]:
    """Method, path below the interface's, and body."""
    old = interface.version == "0.3"
    lead = "/v1" if old else f"/{interface.tenant}" if interface.tenant else ""
    task, params = f"{lead}/tasks/{quote(ask.task_id, safe='')}", _with_tenant(ask.params, interface)
    body: Json | None = None
    match ask.operation:
        case a2a.SEND | a2a.STREAM:
            path = f"{lead}/message:{'send' if ask.operation == a2a.SEND else 'stream'}"
            body = shapes.send_down(params, "rest") if old else params
        case a2a.GET:
            path = task + _query(params, "historyLength")
        case a2a.CANCEL:
            path, body = f"{task}:cancel", {}
        case a2a.SUBSCRIBE:
            path = f"{task}:subscribe"
        case a2a.CREATE_PUSH:
            path, body = f"{task}/pushNotificationConfigs", _push_body(params, old=old)
        case a2a.LIST_PUSH:
            path = f"{task}/pushNotificationConfigs"
        case a2a.GET_PUSH | a2a.DELETE_PUSH:
            path = f"{task}/pushNotificationConfigs/{quote(str(params.get('id', '')), safe='')}"
        case a2a.LIST:
            path = f"{lead}/tasks{_query(params, 'contextId', 'status', 'pageSize', 'pageToken')}"
        case _:
            path = f"{lead}/card" if old else f"{lead}/extendedAgentCard"
    return _verb(ask.operation), path.encode(), body


def _push_body(params: Json, *, old: bool) -> Json:
    if not old:
        return params
    config = shapes.push_down(params, "rest")
    return {"parent": f"tasks/{params['taskId']}", "configId": params.get("id", ""), "config": config}


def _query(params: Json, *names: str) -> str:
    said = {name: params[name] for name in names if params.get(name) is not None}
    return f"?{urlencode(said)}" if said else ""


def _verb(operation: str) -> bytes:
    if operation in {a2a.SEND, a2a.STREAM, a2a.CANCEL, a2a.SUBSCRIBE, a2a.CREATE_PUSH}:
        return b"POST"
    return b"DELETE" if operation == a2a.DELETE_PUSH else b"GET"


# --- from the agent ---------------------------------------------------------------------------------------------------


class AgentError(Exception):
    """What the agent answered instead of doing it."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


def read_answer(ask: Ask, interface: InterfaceEntry, status: int, body: bytes) -> Any:
    """The result in the shape of 1.0.

    raises   AgentError · A2aRefusal for what is no answer at all
    """
    told = read_json(body) if body.strip() else {}
    if interface.binding == "JSONRPC":
        return read_result(ask, interface, _rpc_result(told, status))
    if status >= 400:
        raise _rest_error(told, status)
    return read_result(ask, interface, told)


def read_event(ask: Ask, interface: InterfaceEntry, data: bytes) -> Json:
    """One event of a stream, in the shape of 1.0; raises as read_answer does."""
    told = read_json(data)
    if interface.binding == "JSONRPC":
        told = _rpc_result(told, 200)
    elif isinstance(told, dict) and isinstance(told.get("error"), dict):
        raise _rest_error(told, 500)
    if not isinstance(told, dict):
        raise a2a.A2aRefusal(a2a.INVALID_AGENT_RESPONSE, "The agent's stream holds an event that is no object.")
    return shapes.event_up(told) if interface.version == "0.3" else told


def _rpc_result(told: Any, status: int) -> Any:
    if not isinstance(told, dict) or ("result" not in told and not isinstance(told.get("error"), dict)):
        words = f"The agent's answer (HTTP {status}) is not one of JSON-RPC."
        raise a2a.A2aRefusal(a2a.INVALID_AGENT_RESPONSE, words)
    error = told.get("error")
    if isinstance(error, dict):
        said = error.get("code")
        code = said if isinstance(said, int) and not isinstance(said, bool) else a2a.INTERNAL
        raise AgentError(code, str(error.get("message", ""))[:2000], error.get("data"))
    return told["result"]


def _rest_error(told: Any, status: int) -> AgentError:
    error = told.get("error") if isinstance(told, dict) else None
    if not isinstance(error, dict):
        words = str(told.get("message", ""))[:2000] if isinstance(told, dict) else ""
        return AgentError(_code_for(status), words or f"The agent answered {status}.")
    details = error.get("details")
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict) and each.get("@type") == _INFO:
            code = _CODE_OF.get(str(each.get("reason")), _code_for(status))
            return AgentError(code, str(error.get("message", ""))[:2000], details)
    return AgentError(_code_for(status), str(error.get("message", ""))[:2000], details)


def _code_for(status: int) -> int:
    return {400: a2a.INVALID_PARAMS, 404: a2a.TASK_NOT_FOUND, 405: a2a.METHOD_NOT_FOUND}.get(status, a2a.INTERNAL)


def read_result(ask: Ask, interface: InterfaceEntry, told: Any) -> Any:
    if interface.version != "0.3":
        return told
    match ask.operation:
        case a2a.SEND:
            return shapes.event_up(told) if isinstance(told, dict) else told
        case a2a.GET | a2a.CANCEL:
            return shapes.task_up(told) if isinstance(told, dict) else told
        case a2a.CREATE_PUSH | a2a.GET_PUSH:
            return {**shapes.push_up(told), "taskId": ask.task_id} if isinstance(told, dict) else told
        case a2a.LIST_PUSH:
            named = told.get("configs", []) if isinstance(told, dict) else told
            configs = named if isinstance(named, list) else []
            return {"configs": [{**shapes.push_up(each), "taskId": ask.task_id} for each in configs]}
    return told


# --- to the client ----------------------------------------------------------------------------------------------------


def write_result(ask: Ask, result: Any) -> bytes:
    told = _result_down(ask, result) if ask.version == "0.3" else result
    if ask.binding == "HTTP+JSON":
        return write_json({} if told is None else told)
    return write_json({"jsonrpc": "2.0", "id": ask.rpc_id, "result": told})


def _result_down(ask: Ask, result: Any) -> Any:
    spelling: shapes.Spelling = "rpc" if ask.binding == "JSONRPC" else "rest"
    if not isinstance(result, dict):
        return result
    match ask.operation:
        case a2a.SEND | a2a.STREAM | a2a.SUBSCRIBE:
            return shapes.event_down(result, spelling)
        case a2a.GET | a2a.CANCEL:
            return shapes.task_down(result, spelling)
        case a2a.CREATE_PUSH | a2a.GET_PUSH:
            return shapes.push_down(result, spelling)
        case a2a.LIST_PUSH:
            configs = [shapes.push_down(each, spelling) for each in result.get("configs", []) if isinstance(each, dict)]
            return configs if spelling == "rpc" else {"configs": configs}
        case a2a.DELETE_PUSH:
            return None
    return result


def write_event(ask: Ask, event: Json) -> bytes:
    return b"data: " + write_result(ask, event) + b"\n\n"


def write_error(ask: Ask, error: AgentError) -> bytes:
    """An error of the agent, as the client's version and binding tell it."""
    code = a2a.INTERNAL if ask.version == "0.3" and error.code in _ONLY_NEWER else error.code
    return error_body(
        ask.binding, ask.version, ask.rpc_id, code, error.message, _data_for(ask.version, code, error.data)
    )


def _data_for(version: Version, code: int, data: Any) -> Any:
    if version == "0.3":
        return data
    if isinstance(data, list):
        return data
    info = [{"@type": _INFO, "reason": ERRORS.get(code, ("INTERNAL", 500))[0], "domain": _DOMAIN, "metadata": {}}]
    return info if data is None else [*info, {"@type": _STRUCT, "value": data}]


def rest_status(code: int) -> int:
    return ERRORS.get(code, ("", 500))[1]


def error_body(
    binding: Binding, version: Version, rpc_id: Any, code: int, message: str, data: Any, status: int = 0
) -> bytes:
    if binding == "JSONRPC":
        error = {"code": code, "message": message} | ({} if data is None else {"data": data})
        return write_json({"jsonrpc": "2.0", "id": rpc_id, "error": error})
    status = status or rest_status(code)
    word = "FAILED_PRECONDITION" if code == -32002 else _WORD_OF.get(status, "INTERNAL")
    details = data if isinstance(data, list) else _data_for("1.0", code, data)
    return write_json({"error": {"code": status, "status": word, "message": message, "details": details}})


def refusal_body(refusal: Refusal, binding: Binding, version: Version, rpc_id: Any, envelope: bytes) -> bytes:
    """A refusal of ours. A2A's own errors have A2A's own numbers; any other has that of its E-code, and the envelope as data."""
    if isinstance(refusal, a2a.A2aRefusal):
        code = refusal.rpc_code
        return error_body(binding, version, rpc_id, code, refusal.message, _data_for(version, code, None))
    row, told = refusal.row, read_json(envelope)
    data: Any = told
    if version == "1.0" or binding == "HTTP+JSON":
        info = {"@type": _INFO, "reason": row.name, "domain": "portico", "metadata": {"next_step": row.next_step}}
        data = [info, {"@type": _STRUCT, "value": told}]
    return error_body(binding, version, rpc_id, int(row.e_code[1:]), refusal.message, data, row.status)
