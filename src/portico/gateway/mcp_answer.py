"""An answer of MCP on its way to the client, message by message.

It comes whole or as events of a stream; each message is held until it is complete, and written anew, so that what the client
reads is what was looked at.
"""

import re
from typing import ClassVar, Final

import orjson

from portico.gateway.call import Usage
from portico.gateway.dialects.translate_call import Translation
from portico.gateway.dialects.translate_chat import AnswerUntranslatable
from portico.gateway.wire.head import Header

_EVENT_END: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_NOTHING_USED: Final = Usage()


class McpAnswer(Translation):
    """`what` names the answer where it cannot be read."""

    what: ClassVar[str] = "answer"

    def __init__(self, most_bytes: int) -> None:
        super().__init__("")
        self._most_bytes = most_bytes
        self._coded = False
        self._rest = bytearray()

    def seen(self, message: object) -> object:
        """What the client gets of a message."""
        raise NotImplementedError

    def concerns(self, message: object) -> bool:
        """Of a stream: whether the message is looked at; else its event stays as it came."""
        return True

    # -- for the relay -------------------------------------------------------------------------------------------------

    def head(self, status: int, headers: list[Header]) -> list[Header]:
        kind = b""
        for name, value in headers:
            low = name.lower()
            if low == b"content-type":
                kind = value
            elif low == b"content-encoding" and value.strip().lower() != b"identity":
                self._coded = True
        self.streams = kind.startswith(b"text/event-stream")
        self.holds = not self.streams
        return headers

    def said_status(self, status: int) -> int:
        return status

    def whole(self, status: int) -> bytes:
        """raises AnswerUntranslatable"""
        body = self.body()
        if not body or (status != 200 and not self._coded and not _is_json(body)):
            return body
        return orjson.dumps(self.seen(self.read(body)))

    def body(self) -> bytes:
        body = b"".join(self._pieces)
        self._pieces.clear()
        return body

    def hold(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._bound(self._size)
        self._pieces.append(chunk)

    def feed(self, chunk: bytes) -> bytes:
        """Of a stream: the events that are complete. raises AnswerUntranslatable"""
        # What was looked through before holds no end, but for one that its last bytes may have begun.
        begun, looked_through = 0, max(len(self._rest) - 3, 0)
        self._rest += chunk
        out: list[bytes] = []
        while (end := _EVENT_END.search(self._rest, looked_through)) is not None:
            out.append(self._event(bytes(self._rest[begun : end.end()])))
            begun = looked_through = end.end()
        del self._rest[:begun]
        self._bound(len(self._rest))
        return b"".join(out)

    def finish(self) -> bytes:
        """What came without its empty line is no event to a client, but some read it as one."""
        rest = bytes(self._rest)
        self._rest.clear()
        return self._event(rest) if rest else b""

    def meter_of_messages(self) -> "McpMeter":
        return McpMeter(self)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _event(self, event: bytes) -> bytes:
        lines = _LINE_END.split(event)
        data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        text = b"\n".join(data)
        # A first event without data opens a stream that can be resumed.
        if not text.strip():
            return event
        message = self.read(text)
        if not self.concerns(message):
            return event
        other = [line for line in lines if line and not line.startswith(b"data:") and line != b"data"]
        return b"\n".join([*other, b"data: " + orjson.dumps(self.seen(message))]) + b"\n\n"

    def read(self, text: bytes) -> object:
        if self._coded:
            raise AnswerUntranslatable(f"The server's {self.what} came compressed, although that was not asked for.")
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise AnswerUntranslatable(f"The server's {self.what} is no JSON.") from error

    def _bound(self, size: int) -> None:
        if size > self._most_bytes:
            self._pieces.clear()
            raise AnswerUntranslatable(f"The server's {self.what} is larger than {self._most_bytes:,} bytes.")


class McpMeter:
    """What the relay feeds; an answer of MCP costs no tokens."""

    def __init__(self, answer: McpAnswer) -> None:
        self._answer = answer

    def feed(self, chunk: bytes) -> bytes:
        if self._answer.holds:
            self._answer.hold(chunk)
            return b""
        return self._answer.feed(chunk)

    def finish(self) -> bytes:
        return b"" if self._answer.holds else self._answer.finish()

    def usage(self, *, complete: bool) -> Usage:
        return _NOTHING_USED


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
