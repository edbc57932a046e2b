"""How far each consumer has read, what waits for it, what it could not take, and the counts of events per day."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from portico.platform.db import Json, UtcTime, metadata

# The row of a consumer with org_id "" says that it has been seen before: from then on new orgs begin at their first event.
event_cursors = Table(
    "event_cursors",
    metadata,
    Column("consumer", String(80), primary_key=True),
    Column("org_id", String(40), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False, server_default="0"),
    Column("updated_at", UtcTime, nullable=False),
)

parked_events = Table(
    "parked_events",
    metadata,
    Column("consumer", String(80), primary_key=True),
    Column("org_id", String(40), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("scope", String(64), nullable=False),
    Column("kind", String(80), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcTime, nullable=True),
    Column("error", String(500), nullable=False),
    Column("first_failed_at", UtcTime, nullable=True),
    Column("event", Json, nullable=True),
    Column("payload", Json, nullable=True),
    Column("dead_letter_id", String(40), nullable=True),
    Index(None, "consumer", "org_id", "subject", "seq"),
    Index(None, "next_at"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("consumer", String(80), nullable=False),
    Column("kind", String(80), nullable=False),
    Column("event", Json, nullable=False),
    Column("payload", Json, nullable=True),
    Column("error", String(500), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_failed_at", UtcTime, nullable=False),
    Column("died_at", UtcTime, nullable=False),
    Index(None, "org_id", "died_at", "id"),
    Index(None, "died_at"),
)

event_counts = Table(
    "event_counts",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("scope", String(64), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(80), primary_key=True),
    Column("happened", BigInteger, nullable=False),
)
