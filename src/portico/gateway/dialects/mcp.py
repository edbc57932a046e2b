"""MCP over streamable HTTP: `/mcp/{service}`. JSON-RPC is read as far as it is acted upon; bodies and streams travel verbatim.

Both eras pass: the sessions of 2025-11-25 and older, and the single requests of 2026-07-28, which say in headers what stands
in their bodies. What a header says must be what the body says, or two parts of a path would decide about different calls.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64

import msgspec
import orjson
from msgspec import UNSET, UnsetType

from portico.gateway.refusals import RouteNotFound
from portico.gateway.wire.head import Head, Header, in_every_spelling
from portico.kernel.errors import Refusal

PREFIX = b"/mcp/"
# Without a service: the whole toolset.
TOOLSET = b"/mcp"
HTTP_METHODS = frozenset({b"POST", b"GET", b"DELETE"})
SESSION, VERSION, METHOD, NAME = b"mcp-session-id", b"mcp-protocol-version", b"mcp-method", b"mcp-name"
LAST_EVENT = b"last-event-id"
# Versions with sessions. Any other that a header names is of the era of single requests, as servers read it too.
WITH_SESSIONS = frozenset({b"2024-11-05", b"2025-03-26", b"2025-06-18", b"2025-11-25"})
MOST_NAME, MOST_ID = 512, 512
# As much of a method or name as stands in the record.
MOST_RECORDED = 200
PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS, HEADER_MISMATCH = -32700, -32600, -32602, -32020

_SERVICE = re.compile(rb"[a-z0-9][a-z0-9-]{0,62}")
_BASE64 = re.compile(r"=\?base64\?([A-Za-z0-9+/=]*)\?=")
_ONCE = frozenset({SESSION, VERSION, METHOD, NAME, LAST_EVENT})
# Read by servers behind CGI as the same header, so one of them could say something else than what was checked.
_LOOKALIKES = in_every_spelling(_ONCE) - _ONCE
# A browser's cookies and its page's origin speak to Portico; a server would judge them as if they were meant for it.
_ORG, _SERVICE_ID, _PRINCIPAL, _CALL = (
    b"x-portico-org",
    b"x-portico-service",
    b"x-portico-principal",
    b"x-portico-call-id",
)
# What only Portico says, and only to its own bridge.
_SAID_TO_THE_BRIDGE = in_every_spelling(frozenset({_ORG, _SERVICE_ID, _PRINCIPAL, _CALL}))
_NOT_FOR_THE_SERVER = _LOOKALIKES | _SAID_TO_THE_BRIDGE | {b"cookie", b"origin"}


class BadMessage(Refusal):
    """`rpc_id` is the request's id as JSON."""

    code = "BAD_REQUEST"

    def __init__(self, rpc_code: int, message: str, rpc_id: bytes = b"null") -> None:
        super().__init__(message)
        self.rpc_code, self.rpc_id = rpc_code, rpc_id


class SessionNotFound(Refusal):
    """The same words for a session that ended, one this gateway does not know, and one of somebody else."""

    code = "NOT_FOUND"
    rpc_code = INVALID_REQUEST

    def __init__(self) -> None:
        super().__init__("Session not found.", details="Send initialize again without Mcp-Session-Id.")


class _Envelope(msgspec.Struct):
    jsonrpc: str
    id: str | int | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: msgspec.Raw | UnsetType = UNSET
    result: msgspec.Raw | UnsetType = UNSET
    error: msgspec.Raw | UnsetType = UNSET


class _Meta(msgspec.Struct):
    version: str | UnsetType = msgspec.field(default=UNSET, name="io.modelcontextprotocol/protocolVersion")


class _Params(msgspec.Struct):
    meta: _Meta | UnsetType = msgspec.field(default=UNSET, name="_meta")


class _Named(_Params, kw_only=True):
    name: str


class _Located(_Params, kw_only=True):
    uri: str


_PARAMS: dict[str, type[_Params]] = {"tools/call": _Named, "prompts/get": _Named, "resources/read": _Located}
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_params = {kind: msgspec.json.Decoder(kind).decode for kind in (_Params, _Named, _Located)}
_NO_PARAMS = frozenset({b"", b"null"})


class Message:
    """What is acted upon of one JSON-RPC message.

    rpc_id   the request's id as JSON, to be sent back; null for what is no request
    method   empty for a response
    name     of the tool or prompt, or the resource's URI
    version  that the body asks for, in the era of single requests
    """

    __slots__ = ("is_request", "method", "name", "rpc_id", "version")

    def __init__(
        self, rpc_id: bytes, method: str, *, is_request: bool, name: str | None = None, version: str | None = None
    ) -> None:
        self.rpc_id, self.method, self.is_request = rpc_id, method, is_request
        self.name, self.version = name, version

    @property
    def operation(self) -> str:
        return self.method[:MOST_RECORDED] or "response"

    @property
    def asked_for(self) -> str | None:
        return None if self.name is None else self.name[:MOST_RECORDED]


def split_target(path: bytes, target: bytes) -> tuple[str, bytes]:
    """The service's name, and what follows its endpoint's own address: at most a query."""
    name = path[len(PREFIX) :]
    if not _SERVICE.fullmatch(name):
        raise RouteNotFound("The path must be /mcp/{service}.")
    return name.decode(), target[len(path) :]


def headers_for_the_bridge(principal_id: str, call_id: str) -> list[Header]:
    return [(b"X-Portico-Principal", principal_id.encode()), (b"X-Portico-Call-Id", call_id.encode())]


def headers_to_send(headers: list[Header]) -> list[Header]:
    return [header for header in headers if header[0].lower() not in _NOT_FOR_THE_SERVER]


