from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from portico.platform.db import UtcTime, metadata

secrets = Table(
    "secrets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("name", String(63), nullable=False),
    Column("description", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("org_id", "name"),
)

# RESTRICT: deleting a used secret fails in the database too, whoever was first.
secret_uses = Table(
    "secret_uses",
    metadata,
    Column("secret_id", String(40), ForeignKey("secrets.id", ondelete="RESTRICT"), primary_key=True),
    Column("user_id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("user_name", String(200), nullable=False),
    Column("restricted", Boolean, nullable=False),
    Index(None, "user_id"),
)
