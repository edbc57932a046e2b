"""The socket's life: admitted, greeted, listened to, rechecked, closed."""

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import Identity
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from portico.realtime import frames
from portico.realtime.admission import Places, SocketTerms, offered_ticket, origin_allowed
from portico.realtime.frames import Auth, Pong, Subscribe, Topic, Unsubscribe
from portico.realtime.outbox import Outbox
from portico.realtime.pace import Pace
from portico.realtime.pumps import Pump, RowPump, ValuePump
from portico.realtime.seat import NEEDS, Seat
from portico.realtime.sources import BreakerReadings, Breakers, CallRows, EventRows, Stats

log = structlog.get_logger("portico.realtime")
_CLOSE_WAIT_S = 5.0


class Ended(Exception):
    """The conversation is over; `code` is what the client is told."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Realtime:
    """All sockets of this process. `run` must be running while it serves; when it is cancelled, sockets close with 1012."""

    def __init__(self, deps: Deps, feed: BreakerReadings | None = None, terms: SocketTerms | None = None) -> None:
        self.deps, self.feed, self.terms = deps, feed, terms or SocketTerms()
        self.places = Places(self.terms)
        self.seats: set[Seat] = set()
        self.pumps: dict[tuple[str, str, Topic], Pump] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def routes(self) -> list[WebSocketRoute]:
        return [WebSocketRoute("/ws", self.serve)]

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._recheck_forever()
        finally:
            self._group = None
            for seat in tuple(self.seats):
                seat.end(frames.CLOSE_RESTART)

    async def serve(self, websocket: WebSocket) -> None:
        subprotocol, ticket = offered_ticket(websocket)
        with self.places.on_node() as admitted:
            try:
                await websocket.accept(subprotocol)
                code = await self._admit(websocket, ticket) if admitted else frames.CLOSE_TOO_MANY
            except WebSocketDisconnect:
                return
            await _close(websocket, code)

    async def _admit(self, websocket: WebSocket, ticket: str | None) -> int:
        """Serve the socket to its end; returns the code to close it with."""
        if self._group is None:
            return frames.CLOSE_RESTART
        if not origin_allowed(websocket, self.deps.settings):
            return frames.CLOSE_FORBIDDEN
        ticket = ticket or await self._ask_ticket(websocket)
        identity = await tenancy.redeem_ticket(self.deps, ticket) if ticket else None
        if identity is None:
            return frames.CLOSE_SIGNED_OUT
        with self.places.within(identity) as admitted:
            if not admitted:
                return frames.CLOSE_TOO_MANY
            return await self._converse(websocket, identity)

    async def _ask_ticket(self, websocket: WebSocket) -> str | None:
        """The first frame, for clients that cannot offer a subprotocol."""
        try:
            async with asyncio.timeout(self.terms.auth_wait_s):
                frame = frames.parse(_text_of(await websocket.receive()))
        except (TimeoutError, msgspec.DecodeError, Ended):
            return None
        return frame.ticket if isinstance(frame, Auth) else None

    async def _converse(self, websocket: WebSocket, identity: Identity) -> int:
        outbox = Outbox(self.terms.outbox_frames, self.terms.outbox_bytes)
        seat = Seat(identity, outbox)
        scope = identity.scope
        outbox.say(frames.hello(scope.org_id, scope.scope, self.terms.heartbeat_s))
        self.seats.add(seat)
        conversation = _Conversation(self, websocket, seat)
        code, gone = frames.CLOSE_RESTART, False
        try:
            async with asyncio.TaskGroup() as group:
                for part in (conversation.listen, conversation.speak, conversation.keep_alive, conversation.watch):
                    group.create_task(part())
        except* Ended as ended:
            code = next(each.code for each in ended.exceptions if isinstance(each, Ended))
        except* (WebSocketDisconnect, OSError):
            gone = True
        finally:
            self.seats.discard(seat)
            seat.leave_all()
        if gone:
            raise WebSocketDisconnect(1006)
        return code

    async def join(self, seat: Seat, topic: Topic, since: int | None) -> None:
        """Listen to a topic, through the pump that others of the same org and scope share."""
        scope = seat.identity.scope
        key = (scope.org_id, scope.scope, topic)
        pump = self.pumps.get(key)
        if pump is None:
            if self._group is None:
                raise Ended(frames.CLOSE_RESTART)
            pump = self.pumps[key] = self._open_pump(topic, scope)
            # Not started before this turn ends; by then join has counted the newcomer, so the pump does not find itself idle.
            self._group.create_task(self._run_pump(key, pump))
        await pump.join(seat, since)

    async def _run_pump(self, key: tuple[str, str, Topic], pump: Pump) -> None:
        try:
            await pump.run(self.deps.bus)
        finally:
            # No await between finding nobody and this, so nobody can have joined meanwhile.
            del self.pumps[key]

    def _open_pump(self, topic: Topic, scope: OrgScope) -> Pump:
        deps = self.deps
        match topic:
            case "calls":
                return RowPump(topic, ("calls",), CallRows(deps, scope))
            case "events":
                return RowPump(topic, ("events",), EventRows(deps, scope))
            case "stats":
                return ValuePump(topic, (), Stats(deps, scope))
            case "breakers":
                return ValuePump(topic, ("breakers",), Breakers(deps, scope, self.feed))

    async def _recheck_forever(self) -> None:
        """Look again whether each socket's sign-in or key still stands: at changes, and by timer."""
        changed = self.deps.bus.listen("snapshot")
        try:
            while True:
                try:
                    await asyncio.wait_for(changed.wait(), self.terms.recheck_s)
                except TimeoutError:
                    log.debug("sockets_rechecked", sockets=len(self.seats))
                changed.clear()
                await self._recheck()
                await asyncio.sleep(self.terms.recheck_least_s)
        finally:
            self.deps.bus.forget(changed)

    async def _recheck(self) -> None:
        """Once for each identity, however many sockets it has open."""
        seats: dict[Identity, list[Seat]] = {}
        for seat in self.seats:
            seats.setdefault(seat.identity, []).append(seat)
        for identity, theirs in seats.items():
            try:
                valid = await tenancy.still_valid(self.deps, identity)
            except (SQLAlchemyError, OSError):
                log.exception("recheck_failed")
                return
            for seat in theirs if not valid else ():
                seat.end(frames.CLOSE_SIGNED_OUT)


