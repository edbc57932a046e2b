"""What sockets say. Clients' frames are parsed strictly; the server's are serialised once and sent to many."""

from typing import Annotated, Literal

import msgspec
import orjson
from msgspec import Meta, Struct

from portico.realtime.packet import Packet

SUBPROTOCOL = "portico.v1"
TICKET_PREFIX = "ticket."
MAX_CLIENT_FRAME_BYTES = 16 * 1024
# A patch may replace a whole state of 64 KB, with the escapes and paths that go with it.
MAX_PATCH_FRAME_BYTES = 96 * 1024
MAX_OPERATIONS = 500

CLOSE_UNSUPPORTED = 1003
CLOSE_ABUSE = 1008
CLOSE_TOO_BIG = 1009
CLOSE_RESTART = 1012
CLOSE_SIGNED_OUT = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_TOO_MANY = 4409

# A name, and for a room the id of what it is about.
TopicName = Annotated[str, Meta(pattern=r"^[a-z_]{1,40}(:[A-Za-z0-9_.-]{1,80})?$")]
TabId = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Why = Literal["forbidden", "gone"]


class Auth(Struct, frozen=True, tag="auth", tag_field="type", forbid_unknown_fields=True):
    ticket: str


class Subscribe(Struct, frozen=True, tag="subscribe", tag_field="type", forbid_unknown_fields=True):
    topic: TopicName
    since: int | None = None
    tab: TabId | None = None


class Unsubscribe(Struct, frozen=True, tag="unsubscribe", tag_field="type", forbid_unknown_fields=True):
    topic: TopicName


class Patch(Struct, frozen=True, tag="patch", tag_field="type", forbid_unknown_fields=True):
    """A change to the state that a room holds, made on top of `version`; `ref` comes back in the answer."""

    topic: TopicName
    tab: TabId
    version: Number
    ref: Number
    patch: Annotated[list[dict[str, object]], Meta(min_length=1, max_length=MAX_OPERATIONS)]


class Accept(Struct, frozen=True, tag="accept", tag_field="type", forbid_unknown_fields=True):
    """Which encodings of large frames the client reads; unknown ones are passed over."""

    encodings: Annotated[list[str], Meta(max_length=8)]


class Ping(Struct, frozen=True, tag="ping", tag_field="type"):
    pass


class Pong(Struct, frozen=True, tag="pong", tag_field="type"):
    pass


Counted = Auth | Subscribe | Unsubscribe | Patch
ClientFrame = Counted | Accept | Ping | Pong
_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)


class TooLarge(Exception):
    """The frame is larger than a frame of its kind may be."""


def parse(text: str) -> ClientFrame:
    """raises TooLarge, or msgspec.DecodeError with what is wrong, in words"""
    content = text.encode()
    if len(content) > MAX_PATCH_FRAME_BYTES:
        raise TooLarge
    try:
        frame = _decoder.decode(content)
    except msgspec.DecodeError:
        if len(content) > MAX_CLIENT_FRAME_BYTES:
            raise TooLarge from None
        raise
    if len(content) > MAX_CLIENT_FRAME_BYTES and not isinstance(frame, Patch):
        raise TooLarge
    return frame


PING = Packet(b'{"type":"ping"}')
PONG = Packet(b'{"type":"pong"}')


def hello(org_id: str, scope: str, heartbeat_s: float) -> Packet:
    return _packet({"type": "hello", "org_id": org_id, "scope": scope, "heartbeat_s": heartbeat_s})


def rows(kind: Literal["snapshot", "append"], topic: str, cursor: int, items: list[bytes]) -> Packet:
    """`items` are JSON already."""
    head = f'{{"type":"{kind}","topic":"{topic}","cursor":{cursor},"items":['
    return Packet(b"".join((head.encode(), b",".join(items), b"]}")))


def value(topic: str, content: bytes) -> Packet:
    return Packet(b"".join((f'{{"type":"value","topic":"{topic}","value":'.encode(), content, b"}")))


def state(topic: str, version: int, whole: object, checksum: str) -> Packet:
    return _packet({"type": "state", "topic": topic, "version": version, "state": whole, "checksum": checksum})


def patch(topic: str, version: int, operations: object, tab: str | None, by: dict[str, str] | None) -> Packet:
    return _packet({"type": "patch", "topic": topic, "version": version, "patch": operations, "tab": tab, "by": by})


def patched(topic: str, ref: int, version: int, checksum: str) -> Packet:
    return _packet({"type": "patched", "topic": topic, "ref": ref, "version": version, "checksum": checksum})


def conflict(topic: str, ref: int, version: int, whole: object, checksum: str) -> Packet:
    frame = {"type": "conflict", "topic": topic, "ref": ref, "version": version, "state": whole, "checksum": checksum}
    return _packet(frame)


def resync(topic: str) -> Packet:
    return _packet({"type": "resync", "topic": topic})


def left(topic: str, why: Why) -> Packet:
    return _packet({"type": "left", "topic": topic, "why": why})


def error(
    code: str, message: str, *, topic: str | None = None, ref: int | None = None, retry_after_ms: int | None = None
) -> Packet:
    """`topic` and `ref` name the frame that is answered, where there is one."""
    more = {"topic": topic, "ref": ref, "retry_after_ms": retry_after_ms}
    told = {name: each for name, each in more.items() if each is not None}
    return _packet({"type": "error", "code": code, "message": message, **told})


def _packet(frame: dict[str, object]) -> Packet:
    return Packet(orjson.dumps(frame))
