"""An entry, how it is hashed, and what of its detail may be kept."""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from portico.kernel.clock import rfc3339
from portico.kernel.ids import AuditId
from portico.kernel.scope import Actor

Outcome = Literal["ok", "refused"]
Severity = Literal["INFO", "WARN", "ERROR", "CRITICAL"]

# The chain of what happens outside any org; no org id looks like it.
PLATFORM_CHAIN = "platform"
PLATFORM_SCOPE = "global"
FIRST_HASH = "0" * 64
MAX_DETAIL_CHARS = 8192

_MASK = "•••"
_SECRET_NAME = re.compile(
    r"secret|password|passwd|token|credential|authorization|cookie|private|api_?key|master_key", re.I
)
_SECRET_VALUE = re.compile(r"pk_[0-9a-f]{8}_\S+|eyJ[\w-]+\.[\w-]+\.[\w-]*|Bearer\s+\S+|-----BEGIN [A-Z ]+-----")


@dataclass(frozen=True, slots=True)
class Target:
    """What was acted upon."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """`detail` is canonical JSON text, exactly as hashed."""

    chain: str
    seq: int
    id: AuditId
    at: datetime
    scope: str
    actor: Actor
    action: str
    target: Target | None
    outcome: Outcome
    severity: Severity
    detail: str
    prev_hash: str
    hash: str = ""

    def hashed(self, key: bytes) -> str:
        """The keyed hash over the hash before and everything the entry says."""
        content = [
            self.chain, self.seq, self.id, rfc3339(self.at), self.at.microsecond, self.scope,
            [self.actor.kind, self.actor.id, self.actor.name, self.actor.address],
            self.action, None if self.target is None else [self.target.kind, self.target.id, self.target.name],
            self.outcome, self.severity, self.detail,
        ]  # fmt: skip
        return _mac(key, self.prev_hash + canonical(content))


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends, and where retention has cut its beginning."""

    chain: str
    seq: int
    hash: str
    floor: int = 0
    floor_hash: str = FIRST_HASH

    def seal(self, key: bytes) -> str:
        return _mac(key, canonical(["head", self.chain, self.seq, self.hash, self.floor, self.floor_hash]))


@dataclass(frozen=True, slots=True)
class Proof:
    """What a verification found; `first_bad_seq` is the first entry that is changed, missing or cut off."""

    entries: int
    first_bad_seq: int | None
    checked_at: datetime

    @property
    def verified(self) -> bool:
        return self.first_bad_seq is None


@dataclass(frozen=True, slots=True)
class Search:
    actor_id: str | None = None
    action: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def kept_detail(detail: Mapping[str, object]) -> str:
    """Masked, bounded and canonical; too long a detail is replaced rather than cut in the middle."""
    text = canonical(_masked(detail))
    return text if len(text) <= MAX_DETAIL_CHARS else canonical({"omitted": f"{len(text)} characters"})


def _masked(value: object, depth: int = 0) -> object:
    if isinstance(value, Mapping):
        if depth > 6:
            return _MASK
        return {
            str(name): _MASK if _hides(str(name), each) else _masked(each, depth + 1) for name, each in value.items()
        }
    if isinstance(value, str):
        return _SECRET_VALUE.sub(_MASK, value)
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [_masked(each, depth + 1) for each in value]
    return _MASK if isinstance(value, bytes) else value


def _hides(name: str, value: object) -> bool:
    # Names of secrets, counts and switches may be read; only text can be a secret itself.
    return (
        _SECRET_NAME.search(name) is not None
        and not name.endswith(("_name", "_id", "_s"))
        and isinstance(value, str | bytes)
    )


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()
