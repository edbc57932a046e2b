"""An endpoint, a delivery and its attempts as plain facts, and the rules of when what is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple
from uuid import NAMESPACE_URL, uuid4, uuid5

from portico.kernel.ids import OrgId, WebhookId
from portico.kernel.scope import ScopeName

WebhookStatus = Literal["active", "paused", "disabled"]
DeliveryState = Literal["pending", "delivered", "dead", "discarded"]
# What a delivery was made for: an event as it happened or again, somebody's test, somebody's edit.
Origin = Literal["event", "test", "edit"]

LADDER_S = (1, 5, 30, 120, 600)
JITTER = 0.2
TIMEOUT_S = 10.0
# A process that dies while it sends is waited for this long before another sends the same again.
LEASE = timedelta(seconds=20)
LONGEST_HOLD = timedelta(hours=1)
FAILING_LIFE = timedelta(days=5)
KEPT = timedelta(days=30)
MAX_WEBHOOKS = 100
MAX_PENDING = 200_000
MAX_SILENCES = 20
EXCERPT_BYTES = 2048
# More of an answer is not even read.
MOST_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class HeaderHint:
    """A custom header as it may be shown: what it is called, and the end of a long value."""

    name: str
    hint: str


@dataclass(frozen=True, slots=True)
class HeaderDraft:
    """`value` None keeps the value that the header of this name has."""

    name: str
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class WebhookDraft:
    name: str
    url: str
    description: str = ""
    kinds: tuple[str, ...] = ("*",)
    services: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    headers: tuple[HeaderDraft, ...] = ()
    ladder_s: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """What an endpoint keeps under the vault's key; each part opens only in its own place."""

    secret: bytes = field(repr=False)
    version: int
    previous: bytes | None = field(default=None, repr=False)
    headers: bytes | None = field(default=None, repr=False)


class Silence(NamedTuple):
    """Positions of the log at which an endpoint did not listen: from the first, up to but without the second, when there is one."""

    begin: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """
    silences   while it was paused or disabled: what was recorded then is not for it, whenever the log's consumer gets there
    """

    id: WebhookId
    org_id: OrgId
    scope: ScopeName
    name: str
    url: str
    description: str
    status: WebhookStatus
    disabled_reason: str | None
    kinds: tuple[str, ...]
    services: tuple[str, ...]
    templates: tuple[str, ...]
    headers: tuple[HeaderHint, ...]
    ladder_s: tuple[int, ...] | None
    sealed: Sealed
    secret_hint: str
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime
    silences: tuple[Silence, ...] = ()

    def listened_at(self, seq: int) -> bool:
        return not any(begin <= seq and (end is None or seq < end) for begin, end in self.silences)

    def silent_from(self, seq: int) -> "Webhook":
        """The two oldest are taken for one when there are too many: what came between was consumed long ago."""
        if self.silences and self.silences[-1].end is None:
            return self
        known = self.silences
        if len(known) >= MAX_SILENCES:
            known = (Silence(known[0].begin, known[1].end), *known[2:])
        return replace(self, silences=(*known, Silence(seq, None)))

    def listening_from(self, seq: int) -> "Webhook":
        *before, last = self.silences
        return replace(self, silences=(*before, Silence(last.begin, seq)))

    @property
    def ladder(self) -> tuple[int, ...]:
        return LADDER_S if self.ladder_s is None else self.ladder_s


@dataclass(frozen=True, slots=True)
class Queue:
    """How an endpoint's queue stands; changed only under the endpoint's lock.

    held_until     the endpoint asked to be left alone until then
    failing_since  the first failure after the last success
    """

    pending: int = 0
    held_until: datetime | None = None
    failing_since: datetime | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_error: str | None = None

    def longer(self, by: int = 1) -> "Queue":
        return replace(self, pending=self.pending + by)


