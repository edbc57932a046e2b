"""Which names of events are an org's own to use, and how they stand in the log."""

from portico.domains.events import public as events

# Nouns of the house beyond those of its catalogue: what comes later may not collide with what an org has published.
_RESERVED = frozenset(
    {
        "a2a",
        "account",
        "agent",
        "alert",
        "api_key",
        "approval",
        "audit",
        "backup",
        "breaker",
        "budget",
        "cache",
        "call",
        "consumer",
        "dashboard",
        "dead_letter",
        "delivery",
        "document",
        "endpoint",
        "event",
        "event_type",
        "gateway",
        "goal",
        "grant",
        "incident",
        "installation",
        "invitation",
        "key",
        "limit",
        "mcp",
        "member",
        "metric",
        "model",
        "notice",
        "notification",
        "org",
        "organization",
        "person",
        "plan",
        "policy",
        "portico",
        "price",
        "principal",
        "quota",
        "recording",
        "role",
        "route",
        "run",
        "runner",
        "scaling",
        "schedule",
        "scope",
        "secret",
        "security",
        "service",
        "session",
        "sign_in",
        "snapshot",
        "step",
        "system",
        "task",
        "template",
        "tenant",
        "tool",
        "user",
        "version",
        "webhook",
        "workflow",
    }
)


def kind_of(type_name: str) -> str:
    """`order.shipped` is the first version of itself."""
    return type_name if events.KIND.fullmatch(type_name) else f"{type_name}.v1"


def type_problem(type_name: str) -> str | None:
    kind = kind_of(type_name)
    if events.KIND.fullmatch(kind) is None or len(kind) > events.MAX_KIND_CHARS:
        return "must be a noun and a past verb in small letters, such as order.shipped or order.shipped.v2"
    noun = kind.partition(".")[0]
    if noun in _RESERVED | events.house_nouns():
        return f"{noun!r} is a noun of Portico's own events; put another in front, such as acme.{type_name}"
    return None


def subject_of(kind: str, subject: str | None) -> str:
    return f"{kind.partition('.')[0]}:{subject}" if subject else ""
