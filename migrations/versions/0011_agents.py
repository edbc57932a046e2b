"""Agents: cards, tasks, and the receivers of push notifications."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Times are whole microseconds since 1970.
MICROS = sa.BigInteger()


def upgrade() -> None:
    create_cards()
    create_tasks()
    create_pushes()


def downgrade() -> None:
    op.drop_table("agent_pushes")
    op.drop_table("agent_tasks")
    op.drop_table("agent_cards")


def create_cards() -> None:
    op.create_table(
        "agent_cards",
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("card_url", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("read_at", MICROS, nullable=True),
        sa.Column("changed_at", MICROS, nullable=True),
        sa.Column("tried_at", MICROS, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("health", sa.String(length=10), nullable=False),
        sa.Column("health_since", MICROS, nullable=True),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_agent_cards_service_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("service_id", name="pk_agent_cards"),
    )
    op.create_index("ix_agent_cards_org_id", "agent_cards", ["org_id"])
    op.create_index("ix_agent_cards_tried_at", "agent_cards", ["tried_at"])


def create_tasks() -> None:
    op.create_table(
        "agent_tasks",
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("task_id", sa.String(length=256), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=63), nullable=False),
        sa.Column("context_id", sa.String(length=256), nullable=False),
        sa.Column("principal_id", sa.String(length=40), nullable=False),
        sa.Column("principal_name", sa.String(length=200), nullable=False),
        sa.Column("endpoint_id", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("updated_at", MICROS, nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_agent_tasks_service_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("service_id", "task_id", name="pk_agent_tasks"),
    )
    op.create_index(
        "ix_agent_tasks_service_id_updated_at_task_id", "agent_tasks", ["service_id", "updated_at", "task_id"]
    )
    op.create_index("ix_agent_tasks_service_id_context_id", "agent_tasks", ["service_id", "context_id"])
    op.create_index("ix_agent_tasks_updated_at", "agent_tasks", ["updated_at"])


def create_pushes() -> None:
    op.create_table(
        "agent_pushes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=63), nullable=False),
        sa.Column("principal_id", sa.String(length=40), nullable=False),
        sa.Column("task_id", sa.String(length=256), nullable=False),
        sa.Column("config_id", sa.String(length=256), nullable=False),
        sa.Column("version", sa.String(length=4), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("used_at", MICROS, nullable=True),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_agent_pushes_service_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_agent_pushes"),
    )
    op.create_index(
        "ix_agent_pushes_service_id_principal_id_task_id", "agent_pushes", ["service_id", "principal_id", "task_id"]
    )
    op.create_index("ix_agent_pushes_created_at", "agent_pushes", ["created_at"])
