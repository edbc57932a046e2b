"""JSON-RPC as far as the bridge acts upon it; what it does not act upon stays the bytes it was."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

Members = dict[str, Raw]

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
NULL = Raw(b"null")


class Message(msgspec.Struct):
    """One message of either side; `id` is a text or a number, as JSON."""

    jsonrpc: str = "2.0"
    id: Raw | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET

    @property
    def is_request(self) -> bool:
        return self.method is not UNSET and self.id is not UNSET

    @property
    def is_notice(self) -> bool:
        return self.method is not UNSET and self.id is UNSET

    @property
    def is_answer(self) -> bool:
        return self.method is UNSET and self.id is not UNSET


class RpcError(Exception):
    """An error as JSON-RPC tells it; `status` is the HTTP status it travels with towards a client of single requests."""

    def __init__(self, code: int, message: str, data: Raw | None = None, *, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.data, self.status = code, message, data, status


class ErrorBody(msgspec.Struct, omit_defaults=True):
    code: int
    message: str = ""
    data: Raw | UnsetType = UNSET


decode_message = msgspec.json.Decoder(Message).decode
_decode_members = msgspec.json.Decoder(Members).decode
_decode_error = msgspec.json.Decoder(ErrorBody).decode
_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def members(raw: Raw | UnsetType | None) -> Members:
    """The members of an object one level deep; of anything else, none."""
    if raw is UNSET or raw is None:
        return {}
    try:
        return _decode_members(raw)
    except msgspec.DecodeError:
        return {}


def text_of(raw: Raw | None) -> str | None:
    value = value_of(raw)
    return value if isinstance(value, str) else None


def value_of(raw: Raw | UnsetType | None) -> Any:
    if raw is None or raw is UNSET:
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None


def raw(value: Any) -> Raw:
    return Raw(encode(value))


def raised(error: Raw) -> RpcError:
    try:
        body = _decode_error(error)
    except msgspec.DecodeError:
        return RpcError(INTERNAL, "The server answered with an error that cannot be read.")
    return RpcError(body.code, body.message, None if body.data is UNSET else body.data)


def request(rpc_id: Raw | int, method: str, params: Members | Raw | None) -> bytes:
    told: dict[str, Any] = {"jsonrpc": "2.0", "id": rpc_id, "method": method}
    if params is not None:
        told["params"] = params
    return encode(told)


def notice(method: str, params: Members | Raw | None = None) -> bytes:
    told: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        told["params"] = params
    return encode(told)


def answer(rpc_id: Raw, result: Raw | Members) -> bytes:
    return encode({"jsonrpc": "2.0", "id": rpc_id, "result": result})


def error(rpc_id: Raw, failed: RpcError) -> bytes:
    body: dict[str, Any] = {"code": failed.code, "message": failed.message}
    if failed.data is not None:
        body["data"] = failed.data
    return encode({"jsonrpc": "2.0", "id": rpc_id, "error": body})
