"""Questions that only control can answer, sent over the link; the call that asks waits without holding up any other."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from portico.domains.routing.model import AskControl

MOST_WAITING = 1000
WAIT_S = 5.0
Then = Callable[[bytes | None], None]


class ControlAsks:
    def __init__(self) -> None:
        self._number = 0
        self._waiting: dict[int, tuple[float, Then]] = {}
        self._out: deque[AskControl] = deque()
        self._more = asyncio.Event()

    def ask(self, topic: str, body: bytes, then: Then) -> None:
        """`then` is called with the answer, or with None when there is none in time; never from within this call."""
        if len(self._waiting) >= MOST_WAITING:
            asyncio.get_running_loop().call_soon(then, None)
            return
        self._number += 1
        self._waiting[self._number] = (time.monotonic() + WAIT_S, then)
        self._out.append(AskControl(self._number, topic, body))
        self._more.set()

    async def next_ask(self) -> AskControl:
        """Those that nobody waits for any more are left out."""
        while True:
            while self._out:
                ask = self._out.popleft()
                if ask.number in self._waiting:
                    return ask
            self._more.clear()
            await self._more.wait()

    def told(self, number: int, body: bytes | None) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting[1](body)

    def sweep(self, now: float) -> None:
        for number in [each for each, (until, _) in self._waiting.items() if until <= now]:
            self.told(number, None)
