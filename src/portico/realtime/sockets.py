"""The socket's life: admitted, greeted, listened to, rechecked, closed."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import cycle

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import Identity
from portico.platform.deps import Deps
from portico.realtime import frames
from portico.realtime.admission import Places, SocketTerms, offered_ticket, origin_allowed
from portico.realtime.conversation import Conversation, Ended, text_of
from portico.realtime.frames import Auth
from portico.realtime.line import EXTENSION, Line
from portico.realtime.outbox import Outbox
from portico.realtime.pumps import Pump
from portico.realtime.seat import Listening, Seat
from portico.realtime.sources import BreakerReadings
from portico.realtime.topics import TOPICS, Kind, Opening, Topic, find_topic

log = structlog.get_logger("portico.realtime")
PATH = "/ws"
_CLOSE_WAIT_S = 5.0
# Sockets take turns to be pinged, so that thousands of them are never pinged in one go.
_TURNS = 25


class Realtime:
    """All sockets of this process. `run` must be running while it serves; when it is cancelled, sockets close with 1012."""

    def __init__(
        self,
        deps: Deps,
        feed: BreakerReadings | None = None,
        terms: SocketTerms | None = None,
        topics: Mapping[str, Kind] = TOPICS,
    ) -> None:
        self.deps, self.feed, self.terms, self.topics = deps, feed, terms or SocketTerms(), topics
        self.places = Places(self.terms)
        self.seats: set[Seat] = set()
        self.pumps: dict[tuple[str, ...], Pump] = {}
        self._turns: list[set[Seat]] = [set() for _ in range(_TURNS)]
        self._next_turn = cycle(self._turns)
        self._group: asyncio.TaskGroup | None = None

    def in_front_of(self, app: ASGIApp) -> ASGIApp:
        """The application with sockets served before it: each of its layers would stay in memory as long as a socket."""

        async def door(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket" and scope["path"] == PATH:
                await self.serve(WebSocket(scope, receive, send))
            else:
                await app(scope, receive, send)

        return door

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._beat_forever())
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
                frame = frames.parse(text_of(await websocket.receive()))
        except (TimeoutError, msgspec.DecodeError, frames.TooLarge, Ended):
            return None
        return frame.ticket if isinstance(frame, Auth) else None

    async def _converse(self, websocket: WebSocket, identity: Identity) -> int:
        line: Line = websocket.scope["extensions"][EXTENSION]
        seat = Seat(identity, line, Outbox(self.terms.outbox_frames, self.terms.outbox_bytes))
        line.settle()
        scope, turn = identity.scope, next(self._next_turn)
        seat.say(frames.hello(scope.org_id, scope.scope, self.terms.heartbeat_s))
        self.seats.add(seat)
        turn.add(seat)
        try:
            await Conversation(self, websocket, seat).listen()
        except Ended as ended:
            return ended.code
        except asyncio.CancelledError:
            if seat.code is None:
                raise
            _go_on()
            return seat.code
        finally:
            self.seats.discard(seat)
            turn.discard(seat)
            seat.leave_all()
        raise AssertionError("listening ends only by an exception")

    def find_topic(self, name: str) -> Topic | None:
        return find_topic(name, self.topics)

    async def join(self, seat: Seat, topic: Topic, since: int | None, tab: str | None) -> None:
        """Listen to a topic, through the pump that others of the same org and scope share."""
        key = topic.pump_key(seat.identity.scope)
        pump = self.pumps.get(key)
        if pump is None:
            if self._group is None:
                raise Ended(frames.CLOSE_RESTART)
            # Read with the rights of the house: what a reader may see of it is decided on joining, and at each recheck.
            reader = seat.identity.scope
            scope = reader if topic.kind.own else tenancy.open_system_scope(reader.org_id, reader.scope)
            pump = self.pumps[key] = topic.kind.open(Opening(self.deps, scope, topic.name, topic.about, self.feed))
            # Not started before this turn ends; by then join has counted the newcomer, so the pump does not find itself idle.
            self._group.create_task(self._run_pump(key, pump))
        seat.listening[topic.name] = Listening(topic, pump, tab)
        await pump.join(seat, since)

    async def _run_pump(self, key: tuple[str, ...], pump: Pump) -> None:
        try:
            await pump.run(self.deps.bus)
        finally:
            # No await between finding nobody and this, so nobody can have joined meanwhile.
            del self.pumps[key]

    async def _beat_forever(self) -> None:
        """A half-open connection looks alive until something must come back."""
        while True:
            for turn in self._turns:
                await asyncio.sleep(self.terms.heartbeat_s / _TURNS)
                self._beat(turn, time.monotonic())

    def _beat(self, turn: set[Seat], now_s: float) -> None:
        for seat in tuple(turn):
            if now_s - seat.heard_at > self.terms.silence_s:
                seat.line.abort()
            else:
                seat.show("", frames.PING)

    async def _recheck_forever(self) -> None:
        """Look again what each socket may follow: at changes of rights, and by timer."""
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
                now = await tenancy.identify_again(self.deps, identity)
                lost = set() if now is None else await self._lost(now, theirs)
            except (SQLAlchemyError, OSError):
                log.exception("recheck_failed")
                return
            for seat in theirs:
                _apply_rights(seat, now, lost)

    async def _lost(self, identity: Identity, seats: list[Seat]) -> set[str]:
        """Of the topics that these sockets of one principal follow, those that they may not follow any more."""
        topics = {name: listening.topic for seat in seats for name, listening in seat.listening.items()}
        scope = identity.scope
        return {
            name
            for name, topic in topics.items()
            if not topic.permits(scope) or not await topic.admits(scope, self.deps)
        }


def _apply_rights(seat: Seat, now: Identity | None, lost: set[str]) -> None:
    """Who gained something, or has another place, comes back anew, so that what they see fits what they may."""
    before = seat.identity
    gained = now is not None and not now.scope.permissions <= before.scope.permissions
    if now is None or gained or now.is_superadmin != before.is_superadmin:
        seat.end(frames.CLOSE_SIGNED_OUT)
        return
    seat.identity = now
    for name in lost & seat.listening.keys():
        seat.turn_out(name, "forbidden")


def _go_on() -> None:
    """The cancellation was our own way to end the reading; what follows is an ordinary goodbye."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


async def _close(websocket: WebSocket, code: int) -> None:
    # The client may be gone, or read nothing; the server drops the connection when we return.
    with suppress(WebSocketDisconnect, TimeoutError, RuntimeError, OSError):
        async with asyncio.timeout(_CLOSE_WAIT_S):
            await websocket.close(code)
