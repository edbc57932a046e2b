from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from portico.platform.db import UtcTime, metadata

agent_cards = Table(
    "agent_cards",
    metadata,
    Column("service_id", String(40), ForeignKey("services.id", ondelete="CASCADE"), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("card_url", Text, nullable=False),
    # As the agent wrote it; what clients get is made of it anew.
    Column("card", Text),
    Column("etag", Text),
    Column("read_at", UtcTime),
    Column("changed_at", UtcTime),
    Column("tried_at", UtcTime),
    Column("problem", Text),
    Column("health", String(10), nullable=False),
    Column("health_since", UtcTime),
    Index(None, "org_id"),
    Index(None, "tried_at"),
)

agent_tasks = Table(
    "agent_tasks",
    metadata,
    Column("service_id", String(40), ForeignKey("services.id", ondelete="CASCADE"), primary_key=True),
    Column("task_id", String(256), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("scope", String(63), nullable=False),
    Column("context_id", String(256), nullable=False),
    Column("principal_id", String(40), nullable=False),
    Column("principal_name", String(200), nullable=False),
    Column("endpoint_id", String(40), nullable=False),
    Column("call_id", String(40), nullable=False),
    Column("state", String(40), nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index(None, "service_id", "updated_at", "task_id"),
    Index(None, "service_id", "context_id"),
    Index(None, "updated_at"),
)

agent_pushes = Table(
    "agent_pushes",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("service_id", String(40), ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
    Column("org_id", String(40), nullable=False),
    Column("scope", String(63), nullable=False),
    Column("principal_id", String(40), nullable=False),
    # '' until the task of the message that it came with is known.
    Column("task_id", String(256), nullable=False),
    Column("config_id", String(256), nullable=False),
    Column("version", String(4), nullable=False),
    Column("url", Text, nullable=False),
    # The client's token and credentials, sealed; and what the agent has to show, as a digest.
    Column("sealed", LargeBinary, nullable=False),
    Column("token_digest", LargeBinary, nullable=False),
    Column("delivered", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("last_error", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),
    Index(None, "service_id", "principal_id", "task_id"),
    Index(None, "created_at"),
)
