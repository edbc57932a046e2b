"""How fast a model was lately, as far as this gateway has seen."""

import time
from itertools import islice

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


MOST_REPORTED = 1000


def pace_report(paces: dict[tuple[str, str, bool], Pace]) -> dict[str, float]:
    """Those that still hold, as Prometheus samples."""
    now = time.monotonic()
    held = ((key, pace.ms) for key, pace in paces.items() if now - pace.at <= PACE_HOLDS_S)
    return {
        f'model_first_byte_ms{{service="{service}",model="{model}",streamed="{int(streamed)}"}}': round(ms, 3)
        for (service, model, streamed), ms in islice(held, MOST_REPORTED)
    }
