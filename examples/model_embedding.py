"""The hashing embedder: every token adds or takes one at a place its hash names, and the sum is brought to length one."""

from __future__ import annotations

import base64
import hashlib
import math
from array import array
from dataclasses import dataclass

from model_summary import TOKEN
from tiny_http import HttpError

DEFAULT_DIMENSIONS, MAX_DIMENSIONS = 256, 4096
MAX_INPUTS = 2048
MAX_NUMBERS = 2_000_000


@dataclass(frozen=True)
class EmbeddingAsk:
    inputs: list[list[str]]
    dimensions: int
    as_base64: bool

    def encode(self, vector: list[float]) -> list[float] | str:
        """A list of numbers, or their little-endian float32 bytes in base64."""
        if not self.as_base64:
            return vector
        numbers = array("f", vector)
        return base64.b64encode(numbers.tobytes()).decode()


def embed(tokens: list[str], dimensions: int) -> list[float]:
    vector = [0.0] * dimensions
    for token in tokens:
        digest = hashlib.blake2b(token.lower().encode(errors="surrogatepass"), digest_size=8).digest()
        place = int.from_bytes(digest[:7], "little") % dimensions
        vector[place] += 1.0 if digest[7] & 1 else -1.0
    length = math.sqrt(sum(number * number for number in vector))
    if length == 0:
        # Opposite tokens met in one place and left nothing; a fixed direction keeps the promise of length one.
        vector[0] = length = 1.0
    return [number / length for number in vector]


def read_embedding_ask(body: dict[str, object]) -> EmbeddingAsk:
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise HttpError(400, "encoding_format must be float or base64.", param="encoding_format")
    dimensions = body.get("dimensions")
    if dimensions is None:
        dimensions = DEFAULT_DIMENSIONS
    if not isinstance(dimensions, int) or isinstance(dimensions, bool) or not 1 <= dimensions <= MAX_DIMENSIONS:
        raise HttpError(400, f"dimensions must be a whole number from 1 to {MAX_DIMENSIONS}.", param="dimensions")
    inputs = read_inputs(body.get("input"))
    if len(inputs) * dimensions > MAX_NUMBERS:
        raise HttpError(400, f"inputs times dimensions must not pass {MAX_NUMBERS}.", param="input")
    return EmbeddingAsk(inputs, dimensions, encoding == "base64")


def read_inputs(given: object) -> list[list[str]]:
    """A text, a list of texts, a list of token numbers, or a list of such lists, as OpenAI takes them."""
    if isinstance(given, str) or (isinstance(given, list) and given and all(is_number(one) for one in given)):
        given = [given]
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_INPUTS:
        raise HttpError(400, f"input must be a text or a list of 1 to {MAX_INPUTS} texts.", param="input")
    return [read_input(one) for one in given]


def read_input(given: object) -> list[str]:
    tokens: list[str] = []
    if isinstance(given, str):
        tokens = TOKEN.findall(given)
    elif isinstance(given, list) and all(is_number(one) for one in given):
        tokens = [f"#{number}" for number in given]
    if not tokens:
        raise HttpError(
            400, "Each input must be a text, or a list of token numbers, with something in it.", param="input"
        )
    return tokens


def is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
