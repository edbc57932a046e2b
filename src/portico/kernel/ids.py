"""Ids: a prefix that says the kind, then 26 characters of time-ordered randomness (ULID alphabet)."""

import os
import random
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NewType, TypeVar

OrgId = NewType("OrgId", str)
PersonId = NewType("PersonId", str)
KeyId = NewType("KeyId", str)
InvitationId = NewType("InvitationId", str)
GrantId = NewType("GrantId", str)
ServiceId = NewType("ServiceId", str)
VersionId = NewType("VersionId", str)
EndpointId = NewType("EndpointId", str)
LeaseId = NewType("LeaseId", str)
CallId = NewType("CallId", str)
BudgetId = NewType("BudgetId", str)
LimitId = NewType("LimitId", str)
SecretId = NewType("SecretId", str)
EventId = NewType("EventId", str)
DeadLetterId = NewType("DeadLetterId", str)
AuditId = NewType("AuditId", str)
SignInId = NewType("SignInId", str)
WebhookId = NewType("WebhookId", str)
DashboardId = NewType("DashboardId", str)
ProposalId = NewType("ProposalId", str)
ModelRouteId = NewType("ModelRouteId", str)
ToolId = NewType("ToolId", str)
PolicyId = NewType("PolicyId", str)
SnapshotVersion = NewType("SnapshotVersion", int)

_PREFIX = {
    "OrgId": "org",
    "PersonId": "per",
    "KeyId": "key",
    "InvitationId": "inv",
    "GrantId": "grt",
    "ServiceId": "svc",
    "VersionId": "ver",
    "EndpointId": "end",
    "LeaseId": "lea",
    "CallId": "call",
    "BudgetId": "bud",
    "LimitId": "lim",
    "SecretId": "sec",
    "EventId": "evt",
    "DeadLetterId": "dlt",
    "AuditId": "aud",
    "SignInId": "sin",
    "WebhookId": "whk",
    "DashboardId": "dsh",
    "ProposalId": "prp",
    "ToolId": "tool",
    "PolicyId": "pol",
    "ModelRouteId": "mrt",
}
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
# To what Python takes for the digits of a number.
_AS_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_MASK = 2**128 - 1
# Ids need to differ, not to be secret, so they do not pay for the system's generator.
_random_bits = random.Random(os.urandom(32)).getrandbits
_SHAPE = re.compile(r"[a-z]{3,4}_[0-9A-HJKMNP-TV-Z]{26}")

Id = TypeVar("Id", bound=str)


def ulid(now_ms: int | None = None) -> str:
    """26 characters, sortable by creation time to the millisecond; 80 random bits."""
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    # Two halves, because numbers beyond 63 bits are slow.
    return _text(now_ms, _random_bits(40), _random_bits(40))


def ulid_and_hex(now_ms: int) -> tuple[str, str]:
    """The same, and its 128 bits as 32 hexadecimal digits, of which the last 20 are random."""
    left, right = _random_bits(40), _random_bits(40)
    return _text(now_ms, left, right), f"{now_ms:012x}{left:010x}{right:010x}"


def hex_of(text: str) -> str:
    """The 128 bits of a ULID as 32 hexadecimal digits; of any other text, some."""
    try:
        number = int(text[-26:].translate(_AS_DIGITS), 32)
    except ValueError:
        number = 0
    return f"{number & _MASK:032x}"


def ulid_of(digits: str) -> str:
    """The ULID with these 32 hexadecimal digits."""
    number = int(digits, 16)
    return "".join([_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5)])


def _text(now_ms: int, left: int, right: int) -> str:
    pairs = _PAIRS
    return (
        f"{_time_part(now_ms)}{pairs[left >> 30]}{pairs[left >> 20 & 1023]}{pairs[left >> 10 & 1023]}{pairs[left & 1023]}"
        f"{pairs[right >> 30]}{pairs[right >> 20 & 1023]}{pairs[right >> 10 & 1023]}{pairs[right & 1023]}"
    )


@lru_cache(maxsize=8)
def _time_part(now_ms: int) -> str:
    """The first ten characters; many ids are made within the same millisecond."""
    return "".join([_PAIRS[(now_ms >> shift) & 1023] for shift in range(40, -1, -10)])


def new(kind: Callable[[str], Id]) -> Id:
    """A fresh id of the given NewType: `ids.new(ServiceId)`."""
    return kind(f"{_PREFIX[kind.__name__]}_{ulid()}")


def looks_like_id(text: str) -> bool:
    return _SHAPE.fullmatch(text) is not None
