"""What a client says on an open socket, and the answers to it."""

import time
from collections.abc import MutableMapping
from typing import Any, Protocol, assert_never

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocket, WebSocketDisconnect

from portico.platform.deps import Deps
from portico.realtime import frames
from portico.realtime.admission import SocketTerms
from portico.realtime.frames import Accept, Auth, Counted, Patch, Ping, Pong, Subscribe, Unsubscribe
from portico.realtime.pace import Pace
from portico.realtime.seat import Seat
from portico.realtime.topics import Topic

log = structlog.get_logger("portico.realtime")


class Ended(Exception):
    """The conversation is over; `code` is what the client is told."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class House(Protocol):
    """What a conversation needs of the process it goes on in."""

    deps: Deps
    terms: SocketTerms

    def find_topic(self, name: str) -> Topic | None: ...

    async def join(self, seat: Seat, topic: Topic, since: int | None, tab: str | None) -> None: ...


class Conversation:
    def __init__(self, house: House, websocket: WebSocket, seat: Seat) -> None:
        self._house, self._websocket, self._seat = house, websocket, seat
        self._pace = Pace(house.terms.messages_per_minute, house.terms.abuse_per_minute)

    async def listen(self) -> None:
        """Until the client goes, or has to."""
        while True:
            text = text_of(await self._websocket.receive())
            now_s = time.monotonic()
            if self._pace.abused(now_s):
                raise Ended(frames.CLOSE_ABUSE)
            await self._hear(text, now_s)

    async def _hear(self, text: str, now_s: float) -> None:
        try:
            frame = frames.parse(text)
        except frames.TooLarge:
            raise Ended(frames.CLOSE_TOO_BIG) from None
        except msgspec.DecodeError as error:
            if self._may_go_on(now_s):
                self._seat.say(frames.error("INVALID_INPUT", f"The frame is not valid: {error}"[:300]))
            return
        # Any frame shows that the client is there.
        self._seat.heard_at = now_s
        match frame:
            case Pong():
                return
            case Ping():
                self._seat.say(frames.PONG)
            case Accept(encodings=encodings):
                self._seat.deflates = "deflate" in encodings
            case _:
                if self._may_go_on(now_s, frame):
                    await self._serve(frame)

    def _may_go_on(self, now_s: float, frame: Counted | None = None) -> bool:
        wait_ms = self._pace.wait_ms(now_s)
        if wait_ms:
            message = f"More than {self._house.terms.messages_per_minute} messages in a minute; wait before the next."
            topic = None if frame is None or isinstance(frame, Auth) else frame.topic
            ref = frame.ref if isinstance(frame, Patch) else None
            self._seat.say(frames.error("RATE_LIMITED", message, topic=topic, ref=ref, retry_after_ms=wait_ms))
        return wait_ms == 0

    async def _serve(self, frame: Counted) -> None:
        match frame:
            case Subscribe():
                await self._guarded(frame.topic, self._subscribe(frame))
            case Patch():
                await self._guarded(frame.topic, self._patch(frame), frame.ref)
            case Unsubscribe(topic=topic):
                self._seat.leave(topic)
            case Auth():
                self._refuse("INVALID_INPUT", "This socket is signed in already.")
            case _:
                assert_never(frame)

    async def _subscribe(self, frame: Subscribe) -> None:
        topic = self._house.find_topic(frame.topic)
        scope = self._seat.identity.scope
        if topic is None:
            return self._refuse("INVALID_INPUT", f"There is no topic {frame.topic!r}.", frame.topic)
        if not topic.permits(scope):
            needed = "a person's sign-in" if topic.kind.people else f"the permission {topic.kind.permission}"
            return self._refuse("ROLE_REQUIRED", f"This needs {needed}.", frame.topic)
        if not await topic.admits(scope, self._house.deps):
            # Missing, or not this reader's to see; the two answers are the same on purpose.
            return self._refuse("NOT_FOUND", f"There is no {topic.kind.name} {topic.about!r} here.", frame.topic)
        if len(self._seat.listening) >= self._house.terms.topics_per_socket and topic.name not in self._seat.listening:
            most = self._house.terms.topics_per_socket
            return self._refuse("INVALID_INPUT", f"A socket follows at most {most} topics; leave one.", frame.topic)
        self._seat.leave(topic.name)
        return await self._house.join(self._seat, topic, frame.since, frame.tab)

    async def _patch(self, frame: Patch) -> None:
        listening = self._seat.listening.get(frame.topic)
        if listening is None:
            return self._refuse("NOT_FOUND", f"Subscribe to {frame.topic} before changing it.", frame.topic, frame.ref)
        needed = listening.topic.kind.changes
        if needed is not None and not self._seat.identity.scope.may(needed):
            return self._refuse("ROLE_REQUIRED", f"This needs the permission {needed}.", frame.topic, frame.ref)
        if frame.tab != listening.tab:
            message = "The patch names another tab than the subscription; subscribe with the tab that changes."
            return self._refuse("INVALID_INPUT", message, frame.topic, frame.ref)
        return await listening.pump.change(self._seat, frame)

    async def _guarded(self, topic: str, work: Any, ref: int | None = None) -> None:
        """Without the database nothing can be followed or changed, but the socket stays."""
        try:
            await work
        except (SQLAlchemyError, OSError):
            log.exception("socket_request_failed", topic=topic)
            if ref is None:
                self._seat.leave(topic)
            self._refuse("DATABASE_UNAVAILABLE", f"{topic} cannot be read now; try again shortly.", topic, ref)

    def _refuse(self, code: str, message: str, topic: str | None = None, ref: int | None = None) -> None:
        self._seat.say(frames.error(code, message, topic=topic, ref=ref))


def text_of(message: MutableMapping[str, Any]) -> str:
    """raises WebSocketDisconnect at its end, and Ended for a frame that is not text"""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text: str | None = message.get("text")
    if text is None:
        raise Ended(frames.CLOSE_UNSUPPORTED)
    return text
