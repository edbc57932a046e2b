"""An endpoint's secrets and header values, each sealed for its own place."""

from datetime import datetime, timedelta

import orjson

from portico.domains.webhooks.model import HeaderDraft, HeaderHint, Sealed, Webhook
from portico.domains.webhooks.signing import Header
from portico.kernel.errors import InvalidInput
from portico.kernel.ids import OrgId, WebhookId
from portico.platform.crypto import Sealer

_HINT_CHARS = 4
# The end of a short value would give too much of it away.
_LEAST_FOR_HINT = 16


def seal_secret(sealer: Sealer, org_id: OrgId, webhook_id: WebhookId, version: int, secret: str) -> bytes:
    return sealer.seal(secret, _place(org_id, webhook_id, f"secret/{version}"))


def secret_hint(secret: str) -> str:
    # Base64 of 32 bytes ends in a filler that tells nothing.
    return secret.rstrip("=")[-_HINT_CHARS:]


def seal_headers(sealer: Sealer, org_id: OrgId, webhook_id: WebhookId, headers: list[Header]) -> bytes | None:
    if not headers:
        return None
    return sealer.seal(orjson.dumps(headers).decode(), _place(org_id, webhook_id, "headers"))


def open_headers(sealer: Sealer, webhook: Webhook) -> list[Header]:
    if webhook.sealed.headers is None:
        return []
    text = sealer.open(webhook.sealed.headers, _place(webhook.org_id, webhook.id, "headers"))
    return [(name, value) for name, value in orjson.loads(text)]


def valid_secrets(sealer: Sealer, webhook: Webhook, now: datetime) -> list[str]:
    """The newest first; while a rotation lasts there are two."""
    sealed, until = webhook.sealed, webhook.previous_secret_until
    found = [sealer.open(sealed.secret, _place(webhook.org_id, webhook.id, f"secret/{sealed.version}"))]
    if sealed.previous is not None and until is not None and now < until:
        place = _place(webhook.org_id, webhook.id, f"secret/{sealed.version - 1}")
        found.append(sealer.open(sealed.previous, place))
    return found


def rotated(webhook: Webhook, sealed: bytes, keep_previous: timedelta) -> Sealed:
    """The new secret in front; the one before stays only if it is to be accepted for a while."""
    before = webhook.sealed
    previous = before.secret if keep_previous else None
    return Sealed(sealed, before.version + 1, previous, before.headers)


def written_headers(drafts: tuple[HeaderDraft, ...], kept: list[Header]) -> list[Header]:
    """The drafts with their values; one without a value keeps what the header of its name has."""
    values = {name.lower(): value for name, value in kept}
    written = []
    for place, draft in enumerate(drafts):
        value = values.get(draft.name.lower()) if draft.value is None else draft.value
        if value is None:
            raise InvalidInput(f"headers[{place}].value", f"is missing; {draft.name} has no value yet")
        written.append((draft.name, value))
    return written


def header_hints(headers: list[Header]) -> tuple[HeaderHint, ...]:
    return tuple(
        HeaderHint(name, f"…{value[-_HINT_CHARS:]}" if len(value) >= _LEAST_FOR_HINT else "…")
        for name, value in headers
    )


def _place(org_id: OrgId, webhook_id: WebhookId, part: str) -> str:
    return f"{org_id}/webhooks/{webhook_id}/{part}"
