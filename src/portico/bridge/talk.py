"""One conversation with a local server's process: many clients' requests on one pair of pipes, matched by ids of our own."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET, Raw

from portico.bridge import rpc
from portico.bridge.rpc import Members, Message, RpcError

MOST_IN_FLIGHT = 64
# What nobody asked for: this much at once, and this much a second for good.
FREE_BYTES, FREE_BYTES_PER_S = 8 * 1024 * 1024, 256 * 1024
FREE_MESSAGES, FREE_MESSAGES_PER_S = 5_000, 200
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
OURSELVES = rpc.raw({"name": "portico", "version": "1"})


class Trouble(Exception):
    """The server cannot answer; `status` and `code` say how that is told (the code's number is that of the E-code)."""

    def __init__(self, message: str, *, status: int, code: int, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.retry_after_s = message, status, code, retry_after_s


def died(message: str) -> Trouble:
    return Trouble(message, status=502, code=9805)


def silent(message: str) -> Trouble:
    return Trouble(message, status=504, code=9803)


def unavailable(message: str, retry_after_s: float | None = None) -> Trouble:
    return Trouble(message, status=503, code=9802, retry_after_s=retry_after_s)


Heard = Callable[[Message], None]


@dataclass(slots=True, eq=False)
class Call:
    """One request under way. `heard` gets what the server says about it before it answers."""

    id: int
    method: str
    answered: "asyncio.Future[Raw]"
    give_up_at: float
    heard: Heard | None = None
    # JSON of the client's own token for progress.
    token: Raw | None = None


@dataclass(slots=True)
class Allowance:
    """How much a server may say unasked; refilled by time."""

    per_s: float
    most: float
    left: float = field(init=False)
    at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.left = self.most

    def take(self, amount: float) -> bool:
        now = time.monotonic()
        self.left = min(self.most, self.left + (now - self.at) * self.per_s)
        self.at = now
        self.left -= amount
        return self.left >= 0


class Talk:
    """`write` sends a line (False: the server does not read); `unasked` hears notices that belong to nobody's call."""

    def __init__(
        self, name: str, write: Callable[[bytes], bool], unasked: Heard, flooded: Callable[[str], None]
    ) -> None:
        self._name, self._write, self._unasked, self._flooded = name, write, unasked, flooded
        self._calls: dict[int, Call] = {}
        self._next_id = 0
        self._ended: Trouble | None = None
        self._bytes = Allowance(FREE_BYTES_PER_S, FREE_BYTES)
        self._messages = Allowance(FREE_MESSAGES_PER_S, FREE_MESSAGES)

    @property
    def in_flight(self) -> int:
        return len(self._calls)

    @property
    def clients_calls(self) -> list[Call]:
        """Those that somebody listens to."""
        return [call for call in self._calls.values() if call.heard is not None]

    # -- towards the server ------------------------------------------------------------------------------------------------------

    def begin(
        self, method: str, params: Members | None, timeout_s: float, heard: Heard | None = None, own: bool = False
    ) -> Call:
        """Send a request; `own` is not counted against what clients may have under way.

        raises   Trouble
        """
        if self._ended is not None:
            raise self._ended
        if not own and len(self._calls) >= MOST_IN_FLIGHT:
            raise Trouble(
                f"The tool server {self._name!r} has {MOST_IN_FLIGHT} calls under way already.", status=503, code=9802
            )
        self._next_id += 1
        loop = asyncio.get_running_loop()
        call = Call(self._next_id, method, loop.create_future(), time.monotonic() + timeout_s, heard)
        call.answered.add_done_callback(_looked_at)
        if params is not None:
            call.token = _own_token(params, call.id)
        if not self._write(rpc.request(call.id, method, params)):
            raise silent(f"The tool server {self._name!r} does not read what it is sent.")
        self._calls[call.id] = call
        return call

    async def ask(self, method: str, params: Members | None, timeout_s: float) -> Raw:
        """A request of the bridge's own.

        raises   RpcError · Trouble
        """
        call = self.begin(method, params, timeout_s, own=True)
        try:
            async with asyncio.timeout(timeout_s):
                return await call.answered
        except TimeoutError:
            raise silent(f"The tool server {self._name!r} did not answer {method} within {timeout_s:g} s.") from None
        finally:
            self._calls.pop(call.id, None)

    def tell(self, message: bytes) -> None:
        if self._ended is None:
            self._write(message)

    def cancel(self, call: Call, reason: str) -> None:
        if self._calls.pop(call.id, None) is not None:
            told = {"requestId": rpc.raw(call.id), "reason": rpc.raw(reason)}
            self.tell(rpc.notice("notifications/cancelled", told))
            if not call.answered.done():
                call.answered.cancel()

    # -- from the server ---------------------------------------------------------------------------------------------------------

    def heard(self, line: bytes) -> None:
        # In a stream of events this ends a line, so it must not stand between two tokens either.
        line = line.replace(b"\r", b" ")
        try:
            message = rpc.decode_message(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._count(len(line), "it writes something other than JSON-RPC messages to its standard output")
            return
        if message.is_answer and self._answered(message):
            return
        self._count(len(line), "it sends more than anybody asked for")
        if self._ended is not None:
            return
        if message.method == "notifications/progress":
            self._progress(message)
        elif message.method == "notifications/cancelled":
            self._withdrawn(message)
        elif message.method is not UNSET:
            self._unasked(message)

    def _count(self, length: int, why: str) -> None:
        messages, length_left = self._messages.take(1), self._bytes.take(length)
        if self._ended is None and not (messages and length_left):
            self._flooded(why)

    def _answered(self, message: Message) -> bool:
        rpc_id = rpc.value_of(message.id)
        call = self._calls.pop(rpc_id, None) if isinstance(rpc_id, int) else None
        if call is None:
            return False
        if call.answered.done():
            return True
        if message.result is not UNSET:
            call.answered.set_result(message.result)
        else:
            call.answered.set_exception(
                rpc.raised(message.error)
                if message.error is not UNSET
                else RpcError(rpc.INTERNAL, "The server's answer holds neither a result nor an error.")
            )
        return True

    def _progress(self, message: Message) -> None:
        params = rpc.members(message.params)
        token = rpc.value_of(params.get("progressToken"))
        call = self._calls.get(token) if isinstance(token, int) else None
        if call is None or call.heard is None or call.token is None:
            return
        params["progressToken"] = call.token
        call.heard(Message(method="notifications/progress", params=rpc.raw(params)))

    def _withdrawn(self, message: Message) -> None:
        """The server ends one of our requests for its part, as it does with subscriptions it tears down."""
        rpc_id = rpc.value_of(rpc.members(message.params).get("requestId"))
        call = self._calls.pop(rpc_id, None) if isinstance(rpc_id, int) else None
        if call is not None and not call.answered.done():
            call.answered.set_exception(RpcError(rpc.INTERNAL, "The server ended this request."))

    # -- ends --------------------------------------------------------------------------------------------------------------------

    def give_up_overdue(self) -> None:
        now = time.monotonic()
        for call in [each for each in self._calls.values() if each.give_up_at <= now]:
            trouble = silent(f"The tool server {self._name!r} did not answer {call.method} in time.")
            if not call.answered.done():
                call.answered.set_exception(trouble)
            self.cancel(call, "timed out")

    def end(self, trouble: Trouble) -> None:
        """Everyone who waits is told why; nothing is sent from now on."""
        self._ended = self._ended or trouble
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            if not call.answered.done():
                call.answered.set_exception(trouble)


def _looked_at(answered: "asyncio.Future[Raw]") -> None:
    """Whoever asked may have left; that nobody reads an error then is as it should be."""
    if not answered.cancelled():
        answered.exception()


def _own_token(params: Members, token: int) -> Raw | None:
    """Puts our token for progress in the place of the client's, which it returns: clients count from one, all of them."""
    meta = rpc.members(params.get("_meta"))
    theirs = meta.get("progressToken")
    if theirs is None:
        return None
    meta["progressToken"] = rpc.raw(token)
    params["_meta"] = rpc.raw(meta)
    return theirs
