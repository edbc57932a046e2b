"""What clients ask at OpenAI's `/v1/responses`, as the same request for chat completions."""

from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from portico.gateway.dialects.translate_chat import ABSENT, present, read_json, refused_field, without_nothing
from portico.kernel.errors import InvalidInput

Positive = Annotated[int, Meta(ge=1, le=10_000_000)]
T = TypeVar("T")


class InputText(Struct, tag_field="type", tag="input_text", forbid_unknown_fields=True):
    text: str


class OutputText(Struct, tag_field="type", tag="output_text", forbid_unknown_fields=True):
    """What an answer carried may come back in the next question; notes on it say nothing to a model."""

    text: str
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class RefusalText(Struct, tag_field="type", tag="refusal", forbid_unknown_fields=True):
    refusal: str


class InputImage(Struct, tag_field="type", tag="input_image", forbid_unknown_fields=True):
    image_url: str
    detail: Literal["auto", "low", "high"] | None = None


Content = str | list[InputText | OutputText | RefusalText | InputImage]


class MessageItem(Struct, forbid_unknown_fields=True):
    role: Literal["user", "assistant", "system", "developer"]
    content: Content
    type: str = "message"
    id: str | None = None
    status: str | None = None
    phase: None = None


class CallItem(Struct, forbid_unknown_fields=True):
    type: str
    call_id: str
    name: str
    arguments: str
    id: str | None = None
    status: str | None = None
    caller: None = None
    namespace: None = None


class ResultItem(Struct, forbid_unknown_fields=True):
    type: str
    call_id: str
    output: str | list[InputText]
    id: str | None = None
    status: str | None = None


