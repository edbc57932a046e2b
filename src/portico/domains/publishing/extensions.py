"""Attributes beyond the envelope's own, as CloudEvents 1.0 lets a sender add them: kept with the event, and never acted upon."""

import re
from collections.abc import Mapping

from portico.kernel.errors import FieldError

Extension = str | int | bool

MAX_EXTENSIONS = 20
MAX_NAME_CHARS = 40
MAX_VALUE_CHARS = 1024
_NAME = re.compile(r"[a-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_INTEGERS = range(-(2**31), 2**31)


def extension_problems(extensions: Mapping[str, Extension]) -> list[FieldError]:
    if len(extensions) > MAX_EXTENSIONS:
        return [FieldError("extensions", f"must be at most {MAX_EXTENSIONS} attributes beyond the envelope's own")]
    problems = [(name[:MAX_NAME_CHARS], _problem(name, value)) for name, value in extensions.items()]
    return [FieldError(name, problem) for name, problem in problems if problem is not None]


def _problem(name: str, value: Extension) -> str | None:
    if len(name) > MAX_NAME_CHARS or _NAME.fullmatch(name) is None:
        return f"is no attribute's name: those have up to {MAX_NAME_CHARS} small letters and digits"
    if isinstance(value, str) and (len(value) > MAX_VALUE_CHARS or _CONTROL.search(value)):
        return f"must be at most {MAX_VALUE_CHARS:,} characters, none of them a control character"
    if isinstance(value, int) and value not in _INTEGERS:
        return "must be an integer of 32 bits; send what is larger as text"
    return None
