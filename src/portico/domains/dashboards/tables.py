from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from portico.platform.db import UtcTime, metadata

# `state` is canonical JSON as text, because the checksum is taken over exactly these bytes.
dashboards = Table(
    "dashboards",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("name", String(80), nullable=False),
    Column("description", String(500), nullable=False),
    Column("owner_id", String(40), nullable=False),
    Column("shared", String(8), nullable=False),
    Column("layout", String(8), nullable=False),
    Column("widget_count", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("schema", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("checksum", String(16), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("touched_at", UtcTime, nullable=False, index=True),
    Index(None, "org_id", "scope", "name"),
)

dashboard_changes = Table(
    "dashboard_changes",
    metadata,
    Column("dashboard_id", String(40), ForeignKey("dashboards.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("org_id", String(40), nullable=False),
    Column("patch", Text, nullable=False),
    Column("tab", String(36)),
    Column("actor_kind", String(10), nullable=False),
    Column("actor_id", String(80), nullable=False),
    Column("actor_name", String(200), nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "org_id", "actor_id", "at"),
)

dashboard_proposals = Table(
    "dashboard_proposals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("dashboard_id", String(40), ForeignKey("dashboards.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", String(120), nullable=False),
    Column("note", String(2000), nullable=False),
    Column("widgets", Text, nullable=False),
    Column("masked", Integer, nullable=False),
    Column("by_kind", String(10), nullable=False),
    Column("by_id", String(80), nullable=False),
    Column("by_name", String(200), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False, index=True),
)