class Tool(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    name: str
    parameters: msgspec.Raw = ABSENT
    description: str | None = None
    strict: bool | None = None


class NamedTool(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    name: str


class Format(Struct, forbid_unknown_fields=True):
    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: msgspec.Raw = ABSENT
    description: str | None = None
    strict: bool | None = None


class TextConfig(Struct, forbid_unknown_fields=True):
    format: Format | None = None


class Reasoning(Struct, forbid_unknown_fields=True):
    effort: str | None = None


class StreamOptions(Struct, forbid_unknown_fields=True):
    include_obfuscation: bool | None = None


class ResponsesAsk(Struct, forbid_unknown_fields=True):
    model: str
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Positive | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: Reasoning | None = None
    truncation: Literal["disabled"] | None = None
    # There is no state here that an answer could be kept in or continued from.
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    # Hints: an answer does not depend on them.
    include: list[str] | None = None
    metadata: dict[str, str] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    service_tier: Literal["auto", "default"] | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None


_decoder = msgspec.json.Decoder(ResponsesAsk)
_ROLES: Final = {"developer": "system"}
# More of what there is none of in an answer of chat completions: asking for it changes nothing.
HARMLESS_INCLUDES: Final = frozenset({"reasoning.encrypted_content"})


def read_responses_ask(body: bytes) -> ResponsesAsk:
    """raises MalformedJson (400) · InvalidInput (400) naming the field"""
    ask: ResponsesAsk = read_json(_decoder, body)
    _refuse_state(ask)
    for place, wanted in enumerate(ask.include or ()):
        if wanted not in HARMLESS_INCLUDES:
            raise InvalidInput(
                f"include[{place}]", f"{wanted!r} cannot be had from a service that speaks chat completions"
            )
    if not ask.input:
        raise InvalidInput("input", "must hold something to answer")
    return ask


def _refuse_state(ask: ResponsesAsk) -> None:
    if ask.previous_response_id is not None:
        raise InvalidInput("previous_response_id", "answers are not kept here; send the whole conversation as input")
    if ask.conversation is not None:
        raise InvalidInput("conversation", "conversations are not kept here; send the whole conversation as input")
    if ask.store:
        raise InvalidInput("store", "answers are not kept here; send false or leave it out")
    if ask.background:
        raise InvalidInput("background", "answers are given while the client waits; send false or leave it out")


def as_chat(ask: ResponsesAsk) -> dict[str, Any]:
    """raises InvalidInput (400) for an item that chat completions cannot express"""
    chat = {
        "model": ask.model,
        "messages": _messages(ask),
        "max_tokens": ask.max_output_tokens,
        "temperature": ask.temperature,
        "top_p": ask.top_p,
        "tools": [_tool(tool) for tool in ask.tools] if ask.tools else None,
        "tool_choice": _choice(ask.tool_choice),
        # Said without tools, some services refuse it.
        "parallel_tool_calls": ask.parallel_tool_calls if ask.tools else None,
        "reasoning_effort": None if ask.reasoning is None else ask.reasoning.effort,
        "response_format": _format(ask.text),
    }
    if ask.stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return without_nothing(chat)


def _messages(ask: ResponsesAsk) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if ask.instructions:
        messages.append({"role": "system", "content": ask.instructions})
    if isinstance(ask.input, str):
        return [*messages, {"role": "user", "content": ask.input}]
    for place, item in enumerate(ask.input):
        kind = item.get("type", "message")
        match kind:
            case "message":
                messages.append(_message(_item(item, MessageItem, place), f"input[{place}]"))
            case "function_call":
                _add_call(messages, _item(item, CallItem, place))
            case "function_call_output":
                messages.append(_result(_item(item, ResultItem, place)))
            case _:
                raise InvalidInput(
                    f"input[{place}].type", f"{kind!r} cannot be carried to a service that speaks chat completions"
                )
    return messages


def _item(item: dict[str, Any], kind: type[T], place: int) -> T:
    try:
        return msgspec.convert(item, kind)
    except msgspec.ValidationError as error:
        raise refused_field(error, f"input[{place}]") from error


def _message(item: MessageItem, where: str) -> dict[str, Any]:
    role = _ROLES.get(item.role, item.role)
    if isinstance(item.content, str):
        return {"role": role, "content": item.content}
    parts: list[dict[str, Any]] = []
    for number, part in enumerate(item.content):
        match part:
            case InputImage() if role != "user":
                raise InvalidInput(f"{where}.content[{number}].type", "only a user's message may hold an image")
            case InputImage():
                image = without_nothing({"url": part.image_url, "detail": part.detail})
                parts.append({"type": "image_url", "image_url": image})
            case RefusalText():
                parts.append({"type": "text", "text": part.refusal})
            case _:
                parts.append({"type": "text", "text": part.text})
    simple = len(parts) == 1 and parts[0]["type"] == "text"
    return {"role": role, "content": parts[0]["text"] if simple else parts}


def _add_call(messages: list[dict[str, Any]], item: CallItem) -> None:
    """Calls belong to the message of the assistant that they follow."""
    call = {"id": item.call_id, "type": "function", "function": {"name": item.name, "arguments": item.arguments}}
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1].setdefault("tool_calls", []).append(call)


def _result(item: ResultItem) -> dict[str, Any]:
    output = item.output if isinstance(item.output, str) else "\n".join(part.text for part in item.output)
    return {"role": "tool", "tool_call_id": item.call_id, "content": output}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": present(tool.parameters),
        "strict": tool.strict,
    }
    return {"type": "function", "function": without_nothing(function)}


def _choice(choice: str | NamedTool | None) -> Any:
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def _format(text: TextConfig | None) -> dict[str, Any] | None:
    if text is None or text.format is None or text.format.type == "text":
        return None
    wanted = text.format
    if wanted.type == "json_object":
        return {"type": "json_object"}
    schema = present(wanted.schema)
    if schema is None or not wanted.name:
        raise InvalidInput("text.format", "of the type json_schema needs a name and a schema")
    told = {"name": wanted.name, "schema": schema, "description": wanted.description, "strict": wanted.strict}
    return {"type": "json_schema", "json_schema": without_nothing(told)}
