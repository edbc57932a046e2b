"""Results of tools and lists that may be answered again: under which key, as what, and from which answers they are taken."""

import hashlib
from typing import Any, Final

import orjson

from portico.gateway.cache import KeptAnswer
from portico.gateway.call import AdmittedCall
from portico.gateway.dialects.mcp import Message
from portico.gateway.relay import Relay

# However long a server says its list may be kept: it may also say so by mistake.
MOST_LIST_TTL_S: Final = 3600
_JSON = (b"Content-Type", b"application/json")


def list_key(admitted: AdmittedCall, version: str, params: dict[str, Any], request: dict[str, str]) -> bytes | None:
    """A list is each principal's own, and of one snapshot: what is approved or hidden may be another with the next."""
    if params.keys() - {"cursor", "_meta"}:
        return None
    who, entry = admitted.known.who, admitted.service.entry
    parts = ("tools/list", who.org_id, who.scope, entry.id, who.id, version, *sorted(request.values()))
    meta = params.get("_meta")
    # What a client can do may decide what it is shown; who it is and what ties the request to others does not.
    told = meta.get("io.modelcontextprotocol/clientCapabilities") if isinstance(meta, dict) else None
    text = orjson.dumps([*parts, params.get("cursor"), told], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).digest()


def kept_answer(kept: KeptAnswer, message: Message) -> KeptAnswer:
    """The result under the id of this request."""
    body = b'{"jsonrpc":"2.0","id":' + message.rpc_id + b',"result":' + kept.body + b"}"
    return KeptAnswer(200, [_JSON], body, kept.until)


def result_of(relay: Relay, message: Message) -> bytes | None:
    """The result in an answer that was passed on; None when it is no plain success."""
    body = relay.whole_body
    if body is None or _is_coded(relay):
        return None
    texts = _events(body) if relay.streamed else [body]
    for text in texts:
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        result = found.get("result") if isinstance(found, dict) else None
        if isinstance(result, dict) and orjson.dumps(found.get("id")) == message.rpc_id:
            done = result.get("resultType", "complete") == "complete" and not result.get("isError")
            return orjson.dumps(result) if done else None
    return None


def _events(body: bytes) -> list[bytes]:
    plain = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events = [
        [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
        for event in plain.split(b"\n\n")
    ]
    return [b"\n".join(lines) for lines in events if lines]


def _is_coded(relay: Relay) -> bool:
    return any(
        name.lower() == b"content-encoding" and value.strip().lower() != b"identity" for name, value in relay.headers
    )
