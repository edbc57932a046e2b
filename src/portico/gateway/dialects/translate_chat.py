"""What translated dialects share: how chat completions are answered and streamed, and how a translation sits in the relay.

A client speaks another dialect; the service speaks chat completions. The request is translated before it is governed, so that
limits, budgets and the record see what the service will see. The answer is translated on its way back: a whole one is held until
it is complete, a stream goes on event by event.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec
import orjson

from portico.gateway.call import Meter, Usage
from portico.gateway.refusals import MalformedJson, UpstreamBrokenRefusal
from portico.gateway.wire.head import Header
from portico.kernel.errors import InvalidInput, Refusal

CHAT_PATH: Final = b"/chat/completions"
MOST_EVENT_BYTES: Final = 256 * 1024
MOST_ANSWER_BYTES: Final = 16 * 1024 * 1024
MOST_MESSAGE: Final = 4000
MOST_PARTS: Final = 1024
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class AnswerUntranslatable(UpstreamBrokenRefusal):
    """The service's answer is no chat completion. `written` is what could be translated before it broke."""

    written = b""


# -- what chat completions answer -----------------------------------------------------------------------------------------------------


class InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class ChatUsage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None

    @property
    def cached_tokens(self) -> int:
        details = self.prompt_tokens_details
        return min((details.cached_tokens or 0) if details is not None else 0, self.prompt_tokens)

    @property
    def reasoning_tokens(self) -> int:
        return (self.completion_tokens_details.reasoning_tokens or 0) if self.completion_tokens_details else 0


