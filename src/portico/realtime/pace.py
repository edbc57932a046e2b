"""How often a client may speak: a strict sliding window, so that no minute ever holds more than allowed."""

WINDOW_S = 60.0


class Pace:
    """Plain lists, short as they are: most sockets listen and say little, and an empty deque alone takes 760 bytes."""

    __slots__ = ("_abuse_per_minute", "_all", "_counted", "_per_minute")

    def __init__(self, per_minute: int, abuse_per_minute: int) -> None:
        self._per_minute, self._abuse_per_minute = per_minute, abuse_per_minute
        self._counted: list[float] = []
        self._all: list[float] = []

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


def _forget(moments: list[float], now_s: float) -> None:
    """What has left the window; the moments are in order."""
    gone = 0
    while gone < len(moments) and moments[gone] <= now_s - WINDOW_S:
        gone += 1
    del moments[:gone]
