"""Which events from outside are on record already, and the types that orgs have registered."""

from sqlalchemy import Column, Index, LargeBinary, String, Table

from portico.platform.db import Json, UtcTime, metadata

published_events = Table(
    "published_events",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("scope", String(64), primary_key=True),
    Column("source", String(200), primary_key=True),
    Column("external_id", String(200), primary_key=True),
    Column("event_id", String(40), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "at"),
)

event_types = Table(
    "event_types",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("kind", String(80), primary_key=True),
    Column("summary", String(300), nullable=False),
    Column("schema", Json, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)
