"""Keep webhook endpoints, deliveries and attempts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Times are whole microseconds since 1970.
MICROS = sa.BigInteger()
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    create_webhooks()
    create_deliveries()
    op.create_table(
        "webhook_attempts",
        sa.Column("delivery_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("at", MICROS, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("response", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["webhook_deliveries.id"], name="fk_webhook_attempts_delivery_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name="pk_webhook_attempts"),
    )


def downgrade() -> None:
    op.drop_table("webhook_attempts")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")


def create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("kinds", JSON, nullable=False),
        sa.Column("services", JSON, nullable=False),
        sa.Column("templates", JSON, nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("headers_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("ladder_s", JSON, nullable=True),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("secret_hint", sa.String(length=8), nullable=False),
        sa.Column("secret_version", sa.Integer(), nullable=False),
        sa.Column("previous_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("previous_secret_until", MICROS, nullable=True),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("updated_at", MICROS, nullable=False),
        sa.Column("pending", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", MICROS, nullable=True),
        sa.Column("held_until", MICROS, nullable=True),
        sa.Column("served_at", MICROS, nullable=True),
        sa.Column("failing_since", MICROS, nullable=True),
        sa.Column("last_success_at", MICROS, nullable=True),
        sa.Column("last_failure_at", MICROS, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.UniqueConstraint("org_id", "scope", "name", name="uq_webhooks_org_id_scope_name"),
    )
    index_where("webhooks", ["due_at"], "due_at IS NOT NULL")


def create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempts_before", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", MICROS, nullable=True),
        sa.Column("leased_until", MICROS, nullable=True),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("finished_at", MICROS, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
    )
    index_where("webhook_deliveries", ["webhook_id", "next_at"], "next_at IS NOT NULL")
    index_where("webhook_deliveries", ["webhook_id", "leased_until"], "leased_until IS NOT NULL")
    index_where("webhook_deliveries", ["webhook_id", "lane", "seq"], "state = 'pending'")
    index_where("webhook_deliveries", ["created_at"], "state = 'pending'")
    index_where("webhook_deliveries", ["finished_at"], "finished_at IS NOT NULL")
    for columns in (["webhook_id", "created_at", "id"], ["webhook_id", "state", "created_at", "id"]):
        op.create_index(f"ix_webhook_deliveries_{'_'.join(columns)}", "webhook_deliveries", columns)


def index_where(table: str, columns: list[str], condition: str) -> None:
    """An index of the rows for which the condition holds, and no others."""
    where = sa.text(condition)
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns, sqlite_where=where, postgresql_where=where)
