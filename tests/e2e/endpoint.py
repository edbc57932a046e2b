"""An endpoint of webhooks on this machine, in a thread of its own: the browser tests are synchronous."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.webhooks.receivers import Receiver, Reply, Request, receiver

Answer = Callable[[Request], Reply]


@contextmanager
def endpoint(answer: Answer | None = None) -> Iterator[Receiver]:
    began = threading.Event()
    made: list[Receiver] = []
    ends: list[Callable[[], object]] = []

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        async with receiver(answer) as opened:
            made.append(opened)
            ends.append(lambda: loop.call_soon_threadsafe(over.set))
            began.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert began.wait(10), "the endpoint did not start"
    try:
        yield made[0]
    finally:
        ends[0]()
        thread.join(10)
