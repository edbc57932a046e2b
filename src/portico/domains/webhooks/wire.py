from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, SecretStr

from portico.domains.webhooks.deliveries import MAX_BODY_BYTES, DeliveryDetail, Tried
from portico.domains.webhooks.model import Delivery, DeliveryState, HeaderDraft, Origin, WebhookDraft, WebhookStatus
from portico.domains.webhooks.replay import ReplayAsk, Replayed, Which
from portico.domains.webhooks.service import Seen, WithSecret
from portico.domains.webhooks.terms import (
    LONGEST_STEP_S,
    MAX_HEADER_CHARS,
    MAX_HEADERS,
    MAX_KINDS,
    MAX_NAMED,
    MAX_STEPS,
    MAX_URL_CHARS,
)
from portico.platform.web import Ask, Bound, Moment, Patch, Wire

Name = Annotated[str, Field(min_length=1, max_length=80)]
Url = Annotated[str, Field(min_length=1, max_length=MAX_URL_CHARS)]
Description = Annotated[str, Field(max_length=500)]
KindPattern = Annotated[str, Field(min_length=1, max_length=80)]
Kinds = Annotated[list[KindPattern], Field(min_length=1, max_length=MAX_KINDS)]
Ids = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=MAX_NAMED)]
Step = Annotated[int, Field(ge=1, le=LONGEST_STEP_S)]
Ladder = Annotated[list[Step], Field(min_length=1, max_length=MAX_STEPS)]
MAX_OVERLAP_S = 7 * 86_400


class HeaderAsk(Ask):
    """`value` null keeps the value that the header of this name has."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    # SecretStr keeps the value out of logs and of validation errors, which would echo their input.
    value: Annotated[SecretStr, Field(max_length=MAX_HEADER_CHARS)] | None = None


Headers = Annotated[list[HeaderAsk], Field(max_length=MAX_HEADERS)]


class WebhookAsk(Ask):
    name: Name
    url: Url
    description: Description = ""
    kinds: Kinds = Field(default_factory=lambda: ["*"])
    services: Ids = Field(default_factory=list)
    templates: Ids = Field(default_factory=list)
    headers: Headers = Field(default_factory=list)
    ladder_s: Ladder | None = None

    def draft(self) -> WebhookDraft:
        return WebhookDraft(**_facts(self, set(type(self).model_fields)))


class WebhookPatch(Patch):
    """What is left out stays; `null` is meaningful for ladder_s only, where it brings back the usual steps."""

    name: Name = ""
    url: Url = ""
    description: Description = ""
    kinds: Kinds = Field(default_factory=lambda: ["*"])
    services: Ids = Field(default_factory=list)
    templates: Ids = Field(default_factory=list)
    headers: Headers = Field(default_factory=list)
    ladder_s: Ladder | None = None

    def changes(self) -> dict[str, Any]:
        return _facts(self, self.model_fields_set)


class WebhookRotationAsk(Ask):
    """For how long the secret before signs as well; 0 ends it at once."""

    overlap_s: Annotated[int, Field(ge=0, le=MAX_OVERLAP_S)] = 86_400

    @property
    def overlap(self) -> timedelta:
        return timedelta(seconds=self.overlap_s)


class WebhookReplayAsk(Ask):
    since: Bound
    until: Bound | None = None
    kinds: Annotated[list[KindPattern], Field(max_length=MAX_KINDS)] = Field(default_factory=list)
    which: Which = "all"
    dry_run: bool = False

    def facts(self) -> ReplayAsk:
        return ReplayAsk(self.since, self.until, tuple(self.kinds), self.which, self.dry_run)


class RedeliveryAsk(Ask):
    """Without a body the same one is sent again; with one, an edited copy is sent as a new delivery."""

    body: Annotated[str, Field(min_length=1, max_length=MAX_BODY_BYTES)] | None = None


class HeaderHintWire(Wire):
    name: str
    hint: str


class WebhookHealthWire(Wire):
    delivered_24h: int
    failed_24h: int
    pending: int
    dead: int
    last_success_at: Moment | None
    last_failure_at: Moment | None
    last_error: str | None


class WebhookWire(Wire):
    id: str
    name: str
    url: str
    description: str
    status: WebhookStatus
    disabled_reason: str | None
    kinds: list[str]
    services: list[str]
    templates: list[str]
    headers: list[HeaderHintWire]
    ladder_s: list[int] | None
    secret_hint: str
    previous_secret_until: Moment | None
    created_at: Moment
    updated_at: Moment
    health: WebhookHealthWire


class WebhookSecretWire(Wire):
    """The only time that the secret is shown."""

    webhook: WebhookWire
    secret: str


class DeliveryWire(Wire):
    id: str
    webhook_id: str
    event_id: str
    kind: str
    subject: str
    origin: Origin
    state: DeliveryState
    attempts: int
    next_at: Moment | None
    created_at: Moment
    finished_at: Moment | None
    last_status: int | None
    last_error: str | None
    edited: bool


class SentHeaderWire(Wire):
    name: str
    value: str


class AttemptWire(Wire):
    number: int
    at: Moment
    status: int | None
    took_ms: int
    error: str | None
    response: str


class DeliveryDetailWire(Wire):
    """A delivery with all there is to know; `attempts` are the newest hundred, the last one's number says how many began."""

    id: str
    webhook_id: str
    event_id: str
    kind: str
    subject: str
    origin: Origin
    state: DeliveryState
    next_at: Moment | None
    created_at: Moment
    finished_at: Moment | None
    last_status: int | None
    last_error: str | None
    edited: bool
    body: str
    headers: list[SentHeaderWire]
    attempts: list[AttemptWire]


