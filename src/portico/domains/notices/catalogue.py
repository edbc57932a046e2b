"""Which kinds of event become a notice, who may see it, and what it says. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portico.domains.notices.model import MOST_TEXT, Severity, Words

# A payload is plain JSON, checked against its kind's schema when it was recorded.
Payload = Mapping[str, Any]
Write = Callable[[Payload, str], Words]


@dataclass(frozen=True, slots=True)
class Rule:
    """permission   what one must hold to see the notice
    names           the field of the payload with the id of a person or key, whose name the words need
    service         the field with the id of a service, which may be hidden from some
    """

    severity: Severity
    permission: str
    write: Write
    names: str | None = None
    service: str | None = None

    def words(self, payload: Payload, name: str) -> Words:
        words = self.write(payload, name)
        return Words(words.title[:MOST_TEXT], words.text[:MOST_TEXT], words.link)


def _budget_warning(payload: Payload, _: str) -> Words:
    title = f"The budget {payload['name']} is at {payload['used_percent']:.0f} %"
    return Words(title, f"It starts afresh at {_moment(payload['resets_at'])}.", "/budgets")


def _budget_critical(payload: Payload, _: str) -> Words:
    title = f"The budget {payload['name']} is nearly used up: {payload['used_percent']:.0f} %"
    text = f"Calls that do not fit into what is left are refused until {_moment(payload['resets_at'])}."
    return Words(title, text, "/budgets")


def _budget_exhausted(payload: Payload, _: str) -> Words:
    text = f"Calls that it would have to pay for are refused until {_moment(payload['resets_at'])}."
    return Words(f"The budget {payload['name']} is used up", text, "/budgets")


def _service_worse(payload: Payload, _: str) -> Words:
    ends = "no endpoint of it answers well" if payload["status"] == "unhealthy" else "some of its endpoints fail"
    return Words(f"{payload['name']} is {payload['status']}", f"It was {payload['before']}; {ends}.", _service(payload))


def _service_better(payload: Payload, _: str) -> Words:
    return Words(f"{payload['name']} is {payload['status']} again", f"It was {payload['before']}.", _service(payload))


def _lease_expired(payload: Payload, _: str) -> Words:
    text = f"It belonged to {payload['version'] or 'a version that is gone'}, and its instance did not renew its lease."
    return Words(f"An endpoint of {payload['name']} is gone", text, _service(payload))


def _webhook_disabled(payload: Payload, _: str) -> Words:
    title = f"The webhook {payload['name']} is disabled"
    return Words(title, f"{payload['reason']} Nothing is sent to it until it is resumed.", "/webhooks")


def _dead_letters_filling(payload: Payload, _: str) -> Words:
    text = f"The consumer {payload['consumer']} gave up on events; repair and retry them, or discard them."
    return Words("The dead letters are filling up", text, "/events/dead-letters")


def _dead_letters_full(payload: Payload, _: str) -> Words:
    text = f"For each new one, of {payload['consumer']} or another consumer, the oldest is lost."
    return Words("The dead letters are full", text, "/events/dead-letters")


def _model_deprecated(payload: Payload, _: str) -> Words:
    return Words(f"The model {payload['model']} is deprecated", _how_it_ends(payload), "/models")


def _model_still_called(payload: Payload, _: str) -> Words:
    title = f"The deprecated model {payload['model']} is still called"
    return Words(title, f"{payload['calls']:,} calls came lately. {_how_it_ends(payload)}", "/models")


def _model_retiring(payload: Payload, _: str) -> Words:
    return Words(f"The model {payload['model']} will soon be retired", _how_it_ends(payload), "/models")


def _model_retired(payload: Payload, _: str) -> Words:
    instead = f"Its successor is {payload['successor']}." if payload["successor"] else "It has no successor."
    return Words(f"The model {payload['model']} is retired", instead, "/models")


def _how_it_ends(payload: Payload) -> str:
    until = f"It is retired at {_moment(payload['retires_at'])}." if payload["retires_at"] else "It goes on for now."
    return until + (f" Its successor is {payload['successor']}." if payload["successor"] else "")


def _tool_changed(payload: Payload, _: str) -> Words:
    title = f"The tool {payload['name']} of {payload['server']} changed"
    return Words(title, "It is held back until somebody approves its new definition.", f"/services/{payload['server']}")


def _key_expiring(payload: Payload, _: str) -> Words:
    text = f"From {_moment(payload['expires_at'])} on, whoever uses it is refused. Make another one in time."
    return Words(f"The key {payload['name']} expires soon", text, "/keys")


def _key_revoked(payload: Payload, name: str) -> Words:
    why = f"The reason given: {payload['reason']}." if payload["reason"] else "No reason was given."
    return Words(f"The key {name or payload['key_id']} is revoked", f"Whoever used it is refused now. {why}", "/keys")


def _member_joined(payload: Payload, name: str) -> Words:
    role = "as an owner" if payload["is_owner"] else f"as {payload['role']}"
    return Words(f"{name or 'Somebody'} has joined {role}", "", "/members")


def _member_removed(payload: Payload, name: str) -> Words:
    return Words(f"{name or 'A person'} is no longer a member", "", "/members")


def _org_suspended(_: Payload, __: str) -> Words:
    return Words("The org was suspended", "While it is, nothing in it can be used.", "/settings")


def _org_resumed(_: Payload, __: str) -> Words:
    return Words("The org can be used again", "It was suspended for a while.", "/settings")


RULES: dict[str, Rule] = {
    "budget.warning.v1": Rule("warning", "budgets.read", _budget_warning),
    "budget.critical.v1": Rule("error", "budgets.read", _budget_critical),
    "budget.exhausted.v1": Rule("error", "budgets.read", _budget_exhausted),
    "service.health_degraded.v1": Rule("error", "services.read", _service_worse, service="service_id"),
    "service.health_recovered.v1": Rule("info", "services.read", _service_better, service="service_id"),
    "service.lease_expired.v1": Rule("warning", "services.read", _lease_expired, service="service_id"),
    "model.deprecated.v1": Rule("info", "models.read", _model_deprecated, service="service_id"),
    "model.deprecated_called.v1": Rule("warning", "models.read", _model_still_called, service="service_id"),
    "model.retiring.v1": Rule("warning", "models.read", _model_retiring, service="service_id"),
    "model.retired.v1": Rule("error", "models.read", _model_retired, service="service_id"),
    "tool.changed.v1": Rule("warning", "tools.manage", _tool_changed, service="service_id"),
    "webhook.disabled.v1": Rule("error", "webhooks.read", _webhook_disabled),
    "consumer.dead_letters_filling.v1": Rule("warning", "events.manage", _dead_letters_filling),
    "consumer.dead_letters_full.v1": Rule("error", "events.manage", _dead_letters_full),
    "key.expiring.v1": Rule("warning", "keys.read", _key_expiring),
    "key.revoked.v1": Rule("warning", "keys.read", _key_revoked, names="key_id"),
    "member.joined.v1": Rule("info", "members.read", _member_joined, names="person_id"),
    "member.removed.v1": Rule("info", "members.read", _member_removed, names="person_id"),
    "org.suspended.v1": Rule("error", "members.read", _org_suspended),
    "org.resumed.v1": Rule("info", "members.read", _org_resumed),
}


def _service(payload: Payload) -> str:
    return f"/services/{payload['name']}"


def _moment(text: str) -> str:
    """As a person reads it; the payload has it as a program does."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
