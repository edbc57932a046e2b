"""OpenAI's newer dialect: `POST /v1/responses`, for services that speak chat completions. Nothing is kept between calls."""

import time
from typing import Any, Final

import msgspec

from portico.gateway.dialects.translate_call import MOST_ANSWER_BYTES, Translation
from portico.gateway.dialects.translate_chat import (
    AnswerUntranslatable,
    CallPart,
    ChatAnswer,
    ChatUsage,
    TextPart,
    parts_of,
)
from portico.gateway.dialects.translate_responses import Format, ResponsesAsk, Tool, as_chat, read_responses_ask
from portico.gateway.dialects.translate_stream import StreamWriter, named_event

RESPONSES: Final = b"/v1/responses"
_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ERROR_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class ResponsesTranslation(Translation):
    name = "responses"

    def __init__(self, call_id: str) -> None:
        super().__init__(call_id)
        self._frame: dict[str, Any] = {}
        self._writer: ResponsesWriter | None = None

    def read_ask(self, body: bytes) -> bytes:
        ask = read_responses_ask(body)
        chat = msgspec.json.encode(as_chat(ask))
        self.streams, self._frame = bool(ask.stream), response_frame(self.own_id, ask)
        return chat

    def write_answer(self, answer: ChatAnswer, usage: ChatUsage) -> bytes:
        choice = answer.choices[0]
        assert choice.message is not None  # noqa: S101
        parts = parts_of(choice.message, self.own_id)
        items = [
            _item(self.own_id, place, part, _status(choice.finish_reason if place == len(parts) - 1 else None))
            for place, part in enumerate(parts)
        ]
        frame = {**self._frame, "model": answer.model or self._frame["model"]}
        return msgspec.json.encode(ended(frame, items, choice.finish_reason, usage))

    def error_body(self, status: int, message: str, facts: dict[str, Any]) -> bytes:
        fallback = "invalid_request_error" if status < 500 else "server_error"
        fields = facts.get("fields") or [{}]
        error = {"code": None, **facts, "type": _ERROR_TYPES.get(status, fallback), "message": message}
        return msgspec.json.encode({"error": {**error, "param": fields[0].get("field")}})

    def error_event(self, status: int, message: str, facts: dict[str, Any]) -> bytes:
        number = 0 if self._writer is None else self._writer.sequence_number
        event = {"code": None, **facts, "type": "error", "message": message, "param": None, "sequence_number": number}
        return named_event("error", event)

    def stream_writer(self) -> StreamWriter:
        self._writer = ResponsesWriter(self.own_id, self._frame)
        return self._writer


class ResponsesWriter(StreamWriter):
    """created, in_progress, each item from added to done with its text in between, then completed or incomplete.

    The events that end an item repeat it whole, so what was written is kept, up to a bound.
    """

    def __init__(self, own_id: str, frame: dict[str, Any]) -> None:
        super().__init__()
        self._own_id, self._frame = own_id, frame
        self.sequence_number = 0
        self._items: list[dict[str, Any]] = []
        self._written: list[str] = []
        self._size = 0
        self._call = CallPart("", "", "")

    def begin(self, model: str) -> list[bytes]:
        self._frame = {**self._frame, "model": model or self._frame["model"]}
        begun = {**self._frame, "status": "in_progress"}
        return [
            self._event("response.created", {"response": begun}),
            self._event("response.in_progress", {"response": begun}),
        ]

    def open_text(self) -> list[bytes]:
        item = {**self._item(TextPart(""), "in_progress"), "content": []}
        place = {**self._place("msg"), "content_index": 0}
        return [
            self._added(item),
            self._event("response.content_part.added", {**place, "part": _output_text("")}),
        ]

    def add_text(self, text: str) -> list[bytes]:
        self._keep(text)
        said = {**self._place("msg"), "content_index": 0, "delta": text, "logprobs": []}
        return [self._event("response.output_text.delta", said)]

    def open_call(self, call_id: str | None, name: str) -> list[bytes]:
        given = call_id or f"call_{self._own_id}_{self.parts - 1}"
        self._call = CallPart(given, name, "")
        return [self._added(self._item(self._call, "in_progress"))]

    def add_arguments(self, text: str) -> list[bytes]:
        self._keep(text)
        return [self._event("response.function_call_arguments.delta", {**self._place("fc"), "delta": text})]

    def close_text(self) -> list[bytes]:
        text, place = self._taken(), {**self._place("msg"), "content_index": 0}
        return [
            self._event("response.output_text.done", {**place, "text": text, "logprobs": []}),
            self._event("response.content_part.done", {**place, "part": _output_text(text)}),
            self._done(TextPart(text)),
        ]

    def close_call(self) -> list[bytes]:
        call = msgspec.structs.replace(self._call, arguments=self._taken())
        told = {**self._place("fc"), "name": call.name, "arguments": call.arguments}
        return [self._event("response.function_call_arguments.done", told), self._done(call)]

    def end(self, usage: ChatUsage) -> list[bytes]:
        response = ended(self._frame, self._items, self.finish_reason, usage)
        return [self._event(f"response.{response['status']}", {"response": response})]

    def _place(self, kind: str) -> dict[str, Any]:
        index = self.parts - 1
        return {"item_id": f"{kind}_{self._own_id}_{index}", "output_index": index}

    def _added(self, item: dict[str, Any]) -> bytes:
        return self._event("response.output_item.added", {"output_index": self.parts - 1, "item": item})

    def _done(self, part: TextPart | CallPart) -> bytes:
        # How the answer ended is known only when its last item is closed; those before were written to their ends.
        item = self._item(part, _status(self.finish_reason))
        self._items.append(item)
        return self._event("response.output_item.done", {"output_index": self.parts - 1, "item": item})

    def _item(self, part: TextPart | CallPart, status: str) -> dict[str, Any]:
        return _item(self._own_id, self.parts - 1, part, status)

    def _keep(self, text: str) -> None:
        self._size += len(text)
        if self._size > MOST_ANSWER_BYTES:
            raise AnswerUntranslatable(f"The service's answer is larger than {MOST_ANSWER_BYTES} bytes.")
        self._written.append(text)

    def _taken(self) -> str:
        text, self._written = "".join(self._written), []
        return text

    def _event(self, kind: str, fields: dict[str, Any]) -> bytes:
        event = named_event(kind, {"type": kind, "sequence_number": self.sequence_number, **fields})
        self.sequence_number += 1
        return event


