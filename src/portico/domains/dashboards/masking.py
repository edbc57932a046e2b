"""What a program proposes is shown to people: what looks like a secret is masked before it is stored."""

import re
from typing import Any

MASK = "•••"
# Tokens, in the plural, are what models are paid for.
_SECRET_NAME = re.compile(
    r"secret|passw(or)?d|passphrase|token(?!s)|credential|authorization|cookie|private.?key|api.?key|\bpin\b|\bssn\b|\biban\b",
    re.I,
)
_SECRET_VALUE = re.compile(
    # Only where a word begins, so that a long one is read once and not from each of its letters.
    r"(?<![\w-])(?:pk_[0-9a-f]{8}_\S+|sk-[\w-]{16,}|gh[pousr]_\w{20,}|AKIA[0-9A-Z]{16}|eyJ[\w-]++\.[\w-]++\.[\w-]*+)"
    r"|(?<=Bearer )\S+"
    r"|-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|$)|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?<=password=)\S+|(?<=secret=)\S+|(?<=token=)\S+|(?<=api_key=)\S+",
    re.I | re.S,
)


def masked(value: Any) -> tuple[Any, int]:
    """The value with secrets replaced, and how many were."""
    if isinstance(value, dict):
        pairs = {name: _under(str(name), each) for name, each in value.items()}
        return {name: each for name, (each, _) in pairs.items()}, sum(count for _, count in pairs.values())
    if isinstance(value, list):
        items = [masked(each) for each in value]
        return [each for each, _ in items], sum(count for _, count in items)
    return _SECRET_VALUE.subn(MASK, value) if isinstance(value, str) else (value, 0)


def _under(name: str, value: Any) -> tuple[Any, int]:
    # Only text and numbers can be a secret themselves; a switch or a list of tasks under such a name is none.
    hides = isinstance(value, str | int | float) and not isinstance(value, bool) and value not in ("", MASK)
    return (MASK, 1) if hides and _SECRET_NAME.search(name) else masked(value)
