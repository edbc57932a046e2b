"""The extractive summariser: from a chat completion's body to the sentences it answers with."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from tiny_http import HttpError

MAX_SENTENCES = 5
TOKEN = re.compile(r"\w+|[^\w\s]")
PIECE = re.compile(r"\s*(?:\w+|[^\w\s])")
SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n")
# Words too common to say what a text is about.
COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a an and are as at be been but by can did do does for from had has have he her his how i if in is it its me my no
        not of on or our she so that the their them then there these they this to was we were what when which who will
        with you your please summarise summarize
        """,
    )
)
NOTHING = "There is no text to summarise."


@dataclass(frozen=True)
class ChatAsk:
    text: str
    prompt_tokens: int
    max_tokens: int | None
    stops: tuple[str, ...]
    stream: bool
    include_usage: bool


@dataclass(frozen=True)
class Summary:
    """The answer as the pieces it is streamed in; joined, they are the text."""

    pieces: tuple[str, ...]
    finish_reason: str
    prompt_tokens: int

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def usage(self) -> dict[str, int]:
        count = len(self.pieces)
        total = self.prompt_tokens + count
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": count, "total_tokens": total}


def summarise(ask: ChatAsk) -> Summary:
    """The best third of the sentences (at most five, in their own order), cut where max_tokens or a stop says so."""
    text = " ".join(best_sentences(ask.text)) or NOTHING
    cuts = [place for stop in ask.stops if (place := text.find(stop)) >= 0]
    pieces = PIECE.findall(text[: min(cuts)].rstrip() if cuts else text)
    limit = len(pieces) if ask.max_tokens is None else ask.max_tokens
    return Summary(tuple(pieces[:limit]), "length" if limit < len(pieces) else "stop", ask.prompt_tokens)


def best_sentences(text: str) -> list[str]:
    sentences = [sentence for sentence in map(str.strip, SENTENCE_END.split(text)) if TOKEN.search(sentence)]
    frequency = Counter(telling_words(text))

    def score(place: int) -> float:
        words = telling_words(sentences[place])
        return sum(frequency[word] for word in words) / len(words) if words else 0.0

    keep = min(MAX_SENTENCES, math.ceil(len(sentences) / 3))
    ranked = sorted(range(len(sentences)), key=lambda place: (-score(place), place))
    return [sentences[place] for place in sorted(ranked[:keep])]


def telling_words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.lower()) if word not in COMMON_WORDS]


def read_chat_ask(body: dict[str, object]) -> ChatAsk:
    refuse_what_it_cannot(body)
    messages = read_messages(body.get("messages"))
    user_texts = [text for role, text in messages if role == "user"]
    if not user_texts:
        raise HttpError(400, "There must be a message of the role user.", param="messages")
    stream = body.get("stream") or False
    options = body.get("stream_options")
    if not isinstance(stream, bool):
        raise HttpError(400, "stream must be true or false.", param="stream")
    if options is not None and (not stream or not isinstance(options, dict)):
        raise HttpError(400, "stream_options goes with stream and must be an object.", param="stream_options")
    return ChatAsk(
        text=user_texts[-1],
        prompt_tokens=sum(len(TOKEN.findall(text)) for _, text in messages),
        max_tokens=read_max_tokens(body),
        stops=read_stops(body.get("stop")),
        stream=stream,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
    )


def refuse_what_it_cannot(body: dict[str, object]) -> None:
    """Parameters that would change the answer's form are refused; those that only tune it are ignored."""
    response_format = body.get("response_format") or {"type": "text"}
    if body.get("n") not in (None, 1):
        raise HttpError(400, "Only n=1 is supported.", param="n", code="unsupported_value")
    if body.get("logprobs"):
        raise HttpError(400, "logprobs are not supported.", param="logprobs", code="unsupported_parameter")
    if not isinstance(response_format, dict) or response_format.get("type") != "text":
        message = "Only the response format text is supported."
        raise HttpError(400, message, param="response_format", code="unsupported_value")
    if body.get("tool_choice") not in (None, "auto", "none"):
        raise HttpError(400, "This model never calls tools.", param="tool_choice", code="unsupported_value")


def read_messages(messages: object) -> list[tuple[str, str]]:
    if not isinstance(messages, list) or not messages:
        raise HttpError(400, "messages must be a list of at least one message.", param="messages")
    return [read_message(index, message) for index, message in enumerate(messages)]


def read_message(index: int, message: object) -> tuple[str, str]:
    where = f"messages[{index}]"
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise HttpError(400, f"{where} must be an object with a role.", param=where)
    content = message.get("content")
    if content is None:
        content = ""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        if len(texts) < len(content) or not all(isinstance(text, str) for text in texts):
            raise HttpError(400, "Only parts of the type text are supported.", param=f"{where}.content")
        content = "\n".join(map(str, texts))
    if not isinstance(content, str):
        raise HttpError(400, f"{where}.content must be text or a list of parts.", param=f"{where}.content")
    return message["role"], content


def read_max_tokens(body: dict[str, object]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        limit = body.get(name)
        if limit is None:
            continue
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise HttpError(400, f"{name} must be a whole number of at least 1.", param=name)
        return limit
    return None


def read_stops(stop: object) -> tuple[str, ...]:
    stops = [stop] if isinstance(stop, str) else [] if stop is None else stop
    if not isinstance(stops, list) or len(stops) > 4 or not all(isinstance(one, str) and one for one in stops):
        raise HttpError(400, "stop must be a text or a list of up to four texts.", param="stop")
    return tuple(stops)