@dataclass(frozen=True, slots=True)
class Health:
    queue: Queue
    delivered_24h: int = 0
    failed_24h: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str
    org_id: OrgId
    scope: ScopeName
    webhook_id: WebhookId
    event_id: str
    kind: str
    subject: str
    lane: str | None
    seq: int
    origin: Origin
    edited: bool
    state: DeliveryState
    attempts: int
    attempts_before: int
    next_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    last_status: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    number: int
    at: datetime
    status: int | None
    took_ms: int
    error: str | None
    response: str


class Outcome(NamedTuple):
    """What one attempt came to.

    began_at the time that was signed
    status   None when there was no answer
    error    None when the endpoint took it: the code and what happened, in words
    retry_after_s  how long the endpoint asked to be left alone
    """

    began_at: datetime
    status: int | None
    took_ms: int
    error: str | None
    response: str
    retry_after_s: float | None = None

    @property
    def gone(self) -> bool:
        return self.status == 410


class Finish(NamedTuple):
    """What becomes of a delivery after an attempt; `next_at` is set while it stays pending."""

    state: DeliveryState
    next_at: datetime | None
    finished_at: datetime | None
    last_status: int | None
    last_error: str | None


def delivery_id(webhook_id: WebhookId, event_id: str) -> str:
    """The same event to the same endpoint has the same id for ever, so that a receiver can tell what it has."""
    return str(uuid5(uuid5(NAMESPACE_URL, f"portico:{webhook_id}"), event_id))


def fresh_delivery_id() -> str:
    return str(uuid4())


def lane_of(subject: str) -> str | None:
    """What is about nothing in particular waits for nothing."""
    return subject or None


def retry_delay_s(ladder: Sequence[int], failures: int, jitter: float) -> float | None:
    """Seconds until the next attempt after this many failures; None when the ladder is used up.

    jitter   0 to 1; spreads what failed together over up to a fifth more than the step
    """
    if failures > len(ladder):
        return None
    return ladder[failures - 1] * (1 + JITTER * jitter)


def finish_of(delivery: Delivery, outcome: Outcome, ladder: Sequence[int], now: datetime, jitter: float) -> Finish:
    """Delivered, dead, or when to try again: by the ladder, and not before the endpoint wants to be asked."""
    status, error = outcome.status, outcome.error
    if error is None:
        return Finish("delivered", None, now, status, None)
    delay_s = retry_delay_s(ladder, delivery.attempts - delivery.attempts_before, jitter)
    if delay_s is None or outcome.gone or delivery.origin == "test":
        return Finish("dead", None, now, status, error)
    return Finish("pending", now + timedelta(seconds=max(delay_s, outcome.retry_after_s or 0)), None, status, error)


def queue_after(queue: Queue, outcome: Outcome, finish: Finish, now: datetime, *, tested: bool) -> Queue:
    """How the endpoint stands after an attempt; somebody's test says nothing about it."""
    pending = queue.pending - (finish.state != "pending")
    if tested:
        return replace(queue, pending=pending)
    if outcome.error is None:
        return replace(queue, pending=pending, held_until=None, failing_since=None, last_success_at=now)
    asked = outcome.retry_after_s
    return replace(
        queue,
        pending=pending,
        held_until=queue.held_until if asked is None else now + timedelta(seconds=asked),
        failing_since=queue.failing_since or now,
        last_failure_at=now,
        last_error=outcome.error,
    )


def failed_too_long(queue: Queue, now: datetime) -> bool:
    return queue.failing_since is not None and now - queue.failing_since >= FAILING_LIFE


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Retry-After as seconds or as a date, never longer than an hour; None when it says nothing usable."""
    if header is None:
        return None
    text = header.strip()
    if text.isdecimal() and len(text) < 10:
        asked = float(text)
    else:
        try:
            asked = (parsedate_to_datetime(text) - now).total_seconds()
        # OverflowError: a date of numbers that no clock holds.
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(asked, 0.0), LONGEST_HOLD.total_seconds())
