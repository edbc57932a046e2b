"""Idempotency keys: a repeated call gets the first answer instead of happening twice. Per caller, for 24 hours.

The book is in memory and in a file of its own, so that it survives kill -9: what was begun and never finished is then
neither repeated nor answered, because nobody knows whether it took effect.
"""

import hashlib
import os
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import msgspec

from portico.gateway.refusals import BadIdempotencyKey, IdempotencyInFlight
from portico.gateway.wire.head import Header

MOST_KEY_BYTES = 255
Answer = tuple[int, list[Header], bytes]


class Entry(msgspec.Struct, array_like=True):
    """`until` is seconds since 1970. `answer` is None while the first call runs; `dead` when its gateway died meanwhile."""

    caller: str
    key: bytes
    fingerprint: bytes
    until: float
    answer: Answer | None = None
    forgotten: bool = False
    dead: bool = False

    @property
    def size(self) -> int:
        return 200 + (len(self.answer[2]) if self.answer else 0)


class IdempotencyBook:
    """Each change is one line of JSON, the newest of a key holds; the file is rewritten at start with what still counts."""

    def __init__(self, path: Path, most_bytes: int, keep_s: float, now: float) -> None:
        self._most_bytes, self._keep_s = most_bytes, keep_s
        self._bytes = 0
        self._entries: OrderedDict[tuple[str, bytes], Entry] = OrderedDict()
        self._encode = msgspec.json.Encoder().encode
        self._load(path, now)
        self._file = self._rewrite(path)

    def begin(self, caller: str, key: bytes, request: bytes, now: float) -> Answer | None:
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
            self._put(Entry(caller, key, fingerprint, now + self._keep_s))
            return None
        if entry.fingerprint != fingerprint:
            raise BadIdempotencyKey("This idempotency key was used for a different request.")
        if entry.dead:
            raise IdempotencyInFlight(
                "The gateway stopped while the first call with this idempotency key was under way; whether it took effect "
                "is not known. Look at the service, then repeat it under a new key."
            )
        if entry.answer is None:
            raise IdempotencyInFlight("The first call with this idempotency key has not been answered yet.")
        return entry.answer

    def finish(self, caller: str, key: bytes, answer: Answer | None) -> None:
        """Keep the first answer; None forgets the key, because nothing was done."""
        entry = self._entries.pop((caller, key), None)
        if entry is None:
            return
        self._bytes -= entry.size
        self._put(msgspec.structs.replace(entry, answer=answer, forgotten=answer is None))
        self._make_room()

    def forget_old(self, now: float) -> None:
        while self._entries:
            place, entry = next(iter(self._entries.items()))
            if entry.until > now:
                return
            self._drop(place)

    def close(self) -> None:
        os.close(self._file)

    def _put(self, entry: Entry) -> None:
        """In the file before it counts. A full disk costs the memory of this key after a restart, not the call."""
        # The journal, which no call may do without, has its own say about a full disk.
        with suppress(OSError):
            os.write(self._file, self._encode(entry) + b"\n")
        if not entry.forgotten:
            self._entries[entry.caller, entry.key] = entry
            self._bytes += entry.size

    def _drop(self, place: tuple[str, bytes]) -> None:
        self._bytes -= self._entries.pop(place).size

    def _make_room(self) -> None:
        """Answered ones go first come, first out; a running one is never forgotten, or it could run twice."""
        for place in list(self._entries):
            if self._bytes <= self._most_bytes:
                return
            if self._entries[place].answer is not None:
                self._drop(place)

    def _load(self, path: Path, now: float) -> None:
        if not path.exists():
            return
        decode = msgspec.json.Decoder(Entry).decode
        for line in path.read_bytes().split(b"\n"):
            try:
                entry = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                # The last line of a gateway that was killed may be torn.
                continue
            place = (entry.caller, entry.key)
            if place in self._entries:
                self._drop(place)
            if not entry.forgotten and entry.until > now:
                entry.dead = entry.answer is None
                self._entries[place] = entry
                self._bytes += entry.size
        self._make_room()

    def _rewrite(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(".new")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        for entry in self._entries.values():
            os.write(file, self._encode(entry) + b"\n")
        draft.replace(path)
        return file