class CalledFunction(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    function: CalledFunction
    index: int | None = 0
    id: str | None = None


class Said(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct):
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    index: int = 0


class ChatAnswer(msgspec.Struct):
    """A whole answer or one chunk of a stream."""

    choices: list[Choice] = []
    model: str | None = None
    usage: ChatUsage | None = None
    error: Any = None


_decode_answer = msgspec.json.Decoder(ChatAnswer).decode


def read_answer(body: bytes) -> ChatAnswer:
    """raises AnswerUntranslatable"""
    try:
        answer = _decode_answer(body)
    except UNREADABLE as error:
        raise AnswerUntranslatable(f"The service's answer is not a chat completion: {error}.") from error
    if answer.error is not None:
        raise AnswerUntranslatable(f"The service broke off with an error: {message_of(answer.error)}")
    return answer


def message_of(error: Any) -> str:
    """What an error object of whatever shape says, as a sentence of bounded length."""
    said = error.get("message") or error.get("error") or error.get("detail") if isinstance(error, dict) else error
    return str(said if said is not None else "It gave no reason.")[:MOST_MESSAGE]


class TextPart(msgspec.Struct, frozen=True):
    text: str


class CallPart(msgspec.Struct, frozen=True):
    """`arguments` is the JSON text that the model wrote."""

    id: str
    name: str
    arguments: str


def parts_of(said: Said, own_id: str) -> list[TextPart | CallPart]:
    """What a whole answer consists of, in the order in which a stream would bring it.

    raises   AnswerUntranslatable
    """
    parts: list[TextPart | CallPart] = [TextPart(text) for text in (said.content, said.refusal) if text]
    for place, call in enumerate(said.tool_calls or ()):
        if not call.function.name:
            raise AnswerUntranslatable("The service's answer calls a tool without a name.")
        parts.append(CallPart(call.id or f"call_{own_id}_{place}", call.function.name, call.function.arguments or ""))
    return parts


# -- reading what clients ask ---------------------------------------------------------------------------------------------------------


def refused_field(error: msgspec.ValidationError, prefix: str = "") -> InvalidInput:
    """Name the field; one that is unknown is refused, because dropping it silently would change what was asked."""
    said, _, path = str(error).partition(" - at `$")
    place = prefix + path.rstrip("`").removeprefix("." if not prefix else "")
    if said.startswith("Object contains unknown field `"):
        name = said.rpartition("field `")[2].rstrip("`")
        field = f"{place}.{name}" if place else name
        return InvalidInput(field, "cannot be carried to a service that speaks chat completions; leave it out")
    if said.startswith("Object missing required field `"):
        name = said.rpartition("field `")[2].rstrip("`")
        return InvalidInput(f"{place}.{name}" if place else name, "is required")
    if said.startswith("Invalid value") and place.endswith("type"):
        return InvalidInput(place, f"cannot be carried to a service that speaks chat completions ({said.lower()})")
    return InvalidInput(place or "body", said)


def read_json(decoder: Any, body: bytes) -> Any:
    """raises MalformedJson (400) · InvalidInput (400) naming the field"""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise refused_field(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(f"The body is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise MalformedJson("The body is nested too deeply.") from error


def without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


# -- one call's translation ------------------------------------------------------------------------------------------------------------


class Translation:
    """One call's way there and back. The pipeline asks it; nothing else knows the dialect."""

    name: Literal["anthropic", "responses"]

    def __init__(self, call_id: str) -> None:
        self.own_id = call_id.removeprefix("call_")
        self.streams = False
        # Whether the answer waits until it is whole; decided when its head comes.
        self.holds = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._inner: Meter | None = None

    def read_ask(self, body: bytes) -> bytes:
        """The same request as chat completions; sets `streams`.

        raises   MalformedJson · InvalidInput (400)
        """
        raise NotImplementedError

    def write_answer(self, answer: ChatAnswer, usage: ChatUsage) -> bytes:
        """raises AnswerUntranslatable"""
        raise NotImplementedError

    def error_body(self, status: int, message: str, facts: dict[str, Any]) -> bytes:
        """An error as this dialect tells it; `facts` are said beside what the dialect asks for."""
        raise NotImplementedError

    def error_event(self, status: int, message: str, facts: dict[str, Any]) -> bytes:
        """The same, inside a stream that has begun."""
        raise NotImplementedError

    def stream_writer(self) -> "StreamWriter":
        raise NotImplementedError

    # -- for the pipeline ---------------------------------------------------------------------------------------------------------------

    def refusal_body(self, refusal: Refusal, envelope: bytes) -> bytes:
        return self.error_body(refusal.row.status, refusal.message, _facts(refusal, envelope))

    def refusal_event(self, refusal: Refusal, envelope: bytes) -> bytes:
        return self.error_event(refusal.row.status, refusal.message, _facts(refusal, envelope))

    # -- for the relay ------------------------------------------------------------------------------------------------------------------

    def meter(self, inner: Meter) -> Meter:
        """What the relay feeds: counts as `inner` does and answers in this dialect."""
        self._inner = inner
        return TranslatingMeter(self, inner)

    def head(self, status: int, headers: list[Header]) -> list[Header]:
        """The answer's headers as this dialect sends them; says with `holds` whether the body waits until it is whole."""
        kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
        self.holds = not (status == 200 and self.streams and kind.startswith(b"text/event-stream"))
        sent = b"application/json" if self.holds else b"text/event-stream; charset=utf-8"
        kept = [header for header in headers if header[0].lower() not in {b"content-type", b"content-encoding"}]
        return [*kept, (b"Content-Type", sent)]

    def hold(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > MOST_ANSWER_BYTES:
            self._pieces.clear()
            raise AnswerUntranslatable(f"The service's answer is larger than {MOST_ANSWER_BYTES} bytes.")
        self._pieces.append(chunk)

    def whole(self, status: int) -> bytes:
        """The held answer, translated. An error of the service stays one, with its status.

        raises   AnswerUntranslatable
        """
        body = b"".join(self._pieces)
        self._pieces.clear()
        if status >= 400:
            return self.error_body(status, upstream_message(body), {"origin": "upstream"})
        if self.streams:
            raise AnswerUntranslatable("The service was asked for a stream and answered with something else.")
        answer = read_answer(body)
        if not answer.choices or answer.choices[0].message is None:
            raise AnswerUntranslatable("The service's answer holds no message.")
        return self.write_answer(answer, answer.usage or self.guessed_usage())

    def guessed_usage(self) -> ChatUsage:
        """The dialects promise numbers; when the service gives none, those that are charged are shown."""
        usage = self._inner.usage(complete=True) if self._inner is not None else Usage()
        return ChatUsage(usage.tokens_in, usage.tokens_out)


def _facts(refusal: Refusal, envelope: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = orjson.loads(envelope)["error"]
    facts.pop("message", None)
    return {**facts, "name": refusal.row.name, "origin": "portico"}


def upstream_message(body: bytes) -> str:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[:MOST_MESSAGE].decode(errors="replace") or "The service gave no reason."
    return message_of(told["error"] if isinstance(told, dict) and told.get("error") else told)


# -- streams ----------------------------------------------------------------------------------------------------------------------------


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


class TranslatingMeter:
    """A meter that counts as the dialect of the service does, and hands on the dialect of the client."""

    def __init__(self, translation: Translation, inner: Meter) -> None:
        self._translation, self._inner = translation, inner
        self._lines = EventLines()
        self._writer = translation.stream_writer()
        self._usage: ChatUsage | None = None
        self._ended = False

    def feed(self, chunk: bytes) -> bytes:
        """raises AnswerUntranslatable"""
        self._inner.feed(chunk)
        if self._translation.holds:
            self._translation.hold(chunk)
            return b""
        return self._translated(self._lines.feed(chunk))

    def finish(self) -> bytes:
        """raises AnswerUntranslatable: the stream ended before the answer did"""
        self._inner.finish()
        if self._translation.holds or self._ended:
            return b""
        written = self._translated(self._lines.rest())
        if self._ended:
            return written
        if self._writer.finish_reason is None:
            broke = AnswerUntranslatable("The service's stream ended before its answer was complete.")
            broke.written = written
            raise broke
        return written + b"".join(self._end())

    def usage(self, *, complete: bool) -> Usage:
        return self._inner.usage(complete=complete)

    def _translated(self, payloads: Iterator[bytes]) -> bytes:
        out: list[bytes] = []
        try:
            for payload in payloads:
                if self._ended:
                    break
                out += self._end() if payload.strip() == b"[DONE]" else self._chunk(payload)
        except AnswerUntranslatable as broke:
            broke.written = b"".join(out)
            raise
        return b"".join(out)

    def _chunk(self, payload: bytes) -> list[bytes]:
        chunk = read_answer(payload)
        self._usage = chunk.usage or self._usage
        return self._writer.chunk(chunk)

    def _end(self) -> list[bytes]:
        self._ended = True
        return self._writer.finish(self._usage or self._translation.guessed_usage())


def named_event(name: str, value: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(value))
