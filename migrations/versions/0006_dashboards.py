"""Keep dashboards, their state and its changes, and what is proposed for them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Times are whole microseconds since 1970.
MICROS = sa.BigInteger()


def upgrade() -> None:
    create_dashboards()
    create_changes()
    create_proposals()


def downgrade() -> None:
    op.drop_table("dashboard_proposals")
    op.drop_table("dashboard_changes")
    op.drop_table("dashboards")


def create_dashboards() -> None:
    op.create_table(
        "dashboards",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("shared", sa.String(length=8), nullable=False),
        sa.Column("layout", sa.String(length=8), nullable=False),
        sa.Column("widget_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("checksum", sa.String(length=16), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("updated_at", MICROS, nullable=False),
        sa.Column("touched_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dashboards"),
    )
    op.create_index("ix_dashboards_org_id_scope_name", "dashboards", ["org_id", "scope", "name"])
    op.create_index("ix_dashboards_touched_at", "dashboards", ["touched_at"])


def create_changes() -> None:
    op.create_table(
        "dashboard_changes",
        sa.Column("dashboard_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("patch", sa.Text(), nullable=False),
        sa.Column("tab", sa.String(length=36)),
        sa.Column("actor_kind", sa.String(length=10), nullable=False),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("dashboard_id", "version", name="pk_dashboard_changes"),
        sa.ForeignKeyConstraint(
            ["dashboard_id"],
            ["dashboards.id"],
            name="fk_dashboard_changes_dashboard_id_dashboards",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_dashboard_changes_org_id_actor_id_at", "dashboard_changes", ["org_id", "actor_id", "at"])


def create_proposals() -> None:
    op.create_table(
        "dashboard_proposals",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("dashboard_id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=False),
        sa.Column("widgets", sa.Text(), nullable=False),
        sa.Column("masked", sa.Integer(), nullable=False),
        sa.Column("by_kind", sa.String(length=10), nullable=False),
        sa.Column("by_id", sa.String(length=80), nullable=False),
        sa.Column("by_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("expires_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dashboard_proposals"),
        sa.ForeignKeyConstraint(
            ["dashboard_id"],
            ["dashboards.id"],
            name="fk_dashboard_proposals_dashboard_id_dashboards",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_dashboard_proposals_dashboard_id", "dashboard_proposals", ["dashboard_id"])
    op.create_index("ix_dashboard_proposals_expires_at", "dashboard_proposals", ["expires_at"])
