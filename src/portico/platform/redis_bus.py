"""Nudges over Redis pub/sub, so that every process looks again when one has written.

Redis holds nothing here: a nudge that is lost costs the time until the next timer, and after every break of the connection
all listeners are nudged, because whatever happened meanwhile was not heard.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from portico.platform.bus import LocalBus
from portico.platform.redis_link import CONNECT_S, FAILURES, open_redis

log = structlog.get_logger("portico.bus")
HEARTBEAT_S = 5.0
# A connection that has not even carried our own heartbeats for so long is dead, whatever the socket says.
SILENCE_S = 15.0
FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 5.0
# Topics are few and named in the code; the bound is for the day that somebody makes them from data.
MOST_TOPICS = 1024
_HEARTBEAT = ""


class RedisBus:
    """The local bus, with a pair of tasks (`run`) that tell the other processes and hear from them."""

    def __init__(self, publisher: Redis, subscriber: Redis, channel: str, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._publisher, self._subscriber, self._channel = publisher, subscriber, channel
        self._local, self._me = LocalBus(), os.urandom(8).hex()
        self._untold: set[str] = set()
        self._to_tell = asyncio.Event()
        self._heartbeat_s, self._silence_s = heartbeat_s, heartbeat_s * SILENCE_S / HEARTBEAT_S
        # Set while the others can be heard.
        self.hearing = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self.hearing.is_set()

    def nudge(self, topic: str) -> None:
        self._local.nudge(topic)
        if len(self._untold) < MOST_TOPICS:
            self._untold.add(topic)
        self._to_tell.set()

    def listen(self, *topics: str) -> asyncio.Event:
        return self._local.listen(*topics)

    def forget(self, event: asyncio.Event) -> None:
        self._local.forget(event)

    async def run(self) -> None:
        """Until cancelled; losing Redis only ever pauses it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell(), name="bus tell")
            tasks.create_task(self._hear(), name="bus hear")

    # -- telling ------------------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        failures = 0
        while _wanted():
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    await self._to_tell.wait()
            except TimeoutError:
                self._untold.add(_HEARTBEAT)
            self._to_tell.clear()
            telling, self._untold = self._untold, set()
            try:
                for topic in telling:
                    await self._publisher.publish(self._channel, f"{self._me} {topic}")
                failures = 0
            except FAILURES as error:
                # Told later rather than never: the others' connections may be well while ours is not.
                self._untold |= telling - {_HEARTBEAT}
                self._to_tell.set()
                failures += 1
                _warn("nudges are not told", error, failures)
                await asyncio.sleep(backoff_s(failures))

    # -- hearing ------------------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        failures = 0
        while _wanted():
            try:
                async with self._subscriber.pubsub() as subscription:
                    async with asyncio.timeout(CONNECT_S):
                        await subscription.subscribe(self._channel)
                    await self._follow(subscription)
            except FAILURES as error:
                failures = 1 if self.hearing.is_set() else failures + 1
                self.hearing.clear()
                _warn("nudges are not heard", error, failures)
            await asyncio.sleep(backoff_s(failures))

    async def _follow(self, subscription: PubSub) -> None:
        """Until the connection fails or goes silent."""
        while _wanted():
            message = await subscription.get_message(timeout=self._silence_s)
            if message is None:
                raise TimeoutError(f"heard nothing for {self._silence_s:g} s, not even ourselves")
            if message["type"] == "subscribe":
                self.hearing.set()
                log.info("hearing nudges from the other processes")
                self._local.nudge_all()
            elif message["type"] == "message":
                self._pass_on(message["data"])

    def _pass_on(self, data: bytes) -> None:
        sender, _, topic = data.decode(errors="replace").partition(" ")
        if sender != self._me and topic != _HEARTBEAT:
            self._local.nudge(topic)


@asynccontextmanager
async def running_bus(url: str, environment: str, *, heartbeat_s: float = HEARTBEAT_S) -> AsyncIterator[RedisBus]:
    """The bus with its tasks under way; one Redis may serve installations of different environments."""
    publisher, subscriber = open_redis(url), open_redis(url, answer_s=None)
    bus = RedisBus(publisher, subscriber, f"portico:{environment}:nudge", heartbeat_s=heartbeat_s)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(bus.run(), name="bus")
            yield bus
            running.cancel()
    except BaseExceptionGroup as failed:
        # What went wrong within the body is the body's to tell, in its own words.
        if len(failed.exceptions) == 1:
            raise failed.exceptions[0] from None
        raise
    finally:
        await publisher.aclose()
        await subscriber.aclose()


def backoff_s(failures_in_a_row: int) -> float:
    """Doubles up to five seconds; jittered, so that many processes do not come back at once."""
    longest = min(FIRST_BACKOFF_S * 2.0 ** min(failures_in_a_row, 20), LONGEST_BACKOFF_S)
    return longest * random.uniform(0.5, 1.0)


def _wanted() -> bool:
    """Whether nobody has cancelled this task.

    Asked each round, because the client waits with `asyncio.wait_for`, which before Python 3.12 can swallow a cancellation.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() == 0


def _warn(what: str, error: BaseException, failures: int) -> None:
    """Once per outage, and then rarely; the error's own words may hold an address with its password, so only its kind."""
    if failures & (failures - 1) == 0:
        log.warning(f"Redis is away: {what}", error=type(error).__name__, in_a_row=failures)
