"""JSON as RFC 8785 writes it, so that a browser and the server get the same checksum for the same state."""

import hashlib
import math
from decimal import Decimal
from json.encoder import py_encode_basestring as quoted
from typing import Any

MAX_DEPTH = 32
# What a browser's number holds exactly.
_SAFE = 2**53


class NotCanonical(Exception):
    """The value has no JSON form; the message says why."""


def canonical(value: Any) -> str:
    """Names sorted by UTF-16 units, no spaces, numbers as JavaScript prints them. raises NotCanonical"""
    parts: list[str] = []
    _write(value, parts, 0)
    text = "".join(parts)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("holds half of a character (a lone surrogate)") from error
    return text


def checksum(text: str) -> str:
    """The first 16 hex digits of SHA-256 over canonical JSON."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(value: Any, parts: list[str], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotCanonical(f"is nested more than {MAX_DEPTH} deep")
    if isinstance(value, str):
        parts.append(quoted(value))
    elif value is None or isinstance(value, bool):
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, int | float):
        parts.append(_number(value))
    elif isinstance(value, dict):
        _write_object(value, parts, depth)
    elif isinstance(value, list):
        parts.append("[")
        for index, each in enumerate(value):
            parts.append("," if index else "")
            _write(each, parts, depth + 1)
        parts.append("]")
    else:
        raise NotCanonical(f"holds a {type(value).__name__}")


def _write_object(value: dict[str, Any], parts: list[str], depth: int) -> None:
    parts.append("{")
    # As JavaScript sorts, which differs from code points beyond the basic plane.
    for index, name in enumerate(sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))):
        parts.append(("," if index else "") + quoted(name) + ":")
        _write(value[name], parts, depth + 1)
    parts.append("}")


def _number(value: float) -> str:
    if isinstance(value, int) and -_SAFE <= value <= _SAFE:
        return str(value)
    try:
        number = float(value)
    except OverflowError as error:
        raise NotCanonical("holds a number that is too large") from error
    if not math.isfinite(number):
        raise NotCanonical("holds a number that is too large")
    return _as_javascript(number) if number else "0"


def _as_javascript(number: float) -> str:
    """ECMAScript's Number::toString; both languages choose the shortest digits, only their layout differs."""
    sign, digit_tuple, exponent = Decimal(repr(number)).normalize().as_tuple()
    digits, point = "".join(map(str, digit_tuple)), len(digit_tuple) + int(exponent)
    minus = "-" if sign else ""
    if len(digits) <= point <= 21:
        return minus + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{minus}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{minus}{digits[0]}{fraction}e{'+' if point > 0 else '-'}{abs(point - 1)}"
