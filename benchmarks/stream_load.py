"""The load of the streamed runs: many streams at once over raw protocols, each checked to its end. Prints one JSON object.

Reads {url, headers, body, streams, chunks, seconds, stagger_s, grace_s} as JSON from standard input.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from dataclasses import dataclass, field
from typing import TypedDict, cast
from urllib.parse import urlsplit

import httptools
import uvloop


class Plan(TypedDict):
    url: str
    headers: dict[str, str]
    body: str
    streams: int
    chunks: int
    seconds: float
    stagger_s: float
    grace_s: float


@dataclass
class Tally:
    stop_at: float
    chunks: int
    complete: int = 0
    failed: int = 0
    events: int = 0
    first_ms: list[float] = field(default_factory=list)


class Streams(asyncio.Protocol):
    """One connection, one stream after the other on it until the time is up."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request, self._tally = request, tally
        self._asked_at = 0.0
        self._events = 0
        self._tail = b""
        self._waiting_for_first = self._running = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        self._ask()

    def _ask(self) -> None:
        self._events, self._tail, self._waiting_for_first, self._running = 0, b"", True, True
        self._asked_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_body(self, piece: bytes) -> None:
        if self._waiting_for_first:
            self._waiting_for_first = False
            self._tally.first_ms.append((time.perf_counter() - self._asked_at) * 1000)
        # Events end with an empty line, and a read may end between its two line feeds.
        self._events += (self._tail[-1:] + piece).count(b"\n\n")
        self._tail = (self._tail + piece)[-16:]

    def on_message_complete(self) -> None:
        tally, self._running = self._tally, False
        tally.events += self._events
        whole = self._parser.get_status_code() == 200 and self._tail.endswith(b"data: [DONE]\n\n")
        if whole and self._events >= tally.chunks:
            tally.complete += 1
        else:
            tally.failed += 1
        if not self._parser.should_keep_alive() or time.perf_counter() >= tally.stop_at:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._running:
            self._tally.failed += 1
        if not self.done.done():
            self.done.set_result(None)


async def run_one(plan: Plan, request: bytes, tally: Tally, start_after_s: float) -> None:
    await asyncio.sleep(start_after_s)
    target = urlsplit(plan["url"])
    loop = asyncio.get_running_loop()
    for _ in range(100_000):
        _, protocol = await loop.create_connection(
            lambda: Streams(request, tally), target.hostname or "127.0.0.1", target.port or 80
        )
        await protocol.done
        if time.perf_counter() >= tally.stop_at:
            return


async def run_all(plan: Plan) -> dict[str, float]:
    target = urlsplit(plan["url"])
    head = [f"POST {target.path} HTTP/1.1", f"host: {target.netloc}", f"content-length: {len(plan['body'].encode())}"]
    head += [f"{name}: {value}" for name, value in plan["headers"].items()]
    request = ("\r\n".join(head) + "\r\n\r\n" + plan["body"]).encode()
    begun = time.perf_counter()
    tally = Tally(stop_at=begun + plan["seconds"], chunks=plan["chunks"])
    gap_s = plan["stagger_s"] / plan["streams"]
    runs = [asyncio.ensure_future(run_one(plan, request, tally, place * gap_s)) for place in range(plan["streams"])]
    _, late = await asyncio.wait(runs, timeout=plan["seconds"] + plan["grace_s"])
    for run in late:
        run.cancel()
    failures = sum(1 for run in runs if run.done() and not run.cancelled() and run.exception() is not None)
    return {
        "seconds": time.perf_counter() - begun,
        "streams": tally.complete,
        "failed": tally.failed + len(late) + failures,
        "events": tally.events,
        "first_p50_ms": percentile(tally.first_ms, 0.50),
        "first_p99_ms": percentile(tally.first_ms, 0.99),
    }


def percentile(numbers: list[float], share: float) -> float:
    return sorted(numbers)[math.ceil(share * len(numbers)) - 1] if numbers else math.nan


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run_all(json.load(sys.stdin)))))
