"""The four-state breaker of one endpoint: closed -> open -> half_open -> recovering -> closed.

Opens when at least half of 10 or more calls in 60 s failed; after 60 s exactly one probe is let through; a good probe starts
a ramp from 10 % of the calls to all of them over five minutes; a failure on the ramp opens it again.
"""

import random
from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "half_open", "recovering"]


@dataclass(frozen=True, slots=True)
class BreakerTerms:
    window_s: int = 60
    least_calls: int = 10
    failing_share: float = 0.5
    open_s: float = 60.0
    ramp_s: float = 300.0
    ramp_from: float = 0.1


TERMS = BreakerTerms()


class Breaker:
    """Times are seconds of any steady clock; `reason` says in words why it is in its state."""

    __slots__ = ("_failed", "_good", "_probing", "_slots", "_terms", "reason", "since", "state")

    def __init__(self, terms: BreakerTerms = TERMS) -> None:
        self._terms = terms
        self.state: State = "closed"
        self.reason, self.since = "", 0.0
        self._probing = False
        self._slots = 6
        self._good = [(-1, 0)] * self._slots
        self._failed = [(-1, 0)] * self._slots

    def admits(self, now: float) -> bool:
        """May one call go through now? In half-open, a yes is the one probe."""
        if self.state == "closed":
            return True
        if self.state == "open":
            if now - self.since < self._terms.open_s:
                return False
            self._enter("half_open", now, "waiting for one probe to succeed")
        if self.state == "half_open":
            if self._probing:
                return False
            self._probing = True
            return True
        share = self.ramp_share(now)
        if share >= 1.0:
            self._enter("closed", now, "")
            return True
        return random.random() < share

    def would_admit(self, now: float) -> bool:
        """Like `admits`, without taking the probe or rolling the dice of the ramp."""
        if self.state == "open":
            return now - self.since >= self._terms.open_s
        return not (self.state == "half_open" and self._probing)

    def ramp_share(self, now: float) -> float:
        progress = (now - self.since) / self._terms.ramp_s
        return self._terms.ramp_from + (1 - self._terms.ramp_from) * progress

    def succeeded(self, now: float) -> bool:
        """Count a good answer; True when the state changed."""
        if self.state == "half_open":
            self._probing = False
            self._enter("recovering", now, "the probe succeeded; letting calls through step by step")
            return True
        self._count(self._good, now)
        return False

    def failed(self, now: float) -> bool:
        """Count a failure; True when the state changed."""
        if self.state in {"half_open", "recovering"}:
            self._probing = False
            self._enter("open", now, "a call failed while recovering")
            return True
        self._count(self._failed, now)
        if self.state != "closed":
            return False
        good, failed = self._sum(self._good, now), self._sum(self._failed, now)
        if good + failed < self._terms.least_calls or failed < self._terms.failing_share * (good + failed):
            return False
        self._enter("open", now, f"{failed} of {good + failed} calls failed in {self._terms.window_s} s")
        return True

    def abandoned(self) -> None:
        """A probe that ended without telling anything (the client left) makes room for the next."""
        self._probing = False

    def reset(self, now: float) -> None:
        self._enter("closed", now, "reset by hand")

    @property
    def probe_at(self) -> float | None:
        return self.since + self._terms.open_s if self.state == "open" else None

    def _enter(self, state: State, now: float, reason: str) -> None:
        self.state, self.since, self.reason = state, now, reason
        self._probing = False
        if state in {"closed", "open"}:
            self._good = [(-1, 0)] * self._slots
            self._failed = [(-1, 0)] * self._slots

    def _count(self, ring: list[tuple[int, int]], now: float) -> None:
        tick = int(now * self._slots / self._terms.window_s)
        at, count = ring[tick % self._slots]
        ring[tick % self._slots] = (tick, count + 1 if at == tick else 1)

    def _sum(self, ring: list[tuple[int, int]], now: float) -> int:
        oldest = int(now * self._slots / self._terms.window_s) - self._slots + 1
        return sum(count for tick, count in ring if tick >= oldest)
