"""Rate buckets: the generic cell rate algorithm, one number per bucket."""

from math import floor


class RateBucket:
    """`rate` events per `per_s` seconds, at most `burst` at once; time is monotonic seconds.

    Holds the theoretical arrival time of the next event that would be exactly on the rate; what lies further ahead of
    now than the burst tolerance is refused and leaves no trace.
    """

    __slots__ = ("burst", "interval_s", "per_s", "rate", "tat", "tolerance_s")

    def __init__(self, rate: int, per_s: float, burst: int | None = None) -> None:
        self.rate, self.per_s = rate, per_s
        self.burst = burst if burst is not None else rate
        self.interval_s = per_s / rate
        self.tolerance_s = self.interval_s * (self.burst - 1)
        self.tat = 0.0

    def take(self, now_s: float) -> float:
        """0.0 when there was room and it was taken; else the seconds until there is room."""
        tat = self.tat
        if tat < now_s:
            self.tat = now_s + self.interval_s
            return 0.0
        wait_s = tat - now_s - self.tolerance_s
        # A hair of floating-point error must not refuse the call that is exactly on the rate.
        if wait_s > 1e-9:
            return wait_s
        self.tat = tat + self.interval_s
        return 0.0

    def give_back(self) -> None:
        """Undo one take, when a sibling bucket refused the same call."""
        self.tat -= self.interval_s

    def remaining(self, now_s: float) -> int:
        ahead_s = self.tat - now_s
        if ahead_s <= 0:
            return self.burst
        return max(0, floor((self.tolerance_s - ahead_s) / self.interval_s + 1e-9) + 1)

    def full_in_s(self, now_s: float) -> float:
        """Seconds until the whole burst is available again."""
        return max(0.0, self.tat - now_s)
