"""OpenAI's dialect: chat completions, embeddings, models. Only the fields acted upon are read; the rest travels untouched."""

from typing import Any

import msgspec
import orjson
from msgspec import UNSET

from portico.gateway.call import Usage
from portico.gateway.dialects.openai_fields import Ask, UsageFields, decode_answer, decode_ask, decode_chunk
from portico.gateway.refusals import MalformedJson
from portico.kernel.errors import InvalidInput

CHAT = b"/v1/chat/completions"
EMBEDDINGS = b"/v1/embeddings"
MODELS = b"/v1/models"
MOST_CHOICES = 128
MOST_OUTPUT = 10_000_000


def read_ask(body: bytes) -> Ask:
    """raises MalformedJson (400) · InvalidInput (400) naming the field"""
    try:
        ask = decode_ask(body)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`") if "$." in str(error) else "model"
        raise InvalidInput(field, str(error).split(" - at")[0]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(f"The body is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise MalformedJson("The body is nested too deeply.") from error
    if not ask.model or len(ask.model) > 200:
        raise InvalidInput("model", "must be a model's name")
    if ask.n is not None and not 1 <= ask.n <= MOST_CHOICES:
        raise InvalidInput("n", f"must be between 1 and {MOST_CHOICES}")
    output_max = ask.output_max
    if output_max is not None and not 0 <= output_max <= MOST_OUTPUT:
        raise InvalidInput("max_tokens", f"must be between 0 and {MOST_OUTPUT}")
    return ask


def with_additions(body: bytes, ask: Ask, *, output_bound: int | None) -> bytes:
    """The body with what governing the call needs, spliced in so that nothing else changes.

    output_bound    set when a budget applies and the caller gave no bound: without one, no reservation could be true
    Streams are asked to report their usage, because otherwise it would have to be guessed.
    """
    additions: dict[str, Any] = {}
    # A field given as null stands in the body already, and of two with one name most services follow the last.
    stands_already = False
    if output_bound is not None and ask.output_max is None:
        additions["max_tokens"] = output_bound
        stands_already = ask.max_tokens is None
    if ask.stream and not ask.wants_usage:
        additions["stream_options"] = {"include_usage": True}
        stands_already = stands_already or ask.stream_options is not UNSET
    if not additions:
        return body
    if stands_already:
        return _rewritten(body, additions)
    start = body.index(b"{") + 1
    return body[:start] + orjson.dumps(additions)[1:-1] + b"," + body[start:]


def _rewritten(body: bytes, additions: dict[str, Any]) -> bytes:
    """The rare case that cannot be spliced."""
    try:
        whole = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise MalformedJson(f"The body is not valid JSON: {error}.") from error
    if "stream_options" in additions:
        additions["stream_options"] = {**(whole.get("stream_options") or {}), **additions["stream_options"]}
    return orjson.dumps({**whole, **additions})


MOST_METERED_BYTES = 16 * 1024 * 1024
# What a service may answer instead of JSON that we can read; it is passed on all the same.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def estimate_tokens(size_bytes: int) -> int:
    """About four bytes a token in English; used only when the service reports nothing, and marked as estimated."""
    return (size_bytes + 3) // 4


class AnswerMeter:
    """Of a whole answer: keeps the pieces and reads `usage` at the end."""

    __slots__ = ("_asked_bytes", "_pieces", "_size")

    def __init__(self, asked_bytes: int) -> None:
        self._asked_bytes = asked_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> bytes:
        self._size += len(chunk)
        if self._size <= MOST_METERED_BYTES:
            self._pieces.append(chunk)
        return chunk

    def finish(self) -> bytes:
        return b""

    def usage(self, *, complete: bool) -> Usage:
        if complete and self._size <= MOST_METERED_BYTES:
            try:
                found = decode_answer(self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)).usage
            except UNREADABLE:
                found = None
            if found is not None:
                return _as_usage(found)
        return Usage(estimate_tokens(self._asked_bytes), estimate_tokens(self._size), estimated=True)


class StreamMeter:
    """Of a stream of events: counts them, finds the reported usage, and keeps the usage event from a client that did not ask."""

    __slots__ = ("_asked_bytes", "_carry", "_events", "_found", "_hide")

    def __init__(self, asked_bytes: int, *, hide_usage: bool) -> None:
        self._asked_bytes, self._hide = asked_bytes, hide_usage
        self._carry = b""
        self._events = 0
        self._found: UsageFields | None = None

    def feed(self, chunk: bytes) -> bytes:
        if not self._carry and chunk.endswith(b"\n\n") and not _may_hold_usage(chunk):
            self._events += chunk.count(b"data:")
            return chunk
        return self._feed_slowly(chunk)

    def _feed_slowly(self, chunk: bytes) -> bytes:
        """Look at whole events only. Without hiding, the bytes pass at once and the carry is just a copy."""
        buffer = self._carry + chunk
        end = max(buffer.rfind(b"\n\n") + 2, buffer.rfind(b"\r\n\r\n") + 4)
        if end < 4 and len(buffer) < MOST_CARRIED_BYTES:
            end = 0
        elif end < 4:
            # An event this large is content; holding it back would only stall the stream.
            end = len(buffer)
        self._carry = buffer[end:]
        kept = [event for event in _events(buffer[:end]) if self._keep(event)]
        return b"".join(kept) if self._hide else chunk

    def _keep(self, event: bytes) -> bool:
        self._events += event.count(b"data:")
        if not _may_hold_usage(event):
            return True
        try:
            parsed = decode_chunk(event.partition(b"data:")[2].strip())
        except UNREADABLE:
            return True
        if parsed.usage is None:
            return True
        self._found = parsed.usage
        return bool(parsed.choices) or not self._hide

    def finish(self) -> bytes:
        rest, self._carry = self._carry, b""
        if not self._hide:
            self._keep(rest)
            return b""
        return rest if self._keep(rest) else b""

    def usage(self, *, complete: bool) -> Usage:
        if self._found is not None:
            return _as_usage(self._found)
        # About one token an event; the closing [DONE] carries none.
        written = max(self._events - 1, 0) if complete else self._events
        return Usage(estimate_tokens(self._asked_bytes), written, estimated=True)


MOST_CARRIED_BYTES = 256 * 1024


def _may_hold_usage(chunk: bytes) -> bool:
    return b'"usage":{' in chunk or b'"usage": {' in chunk


def _events(buffer: bytes) -> list[bytes]:
    """Whole events, each with its ending, so that joining them gives the same bytes."""
    separator = b"\r\n\r\n" if b"\r\n\r\n" in buffer else b"\n\n"
    parts = buffer.split(separator)
    events = [part + separator for part in parts[:-1]]
    return [*events, parts[-1]] if parts[-1] else events


def _as_usage(found: UsageFields) -> Usage:
    tokens_in = max(found.prompt_tokens or 0, 0)
    tokens_out = found.completion_tokens
    if tokens_out is None:
        tokens_out = (found.total_tokens or tokens_in) - tokens_in
    return Usage(tokens_in, max(tokens_out, 0))


def error_event(body: bytes) -> bytes:
    """How an error is told inside a stream that has begun."""
    return b"data: " + body + b"\n\n"


def models_list(names: list[tuple[str, str]]) -> bytes:
    """The answer of GET /v1/models: (model, service) pairs that the caller may use."""
    data = [{"id": model, "object": "model", "created": 0, "owned_by": service} for model, service in names]
    return orjson.dumps({"object": "list", "data": data})
