from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from portico.platform.db import Json, UtcTime, metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("name", String(80), nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("status", String(10), nullable=False),
    Column("disabled_reason", Text),
    Column("kinds", Json, nullable=False),
    Column("services", Json, nullable=False),
    Column("templates", Json, nullable=False),
    # Names and hints in the open, the values sealed together.
    Column("headers", Json, nullable=False),
    Column("headers_sealed", LargeBinary),
    Column("ladder_s", Json),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("secret_hint", String(8), nullable=False),
    Column("secret_version", Integer, nullable=False),
    Column("previous_secret_sealed", LargeBinary),
    Column("previous_secret_until", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    # Pairs of positions in the org's log; the last is null while the silence lasts.
    Column("silences", Json, nullable=False, server_default="[]"),
    # The queue's own facts, kept by whoever holds the row's lock.
    Column("pending", Integer, nullable=False, server_default="0"),
    Column("due_at", UtcTime),
    Column("held_until", UtcTime),
    Column("served_at", UtcTime),
    Column("failing_since", UtcTime),
    Column("last_success_at", UtcTime),
    Column("last_failure_at", UtcTime),
    Column("last_error", Text),
    UniqueConstraint("org_id", "scope", "name"),
    # The sender looks here alone to learn whose turn it is, however long the queues are.
    Index(None, "due_at", sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")),
)

_PENDING = text("state = 'pending'")
_DUE = text("next_at IS NOT NULL")
_LEASED = text("leased_until IS NOT NULL")
_FINISHED = text("finished_at IS NOT NULL")

# `lane` is what must arrive in order, by `seq`; None goes by itself. `next_at` is set only at the head of a lane, so that
# the index of what is due holds nothing that could not be sent.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("webhook_id", String(40), ForeignKey("webhooks.id"), nullable=False),
    Column("event_id", String(40), nullable=False),
    Column("kind", String(80), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("lane", String(200)),
    Column("seq", BigInteger, nullable=False),
    Column("origin", String(10), nullable=False),
    Column("edited", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    # Attempts begun before the last time it was queued again; the ladder starts anew from there.
    Column("attempts_before", Integer, nullable=False, server_default="0"),
    Column("next_at", UtcTime),
    Column("leased_until", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("last_status", Integer),
    Column("last_error", Text),
    Index(None, "webhook_id", "next_at", sqlite_where=_DUE, postgresql_where=_DUE),
    Index(None, "webhook_id", "leased_until", sqlite_where=_LEASED, postgresql_where=_LEASED),
    Index(None, "webhook_id", "lane", "seq", sqlite_where=_PENDING, postgresql_where=_PENDING),
    Index(None, "webhook_id", "created_at", "id"),
    Index(None, "webhook_id", "state", "created_at", "id"),
    Index(None, "created_at", sqlite_where=_PENDING, postgresql_where=_PENDING),
    Index(None, "finished_at", sqlite_where=_FINISHED, postgresql_where=_FINISHED),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("delivery_id", String(36), ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("org_id", String(40), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("status", Integer),
    Column("took_ms", Integer, nullable=False),
    Column("error", Text),
    Column("response", Text, nullable=False),
)
