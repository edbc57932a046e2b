"""The far end of the streamed runs: a raw protocol server that answers at once and does nothing else.

A streamed chat gets `--chunks` events of one token, `--interval-ms` apart, each stream on its own clock; anything else gets
one fixed completion of about 1 KB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import cast

import httptools
import uvloop

# Part of a real answer's shape: what a proxy must read through to find the usage.
_HEAD = {"id": "chatcmpl-bench", "created": 1_760_000_000, "model": "bench", "system_fingerprint": "fp_bench"}
_USAGE = {"prompt_tokens": 61, "completion_tokens": 120, "total_tokens": 181}


def completion_body() -> bytes:
    message = {
        "role": "assistant",
        "content": "All pallets of bay four were counted twice today. " * 14,
        "refusal": None,
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return json.dumps({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()


def stream_events(chunks: int) -> list[bytes]:
    """The events of one stream: `chunks` with content, one that finishes, one with the usage, and [DONE]."""

    def event(choices: list[dict[str, object]], usage: dict[str, int] | None) -> bytes:
        body = {**_HEAD, "object": "chat.completion.chunk", "choices": choices, "usage": usage}
        return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"

    word = {"index": 0, "delta": {"content": " pallet"}, "logprobs": None, "finish_reason": None}
    end = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 61, "completion_tokens": chunks, "total_tokens": 61 + chunks}
    return [event([word], None)] * chunks + [event([end], None) + event([], usage) + b"data: [DONE]\n\n"]


class Answers:
    def __init__(self, chunks: int, interval_s: float) -> None:
        body = completion_body()
        self.interval_s = interval_s
        self.plain = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        frames = [b"%x\r\n%b\r\n" % (len(event), event) for event in stream_events(chunks)]
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self.frames = [head + frames[0], *frames[1:-1], frames[-1] + b"0\r\n\r\n"]


class Upstream(asyncio.Protocol):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        streamed = b'"stream":true' in self._body or b'"stream": true' in self._body
        self._body = b""
        if streamed:
            self._send(0)
        else:
            self._transport.write(self._answers.plain)

    def _send(self, place: int) -> None:
        self._transport.write(self._answers.frames[place])
        if place + 1 < len(self._answers.frames):
            self._timer = self._loop.call_later(self._answers.interval_s, self._send, place + 1)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--chunks", type=int, required=True)
    parser.add_argument("--interval-ms", type=float, required=True)
    arguments = parser.parse_args()
    answers = Answers(arguments.chunks, arguments.interval_ms / 1000)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(answers), "127.0.0.1", arguments.port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
