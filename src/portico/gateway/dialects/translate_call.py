"""How the translation of one call sits between the pipeline and the relay.

A client speaks another dialect; the service speaks chat completions. The request is translated before it is governed, so that
limits, budgets and the record see what the service will see. The answer is translated on its way back: a whole one is held until
it is complete, a stream goes on event by event.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal

import orjson

from portico.gateway.call import Meter, Usage
from portico.gateway.dialects.translate_chat import (
    MOST_MESSAGE,
    AnswerUntranslatable,
    ChatAnswer,
    ChatUsage,
    message_of,
    read_answer,
)
from portico.gateway.dialects.translate_stream import EventLines, StreamWriter
from portico.gateway.wire.head import Header
from portico.kernel.errors import Refusal

CHAT_PATH: Final = b"/chat/completions"
MOST_ANSWER_BYTES: Final = 16 * 1024 * 1024


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

    def said_status(self, status: int) -> int:
        """What the client is told where the service's own status says it in the service's way; asked once the answer is whole."""
        return status

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
