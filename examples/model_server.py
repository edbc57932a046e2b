"""An OpenAI-compatible model server without any weights: the sample `model` service.

extractive-summariser   answers a chat with the sentences of the last user message whose words are most frequent in it
hashing-embedder        embeds text by hashing its words into a vector of length one

Both are deterministic and small, and both do what their names say and nothing more. A token here is a run of letters
and digits or one punctuation mark; usage is counted in these.

python examples/model_server.py --port 18081
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import os
import time
import uuid
from collections.abc import AsyncIterator

from model_embedding import embed, read_embedding_ask
from model_summary import ChatAsk, Summary, read_chat_ask, summarise
from tiny_http import HttpError, Reply, Request, json_reply, serve

NAME = "model-server"
CHAT_MODEL, EMBEDDING_MODEL = "extractive-summariser", "hashing-embedder"
OWNER = "portico-examples"
MAX_BODY_BYTES = 4 * 1024 * 1024


class ModelServer:
    def __init__(self, *, api_key: str | None, delay_ms: int) -> None:
        self._api_key = api_key
        self._delay_s = delay_ms / 1000
        self._started_at = int(time.time())

    async def handle(self, request: Request) -> Reply:
        if request.path == "/health" and request.method in ("GET", "HEAD"):
            return json_reply({"status": "healthy"})
        self._check_key(request)
        match ("GET" if request.method == "HEAD" else request.method), request.path:
            case "GET", "/v1/models":
                models = [self._describe(name) for name in (CHAT_MODEL, EMBEDDING_MODEL)]
                return json_reply({"object": "list", "data": models})
            case "GET", path if path.startswith("/v1/models/"):
                return json_reply(self._describe(known(path.removeprefix("/v1/models/"))))
            case "POST", "/v1/chat/completions":
                return await self._complete(request)
            case "POST", "/v1/embeddings":
                return await self._embed(request)
            case _, "/health" | "/v1/models" | "/v1/chat/completions" | "/v1/embeddings":
                raise HttpError(405, f"{request.method} is not allowed at {request.path}.")
        raise HttpError(404, f"Unknown request URL: {request.method} {request.path}.", code="unknown_url")

    def _check_key(self, request: Request) -> None:
        if self._api_key is None:
            return
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(key.strip().encode(), self._api_key.encode()):
            raise HttpError(401, "Incorrect API key provided.", code="invalid_api_key")

    def _describe(self, name: str) -> dict[str, object]:
        return {"id": name, "object": "model", "created": self._started_at, "owned_by": OWNER}

    async def _complete(self, request: Request) -> Reply:
        body = await request.read_json(max_bytes=MAX_BODY_BYTES)
        must_be(body, CHAT_MODEL)
        ask = read_chat_ask(body)
        summary = summarise(ask)
        if ask.stream:
            headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
            return Reply(200, self._stream(ask, summary), headers)
        message = {"role": "assistant", "content": summary.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": summary.finish_reason}
        return json_reply({**chat_head("chat.completion"), "choices": [choice], "usage": summary.usage()})

    async def _stream(self, ask: ChatAsk, summary: Summary) -> AsyncIterator[bytes]:
        head = chat_head("chat.completion.chunk")
        no_usage: dict[str, object] = {"usage": None} if ask.include_usage else {}

        def frame(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
            return sse({**head, "choices": [choice], **no_usage})

        yield frame({"role": "assistant", "content": ""})
        for piece in summary.pieces:
            await asyncio.sleep(self._delay_s)
            yield frame({"content": piece})
        yield frame({}, summary.finish_reason)
        if ask.include_usage:
            yield sse({**head, "choices": [], "usage": summary.usage()})
        yield b"data: [DONE]\n\n"

    async def _embed(self, request: Request) -> Reply:
        body = await request.read_json(max_bytes=MAX_BODY_BYTES)
        must_be(body, EMBEDDING_MODEL)
        ask = read_embedding_ask(body)
        vectors = [
            {"object": "embedding", "index": index, "embedding": ask.encode(embed(tokens, ask.dimensions))}
            for index, tokens in enumerate(ask.inputs)
        ]
        count = sum(map(len, ask.inputs))
        usage = {"prompt_tokens": count, "total_tokens": count}
        return json_reply({"object": "list", "data": vectors, "model": EMBEDDING_MODEL, "usage": usage})


def known(name: str) -> str:
    if name not in (CHAT_MODEL, EMBEDDING_MODEL):
        raise HttpError(404, f"The model `{name}` does not exist.", param="model", code="model_not_found")
    return name


def must_be(body: dict[str, object], model: str) -> None:
    name = body.get("model")
    if not isinstance(name, str):
        raise HttpError(400, "You must provide a model parameter.", param="model")
    if known(name) != model:
        raise HttpError(400, f"{name} cannot answer here; {model} can.", param="model", code="unsupported_model")


def chat_head(kind: str) -> dict[str, object]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": CHAT_MODEL,
        "system_fingerprint": None,
    }


def sse(value: dict[str, object]) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace") + b"\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="OpenAI-compatible server of two small deterministic models.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18081, help="0 takes a free one")
    # The variable is the better way: a command line can be read by everyone on the machine.
    parser.add_argument(
        "--api-key",
        default=os.environ.get("MODEL_SERVER_API_KEY") or None,
        help="ask for this bearer key on every call but /health (default: the variable MODEL_SERVER_API_KEY)",
    )
    parser.add_argument("--delay-ms", type=int, default=0, help="wait before each streamed token")
    arguments = parser.parse_args()
    if not 0 <= arguments.delay_ms <= 60_000:
        parser.error("--delay-ms must be from 0 to 60000")
    server = ModelServer(api_key=arguments.api_key, delay_ms=arguments.delay_ms)
    asyncio.run(serve(server.handle, host=arguments.host, port=arguments.port, name=NAME))


if __name__ == "__main__":
    main()
