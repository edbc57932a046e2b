"""The exact response cache: opt-in per service, fenced by org and scope, bounded in bytes, oldest out first."""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass

from portico.gateway.call import AdmittedCall
from portico.gateway.wire.head import HOP_BY_HOP, Header

MOST_ENTRY_BYTES = 1024 * 1024
_UNCACHED = HOP_BY_HOP | {b"content-length", b"date", b"age"}


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    status: int
    headers: list[Header]
    body: bytes
    until: float


class AnswerCache:
    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[bytes, KeptAnswer] = OrderedDict()

    def key_of(self, admitted: AdmittedCall) -> bytes | None:
        """None when this call may neither be answered from the cache nor fill it."""
        raw = admitted.known.raw
        if admitted.service.entry.cache_ttl_s <= 0 or raw.streamed or self._most_bytes <= 0:
            return None
        if raw.head.method != b"GET" and not raw.is_model:
            return None
        if raw.body is None and raw.head.has_body:
            return None
        if b"range" in raw.head.lowered or b"no-" in raw.head.lowered.get(b"cache-control", b""):
            return None
        who, head = admitted.known.who, raw.head
        parts = (
            who.org_id.encode(),
            who.scope.encode(),
            # A restricted service's answer may depend on who asks.
            who.id.encode() if admitted.service.entry.restricted else b"",
            admitted.service.entry.id.encode(),
            head.lowered.get(b"x-portico-version", b""),
            head.method,
            # The same question in another dialect has another answer.
            raw.dialect.encode(),
            raw.upstream_path,
            head.lowered.get(b"accept", b""),
            head.lowered.get(b"accept-language", b""),
            head.lowered.get(b"accept-encoding", b"") if not raw.is_model else b"",
            # Under a route's name the same request may go to another model.
            (raw.model or "").encode(),
            raw.body or b"",
        )
        return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()

    def get(self, key: bytes) -> KeptAnswer | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until < time.monotonic():
            self._remove(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def put(self, key: bytes, ttl_s: int, status: int, headers: list[Header], body: bytes) -> None:
        if status != 200 or len(body) > MOST_ENTRY_BYTES or not _may_keep(headers):
            return
        if key in self._kept:
            self._remove(key)
        kept = [header for header in headers if header[0].lower() not in _UNCACHED]
        self._kept[key] = KeptAnswer(status, kept, body, time.monotonic() + ttl_s)
        self._bytes += len(body)
        while self._bytes > self._most_bytes:
            self._remove(next(iter(self._kept)))

    def _remove(self, key: bytes) -> None:
        self._bytes -= len(self._kept.pop(key).body)


def _may_keep(headers: list[Header]) -> bool:
    for name, value in headers:
        low = name.lower()
        if low == b"set-cookie" or (
            low == b"vary" and value.strip() not in {b"Accept", b"Accept-Encoding", b"accept", b"accept-encoding"}
        ):
            return False
        if low == b"cache-control" and any(word in value.lower() for word in (b"no-store", b"private", b"no-cache")):
            return False
    return True
