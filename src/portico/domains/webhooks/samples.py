"""An event made up to try an endpoint with, when nothing that it wants has happened yet."""

from datetime import datetime

from portico.domains.events import public as events
from portico.domains.webhooks.model import Webhook
from portico.kernel import ids
from portico.kernel.ids import EventId
from portico.kernel.scope import Actor

_FALLBACK = "service.created"
_VALUES: dict[type, object] = {str: "sample", int: 0, float: 0.0, bool: False, dict: {}, list: []}


def sample_event(webhook: Webhook, actor: Actor, now: datetime) -> events.Event:
    """Of a kind that the endpoint wants, with the fields that kind has."""
    kind = _kind_for(webhook)
    payload = {field: _VALUES.get(types[0]) for field, types in kind.types.items()}
    subject = f"{kind.noun}:sample"
    return events.Event(
        webhook.org_id, 0, ids.new(EventId), kind.kind, webhook.scope, actor, payload, now, subject, kind.category
    )


def _kind_for(webhook: Webhook) -> events.Kind:
    known = events.catalogue()
    wanted = [kind for name, kind in known.items() if events.matches_any(webhook.kinds, name)]
    usual = next((kind for kind in wanted if kind.name == _FALLBACK), None)
    # A filter may name kinds that are yet to come; then any one serves to try the line.
    return usual or next(iter(wanted), None) or next(iter(known.values()))
