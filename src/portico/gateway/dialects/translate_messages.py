"""What clients ask at Anthropic's `/v1/messages`, as the same request for chat completions."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from portico.gateway.dialects.translate_chat import object_text, read_json, without_nothing
from portico.kernel.errors import InvalidInput

Positive = Annotated[int, Meta(ge=1, le=10_000_000)]
# Said to speed up or to group; an answer does not depend on it.
Hint = dict[str, Any] | None


class Base64Image(Struct, tag_field="type", tag="base64", forbid_unknown_fields=True):
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class LinkedImage(Struct, tag_field="type", tag="url", forbid_unknown_fields=True):
    url: str


class TextBlock(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    text: str
    cache_control: Hint = None
    # What an answer carried may come back in the next question.
    citations: None = None


class ImageBlock(Struct, tag_field="type", tag="image", forbid_unknown_fields=True):
    source: Base64Image | LinkedImage
    cache_control: Hint = None


class ToolUseBlock(Struct, tag_field="type", tag="tool_use", forbid_unknown_fields=True):
    id: str
    name: str
    input: msgspec.Raw
    cache_control: Hint = None
    caller: None = None


class ToolResultBlock(Struct, tag_field="type", tag="tool_result", forbid_unknown_fields=True):
    tool_use_id: str
    content: str | list[TextBlock] = ""
    is_error: bool | None = None
    cache_control: Hint = None


Block = TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock


class Message(Struct, forbid_unknown_fields=True):
    role: Literal["user", "assistant"]
    content: str | list[Block]


class Tool(Struct, forbid_unknown_fields=True):
    name: str
    input_schema: msgspec.Raw
    description: str | None = None
    type: Literal["custom"] | None = None
    strict: bool | None = None
    cache_control: Hint = None
    eager_input_streaming: bool | None = None


class ToolChoice(Struct, forbid_unknown_fields=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct, forbid_unknown_fields=True):
    type: Literal["disabled"]


class OutputFormat(Struct, forbid_unknown_fields=True):
    type: Literal["json_schema"]
    schema: msgspec.Raw


class OutputConfig(Struct, forbid_unknown_fields=True):
    format: OutputFormat | None = None


class MessagesAsk(Struct, forbid_unknown_fields=True):
    model: str
    max_tokens: Positive
    messages: list[Message]
    system: str | list[TextBlock] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    metadata: Hint = None
    cache_control: Hint = None
    service_tier: Literal["auto", "standard_only"] | None = None


_decoder = msgspec.json.Decoder(MessagesAsk)
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}


def read_messages_ask(body: bytes) -> MessagesAsk:
    """raises MalformedJson (400) · InvalidInput (400) naming the field"""
    ask: MessagesAsk = read_json(_decoder, body)
    if not ask.messages:
        raise InvalidInput("messages", "must hold at least one message")
    return ask


def as_chat(ask: MessagesAsk) -> dict[str, Any]:
    """raises InvalidInput (400) for an order of blocks that chat completions cannot express"""
    messages = [] if not ask.system else [{"role": "system", "content": _texts(ask.system)}]
    for place, message in enumerate(ask.messages):
        messages += _from_user(message, place) if message.role == "user" else [_from_assistant(message, place)]
    chat = {
        "model": ask.model,
        "messages": messages,
        "max_tokens": ask.max_tokens,
        "temperature": ask.temperature,
        "top_p": ask.top_p,
        "stop": ask.stop_sequences or None,
        "tools": [_tool(tool, place) for place, tool in enumerate(ask.tools)] if ask.tools else None,
        **_choice(ask.tool_choice),
        **_format(ask.output_config),
    }
    if ask.stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return without_nothing(chat)


def _texts(content: str | list[TextBlock]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    if len(content) == 1:
        return content[0].text
    return [{"type": "text", "text": block.text} for block in content]


def _from_user(message: Message, place: int) -> list[dict[str, Any]]:
    """Results of tools are messages of their own there, and come before what the user adds."""
    if isinstance(message.content, str):
        return [{"role": "user", "content": message.content}]
    results: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for number, block in enumerate(message.content):
        where = f"messages[{place}].content[{number}]"
        match block:
            case ToolResultBlock() if parts:
                raise InvalidInput(where, "results of tools must come before everything else in a message")
            case ToolResultBlock():
                results.append(_result(block))
            case TextBlock():
                parts.append({"type": "text", "text": block.text})
            case ImageBlock():
                parts.append({"type": "image_url", "image_url": {"url": _link(block)}})
            case ToolUseBlock():
                raise InvalidInput(f"{where}.type", "a user does not use tools; this belongs to the assistant")
    if not parts and results:
        return results
    simple = len(parts) == 1 and parts[0]["type"] == "text"
    return [*results, {"role": "user", "content": parts[0]["text"] if simple else parts}]


def _result(block: ToolResultBlock) -> dict[str, Any]:
    content = block.content if isinstance(block.content, str) else "\n".join(each.text for each in block.content)
    # Chat completions have no flag for it, and a model must not take a failure for a result.
    return {
        "role": "tool",
        "tool_call_id": block.tool_use_id,
        "content": f"Error: {content}" if block.is_error else content,
    }


def _link(block: ImageBlock) -> str:
    source = block.source
    if isinstance(source, LinkedImage):
        return source.url
    return f"data:{source.media_type};base64,{source.data}"


def _from_assistant(message: Message, place: int) -> dict[str, Any]:
    if isinstance(message.content, str):
        return {"role": "assistant", "content": message.content}
    texts: list[TextBlock] = []
    calls: list[dict[str, Any]] = []
    for number, block in enumerate(message.content):
        where = f"messages[{place}].content[{number}]"
        match block:
            case TextBlock() if calls:
                raise InvalidInput(where, "text after the use of a tool cannot be carried; put it before")
            case TextBlock():
                texts.append(block)
            case ToolUseBlock():
                function = {"name": block.name, "arguments": object_text(block.input, f"{where}.input")}
                calls.append({"id": block.id, "type": "function", "function": function})
            case _:
                raise InvalidInput(f"{where}.type", "an assistant's message holds only text and tool_use")
    answer: dict[str, Any] = {"role": "assistant", "content": _texts(texts) if texts else None if calls else ""}
    return {**answer, "tool_calls": calls} if calls else answer


def _tool(tool: Tool, place: int) -> dict[str, Any]:
    object_text(tool.input_schema, f"tools[{place}].input_schema")
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input_schema,
        "strict": tool.strict,
    }
    return {"type": "function", "function": without_nothing(function)}


def _choice(choice: ToolChoice | None) -> dict[str, Any]:
    if choice is None:
        return {}
    if choice.type == "tool":
        if not choice.name:
            raise InvalidInput("tool_choice.name", "is required for the type tool")
        chosen: Any = {"type": "function", "function": {"name": choice.name}}
    else:
        chosen = _CHOICES[choice.type]
    return {"tool_choice": chosen, "parallel_tool_calls": False if choice.disable_parallel_tool_use else None}


def _format(config: OutputConfig | None) -> dict[str, Any]:
    if config is None or config.format is None:
        return {}
    schema = {"name": "answer", "schema": config.format.schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}
