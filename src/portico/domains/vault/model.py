"""A secret as the API may show it, and a sealed value as a gateway gets it."""

import re
from dataclasses import dataclass
from datetime import datetime

from portico.kernel.errors import FieldError
from portico.kernel.ids import OrgId, SecretId

MAX_VALUE_CHARS = 16_384
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True, slots=True)
class SecretUser:
    """Something that uses a secret; `restricted` keeps its name from those who may not see it."""

    id: str
    name: str
    restricted: bool


@dataclass(frozen=True, slots=True)
class Secret:
    id: SecretId
    org_id: OrgId
    name: str
    description: str
    version: int
    created_at: datetime
    updated_at: datetime
    used_by: tuple[SecretUser, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretDraft:
    name: str
    value: str
    description: str = ""

    def __repr__(self) -> str:
        return f"SecretDraft(name={self.name!r}, value=•••)"


@dataclass(frozen=True, slots=True)
class SealedSecret:
    sealed: bytes
    context: str


def sealing_context(org_id: str, name: str, version: int) -> str:
    return f"{org_id}/{name}/{version}"


def name_problems(name: str) -> list[FieldError]:
    if _NAME.fullmatch(name):
        return []
    return [FieldError("name", "must be 1 to 63 letters, digits, '.', '_' or '-', and start with a letter or digit")]


def value_problems(value: str) -> list[FieldError]:
    """Values travel in headers, where a control character would start another header."""
    if not value:
        return [FieldError("value", "must not be empty")]
    if len(value) > MAX_VALUE_CHARS:
        return [FieldError("value", f"must be at most {MAX_VALUE_CHARS} characters")]
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        return [FieldError("value", "must not hold line breaks or other control characters")]
    return []
