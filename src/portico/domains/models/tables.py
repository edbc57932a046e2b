from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql

from portico.platform.db import Json, UtcTime, metadata

# Nothing is NULL rather than the JSON text null.
JsonOrNull = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

# What an org says of a model; a model nothing is said of has no row. It goes with its service.
model_facts = Table(
    "model_facts",
    metadata,
    Column("service_id", String(40), ForeignKey("services.id", ondelete="CASCADE"), primary_key=True),
    Column("model", String(128), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("family", String(128), nullable=False),
    Column("version", String(128), nullable=False),
    Column("sends", String(128), nullable=False),
    Column("note", Text, nullable=False),
    Column("context_tokens", BigInteger),
    Column("max_output_tokens", BigInteger),
    Column("capabilities", Json, nullable=False),
    Column("quality", Integer),
    Column("speed", Integer),
    Column("price", JsonOrNull),
    Column("deprecated_at", UtcTime),
    Column("retires_at", UtcTime),
    Column("successor", String(128), nullable=False),
    Column("when_retired", String(16), nullable=False),
    # How much of its end was told already, so that each stage is told once.
    Column("told", String(16), nullable=False),
    # When it was told last that it is still called.
    Column("use_told_at", UtcTime),
    Index(None, "org_id"),
)

model_routes = Table(
    "model_routes",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    # '' in scope_key stands for every scope, because NULLs never collide in a unique constraint.
    Column("scope_key", String(63), nullable=False),
    Column("scope", String(63)),
    Column("name", String(128), nullable=False),
    Column("description", Text, nullable=False),
    Column("prefer", String(16), nullable=False),
    Column("rules", Json, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_by", String(40), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("org_id", "scope_key", "name"),
    info={"keeps_scope": "model routes"},
)
