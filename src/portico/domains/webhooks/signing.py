"""Two signatures over the bytes as they are sent: our own, and the one of the Standard Webhooks specification.

X-Webhook-Signature   sha256=<hex HMAC-SHA256 of "{timestamp}." + body>, keyed with the secret's text as it was shown
webhook-signature     v1,<base64 HMAC-SHA256 of "{id}.{timestamp}." + body>, keyed with the bytes that the secret encodes

While two secrets are valid there is one signature for each: separated by commas in the first header, by spaces in the second.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portico.kernel.errors import Refusal

SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with is no secret
SECRET_BYTES = 32
# A receiver refuses what is older or newer than this, so that a recorded request cannot be played again later.
TOLERANCE = timedelta(minutes=5)

Header = tuple[str, str]


class SignatureRefused(Refusal):
    code = "WEBHOOK_SIGNATURE"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What goes into the headers of one attempt."""

    delivery_id: str
    kind: str
    attempt: int
    at: datetime


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(stamp: Stamp, body: bytes, secret_texts: Sequence[str]) -> list[Header]:
    """Both sets of headers; `secret_texts` are all that are valid now, the newest first."""
    timestamp = str(int(stamp.at.timestamp()))
    ours = ",".join(f"sha256={_plain(secret, timestamp, body)}" for secret in secret_texts)
    standard = " ".join(f"v1,{_standard(secret, stamp.delivery_id, timestamp, body)}" for secret in secret_texts)
    return [
        ("X-Webhook-Id", stamp.delivery_id),
        ("X-Webhook-Timestamp", timestamp),
        ("X-Webhook-Signature", ours),
        ("X-Webhook-Event", stamp.kind),
        ("X-Webhook-Attempt", str(stamp.attempt)),
        ("webhook-id", stamp.delivery_id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", standard),
    ]


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """What a receiver does: check the time, then our signature, without telling how near a wrong one was.

    headers  names in any case
    raises   SignatureRefused
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp, signatures = given.get("x-webhook-timestamp", ""), given.get("x-webhook-signature", "")
    if not timestamp.isdecimal() or len(timestamp) > 12 or not signatures:
        raise SignatureRefused("X-Webhook-Timestamp or X-Webhook-Signature is missing or malformed.")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise SignatureRefused(f"The request is not from the last {TOLERANCE.seconds // 60} minutes.")
    expected = f"sha256={_plain(secret, timestamp, body)}".encode()
    # Every one is compared, so that the time taken does not tell which one was nearly right.
    if not any([hmac.compare_digest(expected, each.strip().encode()) for each in signatures.split(",")]):  # noqa: C419
        raise SignatureRefused("No signature matches the body and this secret.")


def _plain(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()


def _standard(secret: str, delivery_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, f"{delivery_id}.{timestamp}.".encode() + body, "sha256")).decode()
