"""Keep what is said of models and the routes to them, and tell of budgets at 95 percent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Times are whole microseconds since 1970.
MICROS = sa.BigInteger()
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    create_facts()
    create_routes()
    op.add_column("budget_use", sa.Column("critical", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("budget_use", "critical")
    op.drop_table("model_routes")
    op.drop_table("model_facts")


def create_facts() -> None:
    op.create_table(
        "model_facts",
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("family", sa.String(length=128), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("sends", sa.String(length=128), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("context_tokens", sa.BigInteger()),
        sa.Column("max_output_tokens", sa.BigInteger()),
        sa.Column("capabilities", JSON, nullable=False),
        sa.Column("quality", sa.Integer()),
        sa.Column("speed", sa.Integer()),
        sa.Column("price", JSON),
        sa.Column("deprecated_at", MICROS),
        sa.Column("retires_at", MICROS),
        sa.Column("successor", sa.String(length=128), nullable=False),
        sa.Column("when_retired", sa.String(length=16), nullable=False),
        sa.Column("told", sa.String(length=16), nullable=False),
        sa.Column("use_told_at", MICROS),
        sa.PrimaryKeyConstraint("service_id", "model", name="pk_model_facts"),
        sa.ForeignKeyConstraint(
            ["service_id"], ["services.id"], name="fk_model_facts_service_id_services", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_model_facts_org_id", "model_facts", ["org_id"])


def create_routes() -> None:
    op.create_table(
        "model_routes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope_key", sa.String(length=63), nullable=False),
        sa.Column("scope", sa.String(length=63)),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("prefer", sa.String(length=16), nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("updated_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model_routes"),
        sa.UniqueConstraint("org_id", "scope_key", "name", name="uq_model_routes_org_id_scope_key_name"),
    )
