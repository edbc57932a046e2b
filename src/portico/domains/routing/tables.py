from sqlalchemy import Column, Integer, LargeBinary, Table

from portico.platform.db import BigId, UtcTime, metadata

# One row: the newest version and the digest of its content.
snapshot_versions = Table(
    "snapshot_versions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigId, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)
