from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
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

# Byte order on both engines, so that pages sort the same everywhere and beside the built-in services.
Name = String(63).with_variant(postgresql.VARCHAR(63, collation="C"), "postgresql")

# Nothing is NULL rather than the JSON text null, which would be parsed for each row of a snapshot.
JsonOrNull = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

services = Table(
    "services",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    # '' in scope_key stands for every scope, because NULLs never collide in a unique constraint.
    Column("scope_key", String(63), nullable=False),
    Column("scope", String(63)),
    Column("name", Name, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("description", Text, nullable=False),
    Column("layer", String(8)),
    Column("tags", Json, nullable=False),
    Column("capabilities", Json, nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("timeout_s", Float),
    Column("max_retries", Integer, nullable=False),
    Column("cache_ttl_s", Integer, nullable=False),
    Column("price", JsonOrNull),
    Column("models", Json, nullable=False),
    Column("max_output_tokens", BigInteger),
    Column("credential", JsonOrNull),
    Column("health_path", Text),
    Column("methods", Json, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_by", String(40), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("org_id", "scope_key", "name"),
    Index(None, "org_id", "name", "id"),
    Index(None, "org_id", "created_at", "id"),
    info={"keeps_scope": "services"},
)

service_versions = Table(
    "service_versions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("service_id", String(40), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
    Column("version", String(40), nullable=False),
    Column("weight", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("service_id", "version"),
)

service_endpoints = Table(
    "service_endpoints",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("service_id", String(40), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
    Column("version_id", String(40), ForeignKey("service_versions.id", ondelete="CASCADE"), nullable=False),
    Column("url", Text, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("health", String(16), nullable=False),
    Column("last_checked_at", UtcTime),
    Column("last_error", Text),
    Column("failures", Integer, nullable=False),
    Column("successes", Integer, nullable=False),
    Column("lease_id", String(40)),
    Column("lease_ttl_s", Integer),
    Column("lease_expires_at", UtcTime),
    UniqueConstraint("version_id", "url"),
    Index(None, "service_id"),
    Index(None, "last_checked_at"),
    Index(None, "lease_expires_at"),
)
