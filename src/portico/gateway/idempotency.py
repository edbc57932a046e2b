"""Idempotency keys: a repeated call gets the first answer instead of happening twice. Per caller, for 24 hours, in memory."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from portico.gateway.refusals import BadIdempotencyKey, IdempotencyInFlight
from portico.gateway.wire.head import Header

MOST_KEY_BYTES = 255


@dataclass(slots=True)
class Entry:
    """`answer` is None while the first call runs."""

    fingerprint: bytes
    until: float
    answer: tuple[int, list[Header], bytes] | None = None

    @property
    def size(self) -> int:
        return 200 + (len(self.answer[2]) if self.answer else 0)


class IdempotencyBook:
    def __init__(self, most_bytes: int, keep_s: float) -> None:
        self._most_bytes, self._keep_s = most_bytes, keep_s
        self._bytes = 0
        self._entries: OrderedDict[tuple[str, bytes], Entry] = OrderedDict()

    def begin(self, caller: str, key: bytes, request: bytes, now: float) -> tuple[int, list[Header], bytes] | None:
        """The earlier answer, or None when this call is the first and is now marked as running.

        raises   BadIdempotencyKey (400) for the same key with another request · IdempotencyInFlight (409)
        """
        if not key or len(key) > MOST_KEY_BYTES or not all(33 <= byte <= 126 for byte in key):
            raise BadIdempotencyKey(
                f"The idempotency key must be 1 to {MOST_KEY_BYTES} visible characters; a UUID is best."
            )
        fingerprint = hashlib.sha256(request).digest()
        entry = self._entries.get((caller, key))
        if entry is None:
            entry = self._entries[caller, key] = Entry(fingerprint, now + self._keep_s)
            self._bytes += entry.size
            return None
        if entry.fingerprint != fingerprint:
            raise BadIdempotencyKey("This idempotency key was used for a different request.")
        if entry.answer is None:
            raise IdempotencyInFlight("The first call with this idempotency key has not been answered yet.")
        return entry.answer

    def finish(self, caller: str, key: bytes, answer: tuple[int, list[Header], bytes] | None) -> None:
        """Keep the first answer; None forgets the key, because nothing was done."""
        entry = self._entries.get((caller, key))
        if entry is None:
            return
        self._bytes -= entry.size
        if answer is None:
            del self._entries[caller, key]
            return
        entry.answer = answer
        self._bytes += entry.size
        self._make_room()

    def forget_old(self, now: float) -> None:
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.until > now:
                return
            self._bytes -= entry.size
            del self._entries[key]

    def _make_room(self) -> None:
        """Answered ones go first come, first out; a running one is never forgotten, or it could run twice."""
        for key in list(self._entries):
            if self._bytes <= self._most_bytes:
                return
            entry = self._entries[key]
            if entry.answer is not None:
                self._bytes -= entry.size
                del self._entries[key]
