"""Between the eras: what a request and its result need when client and server do not speak the same one. Pure."""

from msgspec import Raw

from portico.bridge import greet, rpc
from portico.bridge.greet import Manner
from portico.bridge.rpc import Members, RpcError
from portico.bridge.talk import META, MODERN

# What passes between the eras. Anything else is an extension of one of them.
SHARED = frozenset(
    {
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
        "completion/complete",
    }
)
LISTED = frozenset({"tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"})
# Of what old servers offer, this would mix up the clients that share one: tasks are found by an id alone.
_NOT_OFFERED = ("tasks", "experimental", "extensions")
# Versions of clients that are answered in their own; any other gets the newest of them.
SESSION_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
_OLD_NOT_FOUND = -32002
_NOW, _PRIVATE, _COMPLETE = rpc.raw(0), rpc.raw("private"), rpc.raw("complete")
# By the error's code, what a client of single requests gets as HTTP status.
_STATUS = {
    rpc.METHOD_NOT_FOUND: 404,
    rpc.PARSE_ERROR: 400,
    rpc.INVALID_REQUEST: 400,
    rpc.INVALID_PARAMS: 400,
    -32020: 400,
    -32021: 400,
    -32022: 400,
}


def status_of(code: int) -> int:
    return _STATUS.get(code, 200)


def carry_trace(params: Members, traceparent: str | None) -> None:
    """On pipes there are no headers, so what ties a call to its trace travels in the parameters."""
    if traceparent is not None:
        meta = rpc.members(params.get("_meta"))
        meta["traceparent"] = rpc.raw(traceparent)
        params["_meta"] = rpc.raw(meta)


# -- a client of single requests --------------------------------------------------------------------------------------------------


def discovered(manner: Manner) -> Raw:
    """The server's introduction, as every client gets it; what differs between clients is never kept for others."""
    told: Members = {
        "supportedVersions": rpc.raw([MODERN]),
        "capabilities": rpc.raw(_offered(manner)),
        "resultType": _COMPLETE,
        "ttlMs": _NOW,
        "cacheScope": _PRIVATE,
        "_meta": rpc.raw({f"{META}serverInfo": manner.server_info}),
    }
    if manner.instructions is not None:
        told["instructions"] = manner.instructions
    return rpc.raw(told)


def single_to_session(params: Members) -> Members:
    """Without what only the newer era says; a token for progress stays."""
    meta = rpc.members(params.get("_meta"))
    kept = {name: value for name, value in meta.items() if not name.startswith(META)}
    told = {name: value for name, value in params.items() if name not in {"_meta", "inputResponses", "requestState"}}
    if kept:
        told["_meta"] = rpc.raw(kept)
    return told


def session_to_single_result(method: str, result: Raw, manner: Manner) -> Raw:
    told = rpc.members(result)
    told["resultType"] = _COMPLETE
    if method in LISTED:
        told.setdefault("ttlMs", _NOW)
        told.setdefault("cacheScope", _PRIVATE)
    meta = rpc.members(told.get("_meta"))
    meta.setdefault(f"{META}serverInfo", manner.server_info)
    told["_meta"] = rpc.raw(meta)
    return rpc.raw(told)


def single_error(error: RpcError) -> RpcError:
    """An error of an old server in today's numbers."""
    code = rpc.INVALID_PARAMS if error.code == _OLD_NOT_FOUND else error.code
    return RpcError(code, error.message, error.data)


# -- a client with a session ------------------------------------------------------------------------------------------------------


def initialized(manner: Manner, asked_version: str | None) -> Raw:
    version = asked_version if asked_version in SESSION_VERSIONS else SESSION_VERSIONS[-1]
    told: Members = {
        "protocolVersion": rpc.raw(version),
        "capabilities": rpc.raw(_offered(manner)),
        "serverInfo": manner.server_info,
    }
    if manner.instructions is not None:
        told["instructions"] = manner.instructions
    return rpc.raw(told)


def session_to_single(params: Members, client_info: Raw | None, log_level: Raw | None) -> Members:
    return greet.modern_params(
        params, client=client_info or rpc.raw({"name": "unknown", "version": "0"}), level=log_level
    )


def single_to_session_result(result: Raw) -> Raw:
    """raises RpcError for a result that asks something back, which this client could not understand"""
    told = rpc.members(result)
    if rpc.text_of(told.get("resultType")) == "input_required":
        raise RpcError(
            rpc.INTERNAL,
            "The server asks its client something before it answers, in the way of the protocol's version 2026-07-28. "
            "Connect with a client that speaks that version.",
        )
    for name in ("resultType", "ttlMs", "cacheScope"):
        told.pop(name, None)
    meta = rpc.members(told.pop("_meta", None))
    kept = {name: value for name, value in meta.items() if not name.startswith(META)}
    if kept:
        told["_meta"] = rpc.raw(kept)
    return rpc.raw(told)


def _offered(manner: Manner) -> Members:
    return {name: value for name, value in rpc.members(manner.capabilities).items() if name not in _NOT_OFFERED}