def response_frame(own_id: str, ask: ResponsesAsk) -> dict[str, Any]:
    """What an answer says of its question."""
    tools = [_tool(tool) for tool in ask.tools or ()]
    choice = ask.tool_choice
    wanted = None if ask.text is None else ask.text.format
    return {
        "id": f"resp_{own_id}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": ask.instructions,
        "max_output_tokens": ask.max_output_tokens,
        "metadata": ask.metadata or {},
        "model": ask.model,
        "output": [],
        "parallel_tool_calls": True if ask.parallel_tool_calls is None else ask.parallel_tool_calls,
        "previous_response_id": None,
        "reasoning": {"effort": None if ask.reasoning is None else ask.reasoning.effort, "summary": None},
        "store": False,
        "temperature": ask.temperature,
        "text": {"format": {"type": "text"} if wanted is None else _format(wanted)},
        "tool_choice": "auto" if choice is None else choice if isinstance(choice, str) else msgspec.to_builtins(choice),
        "tools": tools,
        "top_p": ask.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": ask.user,
    }


def _tool(tool: Tool) -> dict[str, Any]:
    # Copies, or the whole question would be held as long as its answer lasts.
    told = {"type": "function", "name": tool.name, "description": tool.description, "strict": tool.strict}
    return {**told, "parameters": tool.parameters.copy()}


def _format(wanted: Format) -> dict[str, Any]:
    if wanted.type != "json_schema":
        return {"type": wanted.type}
    told = {"name": wanted.name, "description": wanted.description, "strict": wanted.strict}
    return {"type": wanted.type, **told, "schema": wanted.schema.copy()}


def ended(
    frame: dict[str, Any], items: list[dict[str, Any]], finish_reason: str | None, usage: ChatUsage
) -> dict[str, Any]:
    reason = _INCOMPLETE.get(finish_reason or "")
    return {
        **frame,
        "status": _status(finish_reason),
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": items,
        "usage": {
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": usage.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        },
    }


def _status(finish_reason: str | None) -> str:
    return "incomplete" if finish_reason in _INCOMPLETE else "completed"


def _item(own_id: str, place: int, part: TextPart | CallPart, status: str) -> dict[str, Any]:
    if isinstance(part, TextPart):
        text = {"id": f"msg_{own_id}_{place}", "type": "message", "status": status, "role": "assistant"}
        return {**text, "content": [_output_text(part.text)]}
    return {
        "id": f"fc_{own_id}_{place}",
        "type": "function_call",
        "status": status,
        "call_id": part.id,
        "name": part.name,
        "arguments": part.arguments,
    }


def _output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
