from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, UniqueConstraint, false

from portico.platform.db import UtcTime, metadata

limits = Table(
    "limits",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("name", String(80), nullable=False),
    Column("subject_kind", String(16), nullable=False),
    Column("subject_id", String(64)),
    Column("rate", Integer, nullable=False),
    Column("per_s", Integer, nullable=False),
    Column("burst", Integer),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("org_id", "name"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("name", String(80), nullable=False),
    Column("subject_kind", String(16), nullable=False),
    Column("subject_id", String(64)),
    Column("measure", String(16), nullable=False),
    Column("window", String(16), nullable=False),
    Column("limit_amount", BigInteger, nullable=False),
    Column("warn_at_percent", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("org_id", "name"),
)

# One row per budget and window, made when the window first sees use. No foreign key: folding calls must never wait for,
# or fail on, an admin who deletes a budget at that moment; old windows are removed by age.
budget_use = Table(
    "budget_use",
    metadata,
    Column("budget_id", String(40), primary_key=True),
    Column("window_started_at", UtcTime, primary_key=True, index=True),
    Column("org_id", String(40), nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("warned", Boolean, nullable=False),
    Column("critical", Boolean, nullable=False, server_default=false()),
    Column("exhausted", Boolean, nullable=False),
)
