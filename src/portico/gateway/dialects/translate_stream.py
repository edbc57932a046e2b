"""A stream of chat completions, event by event: cut out of the bytes, and written again in another dialect's events."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from portico.gateway.dialects.translate_chat import AnswerUntranslatable, ChatAnswer, ChatUsage, Said, ToolCall

MOST_EVENT_BYTES: Final = 256 * 1024
MOST_PARTS: Final = 1024


class EventLines:
    """Cuts a stream of events into their data, however the bytes are split; holds at most one event."""

    def __init__(self) -> None:
        self._carry = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """raises AnswerUntranslatable: an event that is too large"""
        *lines, self._carry = (self._carry + chunk).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._size += len(line)
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield self._taken()
            self._check()
        self._check()

    def rest(self) -> Iterator[bytes]:
        """What came without its empty line: some services leave it out at the end."""
        yield from self.feed(b"\n\n")

    def _check(self) -> None:
        if self._size + len(self._carry) > MOST_EVENT_BYTES:
            raise AnswerUntranslatable(f"The service's stream holds an event of more than {MOST_EVENT_BYTES} bytes.")

    def _taken(self) -> bytes:
        data, self._data, self._size = b"\n".join(self._data), [], 0
        return data


class StreamWriter:
    """Turns chunks into a dialect's events. What it opens it closes, in the order in which the model wrote."""

    def __init__(self) -> None:
        self._begun = False
        # The number of the tool call being written, -1 for text, None for nothing.
        self._open: int | None = None
        self._open_id: str | None = None
        self.parts = 0
        self.finish_reason: str | None = None

    def begin(self, model: str) -> list[bytes]:
        raise NotImplementedError

    def open_text(self) -> list[bytes]:
        raise NotImplementedError

    def add_text(self, text: str) -> list[bytes]:
        raise NotImplementedError

    def open_call(self, call_id: str | None, name: str) -> list[bytes]:
        raise NotImplementedError

    def add_arguments(self, text: str) -> list[bytes]:
        raise NotImplementedError

    def close_text(self) -> list[bytes]:
        raise NotImplementedError

    def close_call(self) -> list[bytes]:
        raise NotImplementedError

    def end(self, usage: ChatUsage) -> list[bytes]:
        raise NotImplementedError

    def chunk(self, chunk: ChatAnswer) -> list[bytes]:
        """raises AnswerUntranslatable"""
        out: list[bytes] = []
        if not self._begun:
            self._begun = True
            out += self.begin(chunk.model or "")
        for choice in chunk.choices[:1]:
            if choice.delta is not None:
                out += self._said(choice.delta)
            self.finish_reason = choice.finish_reason or self.finish_reason
        return out

    def finish(self, usage: ChatUsage) -> list[bytes]:
        begun = [] if self._begun else self.begin("")
        return [*begun, *self._close(), *self.end(usage)]

    def _said(self, delta: Said) -> list[bytes]:
        out: list[bytes] = []
        for text in (delta.content, delta.refusal):
            if text:
                if self._open != -1:
                    out += [*self._close(), *self._opened(-1), *self.open_text()]
                out += self.add_text(text)
        for call in delta.tool_calls or ():
            out += self._called(call)
        return out

    def _called(self, call: ToolCall) -> list[bytes]:
        out: list[bytes] = []
        index = call.index or 0
        # Some services number every call 0 and tell them apart by their ids.
        another = call.id is not None and call.id != self._open_id and call.function.name
        if self._open != index or another:
            if not call.function.name or index < 0:
                raise AnswerUntranslatable("The service's stream goes on with a tool call that it did not begin.")
            out += [*self._close(), *self._opened(index), *self.open_call(call.id, call.function.name)]
            self._open_id = call.id
        if call.function.arguments:
            out += self.add_arguments(call.function.arguments)
        return out

    def _opened(self, what: int) -> list[bytes]:
        self._open = what
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise AnswerUntranslatable(f"The service's stream holds more than {MOST_PARTS} parts.")
        return []

    def _close(self) -> list[bytes]:
        was, self._open = self._open, None
        if was is None:
            return []
        return self.close_text() if was == -1 else self.close_call()


def named_event(name: str, value: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(value))
