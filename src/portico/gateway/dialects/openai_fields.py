"""What is read of OpenAI's requests and answers; unknown fields are ignored here and travel untouched."""

import msgspec
from msgspec import UNSET, UnsetType


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Ask(msgspec.Struct):
    """What we read of a request. Unknown fields are ignored here and stay in the body."""

    model: str
    stream: bool | None = None
    n: int | None = None
    max_tokens: int | UnsetType | None = UNSET
    max_completion_tokens: int | None = None
    stream_options: StreamOptions | UnsetType | None = UNSET

    @property
    def output_max(self) -> int | None:
        """The caller's own bound. When both are given, the service may follow either, so the larger one counts."""
        first, second = self.max_tokens, self.max_completion_tokens
        if first is None or first is UNSET:
            return second
        return first if second is None else max(first, second)

    @property
    def wants_usage(self) -> bool:
        options = self.stream_options
        return options is not None and options is not UNSET and options.include_usage is True


decode_ask = msgspec.json.Decoder(Ask).decode


class UsageFields(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class AnswerFields(msgspec.Struct):
    usage: UsageFields | None = None


class ChunkFields(msgspec.Struct):
    usage: UsageFields | None = None
    choices: list[msgspec.Raw] = []


decode_answer = msgspec.json.Decoder(AnswerFields).decode
decode_chunk = msgspec.json.Decoder(ChunkFields).decode