class _Conversation:
    """The four things that go on at once on an open socket; the first to raise ends them all."""

    def __init__(self, realtime: Realtime, websocket: WebSocket, seat: Seat) -> None:
        self.realtime, self.websocket, self.seat = realtime, websocket, seat
        self.terms = realtime.terms
        self.pace = Pace(self.terms.messages_per_minute, self.terms.abuse_per_minute)
        self.heard_at = time.monotonic()

    async def watch(self) -> None:
        raise Ended(await self.seat.ended())

    async def speak(self) -> None:
        while True:
            await self.websocket.send_text(await self.seat.outbox.take())

    async def keep_alive(self) -> None:
        """A half-open connection looks alive until something must come back."""
        while True:
            await asyncio.sleep(self.terms.heartbeat_s)
            if time.monotonic() - self.heard_at > self.terms.silence_s:
                raise WebSocketDisconnect(1006)
            self.seat.outbox.say(frames.PING)

    async def listen(self) -> None:
        while True:
            text = _text_of(await self.websocket.receive())
            now_s = time.monotonic()
            if self.pace.abused(now_s):
                raise Ended(frames.CLOSE_ABUSE)
            await self._hear(text, now_s)

    async def _hear(self, text: str, now_s: float) -> None:
        try:
            frame = frames.parse(text)
        except msgspec.DecodeError as error:
            if self._may_go_on(now_s):
                self.seat.outbox.say(frames.error("INVALID_INPUT", f"The frame is not valid: {error}"[:300]))
            return
        # Any frame shows that the client is there; answers to our pings are free.
        self.heard_at = now_s
        if not isinstance(frame, Pong) and self._may_go_on(now_s):
            await self._serve(frame)

    def _may_go_on(self, now_s: float) -> bool:
        wait_ms = self.pace.wait_ms(now_s)
        if wait_ms:
            message = f"More than {self.terms.messages_per_minute} messages in a minute; wait before the next."
            self.seat.outbox.say(frames.error("RATE_LIMITED", message, wait_ms))
        return wait_ms == 0

    async def _serve(self, frame: Subscribe | Unsubscribe | Auth) -> None:
        match frame:
            case Subscribe(topic=topic, since=since):
                await self._subscribe(topic, since)
            case Unsubscribe(topic=topic):
                self.seat.leave(topic)
            case Auth():
                self.seat.outbox.say(frames.error("INVALID_INPUT", "This socket is signed in already."))

    async def _subscribe(self, topic: Topic, since: int | None) -> None:
        permission = NEEDS[topic]
        if not self.seat.identity.scope.may(permission):
            self.seat.outbox.say(frames.error("ROLE_REQUIRED", f"This needs the permission {permission}."))
            return
        self.seat.leave(topic)
        try:
            await self.realtime.join(self.seat, topic, since)
        except (SQLAlchemyError, OSError):
            log.exception("subscribe_failed", topic=topic)
            self.seat.leave(topic)
            self.seat.outbox.say(
                frames.error("DATABASE_UNAVAILABLE", f"{topic} cannot be read now; try again shortly.")
            )


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        async with asyncio.timeout(_CLOSE_WAIT_S):
            await websocket.close(code)
    except (WebSocketDisconnect, TimeoutError, RuntimeError, OSError):
        # The client is gone, or reads nothing; the server drops the connection when we return.
        return


def _text_of(message: MutableMapping[str, Any]) -> str:
    """raises WebSocketDisconnect at its end, and Ended for a frame that is too large or not text"""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text: str | None = message.get("text")
    if text is None:
        raise Ended(1003)
    if len(text) > frames.MAX_CLIENT_FRAME_BYTES or len(text.encode()) > frames.MAX_CLIENT_FRAME_BYTES:
        raise Ended(frames.CLOSE_TOO_BIG)
    return text
