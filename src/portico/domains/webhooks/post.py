"""One attempt: the signed request and what its answer means."""

import ssl
import time
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag

from portico import __version__
from portico.domains.webhooks.model import (
    EXCERPT_BYTES,
    MOST_ANSWER_BYTES,
    TIMEOUT_S,
    Delivery,
    Outcome,
    Webhook,
    retry_after_s,
)
from portico.domains.webhooks.sealing import open_headers, valid_secrets
from portico.domains.webhooks.signing import Header, Stamp, signed_headers
from portico.kernel.errors import REGISTRY, Refusal
from portico.platform.deps import Deps
from portico.platform.outbound import Answer, AnswerLate, EgressRefused, Outbound

PLAIN_HEADERS: tuple[Header, ...] = (
    ("Content-Type", "application/json; charset=utf-8"),
    ("User-Agent", f"Portico-Webhooks/{__version__}"),
)
# Answers by which an endpoint asks to be left alone for a while.
_BUSY = frozenset({429, 503})


async def post_delivery(webhook: Webhook, delivery: Delivery, body: bytes, deps: Deps, outbound: Outbound) -> Outcome:
    """Never raises for what an endpoint does: every failure is an outcome with its code and its words."""
    began = _Began(deps.clock.now(), time.monotonic())
    if deps.settings.environment == "production" and not webhook.url.startswith("https://"):
        return began.failed("WEBHOOK_TLS", "not sent: the endpoint is not https, which production requires")
    try:
        stamp = Stamp(delivery.id, delivery.kind, delivery.attempts, began.at)
        signed = signed_headers(stamp, body, valid_secrets(deps.sealer, webhook, began.at))
        answer = await outbound.send(
            "POST",
            webhook.url,
            timeout_s=TIMEOUT_S,
            max_bytes=MOST_ANSWER_BYTES,
            headers=[*PLAIN_HEADERS, *open_headers(deps.sealer, webhook), *signed],
            body=body,
            cut=True,
        )
        return began.answered(answer, deps.clock.now())
    except InvalidTag:
        return began.failed("WEBHOOK_DELIVERY", "not sent: its secret does not open with this master key")
    except Refusal as refusal:
        return began.failed(_code_of(refusal), refusal.message)
    # What no URL, header or answer should cause must not stop the deliveries of everybody else.
    except (OSError, ValueError, RuntimeError, ArithmeticError) as error:
        return began.failed("WEBHOOK_DELIVERY", f"the request failed ({type(error).__name__})")


@dataclass(frozen=True, slots=True)
class _Began:
    at: datetime
    monotonic_s: float

    def answered(self, answer: Answer, now: datetime) -> Outcome:
        excerpt = answer.body[:EXCERPT_BYTES].decode(errors="replace").replace("\x00", "\ufffd")
        if 200 <= answer.status < 300:
            return Outcome(self.at, answer.status, self._took_ms(), None, excerpt)
        hint = ", and redirects are not followed" if 300 <= answer.status < 400 else ""
        error = _words("WEBHOOK_DELIVERY", f"the endpoint answered {answer.status}{hint}")
        asked = retry_after_s(answer.header("retry-after"), now) if answer.status in _BUSY else None
        return Outcome(self.at, answer.status, self._took_ms(), error, excerpt, asked)

    def failed(self, code: str, message: str) -> Outcome:
        return Outcome(self.at, None, self._took_ms(), _words(code, message), "")

    def _took_ms(self) -> int:
        return round((time.monotonic() - self.monotonic_s) * 1000)


def _words(code: str, message: str) -> str:
    return f"{REGISTRY[code].e_code} {message}"[:500]


def _code_of(refusal: Refusal) -> str:
    if isinstance(refusal, EgressRefused):
        return EgressRefused.code
    if isinstance(refusal, AnswerLate):
        return "WEBHOOK_TIMEOUT"
    cause: BaseException | None = refusal
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "WEBHOOK_TLS"
        cause = cause.__cause__ or cause.__context__
    return "WEBHOOK_DELIVERY"
