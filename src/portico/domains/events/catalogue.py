"""The catalogue of kinds.

It is open: each domain declares its kinds when it is imported, next to the service functions that record them, so that a kind
stands beside the code that knows its meaning. Kinds are public contracts: past tense, versioned, ids rather than objects; a
kind's fields never change, a new shape is a new version.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import get_args

from portico.domains.events.model import Category

KIND = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+\.v[1-9][0-9]*")
MAX_KIND_CHARS = 80
_VERSION = re.compile(r"\.v[1-9][0-9]*$")
_PATTERN = re.compile(r"\*|[a-z][a-z_]*(\.[a-z][a-z_]*)*(\.\*|\.v[1-9][0-9]*)?")
_JSON_TYPES: dict[type, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "array",
    NoneType: "null",
}

# Names that others use for the same fact, without versions. Filters take either; what is recorded has the house's name.
ALIASES: dict[str, str] = {
    "user.created": "member.joined",
    "user.joined": "member.joined",
    "user.updated": "member.changed",
    "user.role_changed": "member.changed",
    "user.deleted": "member.removed",
    "user.removed": "member.removed",
    "user.invited": "invitation.created",
    "user.login": "sign_in.started",
    "user.logged_in": "sign_in.started",
    "user.logout": "sign_in.ended",
    "user.logged_out": "sign_in.ended",
    "user.password_changed": "person.password_changed",
    "organization.created": "org.created",
    "organization.updated": "org.renamed",
    "organization.suspended": "org.suspended",
    "organization.deleted": "org.deleted",
    "tenant.created": "org.created",
    "tenant.suspended": "org.suspended",
    "tenant.deleted": "org.deleted",
    "api_key.created": "key.created",
    "api_key.updated": "key.changed",
    "api_key.rotated": "key.rotated",
    "api_key.revoked": "key.revoked",
    "service.registered": "service.created",
    "service.deregistered": "service.deleted",
    "system.health_degraded": "service.health_degraded",
    "system.health_recovered": "service.health_recovered",
    "quota.warning": "budget.warning",
    "quota.exceeded": "budget.exhausted",
    "session.terminated": "session.stopped",
    "session.pending": "session.scheduling",
    "session.state.changed": "session.state_changed",
    "session.resources.updated": "session.resources_updated",
    "session.tags.updated": "session.tags_updated",
    "agent.terminated": "agent.stopped",
}


class UndeclaredEvent(Exception):
    """A programming error: the kind, or the shape of its payload, is not the declared one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the catalogue. `types` holds for each field the Python types it may have."""

    kind: str
    summary: str
    about: str
    category: Category
    types: Mapping[str, tuple[type, ...]]

    @property
    def name(self) -> str:
        return unversioned(self.kind)

    @property
    def noun(self) -> str:
        return self.kind.partition(".")[0]

    @property
    def version(self) -> int:
        return int(self.kind.rpartition(".v")[2])

    @property
    def aliases(self) -> list[str]:
        return sorted(alias for alias, name in ALIASES.items() if name == self.name)

    @property
    def schema(self) -> dict[str, object]:
        """The payload's JSON schema (2020-12)."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.kind,
            "description": self.summary,
            "type": "object",
            "properties": {field: _json_type(types) for field, types in self.types.items()},
            "required": list(self.types),
            "additionalProperties": False,
        }

    def subject_of(self, payload: Mapping[str, object]) -> str:
        return f"{self.noun}:{payload[self.about]}"


_catalogue: dict[str, Kind] = {}


def declare(
    kind: str,
    summary: str,
    *,
    about: str,
    category: Category = "application",
    fields: Mapping[str, type | UnionType],
) -> str:
    """Enter a kind in the catalogue; returns it, so that it can be kept in a constant.

    kind      noun.past_verb.v1
    about     the field that holds the id of what it is about; events about one thing stay in order
    fields    exactly what the payload holds: str, int, float, bool, dict, list, or one of them `| None`
    """
    if KIND.fullmatch(kind) is None or len(kind) > MAX_KIND_CHARS:
        raise UndeclaredEvent(f"{kind!r} is not a kind; write noun.past_verb.v1")
    types = {field: _types(kind, field, declared) for field, declared in fields.items()}
    if types.get(about) not in {(str,), (int,)}:
        raise UndeclaredEvent(f"{kind} is about {about!r}, which must be one of its fields and hold an id")
    declared = Kind(kind, summary, about, category, types)
    if _catalogue.setdefault(kind, declared) != declared:
        raise UndeclaredEvent(f"{kind} is declared twice with different fields")
    return kind


