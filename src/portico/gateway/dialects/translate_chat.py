"""Chat completions as the translated dialects meet them: what services answer, and how a question is refused by its fields."""

from typing import Any, Final

import msgspec

from portico.gateway.refusals import MalformedJson, UpstreamBrokenRefusal
from portico.kernel.errors import InvalidInput

MOST_MESSAGE: Final = 4000
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


# What a field of any JSON is when it is left out or null.
ABSENT: Final = msgspec.Raw(b"null")


def present(raw: msgspec.Raw) -> msgspec.Raw | None:
    return None if bytes(raw) == b"null" else raw


def object_text(raw: msgspec.Raw, field: str) -> str:
    """An object that is carried byte for byte: numbers of any size arrive as they left.

    raises   InvalidInput (400)
    """
    text = bytes(raw).decode()
    if not text.lstrip().startswith("{"):
        raise InvalidInput(field, "must be an object")
    return text


def without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
