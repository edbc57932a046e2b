"""What a local server wrote to its standard error, as far back as is kept, without the secrets it was given."""

import time
from collections import deque
from collections.abc import Iterable

MOST_LINES, MOST_LINE_CHARS = 500, 2000
# Shorter values would take whole words out of ordinary sentences.
LEAST_SECRET_CHARS = 4
MASK = "•••"
# Long enough that no secret is cut in two before it was looked for.
MOST_LINE_BYTES = 64 * 1024


class Log:
    def __init__(self) -> None:
        self._lines: deque[tuple[float, str]] = deque(maxlen=MOST_LINES)
        self._secrets: list[str] = []

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on; the longest first, so that no other leaves part of it."""
        long = {
            part for secret in secrets for part in (secret, *secret.splitlines()) if len(part) >= LEAST_SECRET_CHARS
        }
        self._secrets = sorted(long, key=len, reverse=True)

    def mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def heard(self, line: bytes) -> None:
        self._lines.append((time.time(), self.mask(line.decode(errors="replace").rstrip())[:MOST_LINE_CHARS]))

    def note(self, words: str) -> None:
        """Something that Portico did; marked, so that nobody takes it for the server's own words."""
        self._lines.append((time.time(), f"[portico] {self.mask(words)}"[:MOST_LINE_CHARS]))

    def last(self, count: int) -> list[tuple[float, str]]:
        return list(self._lines)[-count:]

    @property
    def last_words(self) -> str:
        """The last line that the server itself wrote, for the sentence that says how it ended."""
        return next((text for _, text in reversed(self._lines) if text and not text.startswith("[portico] ")), "")
