from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint
from sqlalchemy.dialects import postgresql

from portico.platform.db import Json, UtcTime, metadata

# Byte order on both engines, so that pages sort the same everywhere.
Name = String(200).with_variant(postgresql.VARCHAR(200, collation="C"), "postgresql")


tools = Table(
    "tools",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("service_id", String(40), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
    Column("name", Name, nullable=False),
    Column("title", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("seen_pin", String(64), nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("approved_pin", String(64)),
    Column("approved_as", String(16)),
    Column("approved_by", String(40)),
    Column("approved_at", UtcTime),
    Column("rejected_pin", String(64)),
    Column("disabled", Boolean, nullable=False),
    Column("deprecated_at", UtcTime),
    Column("sunset_at", UtcTime),
    Column("note", Text, nullable=False),
    Column("gone_at", UtcTime),
    Column("cache_ttl_s", Integer, nullable=False),
    Column("cache_scope", String(16), nullable=False),
    Column("versions", Integer, nullable=False),
    UniqueConstraint("service_id", "name"),
    Index(None, "org_id", "name", "id"),
)

# Never changed, only added: what a pin stood for can always be read.
tool_versions = Table(
    "tool_versions",
    metadata,
    Column("tool_id", String(40), ForeignKey("tools.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("org_id", String(40), nullable=False),
    Column("pin", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("seen_in", String(16), nullable=False),
    UniqueConstraint("tool_id", "pin"),
)

tool_servers = Table(
    "tool_servers",
    metadata,
    Column("service_id", String(40), ForeignKey("services.id", ondelete="CASCADE"), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("first_seen", String(16), nullable=False),
    Column("listed_at", UtcTime),
    Column("tried_at", UtcTime),
    Column("tries", Integer, nullable=False),
    Column("error", Text),
)

# What an org demands of all its servers; an org without a row demands nothing.
tool_terms = Table(
    "tool_terms",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("quarantine_always", Boolean, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("name", Name, nullable=False),
    Column("effect", String(16), nullable=False),
    Column("expression", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("subjects", Json, nullable=False),
    Column("targets", Json, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_by", String(40), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("org_id", "name"),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy_id", String(40), ForeignKey("policies.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("org_id", String(40), nullable=False),
    Column("terms", Json, nullable=False),
    Column("changed_by", String(40), nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

# How the bridge starts the program of a service that lives on this machine.
local_servers = Table(
    "local_servers",
    metadata,
    Column("service_id", String(40), ForeignKey("services.id", ondelete="CASCADE"), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("definition", Json, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("updated_by", String(40), nullable=False),
    Index(None, "org_id"),
)
