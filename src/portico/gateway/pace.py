"""How fast a model was lately, as far as this gateway has seen."""

# After this long a measured pace says nothing any more, and a model that was slow gets another try.
PACE_HOLDS_S = 600.0
_WEIGHT = 0.2


class Pace:
    """How long a model took to its first byte lately, in ms."""

    __slots__ = ("at", "ms")

    def __init__(self, ms: float, at: float) -> None:
        self.ms, self.at = ms, at

    def observe(self, ms: float, now: float) -> None:
        self.ms = ms if now - self.at > PACE_HOLDS_S else self.ms + _WEIGHT * (ms - self.ms)
        self.at = now
