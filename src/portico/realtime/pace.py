"""How often a client may speak: a strict sliding window, so that no minute ever holds more than allowed."""

from collections import deque

WINDOW_S = 60.0


class Pace:
    def __init__(self, per_minute: int, abuse_per_minute: int) -> None:
        self._per_minute, self._abuse_per_minute = per_minute, abuse_per_minute
        self._counted: deque[float] = deque()
        self._all: deque[float] = deque()

    def abused(self, now_s: float) -> bool:
        """Count one message of any kind; True when there were too many to go on."""
        _forget(self._all, now_s)
        self._all.append(now_s)
        return len(self._all) > self._abuse_per_minute

    def wait_ms(self, now_s: float) -> int:
        """0 when the message may be served, and it is counted; else how long until one may."""
        _forget(self._counted, now_s)
        if len(self._counted) < self._per_minute:
            self._counted.append(now_s)
            return 0
        return max(1, round((self._counted[0] + WINDOW_S - now_s) * 1000))


def _forget(moments: deque[float], now_s: float) -> None:
    while moments and moments[0] <= now_s - WINDOW_S:
        moments.popleft()