class SentRequestWire(Wire):
    url: str
    headers: list[SentHeaderWire]
    body: str


class WebhookTestWire(Wire):
    """What was sent and what came back; `sample` when nothing that the webhook wants has happened yet."""

    delivery_id: str
    sample: bool
    request: SentRequestWire
    status: int | None
    took_ms: int
    error: str | None
    response: str


class WebhookReplayWire(Wire):
    dry_run: bool
    events: int
    new: int
    again: int
    waiting: int
    replayed: int
    more_from: Moment | None


def webhook_wire(seen: Seen) -> WebhookWire:
    webhook, health = seen
    return WebhookWire(
        id=webhook.id,
        name=webhook.name,
        url=webhook.url,
        description=webhook.description,
        status=webhook.status,
        disabled_reason=webhook.disabled_reason,
        kinds=list(webhook.kinds),
        services=list(webhook.services),
        templates=list(webhook.templates),
        headers=[HeaderHintWire(name=each.name, hint=each.hint) for each in webhook.headers],
        ladder_s=None if webhook.ladder_s is None else list(webhook.ladder_s),
        secret_hint=webhook.secret_hint,
        previous_secret_until=webhook.previous_secret_until,
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
        health=WebhookHealthWire(
            delivered_24h=health.delivered_24h,
            failed_24h=health.failed_24h,
            pending=health.queue.pending,
            dead=health.dead,
            last_success_at=health.queue.last_success_at,
            last_failure_at=health.queue.last_failure_at,
            last_error=health.queue.last_error,
        ),
    )


def secret_wire(made: WithSecret) -> WebhookSecretWire:
    return WebhookSecretWire(webhook=webhook_wire(made.seen), secret=made.secret)


def delivery_wire(delivery: Delivery) -> DeliveryWire:
    return DeliveryWire.model_validate(delivery)


def detail_wire(detail: DeliveryDetail) -> DeliveryDetailWire:
    shown = delivery_wire(detail.delivery).model_dump(exclude={"attempts"})
    return DeliveryDetailWire(
        **shown,
        body=detail.body.decode(),
        headers=_sent_headers(detail),
        attempts=[AttemptWire.model_validate(attempt) for attempt in detail.attempts],
    )


def tried_wire(tried: Tried) -> WebhookTestWire:
    outcome = tried.outcome
    return WebhookTestWire(
        delivery_id=tried.detail.delivery.id,
        sample=tried.sample,
        request=SentRequestWire(url=tried.url, headers=_sent_headers(tried.detail), body=tried.detail.body.decode()),
        status=outcome.status,
        took_ms=outcome.took_ms,
        error=outcome.error,
        response=outcome.response,
    )


def _sent_headers(detail: DeliveryDetail) -> list[SentHeaderWire]:
    return [SentHeaderWire(name=name, value=value) for name, value in detail.headers]


def replay_wire(replayed: Replayed) -> WebhookReplayWire:
    return WebhookReplayWire.model_validate(replayed)


def _facts(ask: WebhookAsk | WebhookPatch, names: set[str]) -> dict[str, Any]:
    """The named fields as facts of the model."""
    facts: dict[str, Any] = {name: getattr(ask, name) for name in names}
    for several in ("kinds", "services", "templates", "ladder_s"):
        if facts.get(several) is not None:
            facts[several] = tuple(facts[several])
    if "headers" in facts:
        facts["headers"] = tuple(
            HeaderDraft(header.name, None if header.value is None else header.value.get_secret_value())
            for header in ask.headers
        )
    return facts
