"""Anthropic's dialect: `POST /v1/messages`, for services that speak chat completions."""

from typing import Any, Final

import msgspec

from portico.gateway.dialects.translate_call import Translation
from portico.gateway.dialects.translate_chat import (
    UNREADABLE,
    AnswerUntranslatable,
    CallPart,
    ChatAnswer,
    ChatUsage,
    TextPart,
    parts_of,
)
from portico.gateway.dialects.translate_messages import as_chat, read_messages_ask
from portico.gateway.dialects.translate_stream import StreamWriter, named_event

MESSAGES: Final = b"/v1/messages"
_decode_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_ERROR_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class MessagesTranslation(Translation):
    name = "anthropic"

    def __init__(self, call_id: str, correlation_id: str) -> None:
        super().__init__(call_id)
        self._correlation_id = correlation_id
        self._model = ""

    def read_ask(self, body: bytes) -> bytes:
        ask = read_messages_ask(body)
        self.streams, self._model = bool(ask.stream), ask.model
        return msgspec.json.encode(as_chat(ask))

    def write_answer(self, answer: ChatAnswer, usage: ChatUsage) -> bytes:
        choice = answer.choices[0]
        assert choice.message is not None  # noqa: S101
        content = [_block(part) for part in parts_of(choice.message, self.own_id)]
        message = message_head(self.own_id, answer.model or self._model)
        message |= {
            "content": content,
            "stop_reason": stop_reason(choice.finish_reason),
            "usage": usage_fields(usage),
        }
        return msgspec.json.encode(message)

    def error_body(self, status: int, message: str, facts: dict[str, Any]) -> bytes:
        fallback = "invalid_request_error" if status < 500 else "api_error"
        error = {**facts, "type": _ERROR_TYPES.get(status, fallback), "message": message}
        return msgspec.json.encode({"type": "error", "error": error, "request_id": self._correlation_id})

    def error_event(self, status: int, message: str, facts: dict[str, Any]) -> bytes:
        return b"event: error\ndata: " + self.error_body(status, message, facts) + b"\n\n"

    def stream_writer(self) -> StreamWriter:
        return MessagesWriter(self.own_id, self._model)


class MessagesWriter(StreamWriter):
    """message_start, then each block from its start to its stop, message_delta with what it came to, message_stop."""

    def __init__(self, own_id: str, model: str) -> None:
        super().__init__()
        self._own_id, self._model = own_id, model

    @property
    def _index(self) -> int:
        return self.parts - 1

    def begin(self, model: str) -> list[bytes]:
        message = message_head(self._own_id, model or self._model)
        # Chat completions tell the usage last, so the true numbers come with message_delta.
        message["usage"] = {"input_tokens": 0, "output_tokens": 0}
        return [named_event("message_start", {"type": "message_start", "message": message})]

    def open_text(self) -> list[bytes]:
        return [self._start({"type": "text", "text": ""})]

    def add_text(self, text: str) -> list[bytes]:
        return [self._delta({"type": "text_delta", "text": text})]

    def open_call(self, call_id: str | None, name: str) -> list[bytes]:
        given = call_id or f"call_{self._own_id}_{self._index}"
        return [self._start({"type": "tool_use", "id": given, "name": name, "input": {}})]

    def add_arguments(self, text: str) -> list[bytes]:
        return [self._delta({"type": "input_json_delta", "partial_json": text})]

    def close_text(self) -> list[bytes]:
        return [named_event("content_block_stop", {"type": "content_block_stop", "index": self._index})]

    def close_call(self) -> list[bytes]:
        return self.close_text()

    def end(self, usage: ChatUsage) -> list[bytes]:
        delta = {"stop_reason": stop_reason(self.finish_reason), "stop_sequence": None}
        ended = {"type": "message_delta", "delta": delta, "usage": usage_fields(usage)}
        return [named_event("message_delta", ended), named_event("message_stop", {"type": "message_stop"})]

    def _start(self, block: dict[str, Any]) -> bytes:
        event = {"type": "content_block_start", "index": self._index, "content_block": block}
        return named_event("content_block_start", event)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return named_event("content_block_delta", {"type": "content_block_delta", "index": self._index, "delta": delta})


def message_head(own_id: str, model: str) -> dict[str, Any]:
    return {
        "id": f"msg_{own_id}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def stop_reason(finish_reason: str | None) -> str:
    """Which of the stop sequences it was, chat completions do not say; so it is told as the end of the turn."""
    return _STOP_REASONS.get(finish_reason or "stop", "end_turn")


def usage_fields(usage: ChatUsage) -> dict[str, int]:
    """Anthropic counts what came from the prompt cache apart."""
    cached = usage.cached_tokens
    return {
        "input_tokens": usage.prompt_tokens - cached,
        "output_tokens": usage.completion_tokens,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
    }


def _block(part: TextPart | CallPart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    arguments = part.arguments.strip() or "{}"
    try:
        _decode_object(arguments)
    except UNREADABLE as error:
        raise AnswerUntranslatable(f"The arguments for the tool {part.name!r} are not a JSON object.") from error
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": msgspec.Raw(arguments.encode())}
