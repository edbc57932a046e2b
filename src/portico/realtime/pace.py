"""How often a client may speak: a strict sliding window, so that no minute ever holds more than allowed."""

from collections import deque

WINDOW_S = 60.0


class Pace:
    """Most sockets listen and say little, so the windows are made with the first message."""

    __slots__ = ("_abuse_per_minute", "_all", "_counted", "_per_minute")

    def __init__(self, per_minute: int, abuse_per_minute: int) -> None:
        self._per_minute, self._abuse_per_minute = per_minute, abuse_per_minute
        self._counted: deque[float] | None = None
        self._all: deque[float] | None = None

    def abused(self, now_s: float) -> bool:
        """Count one message of any kind; True when there were too many to go on."""
        self._all = _current(self._all, now_s)
        self._all.append(now_s)
        return len(self._all) > self._abuse_per_minute

    def wait_ms(self, now_s: float) -> int:
        """0 when the message may be served, and it is counted; else how long until one may."""
        self._counted = _current(self._counted, now_s)
        if len(self._counted) < self._per_minute:
            self._counted.append(now_s)
            return 0
        return max(1, round((self._counted[0] + WINDOW_S - now_s) * 1000))


def _current(moments: deque[float] | None, now_s: float) -> deque[float]:
    """The same moments without those that have left the window."""
    if moments is None:
        return deque()
    while moments and moments[0] <= now_s - WINDOW_S:
        moments.popleft()
    return moments
