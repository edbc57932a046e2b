"""Which events an endpoint wants, and the bytes it gets for one."""

import orjson

from portico.domains.events import public as events
from portico.domains.webhooks.model import Webhook
from portico.kernel.clock import rfc3339


def is_for(webhook: Webhook, event: events.Event) -> bool:
    """Whether the endpoint listened when the event was recorded, and wants it."""
    return webhook.listened_at(event.seq) and wants(webhook, event)


def wants(webhook: Webhook, event: events.Event) -> bool:
    """Whether an event passes the endpoint's filter; an empty list of services or templates lets all pass."""
    return (
        event.scope == webhook.scope
        and events.matches_any(webhook.kinds, event.kind)
        and _about(webhook.services, "service", event)
        and _about(webhook.templates, "template", event)
    )


def _about(wanted: tuple[str, ...], noun: str, event: events.Event) -> bool:
    if not wanted:
        return True
    named = event.payload.get(f"{noun}_id")
    return event.subject.removeprefix(f"{noun}:") in wanted or (isinstance(named, str) and named in wanted)


def body_of(event: events.Event, *, sample: bool = False) -> bytes:
    """Exactly what is stored, signed and sent. A sample says so itself."""
    kind = events.unversioned(event.kind)
    content: dict[str, object] = {
        "id": event.id,
        "type": kind,
        "version": _version(event.kind, kind),
        "timestamp": rfc3339(event.at),
        "org_id": event.org_id,
        "scope": event.scope,
        "subject": event.subject,
        "actor": {"kind": event.actor.kind, "id": event.actor.id, "name": event.actor.name},
        "data": dict(event.payload),
    }
    return orjson.dumps(content | {"sample": True} if sample else content)


def _version(kind: str, name: str) -> int:
    """1 for a kind of another system that has none."""
    return int(kind.removeprefix(f"{name}.v")) if kind != name else 1