def read_message(body: bytes) -> Message:
    """raises BadMessage (400)"""
    if body.lstrip(b" \t\r\n").startswith(b"["):
        raise BadMessage(INVALID_REQUEST, "Batches are not part of MCP; send one message at a time.")
    try:
        envelope = _decode_envelope(body)
    except msgspec.ValidationError as error:
        raise BadMessage(INVALID_REQUEST, f"The body is not a JSON-RPC message: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(PARSE_ERROR, f"The body is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise BadMessage(PARSE_ERROR, "The body is nested too deeply.") from error
    if envelope.jsonrpc != "2.0":
        raise BadMessage(INVALID_REQUEST, "The body must be a JSON-RPC 2.0 message.")
    if envelope.method is UNSET:
        return _read_response(envelope)
    return _read_request(envelope, envelope.method)


def _read_response(envelope: _Envelope) -> Message:
    answers = (envelope.result is not UNSET) != (envelope.error is not UNSET)
    if not answers or envelope.id is UNSET:
        raise BadMessage(INVALID_REQUEST, "The body is neither a request nor a notification nor a response.")
    return Message(b"null", "", is_request=False)


def _read_request(envelope: _Envelope, method: str) -> Message:
    rpc_id = _read_id(envelope.id)
    if not method or len(method) > MOST_NAME:
        raise BadMessage(INVALID_REQUEST, f"The method must have 1 to {MOST_NAME} characters.", rpc_id)
    kind = _PARAMS.get(method, _Params)
    raw = b"" if envelope.params is UNSET else bytes(envelope.params)
    try:
        params = _decode_params[kind](b"{}" if raw in _NO_PARAMS else raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(INVALID_PARAMS, f"The parameters of {method} cannot be read: {error}.", rpc_id) from error
    name = params.name if isinstance(params, _Named) else params.uri if isinstance(params, _Located) else None
    if name is not None and len(name) > 16 * MOST_NAME:
        raise BadMessage(INVALID_PARAMS, f"The name that {method} asks for is too long.", rpc_id)
    version = None if params.meta is UNSET or params.meta.version is UNSET else params.meta.version
    is_request = envelope.id is not UNSET
    return Message(rpc_id, method, is_request=is_request, name=name, version=version)


def _read_id(given: str | int | UnsetType | None) -> bytes:
    if given is UNSET:
        return b"null"
    if given is None or (isinstance(given, int) and abs(given) >= 2**63):
        raise BadMessage(INVALID_REQUEST, "The id of a request must be a text or a whole number of 64 bits.")
    if isinstance(given, str) and len(given) > MOST_ID:
        raise BadMessage(INVALID_REQUEST, f"The id of a request may have {MOST_ID} characters.")
    return orjson.dumps(given)


def check_headers(head: Head, message: Message | None) -> None:
    """Each routing header once, and saying what the body says. `message` None: a request without a body.

    raises   BadMessage (400, -32020)
    """
    rpc_id = b"null" if message is None else message.rpc_id
    seen: set[bytes] = set()
    for name, _ in head.headers:
        low = name.lower()
        if low in _ONCE and low in seen:
            raise BadMessage(HEADER_MISMATCH, f"The header {name.decode('latin-1')} may stand once only.", rpc_id)
        seen.add(low)
    if message is not None and message.method:
        _agree(head, VERSION, message.version, message, needed=False)
        _agree(head, METHOD, message.method, message, needed=message.is_request)
        _agree(head, NAME, message.name, message, needed=message.is_request and message.name is not None)


def _agree(head: Head, header: bytes, said: str | None, message: Message, *, needed: bool) -> None:
    value = head.get(header)
    shown = header.decode()
    if value is None:
        if needed and is_single(head):
            raise BadMessage(HEADER_MISMATCH, f"The header {shown} is missing.", message.rpc_id)
    # A body without a name or version of its own leaves the header to the server's judgement.
    elif said is not None and plain_of(value) != said:
        raise BadMessage(HEADER_MISMATCH, f"The header {shown} is not what the body says.", message.rpc_id)


def plain_of(value: bytes) -> str | None:
    """A header's value decoded: what ASCII cannot say travels as `=?base64?...?=`."""
    text = value.strip().decode("latin-1")
    coded = _BASE64.fullmatch(text)
    if coded is None:
        return text
    try:
        return b64decode(coded[1], validate=True).decode()
    except (NotBase64, UnicodeDecodeError):
        return None


def is_single(head: Head) -> bool:
    """Of the era in which each request stands for itself."""
    version = head.get(VERSION)
    return version is not None and version.strip() not in WITH_SESSIONS


def session_header(headers: list[Header]) -> bytes | None:
    return next((value for name, value in headers if name.lower() == SESSION), None)


def error_body(refusal: Refusal, message: Message | None, envelope: bytes) -> bytes:
    """A refusal as a JSON-RPC error; its `data` is the house's envelope.

    The numbers of our own refusals are those of their E-codes, which lie outside of what JSON-RPC and MCP keep for themselves.
    """
    number = getattr(refusal, "rpc_code", None)
    if number is None:
        number = int(refusal.row.e_code[1:])
    rpc_id = getattr(refusal, "rpc_id", b"null") if message is None else message.rpc_id
    error = {"code": number, "message": refusal.message, "data": orjson.Fragment(envelope)}
    return orjson.dumps({"jsonrpc": "2.0", "id": orjson.Fragment(rpc_id), "error": error})


def error_event(body: bytes) -> bytes:
    """How an error is told inside a stream that has begun; the empty line ends an event that broke off."""
    return b"\n\nevent: message\ndata: " + body + b"\n\n"
