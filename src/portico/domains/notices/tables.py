from sqlalchemy import BigInteger, Column, Index, String, Table, Text, UniqueConstraint

from portico.platform.db import BigId, UtcTime, metadata

notices = Table(
    "notices",
    metadata,
    Column("number", BigId, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False),
    Column("org_id", String(40), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("kind", String(80), nullable=False),
    Column("subject", Text, nullable=False),
    Column("permission", String(40), nullable=False),
    Column("restricted_to", String(80)),
    Column("actor_id", String(80), nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    UniqueConstraint("org_id", "id"),
    Index(None, "org_id", "scope", "number"),
)

# How far a person has read in a scope, and what they read beyond that. `read_through` is set by "mark all read".
notice_marks = Table(
    "notice_marks",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("scope", String(64), primary_key=True),
    Column("person_id", String(40), primary_key=True),
    Column("read_through", BigInteger, nullable=False),
)

notice_reads = Table(
    "notice_reads",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("scope", String(64), primary_key=True),
    Column("person_id", String(40), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False, index=True),
)
