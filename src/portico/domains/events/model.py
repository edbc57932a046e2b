"""An event, and the catalogue of kinds.

The catalogue is open: each domain declares its kinds when it is imported (`declare("service.created.v1", "service_id",
"name")`, next to the service functions that record them), so that a kind stands beside the code that knows its meaning.
Kinds are public contracts: past tense, versioned, ids rather than objects; fields may be added only with a new version.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from portico.kernel.ids import EventId, OrgId
from portico.kernel.scope import Actor

_KIND = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+\.v[1-9][0-9]*")
_catalogue: dict[str, frozenset[str]] = {}


@dataclass(frozen=True, slots=True)
class Event:
    """`seq` is the event's position in its org's log; `actor` never carries the address here."""

    org_id: OrgId
    seq: int
    id: EventId
    kind: str
    scope: str
    actor: Actor
    payload: Mapping[str, object]
    at: datetime


class UndeclaredEvent(Exception):
    """A programming error: the kind, or the shape of its payload, is not the declared one."""


def declare(kind: str, *fields: str) -> str:
    """Enter a kind with exactly the fields its payload has; returns the kind, so that it can be kept in a constant."""
    if _KIND.fullmatch(kind) is None:
        raise UndeclaredEvent(f"{kind!r} is not a kind; write noun.past_verb.v1")
    if _catalogue.setdefault(kind, frozenset(fields)) != frozenset(fields):
        raise UndeclaredEvent(f"{kind} is declared twice with different fields")
    return kind


def check_declared(kind: str, payload: Mapping[str, object]) -> None:
    declared = _catalogue.get(kind)
    if declared is None:
        raise UndeclaredEvent(f"{kind} is not declared; declare it in the domain that records it")
    if declared != payload.keys():
        raise UndeclaredEvent(f"{kind} has the fields {sorted(declared)}, not {sorted(payload)}")


def catalogue() -> dict[str, frozenset[str]]:
    """Every kind declared so far, with its fields."""
    return dict(_catalogue)