def declared_kind(kind: str, payload: Mapping[str, object]) -> Kind:
    """The kind's row, once the payload was found to be of its shape."""
    declared = _catalogue.get(kind)
    if declared is None:
        raise UndeclaredEvent(f"{kind} is not declared; declare it in the domain that records it")
    if declared.types.keys() != payload.keys():
        raise UndeclaredEvent(f"{kind} has the fields {sorted(declared.types)}, not {sorted(payload)}")
    for field, types in declared.types.items():
        if not _fits(payload[field], types):
            raise UndeclaredEvent(f"{kind}: {field} is a {type(payload[field]).__name__}, not {_named(types)}")
    return declared


def payload_problem(kind: str, payload: Mapping[str, object]) -> str | None:
    """Why a payload cannot stand in for a recorded one, in words; a kind that is not the house's has no fixed shape."""
    if kind not in _catalogue:
        return None
    try:
        declared_kind(kind, payload)
    except UndeclaredEvent as error:
        return str(error)
    return None


def category_and_subject(kind: str, payload: Mapping[str, object]) -> tuple[Category, str]:
    """What the catalogue would say of an event that was recorded before the log kept it."""
    declared = _catalogue.get(kind)
    if declared is None:
        return "application", ""
    return declared.category, declared.subject_of(payload) if declared.about in payload else ""


def catalogue() -> dict[str, Kind]:
    """Every kind declared so far, by name."""
    return dict(sorted(_catalogue.items()))


def house_nouns() -> frozenset[str]:
    """What the house's events, or the aliases of them, are named after."""
    return frozenset({kind.noun for kind in _catalogue.values()} | {alias.partition(".")[0] for alias in ALIASES})


# --- patterns ---------------------------------------------------------------------------------------------------------


def is_pattern(text: str) -> bool:
    """`*`, `service.*`, `service.created`, `service.created.v1`, or an alias of them."""
    return len(text) <= MAX_KIND_CHARS and _PATTERN.fullmatch(text) is not None


def house_pattern(text: str) -> str:
    """An alias becomes the house's name; anything else stays."""
    name, version = unversioned(text), text[len(unversioned(text)) :]
    return ALIASES[name] + version if name in ALIASES else text


def matches(pattern: str, kind: str) -> bool:
    """Whether a kind is meant by a pattern; a name without version means every version of it."""
    pattern = house_pattern(pattern)
    if pattern == "*" or pattern == kind:
        return True
    if pattern.endswith(".*"):
        return kind.startswith(pattern[:-1])
    return unversioned(kind) == pattern


def matches_any(patterns: Iterable[str], kind: str) -> bool:
    return any(matches(pattern, kind) for pattern in patterns)


def unversioned(kind: str) -> str:
    return _VERSION.sub("", kind)


# --- types ------------------------------------------------------------------------------------------------------------


def _types(kind: str, field: str, declared: type | UnionType) -> tuple[type, ...]:
    types = get_args(declared) if isinstance(declared, UnionType) else (declared,)
    if not set(types) <= _JSON_TYPES.keys():
        raise UndeclaredEvent(
            f"{kind}: {field} has a type that JSON has no word for; use str, int, float, bool, dict, list"
        )
    return types


def _fits(value: object, types: tuple[type, ...]) -> bool:
    # A bool is an int to Python and a whole number is good enough for a float; to a reader of JSON they differ the other way.
    if isinstance(value, bool):
        return bool in types
    if isinstance(value, int) and float in types:
        return True
    return isinstance(value, types)


def _named(types: tuple[type, ...]) -> str:
    return " or ".join("None" if each is NoneType else each.__name__ for each in types)


def _json_type(types: tuple[type, ...]) -> dict[str, object]:
    names = [_JSON_TYPES[each] for each in types]
    return {"type": names[0] if len(names) == 1 else names}
