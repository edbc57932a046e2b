"""What sockets say. Clients' frames are parsed strictly; the server's are serialised once and sent to many."""

from typing import Literal

import msgspec
import orjson
from msgspec import Struct

Topic = Literal["calls", "events", "stats", "breakers"]
SUBPROTOCOL = "portico.v1"
TICKET_PREFIX = "ticket."
MAX_CLIENT_FRAME_BYTES = 16 * 1024

CLOSE_ABUSE = 1008
CLOSE_TOO_BIG = 1009
CLOSE_RESTART = 1012
CLOSE_SIGNED_OUT = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_TOO_MANY = 4409


class Auth(Struct, frozen=True, tag="auth", tag_field="type", forbid_unknown_fields=True):
    ticket: str


class Subscribe(Struct, frozen=True, tag="subscribe", tag_field="type", forbid_unknown_fields=True):
    topic: Topic
    since: int | None = None


class Unsubscribe(Struct, frozen=True, tag="unsubscribe", tag_field="type", forbid_unknown_fields=True):
    topic: Topic


class Pong(Struct, frozen=True, tag="pong", tag_field="type"):
    pass


ClientFrame = Auth | Subscribe | Unsubscribe | Pong
_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)


def parse(text: str) -> ClientFrame:
    """raises msgspec.DecodeError with what is wrong, in words"""
    return _decoder.decode(text)


PING = '{"type":"ping"}'


def hello(org_id: str, scope: str, heartbeat_s: float) -> str:
    return _text({"type": "hello", "org_id": org_id, "scope": scope, "heartbeat_s": heartbeat_s})


def rows(kind: Literal["snapshot", "append"], topic: Topic, cursor: int, items: list[bytes]) -> str:
    """`items` are JSON already."""
    head = f'{{"type":"{kind}","topic":"{topic}","cursor":{cursor},"items":['
    return f"{head}{b','.join(items).decode()}]}}"


def value(topic: Topic, content: bytes) -> str:
    return f'{{"type":"value","topic":"{topic}","value":{content.decode()}}}'


def resync(topic: Topic) -> str:
    return f'{{"type":"resync","topic":"{topic}"}}'


def error(code: str, message: str, retry_after_ms: int | None = None) -> str:
    more = {} if retry_after_ms is None else {"retry_after_ms": retry_after_ms}
    return _text({"type": "error", "code": code, "message": message, **more})


def _text(frame: dict[str, object]) -> str:
    return orjson.dumps(frame).decode()
